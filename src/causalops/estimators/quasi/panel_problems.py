"""Can difference-in-differences be computed at all? Reasons against it, and what was left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from causalops.estimators.quasi.group_time import targets
from causalops.estimators.quasi.linear_effects import cluster_groups
from causalops.estimators.quasi.panel_moments import PanelMoments

COMPLETE = 0.5  # a smaller share of complete units is no longer the population asked about


@dataclass(frozen=True)
class PanelCounts:
    """What the warehouse counted in a dataset before its moments."""

    n_units: int  # units (rows, in repeated cross-sections) with a time and an outcome
    n_complete: int  # units with a value in every period
    n_duplicates: int = 0  # unit-periods with more than one row
    n_switched_off: int = 0  # units whose treatment ends, or whose treated_from changes
    n_always_treated: int = 0  # units treated in the first period, left out
    n_moved: int = 0  # units of several clusters, counted in the first of them


def problem(
    counts: PanelCounts, moments: PanelMoments, comparison: str, anticipation: float = 0.0
) -> str | None:
    """The first reason why no effect can be estimated, None when one can."""
    if counts.n_units == 0:
        return "no_units"
    if counts.n_duplicates:
        return "duplicate_unit_periods"
    if counts.n_switched_off:
        return "treatment_switches_off"
    if moments.is_panel and counts.n_complete < COMPLETE * counts.n_units:
        return "unbalanced_panel"
    return _composition(counts, moments, comparison, anticipation)


def _composition(
    counts: PanelCounts, moments: PanelMoments, comparison: str, anticipation: float
) -> str | None:
    """Are there treated cohorts, a period before treatment, and units to compare with?"""
    if not moments.treated.any():
        return "always_treated" if counts.n_always_treated else "no_treated"
    is_alone = moments.treated.sum() == 1 or comparison == "never"
    if not moments.untreated.any() and is_alone:
        return "no_control"
    starts = moments.starts[targets(moments, comparison)]
    if not (starts > moments.times[0] + anticipation).any():
        return "no_pre_period"
    return None


def single(moments: PanelMoments) -> str | None:
    """Whether all treatment is in one unit or one cluster, so that no standard error exists."""
    treated = np.flatnonzero(moments.treated)
    if moments.clusters is not None:
        held = moments.clusters
        groups = np.unique(held.cluster[np.isin(held.cohort, treated)])
        return "one_treated_cluster" if groups.size == 1 else None
    alone = moments.is_panel and moments.sizes[treated].sum() == 1
    return "one_treated_unit" if alone else None


def lone_cohorts(moments: PanelMoments) -> tuple[float, ...]:
    """Starts of treated cohorts with one unit, or with one cluster: they have no variance."""
    if moments.clusters is not None:
        held = moments.clusters
        own = cluster_groups(held)[held.cluster] >= 0  # no other cohort in the cluster
        n_clusters = np.bincount(held.cohort, minlength=len(moments.starts))
        few = (n_clusters == 1) & (np.bincount(held.cohort, own, len(moments.starts)) == 1)
    else:
        few = (moments.sizes == 1) & moments.is_panel
    return tuple(moments.starts[few & moments.treated].tolist())


def warnings(counts: PanelCounts, moments: PanelMoments) -> list[tuple[str, int]]:
    """Reason codes of what was left out or is thin, each with a count, worst first."""
    found = [
        ("incomplete_units_dropped",
         counts.n_units - counts.n_complete if moments.is_panel else 0),
        ("unit_changes_cluster", counts.n_moved),
        ("always_treated_dropped", counts.n_always_treated),
        ("single_unit_cohort", len(lone_cohorts(moments))),
    ]  # fmt: skip
    return [(code, n) for code, n in found if n > 0]
