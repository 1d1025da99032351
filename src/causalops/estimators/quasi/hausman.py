"""Hausman's test of random against fixed effects of the unit: a diagnostic, not a choice.

Random effects by feasible GLS with the variances of Swamy & Arora (1972), balanced or not; the
statistic is the gap of both coefficients over the difference of their covariances (Hausman 1978).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from causalops.estimators.quasi.effects import codes
from causalops.estimators.quasi.joint_tests import JointTest, chi_square_test, not_run, wald
from causalops.estimators.quasi.panel_fixed_effects import UNIT, PanelFit, panel_fixed_effects
from causalops.estimators.quasi.regression import CLASSIC
from causalops.moments import Floats


@dataclass(frozen=True)
class RandomEffects:
    """Coefficients (r,) of the regressors without the constant, their covariance (r, r), and the
    variances of the error and of the units."""

    names: tuple[str, ...]
    coefficients: Floats
    covariance: Floats
    variance_error: float
    variance_unit: float


def hausman(
    unit: npt.ArrayLike, period: npt.ArrayLike, outcome: Floats, regressors: dict[str, Floats]
) -> JointTest:
    """Chi-square test that unit effects are unrelated to the regressors; complete rows."""
    fixed = panel_fixed_effects(unit, period, outcome, regressors)
    within = fixed.fit.covariance(CLASSIC)
    if isinstance(within, str):
        return not_run(within)
    random = random_effects(fixed, codes(unit), outcome, [regressors[n] for n in fixed.fit.names])
    if isinstance(random, str):
        return not_run(random)
    spread = within - random.covariance
    statistic = wald(fixed.fit.coefficients - random.coefficients, spread)
    if np.isnan(statistic):
        # Sampling error made random effects look less precise in some direction.
        return not_run("not_positive_definite")
    return chi_square_test(statistic, float(len(fixed.fit.names)))


def random_effects(
    fixed: PanelFit, level: npt.NDArray[np.int64], outcome: Floats, regressors: Sequence[Floats]
) -> RandomEffects | str:
    """Random-effects coefficients beside a fixed-effects fit of effects of the unit alone."""
    if fixed.effects != (UNIT,):
        return "method_not_available"
    fit = fixed.fit
    sizes = np.bincount(level)
    n, n_units = len(level), len(sizes)
    rows = np.column_stack([np.ones(n), *regressors, outcome])
    means = np.column_stack([np.bincount(level, column) / sizes for column in rows.T])
    if n_units <= rows.shape[1] - 1 or n <= n_units + len(regressors):
        return "too_few_rows"
    error = fit.squares / (n - n_units - len(regressors))
    between = _residual_squares(means) / (n_units - rows.shape[1] + 1)
    unit = max(between - error * float(np.mean(1 / sizes)), 0.0)
    theta = 1 - np.sqrt(error / (sizes * unit + error))
    moved = rows - theta[level][:, None] * means[level]
    x, y = moved[:, :-1], moved[:, -1]
    if np.linalg.matrix_rank(x) < x.shape[1]:
        return "collinear"
    coefficients = np.linalg.lstsq(x, y, rcond=None)[0]
    variance = float(np.sum((y - x @ coefficients) ** 2)) / (n - x.shape[1])
    covariance = variance * np.linalg.pinv(x) @ np.linalg.pinv(x).T
    return RandomEffects(fit.names, coefficients[1:], covariance[1:, 1:], error, unit)


def _residual_squares(rows: Floats) -> float:
    """Sum of squared residuals of the last column on the others."""
    x, y = rows[:, :-1], rows[:, -1]
    return float(np.sum((y - x @ np.linalg.lstsq(x, y, rcond=None)[0]) ** 2))
