"""Are treated and untreated alike in the covariates, before and after weights or matching?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from causalops.estimators.quasi.propensity import Bools
from causalops.moments import Floats


@dataclass(frozen=True)
class Balance:
    """One covariate: difference of means in units of the root of the arms' mean variance.

    Both differences use the variances before, so that weights cannot improve them by the
    denominator (Stuart 2010). Variance ratios are treated over untreated. None: undefined.
    """

    covariate: str
    smd_before: float | None
    smd_after: float | None
    variance_ratio_before: float | None
    variance_ratio_after: float | None


def balance(
    x: Floats, names: Sequence[str], treated: Bools, weight: Floats
) -> list[Balance]:  # fmt: skip
    """Balance of x (n, k); `weight` (n) >= 0 says who counts after, and how much."""
    arms = [(x[rows], weight[rows]) for rows in (treated, ~treated)]
    before = [_moments(values, np.ones(len(values))) for values, _ in arms]
    after = [_moments(values, shares) for values, shares in arms]
    spread = np.sqrt((before[0][1] + before[1][1]) / 2)
    found = []
    for index, name in enumerate(names):
        smd = [_share(pair[0][0][index] - pair[1][0][index], spread[index])
               for pair in (before, after)]  # fmt: skip
        ratio = [_share(pair[0][1][index], pair[1][1][index]) for pair in (before, after)]
        found.append(Balance(name, *smd, *ratio))
    return found


def _moments(x: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weighted means and variances (reliability weights: unbiased with equal ones)."""
    total = float(weight.sum())
    if total <= 0:
        none = np.full(x.shape[1], np.nan)
        return none, none
    mean = weight @ x / total
    free = total - float((weight**2).sum()) / total
    if free <= 1e-9 * total:
        return mean, np.full(x.shape[1], np.nan)
    return mean, weight @ (x - mean) ** 2 / free


def _share(top: float, bottom: float) -> float | None:
    if not (math.isfinite(top) and math.isfinite(bottom)) or bottom <= 0:
        return None
    return float(top / bottom)
