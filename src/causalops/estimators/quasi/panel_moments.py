"""Sufficient statistics of difference-in-differences: every number comes from cohort moments.

A cohort is the set of units that are treated from the same time on. Two kinds of data have one
shape here. In a panel every unit has a value in each of the T periods: a cohort has one count
(S = 1) and the cross-products of the whole path. In repeated cross-sections every row is a unit of
one period: a cohort has a count per period (S = T) and no cross-products between periods.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

NEVER = np.inf


@dataclass(frozen=True)
class ClusterTotals:
    """What each cluster holds of each cohort: E entries, one for each pair that occurs."""

    cluster: Ints  # (E) index of the cluster
    cohort: Ints  # (E) index of the cohort
    counts: Floats  # (E, S) units, or rows by period
    deviations: Floats  # (E, T) sums of outcome minus the cohort's mean

    @property
    def n_clusters(self) -> int:
        """Clusters, which are numbered from 0."""
        return int(self.cluster.max(initial=-1)) + 1


@dataclass(frozen=True)
class PanelMoments:
    """Moments of C cohorts over T periods; `clusters` where errors are clustered above the unit."""

    times: Floats  # (T) strictly increasing; event time is measured in these units
    starts: Floats  # (C) strictly increasing first treated time; never treated = infinity
    counts: Floats  # (C, 1) units of a panel; (C, T) rows of repeated cross-sections
    means: Floats  # (C, T) mean outcome; 0 in a cell without rows
    spread: Floats  # (C, T, T) sums of cross-products about the cohort's means
    clusters: ClusterTotals | None = None
    taken_off: float = 0.0  # size of what was taken off the outcome, the same for all cohorts

    @property
    def is_panel(self) -> bool:
        """Whether a unit is seen in every period."""
        return bool(self.counts.shape[1] == 1)

    @property
    def sizes(self) -> Floats:
        """Units of each cohort (rows, in repeated cross-sections)."""
        total: Floats = self.counts.sum(axis=1)
        return total

    @property
    def cells(self) -> Floats:
        """Observations by cohort and period (C, T)."""
        return np.broadcast_to(self.counts, self.means.shape)

    @property
    def untreated(self) -> npt.NDArray[np.bool_]:
        """Cohorts that are not treated within these periods (C)."""
        return np.asarray(self.starts > self.times[-1])

    @property
    def treated(self) -> npt.NDArray[np.bool_]:
        """Cohorts that are first treated within these periods, after the first one (C)."""
        return np.asarray(~self.untreated & (self.starts > self.times[0]))

    @property
    def scale(self) -> float:
        """Size of the largest level: what rounding is measured against."""
        return max(self.taken_off, float(np.abs(self.means).max(initial=0.0)))

    def keep(self, cohorts: npt.NDArray[np.bool_]) -> PanelMoments:
        """The same data without the cohorts whose mark is False."""
        clusters = self.clusters
        if clusters is not None:
            held = cohorts[clusters.cohort]
            position = np.cumsum(cohorts) - 1
            clusters = ClusterTotals(
                np.unique(clusters.cluster[held], return_inverse=True)[1].astype(np.intp),
                position[clusters.cohort[held]],
                clusters.counts[held],
                clusters.deviations[held],
            )
        return replace(
            self,
            starts=self.starts[cohorts],
            counts=self.counts[cohorts],
            means=self.means[cohorts],
            spread=self.spread[cohorts],
            clusters=clusters,
        )


def moments_of_panel(
    values: npt.ArrayLike, starts: npt.ArrayLike, times: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
) -> PanelMoments:  # fmt: skip
    """Moments of a balanced panel: `values` (N, T), first treated time and cluster of each unit."""
    data, first = np.asarray(values, dtype=float), np.asarray(starts, dtype=float)
    times = np.asarray(times, dtype=float)
    unique, cohort = np.unique(np.where(first > times[-1], NEVER, first), return_inverse=True)
    counts = np.bincount(cohort, minlength=len(unique)).astype(float)
    means = _sums(data, cohort, len(unique)) / counts[:, None]
    gaps = data - means[cohort]
    # A second pass takes out what rounding left in the first mean.
    means += _sums(gaps, cohort, len(unique)) / counts[:, None]
    gaps = data - means[cohort]
    spread = np.array([gaps[cohort == c].T @ gaps[cohort == c] for c in range(len(unique))])
    totals = None
    if clusters is not None:
        totals = _totals(clusters, cohort, np.ones((len(data), 1)), gaps, len(unique))
    return PanelMoments(times, unique, counts[:, None], means, spread, totals)


def moments_of_rows(
    values: npt.ArrayLike, starts: npt.ArrayLike, when: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
) -> PanelMoments:  # fmt: skip
    """Moments of repeated cross-sections: one value, first treated time and time per row (N)."""
    data, first = np.asarray(values, dtype=float), np.asarray(starts, dtype=float)
    times, period = np.unique(np.asarray(when, dtype=float), return_inverse=True)
    unique, cohort = np.unique(np.where(first > times[-1], NEVER, first), return_inverse=True)
    shape = (len(unique), len(times))
    cell = cohort * shape[1] + period
    counts = np.bincount(cell, minlength=shape[0] * shape[1]).astype(float)
    safe = np.maximum(counts, 1.0)
    means = np.bincount(cell, data, len(counts)) / safe
    means += np.bincount(cell, data - means[cell], len(counts)) / safe
    gaps = data - means[cell]
    squares = np.bincount(cell, gaps * gaps, len(counts)).reshape(shape)
    totals = None
    if clusters is not None:
        rows = np.arange(len(data))
        here, wide = np.zeros((2, len(data), shape[1]))
        here[rows, period], wide[rows, period] = 1.0, gaps
        totals = _totals(clusters, cohort, here, wide, shape[0])
    spread = squares[:, :, None] * np.eye(shape[1])
    return PanelMoments(times, unique, counts.reshape(shape), means.reshape(shape), spread, totals)


def _totals(
    clusters: npt.ArrayLike, cohort: Ints, counts: Floats, gaps: Floats, n_cohorts: int
) -> ClusterTotals:
    """Sums by cluster and cohort."""
    _, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    pairs, entry = np.unique(cluster * n_cohorts + cohort, return_inverse=True)
    return ClusterTotals(
        (pairs // n_cohorts).astype(np.intp),
        (pairs % n_cohorts).astype(np.intp),
        _sums(counts, entry, len(pairs)),
        _sums(gaps, entry, len(pairs)),
    )


def _sums(values: Floats, group: Ints, n_groups: int) -> Floats:
    """Column sums of `values` (N, T) by group (n_groups, T)."""
    sums = np.zeros((n_groups, values.shape[1]))
    for period, column in enumerate(values.T):
        sums[:, period] = np.bincount(group, column, n_groups)
    return sums
