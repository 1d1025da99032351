"""Difference in differences under conditional parallel trends, from two-period panels.

Outcome regression (Heckman, Ichimura & Todd 1997), inverse probability weighting (Abadie 2005),
standardised weighting, and both together: the traditional and the improved doubly robust estimators
of Sant'Anna & Zhao (2020), valid when either the outcome model of the untreated's change or the
propensity score is right. Each returns its influence function, so errors can be clustered.
Notation follows the authors' R package DRDID.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from causalops.estimators.quasi.cluster_sides import by_side, fewest, noted
from causalops.estimators.quasi.overlap import TRIM, odds
from causalops.estimators.quasi.propensity import Bools, Columns, Propensity, fit, usable
from causalops.inference import Inference, difference, unavailable
from causalops.moments import Floats

METHODS = ("dr_improved", "dr", "reg", "std_ipw", "ipw")
_STEPS = 100


@dataclass(frozen=True)
class Effect:
    """ATT of a change with the influence function (n) of its units; `reason`: there is none."""

    estimate: float | None
    influence: Floats
    treated: Bools
    scale: float = 0.0
    reason: str | None = None

    def inference(self, alpha: float, clusters: npt.NDArray[Any] | None = None) -> Inference:
        """Test and interval: normal, or with clusters (n labels) t by side.

        Fewer than ten clusters on a side are a warning: the models fitted on them move too.
        """
        if self.reason is not None or self.estimate is None:
            return unavailable(self.reason or "not_finite", self.estimate)
        n = len(self.influence)
        if clusters is None:
            variance = float(self.influence.var()) / n
            return difference(self.estimate, variance, None, alpha, self.scale)
        _, codes = np.unique(clusters, return_inverse=True)
        on = [np.bincount(codes, side) > 0 for side in (self.treated, ~self.treated)]
        found = by_side(np.bincount(codes, self.influence) / n, on[0], on[1])
        if found is None:
            return unavailable("too_few_clusters", self.estimate)
        result = difference(self.estimate, found.variance, found.df, alpha, self.scale)
        return noted(result, fewest(on[0], on[1]))


@dataclass(frozen=True)
class Study:
    """A change (n), who is treated (n), usable covariates, and the fitted score."""

    change: Floats
    treated: Bools
    columns: Columns
    propensity: Propensity
    trim: float


def study(
    change: Floats, treated: Bools, x: Floats, names: Sequence[str], trim: float = TRIM,
    score: Propensity | None = None,
) -> Study:  # fmt: skip
    """Fit the score, unless it is given, once for all estimators; x (n, k) without intercept."""
    propensity = score or fit(x, treated, names)
    columns = usable(x, names, ~treated)
    return Study(change, treated, columns, propensity, trim)


def estimate(what: Study, method: str) -> Effect:
    """One of `METHODS`.

    Reasons: those of `propensity.fit`, `too_few_for_covariates`,
    `no_overlap` (no weights balance the covariates), `perfect_separation` (a covariate varies
    among the treated only).
    """
    reason = _problem(what, method)
    if reason is not None:
        return _none(reason)
    x = np.column_stack([np.ones(len(what.change)), what.columns.x])
    with np.errstate(all="ignore"):
        found = _ESTIMATORS[method](what, x)
    if found.reason is None and not np.isfinite(found.influence).all():
        return _none("not_finite")
    return found


def _problem(what: Study, method: str) -> str | None:
    treated = what.treated
    if not 0 < treated.sum() < len(treated):
        return "empty_arm"
    if not np.isfinite(what.change).all():
        return "not_finite"
    if min(treated.sum(), (~treated).sum() - len(what.columns.names) - 1) < 2:
        return "too_few_for_covariates"
    if method != "reg":
        if what.propensity.reason is not None:
            return what.propensity.reason
        if not (odds(what.propensity.probability, treated, what.trim)[~treated] > 0).any():
            return "no_overlap"
    if len(what.columns.names) < len(what.propensity.columns.names):
        return "perfect_separation"
    return None


def _none(reason: str) -> Effect:
    return Effect(None, np.zeros(0), np.zeros(0, dtype=bool), reason=reason)


def _effect(what: Study, value: float, influence: Floats) -> Effect:
    return Effect(value, influence, what.treated, float(np.abs(what.change).mean()))


def _ratio(weight: Floats, values: Floats) -> tuple[float, Floats]:
    """Weighted mean and its influence function with known weights."""
    level = float(weight @ values) / float(weight.sum())
    return level, weight * (values - level) / weight.mean()


def _least_squares(x: Floats, y: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Coefficients (k) and their influence functions (n, k)."""
    bread = np.linalg.inv(x.T @ (x * weight[:, None]) / len(y))
    beta = bread @ (x.T @ (weight * y)) / len(y)
    return beta, (weight * (y - x @ beta))[:, None] * x @ bread


def _score_influence(propensity: Propensity) -> Floats:
    """Influence functions (n, k) of the score's coefficients."""
    return len(propensity.score) * propensity.score @ propensity.covariance


def _regression(what: Study, x: Floats) -> Effect:
    d = what.treated.astype(float)
    beta, by_beta = _least_squares(x, what.change, 1 - d)
    top, by_top = _ratio(d, what.change)
    level, by_level = _ratio(d, x @ beta)
    by_level = by_level + by_beta @ (d @ x / d.sum())
    return _effect(what, top - level, by_top - by_level)


def _standardised(what: Study, x: Floats) -> Effect:
    """Hajek weights: the odds of the untreated add up to one."""
    d = what.treated.astype(float)
    weight = np.where(what.treated, 0.0, odds(what.propensity.probability, what.treated, what.trim))
    top, by_top = _ratio(d, what.change)
    level, by_level = _ratio(weight, what.change)
    design = what.propensity.design
    slope = (weight * (what.change - level)) @ design / weight.sum()
    by_level = by_level + _score_influence(what.propensity) @ slope
    return _effect(what, top - level, by_top - by_level)


def _weighting(what: Study, x: Floats) -> Effect:
    """Horvitz-Thompson weights of Abadie (2005)."""
    d, n = what.treated.astype(float), len(what.change)
    weight = np.where(what.treated, 0.0, odds(what.propensity.probability, what.treated, what.trim))
    kept = (what.treated | (weight > 0)).astype(float)
    values = (d * kept - weight) * what.change
    found = float(values.sum()) / float(d.sum())
    slope = -(weight * what.change) @ what.propensity.design / n
    influence = values - d * found + _score_influence(what.propensity) @ slope
    return _effect(what, found, influence / d.mean())


def _traditional(what: Study, x: Floats) -> Effect:
    """Logit by maximum likelihood, least squares among the untreated."""
    d = what.treated.astype(float)
    weight = np.where(what.treated, 0.0, odds(what.propensity.probability, what.treated, what.trim))
    beta, by_beta = _least_squares(x, what.change, 1 - d)
    gap = what.change - x @ beta
    top, by_top = _ratio(d, gap)
    level, by_level = _ratio(weight, gap)
    by_top = by_top - by_beta @ (d @ x / d.sum())
    slope = (weight * (gap - level)) @ what.propensity.design / weight.sum()
    by_level = by_level + _score_influence(what.propensity) @ slope
    by_level = by_level - by_beta @ (weight @ x / weight.sum())
    return _effect(what, top - level, by_top - by_level)


def _improved(what: Study, x: Floats) -> Effect:
    """Score by inverse probability tilting, outcome by least squares with its odds.

    Then neither nuisance's estimation moves the influence function (section 3.2 of the paper).
    """
    d = what.treated.astype(float)
    weight = tilted(x, what.treated)
    if weight is None:
        return _none("no_overlap")
    weight = np.where(weight / (1 + weight) < what.trim, weight, 0.0)
    beta, _ = _least_squares(x, what.change, weight)
    gap = what.change - x @ beta
    top, by_top = _ratio(d, gap)
    level, by_level = _ratio(weight, gap)
    return _effect(what, top - level, by_top - by_level)


def tilted(x: Floats, treated: Bools) -> Floats | None:
    """Odds exp(x g) of the untreated (0 for treated) whose sums of x are the treated's.

    x (n, k) with intercept. The concave problem max sum d x g - (1 - d) exp(x g) (Graham, Pinto &
    Egel 2012) has no maximum, None, when no weights can balance the columns.
    """
    target, theirs = x[treated].sum(axis=0), x[~treated]
    gamma = np.zeros(x.shape[1])
    gamma[0] = math.log(treated.sum() / (~treated).sum())
    value = float(target @ gamma - np.exp(theirs @ gamma).sum())
    for _ in range(_STEPS):
        odd = np.exp(theirs @ gamma)
        slope = target - odd @ theirs
        if np.abs(slope).max() <= 1e-10 * treated.sum():
            found = np.zeros(len(x))
            found[~treated] = odd
            return found
        try:
            step = np.linalg.solve(theirs.T @ (theirs * odd[:, None]), slope)
        except np.linalg.LinAlgError:
            return None
        share, trial = 1.0, -math.inf
        while not trial >= value - 1e-12 * abs(value):
            if share < 1e-8:
                return None
            with np.errstate(over="ignore", invalid="ignore"):
                moved = gamma + share * step
                trial = float(target @ moved - np.exp(theirs @ moved).sum())
            share /= 2
        gamma, value = moved, trial
    return None


_ESTIMATORS = {
    "dr_improved": _improved,
    "dr": _traditional,
    "reg": _regression,
    "std_ipw": _standardised,
    "ipw": _weighting,
}
