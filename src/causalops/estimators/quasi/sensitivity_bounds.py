"""How far from parallel trends a conclusion holds: relative magnitudes (Rambachan & Roth 2023).

From one period to the next, the difference in trends after treatment may be at most M times its
largest change before treatment. Let the effect be a weighted mean l of event-time effects on one
universal base, and step s its change between two neighbouring periods. The bound on the bias is a
linear programme, solved in closed form: it moves by the full allowance in every period after the
base, so it is M |step_s| sum_t |sum_{u >= t} l_u|.

Inference: the truth obeys the restriction for some pre-period s and some sign, where it lies
between effect - bound and effect + bound, both linear in the estimates. These two moment
inequalities are inverted with their least-favourable critical value (1.96 at M = 0, down to 1.64
as the ends become independent), and the union over s and sign covers at least as often.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, owens_t

from causalops.estimators.quasi.aggregation import Aggregate
from causalops.estimators.quasi.linear_effects import covariance
from causalops.estimators.quasi.panel_moments import Floats, PanelMoments
from causalops.inference import critical

LARGEST = 100.0  # no breakdown value is looked for beyond this multiple


@dataclass(frozen=True)
class Violations:
    """The effect and the pre-period steps with their joint covariance; the target comes first."""

    effect: float
    steps: Floats  # (S) changes of the difference in trends before treatment
    matrix: Floats  # (1 + S, 1 + S)
    reach: float  # bias of the effect per unit of allowance
    df: float = math.inf


@dataclass(frozen=True)
class Bounds:
    """Bounds at one M: of the estimates alone, and the confidence set around them."""

    magnitude: float
    low: float
    high: float
    ci_low: float
    ci_high: float


def violations(
    dynamic: Aggregate, moments: PanelMoments, base: float, weights: Floats | None = None
) -> Violations | str:
    """What the bounds need from event-time effects on the universal base at event time `base`.

    `weights` (J) over the event times, zero before treatment; the default is their plain mean from
    event time 0 on. A reason code is returned where there is no pre-period step.
    """
    # What rests on a single unit has no standard error, and takes no part.
    seen = np.flatnonzero(covariance(dynamic.effects, moments).supported)
    times, effects = dynamic.parameter[seen], dynamic.effects.take(seen)
    if weights is not None:
        weights = weights[seen]
    else:
        weights = (times >= 0).astype(float)
        weights /= max(weights.sum(), 1.0)
    before = np.flatnonzero(times <= base)
    if before.size < 2 or times[before[-1]] != base:
        return "no_pre_period"
    if not weights.any():
        return "no_units"
    rows = np.zeros((before.size, times.size))
    rows[0] = weights
    rows[np.arange(1, before.size), before[1:]] = 1.0
    rows[np.arange(1, before.size), before[:-1]] = -1.0
    linear = effects.combine(rows)
    known = covariance(linear, moments)
    steps = np.flatnonzero(known.supported[1:]) + 1
    if not (known.supported[0] and steps.size):
        return "too_few_units" if moments.clusters is None else "too_few_clusters"
    used = np.concatenate([[0], steps])
    left = np.cumsum(weights[::-1])[::-1]
    reach = float(np.abs(left[times > base]).sum())
    return Violations(
        float(linear.estimates[0]), linear.estimates[steps], known.matrix[np.ix_(used, used)],
        reach, float(known.df[used].min()),
    )  # fmt: skip


def bounds(found: Violations, magnitude: float, alpha: float) -> Bounds:
    """Bounds and confidence set of the effect when post steps are within `magnitude`."""
    width = magnitude * found.reach * float(np.abs(found.steps).max())
    ends = list(_sets(found, magnitude, alpha))
    return Bounds(
        magnitude, found.effect - width, found.effect + width,
        min(low for low, _ in ends), max(high for _, high in ends),
    )  # fmt: skip


def breakdown(found: Violations, alpha: float) -> float | None:
    """Smallest M whose confidence set holds zero; None when none up to `LARGEST` does."""

    def margin(magnitude: float) -> float:
        """Distance of zero from the set, negative inside."""
        at = bounds(found, magnitude, alpha)
        return max(at.ci_low, -at.ci_high)

    if margin(0.0) <= 0:
        return 0.0
    if margin(LARGEST) > 0:
        return None
    return float(brentq(margin, 0.0, LARGEST, xtol=1e-9))


def _sets(found: Violations, magnitude: float, alpha: float) -> Iterator[tuple[float, float]]:
    """Confidence interval for each pre-period and sign that the data do not rule out."""
    allowance = magnitude * found.reach
    for s, step in enumerate(found.steps.tolist()):
        v_effect, v_step = float(found.matrix[0, 0]), float(found.matrix[s + 1, s + 1])
        joint = float(found.matrix[0, s + 1])
        for sign in (1.0, -1.0):
            slack = sign * allowance
            low_error = math.sqrt(max(v_effect - 2 * slack * joint + slack**2 * v_step, 0.0))
            high_error = math.sqrt(max(v_effect + 2 * slack * joint + slack**2 * v_step, 0.0))
            both = low_error * high_error
            rho = -(v_effect - slack**2 * v_step) / both if both > 0 else -1.0
            value = least_favourable(rho, alpha, found.df)
            low = found.effect - slack * step - value * low_error
            high = found.effect + slack * step + value * high_error
            if low <= high:
                yield low, high


def least_favourable(rho: float, alpha: float, df: float = math.inf) -> float:
    """c with P(Z1 <= c, Z2 <= c) = 1 - alpha for two normals of correlation rho.

    By Owen's (1956) T function; with finite df the t quantile of the same level.
    """
    slope = math.sqrt(max(1 - rho, 0.0) / max(1 + rho, 1e-300))
    value = brentq(lambda c: ndtr(c) - 2 * owens_t(c, slope) - (1 - alpha), 0.0, 40.0)
    level = float(ndtr(value))
    return critical(level, None if math.isinf(df) else df)
