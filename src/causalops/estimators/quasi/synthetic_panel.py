"""Rows of a dataset as one treated unit and its donors over complete periods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from causalops.estimators.quasi.inputs import Analysis, Metric, Rows
from causalops.estimators.quasi.synthetic_fit import Panel


@dataclass(frozen=True)
class Prepared:
    """A panel, or the reason code why there is none, and the counts that say what was found."""

    panel: Panel | None
    reason: str | None
    n_rows: int = 0
    n_incomplete: int = 0
    n_duplicates: int = 0
    treated: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()  # donors without a value in some period
    unknown: tuple[str, ...] = ()  # named as donors, not among the units
    periods: tuple[float, ...] = ()
    lost_before: tuple[float, ...] = ()  # donors have a value, the treated unit has none
    lost_after: tuple[float, ...] = ()  # the same from its first treated period on


def prepared(analysis: Analysis, metric: Metric, rows: Rows) -> Prepared:
    """The panel of one metric.

    Periods are those in which the treated unit has a value; a donor without a value in one of
    them is left out. A unit that becomes treated after the last period is still a donor.
    """
    y = rows.metric(metric.name)
    named = np.array([unit is not None for unit in rows.unit], dtype=bool)
    usable = named & np.isfinite(rows.period)
    complete = usable & np.isfinite(y)
    counts: dict[str, Any] = {"n_rows": len(rows), "n_incomplete": int((~complete).sum())}
    keys = Counter(zip(rows.unit[usable].tolist(), rows.period[usable].tolist(), strict=True))
    counts["n_duplicates"] = sum(count - 1 for count in keys.values())
    if not complete.any():
        return Prepared(None, "insufficient_data", **counts)
    if counts["n_duplicates"]:
        return Prepared(None, "duplicate_unit_periods", **counts)
    starts, reason = treated_starts(analysis, rows, usable)
    last = float(rows.period[complete].max())
    starts = {unit: start for unit, start in starts.items() if start <= last}
    counts["treated"] = tuple(sorted(starts))
    if reason is None and len(starts) != 1:
        reason = "several_treated_units" if starts else "no_treated"
    if reason is not None:
        return Prepared(None, reason, **counts)
    values: dict[str, dict[float, float]] = {}
    for unit, period, value in zip(rows.unit[complete].tolist(), rows.period[complete].tolist(),
                                   y[complete].tolist(), strict=True):  # fmt: skip
        values.setdefault(unit, {})[period] = value
    return _panel(values, *next(iter(starts.items())), analysis.settings.get("donors"), counts)


def _panel(
    values: dict[str, dict[float, float]], treated: str, start: float,
    asked: Collection[str] | None, counts: dict[str, Any],
) -> Prepared:  # fmt: skip
    own = values.pop(treated, {})
    periods = tuple(sorted(own))
    counts["periods"] = periods
    pool = sorted(set(values) & set(asked) if asked else values)
    counts["unknown"] = tuple(sorted(set(asked or ()) - set(values)))
    donors = [name for name in pool if all(period in values[name] for period in periods)]
    counts["dropped"] = tuple(name for name in pool if name not in donors)
    lost = sorted({period for name in pool for period in values[name]} - set(own))
    counts["lost_before"] = tuple(period for period in lost if period < start)
    counts["lost_after"] = tuple(period for period in lost if period >= start)
    columns = [[values[name][period] for period in periods] for name in donors]
    panel = Panel(
        treated=np.array([own[period] for period in periods], dtype=float),
        donors=np.array(columns, dtype=float).reshape(len(donors), len(periods)).T,
        names=tuple(donors),
        start=sum(period < start for period in periods),
    )
    reason = panel.problem
    return Prepared(None if reason else panel, reason, **counts)


def treated_starts(
    analysis: Analysis, rows: Rows, usable: np.ndarray[Any, np.dtype[np.bool_]]
) -> tuple[dict[str, float], str | None]:
    """First treated period of each treated unit; treatment_switches_off where it begins at several
    times for a unit, or ends."""
    units, periods = rows.unit[usable].tolist(), rows.period[usable].tolist()
    if analysis.settings.get("treated_from"):
        said: dict[str, set[float]] = {}
        for unit, start in zip(units, rows.treated_from[usable].tolist(), strict=True):
            said.setdefault(unit, set()).add(start if np.isfinite(start) else np.inf)
        if any(len(starts) > 1 for starts in said.values()):
            return {}, "treatment_switches_off"
        first = {unit: min(starts) for unit, starts in said.items()}
        return {unit: start for unit, start in first.items() if np.isfinite(start)}, None
    treated, post = rows.role("treated"), rows.role("post")
    if treated is None or post is None:
        return {}, None
    is_on = (treated[usable] > 0) & (post[usable] > 0)
    on: dict[str, list[float]] = {}
    off: dict[str, list[float]] = {}
    for unit, period, is_treated in zip(units, periods, is_on.tolist(), strict=True):
        (on if is_treated else off).setdefault(unit, []).append(period)
    starts_of = {unit: min(found) for unit, found in on.items()}
    ends = any(max(off.get(unit, [-np.inf])) > start for unit, start in starts_of.items())
    return (starts_of, "treatment_switches_off" if ends else None)

