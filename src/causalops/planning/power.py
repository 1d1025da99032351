"""Power of a two-sided test as a function of effect, standard error and degrees of freedom.

The estimate is normal around the true effect; with `df` the test compares it with t(df), and power
is the noncentral t of Cohen (1988, chapter 2); without, with the normal distribution. Both tails
count, so power at no effect is alpha. Power at the *observed* effect is never offered: it is a
function of the p-value alone (Hoenig & Heisey 2001).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.optimize import brentq
from scipy.special import nctdtr, ndtr

from causalops.inference import critical

_NORMAL_DF = 1e6  # from here on t and normal agree to 1e-7


def two_sided_power(
    effect: float, std_error: float, alpha: float = 0.05, df: float | None = None
) -> float:
    """Chance that the test rejects when the true effect is `effect`; `std_error` is above 0."""
    distance = abs(effect) / std_error
    bound = critical(1 - alpha / 2, df)
    if df is None or df > _NORMAL_DF:
        return float(ndtr(distance - bound) + ndtr(-distance - bound))
    # The series breaks down (NaN) only where a tail is nothing: from 6 standard errors on.
    near, far = (0.0 if math.isnan(tail) else float(tail)
                 for tail in nctdtr(df, distance, [bound, -bound]))  # fmt: skip
    return 1.0 - near + far


def detectable_distance(power: float, alpha: float = 0.05, df: float | None = None) -> float:
    """Standard errors between zero and the effect that is found with `power` (above alpha)."""
    return root(lambda distance: two_sided_power(distance, 1.0, alpha, df) - power, 0.0, math.inf)


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where an increasing function crosses zero, or the end of the range that is nearest to it."""
    if function(low) >= 0:
        return low
    reach = min(max(2 * low, 1.0), high)
    while reach < high and function(reach) < 0:
        low, reach = reach, min(2 * reach, high)
    if math.isinf(reach) or function(reach) <= 0:
        return reach
    found: float = brentq(function, low, reach, xtol=1e-300, rtol=4 * math.ulp(1.0), maxiter=500)
    return found
