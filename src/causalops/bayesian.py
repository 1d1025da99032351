"""A Bayesian reading of one comparison: chance to win, expected loss, credible interval.

Proportions: independent beta posteriors of the two arms. Means: a normal posterior of the effect
from its estimate and standard error. Expected loss of a choice is the mean of what it costs when
it is the wrong one (Stucchio 2015, Bayesian A/B testing at VWO). Nothing here guards against
looking early: stopping on these numbers is a choice of loss, not a control of false alarms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import betainc, betaincc, betaincinv, betaln, expit, logit, ndtr, ndtri

from causalops.moments import Floats

FLAT = (1.0, 1.0)  # beta prior of a proportion: uniform
MIN_PRIOR = 0.1  # with less, a double cannot tell the posterior's mass near 0 from 0

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(256)
_TAIL = 1e-18  # probability beyond the points of integration, on either side


@dataclass(frozen=True)
class Posterior:
    """What the posterior of the effect (variant minus baseline) says.

    `chance` is P(effect > 0). `loss_variant` is the expected loss of choosing the variant when
    more is better, E max(-effect, 0); `loss_baseline` that of keeping the baseline.
    """

    mean: float
    sd: float
    chance: float
    loss_variant: float
    loss_baseline: float
    low: float
    high: float


def beta_binomial(
    successes: tuple[float, float], sizes: tuple[int, int], prior: tuple[float, float],
    alpha: float,
) -> Posterior:  # fmt: skip
    """Difference of two proportions; pairs are (variant, baseline), one beta prior for both arms.

    Raises ValueError unless 0 <= successes <= sizes and the prior is at least MIN_PRIOR.
    """
    counts = zip(successes, sizes, strict=True)
    if min(prior) < MIN_PRIOR or any(not 0 <= x <= n for x, n in counts):
        raise ValueError(f"successes must lie in [0, size], the prior must be at least {MIN_PRIOR}")
    if 2 * sum(successes) > sum(sizes):  # doubles resolve 0 better than 1: count failures
        failures = sizes[0] - successes[0], sizes[1] - successes[1]
        return _mirrored(beta_binomial(failures, sizes, (prior[1], prior[0]), alpha))
    variant, baseline = (
        _Beta(prior[0] + x, prior[1] + n - x) for x, n in zip(successes, sizes, strict=True)
    )
    is_variant = variant.variance <= baseline.variance
    inner, outer = (variant, baseline) if is_variant else (baseline, variant)
    x, mass = inner.nodes()
    losses = float(mass @ outer.excess(x)), float(mass @ outer.shortfall(x))
    low, high = _quantiles(inner, outer, (alpha / 2, 1 - alpha / 2))
    return Posterior(
        mean=variant.mean - baseline.mean,
        sd=math.sqrt(variant.variance + baseline.variance),
        chance=float(mass @ (outer.below(x) if is_variant else outer.above(x))),
        loss_variant=losses[0] if is_variant else losses[1],
        loss_baseline=losses[1] if is_variant else losses[0],
        low=-high if is_variant else low,
        high=-low if is_variant else high,
    )


def normal(
    estimate: float, std_error: float, alpha: float, effect_sd: float | None = None
) -> Posterior:
    """Normal posterior of an effect; flat prior, or N(0, effect_sd²) in units of the metric.

    Raises ValueError unless the standard error and `effect_sd` are positive.
    """
    if std_error <= 0 or (effect_sd is not None and effect_sd <= 0):
        raise ValueError("std_error and effect_sd must be positive")
    kept = 1.0 if effect_sd is None else 1 / (1 + (std_error / effect_sd) ** 2)
    mean, sd = kept * estimate, math.sqrt(kept) * std_error
    z, reach = mean / sd, -float(ndtri(alpha / 2)) * sd
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    loss = [max(0.0, sd * (density - side * float(ndtr(-side)))) for side in (z, -z)]
    return Posterior(mean, sd, float(ndtr(z)), loss[0], loss[1], mean - reach, mean + reach)


@dataclass(frozen=True)
class _Beta:
    """A beta distribution; `x` are arrays of points in [0, 1]."""

    a: float
    b: float

    @property
    def mean(self) -> float:
        return self.a / (self.a + self.b)

    @property
    def variance(self) -> float:
        return self.mean * (1 - self.mean) / (self.a + self.b + 1)

    def below(self, x: Floats) -> Floats:
        return np.asarray(betainc(self.a, self.b, x))

    def above(self, x: Floats) -> Floats:
        return np.asarray(betaincc(self.a, self.b, x))

    def excess(self, x: Floats) -> Floats:
        """E max(self - x, 0)."""
        return np.asarray(self.mean * betaincc(self.a + 1, self.b, x) - x * self.above(x))

    def shortfall(self, x: Floats) -> Floats:
        """E max(x - self, 0)."""
        return np.asarray(x * self.below(x) - self.mean * betainc(self.a + 1, self.b, x))

    def nodes(self, low: float = 0.0, high: float = 1.0) -> tuple[Floats, Floats]:
        """Points between `low` and `high`, and their probability masses.

        Gauss-Legendre on the logit scale, where the density is smooth and falls off exponentially.
        """
        ends = betaincinv(self.a, self.b, _TAIL), 1 - betaincinv(self.b, self.a, _TAIL)
        start, stop = logit(max(ends[0], low, 1e-300)), logit(min(ends[1], high, 1 - 1e-16))
        if stop <= start:
            return np.zeros(0), np.zeros(0)
        y = start + (stop - start) * (_NODES + 1) / 2
        x = expit(y)
        log_density = self.a * np.log(x) + self.b * np.log(expit(-y)) - betaln(self.a, self.b)
        return x, np.exp(log_density) * _WEIGHTS * (stop - start) / 2


def _quantiles(inner: _Beta, outer: _Beta, levels: tuple[float, ...]) -> list[float]:
    """Quantiles of outer - inner. Integrals are over `inner`, the narrower of the two."""

    def chance_up_to(gap: float) -> float:
        x, mass = inner.nodes(-gap, 1 - gap)
        surely = float(betaincc(inner.a, inner.b, min(1 - gap, 1.0))) if gap > 0 else 0.0
        return surely + float(mass @ outer.below(x + gap))

    centre, sd = outer.mean - inner.mean, math.sqrt(outer.variance + inner.variance)
    reach = 2 * sd / math.sqrt(min(levels))  # Chebyshev: the quantiles lie within half of it
    ends = max(-1.0, centre - reach), min(1.0, centre + reach)
    return [
        float(brentq(lambda gap, q=q: chance_up_to(gap) - q, *ends, xtol=1e-9 * sd))
        for q in levels
    ]


def _mirrored(found: Posterior) -> Posterior:
    """The posterior of the negative effect."""
    return Posterior(-found.mean, found.sd, 1 - found.chance, found.loss_baseline,
                     found.loss_variant, -found.high, -found.low)  # fmt: skip
