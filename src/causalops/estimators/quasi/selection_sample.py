"""Rows of a selected sample: an outcome that is seen only for the selected units.

Columns are standardised for the arithmetic and mapped back, so results do not depend on units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import qr

from causalops.inference import CONSTANT
from causalops.moments import Floats

INTERCEPT = "const"
COLLINEAR = 1e-8  # a column with a smaller own share of its spread is a combination of others


@dataclass(frozen=True)
class Columns:
    """Regressors that can be told apart, the intercept first.

    `values` (n, k) are standardised; coefficients of the columns as given are `back @ coefficients`
    with `back` (k, k). `left_out` says of other columns why: constant or collinear.
    """

    values: Floats
    names: tuple[str, ...]
    back: Floats
    left_out: Mapping[str, str]


@dataclass(frozen=True)
class SelectionSample:
    """Complete rows, sorted by their values.

    `selected` (n); `z` has n rows; `y` (m) and `x` (m rows) are those of the m selected units.
    `exclusions` explain selection and not the outcome. `clusters` (n) are codes.
    """

    selected: npt.NDArray[np.bool_]
    z: Columns
    y: Floats
    x: Columns
    exclusions: tuple[str, ...]
    n_dropped: int = 0
    clusters: npt.NDArray[np.intp] | None = None


def selection_sample(
    y: npt.ArrayLike,
    selected: npt.ArrayLike,
    outcome_columns: Mapping[str, npt.ArrayLike],
    selection_columns: Mapping[str, npt.ArrayLike],
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
) -> SelectionSample:
    """Rows with everything they need: the outcome only where `selected` is true.

    Every array has shape (n,). Names may stand in both lists; rows with a missing or infinite value
    are left out and counted.
    """
    outcome, chosen = np.asarray(y, dtype=float), np.asarray(selected, dtype=float)
    tables = [_table(columns, len(chosen)) for columns in (outcome_columns, selection_columns)]
    complete = np.isfinite(chosen) & np.isfinite(np.hstack(tables)).all(axis=1)
    complete &= (chosen == 0) | np.isfinite(outcome)
    codes = np.zeros(len(chosen), dtype=np.intp)
    if clusters is not None:
        labels = np.asarray(clusters, dtype=object)
        complete &= np.array([label is not None and label == label for label in labels], dtype=bool)
        codes[complete] = np.unique(labels[complete].astype(str), return_inverse=True)[1]
    seen = np.where(chosen == 0, 0.0, outcome)
    keys = np.column_stack([chosen, seen, *tables, codes])
    kept = np.flatnonzero(complete)
    kept = kept[np.lexsort(keys[kept].T[::-1])]
    is_selected = chosen[kept] != 0
    x, z = (table[kept] for table in tables)
    chosen_z = usable(z, tuple(selection_columns))
    chosen_x = usable(x[is_selected], tuple(outcome_columns))
    return SelectionSample(
        selected=is_selected,
        z=chosen_z,
        y=outcome[kept][is_selected],
        x=chosen_x,
        exclusions=tuple(n for n in chosen_z.names if n not in (INTERCEPT, *outcome_columns)),
        n_dropped=len(chosen) - len(kept),
        clusters=None if clusters is None else codes[kept],
    )


def _table(columns: Mapping[str, npt.ArrayLike], n: int) -> Floats:
    listed = [np.asarray(column, dtype=float) for column in columns.values()]
    return np.column_stack(listed) if listed else np.empty((n, 0))


def usable(table: Floats, names: Sequence[str]) -> Columns:
    """Intercept and columns of `table` (n, k) but constants and combinations of earlier ones."""
    if not len(table):
        return Columns(np.ones((0, 1)), (INTERCEPT,), np.ones((1, 1)), {})
    centre, spread = table.mean(axis=0), table.std(axis=0)
    varies = spread > CONSTANT * np.abs(table).max(axis=0, initial=0.0)
    scaled = (table - centre) / np.where(varies, spread, 1.0)
    own = np.zeros(len(names))
    (factor,) = qr(np.column_stack([np.ones(len(table)), scaled[:, varies]]), mode="r")
    diagonal = np.abs(np.diag(factor))[1:] / np.sqrt(len(table))
    own[np.flatnonzero(varies)[: len(diagonal)]] = diagonal
    keep = own > COLLINEAR
    reasons = np.where(varies, "collinear", "constant")
    k = int(keep.sum())
    back = np.eye(k + 1)
    back[1:, 1:] = np.diag(1 / spread[keep])
    back[0, 1:] = -centre[keep] / spread[keep]
    return Columns(
        values=np.column_stack([np.ones(len(table)), scaled[:, keep]]),
        names=(INTERCEPT, *(name for name, kept in zip(names, keep, strict=True) if kept)),
        back=back,
        left_out={name: str(reasons[i]) for i, name in enumerate(names) if not keep[i]},
    )
