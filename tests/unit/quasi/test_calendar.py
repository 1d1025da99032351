"""Regular calendars, their gaps, and what is not a calendar."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from causalops.estimators.quasi.calendar import read, series
from causalops.estimators.quasi.segmented import Series

DAY = date(2026, 1, 1)
MONTHS = [date(2025 + m // 12, m % 12 + 1, 1) for m in range(18)]
MONTH_ENDS = [date(2026, month, day) for month, day in ((1, 31), (2, 28), (3, 31), (4, 30))]


@pytest.mark.parametrize(
    ("periods", "name"),
    [
        ([1871, 1872, 1873], "integer"),
        ([1871.0, 1873.0, 1875.0], "2 integers"),
        ([DAY + timedelta(days=i) for i in range(40)], "day"),
        ([DAY + timedelta(weeks=i) for i in range(9)], "week"),
        ([DAY + timedelta(weeks=2 * i) for i in range(9)], "14 days"),
        (MONTHS, "month"),
        (MONTHS[::3], "quarter"),
        ([date(year, 7, 1) for year in range(2000, 2009)], "year"),
        (MONTH_ENDS, "month"),
    ],
)
def test_regular(periods: list[Any], name: str) -> None:
    found = read(periods[::-1])
    assert found.problem is None
    assert found.name == name
    assert found.missing == ()
    assert list(found.periods) == periods


@pytest.mark.parametrize(
    ("periods", "problem"),
    [
        ([], "insufficient_data"),
        ([3], "insufficient_data"),
        ([1, 2, 2], "duplicate_rows"),
        ([date(2026, 1, 1), date(2026, 1, 1)], "duplicate_rows"),
        ([1.5, 2.5], "irregular_calendar"),
        ([math.nan, 2.0], "irregular_calendar"),
        ([math.inf, 2.0], "irregular_calendar"),
        ([1, date(2026, 1, 1)], "irregular_calendar"),
        (["a", "b"], "irregular_calendar"),
        ([1, 2, 10**9], "irregular_calendar"),
    ],
)
def test_not_a_calendar(periods: list[Any], problem: str) -> None:
    assert read(periods).problem == problem


@pytest.mark.parametrize(
    "periods",
    [
        list(range(20)),
        MONTHS,
        [date(y, m, 28 + (m != 2) * 2 + (m in (1, 3, 5, 7, 8, 10, 12))) for y in (2025, 2026)
         for m in range(1, 13)],
        [DAY + timedelta(weeks=i) for i in range(20)],
    ],
)  # fmt: skip
def test_holes_are_found_and_named(periods: list[Any]) -> None:
    holes = (1, 7, 8)
    found = read([period for index, period in enumerate(periods) if index not in holes])
    assert found.missing == holes
    assert list(found.periods) == periods


@pytest.mark.parametrize(
    ("periods", "intervention", "index"),
    [
        ([1, 2, 3, 4], 3, 2),
        ([1, 2, 3, 4], 2.5, 2),
        ([1, 2, 3, 4], 9, 4),
        ([1, 2, 3, 4], 0, 0),
        (MONTHS, date(2025, 5, 15), 5),
        (MONTHS, date(2025, 5, 1), 4),
        ([1, 2, 3], date(2026, 1, 1), None),
        (MONTHS, 2025, None),
        ([], 1, None),
    ],
)
def test_first_period_of_the_intervention(
    periods: list[Any], intervention: Any, index: int | None
) -> None:
    assert read(periods).index_from(intervention) == index


def filled(
    rule: str, values: dict[int, float], controls: dict[str, dict[int, float]] | None = None
) -> tuple[Series | None, str | None]:
    return series(read(list(values)), values, 5, rule, controls=controls)


def test_gap_rules() -> None:
    values = {index: float(index) for index in range(10) if index != 4}
    assert filled("refuse", values) == (None, "calendar_gaps")
    zero, _ = filled("zero", values)
    assert zero is not None
    assert zero.y.tolist() == [0, 1, 2, 3, 0, 5, 6, 7, 8, 9]
    assert zero.missing == ()
    left, _ = filled("leave_out", values)
    assert left is not None
    assert left.missing == (4,)
    assert np.isfinite(left.y).all()


def test_a_missing_value_is_a_gap_but_never_zero() -> None:
    values = {index: math.nan if index == 4 else float(index) for index in range(10)}
    assert filled("zero", values) == (None, "calendar_gaps")
    left, _ = filled("leave_out", values, {"price": dict.fromkeys(range(9), 1.0)})
    assert left is not None
    assert left.missing == (4, 9)


def test_too_many_gaps() -> None:
    values = {index: float(index) for index in (0, 1, 2, 3, 5, 8, 9)}
    assert filled("leave_out", values) == (None, "too_many_gaps")
