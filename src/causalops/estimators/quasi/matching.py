"""Matching treated units to their nearest untreated ones, with replacement.

Each treated unit gets the `neighbours` nearest untreated units on the score (for a propensity score
its linear index; Rosenbaum & Rubin 1985), of its own cell of exact columns, none farther than the
caliper. All ties are kept with equal weight (Abadie & Imbens 2006), so nothing depends on the order
of rows. Treated units without a neighbour are dropped, which changes the estimand to the matched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from causalops.estimators.quasi.neighbours import Ints, Line, Windows, line, means, spread, windows
from causalops.estimators.quasi.propensity import Bools
from causalops.moments import Floats

CALIPER = 0.2  # standard deviations of the linear index (Austin 2011)


@dataclass(frozen=True)
class Matches:
    """Who is matched to whom among n units.

    `order` sorts the untreated by place on the line; `sets` are the windows in it of the units in
    `treated` (all treated, in the caller's order), and `matched` says which have a window.
    `weight` (n) is 1 for matched treated, 0 for dropped ones, and for an untreated unit the sum of
    its shares in the sets it is in; `square` (n) is the sum of their squares.
    """

    line: Line
    treated: Ints
    order: Ints
    sets: Windows
    matched: Bools
    weight: Floats
    square: Floats
    n_reused: int
    max_uses: int
    caliper: float | None
    reason: str | None = None

    @property
    def n_matched(self) -> int:
        """Treated units with at least one neighbour."""
        return int(self.matched.sum())

    @property
    def n_dropped(self) -> int:
        """Treated units without any."""
        return len(self.matched) - self.n_matched

    @property
    def n_used(self) -> int:
        """Untreated units that are in some set."""
        return int((self.weight[self.order] > 0).sum())

    @property
    def is_treated(self) -> Bools:
        """Treatment of the n units."""
        found = np.zeros(len(self.weight), dtype=bool)
        found[self.treated] = True
        return found

    def counterfactual(self, values: Floats) -> Floats:
        """Mean of values (n) or (n, k) over the set of each matched treated unit, in order."""
        within = Windows(*(part[self.matched] for part in
                           (self.sets.low, self.sets.high, self.sets.distance)))  # fmt: skip
        return means(values[self.order], within)


def match(
    score: Floats,
    treated: Bools,
    cells: Ints | None = None,
    neighbours: int = 1,
    caliper: float | None = CALIPER,
) -> Matches:
    """Match on a finite score (n) within cells (n, coded 0, 1, ...).

    `caliper` is in standard deviations: the root of the two arms' mean variance. Reasons:
    `empty_arm`, and `no_match` when no treated unit has a neighbour.
    """
    where = line(score, cells)
    ours, theirs = np.flatnonzero(treated), np.flatnonzero(~treated)
    width = caliper_width(score, treated, caliper)
    limit = where.reach if width is None else min(where.reach, math.floor(width / where.step))
    order = theirs[np.argsort(where.places[theirs], kind="stable")]
    sets = windows(where.places[order], where.places[ours], neighbours, limit)
    matched = sets.size > 0
    size = np.where(matched, sets.size, 1)
    uses = np.rint(spread(matched.astype(float), sets, len(order)))
    weight, square = np.zeros(len(score)), np.zeros(len(score))
    weight[ours] = square[ours] = matched
    for values, shares in ((weight, matched / size), (square, matched / size**2)):
        values[order] = np.where(uses > 0, spread(shares, sets, len(order)), 0.0)
    reason = None if matched.any() else "no_match" if len(ours) and len(theirs) else "empty_arm"
    return Matches(
        line=where, treated=ours, order=order, sets=sets, matched=matched,
        weight=weight, square=square, n_reused=int((uses > 1).sum()),
        max_uses=int(uses.max(initial=0)), caliper=width, reason=reason,
    )  # fmt: skip


def caliper_width(score: Floats, treated: Bools, caliper: float | None) -> float | None:
    """A caliper in units of the score; None is none."""
    if caliper is None or min(treated.sum(), (~treated).sum()) < 2:
        return None
    variance = (score[treated].var(ddof=1) + score[~treated].var(ddof=1)) / 2
    return float(caliper * math.sqrt(variance))


def pairs(matches: Matches) -> tuple[Ints, Ints]:
    """Disjoint pairs (treated, untreated): nearest available, by descending place of the treated.

    For statistics that need independent pairs; equal places go in the order of rows. Each
    untreated unit is used at most once, and none is farther than the caliper.
    """
    places, free = matches.line.places, matches.order
    ordered, n = places[free], len(free)
    limit = matches.line.reach
    if matches.caliper is not None:
        limit = min(limit, math.floor(matches.caliper / matches.line.step))
    down, up = list(range(n + 1)), list(range(n + 1))  # free places at or below, at or above
    found: list[tuple[int, int]] = []
    queue = matches.treated[np.argsort(-places[matches.treated], kind="stable")]
    starts = np.searchsorted(ordered, places[queue])
    for unit, start in zip(queue.tolist(), starts.tolist(), strict=True):
        spots = _root(down, start) - 1, _root(up, start)
        gaps = [(abs(int(ordered[s]) - int(places[unit])), s) for s in spots if 0 <= s < n]
        if gaps and min(gaps)[0] <= limit:
            spot = min(gaps)[1]
            down[spot + 1], up[spot] = spot, spot + 1
            found.append((unit, int(free[spot])))
    both = np.array(found, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _root(parents: list[int], node: int) -> int:
    """The nearest free node, with path halving (Tarjan 1975)."""
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node
