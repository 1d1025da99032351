"""Second and fourth moments of residuals: every robust covariance follows from them.

With u the row of what the controls leave of outcome, treatments and instruments, every regressor,
instrument and error of a model is a combination of u. So the sum over rows of (score error)(score
error)' is a contraction of the sums of u_a u_b u_c u_d; with clusters, of the sums over clusters of
(sum of u_a u_b)(sum of u_c u_d). By Frisch-Waugh-Lovell coefficients, errors and the sandwich of
the coefficients of interest are those of the full regression with the controls in it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from causalops.estimators.quasi import gram
from causalops.moments import Floats

_ROUNDING = 1e-13  # a sum of squares below this share of its terms is rounding


@dataclass(frozen=True)
class Residuals:
    """Moments of q residual columns over n rows, after `n_absorbed` parameters.

    second (q, q): sums of u_a u_b. fourth (q, q, q, q): sums of u_a u_b u_c u_d, or with clusters
    the sums over clusters of products of their sums of u_a u_b and u_c u_d; None: not known.
    n_absorbed counts the constant; n_nested of them are effects constant within clusters, beyond
    the constant, which clustered errors do not count.
    """

    names: tuple[str, ...]
    n: int
    second: Floats
    fourth: Floats | None = field(default=None, repr=False)
    n_clusters: int | None = None
    n_absorbed: int = 1
    n_nested: int = 0

    @property
    def is_finite(self) -> bool:
        """Whether every moment is a finite number."""
        fourth = self.fourth is None or bool(np.isfinite(self.fourth).all())
        return fourth and bool(np.isfinite(self.second).all())

    def pick(self, names: Sequence[str]) -> Floats:
        """Selector (q, names): the columns of these names as combinations of u."""
        found = np.zeros((len(self.names), len(names)))
        for column, name in enumerate(names):
            found[self.names.index(name), column] = 1.0
        return found

    def cross(self, left: Floats, right: Floats) -> Floats:
        """Sums of products of two combinations of u, each (q, any) or (q,)."""
        return np.asarray(left.T @ self.second @ right)

    def squares(self, combination: Floats) -> float:
        """Sum of squares of a combination (q,) of u; 0 where it is no more than rounding."""
        found = float(self.cross(combination, combination))
        size = np.abs(combination) * np.sqrt(np.maximum(np.diag(self.second), 0.0))
        return found if found > _ROUNDING * float(size.sum()) ** 2 else 0.0

    def meat(self, scores: Floats, error: Floats, other: Floats | None = None) -> Floats:
        """Sum (r, r) of (scores * error)(scores * other)' over rows or clusters; `other` defaults
        to the error. Scores are (q, r), errors (q,) combinations of u.

        Raises ValueError without fourth moments.
        """
        if self.fourth is None:
            raise ValueError("a robust covariance needs the fourth moments")
        right = error if other is None else other
        inner = np.tensordot(np.tensordot(self.fourth, right, (3, 0)), error, (1, 0))
        return np.asarray(scores.T @ inner @ scores)


def of_rows(
    columns: Mapping[str, npt.ArrayLike],
    controls: Sequence[str] = (),
    clusters: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
) -> Residuals:
    """Residual moments of the columns that are not controls, from rows; `controls` must be
    independent. Rows with a missing or infinite value, or without a positive weight, are left out.
    """
    rows, weight = gram.complete(columns, weights)
    if clusters is not None:
        clusters = np.asarray(clusters)[gram.usable(columns, weights)]
    table = gram.from_rows(columns, weights)
    names = [name for name in columns if name not in controls]
    coefficients = gram.slopes(table, names, controls)
    gap = rows - table.mean
    where = [list(columns).index(name) for name in names]
    given = [list(columns).index(name) for name in controls]
    residuals = gap[:, where] - gap[:, given] @ coefficients
    return of_residuals(names, residuals, clusters, weight, 1 + len(controls))


def of_residuals(
    names: Sequence[str],
    residuals: Floats,
    clusters: npt.ArrayLike | None = None,
    weights: Floats | None = None,
    n_absorbed: int = 1,
    n_nested: int = 0,
) -> Residuals:
    """Moments of residual rows (n, q); weights (n,) of mean one multiply every product of two."""
    n, q = residuals.shape
    weighted = residuals if weights is None else residuals * weights[:, None]
    pairs = (weighted[:, :, None] * residuals[:, None, :]).reshape(n, q * q)
    size = None
    if clusters is not None:
        labels, index = np.unique(np.asarray(clusters), return_inverse=True)
        size = len(labels)
        totals = np.zeros((size, q * q))
        np.add.at(totals, index, pairs)
        pairs = totals
    with np.errstate(over="ignore", invalid="ignore"):  # reported as `not_finite`
        second = weighted.T @ residuals
        fourth = (pairs.T @ pairs).reshape(q, q, q, q)
    return Residuals(tuple(names), n, second, fourth, size, n_absorbed, n_nested)


def small_sample(residuals: Residuals, n_parameters: int, kind: str) -> tuple[float, float]:
    """Factor of a robust covariance, and the degrees of freedom of its t and F tests.

    hc0: 1. hc1: n / (n - K). cr0: 1. cr1: G / (G - 1) (n - 1) / (n - K), with effects nested in
    clusters counted once (Stata's `xtreg, fe`, pyfixest). Tests use t(n - K), or t(G - 1).
    """
    n, df = residuals.n, residuals.n - n_parameters
    if kind in ("cr0", "cr1"):
        groups = residuals.n_clusters or 0
        free = n - n_parameters + residuals.n_nested
        if groups < 2 or free <= 0:
            return math.nan, math.nan
        factor = groups / (groups - 1) * (n - 1) / free if kind == "cr1" else 1.0
        return factor, groups - 1.0
    return (n / df if kind == "hc1" and df > 0 else 1.0), float(df)
