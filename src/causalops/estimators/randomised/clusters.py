"""Variances of a comparison of two arms when whole clusters vary together, from their totals.

For any estimates that are sums over the units of two arms:
    sides = [linear(complete(arm, centres), loadings) for ...]  # of the variant, of the baseline
    found = cluster_variance(*sides)  # covariance of the estimates, degrees of freedom
with an arm's `Totals` from `causalops.estimators.randomised.cluster_totals`. `loadings` maps a part
to its coefficient in each of m estimates, signs included; the division by the arm's units is done
here. The difference of means is {"y": (1,)} and {"y": (-1,)}; ITT and first stage together are
{"y": (1, 0), "d": (0, 1)} and its negative, so that the variance of ITT - b FS is
(1, -b) C (1, -b)'.

With E_ag the total of cluster g's residuals about the arm's mean, n_ag its units there and n_a the
arm's units, an estimate's cluster term is u_g = E_1g / n_1 + E_0g / n_0 (signs in the loadings).
Clusters may have units in one arm or in both.
- cr1: G/(G-1) (N-1)/(N-2) sum u u', t(G-1) (Liang & Zeger 1986, the usual small-sample factor).
- cr2: E_ag / sqrt(1 - n_ag / n_a) in its place (Bell & McCaffrey 2002). This is exact: the hat
  matrix of two arm dummies is 11'/n_a within arm a and zero between arms, so (I - H_gg)^(-1/2) has
  the constant vector of each arm as eigenvector. df by Satterthwaite under independence
  (Pustejovsky & Tipton 2018): the cluster terms have covariance P = diag(d) - alpha alpha' -
  beta beta' with d, alpha, beta from the sizes alone, and df = tr(P)^2 / tr(P P).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from causalops.estimators.randomised.cluster_totals import Groups, Totals
from causalops.inference import CONSTANT
from causalops.moments import Floats

MIN_CLUSTERS = 2  # in each arm


@dataclass(frozen=True)
class Linear(Groups):
    """Residual totals (G, m) of one arm for m estimates, and sums of their products."""

    total: Floats
    square: Floats


@dataclass(frozen=True)
class ClusterVariance:
    """Covariance (m, m) of the estimates with t degrees of freedom; none when `reason` is set."""

    kind: str
    n_clusters: tuple[int, int]
    covariance: Floats | None = None
    df: float | None = None
    reason: str | None = None


def linear(arm: Totals, loadings: Mapping[str, Sequence[float]]) -> Linear:
    """Residual totals about the arm's mean of linear combinations of the parts.

    `loadings[part]` holds the part's coefficient in each of the m estimates. Raises KeyError for
    a part that the totals do not have.
    """
    used = [part for part, values in loadings.items() if any(values)]
    absent = [part for part in used if part not in arm.parts]
    if absent:
        raise KeyError(f"no totals of the parts {absent}")
    width = max((len(values) for values in loadings.values()), default=1)
    weights = np.zeros((width, len(arm.parts)))
    for part in used:
        weights[:, arm.parts.index(part)] = loadings[part]
    total = arm.total @ weights.T
    mean = total.sum(axis=0) / arm.n_units if arm.n_units else np.zeros(width)
    part_of_mean = arm.size[:, None] * mean
    residual = total - arm.count[:, None] * part_of_mean
    if arm.is_single:  # no difference of large squares where none is needed
        square = residual[:, :, None] * residual[:, None, :]
    else:
        mixed = total[:, :, None] * part_of_mean[:, None, :]
        square = np.einsum("ap,gpq,bq->gab", weights, arm.cross, weights)
        square -= mixed + mixed.transpose(0, 2, 1)
        square += arm.count[:, None, None] * part_of_mean[:, :, None] * part_of_mean[:, None, :]
    return Linear(arm.labels, arm.size, arm.count, residual, square)


def cluster_variance(variant: Linear, baseline: Linear, kind: str = "cr2") -> ClusterVariance:
    """Covariance of the estimates by `cr1` or `cr2`, with the df of a contrast of the arms.

    Total: fewer than two clusters in an arm gives `too_few_clusters` and no covariance.
    """
    sides = (variant, baseline)
    n_clusters = (variant.n_clusters, baseline.n_clusters)
    if min(n_clusters) < MIN_CLUSTERS:
        return ClusterVariance(kind, n_clusters, reason="too_few_clusters")
    shared = _shared(variant, baseline)
    scale = [1 / np.sqrt(1 - s.size / s.n_units) if kind == "cr2" else np.ones(len(s.size))
             for s in sides]  # fmt: skip
    covariance = np.zeros(variant.square.shape[1:])
    for side, factor in zip(sides, scale, strict=True):
        covariance += np.einsum("g,gab->ab", (factor / side.n_units) ** 2, side.square)
    if len(shared):
        both = [side.total[rows] * (factor[rows] / side.n_units)[:, None]
                for side, factor, rows in zip(sides, scale, shared.T, strict=True)]  # fmt: skip
        product = both[0].T @ both[1]
        covariance += product + product.T
    if kind == "cr2":
        return ClusterVariance(kind, n_clusters, covariance, _satterthwaite(sides, shared))
    clusters, units = sum(n_clusters) - len(shared), variant.n_units + baseline.n_units
    covariance *= clusters / (clusters - 1) * (units - 1) / (units - 2)
    return ClusterVariance(kind, n_clusters, covariance, clusters - 1.0)


def _shared(variant: Linear, baseline: Linear) -> npt.NDArray[np.int64]:
    """Rows (variant, baseline) of the clusters that have units in both arms."""
    if not (variant.count == 1).all() or not (baseline.count == 1).all():
        return np.zeros((0, 2), dtype=np.int64)
    where = {label: row for row, label in enumerate(baseline.labels)}
    found = [(row, where[name]) for row, name in enumerate(variant.labels) if name in where]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _satterthwaite(sides: tuple[Linear, Linear], shared: npt.NDArray[np.int64]) -> float:
    """tr(P)^2 / tr(P P) for P = diag(d) - alpha alpha' - beta beta', without building P."""
    own, along = [], []
    for side in sides:
        units = side.n_units
        factor = 1 / (1 - side.size / units)
        own.append(side.size * factor / units**2)  # n_g a_g^2
        along.append(side.size * np.sqrt(factor / units) / units)  # n_g a_g / sqrt(n)
    trace = 1 / sides[0].n_units + 1 / sides[1].n_units
    square = 0.0
    for side, d, alpha in zip(sides, own, along, strict=True):
        k = side.count
        square += float(k @ (d * d) - 2 * k @ (d * alpha**2) + (k @ alpha**2) ** 2)
    if len(shared):  # a shared cluster's d is the sum over its arms; alpha'beta is not zero
        first, second = shared.T
        d_1, d_0 = own[0][first], own[1][second]
        alpha_1, alpha_0 = along[0][first], along[1][second]
        cross = d_1 * d_0 - d_1 * alpha_0**2 - d_0 * alpha_1**2
        square += float(2 * cross.sum() + 2 * (alpha_1 @ alpha_0) ** 2)
    return float(trace**2 / square)


def intraclass(
    arms: Iterable[tuple[Linear, float]], scale: float = 0.0
) -> tuple[float | None, str | None]:
    """ANOVA estimate of the intraclass correlation, clusters within arms (Donner & Klar 2000).

    Each arm comes with its total sum of squares about the arm's mean. With one arm this is the
    one-way ANOVA: (MSB - MSW) / (MSB + (n0 - 1) MSW). Without a value the second is the reason:
    too_few_clusters (no arm has two), one_unit_per_cluster, or zero_variance, which is a standard
    deviation that is only rounding beside `scale`, the size of the arms' levels.
    """
    between = within = units = clusters = spread = 0.0
    listed = [(arm, squares) for arm, squares in arms if arm.n_units]
    for arm, sum_of_squares in listed:
        explained = float(arm.square[:, 0, 0] @ (1 / arm.size))
        between += explained
        within += max(sum_of_squares - explained, 0.0)
        units += arm.n_units
        clusters += arm.n_clusters
        spread += float(arm.count @ arm.size**2) / arm.n_units
    free = clusters - len(listed)
    if free < 1:
        return None, "too_few_clusters"
    if units <= clusters:
        return None, "one_unit_per_cluster"
    if between + within <= units * (CONSTANT * scale) ** 2:
        return None, "zero_variance"
    msb, msw = between / free, within / (units - clusters)
    typical = (units - spread) / free
    whole = msb + (typical - 1) * msw
    return (float((msb - msw) / whole), None) if whole > 0 else (None, "zero_variance")
