"""Inference with few clusters, from their residual totals: wild bootstrap-t and randomisation.

Both take the residual totals of one estimate (`clusters.linear` with m = 1, loadings 1 and -1) and
test 'the effect is tau', so that the interval is every tau that is not rejected. With few clusters
a level may never be reached: the interval is then unbounded, on one side or on both.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from causalops.estimators.randomised.clusters import MIN_CLUSTERS, Linear
from causalops.inference import CONSTANT, Inference, unavailable
from causalops.moments import Floats

REPLICATIONS = 9_999
MAX_ASSIGNMENTS = 20_000
WEBB_BELOW = 12  # clusters; Webb (2023): two-point weights have too few distinct samples there
_WEBB = np.sqrt([0.5, 1.0, 1.5])
_SAME = 1 - 1e-9  # statistics this close are equal
_DOUBLINGS = 20
_BISECTIONS = 40

PValues = Callable[[float], float]


@dataclass(frozen=True)
class _Joined:
    """All clusters of both arms: units and signed residual totals of each cluster in each arm."""

    n: tuple[Floats, Floats]
    e: tuple[Floats, Floats]

    @property
    def units(self) -> tuple[float, float]:
        return float(self.n[0].sum()), float(self.n[1].sum())

    @property
    def terms(self) -> Floats:
        """u_g, whose sum of squares is the variance without a small-sample factor."""
        return np.asarray(self.e[0] / self.units[0] + self.e[1] / self.units[1])


def wild_bootstrap(
    effect: float, variant: Linear, baseline: Linear, alpha: float, seed: int,
    replications: int = REPLICATIONS, scale: float = 0.0,
) -> Inference:  # fmt: skip
    """Wild cluster bootstrap-t with the null imposed (Cameron, Gelbach & Miller 2008).

    Webb's six-point weights below 12 clusters, else Rademacher's. Under 'the effect is tau' the
    restricted residuals are linear in delta = effect - tau, hence so are the bootstrap's terms
    a + delta b: the weights are drawn once and every tau costs a few vector operations.
    `scale` is the size of the compared levels, as in `inference.difference`.
    """
    both = _join(variant, baseline)
    if both is None:
        return unavailable("too_few_clusters", effect)
    (n_v, n_b), (units_v, units_b) = both.n, both.units
    everyone = units_v + units_b
    signed = [both.e[0] / units_v, both.e[1] / units_b]
    pull = [n_v * units_b / units_v / everyone, n_b * units_v / units_b / everyone]
    weights = _weights(replications, len(n_v), seed)
    fixed, moving = (_refitted(weights, parts, both) for parts in (signed, pull))
    squares = ((fixed**2).sum(axis=1), 2 * (fixed * moving).sum(axis=1), (moving**2).sum(axis=1))
    tops = weights @ (signed[0] + signed[1]), weights @ (pull[0] + pull[1])
    error = math.sqrt(float(both.terms @ both.terms))

    def p_value(tau: float) -> float:
        delta = effect - tau
        variance = squares[0] + delta * squares[1] + delta * delta * squares[2]
        drawn = _studentised(tops[0] + delta * tops[1], variance)
        seen = (drawn >= _SAME * abs(delta) / error).sum() if error > 0 else 0
        return float(1 + seen) / (1 + replications)

    return _tested(effect, error, p_value, alpha, scale)


def randomisation(
    effect: float, variant: Linear, baseline: Linear, alpha: float, seed: int,
    most: int = MAX_ASSIGNMENTS, scale: float = 0.0,
) -> Inference:  # fmt: skip
    """Randomisation test of a constant effect, each arm keeping its number of clusters.

    All assignments when there are at most `most`, else as many seeded draws. The statistic is
    studentised, so that it is also valid for an average effect when clusters are many (Wu & Ding
    2021). Exact for tau = 0; elsewhere up to the slopes of covariates, which are held fixed.
    `scale` is the size of the compared levels, as in `inference.difference`.
    """
    both = _join(variant, baseline)
    if both is None:
        return unavailable("too_few_clusters", effect)
    if ((both.n[0] > 0) & (both.n[1] > 0)).any():
        return unavailable("cluster_split", effect)
    treated = both.n[0] > 0
    size = both.n[0] + both.n[1]
    value = both.e[0] - both.e[1] + np.where(treated, effect * size, 0.0)
    chosen, is_exact = _assignments(treated, most, seed)
    error = math.sqrt(float(both.terms @ both.terms))

    def p_value(tau: float) -> float:
        shifted = value - np.where(treated, tau * size, 0.0)
        drawn = _permuted(chosen, size, shifted)
        seen = _permuted(treated[None, :].astype(float), size, shifted)[0]
        count = float((drawn >= _SAME * seen).sum())
        return count / len(chosen) if is_exact else (1 + count) / (1 + len(chosen))

    return _tested(effect, error, p_value, alpha, scale)


def _join(variant: Linear, baseline: Linear) -> _Joined | None:
    """Clusters of both arms by label; None with fewer than two in an arm, or with groups."""
    sides = (variant, baseline)
    if min(len(side.labels) for side in sides) < MIN_CLUSTERS or any(
        (side.count != 1).any() for side in sides
    ):
        return None
    labels = sorted({*variant.labels, *baseline.labels})
    where = {label: index for index, label in enumerate(labels)}
    n, e = np.zeros((2, len(labels))), np.zeros((2, len(labels)))
    for row, side in enumerate(sides):
        places = [where[label] for label in side.labels]
        n[row, places], e[row, places] = side.size, side.total[:, 0]
    return _Joined((n[0], n[1]), (e[0], e[1]))


def _weights(replications: int, clusters: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    shape = (replications, clusters)
    signs = rng.choice([-1.0, 1.0], shape)
    return signs * rng.choice(_WEBB, shape) if clusters < WEBB_BELOW else signs


def _refitted(weights: Floats, parts: list[Floats], both: _Joined) -> Floats:
    """Cluster terms (replications, clusters) after the arms' means are fitted again."""
    terms = weights * (parts[0] + parts[1])
    for part, n, units in zip(parts, both.n, both.units, strict=True):
        terms -= (weights @ part)[:, None] * (n / units)
    return terms


def _assignments(treated: npt.NDArray[np.bool_], most: int, seed: int) -> tuple[Floats, bool]:
    """Indicator rows of the treated clusters: all of them, or `most` random ones."""
    clusters, wanted = len(treated), int(treated.sum())
    if math.comb(clusters, wanted) <= most:
        rows = np.array(list(itertools.combinations(range(clusters), wanted)))
    else:
        order = np.random.default_rng(seed).random((most, clusters)).argsort(axis=1)
        rows = order[:, :wanted]
    chosen = np.zeros((len(rows), clusters))
    np.put_along_axis(chosen, rows, 1.0, axis=1)
    return chosen, len(rows) == math.comb(clusters, wanted)


def _permuted(chosen: Floats, size: Floats, value: Floats) -> Floats:
    """|difference of means| over its standard error for each row of treated clusters."""
    gap, variance = np.zeros(len(chosen)), np.zeros(len(chosen))
    for sign, side in ((1.0, chosen), (-1.0, 1 - chosen)):
        units = side @ size
        mean = side @ value / units
        squares = side @ value**2 - 2 * mean * (side @ (size * value)) + mean**2 * (side @ size**2)
        gap, variance = gap + sign * mean, variance + np.maximum(squares, 0.0) / units**2
    return _studentised(gap, variance)


def _studentised(top: Floats, variance: Floats) -> Floats:
    """|t|; without variance a difference is infinitely far from none, and none is not."""
    with np.errstate(all="ignore"):
        value = np.abs(top) / np.sqrt(variance)
    return np.where(np.isnan(value), 0.0, value)


def _tested(
    effect: float, error: float, p_value: PValues, alpha: float, scale: float
) -> Inference:
    if not (math.isfinite(effect) and math.isfinite(error)):
        return unavailable("not_finite", effect, "failed")
    if error <= CONSTANT * abs(scale):
        return unavailable("zero_variance", effect)
    low, high = (_bound(p_value, effect, sign * error, alpha) for sign in (-1.0, 1.0))
    shapes = {(False, False): "interval", (True, False): "below_only",
              (False, True): "above_only", (True, True): "whole_line"}  # fmt: skip
    return Inference(
        estimate=effect,
        statistic=effect / error,
        p_value=p_value(0.0),
        ci_low=low,
        ci_high=high,
        ci_shape=shapes[low is None, high is None],
    )


def _bound(p_value: PValues, effect: float, step: float, alpha: float) -> float | None:
    """Farthest value on one side that is not rejected; None when no value is."""
    inside, reach = 0.0, 1.0
    for _ in range(_DOUBLINGS):
        if p_value(effect + reach * step) <= alpha:
            break
        inside, reach = reach, 2 * reach
    else:
        return None
    for _ in range(_BISECTIONS):
        middle = (inside + reach) / 2
        if p_value(effect + middle * step) <= alpha:
            reach = middle
        else:
            inside = middle
    return effect + inside * step
