"""Rosenbaum bounds: how much hidden bias would undo a finding from matched pairs?

Within a pair one unit may be Gamma times as likely to be treated as the other. Wilcoxon's signed
rank statistic then lies between two known distributions (Rosenbaum 2002, section 4.3). Pairs must
be disjoint: see `matching.pairs`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr
from scipy.stats import rankdata

from causalops.inference import critical
from causalops.moments import Floats

MIN_PAIRS = 10  # fewer do not make the rank sum normal


@dataclass(frozen=True)
class Sensitivity:
    """`gamma` is the bias at which the finding is lost; 1 or less: there is none to lose.

    `direction` is that of the effect (1 or -1). None with a reason: it cannot be told.
    """

    gamma: float | None
    p_value: float | None
    direction: int
    n_pairs: int
    reason: str | None = None


def sensitivity(differences: Floats, alpha: float = 0.05) -> Sensitivity:
    """Largest Gamma at which the two-sided test of no effect still rejects, in closed form.

    `differences` (n pairs), treated minus untreated; ties get mean ranks.
    `p_value` is that without hidden bias. Reasons: `too_few_pairs`, `not_finite`.
    """
    if not np.isfinite(differences).all():
        return Sensitivity(None, None, 0, 0, "not_finite")
    kept, ranks = _ranked(differences)
    if len(kept) < MIN_PAIRS:
        return Sensitivity(None, None, 0, len(kept), "too_few_pairs")
    total, squares = float(ranks.sum()), float((ranks**2).sum())
    positive = float(ranks[kept > 0].sum())
    direction = 1 if positive >= total - positive else -1
    top = max(positive, total - positive)
    p_value = min(1.0, 2 * float(ndtr(-(top - total / 2) / math.sqrt(squares / 4))))
    # (top - share total)² = z² share (1 - share) squares, its root below top / total.
    z2 = critical(1 - alpha / 2, None) ** 2
    a, half = total**2 + z2 * squares, top * total + z2 * squares / 2
    share = (half - math.sqrt(max(half**2 - a * top**2, 0.0))) / a
    return Sensitivity(share / (1 - share), p_value, direction, len(kept))


def _ranked(differences: Floats) -> tuple[Floats, Floats]:
    """Differences that are not zero and their ranks among all (Pratt 1959), as Rosenbaum has it."""
    kept = differences != 0
    return differences[kept], rankdata(np.abs(differences))[kept]


def upper_p(differences: Floats, gamma: float) -> float | None:
    """Largest one-sided p-value of a positive effect at this Gamma (>= 1); None without pairs."""
    kept, ranks = _ranked(differences)
    if not len(kept):
        return None
    share = gamma / (1 + gamma)
    expected, variance = share * ranks.sum(), share * (1 - share) * (ranks**2).sum()
    return float(ndtr(-(ranks[kept > 0].sum() - expected) / math.sqrt(variance)))


def hodges_lehmann(differences: Floats, gamma: float = 1.0) -> tuple[float, float] | None:
    """Bounds of the Hodges-Lehmann effect at this Gamma; equal at 1. None without pairs.

    The shift at which the signed rank statistic equals its expectation, by bisection between the
    extreme differences.
    """
    if not len(differences) or not np.isfinite(differences).all():
        return None
    total = len(differences) * (len(differences) + 1) / 2
    share = gamma / (1 + gamma)
    low, high = (_shift(differences, total * part) for part in (share, 1 - share))
    return low, high


def _shift(differences: Floats, target: float) -> float:
    """Middle of the shifts where the statistic passes `target` (it falls in the shift)."""
    width = float(np.ptp(differences))
    ends = []
    for strict in (True, False):
        low, high = float(differences.min()) - width - 1, float(differences.max()) + width + 1
        for _ in range(200):
            middle = (low + high) / 2
            if not low < middle < high:
                break
            value = _signed_rank(differences - middle)
            above = value > target + 1e-9 if strict else value >= target - 1e-9
            low, high = (middle, high) if above else (low, middle)
        ends.append((low + high) / 2)
    return (ends[0] + ends[1]) / 2


def _signed_rank(differences: Floats) -> float:
    """Sum of positive ranks; a zero counts half."""
    ranks = rankdata(np.abs(differences))
    return float(ranks[differences > 0].sum() + ranks[differences == 0].sum() / 2)
