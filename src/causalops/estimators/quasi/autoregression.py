"""Regression with stationary AR(p) errors by restricted maximum likelihood (REML).

Plain maximum likelihood, Prais-Winsten and GLSAR bias the autocorrelation towards zero, because
the regression has already explained part of it; tests then reject too often. REML (Patterson &
Thompson 1971; Cheang & Reinsel 2000 for AR errors in trend models) removes most of that bias, and
Satterthwaite's degrees of freedom carry the remaining doubt about the variance into the t test
(recommended for interrupted time series by Turner et al. 2021).

The exact likelihood of an AR(p) is quadratic in its coefficients (Box & Jenkins 1976, A7.5), so
after one pass over the series every step works on matrices of k + 1 rows, whatever n is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from causalops.estimators.quasi.segmented import Design, Regression
from causalops.moments import Floats

EDGE = 0.999  # partial autocorrelations stay inside: a random walk has no stationary likelihood
GRID = np.append(np.linspace(-0.95, 0.95, 20), 0.99)


@dataclass(frozen=True)
class _Profile:
    """What the likelihood needs at one set of partial autocorrelations."""

    rss: float
    log_det_errors: float
    log_det_design: float
    shift: Floats  # (k) coefficients of the orthonormal design, from their OLS value
    inverse: Floats  # (k, k) inverse of Q' Sigma^-1 Q


def coefficients(partial: Floats) -> list[Floats]:
    """AR coefficients of orders 0 to p from p partial autocorrelations (Durbin-Levinson)."""
    orders: list[Floats] = [np.empty(0)]
    for value in partial:
        last = orders[-1]
        orders.append(np.append(last - value * last[::-1], value))
    return orders


def whiten(values: Floats, partial: Floats) -> Floats:
    """Values (n) or (n, k) less what earlier periods predict, all on the scale of innovations."""
    orders, p = coefficients(partial), len(partial)
    ahead = np.append(np.cumprod((1 - partial**2)[::-1])[::-1], 1.0)
    white = values.astype(float).copy()
    for t in range(min(p, len(values))):
        past = values[:t][::-1]
        white[t] = np.sqrt(ahead[t]) * (values[t] - orders[t] @ past if t else values[t])
    for lag, value in enumerate(orders[p], start=1):
        white[p:] -= value * values[p - lag : len(values) - lag]
    return white


def _cross_products(values: Floats, order: int) -> Floats:
    """D (p+1, p+1, m, m) with values' Sigma^-1 values = sum of c_i c_j D_ij, c = (1, -phi)."""
    n, size = values.shape
    d = np.empty((order + 1, order + 1, size, size))
    for i in range(order + 1):
        for j in range(i, order + 1):
            part = values[i : n - j].T @ values[j : n - i]
            d[i, j], d[j, i] = part, part.T
    return d


def _profile(d: Floats, partial: Floats) -> _Profile:
    c = np.append(1.0, -coefficients(partial)[-1])
    total = (np.outer(c, c).ravel() @ d.reshape(c.size**2, -1)).reshape(d.shape[2:])
    inverse: Floats = np.asarray(np.linalg.inv(total[1:, 1:]), dtype=float)
    shift = inverse @ total[1:, 0]
    powers = np.arange(1, len(partial) + 1)
    return _Profile(
        rss=float(total[0, 0] - total[0, 1:] @ shift),
        log_det_errors=-float(powers @ np.log1p(-(partial**2))),
        log_det_design=float(np.linalg.slogdet(total[1:, 1:])[1]),
        shift=shift,
        inverse=inverse,
    )


def deviance(y: Floats, plan: Design, partial: Floats, is_restricted: bool = True) -> float:
    """-2 log likelihood at partial autocorrelations, coefficients and variance profiled out."""
    n, k = plan.matrix.shape
    q, residuals, *_ = _reduced(y, plan)
    found = _profile(_cross_products(np.column_stack([residuals, q]), len(partial)), partial)
    free = n - k if is_restricted else n
    value = free * (1 + np.log(2 * np.pi * found.rss / free)) + found.log_det_errors
    return float(value + found.log_det_design if is_restricted else value)


def _reduced(y: Floats, plan: Design) -> tuple[Floats, Floats, Floats, Floats]:
    """Orthonormal columns, OLS residuals, Q'y and R: large offsets would lose digits otherwise."""
    q, r = np.linalg.qr(plan.matrix)
    start = q.T @ y
    return q, y - q @ start, start, r


def reml(y: Floats, plan: Design, order: int = 1) -> Regression:
    """Coefficients, covariance and innovations under AR(order) errors.

    The series must not be fitted exactly (`segmented.is_exact`) and the design have no problem.
    """
    n, k = plan.matrix.shape
    q, residuals, start, r = _reduced(y, plan)
    size = float(np.sqrt(residuals @ residuals / (n - k)))
    d = _cross_products(np.column_stack([residuals / size, q]), order)
    partial = _optimum(d, order, n - k)
    found = _profile(d, partial)
    variance = found.rss / (n - k)
    gamma_covariance = variance * found.inverse
    derivatives = [_slope(lambda at: variance * _profile(d, at).inverse, partial, index)
                   for index in range(order)]  # fmt: skip
    back = np.linalg.inv(r) * size
    beta: Floats = np.asarray(np.linalg.solve(r, start + size * found.shift), dtype=float)
    rest = y - plan.matrix @ beta
    return Regression(
        names=plan.names,
        beta=beta,
        covariance=back @ gamma_covariance @ back.T,
        residual_df=n - k,
        residuals=rest,
        innovations=whiten(rest, partial),
        se_kind="gls",
        coefficients=tuple(float(value) for value in coefficients(partial)[-1]),
        theta_covariance=_theta_covariance(d, partial, variance, n - k),
        derivatives=np.array([back @ part @ back.T for part in [*derivatives, gamma_covariance]]),
    )


def _optimum(d: Floats, order: int, free: int) -> Floats:
    """Partial autocorrelations with the least restricted deviance: a grid, then a local search."""

    def loss(partial: Floats) -> float:
        found = _profile(d, partial)
        return free * float(np.log(found.rss)) + found.log_det_errors + found.log_det_design

    if order == 0:
        return np.empty(0)
    values = [loss(np.append(first, np.zeros(order - 1))) for first in GRID]
    best = int(np.argmin(values))
    if order == 1:
        ends = np.concatenate([[-EDGE], GRID, [EDGE]])
        found = minimize_scalar(lambda first: loss(np.array([first])), method="bounded",
                                bounds=(ends[best], ends[best + 2]),
                                options={"xatol": 1e-9})  # fmt: skip
        return np.array([float(found.x)])
    search = minimize(
        loss, np.append(GRID[best], np.zeros(order - 1)), method="L-BFGS-B",
        bounds=[(-EDGE, EDGE)] * order, options={"ftol": 1e-14, "gtol": 1e-8},
    )  # fmt: skip
    return np.asarray(search.x, dtype=float)


def _theta_covariance(d: Floats, partial: Floats, variance: float, free: int) -> Floats | None:
    """Inverse observed information of (partial autocorrelations, log variance); None if flat."""
    order = len(partial)

    def half_deviance(at: Floats) -> float:
        found = _profile(d, at)
        return 0.5 * (found.rss / variance + found.log_det_errors + found.log_det_design)

    def gradient(at: Floats) -> Floats:
        return np.array([_slope(half_deviance, at, index) for index in range(order)])

    information = np.empty((order + 1, order + 1))
    information[order, order] = free / 2
    for i in range(order):
        information[i, :order] = _slope(gradient, partial, i)
        cross = -0.5 * _slope(lambda at: _profile(d, at).rss, partial, i) / variance
        information[i, order] = information[order, i] = cross
    information = (information + information.T) / 2
    if np.linalg.eigvalsh(information)[0] <= 0:
        return None
    return np.asarray(np.linalg.inv(information), dtype=float)


def _slope(of: Callable[[Floats], Any], at: Floats, index: int) -> Any:
    """Central difference along one partial autocorrelation, with a step that stays inside."""
    step = np.zeros(len(at))
    step[index] = 1e-3 * (1 - abs(at[index]))
    return (of(at + step) - of(at - step)) / (2 * step[index])
