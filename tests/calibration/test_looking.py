"""How often does a test that is read again and again reject when there is no effect?

Always-valid: at most 5 % plus 3 sqrt(.05 .95 / R), at 100 looks. Planned looks: |size - .05| <=
.005 + 3 sqrt(.05 .95 / R). R is 1,000 by default and 20,000 under `-m full`. Each test states its n
and its truth; outcomes are exponential (skewness 2) unless said. The fixed test under the same
looks is the counter-example that a correct simulation must show.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from causalops.moments import Floats
from causalops.sequential import always_valid, boundaries, mixing_variance, repeated_p, spent

SIZES = [1_000, pytest.param(20_000, marks=pytest.mark.full)]
LOOKS = 100
PLANNED = 5_000  # units per arm


def statistics(rng: np.random.Generator, size: int, looks: Floats, effect: float = 0.0) -> Floats:
    """z of `size` experiments at `looks` (units per arm): Welch's, of exponential outcomes.

    Sums and sums of squares of the units between two looks, so that no unit is drawn twice.
    """
    steps = np.diff(np.r_[0, looks]).astype(int)
    totals = np.zeros((2, 2, size, len(looks)))
    for arm in (0, 1):
        for look, step in enumerate(steps):
            for start in range(0, size, 200):
                rows = slice(start, min(start + 200, size))
                y = rng.exponential(size=(rows.stop - rows.start, step))
                totals[arm, 0, rows, look] = y.sum(axis=1)
                totals[arm, 1, rows, look] = (y * y).sum(axis=1)
    sums, squares = totals.cumsum(axis=3).transpose(1, 0, 2, 3)
    mean = sums / looks
    variance = (squares - looks * mean**2) / (looks - 1)
    return np.asarray((mean[0] - mean[1] + effect) / np.sqrt(variance.sum(axis=0) / looks))


def always_valid_limit(n: Floats, planned: int) -> Floats:
    """|z| beyond which the interval at n units in both arms misses zero, as the library has it."""
    limits = []
    for units in n:
        half = always_valid(0.0, 1.0, (int(units // 2),) * 2, planned, 0.05)
        assert half.ci_high is not None
        limits.append(half.ci_high)
    return np.array(limits)


def band(size: int) -> float:
    return 3 * math.sqrt(0.05 * 0.95 / size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("planned", [1_000, PLANNED, 50_000])
def test_always_valid_at_100_looks(size: int, planned: int) -> None:
    """100 looks from 100 to 10,000 units per arm; the plan is too small, about right, too large.
    The fixed test rejects in more than a third of the experiments."""
    looks = np.linspace(100, 10_000, LOOKS)
    z = np.abs(statistics(np.random.default_rng(1), size, looks))
    rejected = (z >= always_valid_limit(2 * looks, planned)).any(axis=1).mean()
    assert rejected <= 0.05 + band(size), rejected
    fixed = (z >= 1.96).any(axis=1).mean()
    assert fixed > 0.3, fixed


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("planned", [PLANNED, 50_000])
def test_always_valid_for_units_that_go_on(size: int, planned: int) -> None:
    """A metric without a window: 5,000 units per arm are there from the first day, what each does
    grows daily for 100 days. Not what the theory covers; the size still stays below 5 %."""
    rng = np.random.default_rng(2)
    units, days = 5_000, 100
    gap = rng.normal(size=(size, days)).cumsum(axis=1)  # difference of arms' totals, scaled
    own = rng.normal(size=(size, 1)) * np.sqrt(0.5) * np.arange(1, days + 1) / 10
    spread = np.sqrt(np.arange(1, days + 1) + 0.5 * (np.arange(1, days + 1) / 10) ** 2)
    z = np.abs((gap + own) / spread)
    rejected = (z >= always_valid_limit(np.full(days, 2 * units), planned)).any(axis=1).mean()
    assert rejected <= 0.05 + band(size), rejected


@pytest.mark.parametrize("size", SIZES)
def test_always_valid_covers_an_effect_and_finds_it(size: int) -> None:
    """Truth .1, 50 looks up to 5,000 per arm: zero is excluded at some look in most experiments,
    and the truth is outside at some look in at most 5 %."""
    looks = np.linspace(100, 5_000, 50)
    limit = always_valid_limit(2 * looks, PLANNED)
    z = statistics(np.random.default_rng(3), size, looks)
    shifted = z + 0.1 / np.sqrt(2 / looks)
    assert (np.abs(z) >= limit).any(axis=1).mean() <= 0.05 + band(size)
    assert (shifted >= limit).any(axis=1).mean() > 0.9
    assert (shifted <= -limit).any(axis=1).mean() < 0.01
    assert mixing_variance(0.05, 2 * PLANNED) * 2 * PLANNED == pytest.approx(7.937, abs=1e-3)


SCHEDULES = {
    "as planned": (0.25, 0.5, 0.75, 1.0),
    "second look skipped": (0.25, 0.75, 1.0),
    "late looks": (0.31, 0.58, 0.79, 1.0),
    "fewer units than planned": (0.2, 0.4, 0.6, 0.8),
    "more units than planned": (0.3, 0.6, 0.9, 1.3),
    "almost no new units": (0.25, 0.5, 0.99, 1.0),
}


def first_crossings(z: Floats, bounds: tuple[float, ...]) -> Floats:
    """Share of experiments that have crossed a boundary, look by look."""
    return np.asarray(np.logical_or.accumulate(np.abs(z) >= bounds, axis=1).mean(axis=0))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("spending", ["obrien_fleming", "pocock"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_size_at_planned_looks(name: str, spending: str, size: int) -> None:
    """Up to 6,500 units per arm. The share that crosses follows the spending function at every
    look; reading 1.96 at each look rejects twice as often as it should."""
    information = SCHEDULES[name]
    looks = np.round(np.array(information) * PLANNED)
    z = statistics(np.random.default_rng(4), size, looks)
    crossed = first_crossings(z, boundaries(information, 0.05, spending, True))
    for share, t in zip(crossed[:-1], information, strict=False):
        planned = spent(spending, t, 0.05)
        assert abs(share - planned) <= 0.005 + 3 * math.sqrt(planned * (1 - planned) / size)
    assert abs(crossed[-1] - 0.05) <= 0.005 + band(size), crossed[-1]
    assert first_crossings(z, (1.96,) * len(looks))[-1] > 0.08


@pytest.mark.parametrize("spending", ["obrien_fleming", "pocock"])
def test_repeated_p_values_are_p_values(spending: str) -> None:
    """300 experiments of four looks: p <= a exactly where a boundary at a is reached, so that the
    sizes above are also those of p."""
    information = SCHEDULES["as planned"]
    z = statistics(np.random.default_rng(5), 300, np.array(information) * 2_000, effect=0.03)
    p = np.array([repeated_p(list(row), information, spending, True) for row in z])
    for alpha in (0.01, 0.05, 0.2):
        reached = (np.abs(z) >= boundaries(information, alpha, spending, True)).any(axis=1)
        np.testing.assert_array_equal(p <= alpha, reached)


@pytest.mark.parametrize("size", SIZES)
def test_power_at_planned_looks(size: int) -> None:
    """An effect that the fixed test finds with 90 % power is found in 87 to 90 % at four looks of
    O'Brien-Fleming's kind, on average with fewer units."""
    information = SCHEDULES["as planned"]
    looks = np.array(information) * PLANNED
    effect = (1.959964 + 1.281552) * math.sqrt(2 / PLANNED)
    z = statistics(np.random.default_rng(6), size, looks, effect)
    crossed = first_crossings(z, boundaries(information, 0.05, "obrien_fleming", True))
    assert 0.86 <= crossed[-1] <= 0.91, crossed
    average = 1 - 0.25 * crossed[:-1].sum()
    assert average < 0.8
