"""Result rows of a synthetic control: levels near zero, periods the treated unit lacks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from causalops.estimators.quasi import synthetic_control
from causalops.estimators.quasi.analysis import study_rows
from causalops.estimators.quasi.inputs import Analysis, Metric, Rows, Study
from causalops.moments import Floats
from causalops.results import Row

METRIC = Metric("y", "primary", "increase")
SETTINGS: dict[str, Any] = {
    "alpha": 0.1, "method": "convex_weights", "variant": "treated", "baseline": "untreated",
    "unit": "id", "cluster": None, "treated_from": "start",
}  # fmt: skip
DONORS, PERIODS, START, EFFECT = 12, 20, 14, 5.0


def outcomes(level: float = 50.0) -> Floats:
    """Outcomes (periods, units); unit 0 is treated from period 14 on. The synthetic control's
    average over the treated periods lies at `level`, to rounding."""
    rng = np.random.default_rng(5)
    values = rng.normal(size=(PERIODS, DONORS + 1)).cumsum(axis=0) + 50
    values[:, 0] = values[:, 1:4].mean(axis=1) + 0.1 * rng.normal(size=PERIODS)
    values[START:, 0] += EFFECT
    data = table(values)
    [head] = [row for row in made(data) if row["is_headline"] and row["scale"] == "absolute"]
    values[START:] += level - head["mean_baseline"]
    return np.asarray(values)


def table(values: Floats, lost: tuple[int, ...] = ()) -> Rows:
    """A row is a unit and period; the treated unit has none in the periods `lost`."""
    n, width = values.shape
    period, unit = np.repeat(np.arange(n, dtype=float), width), np.tile(np.arange(width), n)
    keep = (unit > 0) | ~np.isin(period, lost)
    start = np.where(unit == 0, float(START), np.nan)
    nobody = np.full(keep.sum(), None, dtype=object)
    return Rows(
        unit=np.array([f"unit {one:02}" for one in unit[keep]], dtype=object), cluster=nobody,
        period=period[keep], treated_from=start[keep],
        numbers={("metric", "y"): values.ravel()[keep]},
    )  # fmt: skip


def made(data: Rows) -> list[Row]:
    bare = Study("e", "synthetic_control", 1, (METRIC,), {}, frozenset())
    analysis = Analysis(bare, "main", SETTINGS, {("metric", "y"): "v_1"})
    study = replace(bare, analyses=(replace(analysis, study=bare),))
    return study_rows(study, synthetic_control._metric_rows, lambda _: data, "att")


def headline(rows: list[Row], scale: str = "absolute") -> Row:
    [row] = [row for row in rows if row["is_headline"] and row["scale"] == scale]
    return row


def balanced(rows: list[Row]) -> Row:
    [row] = [row for row in rows if row["check_name"] == "balanced_panel"]
    return row


@pytest.mark.parametrize("level", [1e-16, -1e-15, 0.01])
def test_a_level_near_zero_has_no_relative_effect(level: float) -> None:
    rows = made(table(outcomes(level)))
    row = headline(rows, "relative")
    assert row["reason_code"] == "baseline_near_zero"
    assert (row["status"], row["ci_shape"]) == ("warning", "whole_line")
    found = [row[key] for key in ("estimate", "p_value", "ci_low", "ci_high")]
    assert found == [None, None, None, None]
    assert headline(rows)["estimate"] == pytest.approx(EFFECT, abs=0.5)


def test_the_relative_effect_is_over_the_size_of_the_level() -> None:
    for level in (50.0, -50.0):
        rows = made(table(outcomes(level)))
        effect, share = headline(rows), headline(rows, "relative")
        assert effect["mean_baseline"] == pytest.approx(level)
        assert share["estimate"] == pytest.approx(effect["estimate"] / 50)
        assert share["ci_high"] == pytest.approx(effect["ci_high"] / 50)


def test_a_level_of_exactly_zero_is_undefined() -> None:
    values = outcomes()
    values[START:, 1:] = 0.0
    assert headline(made(table(values)), "relative")["reason_code"] == "relative_undefined"


def test_treated_periods_that_only_donors_have_are_named_and_speak() -> None:
    values = outcomes()
    values[START + 2 : START + 4, 0] += 20  # the effect of just those periods is another one
    whole, part = made(table(values)), made(table(values, lost=(START + 2, START + 3)))
    assert (balanced(whole)["status"], headline(whole)["status"]) == ("pass", "ok")
    found, row = balanced(part), headline(part)
    assert (found["status"], found["reason_code"]) == ("fail", "treated_periods_missing")
    assert json.loads(found["details"]) == {"treated_lacks": ["16", "17"]}
    assert (found["value"], found["n"]) == (2, 0)
    assert row["estimate"] != pytest.approx(headline(whole)["estimate"], abs=1)
    assert (row["status"], row["reason_code"]) == ("warning", "treated_periods_missing")


def test_earlier_periods_that_only_donors_have_are_named() -> None:
    rows = made(table(outcomes(), lost=(0, 3)))
    found = balanced(rows)
    assert (found["status"], found["reason_code"]) == ("warn", "treated_periods_missing")
    assert json.loads(found["details"]) == {"treated_lacks": ["0", "3"]}
    assert headline(rows)["status"] == "ok"
