"""The benchmarks of whole runs at one scale, with the goals beside the figures.

    python benchmarks/run.py --scale S [--repeats 3] [--many 20] [--parts one,many,days,numerics]

Every contestant runs in fresh processes, in turn with the others; figures are medians, and CPU is
net of an empty `dbt run`. Estimates must agree before a figure is printed. Without `--parts` the
table also replaces that of its scale in RESULTS.md (XS has none, it is for tests).
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import os
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from data import BUILD, DAYS, SCALES, dataset
from measure import ROOT, Measured, interleaved, measured
from numerics import variance_error
from pipeline import Pipeline, empty_project

# Ours, the floor and tea-tasting share one definition. Least squares takes the slope within arms
# and lets the residuals of each unit weigh in the error: the same in large samples only.
TOLERANCES = {"pipeline": 1e-8, "tea-tasting": 1e-8, "pandas": 0.02}
CURVES = ("experiment_daily_moments", "experiment_offset_moments")
LIMIT = 1024


@dataclass(frozen=True)
class Row:
    """A figure beside its goal; smaller is better everywhere."""

    what: str
    value: float
    figures: str
    goal: float | None = None
    stretch: float | None = None

    def __str__(self) -> str:
        reached = "" if self.goal is None else "no"
        for name, bound in (("goal", self.goal), ("stretch", self.stretch)):
            reached = name if bound is not None and self.value <= bound else reached
        bounds = ("" if bound is None else f"{bound:.3g}" for bound in (self.goal, self.stretch))
        cells = (self.what, self.figures, f"{self.value:.3g}", *bounds, reached)
        return f"| {' | '.join(cells)} |"


@dataclass(frozen=True)
class Bench:
    """What is measured, and where."""

    scale: str
    many: int
    repeats: int
    folder: Path

    @property
    def data(self) -> Path:
        return dataset(self.scale)

    def pipeline(self, name: str, experiments: int, **settings: str) -> Pipeline:
        return Pipeline.create(self.folder / name, self.data, experiments, **settings)

    def compared(self, experiments: int, *sides: str) -> tuple[dict[str, Measured], Pipeline]:
        """The pipeline beside the floor and the peers; its CPU is net of an empty run."""
        pipeline = self.pipeline(f"experiments_{experiments}", experiments)
        options = ["--experiments", str(experiments)]

        def script(*words: str) -> Callable[[], Measured]:
            command = [sys.executable, *words, str(self.data), *options]
            return lambda: measured(command)

        here = ROOT / "benchmarks"
        runs = {"floor": script(f"{here}/floor.py")}
        runs |= {side: script(f"{here}/peers.py", side) for side in sides}
        runs |= {"empty": empty_project(self.folder / "empty"), "pipeline": pipeline.refresh}
        found = net(interleaved(runs, self.repeats), "pipeline")
        for side in ("pipeline", *sides):
            agree(found["floor"], found[side], TOLERANCES[side])
        return found, pipeline


def agree(mine: Measured, theirs: Measured, tolerance: float) -> None:
    """Exit unless every effect and error differs by less than `tolerance` standard errors."""
    for experiment, metrics in mine.found.items():
        for metric, (effect, error) in metrics.items():
            other = theirs.found.get(experiment, {}).get(metric, (math.nan, math.nan))
            gap = max(abs(effect - other[0]), abs(error - other[1])) / error
            if not gap <= tolerance:
                sys.exit(f"{experiment} {metric}: {effect} ({error}) is not {other}")


def ratio(
    what: str, ours: float, other: float, goal: float | None = None, stretch: float | None = None
) -> Row:
    return Row(what, ours / other, f"{ours:.1f} / {other:.1f}", goal, stretch)


def one(bench: Bench) -> list[Row]:
    found, _ = bench.compared(1, "tea-tasting", "pandas")
    ours, rows = found["pipeline"], found["pandas"]
    return [
        Row("an empty `dbt run`, CPU s", found["empty"].cpu, ""),
        ratio("1 experiment / the floor, CPU s", ours.cpu, found["floor"].cpu, 1.5, 1.15),
        ratio("1 experiment / tea-tasting, CPU s", ours.cpu, found["tea-tasting"].cpu, 1.3, 1.0),
        ratio("1 experiment / pandas + statsmodels, CPU s", ours.cpu, rows.cpu, 1 / 2, 1 / 3),
        ratio("1 experiment / pandas + statsmodels, peak MiB", ours.peak, rows.peak, 0.4, 0.25),
        *growth(bench.scale, ours.cpu),
    ]


def growth(scale: str, cpu: float) -> list[Row]:
    """The exponents of the cost from each smaller scale that was measured here to this one."""
    kept = BUILD / "one_experiment.json"
    seconds = json.loads(kept.read_text()) if kept.exists() else {}
    kept.write_text(json.dumps(seconds | {scale: cpu}))
    smaller = [s for s in seconds if SCALES["XS"].units < SCALES[s].units < SCALES[scale].units]
    return [
        Row(
            f"growth of 1 experiment from {s} to {scale}, exponent",
            math.log(cpu / seconds[s]) / math.log(SCALES[scale].units / SCALES[s].units),
            f"{cpu:.1f} / {seconds[s]:.1f}", 1.15, 1.05,
        )
        for s in smaller
    ]  # fmt: skip


def many(bench: Bench) -> list[Row]:
    found, pipeline = bench.compared(bench.many, "tea-tasting")
    ours, n = found["pipeline"].cpu, bench.many
    seconds = pipeline.seconds()
    curves = sum(seconds[name] for name in CURVES)
    return [
        ratio(f"{n} experiments / the floor's one pass, CPU s", ours, found["floor"].cpu, 1.5, 0.9),
        ratio(f"{n} experiments / tea-tasting, CPU s", ours, found["tea-tasting"].cpu, 1.0, 0.5),
        ratio("models of the daily series / all models, s", curves, sum(seconds.values()), 2, 0.7),
    ]


def days(bench: Bench) -> list[Row]:
    pipeline = bench.pipeline("days", 1)
    empty = empty_project(bench.folder / "empty")
    pipeline.refresh(DAYS - 1)
    pipeline.arrive(DAYS)
    sides = {"day": pipeline.run, "again": pipeline.run, "full": pipeline.refresh, "empty": empty}
    found = net({name: side() for name, side in sides.items()}, "day", "again", "full")
    agree(found["full"], found["day"], TOLERANCES["pipeline"])
    day, again, full = (found[name].cpu for name in ("day", "again", "full"))
    return [
        ratio(f"day {DAYS} alone / a full refresh, CPU s", day, full, 1 / 4, 1 / 9),
        ratio("a run without news / a full refresh, CPU s", again, full),
    ]


def memory(bench: Bench) -> list[Row]:
    limited = bench.pipeline("limited", 1, memory_limit=f"{LIMIT}MiB")
    runs = {
        "limited": limited.refresh,
        "unlimited": bench.pipeline("unlimited", 1).refresh,
        "empty": empty_project(bench.folder / "empty"),
    }
    found = net(interleaved(runs, bench.repeats), "limited", "unlimited")
    agree(found["unlimited"], found["limited"], TOLERANCES["pipeline"])
    ours, free = found["limited"], found["unlimited"]
    return [
        ratio("1 GiB limit / no limit, CPU s", ours.cpu, free.cpu, 1.3),
        ratio("1 GiB limit, peak MiB / 1 GiB", ours.peak, LIMIT, 1.3, 0.5),
    ]


def numerics(bench: Bench) -> list[Row]:
    error = variance_error(bench.folder / "numerics")
    return [Row("variance at offset 1e9, sd 1: relative error", error, "", 1e-8, 1e-12)]


def net(found: Mapping[str, Measured], *runs: str) -> dict[str, Measured]:
    """The findings, with the CPU seconds of dbt `runs` less those of an empty one."""
    start = found["empty"].cpu
    return {**found, **{run: replace(found[run], cpu=found[run].cpu - start) for run in runs}}


PARTS: dict[str, Callable[[Bench], list[Row]]] = {
    part.__name__: part for part in (one, many, days, memory, numerics)
}
DEFAULT_PARTS = {
    "XS": list(PARTS),
    "S": ["one", "many", "days", "numerics"],
    "M": ["one", "memory"],
    "L": ["one"],
}


def table(rows: list[Row]) -> str:
    head = "| what | figures | value | goal | stretch | reached |\n|---|---|---|---|---|---|"
    return "\n".join([head, *map(str, rows)])


def facts(bench: Bench) -> str:
    """The machine, the versions and the sizes behind a table."""
    ram = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ("duckdb", "dbt-core", "dbt-duckdb", "tea-tasting", "pandas", "statsmodels")
    size = SCALES[bench.scale]
    return (
        f"{size.units:,} units, {size.events:,} events; medians of {bench.repeats}. "
        f"{dt.date.today()}: {platform.machine()}, {os.cpu_count()} cores, {ram:.0f} GiB, "
        f"load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}, "
        f"{', '.join(f'{name} {version(name)}' for name in packages)}."
    )


def keep(scale: str, text: str) -> None:
    """Put the text between the markers of its scale in RESULTS.md."""
    path = ROOT / "benchmarks" / "RESULTS.md"
    block = f"<!-- {scale} -->\n{text}\n<!-- end of {scale} -->"
    pattern = re.compile(f"<!-- {scale} -->.*<!-- end of {scale} -->", re.DOTALL)
    path.write_text(pattern.sub(lambda _: block, path.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", choices=SCALES, default="S")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--many", type=int, default=20)
    parser.add_argument("--parts", type=lambda text: text.split(","))
    options = parser.parse_args()
    rows: list[Row] = []
    for part in options.parts or DEFAULT_PARTS[options.scale]:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(options.scale, options.many, options.repeats, Path(folder))
            rows += PARTS[part](bench)
    print(table(rows))
    if not options.parts:
        keep(options.scale, f"{facts(bench)}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
