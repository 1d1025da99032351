"""Quantiles of two arms compared, from order statistics.

The q-quantile x of an arm is a sample quantile by linear interpolation. The share of observations
below a fixed value has the standard error
- of units: sqrt(q (1 - q) / n);
- of events, where the unit is randomised and its events move together: the delta method for a
  ratio of sums, with N events of a unit, M of them at most x and e = M - (sum M / sum N) N,
      sqrt(sum e² k / (k - 1)) / sum N        over k units (Deng, Knoblich & Lu 2018, section 4.2).
The values at the ranks q -+ z times that error are an interval for the quantile (Woodruff 1952),
and its width over 2 z is the quantile's standard error: no density is estimated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from causalops.inference import Levels, critical
from causalops.moments import Floats

MASS_SHARE = 0.05
"""A value held by a larger share of the observations is a mass point: no density exists there."""
SUP_T_DRAWS = 20_000


@dataclass(frozen=True)
class ArmQuantile:
    """One quantile of one arm.

    `low` and `high` are the values at the interval's ranks, None where a rank lies outside the
    data. `tied` is the share of observations that hold the quantile's value, `tied_near` the
    largest such share at the quantile or an end of its interval; a value held once is not tied.
    """

    n_units: int
    n_obs: int
    value: float
    share_error: float | None = None
    low: float | None = None
    high: float | None = None
    tied: float = 0.0
    tied_near: float = 0.0

    def std_error(self, alpha: float) -> float | None:
        """Half the interval's width over its normal quantile; None where `reason` says why."""
        if self.low is None or self.high is None or self.reason is not None:
            return None
        return (self.high - self.low) / (2 * critical(1 - alpha / 2, None))

    @property
    def reason(self) -> str | None:
        """Why the quantile has no standard error: too_few_units, mass_point, few_beyond."""
        if self.n_units < 2 or self.share_error is None:
            return "too_few_units"
        if self.tied_near > MASS_SHARE:
            return "mass_point"
        if self.low is None or self.high is None:
            return "few_beyond"
        return "mass_point" if self.high <= self.low else None

    def is_coarse(self, alpha: float) -> bool:
        """Whether the tied values are wider than half the interval of ranks."""
        half = critical(1 - alpha / 2, None) * (self.share_error or 0.0)
        return self.tied > half


@dataclass(frozen=True)
class QuantileContrast:
    """Variant minus baseline at one quantile; `levels` only where inference is valid."""

    quantile: float
    variant: ArmQuantile | None
    baseline: ArmQuantile | None
    effect: float | None = None
    levels: Levels | None = None
    reason: str | None = None
    note: str | None = None

    @property
    def variance(self) -> float | None:
        """Of the difference: the arms are independent."""
        levels = self.levels
        return None if levels is None else levels.var_variant + levels.var_baseline


def compare(
    quantile: float, variant: ArmQuantile | None, baseline: ArmQuantile | None, alpha: float
) -> QuantileContrast:
    """Compare two arms at one quantile; total: a reason stands where there is no inference."""
    result = QuantileContrast(quantile, variant, baseline)
    if variant is None or baseline is None:
        return replace(result, reason="no_units" if variant is baseline else "empty_arm")
    result = replace(result, effect=variant.value - baseline.value)
    errors = [arm.std_error(alpha) for arm in (variant, baseline)]
    reasons = [arm.reason for arm in (variant, baseline) if arm.reason is not None]
    if errors[0] is None or errors[1] is None:
        # A mass point says more than a small arm: more units will not remove it.
        return replace(result, reason="mass_point" if "mass_point" in reasons else reasons[0])
    variances = [error * error for error in errors if error is not None]
    if not all(map(math.isfinite, (*variances, result.effect or 0.0))):
        return replace(result, reason="not_finite")
    levels = Levels(variant.value, baseline.value, variances[0], variances[1])
    is_coarse = variant.is_coarse(alpha) or baseline.is_coarse(alpha)
    return replace(result, levels=levels, note="coarse_values" if is_coarse else None)


def unit_correlation(quantiles: Sequence[float]) -> Floats:
    """Correlation of the quantiles of one arm's independent units: (min(p, q) - p q) scaled."""
    q = np.asarray(quantiles, dtype=float)
    covariance = np.minimum.outer(q, q) - np.outer(q, q)
    return scaled(covariance)


def scaled(covariance: Floats) -> Floats:
    """A covariance matrix as correlations; a variance of zero correlates with nothing."""
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.outer(spread, spread)
    flat = scale <= 0
    correlation = np.where(flat, 0.0, covariance / np.where(flat, 1.0, scale))
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(correlation)


def contrast_correlation(
    contrasts: Sequence[QuantileContrast], variant: Floats, baseline: Floats
) -> Floats:
    """Correlation of differences, from each arm's standard errors and correlation of shares.

    Every contrast must have `levels`; the matrices are in the order of the contrasts.
    """
    levels = [contrast.levels for contrast in contrasts if contrast.levels is not None]
    sides = (
        (np.sqrt([level.var_variant for level in levels]), variant),
        (np.sqrt([level.var_baseline for level in levels]), baseline),
    )
    covariance = sum(np.outer(error, error) * correlation for error, correlation in sides)
    return scaled(np.asarray(covariance))


@dataclass(frozen=True)
class SupT:
    """The largest |t| of `size` jointly normal estimates without effects, drawn many times.

    Both answers are kept between those of one test and of Bonferroni, which bound the truth.
    """

    size: int
    largest: Floats

    def critical(self, alpha: float) -> float:
        """What no |t| exceeds with probability 1 - alpha: the reach of a simultaneous band."""
        found = float(np.quantile(self.largest, 1 - alpha))
        bounds = [critical(1 - alpha / 2 / tests, None) for tests in (1, self.size)]
        return min(max(found, bounds[0]), bounds[1])

    def p_value(self, statistic: float, single: float) -> float:
        """The p of one estimate among all, where `single` is its p alone."""
        above = int((self.largest >= abs(statistic)).sum())
        drawn = (1 + above) / (1 + len(self.largest))
        return min(max(drawn, single), self.size * single, 1.0)


def sup_t(correlation: Floats, seed: int) -> SupT:
    """Simultaneous inference by a seeded simulation (Montiel Olea & Plagborg-Moller 2019)."""
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return SupT(len(correlation), np.abs(root @ _draws(len(correlation), seed)).max(axis=0))


@lru_cache(maxsize=8)
def _draws(size: int, seed: int) -> Floats:
    return np.asarray(np.random.default_rng(seed).standard_normal((size, SUP_T_DRAWS)))


@dataclass(frozen=True)
class ArmQuantiles:
    """The quantiles of one arm, and the correlation of the shares below them."""

    quantiles: tuple[ArmQuantile, ...]
    correlation: Floats


def unit_arm(values: npt.ArrayLike, quantiles: Sequence[float], alpha: float) -> ArmQuantiles:
    """Quantiles of one value per unit; NaN is missing. Raises ValueError without any value."""
    present = _present(np.asarray(values, dtype=float))
    n = len(present)
    found = [_arm_quantile(present, n, q, math.sqrt(q * (1 - q) / n), alpha) for q in quantiles]
    return ArmQuantiles(tuple(found), unit_correlation(quantiles))


def event_arm(
    units: npt.ArrayLike, values: npt.ArrayLike, quantiles: Sequence[float], alpha: float
) -> ArmQuantiles:
    """Quantiles of events whose units were randomised: `units` holds the unit of each value.

    NaN is missing. Raises ValueError without any value.
    """
    numbers = np.asarray(values, dtype=float)
    keep = ~np.isnan(numbers)
    _, unit = np.unique(np.asarray(units)[keep], return_inverse=True)
    numbers = numbers[keep]
    present = _present(numbers)
    events = np.bincount(unit).astype(float)
    cuts = np.array([np.quantile(present, q) for q in quantiles])
    below = np.array([np.bincount(unit, weights=numbers <= cut) for cut in cuts])
    residual = below - np.outer(below.sum(axis=1) / events.sum(), events)
    k = len(events)
    covariance = residual @ residual.T * (k / max(k - 1, 1)) / events.sum() ** 2
    found = [
        _arm_quantile(present, k, q, math.sqrt(covariance[i, i]) if k > 1 else None, alpha)
        for i, q in enumerate(quantiles)
    ]
    return ArmQuantiles(tuple(found), scaled(covariance))


def _present(values: Floats) -> Floats:
    present = np.sort(values[~np.isnan(values)])
    if not present.size:
        raise ValueError("a quantile needs at least one value")
    return present


def _arm_quantile(
    present: Floats, n_units: int, quantile: float, error: float | None, alpha: float
) -> ArmQuantile:
    """One quantile of sorted values whose share below it has this standard error."""
    value, tied = _at(present, quantile)
    result = ArmQuantile(n_units, len(present), value, error, tied=tied, tied_near=tied)
    if error is None:
        return result
    reach = critical(1 - alpha / 2, None) * error
    ranks = [quantile - reach, quantile + reach]
    ends = [_at(present, rank) if 0 <= rank <= 1 else (None, 0.0) for rank in ranks]
    return replace(
        result, low=ends[0][0], high=ends[1][0], tied_near=max(tied, ends[0][1], ends[1][1])
    )


def _at(present: Floats, rank: float) -> tuple[float, float]:
    """The interpolated value at a rank, and the larger share tied at a value it lies between."""
    n = len(present)
    position = (n - 1) * rank
    lower = math.floor(position)
    around = {float(present[lower])}
    if position > lower:
        around.add(float(present[min(lower + 1, n - 1)]))
    tied = 0.0
    for value in around:
        held = int(np.searchsorted(present, value, "right") - np.searchsorted(present, value))
        tied = max(tied, held / n if held > 1 else 0.0)
    return float(np.quantile(present, rank)), tied
