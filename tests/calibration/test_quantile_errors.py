"""Do quantile effects keep their level, and does the event-level error match the truth?

R is 1,000 by default and 20,000 under `-m full`; bands as in test_randomised.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from causalops.estimators.randomised.quantiles import (
    ArmQuantiles,
    compare,
    contrast_correlation,
    event_arm,
    sup_t,
    unit_arm,
)
from causalops.moments import Floats

SIZES = [1_000, pytest.param(20_000, marks=pytest.mark.full)]
ALPHA = 0.05
Z = norm.ppf(0.975)


def latencies(rng: np.random.Generator, users: int) -> tuple[Floats, Floats]:
    """Page loads of users: 7 each on average, log-normal, six tenths of the variance between users.

    Users with slow devices load more pages, so events and values move together.
    """
    device = rng.normal(size=users)
    loads = 1 + rng.poisson(6 * np.exp(0.3 * device - 0.045))
    user = np.repeat(np.arange(users), loads)
    mixed = np.sqrt(0.6) * device[user] + np.sqrt(0.4) * rng.normal(size=len(user))
    return user.astype(float), np.exp(6 + 0.8 * mixed)


def test_latencies_are_as_described() -> None:
    user, values = latencies(np.random.default_rng(1), 20_000)
    loads = np.bincount(user.astype(int))
    assert 6.8 < loads.mean() < 7.2
    means = np.bincount(user.astype(int), weights=np.log(values)) / loads
    assert 0.6 < means.var() / np.log(values).var() < 0.75


@pytest.mark.parametrize("size", SIZES)
def test_the_event_level_error_is_the_sampling_error(size: int) -> None:
    """p95 of 400 users, about 2,800 loads: the error of independent events is 2.2 times too small.

    The mean of the delta-method errors lies within 10 % of the true standard deviation.
    """
    rng = np.random.default_rng(20260101)
    values, errors, naive = [], [], []
    for _ in range(size):
        user, loads = latencies(rng, 400)
        (arm,) = event_arm(user, loads, [0.95], ALPHA).quantiles
        (iid,) = unit_arm(loads, [0.95], ALPHA).quantiles
        values.append(arm.value)
        errors.append(arm.std_error(ALPHA))
        naive.append(iid.std_error(ALPHA))
    truth = float(np.std(values, ddof=1))
    assert np.mean(np.array(errors, dtype=float)) == pytest.approx(truth, rel=0.10)
    assert 2.0 < truth / np.mean(np.array(naive, dtype=float)) < 2.4


def draw(level: str, rng: np.random.Generator) -> ArmQuantiles:
    """One arm: 500 skewed units, or 400 users with their page loads."""
    if level == "unit":
        return unit_arm(rng.lognormal(0, 1, 500), [0.5, 0.75, 0.9], ALPHA)
    return event_arm(*latencies(rng, 400), [0.5, 0.75, 0.9], ALPHA)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("level", ["unit", "event"])
def test_no_effect_is_found_five_times_in_a_hundred_and_bands_hold_together(
    level: str, size: int
) -> None:
    """Equal arms: at .5, .75 and .9 each test rejects 5 %, the band covers all three 95 %.

    A band of pointwise intervals covers all three in fewer than 92 %. Errors from order statistics
    are a little long in the tail, so the lower limit of the rejections at .9 is 3 %.
    """
    rng = np.random.default_rng(7)
    statistics, hits = [], []
    for _ in range(size):
        arms = draw(level, rng), draw(level, rng)
        pairs = zip([0.5, 0.75, 0.9], arms[0].quantiles, arms[1].quantiles, strict=True)
        found = [compare(q, v, b, ALPHA) for q, v, b in pairs]
        t = np.array([c.effect / np.sqrt(c.variance) for c in found])  # type: ignore[operator,type-var]
        correlation = contrast_correlation(found, arms[0].correlation, arms[1].correlation)
        statistics.append(np.abs(t))
        hits.append(np.abs(t).max() <= sup_t(correlation, 1).critical(ALPHA))
    rejected = (np.array(statistics) > Z).mean(axis=0)
    slack = 0.005 + 3 * np.sqrt(0.05 * 0.95 / size)
    assert (rejected <= 0.05 + slack).all(), rejected
    assert (rejected >= [0.05 - slack, 0.05 - slack, 0.03]).all(), rejected
    assert np.mean(hits) >= 0.94 - 3 * np.sqrt(0.94 * 0.06 / size), np.mean(hits)
    assert (np.array(statistics).max(axis=1) <= Z).mean() < 0.92


@pytest.mark.parametrize("size", SIZES)
def test_the_interval_covers_a_shift_of_the_upper_tail(size: int) -> None:
    """Units: the variant's p90 is higher by 1 (values above the median are stretched)."""
    rng = np.random.default_rng(8)
    p90 = float(np.exp(norm.ppf(0.9)))
    hits = []
    for _ in range(size):
        control, variant = rng.lognormal(0, 1, (2, 500))
        variant = np.where(variant > 1, 1 + (variant - 1) * p90 / (p90 - 1), variant)
        (v,), (b,) = (unit_arm(x, [0.9], ALPHA).quantiles for x in (variant, control))
        found = compare(0.9, v, b, ALPHA)
        hits.append(abs(found.effect - 1) <= Z * np.sqrt(found.variance))  # type: ignore[operator,type-var]
    assert np.mean(hits) >= 0.94 - 3 * np.sqrt(0.94 * 0.06 / size), np.mean(hits)
