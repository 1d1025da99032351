"""Rosenbaum bounds against a published table, E-values at their edges."""

from __future__ import annotations

import numpy as np
import pytest

from causalops.estimators.quasi import evalue, rosenbaum

# Lead in the blood of 33 children of workers in a lead factory and their neighbours, ug/dl
# (Morton et al. 1982, as in Rosenbaum 2002, table 4.1).
EXPOSED = [38, 23, 41, 18, 37, 36, 23, 62, 31, 34, 24, 14, 21, 17, 16, 20, 15, 10, 45, 39, 22, 35,
           49, 48, 44, 35, 43, 39, 34, 13, 73, 25, 27]  # fmt: skip
NEIGHBOUR = [16, 18, 18, 24, 19, 11, 10, 15, 16, 18, 18, 13, 19, 10, 16, 16, 24, 13, 9, 14, 21, 19,
             7, 18, 19, 12, 11, 22, 25, 16, 13, 11, 13]  # fmt: skip
LEAD = np.array(EXPOSED, dtype=float) - np.array(NEIGHBOUR)


@pytest.mark.parametrize(
    ("gamma", "p_value"), [(2, 0.0018), (3, 0.0136), (4, 0.0388), (4.25, 0.0468), (5, 0.0740)]
)
def test_published_bounds(gamma: float, p_value: float) -> None:
    assert rosenbaum.upper_p(LEAD, gamma) == pytest.approx(p_value, abs=6e-5)


@pytest.mark.parametrize(("gamma", "bounds"), [(1, (15, 15)), (2, (10.25, 19.5)), (3, (8, 23))])
def test_published_hodges_lehmann_bounds(gamma: float, bounds: tuple[float, float]) -> None:
    assert rosenbaum.hodges_lehmann(LEAD, gamma) == pytest.approx(bounds, abs=0.26)


@pytest.mark.parametrize("alpha", [0.1, 0.05, 1e-3])
def test_gamma_is_where_the_finding_is_lost(alpha: float) -> None:
    found = rosenbaum.sensitivity(LEAD, alpha)
    assert found.gamma is not None
    assert found.gamma > 1
    assert rosenbaum.upper_p(LEAD, found.gamma) == pytest.approx(alpha / 2, rel=1e-9)
    mirrored = rosenbaum.sensitivity(-LEAD, alpha)
    assert (found.direction, mirrored.direction) == (1, -1)
    assert mirrored.gamma == pytest.approx(found.gamma, rel=1e-12)


def test_nothing_to_lose() -> None:
    differences = np.array([-1.0, 1] * 20) * np.arange(1, 41)
    found = rosenbaum.sensitivity(differences)
    assert found.gamma is not None
    assert found.gamma <= 1
    assert found.p_value is not None
    assert found.p_value > 0.5


def test_pairs_without_information() -> None:
    zeros = rosenbaum.sensitivity(np.zeros(50))
    assert (zeros.gamma, zeros.reason, zeros.n_pairs) == (None, "too_few_pairs", 0)
    assert rosenbaum.sensitivity(np.array([np.nan] * 20)).reason == "not_finite"
    assert rosenbaum.hodges_lehmann(np.zeros(0)) is None
    assert rosenbaum.upper_p(np.zeros(5), 2) is None
    assert rosenbaum.hodges_lehmann(np.full(12, 4.0)) == pytest.approx((4, 4))


def test_all_pairs_in_one_direction() -> None:
    found = rosenbaum.sensitivity(np.arange(1.0, 31))
    assert found.gamma is not None
    assert 1 < found.gamma < 1e3


def test_e_value_of_a_difference() -> None:
    """Half a standard deviation is like a risk ratio of exp(.455)."""
    found = evalue.of_difference(5.0, 1.0, 10.0)
    ratio, low = np.exp(0.455), np.exp(0.455 - 0.178)
    assert found.point == pytest.approx(ratio + np.sqrt(ratio * (ratio - 1)))
    assert found.limit == pytest.approx(low + np.sqrt(low * (low - 1)))
    mirrored = evalue.of_difference(-5.0, 1.0, 10.0)
    assert [mirrored.point, mirrored.limit] == pytest.approx([found.point, found.limit])
    assert evalue.of_difference(0.5, 1.0, 10.0).limit == 1
    assert evalue.of_difference(0.0, 1.0, 10.0).point == 1
    assert evalue.of_difference(5.0, None, 10.0).limit is None


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (evalue.of_difference(1.0, 1.0, 0.0), "zero_variance"),
        (evalue.of_difference(float("nan"), 1.0, 1.0), "zero_variance"),
        (evalue.of_difference(1e6, 1.0, 1.0), "not_finite"),
        (evalue.of_ratio(0.0, 0.0, 1.0), "not_a_risk_ratio"),
        (evalue.of_ratio(-2.0), "not_a_risk_ratio"),
        (evalue.of_ratio(float("inf")), "not_a_risk_ratio"),
    ],
)
def test_no_e_value(found: evalue.EValue, reason: str) -> None:
    assert (found.point, found.limit, found.reason) == (None, None, reason)


def test_a_limit_at_or_below_zero_includes_no_effect() -> None:
    assert evalue.of_ratio(2.0, 0.0, 9.0).limit == 1
    assert evalue.of_ratio(1e200, 1e199, None).limit == pytest.approx(2e199)
