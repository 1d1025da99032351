"""Effects of a treatment that not every assigned unit takes: 2SLS, Anderson-Rubin, compliers.

Treatment received, d, is 0 or 1. So within a cell (arm, d) every variable `scale y + shift` has
known moments, and any such variable, a `Mix`, is compared between the arms by the usual contrast,
with its covariates and strata. With c(.) the effect of assignment on a mix and V(.) its variance:

  itt = c(y),  first stage = c(d),  cace = c(y) / c(d),  V(cace) = V(y - cace d) / c(d)²,

which is 2SLS with its heteroskedasticity-robust variance (HC0 when V divides by n; Imbens & Angrist
1994, Abadie 2003). By the same ratio, compliers' mean with treatment is c(y d) / c(d) and without
it c(y (1 - d)) / c(1 - d). The Anderson-Rubin (1949) set {b : c(y - b d)² <= q² V(y - b d)} is a
quadratic inequality in b, valid however weak the first stage is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from causalops.estimators.randomised.cluster_totals import Totals
from causalops.estimators.randomised.clustered import Arms, clustered
from causalops.estimators.randomised.contrasts import Contrast, contrast
from causalops.inference import (
    CONSTANT,
    Inference,
    critical,
    difference,
    ratio_set,
    unavailable,
)
from causalops.moments import Block

Halves = tuple[Block, Block]  # the units of an arm with d = 0 and with d = 1
HalvedStrata = Sequence[tuple[Halves, Halves]]  # (variant, baseline) of each stratum
WEAK_F = 10.0  # Staiger & Stock 1997
T_TEST_F = 104.7  # below it the usual t test may reject more than 5 %: Lee et al. 2022


@dataclass(frozen=True)
class Mix:
    """The variable `scale y + shift`; each pair is (where d = 0, where d = 1)."""

    scale: tuple[float, float] = (0.0, 0.0)
    shift: tuple[float, float] = (0.0, 0.0)

    def plus(self, factor: float, other: Mix) -> Mix:
        """This variable plus `factor` times another one."""
        return Mix(
            (self.scale[0] + factor * other.scale[0], self.scale[1] + factor * other.scale[1]),
            (self.shift[0] + factor * other.shift[0], self.shift[1] + factor * other.shift[1]),
        )

    def of(self, halves: Halves) -> Block:
        """The arm's block with this variable as its outcome."""
        parts = [
            block.affine(scale, shift)
            for block, scale, shift in zip(halves, self.scale, self.shift, strict=True)
        ]
        return parts[0].merge(parts[1])


OUTCOME = Mix(scale=(1.0, 1.0))
OUTCOME_TREATED = Mix(scale=(0.0, 1.0))
OUTCOME_UNTREATED = Mix(scale=(1.0, 0.0))
RECEIVED = Mix(shift=(0.0, 1.0))
NOT_RECEIVED = Mix(shift=(1.0, 0.0))

Measure = Callable[[Mix], Contrast]
"""The effect of assignment on a mix, with its variance."""


def from_halves(strata: HalvedStrata, method: str, names: Sequence[str] = ()) -> Measure:
    """Contrasts from cell moments, with HC0 variances and the normal distribution."""

    @cache
    def measure(mix: Mix) -> Contrast:
        pairs = [(mix.of(variant), mix.of(baseline)) for variant, baseline in strata]
        return replace(contrast(pairs, method=method, names=names, ddof=0), df=None)

    return measure


def with_clusters(measure: Measure, arms: Arms) -> Measure:
    """The same contrasts with CR1 errors and t(G - 1): clusters may have units in both arms.

    The factor is G/(G-1) (N-1)/(N-2). The totals need the parts y, d and yd, see `mixed`.
    """

    @cache
    def again(mix: Mix) -> Contrast:
        return clustered(measure(mix), (mixed(arms[0], mix), mixed(arms[1], mix)), "cr1")

    return again


def mixed(arm: Totals, mix: Mix) -> Totals:
    """Cluster totals with a mix in the place of y, up to a constant per unit.

    Of y (less its shift), d and yd = d (y - shift), a mix is
    scale_0 y + (scale_1 - scale_0) (yd + shift d) + (shift_1 - shift_0) d + constant.
    """
    if not arm.parts:
        return arm
    y = arm.parts.index("y")
    gap = mix.scale[1] - mix.scale[0]
    taken = mix.shift[1] - mix.shift[0] + gap * float(arm.shift[y])
    keep = [part for part in arm.parts if part not in ("d", "yd")]
    weights = np.array([[float(a == b) for b in arm.parts] for a in keep])
    row = weights[keep.index("y")]
    row[y] = mix.scale[0]
    for part, weight in (("yd", gap), ("d", taken)):
        row[arm.parts.index(part)] = weight
    shift = arm.shift[[arm.parts.index(part) for part in keep]]
    return replace(
        arm, parts=tuple(keep), total=arm.total @ weights.T, shift=shift,
        cross=np.einsum("ap,gpq,bq->gab", weights, arm.cross, weights),
    )  # fmt: skip


def problem(measure: Measure) -> str | None:
    """Why no complier effect exists: no valid contrast, nobody or everybody received, no gap."""
    outcome, received = measure(OUTCOME), measure(RECEIVED)
    reason = outcome.reason or received.reason
    if reason is not None:
        return reason
    shares = {received.variant.mean, received.baseline.mean}
    if shares in ({0.0}, {1.0}):
        return "no_variation_received"
    if received.effect is None or abs(received.effect) <= CONSTANT:
        return "no_compliers"
    return None


def strength(measure: Measure) -> float | None:
    """Robust F of the first stage; None where it does not vary (everybody complies)."""
    found = measure(RECEIVED)
    if found.effect is None or not found.variance:
        return None
    return found.effect * found.effect / found.variance


def wald(measure: Measure, top: Mix = OUTCOME, bottom: Mix = RECEIVED) -> Contrast:
    """Ratio of two effects of assignment, by default the CACE; the arms are those of `top`."""
    above, below = measure(top), measure(bottom)
    reason = above.reason or below.reason
    if reason is not None or above.effect is None or not below.effect:
        return replace(above, effect=None, variance=None, levels=None,
                       reason=reason or "no_compliers")  # fmt: skip
    ratio = above.effect / below.effect
    residual = measure(top.plus(-ratio, bottom)).variance
    if residual is None:
        return replace(above, effect=ratio, variance=None, levels=None, reason="not_finite")
    variance = residual / below.effect / below.effect
    return replace(above, effect=ratio, variance=variance, levels=None)


def anderson_rubin(measure: Measure, alpha: float) -> Inference:
    """The CACE with its Wald error, the test of no effect and the set that both invert to.

    One instrument: the set holds the estimate, so it is never empty; with a first stage that
    cannot be told from zero it is one-sided, the whole line, or two half-lines.
    """
    found, outcome, received = wald(measure), measure(OUTCOME), measure(RECEIVED)
    if found.reason is not None or found.effect is None or found.variance is None:
        return unavailable(found.reason or "no_units", found.effect)
    itt, first = outcome.effect or 0.0, received.effect or 0.0
    v_y, v_d = outcome.variance or 0.0, received.variance or 0.0
    level = max(abs(outcome.variant.mean or 0.0), abs(outcome.baseline.mean or 0.0))
    test = difference(itt, v_y, outcome.df, alpha, level)
    if test.std_error is None:
        return replace(test, estimate=found.effect)
    size_y, size_d = max(abs(itt), math.sqrt(v_y)), max(abs(first), math.sqrt(v_d))
    unit = size_y / size_d
    sides = [measure(OUTCOME.plus(sign * unit, RECEIVED)).variance or 0.0 for sign in (1, -1)]
    covariance = (sides[0] - sides[1]) / (4 * unit)
    square = critical(1 - alpha / 2, outcome.df) ** 2
    shape, low, high = ratio_set(itt, first, (v_y, v_d, covariance), square)
    is_split = shape == "disjoint"
    return replace(
        test,
        estimate=found.effect,
        std_error=math.sqrt(max(found.variance, 0.0)),
        ci_low=None if is_split else low,
        ci_high=None if is_split else high,
        ci_shape=shape,
        pieces=((None, low), (high, None)) if is_split else (),
    )


def relative(measure: Measure, alpha: float) -> Inference:
    """CACE over the absolute mean of compliers without treatment, with the delta method.

    Both are ratios over the first stage, which cancels: c(y) / c(-y (1 - d)).
    """
    outcome, untreated = measure(OUTCOME), measure(OUTCOME_UNTREATED)
    if outcome.effect is None or untreated.effect is None or untreated.variance is None:
        return unavailable(outcome.reason or untreated.reason or "no_units")
    base = -untreated.effect
    if base == 0 and untreated.variance == 0:
        return unavailable("relative_undefined")
    if abs(base) <= critical(1 - alpha / 2, outcome.df) * math.sqrt(untreated.variance):
        return Inference(ci_shape="whole_line", status="warning", reason_code="baseline_near_zero")
    ratio = outcome.effect / base
    spread = measure(OUTCOME.plus(ratio, OUTCOME_UNTREATED)).variance
    first = measure(RECEIVED).effect or 0.0
    sign = math.copysign(1.0, base) * math.copysign(1.0, first)
    variance = math.nan if spread is None else spread / base / base
    return difference(sign * ratio, variance, outcome.df, alpha, max(1.0, abs(ratio)))


@dataclass(frozen=True)
class Level:
    """A share or a mean of one of the three groups, with the variance of its estimate."""

    estimate: float
    variance: float


def terms(measure: Measure) -> dict[str, Level]:
    """Shares and means of compliers, always-takers and never-takers; what is empty is left out.

    Always-takers are the control's units that received, never-takers the variant's that did not.
    """
    found: dict[str, Level] = {}
    ratios = {
        "share_compliers": (RECEIVED, None),
        "complier_mean_treated": (OUTCOME_TREATED, RECEIVED),
        "complier_mean_untreated": (OUTCOME_UNTREATED, NOT_RECEIVED),
    }
    for name, (top, bottom) in ratios.items():
        value = measure(top) if bottom is None else wald(measure, top, bottom)
        if value.effect is not None and value.variance is not None:
            found[name] = Level(value.effect, value.variance)
    sides = {"always_taker": (1, OUTCOME_TREATED, RECEIVED),
             "never_taker": (0, OUTCOME_UNTREATED, NOT_RECEIVED)}  # fmt: skip
    for name, (side, top, bottom) in sides.items():
        share, total = _level(measure(bottom), side), _level(measure(top), side)
        if share is None or total is None:
            continue
        found[f"share_{name}s"] = share
        if share.estimate > 0:
            mean = total.estimate / share.estimate
            residual = _level(measure(top.plus(-mean, bottom)), side)
            if residual is not None:
                variance = residual.variance / share.estimate / share.estimate
                found[f"{name}_mean"] = Level(mean, variance)
    return found


def _level(found: Contrast, side: int) -> Level | None:
    """The level of the variant (0) or of the baseline (1)."""
    if found.levels is None:
        return None
    pairs = ((found.levels.variant, found.levels.var_variant),
             (found.levels.baseline, found.levels.var_baseline))  # fmt: skip
    return Level(*pairs[side])
