"""Quantiles against exact order statistics, the published regression, and the paper's formula."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import stats_tables as tables
from reference_cases import CASES, STATUS, data, near
from scipy.stats import binom, norm, quantile_test

from causalops.estimators.quantile_regression import quantile_regression
from causalops.estimators.randomised import ab_test
from causalops.estimators.randomised.quantiles import compare, event_arm, unit_arm

Z = norm.ppf(0.975)


def test_conditional_quantile_regression() -> None:
    case = CASES["quantreg_engel"]
    table = data("engel.csv")
    fits = quantile_regression(table["foodexp"], table["income"], [0.05, 0.25, 0.5, 0.75, 0.95])
    assert len(fits) == len(case["expected"])
    for fit in fits:
        want = case["expected"][f"tau_{fit.quantile:g}"]
        intercept, slope = fit.coefficients
        assert intercept == near(case, want["intercept"])
        assert slope == near(case, want["slope"])
        assert (fit.std_errors > 0).all()
    assert fits[2].coefficients[1] == pytest.approx(0.5602, abs=5e-5)  # Koenker & Bassett (1982)


@pytest.mark.parametrize(
    ("outcome", "covariates", "quantiles", "said"),
    [
        ([1.0, 2.0], [1.0], [0.5], "do not fit together"),
        ([1.0, float("nan")], [1.0, 2.0], [0.5], "finite number"),
        ([1.0, 2.0], [1.0, 2.0], [1.0], "strictly between 0 and 1"),
    ],
)
def test_quantile_regression_says_what_is_wrong(
    outcome: list[float], covariates: list[float], quantiles: list[float], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        quantile_regression(outcome, covariates, quantiles)


def test_a_mass_point_has_an_estimate_and_no_standard_error() -> None:
    """90 % zeros in both arms, through the rows of the design."""
    case = CASES["edge_quantile_mass_point"]
    share, q = case["dataset"]["share_zero"], case["dataset"]["q"]
    rng = np.random.default_rng(1)
    draws = {arm: np.where(rng.random(1000) < share, 0.0, rng.lognormal(size=1000))
             for arm in ("control", "treated")}  # fmt: skip
    stats = pd.DataFrame([
        {"experiment_id": "exp", "analysis": "main", "metric": "m", "population": "exposed",
         "segment_dim": "all", "segment_value": "all", "variant": name, "quantile": q,
         "n_units": arm.n_units, "n": arm.n_obs, "value": arm.value, "share_error": arm.share_error,
         "low": arm.low, "high": arm.high, "tied": arm.tied, "tied_near": arm.tied_near}
        for name, values in draws.items() for arm in unit_arm(values, [q], 0.05).quantiles
    ])  # fmt: skip
    metric = {"metric": "m", "metric_type": "quantile", "method": "quantile",
              "payload": json.dumps({"level": "unit", "quantiles": [q]})}  # fmt: skip
    no_moments = tables.empty(
        "experiment_id", "analysis", "metric", "population", "segment_dim", "segment_value",
        "stratum", "variant", "a", "b",
    )  # fmt: skip
    rows = ab_test.run(
        tables.due(), tables.registry([metric], {"control": 0.5, "treated": 0.5}), no_moments,
        tables.NO_PROFILE, tables.NO_CAPS, tables.NO_DAILY,
        tables.counts({"control": {"enrolled": 1000}, "treated": {"enrolled": 1000}}), stats,
    )  # fmt: skip
    head = next(row for row in rows if row["is_headline"] and row["scale"] == "absolute")
    assert (head["status"], head["reason_code"]) == STATUS[case["expected_status"]]
    assert head["estimate"] == near(case, case["expected"]["estimate"])
    for column in ("std_error", "statistic", "p_value", "ci_low", "ci_high"):
        assert head[column] is None, column


@pytest.mark.parametrize("quantile", [0.5, 0.75, 0.9])
def test_the_interval_is_that_of_exact_order_statistics(quantile: float) -> None:
    """The normal ranks differ from the binomial ones by less than one and a half order statistics.

    nsw earnings 1978: the exact interval is (X_l, X_u) with l, u binomial(n, q) quantiles.
    """
    table = data("nsw.csv")
    for treated in (0, 1):
        values = np.sort(table.loc[table["treat"] == treated, "re78"].to_numpy())
        (arm,) = unit_arm(values, [quantile], 0.05).quantiles
        assert arm.value == pytest.approx(np.quantile(values, quantile), rel=1e-12)
        ranks = binom.ppf([0.025, 0.975], len(values), quantile)
        for end, rank in ((arm.low, ranks[0]), (arm.high, ranks[1])):
            around = values[np.clip([int(rank) - 2, int(rank) + 1], 0, len(values) - 1)]
            assert around[0] <= (end or 0.0) <= around[1]
        exact = quantile_test(values, q=arm.value, p=quantile).confidence_interval(0.95)
        width = (arm.high or 0.0) - (arm.low or 0.0)
        assert width == pytest.approx(exact.high - exact.low, rel=0.25)


def test_the_zeros_of_the_training_experiment_are_a_mass_point() -> None:
    """31 % of earnings in 1978 are 0: at .25 there is no error, from .5 up there is."""
    table = data("nsw.csv")
    asked = [0.25, 0.5, 0.75, 0.9]
    arms = [unit_arm(table.loc[table["treat"] == t, "re78"], asked, 0.05) for t in (1, 0)]
    pairs = zip(asked, arms[0].quantiles, arms[1].quantiles, strict=True)
    found = [compare(q, v, b, 0.05) for q, v, b in pairs]
    assert [contrast.reason for contrast in found] == ["mass_point", None, None, None]
    effects = [contrast.effect for contrast in found]
    assert effects == pytest.approx([485.2298, 1093.5135, 2354.579, 3197.798], rel=1e-9)


def test_events_follow_the_formula_of_the_paper() -> None:
    """Deng, Knoblich & Lu (2018): var(S / N) of two user means, by numpy's covariance matrix."""
    rng = np.random.default_rng(4)
    users = np.repeat(np.arange(200), rng.poisson(6, 200) + 1)
    values = np.exp(rng.normal(0, 1, 200)[users] + 0.4 * rng.normal(size=len(users)))
    for quantile in (0.5, 0.95):
        (arm,) = event_arm(users, values, [quantile], 0.05).quantiles
        is_below = pd.Series(values <= np.quantile(values, quantile)).groupby(users)
        s, n = is_below.sum().to_numpy(float), is_below.size().to_numpy(float)
        (vs, c), (_, vn) = np.cov(s, n)
        p = s.mean() / n.mean()
        sigma = np.sqrt((vs - 2 * p * c + p * p * vn) / 200) / n.mean()
        assert arm.share_error == pytest.approx(sigma, rel=1e-12)
        ends = np.quantile(values, np.minimum(1, quantile + np.array([-Z, Z]) * sigma))
        assert (arm.low, arm.high) == pytest.approx(tuple(ends), rel=1e-12)
