"""Effects on the treated by matching, with the standard errors of Abadie & Imbens.

With replacement the matched differences share units, so their own standard deviation is wrong and
the bootstrap fails (Abadie & Imbens 2008). The variance of Abadie & Imbens (2006) weights each
untreated unit's own variance by how often it is used. Where the score was estimated, Abadie &
Imbens (2016) subtract what estimating it gains and add what the changing population costs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from causalops.estimators.quasi.matching import Matches
from causalops.estimators.quasi.neighbours import means, windows
from causalops.estimators.quasi.propensity import Bools, Propensity, usable
from causalops.inference import Inference, difference, unavailable
from causalops.moments import Floats

OWN = 2  # neighbours of one's own arm for a unit's own mean and variance


@dataclass(frozen=True)
class Matched:
    """Effect on the matched treated: the estimate, each one's own effect, and its variance.

    `variance` takes the score as known (2006), `adjusted` as estimated (2016; None: known).
    """

    estimate: float
    effects: Floats
    variance: float
    adjusted: float | None = None
    scale: float = 0.0

    def inference(self, alpha: float) -> Inference:
        """Normal test and interval with the adjusted variance, where there is one."""
        variance = self.variance if self.adjusted is None else self.adjusted
        return difference(self.estimate, variance, None, alpha, self.scale)


def effect(
    y: Floats,
    matches: Matches,
    propensity: Propensity | None = None,
    correct: Floats | None = None,
) -> Matched | Inference:
    """ATT of y (n, a change for DID) over matched treated; no effect: the reason.

    `correct` (n, k) covariates: bias correction by a regression among used untreated units
    (Abadie & Imbens 2011). `propensity`: the score matched on was estimated, by logit or probit.
    Reasons: those of `match`, `too_few_units`, `not_finite`.
    """
    if matches.reason is not None:
        return unavailable(matches.reason)
    if not np.isfinite(y).all():
        return unavailable("not_finite", status="failed")
    values = y
    if correct is not None:
        values = y - regression(y, correct, matches.weight, ~matches.is_treated)
    ours = matches.treated[matches.matched]
    effects = values[ours] - matches.counterfactual(values)
    estimate = float(effects.mean())
    if len(ours) < 2 or matches.n_used < 2:
        return unavailable("too_few_units", estimate)
    scale = float(np.abs(values[ours]).mean())
    variance = known_score(values, matches, effects)
    found = Matched(estimate, effects, variance, scale=scale)
    if propensity is None:
        return found
    shift = estimated_score(values, matches, propensity, effects)
    # A gain larger than the variance is noise of small samples: then nothing is subtracted.
    adjusted = variance + shift if variance + shift > 0 else variance
    return replace(found, adjusted=adjusted)


def regression(y: Floats, x: Floats, weight: Floats, within: Bools) -> Floats:
    """Fitted values (n) of the weighted regression of y on x `within` these units.

    Columns that are collinear there are left out.
    """
    used = within & (weight > 0)
    columns = usable(x, tuple(str(i) for i in range(x.shape[1])), used).x
    design = np.column_stack([np.ones(len(y)), columns])
    root = np.sqrt(weight[used])
    beta, *_ = np.linalg.lstsq(design[used] * root[:, None], y[used] * root, rcond=None)
    fitted: Floats = design @ beta
    return fitted


def known_score(y: Floats, matches: Matches, effects: Floats) -> float:
    """Variance of Abadie & Imbens (2006, theorem 7), score known, of the population's effect:

    sum over matched treated of (effect - mean)², plus over untreated (K² - K') sigma²(score),
    over n1². K sums a unit's shares in the sets, K' their squares.
    """
    theirs = matches.order
    factor = matches.weight[theirs] ** 2 - matches.square[theirs]
    spread = ((effects - effects.mean()) ** 2).sum()
    own = float(factor @ from_own_arm(y, matches)[1])
    return float(spread + own) / len(effects) ** 2


def from_own_arm(y: Floats, matches: Matches) -> tuple[Floats, Floats]:
    """y less its mean given the score, and sigma², for the untreated in `order`.

    From the `OWN` nearest others of the unit's own arm and cell with all ties, m of them:
    y - their mean, and its square times m / (m + 1). Where the cell has no other, 0 and the mean
    sigma².
    """
    places = matches.line.places[matches.order]
    values = y[matches.order] - y[matches.order].mean()
    within = windows(places, places, OWN + 1, matches.line.reach)
    others = np.maximum(within.size - 1, 1)
    has_others = within.size > 1
    # The window holds the unit itself: y - mean of m others = (m + 1) / m (y - mean of all).
    gap = np.where(has_others, (values - means(values, within)) * (others + 1) / others, 0.0)
    square = gap**2 * others / (others + 1)
    typical = square[has_others].mean() if has_others.any() else 0.0
    return gap, np.where(has_others, square, typical)


def estimated_score(y: Floats, matches: Matches, propensity: Propensity, effects: Floats) -> float:
    """What an estimated score changes in the variance (Abadie & Imbens 2016, theorem 2).

    -c' V c + d' V d, with V the covariance of the score's coefficients. c is the covariance of the
    matching estimator's influence with the score of the likelihood, here taken over the units
    themselves, which needs no neighbours where an arm is sparse:

      c = mean over matched treated of s (effect - att) - K s (y - own mean) over untreated,
      d = mean over matched treated of f / p x (mu1(x) - mu0(x) - att).

    mu are linear regressions in each arm, where the authors match on all covariates.
    """
    estimate, n = effects.mean(), len(effects)
    ours, theirs = matches.treated[matches.matched], matches.order
    gap, _ = from_own_arm(y, matches)
    c = (effects - estimate) @ propensity.score[ours] / n
    c -= (matches.weight[theirs] * gap) @ propensity.score[theirs] / n
    x, ones = propensity.design, np.ones(len(y))
    mu1, mu0 = (regression(y, x[:, 1:], ones, matches.is_treated == arm) for arm in (True, False))
    slope = propensity.density[ours] / propensity.probability[ours]
    d = (slope * (mu1 - mu0 - estimate)[ours]) @ x[ours] / n
    covariance = propensity.covariance
    return float(d @ covariance @ d - c @ covariance @ c)
