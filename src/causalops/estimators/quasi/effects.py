"""Fixed effects taken out of columns: one way by means, two ways by one small exact system.

With unit sums D_u, period sums D_t and their cross-table C of weights, the period effects of a
column v solve (D_t - C' D_u^-1 C) l = C_t(v) - C' D_u^-1 C_u(v), as many equations as the smaller
side has levels, balanced or not (Abowd, Creecy & Kramarz 2002).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import bmat, csr_matrix
from scipy.sparse.csgraph import connected_components

from causalops.moments import Floats

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Absorbed:
    """Columns (n, q) without their effects, and how many parameters these effects were."""

    columns: Floats
    n_effects: int


def codes(values: npt.ArrayLike) -> Codes:
    """Levels numbered from 0 in sorted order."""
    return np.asarray(np.unique(np.asarray(values), return_inverse=True)[1], dtype=np.int64)


def one_way(columns: Floats, level: Codes, weights: Floats) -> Absorbed:
    """Columns less their weighted mean by level."""
    return Absorbed(columns - _means(columns, level, weights)[level], int(level.max()) + 1)


def two_way(columns: Floats, first: Codes, second: Codes, weights: Floats) -> Absorbed:
    """Columns less the effects of two classifications, as weighted least squares fits them.

    Each group of levels that no row connects with the others needs a constant less.
    """
    if first.max() < second.max():
        first, second = second, first
    shape = (int(first.max()) + 1, int(second.max()) + 1)
    table = csr_matrix((weights, (first, second)), shape=shape)
    rows, cols = np.bincount(first, weights), np.bincount(second, weights)
    share = csr_matrix((1 / rows[first] * weights, (first, second)), shape=shape)
    system = np.diag(cols) - (table.T @ share).toarray()
    inverse = np.linalg.pinv(system, rcond=1e-12, hermitian=True)
    found = columns
    for _ in range(2):  # the second pass removes the rounding of the first
        weighted = found * weights[:, None]
        right = _sums(weighted, second, shape[1]) - share.T @ _sums(weighted, first, shape[0])
        found = found - (inverse @ right)[second]
        found = found - _means(found, first, weights)[first]
    links = bmat([[None, table], [table.T, None]], format="csr")
    groups = int(connected_components(links, directed=False)[0])
    return Absorbed(found, shape[0] + shape[1] - groups)


def _means(columns: Floats, level: Codes, weights: Floats) -> Floats:
    size = int(level.max()) + 1
    total = np.bincount(level, weights, minlength=size)
    return _sums(columns * weights[:, None], level, size) / total[:, None]


def _sums(columns: Floats, level: Codes, size: int) -> Floats:
    sums = [np.bincount(level, column, minlength=size) for column in columns.T]
    return np.column_stack(sums) if sums else np.zeros((size, 0))
