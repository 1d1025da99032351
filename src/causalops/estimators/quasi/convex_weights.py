"""Weights that are not negative, sum to one, and come closest to a target.

The problem is the point of a convex hull nearest to the target. With D the donors less the target
it is min |D w|; Lawson & Hanson's (1974, ch. 23) trick makes it one non-negative least-squares
problem without a penalty: u minimising |D u|² + (1 - sum u)² is proportional to w exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from causalops.moments import Floats

NEAR = 1e-7  # share of the largest gradient below which a donor could take part in another optimum
TIE = 1e-5  # weight of the smallest-norm rule where many weights fit equally well


@dataclass(frozen=True)
class Weights:
    """Weights (donors) of the closest fit.

    The fit is always unique. `is_unique` says whether the weights are: if not (the target inside
    the hull of more donors than periods allow), the ones with about the smallest norm are given.
    """

    values: Floats
    is_unique: bool


def convex_weights(donors: Floats, target: Floats) -> Weights | None:
    """Weights of donors (periods, donors) for a target (periods); None if the solver gives up."""
    distance = donors - target[:, None]
    size = float(np.abs(distance).max(initial=0.0))
    if size == 0:
        return Weights(np.full(donors.shape[1], 1.0 / donors.shape[1]), donors.shape[1] == 1)
    distance = distance / size
    values = _nearest(distance)
    if values is None:
        return None
    if _is_unique(distance, values):
        return Weights(values, True)
    values = _nearest(np.vstack([distance, TIE * np.eye(donors.shape[1])]))
    return None if values is None else Weights(values, False)


def _nearest(distance: Floats) -> Floats | None:
    """Lawson & Hanson's problem, and its solution scaled to sum to one."""
    rows = np.vstack([distance, np.ones(distance.shape[1])])
    goal = np.append(np.zeros(len(distance)), 1.0)
    try:
        found, _ = nnls(rows, goal)
    except RuntimeError:  # no convergence
        return None
    total = float(found.sum())
    return np.asarray(found / total, dtype=float) if total > 0 else None


def _is_unique(distance: Floats, values: Floats) -> bool:
    """Another optimum would use only donors whose gradient equals the active ones'; it needs a
    direction among them that changes neither the fit nor the sum."""
    gradient = distance.T @ (distance @ values)
    slack = gradient - float(values @ gradient)
    level = NEAR * max(float(np.abs(gradient).max()), float((distance**2).sum(axis=0).max()))
    usable = (values > 0) | (slack <= level)
    columns = np.vstack([distance[:, usable], np.ones(int(usable.sum()))])
    return bool(np.linalg.matrix_rank(columns) == columns.shape[1])
