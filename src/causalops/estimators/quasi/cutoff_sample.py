"""Rows of a regression discontinuity design, complete and in an order that rows cannot change.

A unit exactly at the cutoff belongs to the side above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from causalops.inference import CONSTANT
from causalops.moments import Floats

Sides = tuple[int, int]  # below and above the cutoff


@dataclass(frozen=True)
class Sample:
    """Complete rows of one outcome, sorted by their values.

    `x` (n) is the score less the cutoff, `y` (n) the outcome, `received` (n) the treatment taken,
    `covariates` (n, k), `clusters` (n) codes. `n_dropped` rows had a missing value.
    """

    x: Floats
    y: Floats
    treated_above: bool = True
    received: Floats | None = None
    covariates: Floats | None = None
    clusters: npt.NDArray[np.intp] | None = None
    n_dropped: int = 0

    @property
    def sign(self) -> float:
        """Turns above minus below into treated minus untreated."""
        return 1.0 if self.treated_above else -1.0

    @property
    def n(self) -> Sides:
        """Units below and above the cutoff."""
        above = int((self.x >= 0).sum())
        return len(self.x) - above, above

    def only(self, chosen: npt.NDArray[np.bool_]) -> Sample:
        """These rows (n) alone."""
        return replace(
            self,
            x=self.x[chosen],
            y=self.y[chosen],
            received=None if self.received is None else self.received[chosen],
            covariates=None if self.covariates is None else self.covariates[chosen],
            clusters=None if self.clusters is None else self.clusters[chosen],
        )


def sample(
    y: npt.ArrayLike,
    score: npt.ArrayLike,
    cutoff: float,
    treated_above: bool = True,
    received: npt.ArrayLike | None = None,
    covariates: npt.ArrayLike | None = None,
    clusters: Sequence[Any] | npt.NDArray[Any] | None = None,
) -> Sample:
    """Rows without a missing or infinite value, in an order that depends on the values alone.

    `y`, `score`, `received`, `clusters` have shape (n,), `covariates` (n,) or (n, k).
    """
    table = [np.asarray(score, dtype=float) - cutoff, np.asarray(y, dtype=float)]
    n = len(table[0])
    if received is not None:
        table.append(np.asarray(received, dtype=float))
    extra = np.empty((n, 0)) if covariates is None else np.asarray(covariates, dtype=float)
    extra = extra[:, None] if extra.ndim == 1 else extra
    keys = np.column_stack([*table, extra])
    complete = np.isfinite(keys).all(axis=1)
    codes = None
    if clusters is not None:
        labels = np.asarray(clusters, dtype=object)
        complete &= np.array([label is not None and label == label for label in labels], dtype=bool)
        codes = np.zeros(n, dtype=np.intp)
        codes[complete] = np.unique(labels[complete].astype(str), return_inverse=True)[1]
        keys = np.column_stack([keys, codes])
    kept = np.flatnonzero(complete)
    kept = kept[np.lexsort(keys[kept].T[::-1])]
    return Sample(
        x=keys[kept, 0],
        y=keys[kept, 1],
        treated_above=treated_above,
        received=None if received is None else keys[kept, 2],
        covariates=None if covariates is None else _usable(extra[kept]),
        clusters=None if codes is None else codes[kept],
        n_dropped=n - len(kept),
    )


def _usable(covariates: Floats) -> Floats | None:
    """Covariates that vary; rdrobust itself leaves out combinations of others."""
    if not len(covariates):
        return None
    size = np.abs(covariates).max(axis=0)
    varies = np.ptp(covariates, axis=0) > CONSTANT * size
    return covariates[:, varies] if varies.any() else None


def problem(rows: Sample, order: int = 1) -> str | None:
    """Why no jump can be estimated, None when one can."""
    above = rows.x >= 0
    if not len(rows.x):
        return "no_units"
    if above.all() or not above.any():
        return "no_units_one_side"
    # The bias correction fits a polynomial of one order more on each side.
    if min(len(np.unique(rows.x[side])) for side in (above, ~above)) < order + 2:
        return "few_score_values"
    if np.ptp(rows.y) <= CONSTANT * np.abs(rows.y).max():
        return "zero_variance"
    clusters = rows.clusters
    if clusters is not None and min(len(np.unique(clusters[s])) for s in (above, ~above)) < 2:
        return "too_few_clusters"
    return None
