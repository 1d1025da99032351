"""How exactly the warehouse computes a variance far from zero: offset 1e9, standard deviation 1.

The values are 1e9 + k / 1024 for integers k, hence exact in binary, and integers give the answer.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import duckdb
from pipeline import Project, run_dbt, write_profile

DRAWN = """
select range as unit, case when hash(range) % 2 = 0 then 'control' else 'treatment' end as variant,
    cast(hash(range * 31 + 7) % 3547 as bigint) as k
from range(1000000)
"""
BLOCK = """
design: ab_test
assignment: {model: drawn}
unit: unit
variants: {control: 1, treatment: 1}
metrics: {primary: [score]}
"""


def variance_error(folder: Path) -> float:
    """The largest relative error over both arms, of `c_ab / (n - 1)` in `experiment_moments`."""
    project = Project.create(folder, assignment_models=["drawn"], fact_models=["scores"])
    write_profile(project, {})
    units = {"unit": "unit"}
    project.table("drawn", DRAWN, assignment={"units": units, "variant": "variant"})
    project.table(
        "scores", f"select unit, 1e9 + k / 1024 as score from ({DRAWN})",  # noqa: S608
        fact={"units": units}, metrics={"score": {"type": "sum", "value": "score"}},
    )  # fmt: skip
    project.experiment("offset", BLOCK)
    run_dbt(project, "run")
    found = project.rows(
        "select variant, c_ab / (n - 1) from experiment_moments "
        "where a = 'y' and b = 'y' and analysis = 'main' and population = 'exposed'"
    )
    sums = f"select variant, count(*), sum(k), sum(k * k) from ({DRAWN}) group by all"  # noqa: S608
    exact = {
        variant: Fraction(n * int(squares) - int(total) ** 2, n * (n - 1) * 1024**2)
        for variant, n, total, squares in duckdb.sql(sums).fetchall()
    }
    return max(float(abs(Fraction(value) / exact[variant] - 1)) for variant, value in found)
