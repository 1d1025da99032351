"""Sufficient statistics of one metric's block of measures, and exact algebra on them.

A block is `y` (value or numerator), `z` (denominator of a ratio), and covariates `x1`, `w1`
(denominator of a ratio covariate), `x2`, ... of the units of one arm. Everything is centred, so
values around 1e9 lose no digits. Merging follows Chan, Golub & LeVeque (1983), Algorithms for
computing the sample variance, and Pébay (2008) for the third moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Complete moments of k measures over n units: mean (k), c (k, k) centred cross-products."""

    names: tuple[str, ...]
    n: float
    mean: Floats
    c: Floats

    def merge(self, other: Moments) -> Moments:
        """Moments of both groups together."""
        total = self.n + other.n
        if total == 0:
            return self
        shift = other.mean - self.mean
        mean = self.mean + shift * (other.n / total)
        c = self.c + other.c + np.outer(shift, shift) * (self.n * other.n / total)
        return Moments(self.names, total, mean, c)

    def select(self, names: Sequence[str]) -> Moments:
        """The same units, only these measures, in this order."""
        if tuple(names) == self.names:
            return self
        keep = [self.names.index(name) for name in names]
        return Moments(tuple(names), self.n, self.mean[keep], self.c[keep][:, keep])


@dataclass(frozen=True)
class Block:
    """Pairwise-present moments of k measures: a covariate may be missing for some units.

    `n[a, b]` units have both a and b; `mean[a, b]` is the mean of a over them; `c[a, b]` the sum
    of centred cross-products about these means; `m3` the sum of cubed deviations of y.
    """

    names: tuple[str, ...]
    n: Floats
    mean: Floats
    c: Floats
    m3: float = 0.0

    @property
    def size(self) -> int:
        """Units with an outcome."""
        return int(self.n[0, 0]) if self.names else 0

    def present(self, name: str) -> float:
        """Units whose measure `name` is present."""
        index = self.names.index(name)
        return float(self.n[index, index])

    def mean_of(self, name: str) -> float:
        """Mean of one measure over the units that have it."""
        index = self.names.index(name)
        return float(self.mean[index, index])

    def merge(self, other: Block) -> Block:
        """Block of both groups together (same measures, no unit in both)."""
        if not self.names or not other.names:
            return other if not self.names else self
        if self.names != other.names:
            names = united((self, other))
            return self.expand(names).merge(other.expand(names))
        total = self.n + other.n
        share = np.divide(other.n, total, out=np.zeros_like(total), where=total > 0)
        shift = other.mean - self.mean
        between = shift * shift.T * (self.n * share)
        return Block(
            self.names,
            total,
            self.mean + shift * share,
            self.c + other.c + between,
            _merge_m3(self, other, float(shift[0, 0])),
        )

    def expand(self, names: Sequence[str]) -> Block:
        """The same units with these measures; one that nobody here has is present for none."""
        if tuple(names) == self.names:
            return self
        where = np.array([names.index(name) for name in self.names], dtype=int)
        wide = [np.zeros((len(names), len(names))) for _ in range(3)]
        for target, source in zip(wide, (self.n, self.mean, self.c), strict=True):
            target[np.ix_(where, where)] = source
        return Block(tuple(names), wide[0], wide[1], wide[2], self.m3)

    def affine(self, scale: float, shift: float) -> Block:
        """The same units with `scale * y + shift` in the place of y."""
        if not self.names:
            return self
        mean, c = self.mean.copy(), self.c.copy()
        mean[0] = np.where(self.n[0] > 0, scale * mean[0] + shift, 0.0)
        c[0] *= scale
        c[:, 0] *= scale
        return Block(self.names, self.n, mean, c, scale * scale * scale * self.m3)

    def complete(self, centres: Mapping[str, float]) -> Moments:
        """Moments with a missing measure put at its centre; nobody is dropped.

        About the centres an imputed value contributes nothing, so the cross-products over the
        units that have both measures are those of all units.
        """
        total = float(self.n[0, 0])
        if (self.n == total).all():
            return Moments(self.names, total, self.mean.diagonal(), self.c)
        centre = np.array([centres[name] for name in self.names])
        offset = self.mean - centre[:, None]
        about_centre = self.c + self.n * offset * offset.T
        lead = np.diag(self.n) * np.diag(offset) / total
        cross = np.where(self.n == total, self.c, about_centre - total * np.outer(lead, lead))
        return Moments(self.names, total, centre + lead, cross)


EMPTY = Block((), np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 0)))


def merge_all(blocks: Iterable[Block]) -> Block:
    """Merge any number of blocks; none gives the empty block."""
    return reduce(Block.merge, blocks, EMPTY)


def united(blocks: Iterable[Block]) -> tuple[str, ...]:
    """The measures of any of the blocks, in block order."""
    return _in_order(frozenset([name for block in blocks for name in block.names]))


def centres_of(*blocks: Block) -> dict[str, float]:
    """Mean of every measure over all units of the blocks that have it."""
    both = merge_all(blocks)
    return {name: both.mean_of(name) for name in both.names}


def from_pairs(rows: Iterable[Mapping[str, Any]]) -> Block:
    """Block from long rows (a, b, n, mean_a, mean_b, c_ab, and m3 where a = b = 'y')."""
    pairs = [row for row in rows if row["n"]]
    names = _in_order(frozenset([row[key] for row in pairs for key in ("a", "b")]))
    where = {name: index for index, name in enumerate(names)}
    n, mean, c = ([[0.0] * len(names) for _ in names] for _ in range(3))
    m3 = 0.0
    for row in pairs:
        a, b = where[row["a"]], where[row["b"]]
        n[a][b] = n[b][a] = _number(row["n"])
        mean[a][b], mean[b][a] = _number(row["mean_a"]), _number(row["mean_b"])
        c[a][b] = c[b][a] = _number(row["c_ab"])
        if row["a"] == row["b"] == "y":
            m3 = _number(row.get("m3") or 0.0)
    return Block(names, np.array(n), np.array(mean), np.array(c), m3) if names else EMPTY


def from_rows(arrays: Mapping[str, npt.ArrayLike]) -> Block:
    """Block from one value per unit and measure; NaN is missing.

    Units without y (or z) are left out. `arrays` maps part names to equally long sequences.
    """
    names = _in_order(frozenset(arrays))
    data = np.array([np.asarray(arrays[name], dtype=float) for name in names])
    required = [index for index, name in enumerate(names) if name in ("y", "z")]
    data = data[:, ~np.isnan(data[required]).any(axis=0)]
    present = ~np.isnan(data)
    shape = (len(names), len(names))
    n, mean, c = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    with np.errstate(all="ignore"):
        for a in range(len(names)):
            for b in range(a, len(names)):
                pair = data[:, present[a] & present[b]][[a, b]]
                if not pair.shape[1]:
                    continue
                n[a, b] = n[b, a] = pair.shape[1]
                mean[a, b], mean[b, a] = pair.mean(axis=1)
                gap = pair - pair.mean(axis=1, keepdims=True)
                c[a, b] = c[b, a] = gap[0] @ gap[1]
        m3 = float(np.sum((data[0] - mean[0, 0]) ** 3))
    return Block(names, n, mean, c, m3)


def winsor_cap(values: npt.ArrayLike, quantile: float) -> float:
    """Pooled quantile (linear interpolation) that values are capped at; missing ones are left out.

    Raises ValueError without any value.
    """
    present = np.asarray(values, dtype=float)
    present = present[~np.isnan(present)]
    if not present.size:
        raise ValueError("a cap needs at least one value")
    return float(np.quantile(present, quantile))


def _merge_m3(left: Block, right: Block, shift: float) -> float:
    n_left, n_right = float(left.n[0, 0]), float(right.n[0, 0])
    total = n_left + n_right
    if total == 0:
        return 0.0
    cubes = shift * shift * shift * n_left * n_right * (n_left - n_right) / total**2
    squares = 3 * shift * (n_left * right.c[0, 0] - n_right * left.c[0, 0]) / total
    return float(left.m3 + right.m3 + cubes + squares)


def _number(value: Any) -> float:
    """A float; what is not a number becomes NaN and is reported as `not_finite` later."""
    return float("nan") if value is None else float(value)


@lru_cache
def _in_order(names: frozenset[str]) -> tuple[str, ...]:
    """Measures in block order."""
    return tuple(sorted(names, key=_part_order))


def _part_order(name: str) -> tuple[int, int]:
    if name in ("y", "z"):
        return (0, int(name == "z"))
    return (int(name[1:]), int(name[0] == "w"))
