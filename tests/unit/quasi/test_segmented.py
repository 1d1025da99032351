"""Series that segmented regression must refuse, and what must not change a result."""

from __future__ import annotations

import numpy as np
import pytest

from causalops.estimators.quasi.autoregression import coefficients, reml, whiten
from causalops.estimators.quasi.projection import at_period, effect
from causalops.estimators.quasi.residual_checks import (
    autocorrelations,
    durbin_watson,
    ljung_box,
    usual_lags,
)
from causalops.estimators.quasi.segmented import (
    Series,
    dependent,
    design,
    is_exact,
    newey_west,
    ols,
)
from causalops.moments import Floats


def walk(n: int, seed: int = 3) -> Floats:
    rng = np.random.default_rng(seed)
    return np.asarray(10 + rng.normal(size=n).cumsum() * 0.3 + rng.normal(size=n))


@pytest.mark.parametrize(
    ("n", "start", "season"),
    [(30, 2, None), (30, 28, None), (30, 0, None), (30, 30, None), (6, 3, None), (15, 8, 12),
     (39, 20, 20)],
)  # fmt: skip
def test_too_short(n: int, start: int, season: int | None) -> None:
    assert design(Series(walk(n), start, season)).problem == "insufficient_data"


def test_the_shortest_series_that_is_answered() -> None:
    plan = design(Series(walk(7), 3))
    assert plan.problem is None
    found = effect(reml(walk(7), plan), np.array([0.0, 0.0, 1.0, 0.0]), 0.05)
    assert found.status == "ok"
    assert found.p_value is not None


def test_gaps_count_towards_the_length() -> None:
    assert design(Series(walk(8), 4, missing=(0,))).problem is None
    assert design(Series(walk(8), 4, missing=(0, 1))).problem == "insufficient_data"


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("constant", np.full(40, 1e6)),
        ("trend_again", 5 + 2 * np.arange(40.0)),
        ("the_intervention", 3 - (np.arange(40) >= 20)),
        ("nearly_the_trend", np.arange(40.0) + 1e-11 * walk(40)),
    ],
)
def test_collinear_controls_are_named(name: str, column: Floats) -> None:
    controls = {"price": walk(40, 7), name: column.astype(float)}
    plan = design(Series(walk(40), 20, controls=controls))
    assert plan.problem == "collinear"
    assert plan.columns == (f"control_{name}",)


def test_controls_of_any_size_are_not_called_collinear() -> None:
    columns = np.column_stack([np.ones(40), 1e9 + walk(40, 5), 1e-9 * walk(40, 6)])
    assert dependent(["one", "large", "small"], columns) == []


def test_values_that_are_not_finite() -> None:
    y = walk(30)
    y[4] = np.inf
    assert design(Series(y, 15)).problem == "not_finite"
    control = walk(30)
    control[2] = np.nan
    plan = design(Series(walk(30), 15, controls={"x": control}))
    assert (plan.problem, plan.columns) == ("not_finite", ("control_x",))


@pytest.mark.parametrize("y", [np.full(30, 7.0), 3 + 0.5 * np.arange(30) - 2 * (np.arange(30) > 9)])
def test_an_exact_series_has_no_error_to_test_with(y: Floats) -> None:
    assert is_exact(y, ols(y, design(Series(y, 10))).residuals)
    assert not is_exact(walk(30), ols(walk(30), design(Series(y, 10))).residuals)


def test_units_and_offsets_of_the_series_do_not_matter() -> None:
    plan = design(Series(walk(40), 20))
    base = reml(walk(40), plan)
    for scale, offset in ((1e-6, 0.0), (1e6, 0.0), (1.0, 1e7)):
        y = scale * walk(40) + offset
        found = reml(y, plan)
        weights = at_period(found, 5)
        rel = 1e-5 if offset else 1e-6
        assert found.coefficients == pytest.approx(base.coefficients, rel=rel)
        assert found.estimate(weights) == pytest.approx(scale * base.estimate(weights), rel=rel)
        assert found.df(weights) == pytest.approx(base.df(weights), rel=1e-4)


def test_a_control_may_lie_far_from_zero() -> None:
    control = walk(40, 9)
    fits = [reml(walk(40), design(Series(walk(40), 20, controls={"x": control + offset})))
            for offset in (0.0, 1e8)]  # fmt: skip
    for term in ("level", "control_x"):
        near, far = (fit.estimate(fit.weights({term: 1.0})) for fit in fits)
        assert far == pytest.approx(near, rel=1e-6)


def test_the_error_grows_with_what_is_unknown() -> None:
    """Satterthwaite never promises more than n - k degrees of freedom, nor less than one."""
    for n in (8, 12, 40):
        fit = reml(walk(n), design(Series(walk(n), n // 2)))
        for weights in (at_period(fit, 0), fit.weights({"slope": 1.0})):
            assert 1 <= fit.df(weights) <= fit.residual_df == n - 4


@pytest.mark.parametrize("n", [40, 41])
def test_a_random_walk_stays_finite(n: int) -> None:
    y = np.random.default_rng(2).normal(size=n).cumsum()
    fit = reml(y, design(Series(y, 20)))
    assert -1 < fit.coefficients[0] < 1
    assert effect(fit, at_period(fit, 0), 0.05).status == "ok"


def test_order_zero_is_ordinary_least_squares() -> None:
    plan = design(Series(walk(40), 20, 4))
    plain, found = ols(walk(40), plan), reml(walk(40), plan, 0)
    assert found.beta == pytest.approx(plain.beta, rel=1e-10)
    assert found.covariance == pytest.approx(plain.covariance, rel=1e-9)
    assert found.df(at_period(found, 0)) == plain.residual_df


def test_whitening_removes_the_autoregression() -> None:
    partial = np.array([0.6, -0.3])
    phi = coefficients(partial)[-1]
    assert phi == pytest.approx([0.6 + 0.3 * 0.6, -0.3])
    rng = np.random.default_rng(1)
    e = rng.normal(size=5_000)
    y = np.zeros(5_000)
    for t in range(2, 5_000):
        y[t] = phi[0] * y[t - 1] + phi[1] * y[t - 2] + e[t]
    assert whiten(y, partial)[2:] == pytest.approx(e[2:], abs=1e-12)


def test_hac_without_lags_is_the_robust_error() -> None:
    plan = design(Series(walk(40), 20))
    fit = newey_west(walk(40), plan, 0)
    inverse = np.linalg.inv(plan.matrix.T @ plan.matrix)
    scores = plan.matrix * fit.residuals[:, None]
    hc1 = 40 / 36 * inverse @ scores.T @ scores @ inverse
    assert fit.covariance == pytest.approx(hc1, rel=1e-6)


def test_hac_counts_periods_with_a_value() -> None:
    """60 periods with 5 gaps: factor 55 / 51, and lags of 55, as if the sums ran over these."""
    gaps = (5, 6, 20, 44, 59)
    plan = design(Series(walk(60), 30, missing=gaps))
    assert plan.observations == 55
    fit = newey_west(walk(60), plan)
    used = ~np.isin(np.arange(60), gaps)
    columns = plan.matrix[:, :4] * used[:, None]
    beta = np.linalg.lstsq(columns[used], walk(60)[used], rcond=None)[0]
    scores = columns * (walk(60) - columns @ beta)[:, None]
    meat = scores.T @ scores
    for lag in range(1, 4):
        cross = scores[lag:].T @ scores[:-lag]
        meat += (1 - lag / 4) * (cross + cross.T)
    bread = np.linalg.inv(columns.T @ columns)
    assert fit.covariance[:4, :4] == pytest.approx(55 / 51 * bread @ meat @ bread, rel=1e-6)
    assert fit.residual_df == 51


def test_gaps_do_not_count_as_observations_elsewhere() -> None:
    assert design(Series(walk(24), 8, 12)).problem is None
    assert design(Series(walk(24), 8, 12, missing=(3,))).problem == "insufficient_data"
    short, held = walk(40), np.append(walk(40) - walk(40).mean(), np.zeros(4))
    plain, with_gaps = ljung_box(short, 5), ljung_box(held, 5, gaps=4)
    assert plain is not None
    assert with_gaps is not None
    assert with_gaps.statistic == pytest.approx(plain.statistic, rel=1e-12)


def test_residual_checks_without_variation() -> None:
    zeros = np.zeros(20)
    assert durbin_watson(zeros) is None
    assert ljung_box(zeros, 4) is None
    assert autocorrelations(zeros, 3).tolist() == [0, 0, 0]
    assert ljung_box(walk(5), 5) is None
    assert ljung_box(walk(20), 2, 2) is None


def test_usual_lags() -> None:
    assert [usual_lags(100, None, 1), usual_lags(200, 12, 1), usual_lags(20, 12, 1)] == [10, 24, 4]
    assert usual_lags(8, None, 3) == 4
