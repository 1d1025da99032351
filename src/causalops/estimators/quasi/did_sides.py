"""Who stands behind one row of a difference-in-differences: sizes and mean outcomes of both sides.

A row counts the cohorts whose effects it averages, and the cohorts that these are compared with;
a cohort that is not yet treated can be on both sides of an average.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from causalops.estimators.quasi.group_time import GroupTime, Mask
from causalops.estimators.quasi.panel_moments import PanelMoments
from causalops.estimators.quasi.panel_tables import Panel


@dataclass(frozen=True)
class Sides:
    """The treated cells and those compared with them (C, T) in the periods of a row."""

    treated: Mask
    untreated: Mask


def of_effects(found: GroupTime, which: Mask) -> Sides:
    """The cells of some group-time effects (K): each cohort and its comparison cohorts."""
    shape = found.moments.means.shape
    sides = Sides(np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool))
    sides.treated[found.cohort[which], found.period[which]] = True
    for k in np.flatnonzero(which):
        sides.untreated[found.pools[k], found.period[k]] = True
    return sides


def of_panel(moments: PanelMoments) -> Sides:
    """All treated cells, and the untreated cohorts since the first treatment.

    Without untreated cohorts, those of cohorts that are not yet treated.
    """
    is_treated = moments.times[None, :] >= moments.starts[:, None]
    since = moments.times >= moments.starts[moments.treated].min()
    rest = moments.untreated if moments.untreated.any() else moments.treated
    return Sides(is_treated & moments.treated[:, None], ~is_treated & since & rest[:, None])


def sizes(panel: Panel, sides: Sides) -> dict[str, Any]:
    """Units, observations, clusters and mean outcome of both sides, by name of the column."""
    moments = panel.moments
    made: dict[str, Any] = {}
    for side, where in (("variant", sides.treated), ("baseline", sides.untreated)):
        cohorts = np.asarray(where.any(axis=1))
        n = int(moments.sizes[cohorts].sum())
        weights = moments.cells * where
        total = float(weights.sum())
        made[f"n_{side}"] = n
        made[f"n_obs_{side}"] = n * len(moments.times) if moments.is_panel else n
        mean = float((weights * panel.levels).sum()) / total if total > 0 else None
        made[f"mean_{side}"] = mean
        if moments.clusters is not None:
            held = moments.clusters
            made[f"n_clusters_{side}"] = len(np.unique(held.cluster[cohorts[held.cohort]]))
    return made
