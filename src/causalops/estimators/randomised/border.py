"""Do control units with treated neighbours differ from control units without any?

In a cluster experiment, whether a unit has a treated neighbour depends on its place in the network:
units with many neighbours in other clusters nearly always have one. Among control units whose
neighbours lie in the same number of other clusters, however, the randomisation of those clusters
decides. So the comparison is made within strata of that number and pooled:
  effect = sum over strata of w_s (mean of 'some' - mean of 'none'),
with w_s proportional to n_1s n_0s / (n_1s + n_0s), the weights of a regression on the exposure with
an intercept per stratum. Outcomes are adjusted by their pre-period with the slopes within cells
(exposure x stratum). Clusters hold both kinds of unit: with E_cg the residual total of cluster g in
cell c and n_cg its units there,
  u_g = sum over cells of +-w_s E_cg / sqrt(1 - n_cg / n_c) / n_c,  variance = sum of u_g^2.
This is CR2 (Bell & McCaffrey 2002) of the saturated design, exact as in `clusters`, with t on the
clusters of the rarer kind less one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from causalops.inference import Inference, difference
from causalops.moments import Floats

MIN_UNITS = 20  # of each kind, and per covariate
MIN_CLUSTERS = 2  # with units of a kind, in every stratum used
_CONSTANT = 1e-9


@dataclass(frozen=True)
class Cell:
    """Units of one kind in one stratum: `size` (G) and `total` (G, P) by cluster, `cross` (P, P).

    Totals and products are about the pooled means of the parts; a missing value is at its mean.
    """

    labels: tuple[str, ...]
    size: Floats
    total: Floats
    cross: Floats

    @property
    def n(self) -> float:
        return float(self.size.sum())


@dataclass(frozen=True)
class Border:
    """The control units of a metric on the border: strata of ('some', 'none') cells."""

    parts: tuple[str, ...]
    centre: Floats
    strata: tuple[tuple[Cell, Cell], ...]


@dataclass(frozen=True)
class BorderEffect:
    """Difference between the two kinds; without inference when `reason` is set."""

    n_some: int = 0
    n_none: int = 0
    n_clusters: int = 0
    n_strata: int = 0
    mean: float | None = None
    test: Inference | None = None
    reason: str | None = None


def border(rows: Iterable[Mapping[str, Any]]) -> Border:
    """One metric's rows of `experiment_spillover_moments`."""
    listed = list(rows)
    on = [row for row in listed if row["a"] == row["b"]]
    parts = tuple(sorted({row["a"] for row in on}, key=lambda part: ("yzxw".index(part[0]), part)))
    index = {part: position for position, part in enumerate(parts)}
    n, shift, offset = (np.zeros(len(parts)) for _ in range(3))
    for row in on:
        at = index[row["a"]]
        n[at] += row["n"]
        offset[at] += row["sum_a"]
        shift[at] = row["shift_a"]
    offset = np.divide(offset, n, out=np.zeros_like(offset), where=n > 0)
    kinds: dict[str, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in listed:
        kinds[row["n_other_clusters"]][row["neighbour_exposure"]].append(row)
    strata = tuple(
        (_cell(kinds[name]["some"], index, offset), _cell(kinds[name]["none"], index, offset))
        for name in sorted(kinds)
    )
    return Border(parts, shift + offset, strata)


def border_effect(found: Border, alpha: float = 0.05) -> BorderEffect:
    """Units with treated neighbours minus those without, within strata.

    Total: `few_border_units` where either kind, or its clusters, are too few; `undefined_ratio`.
    """
    usable = [pair for pair in found.strata if min(map(_clusters, pair)) >= MIN_CLUSTERS]
    n_some, n_none = (int(sum(pair[side].n for pair in usable)) for side in (0, 1))
    labels = [{name for pair in usable for name in pair[side].labels} for side in (0, 1)]
    result = BorderEffect(n_some, n_none, len(labels[0] | labels[1]), len(usable))
    if min(n_some, n_none) < MIN_UNITS:
        return replace(result, reason="few_border_units")
    outcome = _outcome(found)
    if outcome is None:
        return replace(result, reason="undefined_ratio")
    mean, loadings = outcome
    loadings = loadings - _adjustment(found, usable, loadings, min(n_some, n_none))
    weight = np.array([some.n * none.n / (some.n + none.n) for some, none in usable])
    weight /= weight.sum()
    effect, terms = 0.0, defaultdict[str, float](float)
    for pair, share in zip(usable, weight, strict=True):
        for cell, sign in zip(pair, (share, -share), strict=True):
            total = cell.total @ loadings
            centre = float(total.sum() / cell.n)
            effect += sign * centre
            scaled = (total - cell.size * centre) / np.sqrt(1 - cell.size / cell.n) / cell.n
            for name, value in zip(cell.labels, sign * scaled, strict=True):
                terms[name] += value
    variance = float(sum(value * value for value in terms.values()))
    free = min(map(len, labels)) - 1.0
    return replace(result, mean=mean, test=difference(effect, variance, free, alpha, abs(mean)))


def _cell(rows: Sequence[Mapping[str, Any]], index: Mapping[str, int], offset: Floats) -> Cell:
    labels = tuple(sorted({row["cluster_group"] for row in rows}))
    where = {label: position for position, label in enumerate(labels)}
    size, total = np.zeros(len(labels)), np.zeros((len(labels), len(index)))
    cross = np.zeros((len(index), len(index)))
    for row in rows:
        a, b, group = index[row["a"]], index[row["b"]], where[row["cluster_group"]]
        if a == b:
            total[group, a] = row["sum_a"] - row["n"] * offset[a]
        if row["a"] == row["b"] == "y":
            size[group] = row["n"]
        product = row["sum_ab"] - offset[b] * row["sum_a"] - offset[a] * row["sum_b"]
        product += row["n"] * offset[a] * offset[b]
        cross[a, b] += product
        cross[b, a] += product if a != b else 0.0
    return Cell(labels, size, total, cross)


def _clusters(cell: Cell) -> int:
    return int((cell.size > 0).sum())


def _outcome(found: Border) -> tuple[float, Floats] | None:
    """Level and loadings of the outcome: y, or a ratio linearised at the pooled means."""
    loadings = np.zeros(len(found.parts))
    if "z" not in found.parts:
        loadings[0] = 1.0
        return float(found.centre[0]), loadings
    top, bottom = found.centre[:2]
    if bottom == 0:
        return None
    loadings[:2] = 1 / bottom, -top / bottom / bottom
    return float(top / bottom), loadings


def _adjustment(
    found: Border, usable: Sequence[tuple[Cell, Cell]], loadings: Floats, units: int
) -> Floats:
    """Slopes of the outcome on the covariates within cells, as loadings; zeros without any.

    A covariate that is itself a ratio is left out.
    """
    slopes = np.zeros(len(found.parts))
    covariates = [
        position for position, part in enumerate(found.parts)
        if part[0] == "x" and "w" + part[1:] not in found.parts
    ][: units // MIN_UNITS]  # fmt: skip
    within = np.zeros((len(found.parts), len(found.parts)))
    raw = np.zeros_like(within)
    for cell in (cell for pair in usable for cell in pair):
        mean = cell.total.sum(axis=0)
        within += cell.cross - np.outer(mean, mean) / cell.n
        raw += cell.cross
    spread = np.sqrt(np.maximum(np.diag(within), 0.0))
    level = np.sqrt(np.maximum(np.diag(raw), 0.0)) + np.abs(found.centre)
    kept = [at for at in covariates if spread[at] > _CONSTANT * level[at] > 0]
    if kept:
        grid = within[np.ix_(kept, kept)] / np.outer(spread[kept], spread[kept])
        toward = (within[kept] @ loadings) / spread[kept]
        slopes[kept] = np.linalg.lstsq(grid, toward, rcond=_CONSTANT)[0] / spread[kept]
    return slopes
