"""How strong a first stage is: F, partial R2, and the effective F with its critical value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import ncx2

from causalops.estimators.quasi.gram import orthonormal
from causalops.estimators.quasi.joint_tests import JointTest, not_run
from causalops.estimators.quasi.regression import CLASSIC
from causalops.estimators.quasi.residual_moments import small_sample
from causalops.estimators.quasi.two_stage import System, first_stage
from causalops.inference import finite
from causalops.moments import Floats

BIAS = 0.1  # worst relative bias of 2SLS that the critical value of the effective F tests
LEVEL = 0.05


@dataclass(frozen=True)
class Strength:
    """First stage of one treatment: F tests that all instruments are zero, partial R2, and the
    effective F with the value it must exceed."""

    classic: JointTest
    robust: JointTest
    partial_r2: float | None = None
    effective: float | None = None
    critical: float | None = None


def strength(system: System, treatment: str, kind: str) -> Strength:
    """Strength of the first stage of one treatment; `kind` is the robust covariance's.

    With several treatments these F do not show whether the instruments tell them apart.
    """
    fit = first_stage(system, treatment)
    if fit.reason_code is not None:
        return Strength(not_run(fit.reason_code), not_run(fit.reason_code))
    column = system.residuals.pick([treatment])[:, 0]
    total = float(system.residuals.cross(column, column))
    effective, critical = effective_f(system, treatment, kind)
    return Strength(
        fit.joint(fit.names, CLASSIC), fit.joint(fit.names, kind),
        finite(1 - fit.squares / total) if total > 0 else None, effective, critical,
    )  # fmt: skip


def effective_f(system: System, treatment: str, kind: str) -> tuple[float | None, float | None]:
    """Effective F of Montiel Olea & Pflueger (2013) and its critical value.

    F = Sxz Szz^-1 Szx / tr(W), W the robust covariance of the first-stage coefficients with the
    instruments made orthonormal; with one instrument it is the robust F. The critical value is
    their simplified one, which holds for every covariance of both equations: a bias above `BIAS`
    of its worst case is rejected at 5 %.
    """
    fit = first_stage(system, treatment)
    if isinstance(fit.covariance(kind), str):
        return None, None
    inner = system.residuals.cross(system.z, system.z)
    factor, _ = small_sample(system.residuals, fit.n_parameters, kind)
    meat = factor * system.residuals.meat(fit.scores, fit.error)
    whiten = orthonormal(inner)
    spread = whiten.T @ meat @ whiten
    trace = float(np.trace(spread))
    explained = float(fit.coefficients @ inner @ fit.coefficients)
    return finite(explained / trace), finite(_critical(spread))


def _critical(spread: Floats) -> float:
    x, trace = 1 / BIAS, float(np.trace(spread))
    largest = float(np.linalg.eigvalsh((spread + spread.T) / 2)[-1])
    df = trace**2 * (1 + 2 * x) / (float(np.sum(spread * spread)) + 2 * x * trace * largest)
    return float(ncx2.ppf(1 - LEVEL, df, df * x) / df)
