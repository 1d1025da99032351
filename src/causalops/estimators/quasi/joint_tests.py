"""Tests of several restrictions at once: F and chi-square, never NaN."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, fdtrc

from causalops.moments import Floats


@dataclass(frozen=True)
class JointTest:
    """A test with its degrees of freedom; df2 None means chi-square with df1."""

    statistic: float | None = None
    df1: float | None = None
    df2: float | None = None
    p_value: float | None = None
    reason_code: str | None = None


def not_run(reason_code: str) -> JointTest:
    """No test: NULLs and the reason."""
    return JointTest(reason_code=reason_code)


def f_test(statistic: float, df1: float, df2: float) -> JointTest:
    """An F statistic with its p-value."""
    if not (math.isfinite(statistic) and df2 > 0):
        return not_run("not_finite")
    return _with_p(statistic, df1, df2, float(fdtrc(df1, df2, max(statistic, 0.0))))


def chi_square_test(statistic: float, df: float) -> JointTest:
    """A chi-square statistic with its p-value."""
    if not math.isfinite(statistic):
        return not_run("not_finite")
    return _with_p(statistic, df, None, float(chdtrc(df, max(statistic, 0.0))))


def wald(values: Floats, covariance: Floats) -> float:
    """values' covariance^-1 values; NaN where the covariance is singular."""
    variances = np.diag(covariance)
    if not (np.isfinite(variances).all() and (variances > 0).all()):
        return math.nan
    scale = np.sqrt(variances)
    scaled = covariance / np.outer(scale, scale)
    if np.linalg.eigvalsh(scaled)[0] <= 1e-12:
        return math.nan
    return float(values / scale @ np.linalg.solve(scaled, values / scale))


def _with_p(statistic: float, df1: float, df2: float | None, p_value: float) -> JointTest:
    if p_value < sys.float_info.min:
        return JointTest(statistic, df1, df2, sys.float_info.min, "p_below_precision")
    return JointTest(statistic, df1, df2, p_value)
