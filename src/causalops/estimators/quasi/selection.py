"""Sample selection by Heckman's (1979) two-step estimator.

Probit of selection on z, then least squares of the outcome of the selected on x and the inverse
Mills ratio lambda(z gamma). With d = lambda (lambda + z gamma), e the residuals of m units:

  sigma² = e'e / m + mean(d) b²,  rho = b / sigma,  b the coefficient of lambda,
  V = sigma² (W'W)^-1 [W'(I - rho² D) W + rho² (W'D Z) V_probit (Z'D W)] (W'W)^-1,  W = [x, lambda]

(Heckman 1979; Greene 1981). With clusters, V comes from the influence of each cluster on both
steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from causalops.estimators.quasi.probit import Probit, mills, probit
from causalops.estimators.quasi.selection_sample import COLLINEAR, SelectionSample
from causalops.inference import CONSTANT, Inference, difference, unavailable
from causalops.moments import Floats

ILL_CONDITIONED = 10.0  # variance inflation of lambda (Marquardt 1970)


@dataclass(frozen=True)
class Selection:
    """A corrected regression: coefficients by column name, `const` the intercept.

    `lambda_` is the coefficient of the Mills ratio, rho sigma. `condition_number` is that of
    [x, lambda] with columns of unit length, `inflation` the variance inflation factor of lambda,
    `naive_errors` those that step two has as plain least squares. With a `reason` there are no
    numbers, and `column` may name a culprit.
    """

    n: int
    n_selected: int
    outcome: Mapping[str, Inference] = field(default_factory=dict)
    selection: Mapping[str, Inference] = field(default_factory=dict)
    lambda_: Inference = field(default_factory=Inference)
    rho: Inference = field(default_factory=Inference)
    sigma: Inference = field(default_factory=Inference)
    n_clusters: int | None = None
    condition_number: float | None = None
    inflation: float | None = None
    log_likelihood: float | None = None
    naive_errors: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    reason: str | None = None
    column: str | None = None


@dataclass(frozen=True)
class Steps:
    """Both steps on standardised columns: w (m, p + 1) is [x, lambda], `coefficients` of w."""

    first: Probit
    w: Floats
    inverse: Floats  # of w'w
    coefficients: Floats
    residual: Floats
    d: Floats  # (m,), see above
    sigma: float
    rho: float


def steps(sample: SelectionSample) -> Steps | Selection:
    """The two regressions, or a result that says why there are none."""
    first = probit(sample.z, sample.selected)
    if first.reason is not None:
        return failed(sample, first.reason, first.column)
    index = first.index[sample.selected]
    ratio = mills(index)
    w = np.column_stack([sample.x.values, ratio])
    if len(w) <= w.shape[1]:
        return failed(sample, "too_few_units")
    if np.ptp(sample.y) <= CONSTANT * np.abs(sample.y).max():
        return failed(sample, "zero_variance")
    if inflation(w) is None:
        return failed(sample, "lambda_collinear")
    if sample.clusters is not None and len(np.unique(sample.clusters[sample.selected])) < 2:
        return failed(sample, "too_few_clusters")
    inverse = np.linalg.inv(w.T @ w)
    coefficients = inverse @ (w.T @ sample.y)
    residual = sample.y - w @ coefficients
    d = ratio * (ratio + index)
    slope = float(coefficients[-1])
    sigma = float(np.sqrt(residual @ residual / len(residual) + d.mean() * slope**2))
    rho = slope / sigma if sigma > 0 else 0.0
    return Steps(first, w, inverse, coefficients, residual, d, sigma, rho)


def two_step(sample: SelectionSample, alpha: float = 0.05) -> Selection:
    """Both steps with the corrected covariance; normal, or t(G - 1) with clusters.

    Reasons: those of the probit, `too_few_units`, `zero_variance`, `lambda_collinear`,
    `too_few_clusters`.
    Warnings: see `warnings_of`.
    """
    made = steps(sample)
    if isinstance(made, Selection):
        return made
    df, covariance = None, _covariance(sample, made)
    if sample.clusters is not None:
        df, meat = clustered(_influence(sample, made), sample.clusters)
        covariance = made.inverse @ meat @ made.inverse
    back = np.eye(len(made.coefficients))
    back[:-1, :-1] = sample.x.back
    names = (*sample.x.names, "lambda")
    found = terms(names, back @ made.coefficients, back @ covariance @ back.T, df, alpha)
    spare = len(made.residual) - len(names)
    naive = back @ made.inverse @ back.T * (made.residual @ made.residual / spare)
    return Selection(
        n=len(sample.selected),
        n_selected=len(sample.y),
        outcome={name: found[name] for name in sample.x.names},
        selection=first_step(sample, made.first, alpha),
        lambda_=found["lambda"],
        rho=Inference(estimate=made.rho),
        sigma=Inference(estimate=made.sigma),
        n_clusters=None if df is None else int(df) + 1,
        condition_number=condition_number(sample, made),
        inflation=inflation(made.w),
        naive_errors=dict(zip(names, np.sqrt(np.diag(naive)).tolist(), strict=True)),
        warnings=warnings_of(sample, made),
    )


def _covariance(sample: SelectionSample, made: Steps) -> Floats:
    z, w = sample.z.values[sample.selected], made.w
    wdz = w.T @ (made.d[:, None] * z)
    spread = w.T @ ((made.sigma**2 - made.coefficients[-1] ** 2 * made.d)[:, None] * w)
    meat = spread + made.coefficients[-1] ** 2 * wdz @ made.first.covariance @ wdz.T
    return np.asarray(made.inverse @ meat @ made.inverse)


def _influence(sample: SelectionSample, made: Steps) -> Floats:
    """What each of n units adds to w'e: its residual, and its part in the probit of lambda."""
    chosen, z = sample.selected, sample.z.values
    sign = np.where(chosen, 1.0, -1.0)
    score = (sign * mills(sign * made.first.index))[:, None] * z
    lean = made.coefficients[-1] * made.w.T @ (made.d[:, None] * z[chosen])
    influence = score @ made.first.covariance @ lean.T
    influence[chosen] += made.residual[:, None] * made.w
    return np.asarray(influence)


def clustered(influence: Floats, clusters: npt.NDArray[np.intp]) -> tuple[float, Floats]:
    """G - 1 and the sum over G clusters of their influence (n, k), squared, times G / (G - 1)."""
    codes = np.unique(clusters, return_inverse=True)[1]
    count = int(codes.max()) + 1
    totals = np.zeros((count, influence.shape[1]))
    np.add.at(totals, codes, influence)
    return count - 1.0, totals.T @ totals * count / (count - 1)


def terms(
    names: tuple[str, ...], values: Floats, covariance: Floats, df: float | None, alpha: float
) -> dict[str, Inference]:
    """Coefficients (k) with covariance (k, k) by name; a variance below zero gives no inference."""
    found = {}
    for i, name in enumerate(names):
        value, variance = float(values[i]), float(covariance[i, i])
        found[name] = (
            unavailable("negative_variance", value)
            if variance < 0
            else difference(value, variance, df, alpha, abs(value))
        )
    return found


def first_step(sample: SelectionSample, first: Probit, alpha: float) -> dict[str, Inference]:
    """The probit on the columns as given."""
    back = sample.z.back
    covariance = back @ first.covariance @ back.T
    return terms(sample.z.names, back @ first.coefficients, covariance, None, alpha)


def inflation(w: Floats) -> float | None:
    """Variance inflation of the last column by the others; None when they determine it."""
    others, last = w[:, :-1], w[:, -1]
    rest = last - others @ np.linalg.lstsq(others, last, rcond=None)[0]
    spread = float(((last - last.mean()) ** 2).sum())
    own = float(rest @ rest)
    if own <= COLLINEAR**2 * max(spread, float(last @ last)):
        return None
    return max(spread / own, 1.0)


def condition_number(sample: SelectionSample, made: Steps) -> float:
    """Of [x, lambda] as given, each column divided by its length (Belsley, Kuh & Welsch 1980)."""
    given = np.column_stack([sample.x.values @ np.linalg.inv(sample.x.back), made.w[:, -1]])
    return float(np.linalg.cond(given / np.linalg.norm(given, axis=0)))


def warnings_of(sample: SelectionSample, made: Steps) -> tuple[str, ...]:
    """`no_exclusion`, `rho_outside` [-1, 1], `lambda_nearly_collinear`, `covariate_dropped`."""
    found = {
        "no_exclusion": not sample.exclusions,
        "rho_outside": abs(made.rho) > 1,
        "lambda_nearly_collinear": (inflation(made.w) or np.inf) > ILL_CONDITIONED,
        "covariate_dropped": bool(sample.x.left_out or sample.z.left_out),
    }
    return tuple(name for name, holds in found.items() if holds)


def failed(sample: SelectionSample, reason: str, column: str | None = None) -> Selection:
    """No numbers, and why."""
    none = unavailable(reason)
    return Selection(
        n=len(sample.selected), n_selected=len(sample.y), lambda_=none, rho=none, sigma=none,
        reason=reason, column=column,
    )  # fmt: skip


def naive_ols(sample: SelectionSample, alpha: float = 0.05) -> dict[str, Inference]:
    """Least squares on the selected alone, as if they were chosen at random; HC1, or CR1.

    Empty when there are too few selected units.
    """
    x, y = sample.x.values, sample.y
    n, k = x.shape
    if n <= k:
        return {}
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ (x.T @ y)
    scores = (y - x @ beta)[:, None] * x
    df: float | None = float(n - k)
    meat = scores.T @ scores * n / (n - k)
    if sample.clusters is not None:
        clusters = sample.clusters[sample.selected]
        if len(np.unique(clusters)) < 2:
            return {}
        df, meat = clustered(scores, clusters)
        meat = meat * (n - 1) / (n - k)
    back = sample.x.back
    covariance = back @ inverse @ meat @ inverse @ back.T
    return terms(sample.x.names, back @ beta, covariance, df, alpha)
