"""What designs that read rows say about the rows: missing values and repeated units."""

from __future__ import annotations

from causalops.estimators.quasi.analysis import check
from causalops.estimators.quasi.inputs import Analysis, Metric, Rows
from causalops.results import Row

MOST = 0.5


def missing_values(analysis: Analysis, metric: Metric, n_dropped: int, n: int) -> Row:
    """The share of rows left out: any warns, more than half fails."""
    share = n_dropped / n if n else 0.0
    status = "fail" if share > MOST else "warn" if n_dropped else "pass"
    return check(
        analysis, metric, "missing_values", status, "incomplete_rows" if n_dropped else None,
        value=share, value_name="share", threshold=MOST, n=n_dropped,
    )  # fmt: skip


def repeated_units(analysis: Analysis, rows: Rows) -> int:
    """Rows beyond the first of their unit, where no cluster joins them; 0 without `unit`."""
    if analysis.settings["unit"] is None or analysis.settings["cluster"] is not None:
        return 0
    units = [unit for unit in rows.unit if unit is not None]
    return len(units) - len(set(units))


def duplicates(analysis: Analysis, metric: Metric, n: int) -> Row:
    """Repeated units fail: nobody knows which of their rows counts."""
    return check(
        analysis, metric, "duplicates", "fail" if n else "pass", "duplicate_units" if n else None,
        value=float(n), value_name="rows", threshold=0.0, n=n,
    )  # fmt: skip
