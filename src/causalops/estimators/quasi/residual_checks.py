"""Is anything left in the residuals of a series: Durbin-Watson, autocorrelations, Ljung-Box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from causalops.moments import Floats


@dataclass(frozen=True)
class LjungBox:
    """Statistic, degrees of freedom and p of the test that no autocorrelation is left."""

    lags: int
    statistic: float
    df: int
    p_value: float


def durbin_watson(residuals: Floats) -> float | None:
    """About 2 (1 - r1): 2 without autocorrelation (Durbin & Watson 1950); None if all are 0."""
    total = float(residuals @ residuals)
    steps = np.diff(residuals)
    return float(steps @ steps) / total if total > 0 else None


def autocorrelations(residuals: Floats, lags: int) -> Floats:
    """Autocorrelations of lags 1 to `lags`, divisor n throughout; zeros if nothing varies."""
    centred = residuals - residuals.mean()
    total = float(centred @ centred)
    if total <= 0:
        return np.zeros(lags)
    return np.array([float(centred[lag:] @ centred[:-lag]) for lag in range(1, lags + 1)]) / total


def ljung_box(residuals: Floats, lags: int, fitted: int = 0, gaps: int = 0) -> LjungBox | None:
    """Ljung & Box (1978) with `fitted` AR coefficients taken off the degrees of freedom.

    `gaps` is how many of the residuals belong to periods without a value. None where the series
    is too short for so many lags, or does not vary.
    """
    n, df = len(residuals) - gaps, lags - fitted
    if df < 1 or n <= lags or not float(np.ptp(residuals)) > 0:
        return None
    found = autocorrelations(residuals, lags)
    statistic = float(n * (n + 2) * np.sum(found**2 / (n - np.arange(1, lags + 1))))
    return LjungBox(lags, statistic, df, float(chdtrc(df, statistic)))


def usual_lags(n: int, season: int | None, fitted: int) -> int:
    """10 lags, two seasons if there is one, a fifth of the series at most (Hyndman &
    Athanasopoulos 2021); always more than the `fitted` coefficients."""
    return max(min(max(10, 2 * (season or 0)), n // 5), fitted + 1)
