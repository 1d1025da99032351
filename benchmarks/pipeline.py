"""The pipeline on the rows of the benchmarks: a throw-away dbt project, run in fresh processes.

    python benchmarks/pipeline.py --scale S [--experiments 20] [--window 14] [--memory-limit 1GB]
                                  [--profile 15]

Prints the CPU seconds and peak memory of one full `dbt run`, those of an empty one, and the
slowest models. The inputs are views over a file that is only read, up to a day that `arrive` moves
on. DuckDB uses every core; dbt runs one model at a time, so that seconds belong to one model. The
project is parsed before it is measured, as in a schedule.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import yaml
from data import DAYS, FIRST_DAY, METRICS, SCALES, dataset
from measure import ROOT, Measured, measured

sys.path.append(str(ROOT / "tests"))
from harness import Project

EXPOSURES = {
    "assignment": {
        "units": {"unit": "unit_id"}, "key": "experiment", "variant": "variant", "timestamp": "ts",
    }
}  # fmt: skip
METRIC_TYPES: Mapping[str, dict[str, Any]] = {
    "revenue": {"type": "sum", "value": "revenue"},
    "orders": {"type": "count", "filter": {"is_order": True}},
    "conversion": {"type": "proportion", "value": "is_order"},
    "duration": {"type": "sum", "value": "duration"},
}
BLOCK = """
design: ab_test
assignment: {{key: {name}}}
unit: unit
variants: {{control: 1, treatment: 1}}
start: {start}
end: {end}
metrics: {{primary: [{metrics}]}}
"""
HEADLINES = """
select experiment_id, metric, estimate, std_error from experiment_estimates
where is_headline and scale = 'absolute' and method = 'cuped' and segment_dim = 'all'
"""


def write_profile(
    project: Project, settings: Mapping[str, str], attach: Sequence[Mapping[str, Any]] = ()
) -> None:
    """A profile with every core for DuckDB and one model at a time for dbt."""
    output = {
        "type": "duckdb", "path": str(project.database), "threads": 1,
        "config_options": dict(settings), "attach": list(attach),
    }  # fmt: skip
    profile = {"shop": {"target": "dev", "outputs": {"dev": output}}}
    project.write("profiles.yml", yaml.safe_dump(profile))


def run_dbt(project: Project, *arguments: str) -> Measured:
    """A dbt command in a fresh process."""
    dbt = str(Path(sys.executable).with_name("dbt"))
    folder = str(project.root)
    options = ["--project-dir", folder, "--profiles-dir", folder]
    return measured(
        [dbt, "--no-use-colors", *arguments, *options],
        DO_NOT_TRACK="1", DBT_SEND_ANONYMOUS_USAGE_STATS="false",
    )  # fmt: skip


@dataclass(frozen=True)
class Pipeline:
    """A project over the rows in `data`."""

    project: Project
    data: Path

    @classmethod
    def create(
        cls, folder: Path, data: Path, experiments: int = 1, window: int = 14, **settings: str
    ) -> Pipeline:
        """Write a project with `experiments` experiments; `settings` are DuckDB's."""
        project = Project.create(folder, assignment_models=["exposures"], fact_models=["events"])
        write_profile(project, settings, [{"path": str(data), "alias": "data", "read_only": True}])
        metrics = {name: {**METRIC_TYPES[name], "window_days": window} for name in METRICS}
        fact = {"units": {"unit": "unit_id"}, "timestamp": "ts"}
        project.table("exposures", "select * from arrived.exposures", **EXPOSURES)
        project.table("events", "select * from arrived.events", fact=fact, metrics=metrics)
        for k in range(1, experiments + 1):
            name = f"exp_{k:02}"
            block = BLOCK.format(
                name=name, metrics=", ".join(METRICS),
                start=FIRST_DAY + timedelta(days=15 + k % 5),
                end=FIRST_DAY + timedelta(days=DAYS + 30),
            )  # fmt: skip
            project.experiment(name, block)
        pipeline = cls(project, data)
        run_dbt(project, "parse")
        return pipeline

    def arrive(self, days: int) -> None:
        """Let the inputs hold the rows of the first `days` days."""
        until = FIRST_DAY + timedelta(days=days)
        with duckdb.connect(str(self.project.database)) as connection:
            connection.execute(f"attach '{self.data}' as data (read_only)")
            connection.execute("create schema if not exists arrived")
            for name in ("exposures", "events"):
                connection.execute(
                    f"create or replace view arrived.{name} as "  # noqa: S608
                    f"select * from data.main.{name} where ts < timestamp '{until}'"
                )

    def run(self, *arguments: str) -> Measured:
        """One `dbt run` on the rows that are there; it finds the estimates."""
        return replace(run_dbt(self.project, "run", *arguments), found=self.estimates())

    def refresh(self, days: int = DAYS) -> Measured:
        """One `dbt run` from nothing, on the rows of the first `days` days."""
        self.project.database.unlink(missing_ok=True)
        self.arrive(days)
        return self.run()

    def seconds(self) -> dict[str, float]:
        """Wall seconds of every model of the last run, the slowest first."""
        text = (self.project.root / "target" / "run_results.json").read_text()
        found = {
            item["unique_id"].split(".")[2]: item["execution_time"]
            for item in json.loads(text)["results"]
        }
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def estimates(self) -> dict[str, dict[str, tuple[float, float]]]:
        """Effect and standard error by experiment and metric."""
        found: dict[str, dict[str, tuple[float, float]]] = {}
        for experiment, metric, *numbers in self.project.rows(HEADLINES):
            found.setdefault(experiment, {})[metric] = (numbers[0], numbers[1])
        return found


def empty_project(folder: Path) -> Callable[[], Measured]:
    """What dbt itself costs: runs of a parsed project of one model, without the package."""
    project = Project(folder, {})
    project.configure()
    write_profile(project, {})
    project.write("models/one.sql", "select 1 as one")
    run_dbt(project, "parse")
    return lambda: run_dbt(project, "run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", choices=SCALES, default="XS")
    parser.add_argument("--experiments", type=int, default=1)
    parser.add_argument("--window", type=int, default=14)
    parser.add_argument("--memory-limit")
    parser.add_argument("--profile", type=int, default=15, help="how many models to print")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        limit = {"memory_limit": options.memory_limit} if options.memory_limit else {}
        empty = empty_project(folder / "empty")()
        pipeline = Pipeline.create(
            folder / "project", dataset(options.scale), options.experiments, options.window, **limit
        )
        full = pipeline.refresh()
        print(f"{full.cpu:.2f} CPU s and {full.peak:.0f} MiB, of which {empty.cpu:.2f} s and "
              f"{empty.peak:.0f} MiB are an empty dbt run")  # fmt: skip
        for model, seconds in list(pipeline.seconds().items())[: options.profile]:
            print(f"{seconds:8.2f} s  {model}")


if __name__ == "__main__":
    main()
