"""Interrupted time series against the Nile's case and, on rows, against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from reference_cases import CASES, data, near
from scipy.linalg import toeplitz
from statsmodels.stats.diagnostic import acorr_ljungbox
from statsmodels.stats.stattools import durbin_watson
from statsmodels.tsa.arima_process import arma_acovf
from statsmodels.tsa.statespace.sarimax import SARIMAX

from causalops.estimators.quasi import autoregression as ar
from causalops.estimators.quasi import residual_checks as rc
from causalops.estimators.quasi import segmented as sg
from causalops.estimators.quasi.calendar import read, series
from causalops.estimators.quasi.projection import effect
from causalops.moments import Floats


@pytest.fixture(scope="module")
def nile() -> sg.Series:
    table = data("nile.csv")
    calendar = read(table["year"].tolist())
    start = calendar.index_from(1899)
    assert start is not None
    values = dict(zip(table["year"], table["volume"], strict=True))
    found, reason = series(calendar, values, start)
    assert reason is None
    assert found is not None
    return found


@pytest.fixture(scope="module")
def monthly() -> sg.Series:
    """Five years of months: seasons, a control far from zero, AR(1) noise, a level and a slope."""
    rng = np.random.default_rng(12)
    n, start = 60, 36
    t = np.arange(n)
    noise = np.zeros(n)
    for i in range(1, n):
        noise[i] = 0.5 * noise[i - 1] + rng.normal()
    control = 1e6 + 50 * rng.normal(size=n)
    y = 500 + 0.2 * t + 3 * np.sin(t * np.pi / 6) + 2 * (t >= start) + 0.01 * control + noise
    return sg.Series(y, start, 12, {"price": control})


def standard_error(fit: sg.Regression, term: str) -> float:
    return float(fit.variance(fit.weights({term: 1.0})) ** 0.5)


def error_covariance(phi: tuple[float, ...], n: int) -> Floats:
    """Covariance (n, n) of AR errors with unit innovations, by statsmodels."""
    return np.asarray(toeplitz(arma_acovf([1.0, *(-value for value in phi)], [1.0], n)))


def test_nile(nile: sg.Series) -> None:
    case = CASES["its_nile_1899"]
    want, plan = case["expected"], sg.design(nile)
    fit = sg.newey_west(nile.y, plan)
    level = effect(fit, fit.weights({"level": 1.0}), 0.05)
    assert len(nile.y) == want["n"]
    assert sg.newey_west_lags(len(nile.y)) == want["maxlags"]
    assert level.estimate == near(case, want["level"])
    assert level.p_value == near(case, want["p_hac_level"])
    assert fit.estimate(fit.weights({"slope": 1.0})) == near(case, want["slope_change"])
    errors = [standard_error(sg.ols(nile.y, plan), "level"), standard_error(fit, "level"),
              standard_error(fit, "slope")]  # fmt: skip
    expected = [want["se_ols_level"], want["se_hac_level"], want["se_hac_slope"]]
    assert errors == near(case, expected)
    assert rc.durbin_watson(fit.residuals) == near(case, want["durbin_watson"])
    box = rc.ljung_box(fit.residuals, want["ljung_box"]["lag"])
    assert box is not None
    assert [box.statistic, box.p_value] == near(
        case, [want["ljung_box"]["stat"], want["ljung_box"]["p"]]
    )


def test_a_short_series() -> None:
    case = CASES["edge_its_short"]
    n = case["dataset"]["n_pre"] + case["dataset"]["n_post"]
    plan = sg.design(sg.Series(np.arange(n, dtype=float) ** 2, case["dataset"]["n_pre"], 4))
    assert plan.problem == case["expected_status"]


@pytest.mark.parametrize("lags", [0, 3, 8])
def test_hac_rows_against_statsmodels(monthly: sg.Series, lags: int) -> None:
    plan = sg.design(monthly)
    ours = sg.newey_west(monthly.y, plan, lags)
    theirs = sm.OLS(monthly.y, plan.matrix).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True
    )
    for index in (2, 3):
        assert ours.beta[index] == pytest.approx(theirs.params[index], rel=1e-8)
        assert ours.covariance[index, index] ** 0.5 == pytest.approx(theirs.bse[index], rel=1e-6)
    assert ours.residual_df == theirs.df_resid


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_gls_rows_against_statsmodels(monthly: sg.Series, order: int) -> None:
    """With the autocorrelation found, everything else is generalised least squares."""
    plan = sg.design(monthly)
    ours = ar.reml(monthly.y, plan, order)
    sigma = error_covariance(ours.coefficients, len(monthly.y))
    theirs = sm.GLS(monthly.y, plan.matrix, sigma=sigma).fit()
    assert ours.beta == pytest.approx(theirs.params, rel=1e-8)
    assert np.diag(ours.covariance) ** 0.5 == pytest.approx(theirs.bse, rel=1e-6)
    total = float(ours.residuals @ np.linalg.solve(sigma, ours.residuals))
    assert float(ours.innovations @ ours.innovations) == pytest.approx(total, rel=1e-8)


@pytest.mark.parametrize("order", [1, 2])
def test_the_likelihood_is_the_one_of_statsmodels(nile: sg.Series, order: int) -> None:
    plan = sg.design(nile)
    partial = np.array([0.4, -0.2][:order])
    phi = ar.coefficients(partial)[-1]
    found = ar.deviance(nile.y, plan, partial, is_restricted=False)
    sigma = error_covariance(tuple(phi), len(nile.y))
    theirs = sm.GLS(nile.y, plan.matrix, sigma=sigma).fit()
    model = SARIMAX(nile.y, exog=plan.matrix, order=(order, 0, 0))
    variance = theirs.ssr / len(nile.y)
    assert found == pytest.approx(-2 * model.loglike([*theirs.params, *phi, variance]), rel=1e-9)


@pytest.mark.parametrize("order", [1, 2])
def test_restricted_likelihood_by_its_definition(nile: sg.Series, order: int) -> None:
    """The density of n - k error contrasts K'y, K orthonormal with K'X = 0; and its optimum."""
    plan = sg.design(nile)
    n, k = plan.matrix.shape
    contrasts = np.linalg.qr(plan.matrix, mode="complete")[0][:, k:]

    def by_definition(partial: Floats) -> float:
        sigma = error_covariance(tuple(ar.coefficients(partial)[-1]), n)
        inner = contrasts.T @ sigma @ contrasts
        scaled = contrasts.T @ nile.y
        variance = float(scaled @ np.linalg.solve(inner, scaled)) / (n - k)
        return (n - k) * (1 + np.log(2 * np.pi * variance)) + float(np.linalg.slogdet(inner)[1])

    partial = np.array([0.3, 0.1][:order])
    assert ar.deviance(nile.y, plan, partial) == pytest.approx(by_definition(partial), rel=1e-10)
    phi = ar.reml(nile.y, plan, order).coefficients
    best = np.array(phi if order == 1 else [phi[0] / (1 - phi[1]), phi[1]])
    steps = [step for i in range(order) for step in (np.eye(order)[i] * 1e-3,)]
    for step in [*steps, *(-step for step in steps)]:
        assert by_definition(best) < by_definition(best + step)


def test_missing_periods_are_gls_on_the_others(monthly: sg.Series) -> None:
    """A dummy a gap equals leaving the rows out of an AR(1) with the gaps in its covariance."""
    gaps = (5, 6, 20, 44)
    y = monthly.y.copy()
    y[list(gaps)] = 0.0
    ours = ar.reml(y, sg.design(sg.Series(y, 36, 12, monthly.controls, gaps)))
    keep = [index for index in range(len(y)) if index not in gaps]
    plan = sg.design(monthly)
    sigma = error_covariance(ours.coefficients, len(y))[np.ix_(keep, keep)]
    theirs = sm.GLS(monthly.y[keep], plan.matrix[keep], sigma=sigma).fit()
    for index, name in enumerate(plan.names):
        assert ours.beta[index] == pytest.approx(theirs.params[index], rel=1e-7), name
        error = ours.covariance[index, index] ** 0.5
        assert error == pytest.approx(theirs.bse[index], rel=1e-6), name
    assert ours.residual_df == len(keep) - len(plan.names)


def test_residual_checks_against_statsmodels(monthly: sg.Series) -> None:
    residuals = sg.ols(monthly.y, sg.design(monthly)).residuals
    assert rc.durbin_watson(residuals) == pytest.approx(durbin_watson(residuals), rel=1e-12)
    for lags, fitted in ((6, 0), (10, 2)):
        ours = rc.ljung_box(residuals, lags, fitted)
        theirs = acorr_ljungbox(residuals, lags=[lags], model_df=fitted).iloc[0]
        assert ours is not None
        assert ours.statistic == pytest.approx(theirs["lb_stat"], rel=1e-10)
        assert ours.p_value == pytest.approx(theirs["lb_pvalue"], rel=1e-8)
