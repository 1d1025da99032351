"""Propensity score: the probability of treatment given covariates, by maximum likelihood.

Logit or probit by Newton's method with step halving on standardised columns. Both likelihoods are
concave, so Newton converges unless no maximum exists, which is separation (Albert & Anderson 1984):
a combination of columns tells treated from untreated without error, for all units (`no_overlap`) or
for some (`perfect_separation`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.linalg import qr
from scipy.special import expit, log_expit, log_ndtr, ndtr

from causalops.moments import Floats

Bools = npt.NDArray[np.bool_]

TOLERANCE = 1e-8  # a column whose own part is a smaller share of its spread is collinear
_STEPS = 60
_CONVERGED = 1e-10


@dataclass(frozen=True)
class Columns:
    """Covariates that can be told apart: x (n, k) standardised, and why others were left out."""

    x: Floats
    names: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Propensity:
    """A fitted score of n units: probability and density (n), linear index (n).

    `score` (n, k + 1) is each unit's score, `covariance` (k + 1, k + 1) the inverse of the observed
    information, and `design` (n, k + 1) the standardised columns after the intercept.
    """

    index: Floats
    probability: Floats
    density: Floats
    score: Floats
    covariance: Floats
    design: Floats
    columns: Columns
    reason: str | None = None
    separating: str | None = None  # the column that separates, where `reason` says so


def usable(x: Floats, names: Sequence[str], within: Bools | None = None) -> Columns:
    """Standardised columns without constants and without combinations of earlier columns.

    A column has to vary by itself `within` these units (default all) to be kept.
    """
    rows = np.ones(len(x), dtype=bool) if within is None else within
    if not rows.any():
        return Columns(x[:, :0], (), dict.fromkeys(names, "no_units"))
    left_out: dict[str, str] = {}
    centre = x[rows].mean(axis=0)
    spread = x[rows].std(axis=0)
    size = np.abs(x[rows]).max(axis=0, initial=0.0)
    varies = spread > 1e-12 * np.maximum(size, 1e-300)
    left_out |= {name: "constant" for name, ok in zip(names, varies, strict=True) if not ok}
    scaled = (x[:, varies] - centre[varies]) / spread[varies]
    kept_names = [name for name, ok in zip(names, varies, strict=True) if ok]
    keep = _independent(scaled[rows])
    left_out |= {name: "collinear" for name, ok in zip(kept_names, keep, strict=True) if not ok}
    chosen = tuple(name for name, ok in zip(kept_names, keep, strict=True) if ok)
    return Columns(scaled[:, keep], chosen, left_out)


def complete(x: Floats, names: Sequence[str]) -> tuple[Bools, dict[str, int]]:
    """Rows (n) whose covariates are all finite, and how many rows each column lacks (none: 0)."""
    present = np.isfinite(x)
    missing = (~present).sum(axis=0)
    rows: Bools = np.logical_and.reduce(present, axis=1)
    return rows, {name: int(m) for name, m in zip(names, missing, strict=True)}


def _independent(x: Floats) -> Bools:
    """Which columns are not combinations of the columns before them."""
    if not x.shape[1]:
        return np.zeros(0, dtype=bool)
    (factor,) = qr(np.column_stack([np.ones(len(x)), x]), mode="r")
    own = np.zeros(x.shape[1])
    diagonal = np.abs(np.diag(factor))[1:]
    own[: len(diagonal)] = diagonal / np.sqrt(len(x))
    keep: Bools = own > TOLERANCE
    return keep


def fit(x: Floats, treated: Bools, names: Sequence[str], link: str = "logit") -> Propensity:
    """Propensity score of x (n, k) without intercept; `treated` (n). Never raises on data.

    Reasons: `empty_arm`, `no_covariate`, `no_overlap`, `perfect_separation`, `not_finite`.
    """
    n = len(treated)
    if not np.isfinite(x).all():
        return _failed(n, Columns(x[:, :0], ()), "not_finite")
    columns = usable(x, names)
    if not 0 < treated.sum() < n:
        return _failed(n, columns, "empty_arm")
    if not columns.names:
        return _failed(n, columns, "no_covariate")
    design = np.column_stack([np.ones(n), columns.x])
    sign = np.where(treated, 1.0, -1.0)
    beta, converged = _newton(design, sign, link)
    index = design @ beta
    if not converged:
        return _separated(index, treated, beta, columns)
    slope, weight = _derivatives(index, sign, link)
    probability, density = _levels(index, link)
    information: Floats = design.T @ (design * weight[:, None])
    return Propensity(
        index,
        probability,
        density,
        design * slope[:, None],
        np.asarray(np.linalg.inv(information)),
        design,
        columns,
    )


def _newton(design: Floats, sign: Floats, link: str) -> tuple[Floats, bool]:
    """Coefficients, and whether a maximum was reached."""
    beta = np.zeros(design.shape[1])
    value = _likelihood(design @ beta, sign, link)
    for _ in range(_STEPS):
        slope, weight = _derivatives(design @ beta, sign, link)
        information = design.T @ (design * weight[:, None])
        try:
            step = np.linalg.solve(information, design.T @ slope)
        except np.linalg.LinAlgError:
            return beta, False
        size = float(np.abs(design @ step).max())
        if not np.isfinite(size):
            return beta, False
        trial, share = _likelihood(design @ (beta + step), sign, link), 1.0
        while trial < value - 1e-9 * abs(value) and share > 1e-6:
            share /= 2
            trial = _likelihood(design @ (beta + share * step), sign, link)
        beta, value = beta + share * step, trial
        if size < _CONVERGED * max(1.0, float(np.abs(design @ beta).max())):
            return beta, True
        if value > -1e-9 * len(sign):
            return beta, False  # every unit is predicted without error
    return beta, False


def _likelihood(index: Floats, sign: Floats, link: str) -> float:
    logs = log_expit(sign * index) if link == "logit" else log_ndtr(sign * index)
    return float(logs.sum())


def _derivatives(index: Floats, sign: Floats, link: str) -> tuple[Floats, Floats]:
    """First and minus second derivative of each unit's log likelihood in its index."""
    if link == "logit":
        p = expit(index)
        return (sign + 1) / 2 - p, p * (1 - p)
    log_ratio = -(index**2) / 2 - 0.5 * np.log(2 * np.pi) - log_ndtr(sign * index)
    slope: Floats = sign * np.exp(log_ratio)
    return slope, slope * (slope + index)


def _levels(index: Floats, link: str) -> tuple[Floats, Floats]:
    """Probability and density at the index."""
    if link == "logit":
        p = expit(index)
        return p, p * (1 - p)
    density: Floats = np.exp(-(index**2) / 2) / np.sqrt(2 * np.pi)
    return ndtr(index), density


def _separated(index: Floats, treated: Bools, beta: Floats, columns: Columns) -> Propensity:
    complete = index[treated].min() > index[~treated].max()
    reason = "no_overlap" if complete else "perfect_separation"
    # Columns are standardised, so the one that runs away has the largest coefficient.
    column = columns.names[int(np.abs(beta[1:]).argmax())]
    return _failed(len(index), columns, reason, column)


def _failed(n: int, columns: Columns, reason: str, separating: str | None = None) -> Propensity:
    none = np.full(n, np.nan)
    empty = np.zeros((n, 0))
    return Propensity(none, none, none, empty, np.zeros((0, 0)), empty, columns, reason, separating)
