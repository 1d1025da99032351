"""Estimates that are linear in cohort means, with the influence of every unit on each of them.

A unit i of cohort c with path Y_i adds loads[k, c] . (Y_i - mean_c) + shifts[k, c] to estimate k
(Callaway & Sant'Anna 2021, theorem 2, divided by n). So the joint covariance needs only the
cohorts' cross-products: sum_c loads_k,c' spread_c loads_l,c + n_c shifts_k,c shifts_l,c. Clustered
errors sum the influence within each cluster first.

Units: divisor n without a small-sample factor, normal distribution, as in R's `did`. Clusters:
the clusters of a cohort are a group of their own, with factor G/(G-1), and t with Satterthwaite's
degrees of freedom over the groups; clusters that span cohorts form one group together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from causalops.estimators.quasi.panel_moments import ClusterTotals, Floats, PanelMoments
from causalops.inference import Inference, difference, unavailable

UNSEEN = 0.1  # share of the variance that single units may hide: 95 % then covers 93.7 %
CONSTANT = 1e-12


@dataclass(frozen=True)
class LinearEffects:
    """K estimates (K), loads (K, C, T) and shifts (K, C, 1), by period (K, C, T) for rows."""

    estimates: Floats
    loads: Floats
    shifts: Floats

    def combine(self, weights: Floats, shifts: Floats | None = None) -> LinearEffects:
        """J linear combinations, `weights` (J, K); `shifts` (J, C, 1) if weights are estimated."""
        moved = np.tensordot(weights, self.shifts, axes=1)
        return LinearEffects(
            weights @ self.estimates,
            np.tensordot(weights, self.loads, axes=1),
            moved if shifts is None else moved + shifts,
        )

    def take(self, which: Sequence[int] | npt.NDArray[np.intp]) -> LinearEffects:
        """Some of the estimates."""
        index = np.asarray(which, dtype=np.intp)
        return LinearEffects(self.estimates[index], self.loads[index], self.shifts[index])


@dataclass(frozen=True)
class Covariance:
    """Joint covariance (K, K), degrees of freedom (K; infinity = normal), and whether it holds.

    `supported` (K) is False where single units or clusters, whose own variance cannot be seen,
    would add more than a tenth to the variance.
    """

    matrix: Floats
    df: Floats
    supported: npt.NDArray[np.bool_]


def covariance(effects: LinearEffects, moments: PanelMoments) -> Covariance:
    """Covariance by unit, or by cluster where the moments have clusters."""
    if moments.clusters is not None:
        return _by_cluster(effects, moments, moments.clusters)
    size = len(effects.estimates)
    matrix = np.zeros((size, size))
    for cohort, spread in enumerate(moments.spread):
        loads = effects.loads[:, cohort]
        matrix += loads @ spread @ loads.T
        shifts = effects.shifts[:, cohort]
        matrix += (shifts * moments.counts[cohort]) @ shifts.T
    freedom = np.maximum(moments.counts - 1, 0).sum(axis=0)
    pooled = moments.spread.sum(axis=0) / np.where(freedom > 0, freedom, np.nan)
    pooled = np.where(moments.spread.sum(axis=0) == 0, 0.0, pooled)
    single = effects.loads * (moments.counts == 1)
    unseen = (single @ pooled * single).sum(axis=(1, 2))
    return _judged(matrix, np.full(size, np.inf), unseen, single)


def inferences(effects: LinearEffects, found: Covariance, moments: PanelMoments,
               alpha: float) -> list[Inference]:  # fmt: skip
    """Pointwise tests and intervals of every estimate."""
    reason = "too_few_units" if moments.clusters is None else "too_few_clusters"
    results = []
    for k, estimate in enumerate(effects.estimates.tolist()):
        if not found.supported[k]:
            results.append(unavailable(reason, estimate))
            continue
        df = float(found.df[k])
        variance = float(found.matrix[k, k])
        results.append(difference(estimate, variance, df if np.isfinite(df) else None, alpha,
                                  moments.scale))  # fmt: skip
    return results


def _by_cluster(effects: LinearEffects, moments: PanelMoments, held: ClusterTotals) -> Covariance:
    scores = cluster_scores(effects, held)
    groups = cluster_groups(held)
    size = len(effects.estimates)
    matrix, parts = np.zeros((size, size)), []
    single = np.zeros(effects.loads.shape)
    for group in np.unique(groups):
        mine = scores[:, groups == group]
        n = mine.shape[1]
        if n == 1:
            if group >= 0:
                single[:, group] = effects.loads[:, group] * moments.sizes[group]
            continue
        part = mine @ mine.T * (n / (n - 1))
        matrix += part
        parts.append((np.diag(part), n - 1))
    unseen = (single @ _pooled_means(moments, held) * single).sum(axis=(1, 2))
    return _judged(matrix, _satterthwaite(parts, size), unseen, single)


def cluster_scores(effects: LinearEffects, held: ClusterTotals) -> Floats:
    """Summed influence of each cluster on each estimate (K, G)."""
    scores = np.zeros((held.n_clusters, len(effects.estimates)))
    for cohort in np.unique(held.cohort):
        rows = held.cohort == cohort
        added = effects.loads[:, cohort] @ held.deviations[rows].T
        added += effects.shifts[:, cohort] @ held.counts[rows].T
        np.add.at(scores, held.cluster[rows], added.T)
    return scores.T


def cluster_groups(held: ClusterTotals) -> npt.NDArray[np.intp]:
    """The cohort of each cluster (G), -1 for a cluster with units of several cohorts."""
    groups = np.full(held.n_clusters, -1, dtype=np.intp)
    groups[held.cluster] = held.cohort
    groups[np.bincount(held.cluster, minlength=len(groups)) > 1] = -1
    return groups


def _pooled_means(moments: PanelMoments, held: ClusterTotals) -> Floats:
    """Covariance (T, T) of a cluster's mean path within its cohort, over all cohorts."""
    paths = held.deviations / np.maximum(held.counts, 1.0)
    per_cohort = np.bincount(held.cohort, minlength=len(moments.starts))
    freedom = int(np.maximum(per_cohort - 1, 0).sum())
    return np.asarray(paths.T @ paths / (freedom or np.nan))


def _satterthwaite(parts: list[tuple[Floats, int]], size: int) -> Floats:
    """Degrees of freedom of summed variances (K), Satterthwaite (1946)."""
    if not parts:
        return np.full(size, np.inf)
    variances = np.array([part for part, _ in parts])
    df = np.array([[n] for _, n in parts], dtype=float)
    below = (variances**2 / df).sum(axis=0)
    total = variances.sum(axis=0) ** 2
    return np.where(below > 0, total / np.where(below > 0, below, 1.0), np.inf)


def _judged(matrix: Floats, df: Floats, unseen: Floats, single: Floats) -> Covariance:
    """Whether what single units hide is small; NaN in `unseen` is "nothing to borrow from"."""
    loaded = np.abs(single).max(axis=(1, 2), initial=0.0) > 0
    limit = np.diag(matrix) * UNSEEN / (1 - UNSEEN)
    return Covariance(matrix, df, ~loaded | (np.nan_to_num(unseen, nan=np.inf) <= limit))
