"""Average effects of a treatment that is as good as random given covariates.

Regression adjustment, inverse probability weighting, and their doubly robust combinations, as in
Stata's teffects. Every parameter solves an estimating equation and all are stacked (Newey &
McFadden 1994), so the errors count the estimation of both models. statsmodels' TreatmentEffect has
the same estimators, but fixes the number of the score's coefficients (6) in two of them and clips
scores at .01.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from causalops.estimators.quasi.propensity import Bools, Propensity, usable
from causalops.inference import Inference, difference, unavailable
from causalops.moments import Floats

METHODS = ("ra", "ipw", "aipw", "aipw_wls", "ipwra")


@dataclass(frozen=True)
class AverageEffect:
    """ATE and its influence function (n); `reason`: there is none."""

    estimate: float | None
    influence: Floats
    scale: float = 0.0
    reason: str | None = None

    def inference(self, alpha: float) -> Inference:
        """Normal test and interval, divisor n (HC0)."""
        if self.reason is not None or self.estimate is None:
            return unavailable(self.reason or "not_finite", self.estimate)
        variance = float((self.influence**2).mean()) / len(self.influence)
        return difference(self.estimate, variance, None, alpha, self.scale)


@dataclass(frozen=True)
class _Score:
    """Probability (n) of each unit's own arm, its slope in the coefficients, their influence."""

    p: tuple[Floats, Floats]
    f: Floats
    design: Floats
    influence: Floats


def average_effect(
    y: Floats, treated: Bools, x: Floats, propensity: Propensity, method: str, clip: float = 0.0
) -> AverageEffect:
    """ATE of one of `METHODS`; x (n, k) are the outcome model's covariates without intercept.

    Weights use scores moved into [clip, 1 - clip]. Reasons: `empty_arm`, those of
    `propensity.fit`, `too_few_for_covariates`, `not_finite`.
    """
    if not 0 < treated.sum() < len(treated):
        return _none("empty_arm")
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        return _none("not_finite")
    if propensity.reason is not None:
        return _none(propensity.reason)
    columns = usable(x, tuple(str(i) for i in range(x.shape[1]))).x
    design = np.column_stack([np.ones(len(y)), columns if method != "ipw" else columns[:, :0]])
    arms = (treated, ~treated)
    if any(np.linalg.matrix_rank(design[rows]) < design.shape[1] for rows in arms):
        return _none("too_few_for_covariates")
    raw = propensity.probability
    p = np.clip(raw, clip, 1 - clip)
    if method != "ra" and not ((p > 0) & (p < 1)).all():
        return _none("no_overlap")
    score = _Score(
        (p, 1 - p),
        np.where(p == raw, propensity.density, 0.0),
        propensity.design,
        len(y) * propensity.score @ propensity.covariance,
    )
    levels = [_level(y, rows.astype(float), design, score, arm, method)
              for arm, rows in enumerate(arms)]  # fmt: skip
    influence = levels[0][1] - levels[1][1]
    if not np.isfinite(influence).all():
        return _none("not_finite")
    scale = float(np.abs(y).mean())
    return AverageEffect(levels[0][0] - levels[1][0], influence, scale)


def _none(reason: str) -> AverageEffect:
    return AverageEffect(None, np.zeros(0), reason=reason)


def _level(
    y: Floats, own: Floats, x: Floats, score: _Score, arm: int, method: str
) -> tuple[float, Floats]:
    """Mean outcome if everybody were in this arm (0: treated), and its influence function."""
    p, slope = score.p[arm], score.f * (1 if arm == 0 else -1)
    one = np.ones(len(y))
    weight, by_p = {
        "ipw": (1 / p, -1 / p**2),
        "ipwra": (1 / p, -1 / p**2),
        "aipw_wls": (1 / p**2 - 1 / p, -2 / p**3 + 1 / p**2),
    }.get(method, (one, 0 * one))
    beta, by_beta = _outcome_model(y, own, x, weight, by_p * slope, score)
    residual = y - x @ beta
    value, towards = x @ beta, x.mean(axis=0)
    if not method.startswith("aipw"):
        level = float(value.mean())
        return level, value - level + by_beta @ towards
    value = value + own * residual / p
    towards = ((1 - own / p)[:, None] * x).mean(axis=0)
    by_score = (-(own * residual / p**2 * slope)[:, None] * score.design).mean(axis=0)
    level = float(value.mean())
    return level, value - level + by_beta @ towards + score.influence @ by_score


def _outcome_model(
    y: Floats, own: Floats, x: Floats, weight: Floats, slope: Floats, score: _Score
) -> tuple[Floats, Floats]:
    """Weighted least squares within an arm, and the influence functions (n, k) of its slopes."""
    used = own * weight
    bread = np.linalg.inv(x.T @ (x * used[:, None]) / len(y))
    beta = bread @ (x.T @ (used * y)) / len(y)
    residual = y - x @ beta
    by_score = x.T @ ((own * slope * residual)[:, None] * score.design) / len(y)
    moments = (used * residual)[:, None] * x + score.influence @ by_score.T
    return beta, moments @ bread
