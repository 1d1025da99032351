"""Wild cluster bootstrap and randomisation tests from totals equal the same on rows."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from causalops.estimators.randomised.cluster_totals import totals_of_units
from causalops.estimators.randomised.clusters import Linear, linear
from causalops.estimators.randomised.few_clusters import randomisation, wild_bootstrap
from causalops.moments import Floats

Labels = npt.NDArray[np.int64]


def units(clusters: int = 8, effect: float = 0.5, seed: int = 3) -> tuple[Labels, Labels, Floats]:
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(clusters), rng.integers(5, 40, clusters))
    arm = label % 2
    y = 20 + rng.normal(size=clusters)[label] + rng.normal(size=len(label)) + effect * arm
    return label, arm, y


def residuals(label: Labels, arm: Labels, y: Floats) -> tuple[float, Linear, Linear]:
    one, zero = (
        linear(totals_of_units(label[arm == a], {"y": y[arm == a]}), {"y": (sign,)})
        for a, sign in ((1, 1.0), (0, -1.0))
    )
    return float(y[arm == 1].mean() - y[arm == 0].mean()), one, zero


def cluster_t(label: Labels, arm: Floats, y: Floats) -> float:
    """t of the arm from rows, with a cluster-robust variance without a small-sample factor."""
    x = np.column_stack([np.ones(len(y)), arm])
    bread = np.linalg.inv(x.T @ x)
    beta = bread @ x.T @ y
    scores = x * (y - x @ beta)[:, None]
    sums = np.array([scores[label == g].sum(axis=0) for g in np.unique(label)])
    return float(beta[1] / np.sqrt((bread @ sums.T @ sums @ bread)[1, 1]))


def test_wild_bootstrap_equals_rows() -> None:
    label, arm, y = units()
    effect, one, zero = residuals(label, arm, y)
    found = wild_bootstrap(effect, one, zero, 0.05, seed=5, replications=300)
    rng = np.random.default_rng(5)
    signs = rng.choice([-1.0, 1.0], (300, 8))
    weights = signs * rng.choice(np.sqrt([0.5, 1.0, 1.5]), (300, 8))
    for tau, p_value in ((0.0, found.p_value), (found.ci_low, 0.05), (found.ci_high, 0.05)):
        assert tau is not None
        restricted = y - tau * arm
        noise = restricted - restricted.mean()
        seen = abs(cluster_t(label, arm, restricted))
        drawn = np.array([abs(cluster_t(label, arm, noise * w[label])) for w in weights])
        assert (1 + (drawn >= seen * (1 - 1e-9)).sum()) / 301 == pytest.approx(p_value, abs=0.004)
    assert found.statistic == pytest.approx(cluster_t(label, arm, y), rel=1e-9)


def test_wild_bootstrap_is_close_to_t_when_clusters_are_many() -> None:
    label, arm, y = units(clusters=60, effect=0.0)
    effect, one, zero = residuals(label, arm, y)
    found = wild_bootstrap(effect, one, zero, 0.05, seed=1)
    half = 2.0 * abs(effect / cluster_t(label, arm, y))
    assert found.ci_shape == "interval"
    assert found.ci_low == pytest.approx(effect - half, abs=0.1 * half)
    assert found.ci_high == pytest.approx(effect + half, abs=0.1 * half)


def test_randomisation_equals_enumeration_of_rows() -> None:
    label, arm, y = units()
    effect, one, zero = residuals(label, arm, y)
    found = randomisation(effect, one, zero, 0.05, seed=1)

    def share(tau: float) -> float:
        null = y - tau * arm
        seen = abs(cluster_t(label, arm, null))
        drawn = [
            abs(cluster_t(label, np.isin(label, chosen).astype(float), null))
            for chosen in itertools.combinations(range(8), 4)
        ]
        return float(np.mean(np.array(drawn) >= seen * (1 - 1e-9)))

    assert found.p_value == pytest.approx(share(0.0), abs=1e-12)
    for bound in (found.ci_low, found.ci_high):  # the interval is what is not rejected
        assert bound is not None
        assert share(effect + 0.9999 * (bound - effect)) > 0.05
        assert share(effect + 1.0001 * (bound - effect)) <= 0.05


def test_a_level_that_cannot_be_reached_has_no_bound() -> None:
    label, arm, y = units(clusters=4)
    effect, one, zero = residuals(label, arm, y)
    found = randomisation(effect, one, zero, 0.05, seed=1)  # 6 assignments: p is at least 1/3
    assert (found.ci_low, found.ci_high, found.ci_shape) == (None, None, "whole_line")
    assert found.p_value is not None
    assert found.p_value >= 1 / 3


def test_many_assignments_are_drawn_with_a_seed() -> None:
    label, arm, y = units(clusters=30, effect=0.0)
    given = residuals(label, arm, y)
    first, second = (randomisation(*given, 0.05, seed=s, most=2_000).p_value for s in (1, 1))
    other = randomisation(*given, 0.05, seed=2, most=2_000).p_value
    assert first == second != other
    assert first == pytest.approx(other, abs=0.06)


def test_what_cannot_be_tested_says_why() -> None:
    label, arm, y = units(clusters=3)
    for test in (wild_bootstrap, randomisation):
        found = test(*residuals(label, arm, y), 0.05, 1)
        assert (found.reason_code, found.p_value) == ("too_few_clusters", None)
    label, arm, y = units()
    split = np.where(np.arange(len(y)) == 0, 1 - arm, arm)
    assert randomisation(*residuals(label, split, y), 0.05, 1).reason_code == "cluster_split"
    for test in (wild_bootstrap, randomisation):
        assert test(*residuals(label, arm, 0 * y), 0.05, 1).reason_code == "zero_variance"


def test_rounding_is_no_variation() -> None:
    """A constant far from zero: totals of 0.1 differ from n times the mean in the last digit."""
    label, arm, y = units(clusters=10)
    effect, one, zero = residuals(label, arm, 0 * y + 0.1)
    assert abs(one.total).max() > 0
    for test in (wild_bootstrap, randomisation):
        found = test(effect, one, zero, 0.05, 1, scale=0.1)
        assert (found.status, found.reason_code) == ("skipped", "zero_variance")
        assert (found.p_value, found.ci_low, found.ci_high) == (None, None, None)
        tiny = test(*residuals(label, arm, 0.1 + 1e-9 * y), 0.05, 1, scale=0.1)
        assert tiny.p_value is not None
