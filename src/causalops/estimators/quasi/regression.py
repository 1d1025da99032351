"""Linear estimators on residual moments: coefficients with classic, HC and CR1 covariances.

A `Fit` is any estimator b = bread (scores' y) with the covariance bread meat bread, meat the sum of
(scores error)(scores error)' (White 1980; Liang & Zeger 1986); least squares is the case where the
scores are the regressors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from causalops.estimators.quasi.gram import Combination, Independent, independent, solve
from causalops.estimators.quasi.joint_tests import JointTest, f_test, not_run, wald
from causalops.estimators.quasi.residual_moments import Residuals, small_sample
from causalops.inference import Inference, difference, unavailable
from causalops.moments import Floats, Moments

CLASSIC = "classic"


@dataclass(frozen=True)
class Fit:
    """r coefficients of regressors that are combinations of q residual columns.

    bread (r, r), scores (q, r), error (q,) as combinations of the residuals. `n_parameters` K
    counts everything fitted, the constant and the controls too. With a `reason_code` there is no
    estimate; `dropped` then names the columns that others determine.
    """

    residuals: Residuals
    names: tuple[str, ...]
    coefficients: Floats
    bread: Floats
    scores: Floats
    error: Floats
    n_parameters: int
    reason_code: str | None = None
    dropped: tuple[Combination, ...] = ()

    @property
    def squares(self) -> float:
        """Residual sum of squares."""
        return self.residuals.squares(self.error)

    def estimate(self, name: str) -> float | None:
        """One coefficient; None where there is none."""
        if self.reason_code is not None:
            return None
        return float(self.coefficients[self.names.index(name)])

    def covariance(self, kind: str) -> Floats | str:
        """Covariance (r, r) of the coefficients, or the reason why there is none.

        `kind` is classic (residual variance with divisor n - K), hc0, hc1, cr0 or cr1, see
        `small_sample`.
        """
        reason = self.reason_code or _unknown(self, kind)
        if reason is not None:
            return reason
        if kind == CLASSIC:
            variance = self.squares / (self.residuals.n - self.n_parameters)
            return np.asarray(variance * self.bread)
        factor, _ = small_sample(self.residuals, self.n_parameters, kind)
        meat = factor * self.residuals.meat(self.scores, self.error)
        return np.asarray(self.bread @ meat @ self.bread.T)

    def df(self, kind: str) -> float:
        """Degrees of freedom of t and F tests with this covariance."""
        return small_sample(self.residuals, self.n_parameters, kind)[1]

    def inference(self, name: str, kind: str, alpha: float) -> Inference:
        """One coefficient with its t test and interval."""
        covariance = self.covariance(kind)
        if isinstance(covariance, str):
            estimate = self.estimate(name) if covariance != "not_finite" else None
            return unavailable(covariance, estimate, _status(covariance))
        index = self.names.index(name)
        estimate = float(self.coefficients[index])
        variance = float(covariance[index, index])
        return difference(estimate, variance, self.df(kind), alpha, abs(estimate))

    def joint(self, names: Sequence[str], kind: str) -> JointTest:
        """F test that these coefficients are all zero."""
        covariance = self.covariance(kind)
        if isinstance(covariance, str):
            return not_run(covariance)
        where = [self.names.index(name) for name in names]
        if kind.startswith("cr") and len(where) > self.df(kind):
            return not_run("too_few_clusters")
        statistic = wald(self.coefficients[where], covariance[np.ix_(where, where)])
        return f_test(statistic / len(where), float(len(where)), self.df(kind))


def no_fit(
    residuals: Residuals,
    names: Sequence[str],
    reason_code: str,
    dropped: Sequence[Combination] = (),
) -> Fit:
    """No estimate, and why."""
    nothing = np.zeros((0, 0))
    return Fit(residuals, tuple(names), nothing, nothing, nothing, nothing, 0, reason_code,
               tuple(dropped))  # fmt: skip


def least_squares(
    residuals: Residuals,
    outcome: str,
    regressors: Sequence[str],
    combinations: Floats | None = None,
) -> Fit:
    """Ordinary least squares of the outcome on the regressors, after the absorbed columns.

    `combinations` (q, r) makes the regressors of the residual columns; by default each regressor is
    the column of its name. Collinear regressors give `collinear` and name what depends on what.
    """
    names = tuple(regressors)
    columns = residuals.pick(names) if combinations is None else combinations
    target = residuals.pick([outcome])[:, 0]
    n_parameters = residuals.n_absorbed + len(names)
    if not residuals.is_finite:
        return no_fit(residuals, names, "not_finite")
    if residuals.n <= n_parameters:
        return no_fit(residuals, names, "too_few_rows")
    inner = residuals.cross(columns, columns)
    found = among(residuals, names, inner)
    if found.dropped:
        return no_fit(residuals, names, "collinear", found.dropped)
    coefficients = solve(inner, residuals.cross(columns, target))
    return Fit(residuals, names, coefficients, solve(inner, np.eye(len(names))), columns,
               target - columns @ coefficients, n_parameters)  # fmt: skip


def among(residuals: Residuals, names: Sequence[str], inner: Floats) -> Independent:
    """Which of these columns, with cross-products `inner`, depend on the ones before them."""
    table = Moments(tuple(names), float(residuals.n), np.zeros(len(names)), inner)
    return independent(table, names)


def _unknown(fit: Fit, kind: str) -> str | None:
    """Why a covariance of this kind does not exist."""
    if fit.squares == 0:
        return "perfect_fit"
    if kind == CLASSIC:
        return None
    is_clustered = fit.residuals.n_clusters is not None
    if fit.residuals.fourth is None or is_clustered != kind.startswith("cr"):
        return "method_not_available"
    if is_clustered and (fit.residuals.n_clusters or 0) < 2:
        return "too_few_clusters"
    return None


def _status(reason_code: str) -> str:
    return "failed" if reason_code == "not_finite" else "skipped"
