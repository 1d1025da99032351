"""Do treated units have untreated ones like them? Common support, trimming, effective size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from causalops.estimators.quasi.propensity import Bools
from causalops.moments import Floats

TRIM = 0.995  # an untreated unit with a higher score would weigh 199 treated units or more


@dataclass(frozen=True)
class Overlap:
    """Scores of both arms, and what the odds weights p / (1 - p) make of the untreated.

    `n_outside` treated lie above every kept untreated unit or below all of them;
    `n_trimmed` untreated have a score of `TRIM` or more and get no weight. `ess` is Kish's
    effective number of untreated units, `max_share` the largest unit's share of their weight.
    """

    treated_range: tuple[float, float]
    untreated_range: tuple[float, float]
    n_outside: int
    n_trimmed: int
    ess: float
    max_share: float
    reason: str | None = None


def odds(probability: Floats, treated: Bools, trim: float = TRIM) -> Floats:
    """Weights of the ATT (n): 1 for treated, p / (1 - p) for untreated, 0 where trimmed.

    The rule of the R package DRDID (Sant'Anna & Zhao 2020): trimming takes untreated units only.
    """
    kept = ~treated & (probability < trim)
    safe = np.where(kept, probability, 0.0)
    return np.where(treated, 1.0, safe / (1 - safe))


def overlap(probability: Floats, treated: Bools, trim: float = TRIM) -> Overlap | None:
    """Overlap of a score (n); None without both arms. `no_overlap` when the ranges are apart."""
    if not 0 < treated.sum() < len(treated):
        return None
    weights = odds(probability, treated, trim)[~treated]
    inside, high = probability[~treated], probability[treated]
    kept = inside[inside < trim]
    total = float(weights.sum())
    if not len(kept) or total <= 0:
        bounds = float(inside.min()), float(inside.max())
        return Overlap(_range(high), bounds, len(high), len(inside), 0.0, 1.0, "no_overlap")
    low_end, high_end = _range(kept)
    n_outside = int(((high > high_end) | (high < low_end)).sum())
    return Overlap(
        treated_range=_range(high),
        untreated_range=(low_end, high_end),
        n_outside=n_outside,
        n_trimmed=len(inside) - len(kept),
        ess=total**2 / float((weights**2).sum()),
        max_share=float(weights.max()) / total,
        reason="no_overlap" if n_outside == len(high) else None,
    )


def _range(values: Floats) -> tuple[float, float]:
    return float(values.min()), float(values.max())
