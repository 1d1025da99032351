"""Difference-in-differences holds its level where naive regressions do not.

Outcomes are unit effects, period effects and AR(1) noise. R is 400 by default and 20,000 under
`-m full`; bands are |size - .05| <= .005 + 3 sqrt(.05 x .95 / R).
"""

from __future__ import annotations

import numpy as np
import pytest

from causalops.estimators.quasi import aggregation as ag
from causalops.estimators.quasi import two_by_two as tb
from causalops.estimators.quasi.group_time import group_time
from causalops.estimators.quasi.linear_effects import covariance, inferences
from causalops.estimators.quasi.panel_moments import (
    NEVER,
    Floats,
    Ints,
    moments_of_panel,
    moments_of_rows,
)
from causalops.estimators.quasi.permutation import permutation
from causalops.estimators.quasi.pretrends import pretrend
from causalops.estimators.quasi.sensitivity_bounds import Violations, bounds
from causalops.estimators.quasi.two_way_fixed_effects import two_way_inference
from causalops.estimators.quasi.uniform_bands import sup_t
from causalops.inference import Inference

SIZES = [400, pytest.param(20_000, marks=pytest.mark.full)]
ALPHA = 0.05


def close(share: float, size: int, level: float = 0.05) -> bool:
    return abs(share - level) <= 0.005 + 3 * np.sqrt(0.05 * 0.95 / size)


def noise(rng: np.random.Generator, n: int, n_periods: int, memory: float) -> Floats:
    """Unit effects plus AR(1) noise (n, n_periods)."""
    values = rng.normal(size=(n, n_periods))
    for t in range(1, n_periods):
        values[:, t] = memory * values[:, t - 1] + np.sqrt(1 - memory**2) * values[:, t]
    return values + rng.normal(size=(n, 1))


def covers(found: Inference, truth: float) -> bool:
    assert found.ci_low is not None
    assert found.ci_high is not None
    return found.ci_low <= truth <= found.ci_high


@pytest.mark.parametrize("size", SIZES)
def test_staggered_effects_that_grow(size: int) -> None:
    """n 400, T 8, cohorts 2, 5 and never by chance (.3, .3, .4), effect .3 per treated period.

    The group-time average covers its truth (18 cohort-periods, mean of .3 x 1..6 and .3 x 1..3,
    weighted by the cohorts' shares, which are estimated); two-way fixed effects never do.
    """
    rng = np.random.default_rng(20260101)
    paths = np.maximum(np.arange(8) - np.array([[2.0], [5.0], [NEVER]]) + 1, 0)
    truth = 0.3 * paths[:2].sum() / 9
    hits = np.zeros((size, 2))
    for r in range(size):
        cohort = rng.choice(3, size=400, p=[0.3, 0.3, 0.4])
        y = noise(rng, 400, 8, 0.5) + 0.3 * paths[cohort]
        moments = moments_of_panel(y, np.array([2.0, 5.0, NEVER])[cohort], range(8))
        simple = ag.simple(group_time(moments, "not_yet"))
        assert simple is not None
        [found] = inferences(simple, covariance(simple, moments), moments, ALPHA)
        hits[r] = covers(found, truth), covers(two_way_inference(moments, ALPHA)[0], truth)
    good, naive = hits.mean(axis=0)
    assert close(1 - good, size)
    assert naive < 0.10


@pytest.mark.parametrize("size", SIZES)
def test_rows_are_not_independent(size: int) -> None:
    """n 100 (half treated), T 10, AR .8, no effect: errors by unit hold, rows as iid reject > 15 %.

    The counter-example is the same two-way number with one observation per row.
    """
    rng = np.random.default_rng(20260102)
    start = np.repeat([5.0, NEVER], 50)
    rejected = np.zeros((size, 2))
    when, first = np.tile(np.arange(10), 100), np.repeat(start, 10)
    for r in range(size):
        y = noise(rng, 100, 10, 0.8)
        y -= y.mean(axis=1, keepdims=True)
        by_unit = two_way_inference(moments_of_panel(y, start, range(10)), ALPHA)[0]
        by_row = two_way_inference(moments_of_rows(y.ravel(), first, when), ALPHA)[0]
        for k, found in enumerate((by_unit, by_row)):
            assert found.p_value is not None
            rejected[r, k] = found.p_value <= ALPHA
    assert close(rejected[:, 0].mean(), size)
    assert rejected[:, 1].mean() > 0.15


def clustered(rng: np.random.Generator, n_clusters: int, n_periods: int) -> tuple[Floats, Ints]:
    """Six units a cluster; a cluster's units share half of their noise."""
    cluster = np.repeat(np.arange(n_clusters), 6)
    shared = noise(rng, n_clusters, n_periods, 0.5)[cluster]
    return shared + noise(rng, 6 * n_clusters, n_periods, 0.5), cluster


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n_treated", [12, 5])
def test_treatment_by_cluster(size: int, n_treated: int) -> None:
    """30 clusters, 12 or 5 treated, no effect: clustered errors by side hold their level,
    group-time and 2x2; by unit > 15 % rejections. CR1 with t(G - 1) warns where few are treated.
    """
    rng = np.random.default_rng(20260103)
    rejected = np.zeros((size, 3))
    for r in range(size):
        y, cluster = clustered(rng, 30, 4)
        start = np.where(cluster < n_treated, 2.0, NEVER)
        results = []
        for groups in (cluster, None):
            moments = moments_of_panel(y, start, range(4), groups)
            simple = ag.simple(group_time(moments))
            assert simple is not None
            results += inferences(simple, covariance(simple, moments), moments, ALPHA)
            if groups is not None:
                cells = tb.two_by_two(moments)
                assert isinstance(cells, tb.TwoByTwo)
                results.append(tb.inference(cells, "influence", ALPHA))
                usual = tb.inference(cells, "cr1", ALPHA), two_way_inference(moments, ALPHA)[0]
                want = "few_clusters" if n_treated < 10 else None
                assert {found.reason_code for found in usual} == {want}
        for k, found in enumerate(results):
            assert found.p_value is not None
            rejected[r, k] = found.p_value <= ALPHA
    assert close(rejected[:, 0].mean(), size)
    assert close(rejected[:, 1].mean(), size)
    assert rejected[:, 2].mean() > 0.15


@pytest.mark.parametrize("size", SIZES)
def test_uniform_band_and_pretrend(size: int) -> None:
    """n 400 in cohorts 3, 5 and never, T 8, no effect, varying base.

    The band covers all event times together, pointwise intervals do not; the pre-trend test of
    six effects rejects in 5 %. (100,000 draws of the critical value every time would cost minutes:
    every 100th replication draws one, and they differ in the third digit.)
    """
    rng = np.random.default_rng(20260104)
    start = np.repeat([3.0, 5.0, NEVER], [120, 120, 160])
    inside, rejected, value = np.zeros((size, 2)), np.zeros(size), 0.0
    for r in range(size):
        moments = moments_of_panel(noise(rng, 400, 8, 0.5), start, range(8))
        found = group_time(moments)
        dynamic = ag.by_event_time(found).effects
        known = covariance(dynamic, moments)
        if r % 100 == 0:
            drawn = sup_t(known, ALPHA, seed=r)
            assert drawn is not None
            assert value == 0 or abs(drawn / value - 1) < 0.03
            value = drawn
        largest = np.abs(dynamic.estimates / np.sqrt(np.diag(known.matrix))).max()
        inside[r] = largest <= value, largest <= 1.959964
        test = pretrend(found)
        assert test.df == 6
        assert test.p_value is not None
        rejected[r] = test.p_value <= ALPHA
    assert close(1 - inside[:, 0].mean(), size)
    assert inside[:, 1].mean() < 0.80
    assert close(rejected.mean(), size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("treated", "rest"), [(16, 37), (12, 9)])
def test_pretrend_by_cluster(size: int, treated: int, rest: int) -> None:
    """40 clusters, three effects before treatment: F(3, 37); with fewer than five treated
    clusters for each effect the smaller side counts, F(3, 9)."""
    rng = np.random.default_rng(20260105)
    rejected = np.zeros(size)
    for r in range(size):
        y, cluster = clustered(rng, 40, 6)
        moments = moments_of_panel(y, np.where(cluster < treated, 4.0, NEVER), range(6), cluster)
        test = pretrend(group_time(moments))
        assert (test.df, test.df_rest) == (3, rest)
        assert test.p_value is not None
        rejected[r] = test.p_value <= ALPHA
    assert close(rejected.mean(), size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [0.0, 0.1, 0.5])
def test_bounds_cover_the_worst_violation(size: int, step: float) -> None:
    """Two pre-period steps (`step` and 0), three effects, post steps as large as M = 1 allows.

    The set covers at least 95 % less simulation error, and at most 2.5 points more when the
    largest step stands out; the ordinary interval misses.
    """
    rng = np.random.default_rng(20260106)
    root = np.tril(np.ones((5, 5))) * 0.1  # event-time estimates share the base period's noise
    rows = np.zeros((3, 5))
    rows[0, 2:], rows[1, 0], rows[2, 1] = 1 / 3, 1.0, 1.0
    matrix = rows @ root @ root.T @ rows.T
    centre = np.array([1.0 + 2 * step, step, 0.0])
    draws = rng.multivariate_normal(centre, matrix, size=size)
    hits = np.zeros((size, 2))
    for r, (effect, *steps) in enumerate(draws.tolist()):
        found = Violations(effect, np.array(steps), matrix, reach=2.0)
        for k, magnitude in enumerate((1.0, 0.0)):
            at = bounds(found, magnitude, ALPHA)
            hits[r, k] = at.ci_low <= 1.0 <= at.ci_high
    covered, naive = hits.mean(axis=0)
    assert covered >= 0.95 - 0.005 - 3 * np.sqrt(0.05 * 0.95 / size)
    if step == 0.5:
        assert covered <= 0.975 + 3 * np.sqrt(0.05 * 0.95 / size)
        assert naive < 0.1


@pytest.mark.parametrize("size", SIZES)
def test_permutation_is_exact(size: int) -> None:
    """One of 40 heavy-tailed groups is treated without effect: p <= .05 in two of 40 ranks."""
    rng = np.random.default_rng(20260107)
    found = [permutation(0, changes, np.ones(40)) for changes in rng.standard_t(2, (size, 40))]
    share = np.mean([item.p_value is not None and item.p_value <= ALPHA for item in found])
    assert close(float(share), size)
