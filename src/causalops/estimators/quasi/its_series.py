"""Rows of a dataset as one regular series: what time series designs need before anything else."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from causalops.estimators.quasi.calendar import Calendar, read, series
from causalops.estimators.quasi.inputs import EPOCH, Analysis, Metric, Rows
from causalops.estimators.quasi.segmented import Series


@dataclass(frozen=True)
class Prepared:
    """A series, or the reason code why there is none, and the counts that say what was found."""

    calendar: Calendar
    series: Series | None
    reason: str | None
    n_rows: int
    n_untimed: int
    n_incomplete: int
    duplicates: tuple[float, ...]


def prepared(analysis: Analysis, metric: Metric, rows: Rows, has_controls: bool = True) -> Prepared:
    """The series of one metric; a row is a period, and a row without a period is left out.

    A row without the outcome or a covariate is a gap of the calendar, as is a row that is not
    there; `gaps` of the file says what happens then.
    """
    timed = np.isfinite(rows.period)
    periods = rows.period[timed]
    counts = Counter(periods.tolist())
    values = {"": rows.metric(metric.name)[timed]}
    if has_controls:
        values |= {name: rows.numbers["covariate", name][timed]
                   for name in analysis.names("covariate")}  # fmt: skip
    incomplete = int((~np.isfinite(np.array(list(values.values())))).any(axis=0).sum())
    keys = [moment(analysis, period) for period in periods.tolist()]
    calendar = read(keys)
    by_period = {name: dict(zip(keys, column.tolist(), strict=True))
                 for name, column in values.items()}  # fmt: skip
    found, reason = None, calendar.problem
    start = calendar.index_from(moment(analysis, analysis.settings["intervention"]))
    if reason is None and start is not None:
        found, reason = series(
            calendar, by_period.pop(""), start, analysis.settings.get("gaps") or "refuse",
            analysis.settings.get("seasonality"), by_period,
        )  # fmt: skip
    return Prepared(
        calendar, found, reason, len(rows), int((~timed).sum()), incomplete,
        tuple(sorted(period for period, count in counts.items() if count > 1)),
    )  # fmt: skip


def moment(analysis: Analysis, position: float) -> Any:
    """A point on the axis of `period` as the calendar reads it: a number or a day."""
    if analysis.settings.get("time_kind", "number") == "number":
        return float(position)
    return EPOCH + dt.timedelta(days=round(position))


def label(period: Any) -> str:
    """A period as people write it."""
    return period.isoformat() if isinstance(period, dt.date) else f"{period:.12g}"
