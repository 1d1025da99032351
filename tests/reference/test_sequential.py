"""Boundaries against published tables, and against a simulation that shares no code with them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from causalops.inference import difference
from causalops.sequential import (
    always_valid,
    boundaries,
    mixing_variance,
    repeated_p,
    spent,
)

# Two-sided alpha .05, equally spaced looks. Programs ld98 (Reboussin, DeMets, Kim & Lan 2000,
# Controlled Clinical Trials 21) and gsDesign (Anderson; sfLDOF, sfLDPocock, test.type = 2).
PUBLISHED = {
    "obrien_fleming": [4.8769, 3.3569, 2.6803, 2.2898, 2.0310],
    "pocock": [2.4380, 2.4268, 2.4101, 2.3966, 2.3859],
}


@pytest.mark.parametrize("spending", PUBLISHED)
def test_published_boundaries(spending: str) -> None:
    found = boundaries((0.2, 0.4, 0.6, 0.8, 1.0), 0.05, spending, True)
    assert found == pytest.approx(PUBLISHED[spending], abs=1.5e-4)


def test_one_look_is_the_fixed_test() -> None:
    for spending in PUBLISHED:
        assert boundaries((1.0,), 0.05, spending, True)[0] == pytest.approx(norm.isf(0.025))
        assert boundaries((0.4,), 0.05, spending, True)[0] == pytest.approx(norm.isf(0.025))


@pytest.mark.parametrize("spending", PUBLISHED)
@pytest.mark.parametrize("looks", [(0.5, 1.0), (0.13, 0.4, 0.45, 1.2), (0.3, 0.302, 0.6)])
def test_chance_to_cross_is_the_alpha_spent(spending: str, looks: tuple[float, ...]) -> None:
    """4 million Brownian paths, alpha .2: first crossings at each look, within 4 standard errors;
    looks may be uneven, almost coincide, or overshoot the plan."""
    bounds = boundaries(looks, 0.2, spending, True)
    planned = [spent(spending, t, 0.2) for t in looks[:-1]] + [0.2]
    rng = np.random.default_rng(4)
    paths, sd = 4_000_000, np.sqrt(np.diff([0.0, *looks]))
    score, is_open = np.zeros(paths), np.ones(paths, dtype=bool)
    for t, step, bound, share in zip(looks, sd, bounds, np.diff([0.0, *planned]), strict=True):
        score += step * rng.normal(size=paths)
        crossed = is_open & (np.abs(score) >= bound * math.sqrt(t))
        is_open &= ~crossed
        error = math.sqrt(share * (1 - share) / paths)
        assert abs(crossed.mean() - share) <= 4 * error + 1e-12


def test_two_looks_against_the_bivariate_normal() -> None:
    """P(|Z1| < c1, |Z2| < c2) = 1 - alpha by another integral, to 1e-7."""
    t = (0.37, 0.9)
    for spending in PUBLISHED:
        c = boundaries(t, 0.05, spending, True)
        z = np.linspace(-c[0], c[0], 20_001)
        rho = math.sqrt(t[0] / t[1])
        sd = math.sqrt(1 - rho * rho)
        stays = norm.cdf((c[1] - rho * z) / sd) - norm.cdf((-c[1] - rho * z) / sd)
        inside = np.trapezoid(norm.pdf(z) * stays, z)
        assert 1 - inside == pytest.approx(0.05, rel=1e-6)


def test_boundaries_do_not_depend_on_later_looks() -> None:
    whole = boundaries((0.2, 0.5, 1.0), 0.05, "pocock", True)
    assert boundaries((0.2, 0.5), 0.05, "pocock", False) == pytest.approx(whole[:2], rel=1e-12)


def test_a_skipped_look_gives_its_alpha_to_the_next() -> None:
    """What is spent up to a look depends on its information only."""
    skipped = boundaries((0.6, 1.0), 0.05, "obrien_fleming", True)
    assert 2 * norm.sf(skipped[0]) == pytest.approx(spent("obrien_fleming", 0.6, 0.05))
    assert skipped[0] < boundaries((0.3, 0.6), 0.05, "obrien_fleming", False)[1]


def test_nothing_is_left_after_the_planned_size() -> None:
    assert boundaries((0.5, 1.1, 1.3), 0.05, "pocock", False)[2] == math.inf


def test_information_must_increase() -> None:
    with pytest.raises(ValueError, match="increase"):
        boundaries((0.5, 0.5), 0.05, "pocock", True)
    with pytest.raises(ValueError, match="unknown spending"):
        spent("linear", 0.5, 0.05)


@pytest.mark.parametrize("spending", PUBLISHED)
def test_repeated_p_inverts_the_boundaries(spending: str) -> None:
    """p <= alpha exactly when the boundary at alpha is reached; one look gives the usual p."""
    looks = (0.25, 0.6, 1.0)
    for z in ([0.4, 2.0, 1.0], [None, 1.0, 2.6], [3.2, 0.1, 0.0]):
        p = repeated_p(z, looks, spending, True)
        for alpha, is_reached in ((p * 0.99, False), (min(p * 1.01, 1.0), True)):
            bounds = boundaries(looks, alpha, spending, True)
            hits = [abs(v) >= c for v, c in zip(z, bounds, strict=True) if v is not None]
            assert any(hits) == is_reached
    assert repeated_p([2.1], (1.0,), spending, True) == pytest.approx(2 * norm.sf(2.1))
    assert repeated_p([None], (1.0,), spending, True) == 1.0
    assert repeated_p([40.0], (0.5,), spending, False) == 1e-12


@pytest.mark.parametrize("spending", PUBLISHED)
def test_boundaries_fall_as_alpha_grows(spending: str) -> None:
    """What makes the repeated p-value a p-value, on 20 random schedules."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        looks = tuple(np.cumsum(rng.uniform(0.01, 0.4, rng.integers(2, 6))))
        table = [
            boundaries(looks, alpha, spending, True) for alpha in np.geomspace(1e-10, 0.5, 15)
        ]
        for low, high in zip(table[1:], table, strict=False):
            assert all(a <= b for a, b in zip(low, high, strict=True))


def test_confidence_sequence_by_its_definition() -> None:
    """Half width, tuning and p-value as printed in arXiv 2103.06476 (Theorem 2.2, appendix B)."""
    alpha, planned, n, se = 0.05, 10_000, 3_000, 0.02
    rho2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / (2 * planned)
    assert mixing_variance(alpha, 2 * planned) == pytest.approx(rho2)
    sigma = se * math.sqrt(n)
    half = sigma * math.sqrt(
        2 * (n * rho2 + 1) / (n * n * rho2) * math.log(math.sqrt(n * rho2 + 1) / alpha)
    )
    found = always_valid(0.05, se, (1_000, 2_000), planned, alpha)
    assert (found.ci_low, found.ci_high) == pytest.approx((0.05 - half, 0.05 + half))
    edge = always_valid(half, se, (1_000, 2_000), planned, alpha)
    assert edge.p_value == pytest.approx(alpha)
    assert edge.ci_low == pytest.approx(0.0, abs=1e-15)


def test_confidence_sequence_is_narrowest_near_the_planned_size() -> None:
    """Relative to the fixed interval it is 1.5 times as wide at the plan, wider far from it."""

    def factor(n: int) -> float:
        found = always_valid(0.0, 1.0, (n, n), 10_000, 0.05)
        fixed = difference(0.0, 1.0, None, 0.05)
        assert found.ci_high is not None
        assert fixed.ci_high is not None
        return found.ci_high / fixed.ci_high

    assert factor(10_000) == pytest.approx(1.55, abs=0.02)
    assert factor(10_000) < min(factor(3_000), factor(100_000))
    assert factor(500) == pytest.approx(2.41, abs=0.02)


def test_confidence_sequence_without_inference() -> None:
    few = always_valid(1.0, 0.1, (99, 5_000), 10_000, 0.05)
    assert (few.status, few.reason_code, few.ci_low) == ("skipped", "too_few_to_look", None)
    constant = always_valid(0.0, 0.0, (500, 500), 10_000, 0.05)
    assert constant.reason_code == "zero_variance"
    huge = always_valid(100.0, 0.1, (500, 500), 10_000, 0.05)
    assert huge.p_value is not None
    assert 0 < huge.p_value < 1e-100
