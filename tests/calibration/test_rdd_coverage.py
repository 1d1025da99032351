"""Robust intervals at a cutoff cover; the conventional ones at the same bandwidth do not.

Design: n 1,000 units with scores uniform on [-1, 1]; the outcome bends by 3 x² on either side, up
below the cutoff and down above it, and jumps by .5, with normal noise. R is 60 by default, since
rdrobust takes .1 CPU s a time, and 20,000 under `-m full`. (On the design of Lee (2008) the
reference itself covers 91 %.)
"""

from __future__ import annotations

import numpy as np
import pytest

from causalops.estimators.quasi.cutoff_sample import sample
from causalops.estimators.quasi.local_polynomial import jump

SIZES = [60, pytest.param(20_000, marks=pytest.mark.full)]
TRUTH = 0.5


@pytest.mark.parametrize("size", SIZES)
def test_robust_intervals_cover(size: int) -> None:
    rng = np.random.default_rng(20260101)
    covered = {"robust": 0, "conventional": 0}
    for _ in range(size):
        x = rng.uniform(-1, 1, 1_000)
        y = x - 3 * x * np.abs(x) + TRUTH * (x >= 0) + 0.5 * rng.normal(size=len(x))
        found = jump(sample(y, x, 0.0))
        for name in covered:
            row = getattr(found, name)
            covered[name] += row.ci_low <= TRUTH <= row.ci_high
    shares = {name: count / size for name, count in covered.items()}
    assert shares["robust"] >= 0.94 - 3 * np.sqrt(0.94 * 0.06 / size)
    assert shares["conventional"] < shares["robust"]
    if size >= 1_000:
        assert shares["conventional"] < 0.94 - 3 * np.sqrt(0.94 * 0.06 / size)
