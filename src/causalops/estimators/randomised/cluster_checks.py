"""Are the clusters what the design needs? Split clusters, units without one, sizes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from causalops.estimators.randomised.inputs import Experiment, Record, count
from causalops.reasons import REASONS
from causalops.results import Row, as_json, check_row

UNCLUSTERED_FAIL = 0.10
UNEVEN = 1.0  # coefficient of variation of the sizes

ClusterCounts = Mapping[str, Record]
"""Rows of `experiment_cluster_counts` of one experiment by variant."""


def cluster_rows(
    experiment: Experiment, sums: Mapping[str, Mapping[str, int]], clusters: ClusterCounts
) -> list[Row]:
    """Every check on clusters; `sums` are counts of units by variant. Nothing without a cluster."""
    if experiment.cluster is None or not (clusters or _total(sums.values(), "n_unclustered")):
        return []
    rows = [_unclustered(experiment, sums)]
    if experiment.design == "cluster_rct":
        rows.append(_split(experiment, clusters))
    return rows + [
        _sizes(experiment, variant, clusters[variant])
        for variant in experiment.weights
        if variant in clusters and count(clusters[variant]["n_held"])
    ]


def _unclustered(experiment: Experiment, sums: Mapping[str, Mapping[str, int]]) -> Row:
    """Share of enrolled units that have no cluster and are left out."""
    arms = {name: sums[name] for name in experiment.weights if name in sums}
    missing, units = (_total(arms.values(), name) for name in ("n_unclustered", "n_enrolled"))
    reason = "cluster_missing" if missing else None if units else "no_units"
    share = missing / units if units else None
    status = "not_run" if share is None else "fail" if share > UNCLUSTERED_FAIL else None
    details = {"unclustered": {name: count(arm.get("n_unclustered")) for name, arm in arms.items()}}
    return _row(experiment, "cluster_missing", reason, status=status, population="first_exposed",
                value=share, value_name="share", threshold=UNCLUSTERED_FAIL, n=units, gates=True,
                details=as_json(details))  # fmt: skip


def _split(experiment: Experiment, clusters: ClusterCounts) -> Row:
    """Share of clusters with analysed units in several arms: they were not randomised whole."""
    n, split = (_total(clusters.values(), name) for name in ("n_analysed", "n_split"))
    reason = "cluster_split" if split else None if n else "no_units"
    return _row(experiment, "cluster_split", reason,
                population="analysed", status="fail" if split else None if n else "not_run",
                value=split / n if n else None, value_name="share", threshold=0.0, n=n,
                gates=True)  # fmt: skip


def _sizes(experiment: Experiment, variant: str, row: Record) -> Row:
    """Coefficient of variation of one arm's cluster sizes."""
    clusters, units = count(row["n_held"]), count(row["n_units"])
    mean = units / clusters
    spread = math.sqrt(max(float(row["sum_squares"]) / clusters - mean * mean, 0.0)) / mean
    details = {"mean": mean, "smallest": row["smallest"], "largest": row["largest"],
               "n_units": units}  # fmt: skip
    return _row(experiment, "cluster_sizes", "uneven_clusters" if spread > UNEVEN else None,
                population="analysed", variant=variant, value=spread, threshold=UNEVEN, n=clusters,
                value_name="coefficient_of_variation",
                details=as_json(details))  # fmt: skip


def _row(experiment: Experiment, name: str, reason: str | None, **values: Any) -> Row:
    status = values.pop("status", None) or ("warn" if reason else "pass")
    return check_row(
        experiment_id=experiment.id, check_name=name, status=status, reason_code=reason,
        message=REASONS[reason] if reason else None, **values,
    )  # fmt: skip


def _total(rows: Iterable[Mapping[str, Any]], name: str) -> int:
    return sum(count(row.get(name)) for row in rows)
