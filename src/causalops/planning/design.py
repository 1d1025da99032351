"""Sample size, minimal detectable effect and power of a planned comparison with the control."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from causalops.planning.power import detectable_distance, root, two_sided_power

_MOST_UNITS = 1e15
_LEAST_DF = 1 - 1e-9  # one, and what rounding leaves of it


class PlanningError(ValueError):
    """What cannot be planned, as a sentence that says what to change."""


@dataclass(frozen=True)
class Outcome:
    """One metric in one unit of the control arm.

    `variance` is per unit of the planned analysis and before adjustment; a ratio has the variance
    of its linearised values (y - R z) / mean z. `kept` is the share of the variance that remains
    after covariate adjustment, `inflation` the design effect of clusters. A rate has variance
    p (1 - p) at the rate of each arm, so that `variance` counts only for other metrics.
    """

    mean: float | None
    variance: float
    is_rate: bool = False
    kept: float = 1.0
    inflation: float = 1.0

    def variance_at(self, effect: float) -> float:
        """Variance per unit of an arm whose mean is `effect` above the control's."""
        variance = self.variance
        if self.is_rate and self.mean is not None:
            rate = self.mean + effect
            variance = max(rate * (1 - rate), 0.0)
        return variance * self.kept * self.inflation


@dataclass(frozen=True)
class Design:
    """The split (control first, any positive scale), the test, and what counts as detected.

    `is_t` compares with t of n - 2 degrees of freedom, n being units, or clusters of `cluster_size`
    units when those are randomised. `tests` divides alpha (Bonferroni).
    """

    split: tuple[float, ...] = (1.0, 1.0)
    alpha: float = 0.05
    power: float = 0.8
    is_t: bool = True
    cluster_size: float = 1.0
    tests: int = 1

    @property
    def level(self) -> float:
        return self.alpha / self.tests

    @property
    def shares(self) -> tuple[float, float]:
        """Shares of the control and of the smallest other arm: the weakest contrast."""
        total = sum(self.split)
        return self.split[0] / total, min(self.split[1:]) / total

    def std_error(self, outcome: Outcome, total: float, effect: float = 0.0) -> float:
        """Standard error of the weakest contrast when all arms together hold `total` units."""
        control, variant = self.shares
        parts = (outcome.variance_at(0.0) / control, outcome.variance_at(effect) / variant)
        return math.sqrt(sum(parts) / total)

    def df(self, total: float) -> float | None:
        """Degrees of freedom of the weakest contrast; None for a normal test."""
        if not self.is_t:
            return None
        return total * sum(self.shares) / self.cluster_size - 2

    def has_test(self, total: float) -> bool:
        """Whether `total` units leave a degree of freedom: two clusters have no variance."""
        df = self.df(total)
        return df is None or df >= _LEAST_DF


def power_at(outcome: Outcome, design: Design, total: float, effect: float) -> float:
    """Chance to find `effect` with `total` units over all arms; 0 where there is no test."""
    if not design.has_test(total):
        return 0.0
    error = design.std_error(outcome, total, effect)
    if error == 0:
        return 1.0 if effect else design.level
    return two_sided_power(effect, error, design.level, design.df(total))


def units_needed(outcome: Outcome, design: Design, effect: float) -> float:
    """Units over all arms that find `effect` with the design's power; not rounded.

    Raises PlanningError when the effect is zero, leads a rate out of 0 to 1, or cannot be found.
    """
    check(outcome, design)
    if effect == 0 or not math.isfinite(effect):
        raise PlanningError("the effect to detect must be a number other than 0")
    if outcome.is_rate and not 0 <= (outcome.mean or 0) + effect <= 1:
        raise PlanningError(
            f"a rate of {outcome.mean:g} cannot change by {effect:+g}: it would leave 0 to 1"
        )
    # Three clusters per two arms are the fewest that leave a degree of freedom.
    least = 3 * design.cluster_size / sum(design.shares) if design.is_t else 1e-9
    found = root(lambda total: power_at(outcome, design, total, effect) - design.power,
                 least, _MOST_UNITS)  # fmt: skip
    if found >= _MOST_UNITS:
        raise PlanningError(f"no number of units finds an effect as small as {effect:g}")
    return found


def detectable(outcome: Outcome, design: Design, total: float) -> float | None:
    """Smallest effect found with the design's power.

    None when no possible effect is large enough, or too few units leave no test. For a rate the
    effect points to the half, where the variance is larger.
    """
    check(outcome, design)
    if not total > 0:
        raise PlanningError("the number of units must be above 0")
    if not design.has_test(total):
        return None
    if not outcome.is_rate or outcome.mean is None:
        distance = detectable_distance(design.power, design.level, design.df(total))
        return distance * design.std_error(outcome, total)
    rate = outcome.mean
    sign = 1.0 if rate <= 0.5 else -1.0
    most = 1 - rate if sign > 0 else rate
    size = root(lambda gap: power_at(outcome, design, total, sign * gap) - design.power, 0.0, most)
    return None if size >= most else sign * size


def check(outcome: Outcome, design: Design) -> None:
    """Raise PlanningError for numbers that describe no experiment."""
    rules = {
        "the standard deviation must be above 0": outcome.is_rate or outcome.variance > 0,
        "the rate must lie between 0 and 1": not outcome.is_rate or 0 < (outcome.mean or 0) < 1,
        "alpha must lie between 0 and 1": 0 < design.alpha < 1,
        "power must lie between alpha and 1": design.alpha < design.power < 1,
        "the size of a cluster must be at least 1": design.cluster_size >= 1,
        "the adjustment must leave some variance (rho between -1 and 1)": 0 < outcome.kept <= 1,
        "the design effect must be above 0": outcome.inflation > 0,
    }
    _hold(rules)
    check_split(design.split)


def check_split(split: Sequence[float]) -> None:
    """Raise PlanningError for shares that are no split of units over arms."""
    _hold({
        "the split needs a control and at least one other arm": len(split) >= 2,
        "every part of the split must be above 0": all(0 < part < math.inf for part in split),
    })  # fmt: skip


def _hold(rules: Mapping[str, bool]) -> None:
    for sentence, holds in rules.items():
        if not holds:
            raise PlanningError(sentence)


def design_effect(icc: float, size: float, variation: float = 0.0) -> float:
    """Inflation of the variance by clusters: 1 + ((1 + cv²) m - 1) icc (Eldridge, Ashby & Kerry
    2006), with m the mean cluster size and cv the variation of the sizes."""
    return 1 + ((1 + variation * variation) * size - 1) * icc


def ratio_variance(
    means: tuple[float, float], variances: tuple[float, float], covariance: float
) -> float:
    """Variance per unit of the linearised ratio (y - R z) / mean z; pairs are (y, z)."""
    level = means[0] / means[1]
    spread = variances[0] + level * level * variances[1] - 2 * level * covariance
    return max(spread, 0.0) / (means[1] * means[1])
