"""One treated unit or cluster: no standard error exists, only its rank among placebo treatments.

Under no effect and exchangeable groups, every group is as likely to be the treated one. The gap of
a group is its change minus the mean change of all others; p is the share of gaps at least as large
as the treated group's, which is itself one of them (Conley & Taber 2011, Fisher 1935). It cannot
be smaller than 1 / (groups).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from causalops.estimators.quasi.panel_moments import Floats

TIE = 1e-9  # relative: gaps this close are equal


@dataclass(frozen=True)
class Permutation:
    """The effect, its two-sided permutation p and the smallest p that was possible."""

    estimate: float | None = None
    p_value: float | None = None
    floor: float | None = None
    n_placebos: int = 0
    placebos: Floats | None = None  # (J) gaps of the untreated groups, in their order
    reason_code: str | None = None


def permutation(treated: int, changes: Floats, sizes: Floats, alpha: float = 0.05) -> Permutation:
    """p of the group with index `treated`; `changes` (J + 1) after minus before, `sizes` units."""
    groups = len(changes)
    if groups < 2:
        return Permutation(reason_code="no_control")
    if not np.isfinite(changes).all():
        return Permutation(reason_code="not_finite")
    # About a centre, so that large levels lose no digits.
    centred = changes - changes.mean()
    others = sizes.sum() - sizes
    gaps = centred - ((sizes * centred).sum() - sizes * centred) / others
    estimate = float(gaps[treated])
    placebos = np.delete(gaps, treated)
    largest = np.abs(gaps).max()
    if largest <= 1e-12 * np.abs(changes).max(initial=0.0):
        return Permutation(estimate, n_placebos=groups - 1, reason_code="zero_variance")
    as_large = int((np.abs(placebos) >= abs(estimate) - TIE * largest).sum())
    return Permutation(
        estimate, (1 + as_large) / groups, 1 / groups, groups - 1, placebos,
        "few_placebos" if 1 / groups > alpha else None,
    )  # fmt: skip
