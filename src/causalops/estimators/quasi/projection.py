"""What a segmented regression says about the intervention: the projected series, the effect at a
period, summed over periods, relative to the projection, and at dates where nothing happened.

Every number is a linear combination of the coefficients, so its variance is exact given their
covariance: neighbouring periods share the coefficients and are not added up as independent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from causalops.estimators.quasi.segmented import (
    MIN_SIDE,
    Design,
    Regression,
    Series,
    design,
    is_exact,
    ols,
)
from causalops.inference import (
    Inference,
    Levels,
    difference,
    lift_delta,
    two_sided,
    unavailable,
)
from causalops.moments import Floats
from causalops.multiplicity import holm

MAX_PLACEBOS = 9
EFFECTS = ("level", "slope")


@dataclass(frozen=True)
class Band:
    """A line over all periods (n) with its pointwise confidence band.

    The band is of the expected series; a single observation scatters around it more widely.
    """

    line: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Placebo:
    """The level change found at a period of the pre-period, with p adjusted (Holm) over dates."""

    index: int
    level: Inference
    p_adjusted: float | None


def at_period(fit: Regression, since: int) -> Floats:
    """Weights (k) of the effect `since` periods after the intervention: level + since slope."""
    return fit.weights({"level": 1.0, "slope": float(since)})


def summed(fit: Regression, periods: int) -> Floats:
    """Weights (k) of the effect summed over the first `periods` periods of the intervention."""
    return fit.weights({"level": float(periods), "slope": periods * (periods - 1) / 2})


def effect(fit: Regression, weights: Floats, alpha: float, scale: float = 0.0) -> Inference:
    """t test and interval of a linear combination; `scale` is the size of the series."""
    return difference(fit.estimate(weights), fit.variance(weights), fit.df(weights), alpha, scale)


def projection(fit: Regression, plan: Design, alpha: float) -> Band:
    """The series expected without the intervention, before it the fitted one."""
    return _band(fit, _without(plan, (*EFFECTS, "gap_")), alpha)


def fitted(fit: Regression, plan: Design, alpha: float) -> Band:
    """The fitted series with the intervention."""
    return _band(fit, _without(plan, ("gap_",)), alpha)


def relative(fit: Regression, plan: Design, periods: range, alpha: float) -> Inference:
    """Effect over periods (indices of the series) relative to their projection, by the delta
    method; a projection near zero gives an unbounded shape."""
    if not periods:
        return unavailable("insufficient_data")
    rows = slice(periods.start, periods.stop)
    with_it = _without(plan, ("gap_",))[rows].sum(axis=0)
    without = _without(plan, (*EFFECTS, "gap_"))[rows].sum(axis=0)
    levels = Levels(
        fit.estimate(with_it), fit.estimate(without), fit.variance(with_it), fit.variance(without),
        float(with_it @ fit.covariance @ without), fit.df(with_it - without),
    )  # fmt: skip
    return lift_delta(levels, alpha)


def placebo_dates(series: Series, engine: Callable[[Floats, Design], Regression],
                  alpha: float) -> list[Placebo]:  # fmt: skip
    """Level changes at evenly spaced periods of the pre-period alone, by the headline's engine.

    Nothing happened there, so few may be found. Empty where the pre-period is too short.
    """
    found: list[tuple[int, Inference]] = []
    for index in _spread(series.start):
        part = series.cut(series.start, index)
        plan = design(part)
        if plan.problem is None and not is_exact(part.y, ols(part.y, plan).residuals):
            fit = engine(part.y, plan)
            found.append((index, effect(fit, at_period(fit, 0), alpha)))
    adjusted = holm([level.p_value for _, level in found])
    return [
        Placebo(index, level, p)
        for (index, level), p in zip(found, adjusted, strict=True)
    ]


def _spread(periods: int) -> list[int]:
    """At most nine indices between the first and the last sixth of so many periods."""
    margin = max(MIN_SIDE, -(-periods // 6))
    if periods < 2 * margin + 1:
        return []
    count = min(MAX_PLACEBOS, periods - 2 * margin + 1)
    return sorted({round(at) for at in np.linspace(margin, periods - margin, count)})


def _without(plan: Design, terms: tuple[str, ...]) -> Floats:
    """The design (n, k) with the columns of these terms set to zero."""
    keep = [not name.startswith(terms) for name in plan.names]
    kept: Floats = plan.matrix * np.array(keep, dtype=float)
    return kept


def _band(fit: Regression, rows: Floats, alpha: float) -> Band:
    line = rows @ fit.beta
    spread = np.sqrt(np.maximum(np.einsum("na,ab,nb->n", rows, fit.covariance, rows), 0.0))
    reach = np.array([two_sided(alpha, fit.df(row)) for row in rows]) * spread
    return Band(line, line - reach, line + reach)
