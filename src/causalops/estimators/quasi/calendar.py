"""Is a set of periods a calendar: equally spaced, each once, and which ones are missing?

Whole numbers and dates are understood. Dates that share their day of the month (or all end
a month) are months; a step of 3 or 12 of them is a quarter or a year. The step is the greatest
one on which all periods lie, so a series with holes keeps the step it has.
"""

from __future__ import annotations

import calendar as civil
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from causalops.estimators.quasi.segmented import Series
from causalops.moments import Floats

Period = int | float | date
GAP_RULES = ("refuse", "leave_out", "zero")
MAX_MISSING = 0.2  # share of periods without a value that `leave_out` still accepts
LONGEST = 100_000  # periods; a wider grid comes from a stray date
_NAMES = {("month", 1): "month", ("month", 3): "quarter", ("month", 12): "year",
          ("day", 1): "day", ("day", 7): "week"}  # fmt: skip


@dataclass(frozen=True)
class Calendar:
    """Every period from first to last, and the indices that have no row.

    `unit` is integer, day or month, `step` how many of them lie between two periods.
    `problem` is a reason code: insufficient_data, duplicate_rows or irregular_calendar.
    """

    periods: tuple[Any, ...] = ()
    missing: tuple[int, ...] = ()
    unit: str = "integer"
    step: int = 1
    problem: str | None = None

    @property
    def name(self) -> str:
        """What one period is: month, quarter, year, week, day, or the step in its unit."""
        plain = f"{self.step} {self.unit}s" if self.step > 1 else self.unit
        return _NAMES.get((self.unit, self.step), plain)

    def index_from(self, intervention: Any) -> int | None:
        """Index of the first period at or after the intervention; None if it cannot be compared.

        The number of periods if the intervention lies after them all.
        """
        if not self.periods:
            return None
        if isinstance(intervention, date) is not isinstance(self.periods[0], date):
            return None
        return sum(bool(period < intervention) for period in self.periods)


def read(periods: Sequence[Period]) -> Calendar:
    """The calendar that these periods lie on, in any order."""
    if len(periods) < 2:
        return Calendar(tuple(periods), problem="insufficient_data")
    found = _ordinals(periods)
    if found is None:
        return Calendar(problem="irregular_calendar")
    unit, ordinals = found
    if max(Counter(ordinals).values()) > 1:
        return Calendar(problem="duplicate_rows")
    first, last = min(ordinals), max(ordinals)
    step = math.gcd(*(value - first for value in ordinals))
    grid = range(first, last + 1, step)
    if len(grid) > LONGEST:
        return Calendar(unit=unit, step=step, problem="irregular_calendar")
    known = dict(zip(ordinals, periods, strict=True))
    ends_month = unit == "month" and all(_ends_month(period) for period in periods)
    filled = tuple(
        known[at] if at in known else _period(unit, at, periods[0], ends_month) for at in grid
    )
    missing = tuple(index for index, at in enumerate(grid) if at not in known)
    return Calendar(filled, missing, unit, step)


def series(
    calendar: Calendar,
    values: Mapping[Any, float],
    start: int,
    rule: str = "refuse",
    season: int | None = None,
    controls: Mapping[str, Mapping[Any, float]] | None = None,
) -> tuple[Series | None, str | None]:
    """The values by period as a series without holes, or the reason code why there is none.

    A period without a row, or without a value or a control, is a gap. `refuse`: calendar_gaps;
    `leave_out`: takes part in nothing (too_many_gaps above a fifth); `zero`: the value is 0 where
    there is no row, as for counts of events, while a missing value or control stays a gap.
    """
    columns = {"": values, **(controls or {})}
    held = {name: _column(calendar, column) for name, column in columns.items()}
    if rule == "zero":
        held[""][list(calendar.missing)] = 0.0
    gaps = np.flatnonzero(~np.isfinite(np.array(list(held.values()))).all(axis=0))
    if len(gaps) and rule in ("refuse", "zero"):
        return None, "calendar_gaps"
    if len(gaps) > MAX_MISSING * len(calendar.periods):
        return None, "too_many_gaps"
    for column in held.values():
        seen = column[np.isfinite(column)]
        column[gaps] = float(seen.mean()) if len(seen) else 0.0
    y = held.pop("")
    return Series(y, start, season, held, tuple(int(index) for index in gaps)), None


def _column(calendar: Calendar, column: Mapping[Any, float]) -> Floats:
    return np.array([column.get(period, math.nan) for period in calendar.periods], dtype=float)


def _ordinals(periods: Sequence[Period]) -> tuple[str, list[int]] | None:
    """The unit, and each period counted in it; None if they are not of one kind."""
    days = [period for period in periods if isinstance(period, date)]
    if len(days) == len(periods):
        return _dated(days)
    numbers = [period for period in periods if isinstance(period, int | float)]
    if len(numbers) < len(periods) or any(number != math.floor(number) for number in numbers
                                          if math.isfinite(number)):  # fmt: skip
        return None
    if not all(map(math.isfinite, numbers)):
        return None
    return "integer", [int(number) for number in numbers]


def _dated(days: Sequence[date]) -> tuple[str, list[int]]:
    if len({day.day for day in days}) == 1 or all(_ends_month(day) for day in days):
        return "month", [12 * day.year + day.month - 1 for day in days]
    return "day", [day.toordinal() for day in days]


def _ends_month(day: Any) -> bool:
    return bool(day.day == civil.monthrange(day.year, day.month)[1])


def _period(unit: str, at: int, like: Any, ends_month: bool) -> Any:
    """The period of an ordinal, of the same kind as the ones that have rows."""
    if unit == "integer":
        return type(like)(at)
    if unit == "day":
        return like + timedelta(days=at - like.toordinal())
    year, month = divmod(at, 12)
    day = civil.monthrange(year, month + 1)[1] if ends_month else like.day
    return like.replace(year=year, month=month + 1, day=day)
