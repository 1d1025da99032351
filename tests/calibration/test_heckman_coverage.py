"""Heckman's two steps and likelihood cover 95 %; least squares on the selected covers almost never.

Design: n 1,000 units, about 57 % selected, errors of selection and outcome correlated by .7, one
excluded column; the slope of the outcome is .5 for everybody. Lee's bounds on the same kind of
data: the interval covers the effect on those selected either way, also with 30 clusters of 40
units, where errors of independent units cover 71 %. R is 500 by default (80 for the
likelihood), 20,000 under `-m full`.
"""

from __future__ import annotations

import numpy as np
import pytest

from causalops.estimators.quasi.lee_bounds import lee_bounds
from causalops.estimators.quasi.selection import naive_ols, two_step
from causalops.estimators.quasi.selection_likelihood import maximum_likelihood
from causalops.estimators.quasi.selection_sample import SelectionSample, selection_sample
from causalops.inference import Inference

SIZES = [500, pytest.param(20_000, marks=pytest.mark.full)]
TRUTH = 0.5
N = 1_000


def draw(rng: np.random.Generator) -> SelectionSample:
    x, w, u, v = rng.normal(size=(4, N))
    selected = (0.3 + x + w + u > 0).astype(float)
    y = 1 + TRUTH * x + 0.7 * u + np.sqrt(1 - 0.7**2) * v
    return selection_sample(y, selected, {"x": x}, {"x": x, "w": w})


def covers(found: Inference) -> bool:
    assert found.ci_low is not None
    assert found.ci_high is not None
    return found.ci_low <= TRUTH <= found.ci_high


def floor(size: int) -> float:
    return 0.94 - 3 * float(np.sqrt(0.94 * 0.06 / size))


@pytest.mark.parametrize("size", SIZES)
def test_two_steps_cover_and_least_squares_does_not(size: int) -> None:
    rng = np.random.default_rng(20260101)
    corrected = naive = 0
    for _ in range(size):
        sample = draw(rng)
        corrected += covers(two_step(sample).outcome["x"])
        naive += covers(naive_ols(sample)["x"])
    assert corrected / size >= floor(size)
    assert abs(corrected / size - 0.95) <= 0.005 + 3 * np.sqrt(0.05 * 0.95 / size)
    assert naive / size < 0.2


@pytest.mark.parametrize("size", [80, pytest.param(20_000, marks=pytest.mark.full)])
def test_the_likelihood_covers(size: int) -> None:
    rng = np.random.default_rng(20260102)
    hits = sum(covers(maximum_likelihood(draw(rng)).outcome["x"]) for _ in range(size))
    assert hits / size >= floor(size)


@pytest.mark.parametrize("size", SIZES)
def test_lee_bounds_cover_at_both_ends(size: int) -> None:
    """Treatment selects 15 points more; the extra units are the worst, or the best, of the treated.

    Then the effect is at one end of the bounds, where coverage is 95 % and no more.
    """
    rng = np.random.default_rng(20260103)
    hits = {1.0: 0, -1.0: 0}
    for _ in range(size):
        for sign in hits:
            y, treated = rng.normal(size=N), np.arange(N) % 2 == 0
            always = sign * y > -0.25
            selected = always | (treated & (sign * y > -0.7))
            found = lee_bounds(y + TRUTH * treated, selected, treated)
            hits[sign] += covers(found.interval)
    for count in hits.values():
        assert count / size >= floor(size)
        assert count / size <= 0.95 + 0.005 + 3 * np.sqrt(0.05 * 0.95 / size)


@pytest.mark.parametrize("size", SIZES)
def test_lee_bounds_cover_with_clusters(size: int) -> None:
    """Clusters drawn whole, with effects of their own (sd .7); the effect is at an end."""
    rng = np.random.default_rng(20260104)
    groups = np.repeat(np.arange(30), 40)
    treated = groups % 2 == 0
    hits = naive = 0
    for _ in range(size):
        y = 0.7 * rng.normal(size=30)[groups] + rng.normal(size=len(groups))
        selected = (y > -0.25) | (treated & (y > -0.7))
        shifted = y + TRUTH * treated
        hits += covers(lee_bounds(shifted, selected, treated, clusters=groups).interval)
        naive += covers(lee_bounds(shifted, selected, treated).interval)
    assert hits / size >= floor(size)
    assert naive / size < 0.8
