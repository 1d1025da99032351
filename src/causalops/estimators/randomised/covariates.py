"""Which covariates of a block can be used, and the slopes on them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from causalops.inference import CONSTANT
from causalops.moments import Block, Floats

MIN_UNITS = 20  # units per covariate and arm
_COLLINEAR = 1e-9  # share of a covariate's variance that the earlier ones leave


@dataclass(frozen=True)
class Covariate:
    """A covariate by name, with its measure and, for a ratio, the measure's denominator."""

    name: str
    parts: tuple[str, ...]


def covariates_of(block: Block, names: Sequence[str]) -> list[Covariate]:
    """Covariates in block order; `names` are what readers call them, the measure if missing."""
    tops = [part for part in block.names if part[0] == "x"]
    return [
        Covariate(
            names[int(top[1:]) - 1] if int(top[1:]) <= len(names) else top,
            (top, "w" + top[1:]) if "w" + top[1:] in block.names else (top,),
        )
        for top in tops
    ]


def screen(
    arms: tuple[Block, Block], cross: Sequence[Floats], centres: Mapping[str, float],
    names: Sequence[str],
) -> tuple[list[Covariate], dict[str, str]]:
    """Covariates to use, and the dropped ones with the reason.

    `centres` are the measures' means over both arms; `cross` are cross-products of (outcome,
    covariates) that must all be non-singular. Reasons: too_few_units, constant, collinear.
    """
    offered = covariates_of(arms[0], names)
    units = [arm.size for arm in arms]
    kept: list[int] = []
    dropped: dict[str, str] = {}
    for index, covariate in enumerate(offered):
        present = min(arm.present(part) for arm in arms for part in covariate.parts)
        if present < MIN_UNITS or min(units) < MIN_UNITS * (len(kept) + 1):
            dropped[covariate.name] = "too_few_units"
        elif any(is_constant(float(matrix[index + 1, index + 1]), _level(covariate, centres),
                             sum(units)) for matrix in cross):  # fmt: skip
            dropped[covariate.name] = "constant"
        elif any(_left(matrix[1:, 1:], kept, index) < _COLLINEAR for matrix in cross):
            dropped[covariate.name] = "collinear"
        else:
            kept.append(index)
    return [offered[index] for index in kept], dropped


def slopes(
    total: Floats, variant: Floats, baseline: Floats, lin: bool
) -> tuple[Floats, Floats, float | None]:
    """Slopes of the two arms and the correlation of outcome and covariates in the total sample.

    The inputs are cross-products of (outcome, covariates). Without `lin` both slopes are that
    of the total sample.
    """
    if len(total) == 1:
        return np.zeros(0), np.zeros(0), None
    theta = _solve(total)
    sign = float(theta[0]) if len(theta) == 1 else 1.0
    rho = rho_of(float(total[0, 0]), float(theta @ total[1:, 0]), sign)
    if lin:
        return _solve(variant), _solve(baseline), rho
    return theta, theta, rho


def rho_of(square: float, explained: float, sign: float) -> float | None:
    """Correlation from the outcome's sum of squares and the part explained; None of a constant."""
    if not square > 0:
        return None
    rho = math.sqrt(min(max(explained / square, 0.0), 1.0))
    return -rho if sign < 0 else rho


def is_constant(square: float, level: float, units: float) -> bool:
    """Rounding only: the standard deviation is a negligible share of the level."""
    if not math.isfinite(square):
        return True
    return math.sqrt(max(square, 0.0) / units) <= CONSTANT * abs(level)


def _level(covariate: Covariate, centres: Mapping[str, float]) -> float:
    top, *bottom = (centres[part] for part in covariate.parts)
    return top / bottom[0] if bottom and bottom[0] else top


def _left(cross: Floats, kept: Sequence[int], index: int) -> float:
    """Share of the variance of column `index` that the kept columns do not explain."""
    if not kept:
        return 1.0
    scale = np.sqrt(np.diag(cross))
    corr = cross / np.outer(scale, scale)
    on = corr[np.ix_(kept, kept)]
    toward = corr[kept, index]
    return float(1 - toward @ np.linalg.solve(on, toward))


def _solve(cross: Floats) -> Floats:
    """Slopes from cross-products, solved on the correlation scale."""
    scale = np.sqrt(np.diag(cross)[1:])
    corr = cross[1:, 1:] / np.outer(scale, scale)
    return np.asarray(np.linalg.solve(corr, cross[1:, 0] / scale) / scale)
