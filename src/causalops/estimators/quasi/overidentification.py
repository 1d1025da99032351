"""More instruments than treatments: do they agree? Sargan's test and Hansen's J."""

from __future__ import annotations

import numpy as np

from causalops.estimators.quasi.gram import solve
from causalops.estimators.quasi.joint_tests import JointTest, chi_square_test, not_run, wald
from causalops.estimators.quasi.two_stage import System, two_stage


def sargan(system: System) -> JointTest:
    """n R2 of the 2SLS errors on the instruments, chi-square(m - p) (Sargan 1958); it assumes
    errors of equal variance."""
    fit = two_stage(system)
    reason = fit.reason_code or _not_over(system)
    if reason is not None:
        return not_run(reason)
    if fit.squares == 0:
        return not_run("perfect_fit")
    cross = system.residuals.cross(system.z, fit.error)
    explained = float(cross @ system.on_instruments(fit.error))
    return chi_square_test(system.residuals.n * explained / fit.squares, _surplus(system))


def hansen_j(system: System) -> JointTest:
    """J of two-step efficient GMM, chi-square(m - p) (Hansen 1982), robust or clustered.

    The weights are the inverse of the sum of (z e)(z e)' over rows or clusters, e the 2SLS errors,
    without centring or a small-sample factor.
    """
    fit = two_stage(system)
    reason = fit.reason_code or _not_over(system)
    if reason is None and system.residuals.fourth is None:
        reason = "method_not_available"
    if reason is not None:
        return not_run(reason)
    if fit.squares == 0:
        return not_run("perfect_fit")
    groups = system.residuals.n_clusters
    if groups is not None and groups <= len(system.instruments):
        return not_run("too_few_clusters")
    meat = system.residuals.meat(system.z, fit.error)
    zx = system.residuals.cross(system.z, system.x)
    zy = system.residuals.cross(system.z, system.y)
    if np.isnan(wald(zy, meat)):
        return not_run("not_finite")
    coefficients = solve(zx.T @ solve(meat, zx), zx.T @ solve(meat, zy))
    return chi_square_test(wald(zy - zx @ coefficients, meat), _surplus(system))


def _not_over(system: System) -> str | None:
    return None if _surplus(system) > 0 else "just_identified"


def _surplus(system: System) -> float:
    return float(len(system.instruments) - len(system.treatments))
