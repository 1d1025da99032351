"""2SLS: sums in the warehouse and a few matrices, beside linearmodels on the rows.

Run by `make bench`. One dbt build of a throw-away project compiles the package's own SQL. Then each
side runs in a process of its own that reads the same DuckDB file: CPU seconds of all threads
(imports left out, median of three) and peak memory. Both must agree to 1e-10 in estimate and robust
error before a figure is printed. The two scans also hold what stands beside the headline, so the
peer is asked twice: for 2SLS alone, and for 2SLS, LIML, least squares, first stage, reduced form,
Wu-Hausman and the Anderson-Rubin test of no effect. The figures are ratios to read, never a test.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from measure import ROOT, interleaved, measured, report

CONTROLS = ["w1", "w2", "w3", "w4"]
BLOCK = f"""
design: iv
dataset: drawn
treatment: x
instruments: [z]
covariates: [{", ".join(CONTROLS)}]
metrics: {{primary: [y]}}
assumption_note: drawn so
"""


def drawn(size: int) -> str:
    """A query that draws the rows: a binary instrument, uneven errors, four controls."""
    uniform = [f"(hash(i, {k}) % 1000003) / 1000003.0" for k in range(1, 7)]
    controls = ", ".join(f"{draw} as w{k}" for k, draw in enumerate(uniform[:4], start=1))
    return f"""
        select y0 + x + w1 - w2 + w3 + 0.5 * w4 as y, x, z, {", ".join(CONTROLS)}
        from (
            select *, 0.5 * z + 0.3 * w1 + w4 + cause as x, 100 + cause * (1 + z) + noise as y0
            from (
                select (hash(i, 0) % 2)::double as z, {controls},
                    {uniform[4]} as cause, {uniform[5]} as noise
                from range({size}) as rows(i)
            )
        )
    """  # noqa: S608 - constants of ours


def build(folder: Path, size: int) -> None:
    """The project, its table and its compiled models."""
    sys.path.insert(0, str(ROOT / "tests"))
    from harness import Project

    project = Project.create(folder, dataset_models=["drawn"])
    project.write("models/drawn.sql", "{{ config(materialized='table') }}" + drawn(size))
    project.experiment("effect", BLOCK)
    project.dbt("build", "--exclude", "resource_type:test")


def ours(folder: Path) -> tuple[float, float]:
    """The package's two scans and everything that follows from them."""
    import duckdb

    from causalops.estimators.quasi import anderson_rubin as ar
    from causalops.estimators.quasi import gram_tables as tables
    from causalops.estimators.quasi.exogeneity import wu_hausman
    from causalops.estimators.quasi.two_stage import (
        System,
        liml,
        ordinary,
        reduced_form,
        two_stage,
    )
    from causalops.estimators.quasi.weak_instruments import strength

    compiled = folder / "target/compiled/causalops/models/grams"
    with duckdb.connect(str(folder / "shop.duckdb"), read_only=True) as connection:
        gram, moments = (
            connection.sql((compiled / f"experiment_{name}.sql").read_text()).df()
            for name in ("gram", "residual_moments")
        )
    [(key, block)] = tables.blocks(gram).items()
    projection = tables.project(block.gram)
    found = tables.residuals_of(tables.residuals(moments)[key], projection, False)
    system = System(found, "y", ("x",), ("z1",))
    fit = ar.inference(system, two_stage(system), "hc1", 0.05)
    liml(system).fit.inference("x", "hc1", 0.05)
    strength(system, "x", "hc1")
    wu_hausman(system, "hc1")
    for other, column in ((ordinary(system), "x"), (reduced_form(system), "z1")):
        other.inference(column, "hc1", 0.05)
    return fit.estimate or 0.0, fit.std_error or 0.0


def theirs(folder: Path, everything: bool = False) -> tuple[float, float]:
    """linearmodels on the rows, out of the same file."""
    import duckdb
    from linearmodels.iv import IV2SLS, IVLIML

    with duckdb.connect(str(folder / "shop.duckdb"), read_only=True) as connection:
        rows = connection.sql("select *, 1.0 as const from main.drawn").df()
    model = IV2SLS(rows["y"], rows[["const", *CONTROLS]], rows["x"], rows["z"])
    fit = model.fit(cov_type="robust", debiased=True)
    if everything:
        exogenous = rows[["const", *CONTROLS]]
        IVLIML(rows["y"], exogenous, rows["x"], rows["z"]).fit(cov_type="robust", debiased=True)
        fit.first_stage.diagnostics  # noqa: B018 - computed when asked for
        fit.wu_hausman()
        for outcome, extra in (("y", "x"), ("y", "z")):
            plain = IV2SLS(rows[outcome], rows[["const", *CONTROLS, extra]], None, None)
            plain.fit(cov_type="robust", debiased=True)
    return float(fit.params["x"]), float(fit.std_errors["x"])


SIDES: dict[str, Callable[[Path], tuple[float, float]]] = {
    "causalops, everything": ours,
    "linearmodels, 2SLS alone": theirs,
    "linearmodels, everything": lambda folder: theirs(folder, everything=True),
}


def compare(size: int, sides: Sequence[str]) -> None:
    """Build, run each side, and print the figures if all agree."""
    with tempfile.TemporaryDirectory() as name:
        build(Path(name), size)
        found = interleaved(
            {side: partial(measured, [sys.executable, __file__, side, name]) for side in sides}
        )
    mine, *peers = found.values()
    gap = max(
        abs(value / peer.found[key] - 1) for peer in peers for key, value in mine.found.items()
    )
    if gap > 1e-10:
        raise SystemExit(f"the two disagree: relative gap {gap:.1e}")
    print(f"{size:,} rows, largest relative gap {gap:.0e}")
    for side, cost in found.items():
        print(f"{side:26}{cost.cpu:7.2f} CPU s {cost.cpu / mine.cpu:6.1f}x {cost.peak:7.0f} MiB")


def main() -> None:
    compare(500_000, list(SIDES))
    compare(3_000_000, list(SIDES)[:2])


if __name__ == "__main__":
    if len(sys.argv) == 3:
        side, folder = SIDES[sys.argv[1]], Path(sys.argv[2])
        side(folder)  # the first run imports
        report(lambda: dict(zip(("estimate", "error"), side(folder), strict=True)))
    else:
        main()
