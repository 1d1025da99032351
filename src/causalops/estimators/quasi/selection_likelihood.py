"""Sample selection by maximum likelihood (Heckman 1974; Amemiya 1985, chapter 10).

With u = (y - x b) / sigma and a = cosh(t) z g + sinh(t) u, where rho = tanh(t), a selected unit
adds log Phi(a) - u² / 2 - log sigma - log(2 pi) / 2, another one log Phi(-z g). Gradient and
Hessian are exact; the errors come from the observed information, or with clusters from its
sandwich.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import chdtrc, log_ndtr

from causalops.estimators.quasi.probit import mills
from causalops.estimators.quasi.selection import (
    Selection,
    Steps,
    clustered,
    condition_number,
    failed,
    inflation,
    steps,
    terms,
    warnings_of,
)
from causalops.estimators.quasi.selection_sample import SelectionSample
from causalops.inference import Inference, difference, two_sided
from causalops.moments import Floats

START = 0.8  # largest rho to start from
BOUNDARY = 0.9999  # a rho beyond it has run away


@dataclass(frozen=True)
class LikelihoodRatio:
    """Test that rho is zero, so that least squares on the selected would do: chi² with 1 df."""

    statistic: float
    p_value: float


@dataclass(frozen=True)
class Parts:
    """Log likelihood with its gradient by unit (n, q) and Hessian (q, q), q = k + p + 2."""

    value: float
    scores: Floats
    hessian: Floats


def parts(theta: Floats, sample: SelectionSample, y: Floats) -> Parts:
    """At theta = (g, b, log sigma, t), on standardised columns and outcome y (m)."""
    z, x, chosen = sample.z.values, sample.x.values, sample.selected
    k, p = z.shape[1], x.shape[1]
    g, b, (log_sigma, t) = theta[:k], theta[k : k + p], theta[k + p :]
    sigma, cosh, sinh = np.exp(log_sigma), np.cosh(t), np.sinh(t)
    index = z @ g
    u, inside = (y - x @ b) / sigma, index[chosen]
    a = cosh * inside + sinh * u
    outside = index[~chosen]
    ratio, other = mills(a), mills(-outside)
    value = log_ndtr(a).sum() - (u**2 / 2 + log_sigma + np.log(2 * np.pi) / 2).sum()
    value += log_ndtr(-outside).sum()
    zero = np.zeros((len(u), k))
    grad_u = np.column_stack([zero, -x / sigma, -u, np.zeros_like(u)])
    turn = sinh * inside + cosh * u
    grad_a = np.column_stack([cosh * z[chosen], -sinh * x / sigma, -sinh * u, turn])
    scores = np.zeros((len(z), len(theta)))
    scores[chosen] = ratio[:, None] * grad_a - u[:, None] * grad_u
    scores[chosen, k + p] -= 1.0
    scores[~chosen, :k] = -other[:, None] * z[~chosen]
    hessian = -(grad_a.T @ ((ratio * (ratio + a))[:, None] * grad_a)) - grad_u.T @ grad_u
    weight = (other * (other - outside))[:, None]
    hessian[:k, :k] -= z[~chosen].T @ (weight * z[~chosen])
    # Second derivatives of a (times the ratio) and of u (times -u).
    s, r = k + p, k + p + 1
    second = np.zeros_like(hessian)
    second[:k, r] = sinh * (z[chosen].T @ ratio)
    second[k:s, s] = x.T @ (sinh * ratio - u) / sigma
    second[k:s, r] = -cosh * (x.T @ ratio) / sigma
    second[s, r] = -cosh * (ratio @ u)
    second += second.T
    second[s, s] = ratio @ (sinh * u) - u @ u
    second[r, r] = ratio @ a
    return Parts(float(value), scores, hessian + second)


def maximum_likelihood(sample: SelectionSample, alpha: float = 0.05) -> Selection:
    """The same model as the two steps, efficient when errors are jointly normal.

    Reasons besides those of `two_step`: `not_converged`, `rho_at_boundary`, `not_finite`.
    """
    made = steps(sample)
    if isinstance(made, Selection):
        return made
    centre, scale = float(sample.y.mean()), float(sample.y.std())
    if not np.isfinite(scale):
        return failed(sample, "not_finite")
    y = (sample.y - centre) / scale
    n = len(sample.selected)
    theta = _search(sample, y, _start(made, centre, scale))
    if theta is None:
        return failed(sample, "not_converged")
    at = parts(theta, sample, y)
    gradient = np.abs(at.scores.sum(axis=0)).max() / n
    if abs(np.tanh(theta[-1])) > BOUNDARY:
        return failed(sample, "rho_at_boundary")
    if not (gradient < 1e-7 and np.isfinite(at.hessian).all()):
        return failed(sample, "not_converged")
    if np.linalg.eigvalsh(-at.hessian).min() <= 0:
        return failed(sample, "not_converged")
    df, covariance = None, np.asarray(np.linalg.inv(-at.hessian))
    if sample.clusters is not None:
        df, meat = clustered(at.scores, sample.clusters)
        covariance = covariance @ meat @ covariance
    result = _result(sample, theta, covariance, (centre, scale), df, alpha)
    return replace(
        result,
        log_likelihood=at.value - len(y) * float(np.log(scale)),
        n_clusters=None if df is None else int(df) + 1,
        condition_number=condition_number(sample, made),
        inflation=inflation(made.w),
        warnings=tuple(name for name in warnings_of(sample, made) if name != "rho_outside"),
    )


def _search(sample: SelectionSample, y: Floats, start: Floats) -> Floats | None:
    """Where the trust-region search ends; None where it meets a Hessian that is not finite."""
    n = len(sample.selected)
    try:
        found = minimize(
            lambda theta: _loss(theta, sample, y),
            start,
            jac=True,
            hess=lambda theta: -parts(theta, sample, y).hessian / n,
            method="trust-exact",
            options={"gtol": 1e-10, "maxiter": 200},
        )
    except (ValueError, np.linalg.LinAlgError):
        return None
    return np.asarray(found.x)


def _loss(theta: Floats, sample: SelectionSample, y: Floats) -> tuple[float, Floats]:
    """Minus the mean log likelihood, and its gradient."""
    at, n = parts(theta, sample, y), len(sample.selected)
    return -at.value / n, -at.scores.sum(axis=0) / n


def _start(made: Steps, centre: float, scale: float) -> Floats:
    b = made.coefficients[:-1] / scale
    b[0] -= centre / scale
    rho = float(np.clip(made.rho, -START, START))
    return np.concatenate(
        [made.first.coefficients, b, [np.log(max(made.sigma / scale, 1e-6)), np.arctanh(rho)]]
    )


def _result(
    sample: SelectionSample, theta: Floats, covariance: Floats, units: tuple[float, float],
    df: float | None, alpha: float,
) -> Selection:  # fmt: skip
    """Parameters in the units of the data, with delta-method errors for rho, sigma, lambda."""
    k, p = sample.z.values.shape[1], sample.x.values.shape[1]
    centre, scale = units
    back = np.eye(len(theta))
    back[:k, :k] = sample.z.back
    back[k : k + p, k : k + p] = scale * sample.x.back
    values, spread = back @ theta, back @ covariance @ back.T
    values[k] += centre
    sigma, rho = scale * float(np.exp(theta[-2])), float(np.tanh(theta[-1]))
    gradient = np.array([rho * sigma, sigma * (1 - rho**2)])
    corner = covariance[-2:, -2:]
    at = slice(k, k + p)
    return Selection(
        n=len(sample.selected),
        n_selected=len(sample.y),
        outcome=terms(sample.x.names, values[at], spread[at, at], df, alpha),
        selection=terms(sample.z.names, values[:k], spread[:k, :k], df, alpha),
        lambda_=difference(rho * sigma, float(gradient @ corner @ gradient), df, alpha, sigma),
        rho=_rho(float(theta[-1]), float(corner[1, 1]), df, alpha),
        sigma=_sigma(sigma, float(corner[0, 0]), df, alpha),
    )


def _rho(t: float, variance: float, df: float | None, alpha: float) -> Inference:
    """Tested and bounded on the scale of its inverse hyperbolic tangent."""
    found = difference(t, variance, df, alpha)
    if found.ci_low is None or found.ci_high is None or found.std_error is None:
        return found
    return replace(
        found, estimate=float(np.tanh(t)), std_error=found.std_error * (1 - float(np.tanh(t)) ** 2),
        ci_low=float(np.tanh(found.ci_low)), ci_high=float(np.tanh(found.ci_high)),
    )  # fmt: skip


def _sigma(sigma: float, variance: float, df: float | None, alpha: float) -> Inference:
    """Bounded on the scale of its logarithm; that it is zero is no question."""
    reach = two_sided(alpha, df) * float(np.sqrt(variance))
    return Inference(
        estimate=sigma, std_error=sigma * float(np.sqrt(variance)), df=df, ci_shape="interval",
        ci_low=sigma * float(np.exp(-reach)), ci_high=sigma * float(np.exp(reach)),
    )  # fmt: skip


def likelihood_ratio(sample: SelectionSample, fitted: Selection) -> LikelihoodRatio | None:
    """Against probit and normal regression apart; None with clusters or without a maximum."""
    made = steps(sample)
    if fitted.log_likelihood is None or isinstance(made, Selection) or sample.clusters is not None:
        return None
    x, y = sample.x.values, sample.y
    rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    m = len(y)
    apart = made.first.log_likelihood - m / 2 * (np.log(2 * np.pi * (rest @ rest) / m) + 1)
    statistic = max(2 * (fitted.log_likelihood - float(apart)), 0.0)
    return LikelihoodRatio(statistic, float(chdtrc(1, statistic)))
