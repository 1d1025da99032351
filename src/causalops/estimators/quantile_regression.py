"""Conditional quantile regression, for analysts who hold rows; no design uses it.

Its coefficients say how a quantile *given the covariates* moves, which is not the effect on the
quantile of the whole arm that `randomised.quantiles` estimates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from statsmodels.regression.quantile_regression import QuantReg

from causalops.moments import Floats

TOLERANCE = 1e-10
MAX_ITERATIONS = 20_000


@dataclass(frozen=True)
class QuantileFit:
    """Coefficients (the intercept first) and their robust standard errors at one quantile."""

    quantile: float
    coefficients: Floats
    std_errors: Floats


def quantile_regression(
    outcome: npt.ArrayLike, covariates: npt.ArrayLike, quantiles: Sequence[float]
) -> list[QuantileFit]:
    """Linear quantile regression with an intercept (Koenker & Bassett 1978).

    `outcome` has shape (n,), `covariates` (n,) or (n, k). The standard errors are sandwich errors
    with a kernel estimate of the density at the quantile, so they do not hold at a mass point.
    Raises ValueError when the shapes differ, a value is not finite, a quantile is not strictly
    between 0 and 1, or the iterations do not converge.
    """
    y = np.asarray(outcome, dtype=float)
    columns = np.asarray(covariates, dtype=float)
    columns = columns[:, None] if columns.ndim == 1 else columns
    if y.ndim != 1 or len(y) != len(columns):
        raise ValueError(f"outcome {y.shape} and covariates {columns.shape} do not fit together")
    if not (np.isfinite(y).all() and np.isfinite(columns).all()):
        raise ValueError("every value must be a finite number")
    if not all(0 < q < 1 for q in quantiles):
        raise ValueError("every quantile must lie strictly between 0 and 1")
    model = QuantReg(y, np.column_stack([np.ones(len(y)), columns]))
    return [_fit(model, q) for q in quantiles]


def _fit(model: QuantReg, quantile: float) -> QuantileFit:
    fitted = model.fit(q=quantile, max_iter=MAX_ITERATIONS, p_tol=TOLERANCE)
    if fitted.iterations >= MAX_ITERATIONS:
        raise ValueError(f"the iterations at quantile {quantile} did not converge")
    return QuantileFit(quantile, np.asarray(fitted.params), np.asarray(fitted.bse))
