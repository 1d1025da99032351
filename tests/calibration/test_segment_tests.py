"""Does the test for differing effects reject 5 % of the time when all effects are equal?

With R replications |share - .05| <= .005 + 3 sqrt(.05 .95 / R); R 2,000, or 20,000 under `-m full`.
"""

from __future__ import annotations

import numpy as np
import pytest

from causalops.estimators.randomised.heterogeneity import Part, deviations, heterogeneity
from causalops.moments import Floats

SIZES = [1_000, pytest.param(20_000, marks=pytest.mark.full)]
UNEQUAL = (40, 80, 160, 320, 640)


def segment(rng: np.random.Generator, n: int, size: int, spread: float) -> tuple[Floats, ...]:
    """Effect, standard error and Satterthwaite df of `size` data sets of n + n units, effect 1.

    Outcomes are gamma(16) (skewness .5) times `spread`; the treated vary twice as much.
    """
    arms = [scale * rng.gamma(16, 1.0, (size, n)) for scale in (2 * spread, spread)]
    arms[0] += 1.0 + 16 * (spread - 2 * spread)
    pieces = [arm.var(axis=1, ddof=1) / n for arm in arms]
    variance = pieces[0] + pieces[1]
    df = variance**2 / sum(piece**2 / (n - 1) for piece in pieces)
    return arms[0].mean(axis=1) - arms[1].mean(axis=1), np.sqrt(variance), df


def experiments(sizes: tuple[int, ...], replications: int, seed: int) -> list[list[Part]]:
    rng = np.random.default_rng(seed)
    drawn = [segment(rng, n, replications, 1 + k / 4) for k, n in enumerate(sizes)]
    return [
        [Part(str(k), *(float(column[i]) for column in columns)) for k, columns in enumerate(drawn)]
        for i in range(replications)
    ]


def share(hits: list[bool]) -> float:
    return float(np.mean(hits))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("sizes", [UNEQUAL, (12,) * 5], ids=["unequal", "tiny"])
def test_q_test_under_equal_effects(sizes: tuple[int, ...], size: int) -> None:
    """k 5: 40 to 640 users per arm and segment, and 12; variances differ by segment and arm."""
    tests = [heterogeneity(parts) for parts in experiments(sizes, size, 20260101)]
    rejected = share([test is not None and (test.p_value or 0) < 0.05 for test in tests])
    assert abs(rejected - 0.05) <= 0.005 + 3 * np.sqrt(0.05 * 0.95 / size), rejected


def test_the_plain_chi_square_would_not_hold_its_level() -> None:
    """12 users per arm: errors taken as known reject far more than 5 %. Why p is Welch's F."""
    known = [
        [Part(part.name, part.effect, part.std_error) for part in parts]
        for parts in experiments((12,) * 5, 2_000, 20260101)
    ]
    tests = [heterogeneity(parts) for parts in known]
    assert share([test is not None and (test.p_value or 0) < 0.05 for test in tests]) > 0.07


def test_a_named_segment_is_a_false_alarm_at_most_as_often_as_promised() -> None:
    """All effects equal: any segment named after adjustment is a false alarm, at most 5 %."""
    found = [deviations(parts, 0.05) for parts in experiments(UNEQUAL, 2_000, 3)]
    named = share([any((item.p_adjusted or 1) <= 0.05 for item in items) for items in found])
    assert named <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2_000), named
