"""One treated unit or cluster in a panel: the effect with its permutation p-value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from causalops.estimators.quasi import aggregation as ag
from causalops.estimators.quasi.group_time import GroupTime
from causalops.estimators.quasi.panel_moments import ClusterTotals, Floats, PanelMoments
from causalops.estimators.quasi.panel_tables import Panel
from causalops.estimators.quasi.permutation import permutation
from causalops.estimators.quasi.two_by_two import TwoByTwo, two_by_two
from causalops.inference import Inference, unavailable


def lone_inference(
    panel: Panel, reason: str, found: GroupTime | None, alpha: float
) -> tuple[Inference, dict[str, Any]]:
    """The estimate without a standard error, p by permutation where paths of groups are there.

    The gap of every group is measured as the headline is: the periods after treatment against the
    base period of the group-time effects, or (`found` None) all periods before against all after.
    A rank that cannot be below alpha, whatever the effect, is no test: it stands in the details.
    """
    moments = panel.moments
    effect = _effect(moments, found)
    bare = unavailable(reason, effect, status="warning")
    held = moments.clusters or panel.groups
    treated = np.flatnonzero(moments.treated)
    if held is None or treated.size != 1 or not moments.is_panel or effect is None:
        return bare, {}
    lone, changes, sizes = _changes(moments, held, int(treated[0]), _contrast(moments, found))
    result = permutation(lone, changes, sizes, alpha)
    details = {"p_floor": result.floor, "n_placebos": result.n_placebos}
    if result.p_value is None:
        return replace(bare, reason_code=result.reason_code or reason), details
    if result.floor is not None and result.floor > alpha:
        return replace(bare, reason_code="few_placebos"), details | {"p_rank": result.p_value}
    return replace(bare, p_value=result.p_value), details


def _effect(moments: PanelMoments, found: GroupTime | None) -> float | None:
    if found is None:
        cells = two_by_two(moments)
        return cells.effect if isinstance(cells, TwoByTwo) else None
    simple = ag.simple(found)
    return None if simple is None else float(simple.estimates[0])


def _contrast(moments: PanelMoments, found: GroupTime | None) -> Floats:
    """Weights of the periods (T) in the change of a group."""
    post = moments.times >= moments.starts[moments.treated][0]
    weights = np.where(post, 1 / post.sum(), 0.0)
    if found is None:
        return weights - np.where(~post, 1 / (~post).sum(), 0.0)
    weights[found.base[found.is_post][0]] -= 1.0
    return weights


def _changes(
    moments: PanelMoments, held: ClusterTotals, treated: int, contrast: Floats
) -> tuple[int, Floats, Floats]:
    """The treated group's place among all, and the change and size of each."""
    lone = int(held.cluster[held.cohort == treated][0])
    used = (held.cohort == treated) | (moments.untreated[held.cohort] & (held.cluster != lone))
    cluster, cohort = held.cluster[used], held.cohort[used]
    sizes = np.bincount(cluster, held.counts[used, 0], held.n_clusters).astype(float)
    paths = held.deviations[used] + held.counts[used] * moments.means[cohort]
    changes = np.bincount(cluster, paths @ contrast, held.n_clusters)
    kept = sizes > 0
    return int(kept[:lone].sum()), changes[kept] / sizes[kept], sizes[kept]
