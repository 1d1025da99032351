"""A throw-away dbt project with the package installed, for tests of whole runs.

What a dbt command did is read from `run_results.json` and from the DuckDB file, which is opened
only between commands.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import yaml
from forked_dbt import Command, start

REPOSITORY = Path(__file__).resolve().parents[1]
RUN_COLUMNS = ("run_id", "computed_at", "committed_at", "code_version")
# Models that a later run of a project of A/B tests has nothing to do for.
OTHER_DESIGNS = (
    *("--exclude", "causalops.networks", "causalops.panels", "causalops.grams", "causalops.scores"),
    *("causalops.datasets", "causalops.quasi", "spillover", "encouragement", "cluster_rct"),
)
PUBLIC_VIEWS = ("estimates", "checks", "curves", "scorecard")


@dataclass(frozen=True)
class Run:
    """What one command did: its exit code, its output, and the status of every node it ran."""

    code: int
    output: str
    statuses: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Project:
    """A dbt project in `root`; `settings` become `vars.causalops`."""

    root: Path
    settings: dict[str, Any]

    @classmethod
    def create(cls, root: Path, **settings: Any) -> Project:
        """Write the project files and link the package into `dbt_packages`."""
        project = cls(root, settings)
        project.configure()
        project.write("packages.yml", f"packages: [{{local: {REPOSITORY}}}]\n")
        # One thread: sums of floats are then equal to the last bit.
        output = {"type": "duckdb", "path": str(project.database), "settings": {"threads": 1}}
        profile = {"target": "dev", "outputs": {"dev": output | {"threads": 1}}}
        project.write("profiles.yml", yaml.safe_dump({"shop": profile}))
        link_package(root)
        return project

    @property
    def database(self) -> Path:
        return self.root / "shop.duckdb"

    def configure(self, **settings: Any) -> None:
        """(Re)write `dbt_project.yml`, with `settings` changed."""
        self.settings.update(settings)
        text = {
            "name": "shop",
            "version": "1.0.0",
            "profile": "shop",
            "models": {"shop": {"+materialized": "view"}},
            "vars": {"causalops": self.settings},
        }
        self.write("dbt_project.yml", yaml.safe_dump(text))

    def write(self, path: str, text: str) -> Path:
        """Write a file below the project."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return target

    def table(
        self,
        name: str,
        frame: pd.DataFrame | str,
        types: Mapping[str, str] | None = None,
        **meta: Any,
    ) -> None:
        """An input model `name` over `frame` (or over a query); `meta` is its declaration."""
        sql = frame
        if isinstance(frame, pd.DataFrame):
            path = self.root / "data" / f"{name}.parquet"
            path.parent.mkdir(exist_ok=True)
            kept = types or {}
            columns = [
                f'cast("{c}" as {kept[c]}) as "{c}"' if c in kept else f'"{c}"' for c in frame
            ]
            with duckdb.connect() as connection:
                connection.execute("set timezone = 'UTC'")
                connection.register("frame", frame)
                connection.execute(
                    f"copy (select {', '.join(columns)} from frame) to '{path}' (format parquet)"
                )
            sql = f"select * from read_parquet('{path}')"
        self.write(f"models/{name}.sql", f"{sql}\n")
        if meta:
            entry = {"name": name, "config": {"meta": {"causalops": meta}}}
            text = yaml.safe_dump({"models": [entry]}, allow_unicode=True, sort_keys=False)
            self.write(f"models/{name}.yml", text)

    def experiment(self, name: str, block: str) -> Path:
        """An experiment file with `block` as its text."""
        text = f"{{% call causalops.experiment() %}}\n{block.strip()}\n{{% endcall %}}\n"
        return self.write(f"models/experiments/{name}.sql", text)

    def start(self, *arguments: str, **environment: str) -> Command:
        """Start a dbt command without waiting for it."""
        return start(arguments, self.root, {"DBT_PROFILES_DIR": str(self.root), **environment})

    def dbt(self, *arguments: str, fails: bool = False, **environment: str) -> Run:
        """Run a dbt command; unless it `fails` as expected, its exit code must be 0."""
        results = self.root / "target" / "run_results.json"
        results.unlink(missing_ok=True)
        code, output = self.start("--no-use-colors", *arguments, **environment).finished()
        items = json.loads(results.read_text())["results"] if results.exists() else []
        statuses = {item["unique_id"].split(".")[2]: item["status"] for item in items}
        assert (code != 0) == fails, output[-4000:]
        return Run(code, output, statuses)

    def build(self, *arguments: str, **environment: str) -> Run:
        """`dbt build` of the whole project."""
        return self.dbt("build", *arguments, **environment)

    def check(self) -> Run:
        """`causalops check` of this project."""
        command = [sys.executable, "-c", "from causalops.cli import main; main()", "check"]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True)
        return Run(done.returncode, done.stdout + done.stderr)

    @contextmanager
    def opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The closed database, read-only; our schema comes first."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            schemas = "select string_agg(distinct schema_name) from information_schema.schemata"
            [(present,)] = connection.execute(
                f"{schemas} where schema_name in ('main', 'main_causalops')"
            ).fetchall()
            connection.execute(f"set search_path = '{present}'")
            yield connection

    def query(self, sql: str) -> pd.DataFrame:
        """The rows of a query as a frame."""
        with self.opened() as connection:
            return connection.execute(sql).df()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query as plain tuples, None for NULL."""
        with self.opened() as connection:
            return connection.execute(sql).fetchall()

    def estimates(self, experiment: str, where: str = "true") -> pd.DataFrame:
        """The current estimates of one experiment."""
        own = f"experiment_id = '{experiment}' and {where}"
        return self.query(f"select * from experiment_estimates where {own}")

    def relations(self) -> set[str]:
        """Every table and view in the database."""
        if not self.database.exists():
            return set()
        return {row[0] for row in self.rows("select table_name from information_schema.tables")}

    def published(self, where: str = "true", history: bool = False) -> dict[str, list[str]]:
        """The public views as sorted text, to the last bit, without the columns of the run."""
        columns = f"columns(name -> name not in {RUN_COLUMNS})"
        suffix = "_history" if history else ""
        return {
            view: sorted(
                map(
                    repr,
                    self.rows(f"select {columns} from experiment_{view}{suffix} where {where}"),
                )
            )
            for view in PUBLIC_VIEWS
        }


def link_package(root: Path) -> None:
    """Install the package as `dbt deps` does for a local one: a link in `dbt_packages`."""
    (root / "dbt_packages").mkdir(exist_ok=True)
    os.symlink(REPOSITORY, root / "dbt_packages" / "causalops")
