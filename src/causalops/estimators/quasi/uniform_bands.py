"""Simultaneous bands: one critical value under which all K intervals cover together.

The sup-t value is the 1 - alpha quantile of max |Z_k|, Z normal with the estimates' correlation
(Montiel Olea & Plagborg-Moller 2019), or t when the smallest degrees of freedom are finite. It is
simulated with a fixed seed.
"""

from __future__ import annotations

import numpy as np

from causalops.estimators.quasi.linear_effects import Covariance
from causalops.estimators.quasi.panel_moments import Floats
from causalops.inference import two_sided

DRAWS = 100_000
BLOCK = 10_000


def sup_t(found: Covariance, alpha: float, seed: int) -> float | None:
    """Critical value for the estimates that have a standard error; None without any.

    Never below the pointwise value.
    """
    errors = np.sqrt(np.clip(np.diag(found.matrix), 0.0, None))
    used = found.supported & (errors > 1e-12 * errors.max(initial=0.0))
    if not used.any() or not np.isfinite(errors[used]).all():
        return None
    correlation = found.matrix[np.ix_(used, used)] / np.outer(errors[used], errors[used])
    df = float(found.df[used].min())
    pointwise = two_sided(alpha, df if np.isfinite(df) else None)
    if used.sum() == 1:
        return pointwise
    return max(pointwise, float(np.quantile(_largest(correlation, df, seed), 1 - alpha)))


def _largest(correlation: Floats, df: float, seed: int) -> Floats:
    """Draws of max |Z_k| (DRAWS)."""
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    rng = np.random.default_rng(seed)
    largest = np.empty(DRAWS)
    for first in range(0, DRAWS, BLOCK):
        draws = np.abs(rng.standard_normal((BLOCK, len(root))) @ root.T).max(axis=1)
        if np.isfinite(df):
            draws /= np.sqrt(rng.chisquare(df, BLOCK) / df)
        largest[first : first + BLOCK] = draws
    return largest
