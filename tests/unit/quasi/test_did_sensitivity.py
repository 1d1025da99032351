"""Bounds, pre-trend tests, bands and permutation against numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import chi2, multivariate_normal, ncx2

from causalops.estimators.quasi import aggregation as ag
from causalops.estimators.quasi.group_time import group_time
from causalops.estimators.quasi.linear_effects import Covariance
from causalops.estimators.quasi.panel_moments import NEVER, Floats, moments_of_panel
from causalops.estimators.quasi.permutation import permutation
from causalops.estimators.quasi.pretrends import joint_test, pretrend
from causalops.estimators.quasi.sensitivity_bounds import (
    Violations,
    bounds,
    breakdown,
    least_favourable,
    violations,
)
from causalops.estimators.quasi.uniform_bands import sup_t

RNG = np.random.default_rng(11)


def known(effect: float, steps: list[float], reach: float, error: float) -> Violations:
    """Independent estimates with one standard error."""
    return Violations(effect, np.array(steps), np.eye(1 + len(steps)) * error**2, reach)


def test_bounds_worked_by_hand() -> None:
    """Steps .1 and -.3 before treatment, effects of 2, 3 and 4 after it, their mean 3.

    At M = .5 each step after treatment is at most .15. The trend that hides most adds .15, .30 and
    .45 to the three periods: their mean, .30, is the bound.
    """
    found = known(3.0, [0.1, -0.3], reach=(3 + 2 + 1) / 3, error=0.0)
    at = bounds(found, 0.5, 0.05)
    assert [at.low, at.high] == pytest.approx([2.7, 3.3])
    assert [at.ci_low, at.ci_high] == pytest.approx([2.7, 3.3])
    # 3 = M x .3 x 2
    assert breakdown(found, 0.05) == pytest.approx(5.0, abs=1e-6)


def programme(path: Floats, base: int, weights: Floats, magnitude: float) -> tuple[float, float]:
    """The same bounds by a linear programme over the trends after the base period."""
    allowed = magnitude * np.abs(np.diff(path[: base + 1])).max()
    after = len(path) - base - 1
    step = np.eye(after) - np.eye(after, k=-1)
    cost = weights[base + 1 :]
    limits = np.vstack([step, -step]), np.full(2 * after, allowed)
    ends = [
        linprog(sign * cost, A_ub=limits[0], b_ub=limits[1], bounds=(None, None)).fun * sign
        for sign in (1, -1)
    ]
    effect = float(weights @ path)
    return effect - ends[1], effect - ends[0]


@pytest.mark.parametrize("weights", ["mean", "last", "signed"])
def test_bounds_are_the_linear_programme(weights: str) -> None:
    """Event-time estimates of real moments, base -2 (one period of anticipation)."""
    start = np.repeat([4.0, 5.0, NEVER], [30, 40, 50])
    values = RNG.normal(size=(120, 8)) + 0.3 * (np.arange(8) >= start[:, None])
    moments = moments_of_panel(values, start, range(8))
    dynamic = ag.by_event_time(group_time(moments, base="universal", anticipation=1))
    times, path = dynamic.parameter, dynamic.effects.estimates
    assert path[times == -2] == 0
    row = (times >= 0).astype(float)
    row = {"mean": row / row.sum(), "last": (times == 2) * 1.0, "signed": row * np.cos(times)}[
        weights
    ]
    found = violations(dynamic, moments, -2.0, row)
    assert isinstance(found, Violations)
    for magnitude in (0.0, 0.5, 2.0):
        at = bounds(found, magnitude, 0.05)
        base = int(np.flatnonzero(times == -2)[0])
        assert (at.low, at.high) == pytest.approx(programme(path, base, row, magnitude), abs=1e-9)
        assert at.ci_low < at.low <= at.high < at.ci_high


def test_without_violations_the_set_is_the_usual_interval() -> None:
    at = bounds(known(1.0, [0.2], 1.0, 0.5), 0.0, 0.05)
    assert [at.ci_low, at.ci_high] == pytest.approx([1 - 0.979982, 1 + 0.979982], abs=1e-6)


def test_breakdown() -> None:
    assert breakdown(known(0.5, [0.2], 1.0, 0.5), 0.05) == 0.0
    found = known(-3.0, [0.2], 1.0, 0.5)
    value = breakdown(found, 0.05)
    assert value is not None
    assert bounds(found, value, 0.05).ci_high == pytest.approx(0, abs=1e-6)
    assert bounds(found, value * 0.99, 0.05).ci_high < 0
    assert breakdown(known(3.0, [0.0], 1.0, 0.0), 0.05) is None


@pytest.mark.parametrize("rho", [-1.0, -0.95, -0.4, 0.0, 0.6, 0.999])
def test_least_favourable_value(rho: float) -> None:
    value = least_favourable(rho, 0.05)
    assert 1.6448 < value <= 1.9601
    if abs(rho) < 1:
        both = multivariate_normal(cov=[[1, rho], [rho, 1]]).cdf([value, value])
        assert both == pytest.approx(0.95, abs=1e-6)
    assert least_favourable(rho, 0.05, 9.0) > value


def test_no_step_before_treatment() -> None:
    start = np.repeat([1.0, NEVER], [20, 20])
    moments = moments_of_panel(RNG.normal(size=(40, 3)), start, range(3))
    dynamic = ag.by_event_time(group_time(moments, base="universal"))
    assert violations(dynamic, moments, -1.0) == "no_pre_period"
    assert pretrend(group_time(moments)).reason_code == "no_pre_period"


def test_joint_test_and_its_power_by_chi_square() -> None:
    root = np.array([[1.0, 0.0], [0.6, 0.8]])
    matrix = root @ root.T * 0.04
    estimates, spans = np.array([0.3, -0.2]), np.array([-2.0, -1.0])
    found = joint_test(estimates, matrix, spans, 1_000, False, 0.05)
    statistic = estimates @ np.linalg.solve(matrix, estimates)
    assert found.statistic == pytest.approx(statistic)
    assert found.p_value == pytest.approx(chi2.sf(statistic, 2))
    assert found.slope is not None
    size = found.slope**2 * spans @ np.linalg.solve(matrix, spans)
    assert ncx2.sf(chi2.isf(0.05, 2), 2, size) == pytest.approx(0.8, abs=1e-6)


def test_joint_test_with_few_clusters_and_doubled_estimates() -> None:
    matrix, spans = np.full((2, 2), 0.04), np.ones(2)
    found = joint_test(np.array([0.4, 0.4]), matrix, spans, 12, True, 0.05)
    # One direction only: t² with 11 degrees of freedom.
    assert (found.df, found.df_rest) == (1, 11)
    assert found.statistic == pytest.approx(4.0)
    assert found.p_value == pytest.approx(0.0708, abs=1e-4)
    few = joint_test(np.array([0.4, 0.2]), np.eye(2), spans, 3, True, 0.05)
    assert (few.p_value, few.reason_code) == (None, "too_few_units")
    flat = joint_test(np.zeros(2), np.zeros((2, 2)), spans, 30, False, 0.05)
    assert (flat.p_value, flat.reason_code) == (None, "zero_variance")


def test_sup_t_values() -> None:
    """Three independent normals: .95^(1/3) two-sided; one or perfectly tied ones: pointwise."""
    held = np.ones(3, dtype=bool)

    def value(matrix: Floats, df: float = math.inf) -> float | None:
        return sup_t(Covariance(matrix, np.full(3, df), held), 0.05, 20260101)

    assert value(np.diag([1.0, 4.0, 9.0])) == pytest.approx(2.3877, abs=0.02)
    assert value(np.ones((3, 3))) == pytest.approx(1.96, abs=0.02)
    assert value(np.diag([1.0, 0.0, 0.0])) == pytest.approx(1.959964, abs=1e-5)
    assert value(np.zeros((3, 3))) is None
    few = value(np.eye(3), 8.0)
    assert few is not None
    assert few > 2.7
    assert value(np.eye(3)) == value(np.eye(3))


def test_permutation_by_hand() -> None:
    """Changes 5, 1, 0, -1: the first is the largest of four gaps, so p is 1/4, its floor."""
    found = permutation(0, np.array([5.0, 1.0, 0.0, -1.0]), np.ones(4))
    assert found.estimate == pytest.approx(5.0)
    assert (found.p_value, found.floor, found.n_placebos) == (0.25, 0.25, 3)
    assert found.reason_code == "few_placebos"
    weighted = permutation(0, np.array([5.0, 1.0, 0.0]), np.array([1.0, 3.0, 1.0]))
    assert weighted.estimate == pytest.approx(5 - 3 / 4)
    many = permutation(4, np.arange(40.0), np.ones(40))
    assert many.reason_code is None
    assert many.p_value == pytest.approx(10 / 40)


def test_permutation_without_an_answer() -> None:
    assert permutation(0, np.array([1.0]), np.ones(1)).reason_code == "no_control"
    flat = permutation(0, np.full(30, 0.1), np.ones(30))
    assert (flat.p_value, flat.reason_code) == (None, "zero_variance")
    bad = permutation(0, np.array([1.0, np.inf, 2.0]), np.ones(3))
    assert (bad.estimate, bad.reason_code) == (None, "not_finite")
