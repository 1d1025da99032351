"""Tests and intervals from estimates and variances. Every function is total: no NaN leaves it.

`NULL` is None. Where no inference is valid the numbers are None and `status` and `reason_code`
say why; the codes are listed in `causalops.reasons`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from scipy.special import ndtr, ndtri, stdtr, stdtrit

CONSTANT = 1e-12  # a standard deviation below this share of the mean is rounding, not variation
POWER = 0.8


# Made several times per result row, and a frozen instance takes many times as long to make.
# Nothing changes one: `replace` makes another.
@dataclass
class Inference:
    """One estimate with its test and interval; `df` None means the normal distribution."""

    estimate: float | None = None
    std_error: float | None = None
    df: float | None = None
    statistic: float | None = None
    p_value: float | None = None
    alternative: str = "two_sided"
    null_value: float = 0.0
    ci_low: float | None = None
    ci_high: float | None = None
    ci_shape: str = "none"
    pieces: tuple[tuple[float | None, float | None], ...] = ()
    status: str = "ok"
    reason_code: str | None = None


@dataclass
class Levels:
    """The two arms' levels with the variances and the covariance of these estimates.

    `df` None means that they are normal.
    """

    variant: float
    baseline: float
    var_variant: float
    var_baseline: float
    covariance: float = 0.0
    df: float | None = None


def unavailable(
    reason_code: str, estimate: float | None = None, status: str = "skipped"
) -> Inference:
    """No inference: NULLs, a status and a reason; the estimate stays where it is defined."""
    return Inference(estimate=finite(estimate), status=status, reason_code=reason_code)


def finite(value: float | None) -> float | None:
    """The number, or None when it is missing, NaN or infinite."""
    return value if value is not None and math.isfinite(value) else None


def satterthwaite(parts: Iterable[tuple[float, float]]) -> float | None:
    """Degrees of freedom of a sum of independent variances (variance, df): Satterthwaite 1946."""
    listed = [(variance, df) for variance, df in parts if variance > 0]
    total = sum(variance for variance, _ in listed)
    if not listed or not math.isfinite(total) or any(df <= 0 for _, df in listed):
        return None
    return 1.0 / sum((variance / total) ** 2 / df for variance, df in listed)


@lru_cache(maxsize=4096)
def critical(level: float, df: float | None) -> float:
    """Quantile of t(df), or of the normal distribution when df is None."""
    return float(ndtri(level) if df is None else stdtrit(df, level))


def two_sided(alpha: float, df: float | None = None) -> float:
    """Critical value of |t|; exact for an alpha that 1 - alpha / 2 would round away."""
    return -critical(alpha / 2, df)


def difference(
    estimate: float, variance: float, df: float | None, alpha: float, scale: float = 0.0
) -> Inference:
    """Two-sided test of zero and its interval; `scale` is the size of the compared levels."""
    if not (math.isfinite(estimate) and math.isfinite(variance)):
        return unavailable("not_finite", estimate, "failed")
    error = math.sqrt(max(variance, 0.0))
    if error <= CONSTANT * abs(scale):
        return unavailable("zero_variance", estimate)
    statistic = estimate / error
    half = two_sided(alpha, df) * error
    tail = ndtr(-abs(statistic)) if df is None else stdtr(df, -abs(statistic))
    p_value, reason = _proper(2 * float(tail))
    low, high = estimate - half, estimate + half
    if not all(map(math.isfinite, (error, statistic, p_value, low, high))):
        return unavailable("not_finite", estimate, "failed")
    return Inference(
        estimate=estimate,
        std_error=error,
        df=df,
        statistic=statistic,
        p_value=p_value,
        ci_low=low,
        ci_high=high,
        ci_shape="interval",
        reason_code=reason,
    )


def welch(
    n: tuple[int, int],
    mean: tuple[float, float],
    variance: tuple[float, float],
    alpha: float = 0.05,
) -> Inference:
    """Welch's t test of variant minus baseline; every pair is (variant, baseline), ddof 1."""
    if min(n) == 0:
        return unavailable("no_units" if max(n) == 0 else "empty_arm")
    gap = mean[0] - mean[1]
    if min(n) < 2:
        return unavailable("too_few_units", gap)
    parts = [(v / k, k - 1.0) for v, k in zip(variance, n, strict=True)]
    total = sum(part for part, _ in parts)
    return difference(gap, total, satterthwaite(parts), alpha, max(abs(m) for m in mean))


def one_sided(base: Inference, null_value: float, alternative: str, alpha: float) -> Inference:
    """Test of `estimate > null_value` ('greater') or `<` ('less') with its one-sided bound."""
    if base.estimate is None or base.std_error is None:
        return replace(base, null_value=null_value, alternative=alternative, ci_low=None,
                       ci_high=None, ci_shape="none", statistic=None, p_value=None)  # fmt: skip
    statistic = (base.estimate - null_value) / base.std_error
    toward = -statistic if alternative == "greater" else statistic
    tail = ndtr(toward) if base.df is None else stdtr(base.df, toward)
    reach = critical(1 - alpha, base.df) * base.std_error
    above = alternative == "greater"
    p_value, reason = _proper(float(tail))
    return replace(
        base,
        statistic=statistic,
        p_value=p_value,
        alternative=alternative,
        null_value=null_value,
        ci_low=base.estimate - reach if above else None,
        ci_high=None if above else base.estimate + reach,
        ci_shape="above_only" if above else "below_only",
        reason_code=reason or base.reason_code,
    )


def lift_delta(levels: Levels, alpha: float) -> Inference:
    """Relative effect (mv - mb) / |mb| with the delta method (Deng, Knoblich & Lu 2018)."""
    problem = _degenerate(levels)
    if problem is not None:
        return problem
    mv, mb = levels.variant, levels.baseline
    if abs(mb) <= two_sided(alpha, levels.df) * math.sqrt(levels.var_baseline):
        return Inference(ci_shape="whole_line", status="warning", reason_code="baseline_near_zero")
    ratio = mv / mb
    variance = (
        levels.var_variant / mb / mb
        + ratio * ratio * (levels.var_baseline / mb / mb)
        - 2 * ratio * (levels.covariance / mb / mb)
    )
    return difference((mv - mb) / abs(mb), variance, levels.df, alpha, max(1.0, abs(ratio)))


def lift_fieller(levels: Levels, alpha: float) -> Inference:
    """Relative effect with Fieller's (1954) set: {r : |mv - r mb| <= z se(mv - r mb)} - 1.

    A baseline near zero gives an unbounded set: one-sided, two pieces, or the whole line.
    """
    problem = _degenerate(levels)
    if problem is not None:
        return problem
    mv, mb = levels.variant, levels.baseline
    size = max(abs(mv), abs(mb), math.sqrt(levels.var_variant), math.sqrt(levels.var_baseline))
    z2 = critical(1 - alpha / 2, levels.df) ** 2
    v, b = mv / size, mb / size
    s_vv, s_bb, s_vb = (
        value / size / size
        for value in (levels.var_variant, levels.var_baseline, levels.covariance)
    )
    if not all(map(math.isfinite, (v, b, s_vv, s_bb, s_vb))):
        return unavailable("not_finite", None, "failed")
    a = b * b - z2 * s_bb
    half = v * b - z2 * s_vb
    c = v * v - z2 * s_vv
    shape, low, high = quadratic_set(a, half, c)
    sign = 1.0 if mb >= 0 else -1.0
    bounds = [None if r is None else sign * (r - 1) for r in (low, high)]
    if sign < 0:
        bounds.reverse()
        shape = {"below_only": "above_only", "above_only": "below_only"}.get(shape, shape)
    if shape != "interval":
        is_gap = shape == "disjoint"
        return Inference(
            ci_low=None if is_gap else bounds[0],
            ci_high=None if is_gap else bounds[1],
            ci_shape=shape,
            pieces=((None, bounds[0]), (bounds[1], None)) if is_gap else (),
            status="warning",
            reason_code="baseline_near_zero",
        )
    estimate = (mv - mb) / abs(mb)
    equal = difference(v - b, s_vv + s_bb - 2 * s_vb, levels.df, alpha, max(abs(v), abs(b)))
    if equal.status != "ok":
        return unavailable(equal.reason_code or "zero_variance", estimate, equal.status)
    return Inference(
        estimate=estimate, df=equal.df, statistic=equal.statistic, p_value=equal.p_value,
        ci_low=bounds[0], ci_high=bounds[1], ci_shape=shape, reason_code=equal.reason_code,
    )  # fmt: skip


def minimum_detectable(std_error: float | None, alpha: float) -> float | None:
    """Smallest effect found with 80 % power by a two-sided test with this standard error."""
    if std_error is None:
        return None
    return (critical(1 - alpha / 2, None) + critical(POWER, None)) * std_error


def quadratic_set(a: float, half: float, c: float) -> tuple[str, float | None, float | None]:
    """Where a r² - 2 half r + c <= 0, as a shape with its bounds (two pieces: the gap)."""
    tiny = 1e-14
    if abs(a) <= tiny:
        if abs(half) <= tiny:
            return "whole_line", None, None
        return (
            ("above_only", c / (2 * half), None)
            if half > 0
            else ("below_only", None, c / (2 * half))
        )
    root = half * half - a * c
    if a < 0 and root <= 0:
        return "whole_line", None, None
    reach = math.sqrt(max(root, 0.0))
    ends = sorted(((half - reach) / a, (half + reach) / a))
    return ("interval" if a > 0 else "disjoint"), ends[0], ends[1]


def ratio_set(
    top: float, bottom: float, spread: tuple[float, float, float], square: float
) -> tuple[str, float | None, float | None]:
    """Every b with (top - b bottom)² <= square V(top - b bottom), as a shape with its bounds.

    `spread` holds V(top), V(bottom) and their covariance (Fieller 1954; Anderson & Rubin 1949).
    """
    v_top, v_bottom, covariance = spread
    size_top = max(abs(top), math.sqrt(v_top))
    size_bottom = max(abs(bottom), math.sqrt(v_bottom))
    shape, low, high = quadratic_set(
        (bottom * bottom - square * v_bottom) / size_bottom / size_bottom,
        (top * bottom - square * covariance) / size_top / size_bottom,
        (top * top - square * v_top) / size_top / size_top,
    )
    unit = size_top / size_bottom
    return shape, None if low is None else low * unit, None if high is None else high * unit


def _degenerate(levels: Levels) -> Inference | None:
    """Why no relative effect exists at all."""
    numbers = (levels.variant, levels.baseline, levels.var_variant, levels.var_baseline)
    if not all(map(math.isfinite, (*numbers, levels.covariance))):
        return unavailable("not_finite", None, "failed")
    if levels.baseline == 0 and levels.var_baseline == 0:
        return unavailable("relative_undefined")
    return None


def _proper(p_value: float) -> tuple[float, str | None]:
    """p with its reason: 0 becomes the smallest normal double, and 0 and 1 carry one."""
    if p_value < sys.float_info.min:
        return sys.float_info.min, "p_below_precision"
    if p_value >= 1:
        return 1.0, "exactly_zero"
    return p_value, None
