"""The 2x2 design: one treated group, before and after, against one untreated group.

A panel is collapsed to one change per unit, mean after minus mean before, which also takes care of
serial correlation (Bertrand, Duflo & Mullainathan 2004), and changes are compared. Repeated
cross-sections are the regression y ~ treated + post + treated x post. Errors are those of OLS:
classic, HC1, or CR1 by cluster with the factor G/(G-1) (N-1)/(N-k).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from causalops.estimators.quasi.panel_moments import ClusterTotals, Floats, PanelMoments
from causalops.inference import Inference, difference, unavailable


@dataclass(frozen=True)
class TwoByTwo:
    """Cells (treated, untreated) x (before, after): counts, means and squares, and the clusters.

    `squares` are sums of squared deviations of each cell; a panel has them in one column, of the
    changes. `clusters` has counts and deviations in the same columns.
    """

    counts: Floats  # (2, S)
    means: Floats  # (2, 2)
    squares: Floats  # (2, S)
    clusters: ClusterTotals | None

    @property
    def effect(self) -> float:
        """Change of the treated minus change of the untreated."""
        change = self.means[:, 1] - self.means[:, 0]
        return float(change[0] - change[1])


def two_by_two(moments: PanelMoments) -> TwoByTwo | str:
    """The four cells, or the reason why there are none; all untreated cohorts are one group."""
    treated = np.flatnonzero(moments.treated)
    if treated.size == 0:
        return "no_treated"
    if treated.size > 1:
        return "several_cohorts"
    if not moments.untreated.any():
        return "no_control"
    pair = moments.keep(moments.treated | moments.untreated)
    post = pair.times >= pair.starts[0]
    halves = np.array([~post / (~post).sum(), post / post.sum()])
    cell = _panel(pair, halves) if pair.is_panel else _rows(pair, halves > 0)
    return "no_units" if (cell.counts == 0).any() else cell


def inference(cells: TwoByTwo, error: str, alpha: float) -> Inference:
    """The effect with `classic`, `hc1` or `cr1` errors."""
    n, k = float(cells.counts.sum()), float(cells.counts.size)
    if (cells.counts < 2).any():
        return unavailable("too_few_units", cells.effect)
    df = n - k
    if error == "classic":
        variance = cells.squares.sum() / df * (1 / cells.counts).sum()
    elif error == "hc1":
        variance = n / df * (cells.squares / cells.counts**2).sum()
    else:
        found = _cluster_variance(cells)
        if found is None:
            return unavailable("too_few_clusters", cells.effect)
        meat, groups = found
        variance, df = meat * groups / (groups - 1) * (n - 1) / (n - k), groups - 1.0
    scale = float(np.abs(cells.means).max())
    return difference(cells.effect, float(variance), df, alpha, scale)


def _cluster_variance(cells: TwoByTwo) -> tuple[float, int] | None:
    """Sum of squared cluster scores and the number of clusters; None with one on a side."""
    held = cells.clusters
    if held is None or np.bincount(held.cohort, minlength=2).min() < 2:
        return None
    signs = np.array([1.0]) if cells.counts.shape[1] == 1 else np.array([-1.0, 1.0])
    signed = held.deviations * signs / cells.counts[held.cohort]
    sides = np.where(held.cohort == 0, 1.0, -1.0)
    scores = np.bincount(held.cluster, signed.sum(axis=1) * sides)
    return float((scores**2).sum()), len(scores)


def _panel(pair: PanelMoments, halves: Floats) -> TwoByTwo:
    """Every unit's change between its two averages."""
    change = halves[1] - halves[0]
    squares = np.einsum("t,ctu,u->c", change, pair.spread, change)
    clusters = pair.clusters
    if clusters is not None:
        clusters = replace(clusters, deviations=clusters.deviations @ change[:, None])
    return TwoByTwo(pair.counts, pair.means @ halves.T, squares[:, None], clusters)


def _rows(pair: PanelMoments, halves: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> TwoByTwo:
    """All rows before, and all rows after, each as one cell."""
    pool = halves.astype(float)
    counts = pair.counts @ pool.T
    means = (pair.counts * pair.means) @ pool.T / np.maximum(counts, 1.0)
    gaps = pair.means - means @ pool  # of a period from the mean of its half
    within = np.diagonal(pair.spread, axis1=1, axis2=2)
    squares = (within + pair.counts * gaps * gaps) @ pool.T
    clusters = pair.clusters
    if clusters is not None:
        moved = clusters.deviations + clusters.counts * gaps[clusters.cohort]
        clusters = replace(clusters, counts=clusters.counts @ pool.T, deviations=moved @ pool.T)
    return TwoByTwo(counts, means, squares, clusters)
