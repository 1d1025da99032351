"""E-value: how strong must an unmeasured confounder be to explain an effect away?

On the risk ratio scale it has to be associated with treatment and with outcome by at least this
ratio each (VanderWeele & Ding 2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class EValue:
    """For the estimate and for the interval's limit nearest to no effect (1: it includes none)."""

    point: float | None
    limit: float | None
    reason: str | None = None


def of_ratio(ratio: float, low: float | None = None, high: float | None = None) -> EValue:
    """E-values of a risk ratio and its interval; a protective one counts by its inverse.

    `not_a_risk_ratio` unless the ratio is positive and finite.
    """
    if not (math.isfinite(ratio) and ratio > 0):
        return EValue(None, None, "not_a_risk_ratio")
    near = low if ratio > 1 else high
    if near is None or not math.isfinite(near):
        return EValue(_point(ratio), None)
    crosses = near <= 1 if ratio > 1 else near >= 1
    return EValue(_point(ratio), 1.0 if crosses else _point(near))


def of_difference(effect: float, std_error: float | None, spread: float) -> EValue:
    """E-values of a difference of means with the outcome's standard deviation `spread`.

    The standardised difference d is like a risk ratio of exp(0.91 d), with the interval
    exp(0.91 d -+ 1.78 se(d)) (Chinn 2000; VanderWeele & Ding 2017).
    """
    if not (math.isfinite(effect) and math.isfinite(spread) and spread > 0):
        return EValue(None, None, "zero_variance")
    centre = 0.91 * effect / spread
    half = None if std_error is None else 1.78 * std_error / spread
    if abs(centre) + (half or 0.0) > 700:
        return EValue(None, None, "not_finite")
    if half is None:
        return of_ratio(math.exp(centre))
    return of_ratio(math.exp(centre), math.exp(centre - half), math.exp(centre + half))


def _point(ratio: float) -> float:
    above = ratio if ratio >= 1 else 1 / ratio
    # Two roots: the product of two huge numbers would be infinite.
    return above + math.sqrt(above) * math.sqrt(above - 1)
