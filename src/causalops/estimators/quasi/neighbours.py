"""Nearest neighbours on one score, inside cells, with ties exact and cost n log n.

Scores lie on an integer grid, a billionth of their standard deviation wide, so equal scores are
equal whatever order rows come in. Cells lie so far apart on the line that a neighbour from another
cell is farther than any in one's own. The m nearest with all ties are then a window of the sorted
line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from causalops.moments import Floats

Ints = npt.NDArray[np.int64]

_GRID = 1e-9
_TIE = 2  # distances that differ by no more places are equal: rounding to the grid moves each end
_ROOM = 2.0**60


@dataclass(frozen=True)
class Line:
    """Places (n) of units on the line; `step` is a score's length of one place.

    No two units of a cell are farther apart than `reach` places.
    """

    places: Ints
    step: float
    reach: int


@dataclass(frozen=True)
class Windows:
    """Positions low <= i < high in a sorted line, one window per query; empty where none is near.

    `distance` is that to the farthest unit of the window, in places.
    """

    low: Ints
    high: Ints
    distance: Ints

    @property
    def size(self) -> Ints:
        return self.high - self.low


def line(score: Floats, cells: Ints | None = None) -> Line:
    """The line of a finite score (n) with cells (n) coded 0, 1, ..."""
    codes = np.zeros(len(score), dtype=np.int64) if cells is None else cells
    if not len(score):
        return Line(np.zeros(0, dtype=np.int64), 1.0, 0)
    low, width = float(score.min()), float(np.ptp(score))
    room = _ROOM / (int(codes.max()) + 1) / 8
    step = max(_GRID * float(score.std()), width / room) or 1.0
    inside = np.rint((score - low) / step).astype(np.int64)
    reach = int(inside.max())
    return Line(codes * (3 * reach + 4 * _TIE) + inside, step, reach)


def windows(ordered: Ints, queries: Ints, count: int, limit: int) -> Windows:
    """The `count` nearest places with all ties, none farther than `limit` (<= a line's reach).

    `ordered` is sorted; `queries` come in any order. A query with fewer neighbours within the
    limit gets those.
    """
    n = len(ordered)
    count = min(count, n)
    if not count:
        none = np.zeros(len(queries), dtype=np.int64)
        return Windows(none, none, none)
    at = np.searchsorted(ordered, queries)
    candidates = at[:, None] + np.arange(-count, count)
    gaps = np.abs(ordered[np.clip(candidates, 0, n - 1)] - queries[:, None])
    gaps[(candidates < 0) | (candidates >= n)] = np.iinfo(np.int64).max
    far = np.minimum(np.partition(gaps, count - 1, axis=1)[:, count - 1], limit)
    low = np.searchsorted(ordered, queries - far - _TIE, side="left")
    high = np.searchsorted(ordered, queries + far + _TIE, side="right")
    return Windows(low, high, far)


def sums(values: Floats, within: Windows) -> Floats:
    """Sums of values (n) or (n, k), in the order of the line, over each window."""
    total = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, out=total[1:])
    found: Floats = total[within.high] - total[within.low]
    return found


def means(values: Floats, within: Windows) -> Floats:
    """Means over each window; NaN where it is empty."""
    centre = values.mean(axis=0) if len(values) else np.zeros(values.shape[1:])
    size = np.where(within.size > 0, within.size, np.nan)
    shape = (-1, *[1] * (values.ndim - 1))
    found: Floats = sums(values - centre, within) / size.reshape(shape) + centre
    return found


def spread(weights: Floats, within: Windows, n: int) -> Floats:
    """The transpose of `sums`: each window's weight (per query) given to all n places in it."""
    steps = np.zeros(n + 1)
    np.add.at(steps, within.low, weights)
    np.subtract.at(steps, within.high, weights)
    found: Floats = np.cumsum(steps[:n])
    return found
