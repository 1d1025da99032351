"""The placebo rank of a synthetic control keeps its size when nothing happened.

Design: 20 exchangeable units (a common factor with unit loadings, plus noise), 12 periods before
and 4 after, one unit taken as treated. p lies on 1/20, ..., 1, so P(p <= k/20) = k/20 when units
are exchangeable. R is 300 by default and 20,000 under `-m full`. The set of constant effects at
10 % covers the truth as often as p exceeds .10.
"""

from __future__ import annotations

import numpy as np
import pytest

from causalops.estimators.quasi import synthetic_fit as sf

SIZES = [300, pytest.param(20_000, marks=pytest.mark.full)]
UNITS, BEFORE, AFTER, EFFECT = 20, 12, 4, 3.0


def replicate(rng: np.random.Generator) -> tuple[float, bool]:
    """The p of one panel without an effect, and whether the set covers a planted effect."""
    factor = rng.normal(size=(BEFORE + AFTER, 2)).cumsum(axis=0)
    values = factor @ rng.uniform(size=(2, UNITS)) + rng.normal(size=(BEFORE + AFTER, UNITS))
    panel = sf.Panel(values[:, 0], values[:, 1:], tuple("abcdefghijklmnopqrs"), BEFORE)
    main, others = sf.fit(panel), list(sf.placebos(panel).values())
    assert main is not None
    place = sf.rank(main, others)
    assert place is not None
    moved = sf.Panel(panel.treated + EFFECT * (np.arange(BEFORE + AFTER) >= BEFORE),
                     panel.donors, panel.names, BEFORE)  # fmt: skip
    treated = sf.fit(moved)
    assert treated is not None
    found = sf.gap_set(treated, others, 0.1)
    assert found is not None
    covers = found.low is not None and found.high is not None and found.low <= EFFECT <= found.high
    return place.p_value, covers


@pytest.mark.parametrize("size", SIZES)
def test_the_placebo_rank_is_uniform(size: int) -> None:
    rng = np.random.default_rng(20260101)
    found = [replicate(rng) for _ in range(size)]
    p_values = np.array([p for p, _ in found])
    for share in (0.05, 0.1, 0.25, 0.5):
        band = 0.005 + 3 * np.sqrt(share * (1 - share) / size)
        assert abs(float(np.mean(p_values <= share + 1e-9)) - share) <= band, share
    covered = np.array([covers for _, covers in found])
    assert covered.tolist() == (p_values > 0.1 + 1e-9).tolist()
