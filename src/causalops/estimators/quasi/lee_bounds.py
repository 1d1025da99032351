"""Bounds on the effect of a randomised treatment under selection, without an exclusion (Lee 2009).

When treatment moves selection in one direction only, the arm with the larger selected share holds
units that the other arm would have lost. Cutting their share from its top or its bottom bounds the
effect on those who are selected either way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr

from causalops.inference import CONSTANT, Inference, unavailable
from causalops.moments import Floats


@dataclass(frozen=True)
class LeeBounds:
    """Bounds with standard errors; `interval` covers the effect itself (Imbens & Manski 2004).

    `trimmed` is the share cut from the arm `trimmed_arm` (treated, untreated or none); `shares` are
    those selected (treated, untreated).
    """

    interval: Inference
    low: float | None = None
    high: float | None = None
    errors: tuple[float, float] | None = None
    trimmed: float | None = None
    trimmed_arm: str = "none"
    shares: tuple[float, float] | None = None
    n: tuple[int, int] = (0, 0)


def lee_bounds(
    y: Floats,
    selected: npt.NDArray[np.bool_],
    treated: npt.NDArray[np.bool_],
    alpha: float = 0.05,
) -> LeeBounds:
    """From outcomes (n), read only where `selected` (n), of units randomised to `treated` (n).

    Reasons: `empty_arm`, `too_few_units` (selected, in an arm), `zero_variance`, `not_finite`.
    """
    n = int(treated.sum()), int((~treated).sum())
    if min(n) == 0:
        return LeeBounds(unavailable("empty_arm"), n=n)
    arms = np.sort(y[selected & treated]), np.sort(y[selected & ~treated])
    if min(map(len, arms)) < 2:
        return LeeBounds(unavailable("too_few_units"), n=n)
    shares = len(arms[0]) / n[0], len(arms[1]) / n[1]
    more = 0 if shares[0] >= shares[1] else 1
    kept = shares[1 - more] / shares[more]
    # Variance of the estimated share that is kept, a ratio of two independent proportions.
    noise = kept**2 * sum((1 - q) / q / k for q, k in zip(shares, n, strict=True))
    other = arms[1 - more]
    with np.errstate(over="ignore", invalid="ignore"):
        ends = [_trimmed(arms[more], kept, noise), _trimmed(-arms[more][::-1], kept, noise)]
        means = ends[0][0], -ends[1][0]  # without the top, without the bottom
        rest = other.var(ddof=1) / len(other)
        errors = [float(np.sqrt(end[1] + rest)) for end in ends]
        gaps = [float(mean - other.mean()) for mean in means]
    if more == 1:
        gaps, errors = [-gaps[1], -gaps[0]], errors[::-1]
    low, high = gaps
    size = max(float(np.abs(arm).max()) for arm in arms)
    if not np.isfinite([low, high, *errors]).all():
        return LeeBounds(unavailable("not_finite", status="failed"), n=n)
    arm = ("treated", "untreated")[more] if kept < 1 else "none"
    if max(errors) <= CONSTANT * size:
        interval = unavailable("zero_variance")
    else:
        reach = _reach(high - low, max(errors), alpha)
        interval = Inference(
            ci_low=low - reach * errors[0], ci_high=high + reach * errors[1], ci_shape="interval"
        )
    return LeeBounds(interval, low, high, (errors[0], errors[1]), 1 - kept, arm, shares, n)


def _trimmed(ordered: Floats, kept: float, noise: float) -> tuple[float, float]:
    """Mean of the lowest share `kept` of sorted values, and its variance (Lee 2009, proposition 3).

    The value at the edge counts with the part of it that is needed.
    """
    count = kept * len(ordered)
    weight = np.clip(count - np.arange(len(ordered)), 0.0, 1.0)
    edge = ordered[weight > CONSTANT][-1]
    mean = weight @ ordered / count
    spread = weight @ (ordered - mean) ** 2 / count
    if kept == 1:
        return mean, spread / (count - 1)
    variance = spread / count + (edge - mean) ** 2 * (1 - kept) / count
    return mean, variance + ((edge - mean) / kept) ** 2 * noise


def _reach(width: float, error: float, alpha: float) -> float:
    """Errors to go beyond each bound: Phi(c + width / error) - Phi(-c) = 1 - alpha."""
    return float(
        brentq(lambda c: ndtr(c + width / error) - ndtr(-c) - (1 - alpha), 0.0, 40.0, xtol=1e-12)
    )
