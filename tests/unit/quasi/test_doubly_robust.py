"""Doubly robust differences: identities, clusters, and what has no estimate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from causalops.estimators.quasi import doubly_robust as dr
from causalops.estimators.quasi import propensity
from causalops.estimators.quasi import treatment_effects as te
from causalops.moments import Floats
from causalops.reasons import REASONS

Bools = propensity.Bools


def sample(n: int = 500) -> tuple[Floats, Bools, Floats]:
    rng = np.random.default_rng(12)
    x = rng.normal(size=(n, 2))
    treated = rng.random(n) < 1 / (1 + np.exp(1 - x[:, 0]))
    return x @ [1.0, 0.5] + treated + rng.normal(size=n), treated, x


def test_tilted_odds_balance_the_covariates_exactly() -> None:
    _, treated, x = sample()
    design = np.column_stack([np.ones(len(x)), x])
    odds = dr.tilted(design, treated)
    assert odds is not None
    assert (odds[treated] == 0).all()
    assert odds @ design == pytest.approx(design[treated].sum(axis=0), abs=1e-6)


def test_no_weights_can_balance_what_is_apart() -> None:
    design = np.column_stack([np.ones(20), np.arange(20.0)])
    assert dr.tilted(design, np.arange(20) > 9) is None


def test_influence_functions_have_mean_zero() -> None:
    y, treated, x = sample()
    what = dr.study(y, treated, x, ["a", "b"])
    for method in dr.METHODS:
        found = dr.estimate(what, method)
        assert found.influence.shape == y.shape
        assert abs(found.influence.mean()) < 1e-8, method


def test_influence_functions_against_leaving_units_out() -> None:
    """The jackknife of each estimator, refitted without each unit (Efron 1982)."""
    y, treated, x = sample(300)
    what = dr.study(y, treated, x, ["a", "b"])
    for method in dr.METHODS:
        found = dr.estimate(what, method)
        refits = []
        for i in range(0, 300, 6):
            keep = np.arange(300) != i
            without = dr.estimate(dr.study(y[keep], treated[keep], x[keep], ["a", "b"]), method)
            refits.append(299 * (found.estimate - without.estimate))
        ours = found.influence[::6]
        assert np.corrcoef(refits, ours)[0, 1] > 0.99, method
        assert np.std(refits) == pytest.approx(np.std(ours), rel=0.06), method


def test_clusters_of_one_and_clusters_of_copies() -> None:
    y, treated, x = sample()
    found = dr.estimate(dr.study(y, treated, x, ["a", "b"]), "dr")
    plain = found.inference(0.05)
    singles = found.inference(0.05, np.arange(500))
    # Each side has its own factor n / (n - 1).
    parts = [(found.influence[side] ** 2).sum() / 500**2 for side in (treated, ~treated)]
    sizes = [treated.sum(), (~treated).sum()]
    scaled = [part * n / (n - 1) for part, n in zip(parts, sizes, strict=True)]
    assert singles.std_error == pytest.approx(np.sqrt(sum(scaled)), rel=1e-9)
    assert singles.std_error == pytest.approx(plain.std_error, rel=0.01)
    below = sum(part**2 / (n - 1) for part, n in zip(scaled, sizes, strict=True))
    assert singles.df == pytest.approx(sum(scaled) ** 2 / below)
    assert singles.status == "ok"
    # The same data twice, each pair of copies a cluster: as much as without the copies.
    twice = dr.study(np.tile(y, 2), np.tile(treated, 2), np.tile(x, (2, 1)), ["a", "b"])
    doubled = dr.estimate(twice, "dr").inference(0.05, np.tile(np.arange(500), 2))
    assert doubled.std_error == pytest.approx(singles.std_error, rel=1e-6)
    assert found.inference(0.05, np.zeros(500)).reason_code == "too_few_clusters"
    few = found.inference(0.05, np.where(treated, np.arange(500) % 4, 4 + np.arange(500) % 40))
    assert (few.status, few.reason_code) == ("warning", "few_clusters")
    assert few.df is not None
    assert few.df < 20


def test_what_has_no_estimate() -> None:
    y, treated, x = sample()
    names = ["a", "b"]
    flagged = np.column_stack([x, np.where(treated, np.arange(500) % 2, 0)])
    cases = {
        "empty_arm": dr.study(y, treated & False, x, names),
        "too_few_for_covariates": dr.study(y[:60], np.arange(60) < 57, x[:60], names),
        "not_finite": dr.study(np.where(y > 3, np.inf, y), treated, x, names),
        "perfect_separation": dr.study(y, treated, flagged, ["a", "b", "flag"]),
        "no_overlap": dr.study(y, x[:, 0] > 0, x, names),
    }
    for reason, what in cases.items():
        for method in dr.METHODS:
            if (reason, method) == ("no_overlap", "reg"):
                continue  # a regression extrapolates; overlap is a check of its own
            result = dr.estimate(what, method).inference(0.05)
            assert (result.status, result.reason_code) == ("skipped", reason), method
            assert result.estimate is result.p_value is result.ci_low is None
            assert reason in REASONS


def test_all_untreated_units_trimmed() -> None:
    y, treated, x = sample()
    what = replace(dr.study(y, treated, x, ["a", "b"]), trim=0.0)
    assert dr.estimate(what, "dr").reason == "no_overlap"


def test_no_covariates_is_plain_did_only_by_regression() -> None:
    y, treated, x = sample()
    what = dr.study(y, treated, x[:, :0], [])
    found = dr.estimate(what, "reg").estimate
    assert found == pytest.approx(y[treated].mean() - y[~treated].mean(), rel=1e-12)
    assert dr.estimate(what, "dr").reason == "no_covariate"


def test_average_effects_that_do_not_exist() -> None:
    y, treated, x = sample()
    score = propensity.fit(x, treated, ["a", "b"])
    for method in te.METHODS:
        assert te.average_effect(y, treated | True, x, score, method).reason == "empty_arm"
        bad = te.average_effect(y * np.nan, treated, x, score, method)
        assert bad.inference(0.05).reason_code == "not_finite"
    few = np.arange(500) < 2
    scored = propensity.fit(x[:, :1], few, ["a"])
    assert te.average_effect(y, few, x, scored, "ra").reason == "too_few_for_covariates"


def test_weighting_without_covariates_in_the_outcome_is_a_ratio_of_sums() -> None:
    y, treated, x = sample()
    score = propensity.fit(x, treated, ["a", "b"])
    p = score.probability
    found = te.average_effect(y, treated, x, score, "ipw").estimate
    means = [
        (y * w).sum() / w.sum() for w in (treated / p, ~treated / (1 - p))
    ]  # fmt: skip
    assert found == pytest.approx(means[0] - means[1], rel=1e-10)
