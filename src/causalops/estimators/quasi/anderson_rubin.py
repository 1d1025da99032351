"""Anderson-Rubin tests and confidence sets: valid however weak the instruments are.

At the true effects b, the instruments do not explain y - x b. With z made orthonormal, the gap
g(b) = z'(y - x b) has a covariance V(b), classic, heteroskedasticity-robust or clustered, taken
from the residuals of y - x b on z, and F = g' V^-1 g / m has the F distribution with m and n - K
(or G - 1) degrees of freedom (Anderson & Rubin 1949; Chernozhukov & Hansen 2008).

For one treatment g is linear and V quadratic in b, so the set of b that the test does not reject
ends where the matrix c m V(b) - g(b) g(b)' is singular: a quadratic eigenvalue problem, exact for
any number of instruments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eig
from scipy.optimize import brentq
from scipy.special import fdtri

from causalops.estimators.quasi.gram import orthonormal
from causalops.estimators.quasi.joint_tests import JointTest, f_test, not_run, wald
from causalops.estimators.quasi.regression import CLASSIC, Fit
from causalops.estimators.quasi.residual_moments import small_sample
from causalops.estimators.quasi.two_stage import System
from causalops.inference import Inference, finite, quadratic_set, unavailable
from causalops.moments import Floats

Piece = tuple[float | None, float | None]


@dataclass(frozen=True)
class Region:
    """A confidence set: its shape, its bounds where it is one piece, and all of its pieces."""

    shape: str
    pieces: tuple[Piece, ...] = ()

    @property
    def low(self) -> float | None:
        """Lower end; None for minus infinity, several pieces, or none."""
        return self.pieces[0][0] if len(self.pieces) == 1 else None

    @property
    def high(self) -> float | None:
        """Upper end; None for plus infinity, several pieces, or none."""
        return self.pieces[0][1] if len(self.pieces) == 1 else None


def region(pieces: Sequence[Piece]) -> Region:
    """The set made of these pieces, in order."""
    if not pieces:
        return Region("empty")
    if len(pieces) > 1:
        return Region("disjoint", tuple(pieces))
    names = {(False, False): "interval", (True, False): "below_only", (False, True): "above_only",
             (True, True): "whole_line"}  # fmt: skip
    low, high = pieces[0]
    return Region(names[low is None, high is None], tuple(pieces))


def joint_test(system: System, kind: str, values: Sequence[float]) -> JointTest:
    """Test that the effects of the treatments are these values, one for each, jointly."""
    reason = _blocked(system, kind)
    if reason is not None:
        return not_run(reason)
    z = system.z @ orthonormal(system.residuals.cross(system.z, system.z))
    error = system.y - system.x @ np.asarray(values, dtype=float)
    m, df = len(system.instruments), _df(system, kind)
    gap = system.residuals.cross(z, error)
    left = error - z @ gap
    if system.residuals.squares(left) == 0:
        return not_run("perfect_fit")
    return f_test(wald(gap, _spread(system, kind, z, left, left)) / m, float(m), df)


def confidence_set(system: System, kind: str, alpha: float) -> Region | str:
    """Every effect of the one treatment that the test does not reject; or why no test exists."""
    reason = _blocked(system, kind)
    if reason is None and len(system.treatments) > 1:
        reason = "method_not_available"
    if reason is not None:
        return reason
    residuals, y, x = system.residuals, system.y, system.x[:, 0]
    z = system.z @ orthonormal(system.residuals.cross(system.z, system.z))
    size = float(residuals.cross(x, x))
    # Effects are counted in units that give outcome and treatment the same spread.
    unit = math.sqrt(float(residuals.cross(y, y)) / size)
    if unit == 0:
        return "perfect_fit"
    y = y / unit
    gaps = [residuals.cross(z, column) for column in (y, x)]
    left = [column - z @ gap for column, gap in zip((y, x), gaps, strict=True)]
    both = np.column_stack(left)
    if residuals.squares(left[0]) == 0 or _is_exact(residuals.cross(both, both)):
        return "perfect_fit"
    m, df = len(system.instruments), _df(system, kind)
    limit = m * float(fdtri(m, df, 1 - alpha))
    spread = [_spread(system, kind, z, left[a], left[b]) * limit / size
              for a, b in ((0, 0), (0, 1), (1, 1))]  # fmt: skip
    g0, g1 = (gap / math.sqrt(size) for gap in gaps)
    if m == 1 or kind == CLASSIC:
        # V(b) is a number times the identity: g'g <= V is a quadratic inequality.
        pieces = _quadratic(
            float(g1 @ g1 - spread[2][0, 0]), float(g0 @ g1 - spread[1][0, 0]),
            float(g0 @ g0 - spread[0][0, 0]),
        )  # fmt: skip
    else:
        pieces = _polynomial(
            spread[0] - np.outer(g0, g0),
            -(spread[1] + spread[1].T) + np.outer(g0, g1) + np.outer(g1, g0),
            spread[2] - np.outer(g1, g1),
        )
    return region([(_times(low, unit), _times(high, unit)) for low, high in pieces])


def inference(system: System, fit: Fit, kind: str, alpha: float) -> Inference:
    """A fit of one treatment with its own error, the Anderson-Rubin test of no effect as its
    p-value, and the Anderson-Rubin set as its interval."""
    found = fit.inference(system.treatments[0], kind, alpha)
    if found.std_error is None:
        return found
    test, ends = joint_test(system, kind, [0.0]), confidence_set(system, kind, alpha)
    if isinstance(ends, str) or test.p_value is None:
        reason = ends if isinstance(ends, str) else test.reason_code or "not_finite"
        return unavailable(reason, found.estimate)
    return replace(
        found, df=test.df2, statistic=test.statistic, p_value=test.p_value, ci_low=ends.low,
        ci_high=ends.high, ci_shape=ends.shape, reason_code=test.reason_code,
        pieces=ends.pieces if ends.shape == "disjoint" else (),
    )  # fmt: skip


def _blocked(system: System, kind: str) -> str | None:
    """Why no test exists; a first stage of nothing is no hindrance."""
    reason, _ = system.problem
    if reason not in (None, "no_first_stage"):
        return reason
    residuals, m = system.residuals, len(system.instruments)
    if kind == CLASSIC:
        return None
    if residuals.fourth is None or kind.startswith("cr") != (residuals.n_clusters is not None):
        return "method_not_available"
    return "too_few_clusters" if (residuals.n_clusters or m + 1) <= m else None


def _is_exact(cross: Floats) -> bool:
    """Whether some y - x b has no error at all; `cross` (2, 2) is of the errors of y and of x."""
    determinant = float(cross[0, 0] * cross[1, 1] - cross[0, 1] * cross[1, 0])
    return cross[1, 1] > 0 and determinant <= 1e-13 * float(cross[0, 0] * cross[1, 1])


def _df(system: System, kind: str) -> float:
    return small_sample(system.residuals, system.n_first, kind)[1]


def _spread(system: System, kind: str, z: Floats, left: Floats, right: Floats) -> Floats:
    """Covariance (m, m) of the gaps of two errors `left` and `right` (q,) with orthonormal z."""
    residuals = system.residuals
    if kind == CLASSIC:
        shared = float(residuals.cross(left, right)) / (residuals.n - system.n_first)
        return np.eye(z.shape[1]) * shared
    factor, _ = small_sample(residuals, system.n_first, kind)
    return np.asarray(factor * residuals.meat(z, left, right))


def _quadratic(a: float, half: float, c: float) -> list[Piece]:
    """Where a b2 - 2 half b + c <= 0."""
    if a > 0 and half * half < a * c:
        return []
    shape, low, high = quadratic_set(a, half, c)
    return [(None, low), (high, None)] if shape == "disjoint" else [(low, high)]


def _polynomial(m0: Floats, m1: Floats, m2: Floats) -> list[Piece]:
    """Where m0 + m1 b + m2 b2 (each (m, m), symmetric) has no negative eigenvalue.

    It can begin or end only at a b where the matrix is singular; candidates that are not such
    points only split a piece in two, and these are joined again.
    """
    m = len(m0)
    left = np.block([[np.zeros((m, m)), np.eye(m)], [-m0, -m1]])
    right = np.block([[np.eye(m), np.zeros((m, m))], [np.zeros((m, m)), m2]])
    roots = eig(left, right, right=False, homogeneous_eigvals=True)
    use = np.abs(roots[1]) > np.abs(roots[0]) * 1e-15
    ends = np.unique(np.real(roots[0][use] / roots[1][use]))

    def least(b: float) -> float:
        return float(np.linalg.eigvalsh(m0 + m1 * b + m2 * b * b)[0])

    if not len(ends):
        return [(None, None)] if least(0.0) >= 0 else []
    first, last = float(ends[0]), float(ends[-1])
    inner = (ends[:-1] + ends[1:]) / 2
    points = [first - 1 - abs(first), *inner.tolist(), last + 1 + abs(last)]
    is_in = [least(point) >= 0 for point in points]
    low: float | None = None
    pieces: list[Piece] = []
    for before, after, was, now in zip(points, points[1:], is_in, is_in[1:], strict=False):
        if was == now:
            continue
        end = _crossing(least, before, after)
        if now:
            low = end
        else:
            pieces.append((low, end))
    return [*pieces, (low, None)] if is_in[-1] else pieces


def _crossing(function: Callable[[float], float], low: float, high: float) -> float:
    tolerance = 1e-15 * (1 + max(abs(low), abs(high)))
    return float(brentq(function, low, high, xtol=tolerance, rtol=1e-15))


def _times(bound: float | None, unit: float) -> float | None:
    return None if bound is None else finite(bound * unit)
