"""Probit of selection, or the reason why it has no maximum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from causalops.estimators.quasi import propensity
from causalops.estimators.quasi.selection_sample import Columns
from causalops.moments import Floats

_REASONS = {"no_overlap": "perfect_separation", "no_covariate": "lambda_collinear"}


@dataclass(frozen=True)
class Probit:
    """A fit on k standardised columns: coefficients (k), inverse observed information (k, k).

    `index` (n) is the linear predictor. With a reason there is nothing else: `nobody_selected`,
    `everybody_selected`, `perfect_separation` (with the `column` that separates most),
    `lambda_collinear` (nothing explains selection), `not_finite`.
    """

    coefficients: Floats
    covariance: Floats
    index: Floats
    log_likelihood: float
    reason: str | None = None
    column: str | None = None


def mills(index: Floats) -> Floats:
    """Inverse Mills ratio: normal density over distribution function, without underflow."""
    return np.asarray(np.exp(-(index**2) / 2 - 0.5 * np.log(2 * np.pi) - log_ndtr(index)))


def probit(z: Columns, chosen: npt.NDArray[np.bool_]) -> Probit:
    """Probability that `chosen` (n) given the columns; never raises on data."""
    if not chosen.any():
        return _failed("nobody_selected")
    if chosen.all():
        return _failed("everybody_selected")
    found = propensity.fit(z.values[:, 1:], chosen, z.names[1:], link="probit")
    if found.reason is not None:
        return _failed(_REASONS.get(found.reason, found.reason), found.separating)
    beta = np.asarray(np.linalg.lstsq(z.values, found.index, rcond=None)[0])
    fits = log_ndtr(np.where(chosen, found.index, -found.index))
    return Probit(beta, found.covariance, found.index, float(fits.sum()))


def _failed(reason: str, column: str | None = None) -> Probit:
    return Probit(np.zeros(0), np.zeros((0, 0)), np.zeros(0), np.nan, reason, column)
