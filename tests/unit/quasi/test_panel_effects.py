"""Panels that cannot be fitted as asked say so; the effects are exact."""

from __future__ import annotations

import numpy as np
import pytest

from causalops.estimators.quasi.effects import codes, one_way, two_way
from causalops.estimators.quasi.hausman import hausman
from causalops.estimators.quasi.panel_fixed_effects import (
    PERIOD,
    UNIT,
    panel_fixed_effects,
    panel_ols_covariance,
)
from causalops.estimators.quasi.regression import CLASSIC
from causalops.reasons import REASONS

RNG = np.random.default_rng(9)
UNITS, PERIODS = np.repeat(np.arange(20), 6), np.tile(np.arange(6), 20)
X, NOISE = RNG.normal(size=(2, 120))
Y = 2 * X + UNITS + PERIODS**2 + NOISE


@pytest.mark.parametrize("keep", [0.3, 0.7, 1.0])
def test_two_way_effects_are_those_of_dummies(keep: float) -> None:
    """Also where rows fall apart into groups that no row connects; weighted."""
    use = RNG.random(120) < keep
    units, periods, weights = codes(UNITS[use]), codes(PERIODS[use]), RNG.random(use.sum()) + 0.1
    dummies = np.column_stack([np.eye(units.max() + 1)[units], np.eye(periods.max() + 1)[periods]])
    root = np.sqrt(weights)[:, None]
    columns = np.column_stack([Y, X])[use]
    fitted = dummies @ np.linalg.lstsq(dummies * root, columns * root, rcond=None)[0]
    for first, second in ((units, periods), (periods, units)):
        found = two_way(columns, first, second, weights)
        assert found.columns == pytest.approx(columns - fitted, abs=1e-10)
        assert found.n_effects == np.linalg.matrix_rank(dummies)


def test_groups_that_no_row_connects() -> None:
    units, periods = codes([0, 0, 1, 1, 2, 2, 3, 3]), codes([0, 1, 0, 1, 2, 3, 2, 3])
    found = two_way(np.arange(8.0)[:, None], units, periods, np.ones(8))
    assert found.n_effects == 4 + 4 - 2
    assert found.columns == pytest.approx(np.zeros((8, 1)), abs=1e-12)


def test_one_way_effects() -> None:
    found = one_way(X[:, None], codes(UNITS), np.ones(120))
    assert found.n_effects == 20
    assert np.bincount(UNITS, found.columns[:, 0]) == pytest.approx(np.zeros(20), abs=1e-12)


def test_duplicates_are_refused_and_counted() -> None:
    periods = PERIODS.copy()
    periods[1] = periods[2] = 0
    panel = panel_fixed_effects(UNITS, periods, Y, {"x": X})
    assert "duplicate_unit_periods" in REASONS
    assert (panel.fit.reason_code, panel.n_duplicates) == ("duplicate_unit_periods", 2)
    found = panel.fit.inference("x", CLASSIC, 0.05)
    assert (found.estimate, found.status) == (None, "skipped")
    assert panel_ols_covariance(panel) == "duplicate_unit_periods"


def test_columns_without_variation_within_the_effects_are_named() -> None:
    columns = {"age": UNITS * 2.0, "x": X, "year": PERIODS + 2000.0, "twice": X * 2 + UNITS}
    both = panel_fixed_effects(UNITS, PERIODS, Y, columns, (UNIT, PERIOD))
    assert both.fit.names == ("x",)
    assert [str(item) for item in both.fit.dropped] == [
        "age is a combination of unit and period effects",
        "year is a combination of unit and period effects",
        "twice is a combination of x",
    ]
    alone = panel_fixed_effects(UNITS, PERIODS, Y, {"x": X}, (UNIT, PERIOD))
    assert both.fit.coefficients == pytest.approx(alone.fit.coefficients)
    one = panel_fixed_effects(UNITS, PERIODS, Y, columns)
    assert one.fit.names == ("x", "year")
    none = panel_fixed_effects(UNITS, PERIODS, Y, {"age": UNITS * 2.0})
    assert (none.fit.reason_code, len(none.fit.dropped)) == ("collinear", 1)


def test_missing_values_are_left_out_and_counted() -> None:
    y, weights = Y.copy(), np.ones(120)
    y[5], weights[7] = np.nan, 0.0
    panel = panel_fixed_effects(UNITS, PERIODS, y, {"x": X}, weights=weights)
    assert (panel.n_incomplete, panel.fit.residuals.n) == (2, 118)
    empty = panel_fixed_effects(UNITS, PERIODS, np.full(120, np.nan), {"x": X})
    assert (empty.fit.reason_code, empty.n_incomplete) == ("too_few_rows", 120)


def test_an_outcome_that_the_effects_explain() -> None:
    for effects in ((UNIT,), (UNIT, PERIOD)):
        panel = panel_fixed_effects(UNITS, PERIODS, UNITS * 3.0, {"x": X}, effects)
        found = panel.fit.inference("x", "cr1", 0.05)
        assert (found.std_error, found.reason_code) == (None, "perfect_fit")


def test_nested_effects_are_not_counted_twice() -> None:
    """Clusters above the unit hold its effects, clusters across units do not."""
    region = UNITS // 4
    panel = panel_fixed_effects(UNITS, PERIODS, Y, {"x": X}, (UNIT, PERIOD), clusters=region)
    assert (panel.fit.residuals.n_clusters, panel.fit.residuals.n_nested) == (5, 19)
    crossed = panel_fixed_effects(UNITS, PERIODS, Y, {"x": X}, (UNIT,), clusters=PERIODS)
    assert (crossed.fit.residuals.n_clusters, crossed.fit.residuals.n_nested) == (6, 0)


def test_row_order_does_not_matter() -> None:
    order = RNG.permutation(120)
    first = panel_fixed_effects(UNITS, PERIODS, Y, {"x": X}, (UNIT, PERIOD))
    again = panel_fixed_effects(
        UNITS[order], PERIODS[order], Y[order], {"x": X[order]}, (UNIT, PERIOD)
    )
    one, two = (panel.fit.inference("x", "cr1", 0.05) for panel in (first, again))
    assert [one.estimate, one.std_error] == pytest.approx([two.estimate, two.std_error], rel=1e-12)


def test_hausman_where_it_cannot_be() -> None:
    few = hausman(UNITS[:12], PERIODS[:12], Y[:12], {"x": X[:12]})
    assert (few.p_value, few.reason_code) == (None, "too_few_rows")
    fixed = hausman(UNITS, PERIODS, Y, {"age": UNITS * 1.0})
    assert (fixed.p_value, fixed.reason_code) == (None, "collinear")
    units, periods = np.repeat(np.arange(80), 5), np.tile(np.arange(5), 80)
    level, noise = RNG.normal(size=80)[units], RNG.normal(size=(2, 400))
    for shared, is_related in ((0.0, False), (0.7, True)):
        x = noise[0] + shared * level
        test = hausman(units, periods, x + level + noise[1], {"x": x})
        assert test.p_value is not None
        assert (test.p_value < 1e-4) == is_related
