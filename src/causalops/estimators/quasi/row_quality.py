"""What every design says about the rows it was given: missing values and repeated ones."""

from __future__ import annotations

from typing import Any

from causalops.estimators.quasi.analysis import check
from causalops.estimators.quasi.inputs import Analysis, Metric, Rows
from causalops.results import Row

MOST = 0.5


def missing_values(
    analysis: Analysis, metric: Metric, n_dropped: int, n: int,
    details: dict[str, Any] | None = None,
) -> Row:  # fmt: skip
    """The share of rows left out: any warns, more than half fails; not run without rows."""
    if not n:
        return check(analysis, metric, "missing_values", "not_run", "no_units", n=0)
    share = n_dropped / n
    status = "fail" if share > MOST else "warn" if n_dropped else "pass"
    return check(
        analysis, metric, "missing_values", status, "incomplete_rows" if n_dropped else None,
        details, value=share, value_name="share", threshold=MOST, n=n_dropped,
    )  # fmt: skip


def repeated_units(analysis: Analysis, rows: Rows) -> int:
    """Rows beyond the first of their unit, where no cluster joins them; 0 without `unit`."""
    if analysis.settings["unit"] is None or analysis.settings["cluster"] is not None:
        return 0
    units = [unit for unit in rows.unit if unit is not None]
    return len(units) - len(set(units))


def duplicates(
    analysis: Analysis, metric: Metric, n: int, reason: str = "duplicate_units",
    details: dict[str, Any] | None = None,
) -> Row:  # fmt: skip
    """Repeated rows fail: nobody knows which of them counts."""
    return check(
        analysis, metric, "duplicates", "fail" if n else "pass", reason if n else None, details,
        value=float(n), value_name="rows", threshold=0.0, n=n,
    )  # fmt: skip
