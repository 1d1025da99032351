"""Tables of Gram matrices and residual moments as arrays, and the numbers that link the two.

A block is one outcome of one analysis. Its parts are y (outcome), x (treatment), z1, z2, …
(instruments) and w1, w2, … (controls). Residual moments are in standard deviations of each part, so
that fourth powers of large values stay finite; the scales bring them back.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from causalops.estimators.quasi.gram import Independent, independent, partial_out, slopes
from causalops.estimators.quasi.residual_moments import Residuals
from causalops.frames import records
from causalops.moments import Floats, Moments

Key = tuple[str, str, str]  # experiment_id, analysis, metric
CONTROL = "w"
_NOTHING = 1e-7  # a residual below this share of the column's own spread is rounding


@dataclass(frozen=True)
class Block:
    """Means and cross-products of one block's parts over its complete rows."""

    gram: Moments
    n_rows: int
    n_duplicates: int

    @property
    def n(self) -> int:
        """Complete rows."""
        return int(self.gram.n)


@dataclass(frozen=True)
class Projection:
    """Controls that are independent, slopes (controls kept, targets) on them, and the scale
    (targets,) of what they leave."""

    controls: Independent
    targets: tuple[str, ...]
    slopes: Floats
    scales: Floats


def blocks(table: Any) -> dict[Key, Block]:
    """Every block of the table `experiment_gram` that has a complete row."""
    found: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for row in records(table):
        found[row["experiment_id"], row["analysis"], row["metric"]].append(row)
    return {key: _block(rows) for key, rows in found.items()}


def project(gram: Moments) -> Projection:
    """What has to be taken out of each part; a part that does not vary keeps the scale 1."""
    targets = tuple(name for name in gram.names if not name.startswith(CONTROL))
    controls = independent(gram, [name for name in gram.names if name not in targets])
    own = np.sqrt(np.maximum(np.diag(gram.select(targets).c), 0.0))
    left = np.sqrt(np.maximum(np.diag(partial_out(gram, targets, controls.kept)), 0.0))
    used = np.where(left > _NOTHING * own, left, own) / math.sqrt(max(gram.n, 1.0))
    scales = np.where((used > 0) & np.isfinite(used), used, 1.0)
    return Projection(controls, targets, slopes(gram, targets, controls.kept), scales)


def residuals(table: Any) -> dict[Key, list[dict[str, Any]]]:
    """Rows of the table `experiment_residual_moments` by block."""
    found: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for row in records(table):
        found[row["experiment_id"], row["analysis"], row["metric"]].append(row)
    return found


def residuals_of(
    rows: Iterable[dict[str, Any]], projection: Projection, is_clustered: bool
) -> Residuals:
    """Moments of one block's residuals in the units of the data.

    Products that hold the outcome more often than errors do are not in the table, and stay 0: no
    score holds the outcome.
    """
    names = projection.targets
    where = {name: index for index, name in enumerate(names)}
    q, n, groups = len(names), 0, 0
    second, fourth = np.full((q, q), np.nan), np.zeros((q, q, q, q))
    for row in rows:
        n, groups = int(row["n"]), int(row["n_groups"])
        value = math.nan if row["moment"] is None else float(row["moment"])
        a, b = where[row["a"]], where[row["b"]]
        if row["c"] is None:
            second[a, b] = second[b, a] = value
            continue
        c, d = where[row["c"]], where[row["d"]]
        for place in _places((a, b, c, d), is_clustered):
            fourth[place] = value
    s = projection.scales
    with np.errstate(over="ignore", invalid="ignore"):  # reported as `not_finite`
        second = second * np.outer(s, s)
        fourth = fourth * np.einsum("a,b,c,d->abcd", s, s, s, s)
    n_absorbed = 1 + len(projection.controls.kept)
    return Residuals(names, n, second, fourth, groups if is_clustered else None, n_absorbed)


def _block(rows: list[dict[str, Any]]) -> Block:
    names = tuple(dict.fromkeys(row["a"] for row in rows))
    names = tuple(sorted(names, key=lambda name: ("yxzw".index(name[0]), int(name[1:] or 0))))
    where = {name: index for index, name in enumerate(names)}
    mean, c = np.zeros(len(names)), np.zeros((len(names), len(names)))
    for row in rows:
        a, b = where[row["a"]], where[row["b"]]
        c[a, b] = c[b, a] = math.nan if row["c_ab"] is None else row["c_ab"]
        mean[a] = math.nan if row["mean_a"] is None else row["mean_a"]
    first = rows[0]
    gram = Moments(names, float(first["n"] or 0), mean, c)
    return Block(gram, int(first["n_rows"]), int(first["n_duplicates"] or 0))


def _places(four: tuple[int, ...], is_clustered: bool) -> set[tuple[int, ...]]:
    """Every place of the tensor with this value."""
    if not is_clustered:
        return set(permutations(four))
    a, b, c, d = four
    sides = [((p, q), (r, s)) for p, q in ((a, b), (b, a)) for r, s in ((c, d), (d, c))]
    return {(*first, *second) for one in sides for first, second in (one, one[::-1])}
