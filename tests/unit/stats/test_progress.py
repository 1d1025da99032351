"""Days until the planned size, and the power curve of a running experiment."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
import stats_tables as st
from scipy.stats import norm
from statsmodels.stats.power import TTestIndPower

from causalops.estimators.randomised import ab_test, srm
from causalops.results import Row

HALF: dict[str, float | None] = {"control": 0.5, "t": 0.5}
LAST = st.START + dt.timedelta(days=30)


def size(
    by_day: dict[int, tuple[int, int]], phase: str = "enrolling", planned: int = 1000, **due: Any
) -> Row:
    """The check, from new units (control, t) by days before the as-of day."""
    counts = pd.concat([
        st.counts({"control": {"enrolled": new[0]}, "t": {"enrolled": new[1]}},
                  day=None if due.get("has_time") is False else LAST - dt.timedelta(days=back))
        for back, new in by_day.items()
    ])  # fmt: skip
    rows = srm.run(st.due(phase=phase, **due), st.registry([{"metric": "y"}], HALF,
                                                           n_planned=planned), counts)  # fmt: skip
    [row] = [row for row in rows if row.get("check_name") == "planned_size"]
    return row


def test_days_left_at_the_rate_of_the_last_week() -> None:
    """600 + 70 a week and 590 + 35 a week: t needs 375 units at 5 a day, 75 days."""
    days = dict.fromkeys(range(7), (10, 5)) | {20: (530, 555)}
    row = size(days)
    assert (row["status"], row["value"], row["value_name"]) == ("pass", 82.0, "days")
    assert (row["n"], row["threshold"], row["gates"]) == (590, 1000.0, False)
    until = LAST + dt.timedelta(days=82)
    assert row["message"] == (
        "The smallest arm has 590 of 1,000 planned units per arm. At 5 new units a day, arm t "
        f"needs 82 more days, until {until}."
    )


def test_the_arm_that_needs_longest_is_named_at_its_own_rate() -> None:
    """t, the smallest, needs 700 at 10 a day: 70 days; control 35 at one a week: 245. A full arm
    does not count, though it has the lowest rate."""
    row = size({0: (1, 70), 20: (964, 230)})
    assert (row["n"], row["value"]) == (300, 245.0)
    assert "300 of 1,000" in row["message"]
    assert "At 0.1 new units a day, arm control needs 245 more days" in row["message"]
    full = size(dict.fromkeys(range(7), (50, 0)) | {20: (0, 1200)})
    assert (full["n"], full["value"]) == (350, 13.0)
    assert "At 50 new units a day, arm control needs 13 more days" in full["message"]


def test_a_young_experiment_counts_the_days_it_has() -> None:
    row = size({0: (50, 50), 1: (50, 50), 2: (50, 50)})
    assert row["value"] == (1000 - 150) / 50


def test_enrolment_that_ends_too_early_is_said() -> None:
    row = size({0: (50, 50)}, end_date=LAST + dt.timedelta(days=4))
    assert row["message"].endswith(
        f"but enrolment ends on {LAST + dt.timedelta(days=4)}, 15 days too early."
    )


@pytest.mark.parametrize(
    ("by_day", "more", "status", "value", "reason"),
    [
        ({0: (1000, 1200)}, {}, "pass", 0.0, None),
        ({0: (1000, 1200)}, {"phase": "complete"}, "pass", 0.0, None),
        ({0: (900, 1200)}, {"phase": "maturing"}, "not_run", None, "enrolment_over"),
        ({0: (900, 0)}, {}, "not_run", None, "no_new_units"),
        ({8: (900, 900)}, {}, "not_run", None, "no_new_units"),
        ({0: (900, 900)}, {"has_time": False, "phase": "complete"}, "not_run", None, "not_timed"),
    ],
)
def test_when_nothing_is_left_or_nothing_can_be_said(
    by_day: dict[int, tuple[int, int]], more: dict[str, Any], status: str, value: float | None,
    reason: str | None,
) -> None:  # fmt: skip
    row = size(by_day, **more)
    assert (row["status"], row["value"], row["reason_code"]) == (status, value, reason)
    assert "1,000" in row["message"]


def curve(n: tuple[int, int], role: str = "primary", phase: str = "enrolling",
          planned: int = 5_000) -> list[Row]:  # fmt: skip
    rng = np.random.default_rng(2)
    units = pd.DataFrame({"variant": np.repeat(["control", "t"], n),
                          "y": rng.normal(size=sum(n))})  # fmt: skip
    rows = ab_test.run(
        st.due(phase=phase), st.registry([{"metric": "y", "metric_role": role}], HALF,
                                         n_planned=planned),
        st.moments(units), st.NO_PROFILE, st.NO_CAPS, st.NO_DAILY,
        st.counts({"control": {"enrolled": n[0]}, "t": {"enrolled": n[1]}}),
    )  # fmt: skip
    head = next(row for row in rows if row.get("is_headline") and row["scale"] == "absolute")
    found = [row for row in rows if row["row_kind"] == "curve" and row["curve"] == "power"]
    return [head, *found]


def test_power_now_and_at_the_planned_size() -> None:
    """Equal arms: the two-sample t test of statsmodels with the pooled deviation."""
    head, *points = curve((400, 400))
    assert {row["series"] for row in points} == {"now", "planned"}
    deviation = head["std_error"] * np.sqrt(400 / 2)
    for row in points[1:]:
        n = 400 if row["series"] == "now" else 5_000
        expected = TTestIndPower().power(row["x"] / deviation, n, 0.05) if row["x"] else 0.05
        if np.isfinite(expected):  # its far tail overflows where power is 1
            assert row["y"] == pytest.approx(expected, abs=2e-3 if n > 400 else 1e-4)
    at_mde = [row for row in points if row["seq"] == 5 and row["series"] == "now"]
    assert at_mde[0]["x"] == pytest.approx(head["mde"])
    assert at_mde[0]["y"] == pytest.approx(0.8, abs=2e-3)
    assert head["estimate"] not in [row["x"] for row in points]
    assert {(row["series"], row["n"]) for row in points} == {("now", 800), ("planned", 10_000)}


def test_planned_error_of_uneven_arms() -> None:
    """V (1 / 900 + 1 / 100) shrinks to V (2 / 5000): x where power is .8 moves by the root."""
    head, *points = curve((900, 100))
    planned = [row for row in points if row["series"] == "planned"]
    error = head["std_error"] * np.sqrt((2 / 5_000) / (1 / 900 + 1 / 100))
    for row in planned:
        z = norm.isf(0.025)
        expected = norm.sf(z - row["x"] / error) + norm.cdf(-z - row["x"] / error)
        assert row["y"] == pytest.approx(expected, abs=1e-3)


def test_no_power_curve_after_the_end_or_for_other_roles() -> None:
    assert curve((400, 400), phase="complete")[1:] == []
    assert curve((400, 400), role="secondary")[1:] == []
    assert {row["series"] for row in curve((400, 400), planned=400)[1:]} == {"now"}


def test_more_units_never_find_less() -> None:
    """An arm that is larger than planned stays as it is: V (1 / 1000 + 1 / 20000)."""
    head, *points = curve((20_000, 900), planned=1_000)
    by_series = {name: [row["y"] for row in points if row["series"] == name]
                 for name in ("now", "planned")}  # fmt: skip
    assert {row["n"] for row in points if row["series"] == "planned"} == {21_000}
    assert all(later >= now for now, later in zip(*by_series.values(), strict=True))
    error = head["std_error"] * np.sqrt((1 / 1_000 + 1 / 20_000) / (1 / 900 + 1 / 20_000))
    for row in points:
        if row["series"] == "planned":
            distance, z = row["x"] / error, norm.isf(0.025)
            expected = norm.sf(z - distance) + norm.cdf(-z - distance)
            assert row["y"] == pytest.approx(expected, abs=1e-3)
