"""Averages of group-time effects (Callaway & Sant'Anna 2021, section 3), with their influence.

Weights are the sizes of the cohorts, which are estimated too: a unit of cohort g changes them,
and so moves an average by the distance of its cohort's effects from that average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from causalops.estimators.quasi.group_time import GroupTime
from causalops.estimators.quasi.linear_effects import LinearEffects
from causalops.estimators.quasi.panel_moments import Floats, Ints

Members = Sequence[npt.NDArray[np.intp]]


@dataclass(frozen=True)
class Aggregate:
    """J averages, one for each value of `parameter` (J), and the one overall number."""

    parameter: Floats
    effects: LinearEffects
    overall: LinearEffects | None


def simple(found: GroupTime) -> LinearEffects | None:
    """All post-treatment effects, weighted by the cohorts' sizes; None without any."""
    members = np.flatnonzero(found.is_post)
    return _weighted(found.effects, found.cohort, found, [members]) if members.size else None


def by_group(found: GroupTime) -> Aggregate:
    """Average effect of each cohort over its treated periods; overall weighted by size."""
    post = np.flatnonzero(found.is_post)
    cohorts = np.unique(found.cohort[post])
    members = [post[found.cohort[post] == cohort] for cohort in cohorts]
    effects = _weighted(found.effects, found.cohort, found, members)
    overall = None
    if cohorts.size:
        overall = _weighted(effects, cohorts, found, [np.arange(cohorts.size)])
    return Aggregate(found.moments.starts[cohorts], effects, overall)


def by_event_time(found: GroupTime) -> Aggregate:
    """Average effect by time since treatment; overall = plain mean over event times >= 0."""
    return _by(found, found.event_times, np.arange(len(found.cohort)))


def by_calendar_time(found: GroupTime) -> Aggregate:
    """Average effect of the treated cohorts by time; overall = plain mean over those times."""
    return _by(found, found.times, np.flatnonzero(found.is_post))


def _by(found: GroupTime, values: Floats, which: npt.NDArray[np.intp]) -> Aggregate:
    """Averages over the effects in `which` that share a value; overall over the treated ones."""
    parameter = np.unique(values[which])
    members = [which[values[which] == value] for value in parameter]
    effects = _weighted(found.effects, found.cohort, found, members)
    post = np.array([bool(found.is_post[m].all()) for m in members], dtype=float)
    overall = effects.combine(post[None, :] / post.sum()) if post.any() else None
    return Aggregate(parameter, effects, overall)


def _weighted(
    effects: LinearEffects, cohort: Ints, found: GroupTime, members: Members
) -> LinearEffects:
    """Averages of `members`, each effect weighted by the size of its `cohort`."""
    sizes = found.moments.sizes
    weights = np.zeros((len(members), len(effects.estimates)))
    shifts = np.zeros((len(members), len(sizes), 1))
    for j, member in enumerate(members):
        size = sizes[cohort[member]]
        weights[j, member] = size / size.sum()
        gaps = effects.estimates[member] - weights[j] @ effects.estimates
        np.add.at(shifts[j, :, 0], cohort[member], gaps / size.sum())
    return effects.combine(weights, shifts)
