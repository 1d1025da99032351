"""Means and centred cross-products of complete rows, and what of a column others leave over.

One Gram matrix over outcome, treatments, instruments and controls holds every coefficient of least
squares and of two-stage least squares. The constant is always there: everything is centred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from causalops.inference import CONSTANT
from causalops.moments import Floats, Moments

# A column of which earlier columns leave less than this share of its variance is their combination:
# sums of products in double precision hold about 1e-13 of a variance, and a share of 1e-10 (a
# variance inflation of 1e10) leaves three digits of it.
TOLERANCE = 1e-10
_NAMED = 1e-4  # smallest standardised coefficient that counts as part of a combination


@dataclass(frozen=True)
class Combination:
    """A column that is a linear combination of others; of none: it is constant."""

    column: str
    of: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.of:
            return f"{self.column} is constant"
        return f"{self.column} is a combination of {', '.join(self.of)}"


@dataclass(frozen=True)
class Independent:
    """Columns without those that the ones before them already determine."""

    kept: tuple[str, ...]
    dropped: tuple[Combination, ...] = ()


def from_rows(
    columns: Mapping[str, npt.ArrayLike], weights: npt.ArrayLike | None = None
) -> Moments:
    """Gram of equally long columns; rows with a missing or infinite value are left out.

    Weights are scaled to the mean one, so that `n` counts rows (analytic weights, as in WLS).
    """
    names = tuple(columns)
    rows, weight = complete(columns, weights)
    n = len(rows)
    if not n:
        return Moments(names, 0.0, np.zeros(len(names)), np.zeros((len(names), len(names))))
    mean = np.asarray(weight @ rows / n, dtype=float)
    gap = (rows - mean) * np.sqrt(weight)[:, None]
    return Moments(names, float(n), mean, gap.T @ gap)


def complete(
    columns: Mapping[str, npt.ArrayLike], weights: npt.ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Complete rows (n, columns) and their positive weights (n,), of mean one."""
    use = usable(columns, weights)
    rows = _table(columns)[use]
    weight = np.ones(len(rows)) if weights is None else np.asarray(weights, dtype=float)[use]
    return rows, weight / weight.mean() if len(weight) else weight


def usable(
    columns: Mapping[str, npt.ArrayLike], weights: npt.ArrayLike | None = None
) -> npt.NDArray[np.bool_]:
    """Which rows have finite values and a positive weight."""
    use = np.isfinite(_table(columns)).all(axis=1)
    if weights is not None:
        weight = np.asarray(weights, dtype=float)
        use &= np.isfinite(weight) & (weight > 0)
    return np.asarray(use)


def independent(gram: Moments, names: Sequence[str], given: Sequence[str] = ()) -> Independent:
    """`names` in this order, without constants and combinations of `given` and earlier names.

    Cholesky's factorisation of the correlations, column by column; the order decides which of
    several dependent columns stays, so that it never depends on rounding (as in R's `lm`).
    `given` must itself be independent.
    """
    spread = np.sqrt(np.maximum(np.diag(gram.c), 0.0))
    where = {name: index for index, name in enumerate(gram.names)}
    kept: list[str] = []
    dropped: list[Combination] = []
    inverse = np.zeros((len(given) + len(names),) * 2)  # of the factor of the kept columns
    for name in (*given, *names):
        j = where[name]
        if spread[j] <= CONSTANT * abs(gram.mean[j]) * np.sqrt(gram.n):
            dropped.append(Combination(name))
            continue
        others, k = [where[other] for other in kept], len(kept)
        correlations = gram.c[others, j] / (spread[others] * spread[j])
        row = inverse[:k, :k] @ correlations
        left = 1.0 - float(row @ row)
        if left <= TOLERANCE:
            parts = row @ inverse[:k, :k]
            named = [other for other, part in zip(kept, parts, strict=True) if abs(part) > _NAMED]
            dropped.append(Combination(name, tuple(named)))
            continue
        inverse[k, :k] = -(row @ inverse[:k, :k]) / np.sqrt(left)
        inverse[k, k] = 1 / np.sqrt(left)
        kept.append(name)
    return Independent(tuple(name for name in kept if name not in given), tuple(dropped))


def slopes(gram: Moments, targets: Sequence[str], on: Sequence[str]) -> Floats:
    """Least-squares coefficients (on, targets) of each target on the independent columns `on`."""
    return solve(gram.select(on).c, _cross(gram, on, targets))


def partial_out(gram: Moments, targets: Sequence[str], on: Sequence[str]) -> Floats:
    """Cross-products (targets, targets) of what `on` leaves of the targets (Frisch & Waugh 1933,
    Lovell 1963)."""
    left = gram.select(targets).c - slopes(gram, targets, on).T @ _cross(gram, on, targets)
    return np.asarray((left + left.T) / 2)


def solve(matrix: Floats, right: Floats) -> Floats:
    """Solution of a symmetric positive definite system, scaled first so that units do not matter.

    Raises LinAlgError when the matrix is singular.
    """
    scale = 1.0 / np.sqrt(np.diag(matrix))
    scaled = matrix * np.outer(scale, scale)
    return np.asarray((np.linalg.solve(scaled, (right.T * scale).T).T * scale).T)


def orthonormal(matrix: Floats) -> Floats:
    """Combinations (k, k) of columns with these cross-products that make them orthonormal.

    Raises LinAlgError when the matrix is singular.
    """
    scale = 1.0 / np.sqrt(np.diag(matrix))
    root = np.linalg.cholesky(matrix * np.outer(scale, scale))
    return np.asarray((np.linalg.inv(root) * scale).T)


def _table(columns: Mapping[str, npt.ArrayLike]) -> Floats:
    return np.column_stack([np.asarray(values, dtype=float) for values in columns.values()])


def _cross(gram: Moments, left: Sequence[str], right: Sequence[str]) -> Floats:
    rows = [gram.names.index(name) for name in left]
    return gram.c[rows][:, [gram.names.index(name) for name in right]]
