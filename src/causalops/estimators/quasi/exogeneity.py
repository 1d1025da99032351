"""Is the treatment endogenous at all? Wu-Hausman by an added regression (Wu 1973; Hausman 1978).

The outcome is regressed on the treatments, the controls and the treatments' first-stage residuals,
whose coefficients are zero when least squares would have done. The F test uses any covariance:
classic gives the usual statistic, hc1 and cr1 Wooldridge's (1995) robust one.
"""

from __future__ import annotations

import numpy as np

from causalops.estimators.quasi.joint_tests import JointTest, not_run
from causalops.estimators.quasi.regression import least_squares
from causalops.estimators.quasi.two_stage import System


def wu_hausman(system: System, kind: str) -> JointTest:
    """F test that the treatments are exogenous, given that the instruments are."""
    reason, _ = system.problem
    if reason is not None:
        return not_run(reason)
    left = system.x - system.z @ system.on_instruments(system.x)
    if any(system.residuals.squares(column) == 0 for column in left.T):
        return not_run("exact_first_stage")
    names = [f"residual of {name}" for name in system.treatments]
    fit = least_squares(
        system.residuals, system.outcome, (*system.treatments, *names),
        np.column_stack([system.x, left]),
    )  # fmt: skip
    return fit.joint(names, kind)
