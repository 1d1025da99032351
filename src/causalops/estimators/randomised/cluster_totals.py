"""Totals of clusters: what the warehouse sends of one arm so that its clusters can vary together.

`Totals` holds G groups of clusters: `size` n_g (units with an outcome, per cluster), `count` k
(clusters in the group; 1 for a single cluster), `total` (G, P) sums over the group of
T = sum over a cluster's units of (part - shift), and `cross` (G, P, P) sums of T T'. Parts are
named as in `causalops.moments` (y, z, x1, w1, ...); anything else that a unit carries may be one
too (d, the treatment received). A part that some units miss has a companion `n_<part>`: the units
that have it. Single clusters carry their id as label; a cluster with units in both arms is one
cluster. Groups (k > 1) hold clusters of equal size in one arm only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from causalops.frames import column_groups
from causalops.moments import Floats

_KEY = ("experiment_id", "analysis", "metric", "population", "segment_dim", "segment_value")
_COLUMNS = ("label", "n_clusters", "n_units", "a", "b", "shift_a", "sum_a", "sum_ab")


@dataclass(frozen=True)
class Groups:
    """The groups of one arm's clusters."""

    labels: tuple[str, ...]
    size: Floats
    count: Floats

    @property
    def n_units(self) -> float:
        return float(self.size @ self.count)

    @property
    def n_clusters(self) -> int:
        return int(self.count.sum())


@dataclass(frozen=True)
class Totals(Groups):
    """Totals of one arm's clusters, by group; `shift` (P) was taken off each part's values."""

    parts: tuple[str, ...]
    total: Floats
    cross: Floats
    shift: Floats

    @property
    def is_single(self) -> bool:
        """Whether every group is one cluster."""
        return bool((self.count == 1).all())

    def column(self, part: str) -> Floats:
        """Sums of one part by group."""
        return np.asarray(self.total[:, self.parts.index(part)])


def totals(
    labels: Sequence[str], size: npt.ArrayLike, parts: Mapping[str, npt.ArrayLike],
    shift: Mapping[str, float] | None = None,
) -> Totals:  # fmt: skip
    """Single clusters of one arm: per cluster its units and each part's total (less shifts)."""
    names = tuple(parts)
    total = np.zeros((len(labels), len(names)))
    for index, name in enumerate(names):
        total[:, index] = np.asarray(parts[name], dtype=float)
    return Totals(
        tuple(labels), np.asarray(size, dtype=float), np.ones(len(labels)), names, total,
        total[:, :, None] * total[:, None, :], np.array([(shift or {}).get(n, 0.0) for n in names]),
    )  # fmt: skip


def totals_of_units(
    clusters: npt.ArrayLike, values: Mapping[str, npt.ArrayLike],
    shift: Mapping[str, float] | None = None,
) -> Totals:  # fmt: skip
    """Single clusters of one arm from one value per unit and part; NaN in a covariate is missing.

    Every unit counts, so units without an outcome are left out by the caller.
    """
    names, where = np.unique(np.asarray(clusters).astype(str), return_inverse=True)
    parts: dict[str, npt.ArrayLike] = {}
    for part, column in values.items():
        gap = np.asarray(column, dtype=float) - (shift or {}).get(part, 0.0)
        present = ~np.isnan(gap)
        parts[part] = np.bincount(where, np.where(present, gap, 0.0), len(names))
        if not present.all():
            parts["n_" + part] = np.bincount(where, present.astype(float), len(names))
    return totals([str(n) for n in names], np.bincount(where, minlength=len(names)), parts, shift)


def by_size(arm: Totals, name: str) -> Totals:
    """The clusters of the arm `name` by equal size: what the warehouse sends when they are many."""
    sizes, where = np.unique(arm.size, return_inverse=True)
    grouped = [np.zeros((len(sizes), *values.shape[1:]))
               for values in (arm.count, arm.total, arm.cross)]  # fmt: skip
    for target, values in zip(grouped, (arm.count, arm.total, arm.cross), strict=True):
        np.add.at(target, where, values)
    labels = tuple(f"{name}: {size:.0f}" for size in sizes)
    return Totals(labels, sizes, grouped[0], arm.parts, grouped[1], grouped[2], arm.shift)


def complete(arm: Totals, centres: Mapping[str, float]) -> Totals:
    """Totals with a missing value of a part put at its centre; no unit is dropped.

    A part that some units miss and that has no centre is left out.

    The filled total is T + (n_g - n_<part>) (centre - shift), linear in the totals: a matrix on
    (totals, size) gives total and cross alike.
    """
    missing = [part for part in arm.parts if "n_" + part in arm.parts]
    if not missing:
        return arm
    keep = [part for part in arm.parts
            if not part.startswith("n_") and (part not in missing or part in centres)]  # fmt: skip
    fill = np.zeros((len(keep), len(arm.parts)))
    gap = np.zeros(len(keep))
    for row, part in enumerate(keep):
        fill[row, arm.parts.index(part)] = 1.0
        if part in missing:
            gap[row] = centres[part] - arm.shift[arm.parts.index(part)]
            fill[row, arm.parts.index("n_" + part)] = -gap[row]
    total = arm.total @ fill.T
    added = arm.size[:, None] * gap
    mixed = total[:, :, None] * added[:, None, :]
    cross = np.einsum("ap,gpq,bq->gab", fill, arm.cross, fill) + mixed + mixed.transpose(0, 2, 1)
    cross += arm.count[:, None, None] * added[:, :, None] * added[:, None, :]
    shift = np.array([arm.shift[arm.parts.index(part)] for part in keep])
    total = total + arm.count[:, None] * added
    return replace(arm, parts=tuple(keep), total=total, cross=cross, shift=shift)


def part_totals(arm: Totals, parts: Sequence[str]) -> Totals:
    """Totals with a covariate in the outcome's place (y, and z for a ratio), of the units that
    have it. Groups of clusters lose those that miss some: the caller compares the units."""
    where = [arm.parts.index(part) for part in parts]
    keep = arm
    if "n_" + parts[0] in arm.parts and arm.is_single:
        size = arm.column("n_" + parts[0])
        rows = np.flatnonzero(size > 0)
        labels = tuple(arm.labels[row] for row in rows)
        keep = replace(arm, labels=labels, size=size[rows], count=arm.count[rows],
                       total=arm.total[rows], cross=arm.cross[rows])  # fmt: skip
    return replace(keep, parts=("y", "z")[: len(parts)], total=keep.total[:, where],
                   cross=keep.cross[np.ix_(range(len(keep.size)), where, where)],
                   shift=keep.shift[where])  # fmt: skip


def totals_of_columns(columns: Mapping[str, npt.NDArray[Any]]) -> Totals:
    """One arm from columns of `experiment_cluster_moments`.

    A row with a = b carries the part's total; only groups (n_clusters > 1) need products.
    """
    on = columns["a"] == columns["b"]
    names, a = np.unique(columns["a"].astype(str), return_inverse=True)
    labels, group = np.unique(columns["label"].astype(str), return_inverse=True)
    size, count = np.zeros(len(labels)), np.ones(len(labels))
    total, shift = np.zeros((len(labels), len(names))), np.zeros(len(names))
    size[group[on]] = columns["n_units"][on].astype(float)
    count[group[on]] = columns["n_clusters"][on].astype(float)
    total[group[on], a[on]] = columns["sum_a"][on].astype(float)
    shift[a[on]] = columns["shift_a"][on].astype(float)
    cross = total[:, :, None] * total[:, None, :]
    many = count[group] > 1
    if many.any():
        b = np.searchsorted(names, columns["b"][many].astype(str))
        values = columns["sum_ab"][many].astype(float)
        cross[group[many], a[many], b] = cross[group[many], b, a[many]] = values
    parts = tuple(str(name) for name in names)
    return Totals(tuple(map(str, labels)), size, count, parts, total, cross, shift)


EMPTY = totals((), (), {})


class ClusterCells:
    """Totals by experiment, analysis, metric, population and segment; made when asked for."""

    def __init__(self, table: Any) -> None:
        self._groups = column_groups(table, (*_KEY, "variant"), _COLUMNS)

    def arm(self, variant: str, *key: Any) -> Totals:
        """Totals of one variant; without any cluster the empty ones."""
        columns = self._groups.get((*key, variant))
        return EMPTY if columns is None else totals_of_columns(columns)
