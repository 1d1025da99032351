"""What a panel of 6 million rows costs: two-way fixed effects with errors by unit, two ways.

    python benchmarks/did_panel.py [--peer PYTHON] [--units 600000]

Ours: the queries that dbt compiled for the panel's shape and moments, and the statistics on them.
The peer: pyfixest on the rows, by an interpreter that has it (`python -m venv DIR; DIR/bin/pip
install pyfixest duckdb`; it is no dependency of ours). Each runs in a process of its own, reads the
same DuckDB table, and reports CPU seconds without imports and its peak memory with them: medians of
three runs in turn. Estimates and standard errors must agree to 1e-10 before a figure is printed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from measure import ROOT, interleaved, measured

PERIODS = 10
BLOCK = """design: did
dataset: panel
assumption_note: Simulated
unit: unit
time: t
treated_from: start
metrics: {primary: [y]}
robustness: [twfe]
"""
MEASURED = """
import json, sys, time
{imports}
started = time.process_time()
{work}
print(json.dumps(dict(estimate=estimate, error=error, cpu=time.process_time() - started)))
"""
OURS = MEASURED.format(
    imports="""
import duckdb, pandas
from pathlib import Path
from causalops.estimators.quasi.inputs import studies
from causalops.estimators.quasi.panel_tables import PanelTables
from causalops.estimators.quasi.two_way_fixed_effects import two_way_inference
from causalops.frames import due_experiments""",
    work="""
database, compiled = sys.argv[1:]
connection = duckdb.connect(database, read_only=True)
connection.execute("set threads = 1")
tables = []
for name in ("experiment_panel_shapes", "experiment_panel_moments"):
    [path] = Path(compiled).rglob(name + ".sql")
    tables.append(connection.execute(path.read_text()).df())
due, registry = (connection.execute(f"from main_causalops.experiment_{name}").df()
                 for name in ("due", "registry"))
due, registry, *tables = due_experiments(due, ("did",), registry, *tables)
[study] = studies(due, registry, "did")
panel = PanelTables(*tables).of(study.analyses[0])["y"]
found, _ = two_way_inference(panel.moments, 0.05)
estimate, error = found.estimate, found.std_error""",
)
PEER = MEASURED.format(
    imports="import duckdb, pyfixest",
    work="""
connection = duckdb.connect(sys.argv[1], read_only=True)
connection.execute("set threads = 1")
frame = connection.execute("select unit, t, y, coalesce(t >= start, false)::int d from panel").df()
fit = pyfixest.feols("y ~ d | unit + t", frame, vcov={"CRV1": "unit"})
estimate, error = float(fit.coef().iloc[0]), float(fit.se().iloc[0])""",
)


def build(folder: Path, units: int) -> tuple[Path, Path]:
    """A project with the panel, built once; its database and its compiled queries."""
    sys.path[:0] = [str(ROOT / "tests")]
    from harness import Project

    folder.mkdir()
    project = Project.create(folder, dataset_models=["panel"])
    start = "case when g < 4 then null else g end"
    query = f"""{{{{ config(materialized='table') }}}}
    select u as unit, t, {start} as start,
        hash(u) % 1000 / 100.0 + 0.3 * t + (hash(u * 31 + t * 7919) % 100000) / 20000.0
        + case when t >= {start} then 0.2 * (t - g + 1) else 0 end as y
    from (
        select range as u, cast(hash(range * 13) % 10 as integer) as g from range({units})
    ) as units
    cross join (select range as t from range({PERIODS})) as periods
    """  # noqa: S608 - constants of ours
    project.write("models/panel.sql", query)
    project.experiment("growth", BLOCK)
    project.dbt("build", "--exclude-resource-type", "test")
    return project.database, folder / "target" / "compiled"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", default=sys.executable)
    parser.add_argument("--units", type=int, default=600_000)
    options = parser.parse_args()
    has_peer = not subprocess.run([options.peer, "-c", "import pyfixest"]).returncode  # noqa: S603
    with tempfile.TemporaryDirectory() as folder:
        database, compiled = map(str, build(Path(folder) / "project", options.units))
        sides = {"ours": partial(measured, [sys.executable, "-c", OURS, database, compiled])}
        if has_peer:
            sides["peer"] = partial(measured, [options.peer, "-c", PEER, database])
        found = interleaved(sides)
    ours = found["ours"]
    print(f"ours: {ours}")
    if not has_peer:
        return
    peer = found["peer"]
    for name, value in ours.found.items():
        gap = abs(value / peer.found[name] - 1)
        if gap > 1e-10:
            sys.exit(f"{name}: {value!r} is not {peer.found[name]!r}")
        print(f"{name}: relative difference {gap:.1e}")
    print(f"CPU: {ours.cpu:.2f} s against {peer.cpu:.2f} s, {peer.cpu / ours.cpu:.1f}x")
    print(
        f"peak memory: {ours.peak:.0f} against {peer.peak:.0f} MiB, 1/{peer.peak / ours.peak:.1f}"
    )


if __name__ == "__main__":
    main()
