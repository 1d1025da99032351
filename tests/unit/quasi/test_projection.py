"""The effect by period, its sum, its ratio to the projection, and placebo dates."""

from __future__ import annotations

import numpy as np
import pytest

from causalops.estimators.quasi import projection as pj
from causalops.estimators.quasi.autoregression import reml
from causalops.estimators.quasi.segmented import Regression, Series, design, newey_west, ols
from causalops.moments import Floats


def simulated(level: float = 4.0, slope: float = 0.5, seed: int = 4) -> Series:
    rng = np.random.default_rng(seed)
    t = np.arange(48)
    y = 20 + 0.3 * t + 2 * (t % 4 == 1) + rng.normal(size=48)
    return Series(y + (t >= 30) * (level + slope * (t - 30)), 30, 4)


@pytest.fixture(scope="module")
def fit() -> Regression:
    series = simulated()
    return reml(series.y, design(series))


def test_projection_and_fit_differ_by_the_effect(fit: Regression) -> None:
    plan = design(simulated())
    gap = pj.fitted(fit, plan, 0.05).line - pj.projection(fit, plan, 0.05).line
    assert gap[:30] == pytest.approx(np.zeros(30), abs=1e-9)
    for since in (0, 5, 17):
        assert gap[30 + since] == pytest.approx(fit.estimate(pj.at_period(fit, since)), rel=1e-9)
    for periods in (1, 18):
        total = fit.estimate(pj.summed(fit, periods))
        assert gap[30 : 30 + periods].sum() == pytest.approx(total, rel=1e-9)


def test_ols_effects_add_up_to_observed_less_projected() -> None:
    series = simulated()
    plan = design(series)
    found = ols(series.y, plan)
    projected = pj.projection(found, plan, 0.05).line
    total = found.estimate(pj.summed(found, 18))
    assert total == pytest.approx(float((series.y - projected)[30:].sum()), rel=1e-9)


def test_the_sum_is_not_a_sum_of_independent_periods(fit: Regression) -> None:
    by_period = [fit.variance(pj.at_period(fit, since)) for since in range(18)]
    total = fit.variance(pj.summed(fit, 18))
    assert total > 3 * sum(by_period)
    assert total == pytest.approx(
        sum(
            float(pj.at_period(fit, a) @ fit.covariance @ pj.at_period(fit, b))
            for a in range(18) for b in range(18)
        ), rel=1e-9,
    )  # fmt: skip


def test_bands_widen_away_from_the_data(fit: Regression) -> None:
    band = pj.projection(fit, design(simulated()), 0.05)
    width = band.high - band.low
    assert width[47] > width[30] > width[15] > 0
    assert ((band.line > band.low) & (band.line < band.high)).all()


def test_relative_effect_against_the_delta_method(fit: Regression) -> None:
    plan = design(simulated())
    found = pj.relative(fit, plan, range(30, 31), 0.05)
    base = pj.projection(fit, plan, 0.05).line[30]
    level = fit.estimate(pj.at_period(fit, 0))
    assert found.estimate == pytest.approx(level / base, rel=1e-9)
    weights = pj.at_period(fit, 0)
    without = plan.matrix[30] * [not name.startswith(pj.EFFECTS) for name in plan.names]
    gradient = weights / base - level / base**2 * without
    error = float(gradient @ fit.covariance @ gradient) ** 0.5
    assert found.std_error == pytest.approx(error, rel=1e-9)
    nothing = pj.relative(fit, plan, range(48, 48), 0.05)
    assert (nothing.status, nothing.reason_code) == ("skipped", "insufficient_data")


def test_a_projection_near_zero_has_no_relative_number() -> None:
    series = simulated()
    series = Series(series.y - 29.0, 30, 4)
    plan = design(series)
    found = pj.relative(reml(series.y, plan), plan, range(30, 31), 0.05)
    assert (found.estimate, found.reason_code) == (None, "baseline_near_zero")


def placebos(series: Series) -> list[pj.Placebo]:
    return pj.placebo_dates(series, reml, 0.05)


def test_placebo_dates_stay_before_the_intervention() -> None:
    found = placebos(simulated(level=500.0))
    assert len(found) == pj.MAX_PLACEBOS
    assert 5 <= found[0].index < found[-1].index <= 25
    assert found == placebos(simulated(level=-9.0))
    assert min(one.p_adjusted or 0.0 for one in found) > 0.05


def test_a_shift_before_the_intervention_is_found() -> None:
    series = simulated()
    early: Floats = series.y + 8.0 * (np.arange(48) >= 15)
    found = placebos(Series(early, 30, 4))
    smallest = min(found, key=lambda one: one.p_adjusted or 0.0)
    assert smallest.index == 15
    assert (smallest.p_adjusted or 1.0) < 0.01


def test_a_short_pre_period_has_no_placebo_dates() -> None:
    series = simulated()
    assert placebos(Series(series.y[24:], 6, None)) == []
    constant = Series(np.concatenate([np.ones(20), series.y[:9]]), 20)
    assert placebos(constant) == []


def test_without_a_slope_the_level_is_the_effect_of_every_period() -> None:
    series = simulated(slope=0.0)
    plan = design(series, has_slope=False)
    fit = newey_west(series.y, plan)
    assert "slope" not in plan.names
    assert fit.estimate(pj.at_period(fit, 9)) == fit.estimate(pj.at_period(fit, 0))
