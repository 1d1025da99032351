"""Tests on counts of units: planned shares, and equal rates between arms."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, gammaln

from causalops.estimators.randomised.inputs import SEED
from causalops.moments import Floats

SMALL_EXPECTED = 5  # below this expected count chi-square is not trusted
MAX_TABLES = 1_000_000
DRAWS = 100_000
_SAME = 1 + 1e-9  # probabilities this close are equal


@dataclass(frozen=True)
class CountTest:
    """Test of observed against expected counts; `deviation` is the largest |o - e| / e."""

    statistic: float | None = None
    df: int | None = None
    p_value: float | None = None
    deviation: float | None = None
    method: str = "none"
    reason: str | None = None


def srm_test(
    observed: Mapping[str, int], shares: Mapping[str, float], seed: int = SEED
) -> CountTest:
    """Sample ratio mismatch: do counts fit the planned shares (any positive scale)?

    Every planned arm counts, with 0 where the data have none. Chi-square; where an expected count
    is below 5, the exact multinomial test (up to 1e6 tables), else a seeded simulation.
    """
    names = list(shares)
    counts = np.array([float(observed.get(name, 0)) for name in names])
    weights = np.array([float(shares[name]) for name in names])
    total = counts.sum()
    if total == 0 or len(names) < 2:
        return CountTest(reason="no_units")
    prob = weights / weights.sum()
    expected = total * prob
    statistic = float(((counts - expected) ** 2 / expected).sum())
    deviation = float((np.abs(counts - expected) / expected).max())
    df = len(names) - 1
    if expected.min() >= SMALL_EXPECTED:
        p_value, method = float(chdtrc(df, statistic)), "chi_square"
    elif math.comb(int(total) + df, df) <= MAX_TABLES:
        p_value, method = _exact(counts, prob), "exact"
    else:
        p_value, method = _simulated(statistic, int(total), prob, seed), "monte_carlo"
    return CountTest(statistic, df, _proper(p_value), deviation, method)


def rate_test(events: Mapping[str, int], units: Mapping[str, int], seed: int = SEED) -> CountTest:
    """Is the share of units with an event the same in every arm? Pearson chi-square of 2 x k.

    With an expected count below 5 the events are tested against the arms' shares of units.
    """
    names = [name for name in units if units[name] > 0]
    if len(names) < 2:
        return CountTest(reason="no_units")
    sizes = {name: float(units[name]) for name in names}
    rate = sum(events.get(name, 0) for name in names) / sum(sizes.values())
    if rate in (0.0, 1.0):
        return CountTest(0.0, len(names) - 1, None, 0.0, "constant")
    smallest = min(sizes.values())
    if min(smallest * rate, smallest * (1 - rate)) < SMALL_EXPECTED:
        counts = {name: events.get(name, 0) for name in names}
        rare = counts if rate <= 0.5 else {name: units[name] - counts[name] for name in names}
        return srm_test(rare, sizes, seed)
    n = np.array(list(sizes.values()))
    hits = np.array([float(events.get(name, 0)) for name in names])
    statistic = float(((hits - n * rate) ** 2 / (n * rate * (1 - rate))).sum())
    gap = float((np.abs(hits / n - rate) / rate).max())
    df = len(names) - 1
    return CountTest(statistic, df, _proper(float(chdtrc(df, statistic))), gap, "chi_square")


def _exact(counts: Floats, prob: Floats) -> float:
    """Sum of the probabilities of all tables that are at most as likely as the observed one."""
    tables = _tables(int(counts.sum()), len(counts))
    log_p = _log_probability(tables, prob)
    seen = _log_probability(counts[None, :], prob)[0]
    return float(min(1.0, np.exp(log_p[log_p <= seen + math.log(_SAME)]).sum()))


def _tables(total: int, arms: int) -> Floats:
    """All ways to split `total` units over `arms` arms, one per row."""
    rows = np.arange(total + 1.0)[:, None]
    left = total - rows[:, 0]
    for _ in range(arms - 2):
        repeat = (left + 1).astype(int)
        start = np.repeat(np.cumsum(repeat) - repeat, repeat)
        column = np.arange(repeat.sum()) - start
        rows = np.column_stack([np.repeat(rows, repeat, axis=0), column])
        left = np.repeat(left, repeat) - column
    return np.asarray(np.column_stack([rows, left]))


def _log_probability(tables: Floats, prob: Floats) -> Floats:
    total = tables[0].sum()
    terms = tables * np.log(prob) - gammaln(tables + 1)
    return np.asarray(gammaln(total + 1) + terms.sum(axis=1))


def _simulated(statistic: float, total: int, prob: Floats, seed: int) -> float:
    """Share of simulated tables at least as far from plan, counting the observed one."""
    draws = np.random.default_rng(seed).multinomial(total, prob, size=DRAWS)
    expected = total * prob
    values = ((draws - expected) ** 2 / expected).sum(axis=1)
    return float((1 + (values >= statistic / _SAME).sum()) / (1 + DRAWS))


def _proper(p_value: float) -> float:
    return min(1.0, max(p_value, sys.float_info.min))
