"""The 2x2 design: one treated group, before and after, against one untreated group.

A panel is collapsed to one change per unit, mean after minus mean before, which also takes care of
serial correlation (Bertrand, Duflo & Mullainathan 2004), and changes are compared. Repeated
cross-sections are the regression y ~ treated + post + treated x post. Errors are those of OLS:
classic, HC1, or CR1 by cluster with the factor G/(G-1) (N-1)/(N-k) and t(G - 1); and by cluster
with a factor for each side (`influence`), as for group-time effects.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from causalops.estimators.quasi.cluster_sides import by_side, fewest, noted
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
    """The effect with `classic` or `hc1` errors, or by cluster `influence` or `cr1`."""
    n, k = float(cells.counts.sum()), float(cells.counts.size)
    if (cells.counts < 2).any():
        return unavailable("too_few_units", cells.effect)
    if error in ("influence", "cr1"):
        return _by_cluster(cells, error, alpha, (n - 1) / (n - k))
    df = n - k
    if error == "classic":
        variance = cells.squares.sum() / df * (1 / cells.counts).sum()
    else:
        variance = n / df * (cells.squares / cells.counts**2).sum()
    return difference(cells.effect, float(variance), df, alpha, _scale(cells))


def _by_cluster(cells: TwoByTwo, error: str, alpha: float, factor: float) -> Inference:
    """With a factor and degrees of freedom for each side, or (`cr1`) for all clusters at once."""
    held = cells.clusters
    found = None
    if held is not None:
        signs = np.array([1.0]) if cells.counts.shape[1] == 1 else np.array([-1.0, 1.0])
        signed = held.deviations * signs / cells.counts[held.cohort]
        on = np.array([np.bincount(held.cluster, held.cohort == side) > 0 for side in (0, 1)])
        sides = np.where(held.cohort == 0, 1.0, -1.0)
        scores = np.bincount(held.cluster, signed.sum(axis=1) * sides).astype(float)
        found = by_side(scores, on[0], on[1])
    if found is None:
        return unavailable("too_few_clusters", cells.effect)
    variance, df = found.variance, found.df
    if error == "cr1":
        df = len(scores) - 1.0
        variance = float(scores @ scores) * len(scores) / df * factor
    result = difference(cells.effect, variance, df, alpha, _scale(cells))
    is_sound = error == "influence" and found.is_exact
    return result if is_sound else noted(result, fewest(on[0], on[1]))


def _scale(cells: TwoByTwo) -> float:
    return float(np.abs(cells.means).max())


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
