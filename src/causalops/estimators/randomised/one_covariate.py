"""One plain covariate and no strata, the common case: `contrasts` for two measures, in floats.

The formulas are those of `contrasts`; arrays of two by two cost more than all their arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from causalops.estimators.randomised.covariates import MIN_UNITS, is_constant, rho_of
from causalops.inference import Levels, satterthwaite
from causalops.moments import Block

NAMES = ("y", "x1")


class Adjusted(NamedTuple):
    """An adjusted contrast, in the fields of `contrasts.Contrast`; theta is the variant's."""

    effect: float
    variance: float
    df: float | None
    levels: Levels
    theta: float
    rho: float | None
    loadings: tuple[Mapping[str, tuple[float, float]], ...]
    centres: dict[str, float]


@dataclass(slots=True)
class _Arm:
    """Complete moments of (y, x) over n units: means and centred cross-products."""

    n: float
    y: float
    x: float
    yy: float
    yx: float
    xx: float

    def residual(self, slope: float) -> float:
        """Cross-product of y - slope x."""
        return self.yy - slope * self.yx - slope * (self.yx - slope * self.xx)


def adjusted(variant: Block, baseline: Block, lin: bool, ddof: int) -> Adjusted | None:
    """The contrast of two blocks of y and x1, two units or more each; None unless x1 is usable."""
    centre_y, present_y = _centre(variant, baseline, 0)
    centre_x, present_x = _centre(variant, baseline, 1)
    v = _complete(variant, centre_y, centre_x)
    b = _complete(baseline, centre_y, centre_x)
    total = _merge(v, b)
    squares = (total.xx, v.xx, b.xx) if lin else (total.xx,)
    is_usable = min(present_x) >= MIN_UNITS and min(present_y) >= MIN_UNITS
    if not (is_usable and math.isfinite(total.x)) or any(
        is_constant(square, centre_x, total.n) for square in squares
    ):
        return None
    theta_v, theta_b = (
        (v.yx / v.xx, b.yx / b.xx) if lin else (total.yx / total.xx, total.yx / total.xx)
    )
    # Each arm's x moves the pooled mean of x, and so the levels of both arms.
    own_v, own_b = theta_v * (b.n / total.n), theta_b * (v.n / total.n)
    slope = own_v + own_b
    level_v, level_b = v.y - theta_v * (v.x - total.x), b.y - theta_b * (b.x - total.x)
    scale_v, scale_b = (v.n - ddof) * v.n, (b.n - ddof) * b.n
    pieces = ((v.residual(slope) / scale_v, v.n - 1), (b.residual(slope) / scale_b, b.n - 1))
    levels = Levels(
        level_v,
        level_b,
        max(v.residual(own_v) / scale_v + own_v * own_v * b.xx / scale_b, 0.0),
        max(b.residual(own_b) / scale_b + own_b * own_b * v.xx / scale_v, 0.0),
        own_b * (v.yx - own_v * v.xx) / scale_v + own_v * (b.yx - own_b * b.xx) / scale_b,
    )
    return Adjusted(
        level_v - level_b,
        pieces[0][0] + pieces[1][0],
        satterthwaite(pieces),
        levels,
        theta_v,
        rho_of(total.yy, total.yx / total.xx * total.yx, total.yx),
        ({"y": (1.0, 0.0), "x1": (-own_v, own_b)}, {"y": (0.0, 1.0), "x1": (own_v, -own_b)}),
        {"y": centre_y, "x1": centre_x},
    )


def _centre(
    variant: Block, baseline: Block, at: int
) -> tuple[float, tuple[float, float]]:
    """Mean of one measure over the units of both arms that have it, and the arms' such units."""
    n_v, n_b = float(variant.n[at, at]), float(baseline.n[at, at])
    mean_v, mean_b = float(variant.mean[at, at]), float(baseline.mean[at, at])
    share = n_b / (n_v + n_b) if n_v + n_b > 0 else 0.0
    return mean_v + (mean_b - mean_v) * share, (n_v, n_b)


def _complete(block: Block, centre_y: float, centre_x: float) -> _Arm:
    """`Block.complete` of y, which every unit has, and x."""
    (n, both), (_, n_x) = block.n.tolist()
    (y, y_both), (x_both, x) = block.mean.tolist()
    (yy, yx), (_, xx) = block.c.tolist()
    if n_x == n:
        return _Arm(n, y, x, yy, yx, xx)
    lead_y, lead_x = y - centre_y, n_x * (x - centre_x) / n
    yx += both * (y_both - centre_y) * (x_both - centre_x) - n * lead_y * lead_x
    xx += n_x * (x - centre_x) * (x - centre_x) - n * lead_x * lead_x
    return _Arm(n, y, centre_x + lead_x, yy, yx, xx)


def _merge(v: _Arm, b: _Arm) -> _Arm:
    """Both arms together."""
    n = v.n + b.n
    y, x, weight = b.y - v.y, b.x - v.x, v.n * b.n / n
    return _Arm(
        n,
        v.y + y * (b.n / n),
        v.x + x * (b.n / n),
        v.yy + b.yy + y * y * weight,
        v.yx + b.yx + y * x * weight,
        v.xx + b.xx + x * x * weight,
    )
