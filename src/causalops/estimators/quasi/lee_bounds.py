"""Bounds on the effect of a randomised treatment under selection, without an exclusion (Lee 2009).

When treatment moves selection in one direction only, the arm with the larger selected share holds
units that the other arm would have lost. Cutting their share from its top or its bottom bounds the
effect on those who are selected either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr, stdtr

from causalops.estimators.quasi.lee_influence import clustered_errors
from causalops.inference import CONSTANT, Inference, two_sided, unavailable
from causalops.moments import Floats


@dataclass(frozen=True)
class LeeBounds:
    """Bounds with standard errors; `interval` covers the effect itself (Imbens & Manski 2004).

    `trimmed` is the share cut from the arm `trimmed_arm` (treated, untreated or none); `shares` are
    those selected (treated, untreated), `n_clusters` the clusters with selected units.
    """

    interval: Inference
    low: float | None = None
    high: float | None = None
    errors: tuple[float, float] | None = None
    trimmed: float | None = None
    trimmed_arm: str = "none"
    shares: tuple[float, float] | None = None
    n: tuple[int, int] = (0, 0)
    n_clusters: tuple[int, int] | None = None


def lee_bounds(
    y: Floats,
    selected: npt.NDArray[np.bool_],
    treated: npt.NDArray[np.bool_],
    alpha: float = 0.05,
    clusters: npt.NDArray[Any] | None = None,
) -> LeeBounds:
    """From outcomes (n), read only where `selected` (n), of units randomised to `treated` (n).

    With `clusters` (n) the errors are those of whole clusters, with t(G - 1).
    Reasons: `empty_arm`, `too_few_units` (selected, in an arm), `zero_variance`, `not_finite`,
    `too_few_clusters` (with selected units, in an arm): then the bounds stand without errors.
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
        errors = float(np.sqrt(ends[0][1] + rest)), float(np.sqrt(ends[1][1] + rest))
        gaps = [float(mean - other.mean()) for mean in means]
        df, counts = None, None
        if clusters is not None:
            sides = clusters[selected & treated], clusters[selected & ~treated]
            counts = len(np.unique(sides[0])), len(np.unique(sides[1]))
            errors, df = clustered_errors(y, selected, treated == (more == 0), clusters)
    if more == 1:
        gaps, errors = [-gaps[1], -gaps[0]], (errors[1], errors[0])
    low, high = gaps
    size = max(float(np.abs(arm).max()) for arm in arms)
    if not np.isfinite([low, high, *errors]).all():
        return LeeBounds(unavailable("not_finite", status="failed"), n=n)
    arm = ("treated", "untreated")[more] if kept < 1 else "none"
    if counts is not None and min(counts) < 2:
        none = unavailable("too_few_clusters")
        return LeeBounds(none, low, high, None, 1 - kept, arm, shares, n, counts)
    if max(errors) <= CONSTANT * size:
        interval = unavailable("zero_variance")
    else:
        reach = _reach(high - low, max(errors), alpha, df)
        interval = Inference(
            ci_low=low - reach * errors[0], ci_high=high + reach * errors[1], ci_shape="interval"
        )
    return LeeBounds(interval, low, high, errors, 1 - kept, arm, shares, n, counts)


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


def _reach(width: float, error: float, alpha: float, df: float | None) -> float:
    """Errors to go beyond each bound: F(c + width / error) - F(-c) = 1 - alpha, F normal or t."""

    def below(value: float) -> float:
        return float(ndtr(value) if df is None else stdtr(df, value))

    def excess(reach: float) -> float:
        return below(reach + width / error) - below(-reach) - (1 - alpha)

    return float(brentq(excess, 0.0, 2 * two_sided(alpha, df), xtol=1e-12))
