"""What an effect among triggered units means for all exposed units.

Units that are not triggered are untouched by the treatment, so both arms share them:
  level = share * triggered level of the arm + (1 - share) * level of the untriggered units,
and the diluted effect of a mean is share times the triggered effect. A ratio is diluted in its
numerator and its denominator (sums, not shares of units). Standard errors by the delta method,
with the trigger share binomial (Deng & Hu 2015, Diluted treatment effect estimation).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from causalops.estimators.randomised.contrasts import Contrast
from causalops.inference import Inference, difference, unavailable
from causalops.moments import Block, Floats, Moments, centres_of

Formula = Callable[[Floats], Floats]
_STEP = 1e-30  # complex-step derivatives are exact at any tiny step


@dataclass(frozen=True)
class Diluted:
    """Diluted effects with the share of units that are triggered."""

    absolute: Inference
    relative: Inference
    share: float | None = None
    fixed_share_error: float | None = None


def dilute(
    triggered: Contrast, exposed: tuple[Block, Block], arms: tuple[Block, Block],
    ratio: bool, alpha: float,
) -> Diluted:  # fmt: skip
    """Dilute the effect among the triggered `arms` to the `exposed` units (variant, baseline)."""
    if triggered.reason is not None or triggered.levels is None or triggered.variance is None:
        missing = unavailable(triggered.reason or "no_units")
        return Diluted(missing, missing)
    parts = ("y", "z") if ratio else ("y",)
    everyone, chosen = (_complete(pair, parts) for pair in (exposed, arms))
    share = chosen.n / everyone.n
    rest = _without(everyone, chosen)
    levels = triggered.levels
    if ratio:
        sides = [_complete((arm,), parts) for arm in arms]
        means = [side.mean for side in sides]
        covs = [side.c / (side.n - 1) / side.n for side in sides]
        formulas: tuple[Formula, Formula] = (_ratio_gap, _ratio_lift)
    else:
        means = [np.array([levels.variant, levels.baseline])]
        covs = [
            np.array([[levels.var_variant, levels.covariance],
                      [levels.covariance, levels.var_baseline]])
        ]  # fmt: skip
        formulas = (_mean_gap, _mean_lift)
    point = np.concatenate([*means, rest.mean, [share]])
    rest_cov = rest.c / (rest.n - 1) / rest.n if rest.n > 1 else np.zeros_like(rest.c)
    cov = _block_diagonal([*covs, rest_cov, np.array([[share * (1 - share) / everyone.n]])])
    with np.errstate(all="ignore"):
        absolute, relative = (_delta(formula, point, cov, alpha) for formula in formulas)
    fixed = share * math.sqrt(triggered.variance) if not ratio else None
    return Diluted(absolute, relative, share, fixed)


def _mean_gap(p: Floats) -> Floats:
    return np.asarray(p[3] * (p[0] - p[1]))


def _mean_lift(p: Floats) -> Floats:
    return np.asarray(_mean_gap(p) / _size(p[3] * p[1] + (1 - p[3]) * p[2]))


def _ratio_levels(p: Floats) -> tuple[Floats, Floats]:
    share = p[6]
    sides = [share * p[i : i + 2] + (1 - share) * p[4:6] for i in (0, 2)]
    return sides[0][0] / sides[0][1], sides[1][0] / sides[1][1]


def _ratio_gap(p: Floats) -> Floats:
    variant, baseline = _ratio_levels(p)
    return np.asarray(variant - baseline)


def _ratio_lift(p: Floats) -> Floats:
    variant, baseline = _ratio_levels(p)
    return np.asarray((variant - baseline) / _size(baseline))


def _size(value: Floats) -> Floats:
    """Absolute value that keeps complex steps."""
    return value if np.real(value) >= 0 else -value


def _delta(formula: Formula, point: Floats, cov: Floats, alpha: float) -> Inference:
    """Estimate and variance of a smooth function of estimates with covariance `cov`."""
    value = float(np.real(formula(point.astype(complex))))
    if not math.isfinite(value):
        return unavailable("relative_undefined")
    steps = point.astype(complex)[None, :] + 1j * _STEP * np.eye(len(point))
    gradient = np.array([np.imag(formula(step)) for step in steps]) / _STEP
    return difference(value, float(gradient @ cov @ gradient), None, alpha)


def _complete(blocks: tuple[Block, ...], parts: tuple[str, ...]) -> Moments:
    moments = [block.complete(centres_of(block)).select(parts) for block in blocks if block.size]
    total = moments[0]
    for other in moments[1:]:
        total = total.merge(other)
    return total


def _without(whole: Moments, part: Moments) -> Moments:
    """Moments of the units of `whole` that are not in `part`: merging backwards."""
    n = whole.n - part.n
    if n <= 0:
        return Moments(whole.names, 0.0, np.zeros_like(whole.mean), np.zeros_like(whole.c))
    mean = whole.mean + (whole.mean - part.mean) * (part.n / n)
    gap = mean - part.mean
    c = whole.c - part.c - np.outer(gap, gap) * (part.n * n / whole.n)
    return Moments(whole.names, n, mean, c)


def _block_diagonal(blocks: list[Floats]) -> Floats:
    size = sum(len(block) for block in blocks)
    result = np.zeros((size, size))
    at = 0
    for block in blocks:
        result[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    return result
