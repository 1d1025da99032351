"""What a two-way fixed-effects number is made of (Goodman-Bacon 2021, theorem 1).

It is a weighted average of 2x2 comparisons: treated against untreated cohorts, early against later
ones before these are treated, and later against earlier ones that are already treated. Weights of
the last kind are what goes wrong when effects grow with time. Balanced panels only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from causalops.estimators.quasi.panel_moments import Floats, PanelMoments
from causalops.estimators.quasi.two_way_fixed_effects import is_treated

UNTREATED = "treated_vs_untreated"
EARLIER = "earlier_vs_later"
LATER = "later_vs_earlier"
ALWAYS = "later_vs_always_treated"


@dataclass(frozen=True)
class Comparison:
    """One 2x2 comparison of cohorts (indices) with its estimate and its weight (they sum to 1)."""

    kind: str
    treated: int
    control: int
    estimate: float
    weight: float


def decompose(moments: PanelMoments) -> tuple[Comparison, ...]:
    """Every 2x2 comparison; none for repeated cross-sections or without variation."""
    if not moments.is_panel:
        return ()
    paths, sizes = is_treated(moments), moments.sizes
    share = paths.mean(axis=1)  # of the periods that a cohort is treated in
    order = np.argsort(moments.starts, kind="stable").tolist()
    made: list[Comparison] = []
    for position, early in enumerate(order):
        for late in order[position + 1 :]:
            n, part = sizes[early] + sizes[late], sizes[early] / (sizes[early] + sizes[late])
            base = n * n * part * (1 - part)
            high, low = float(share[early]), float(share[late])
            post, later = paths[early] == 1, paths[late] == 1
            if low == 0:
                if 0 < high < 1:
                    gap = _gap(moments.means, early, late, post, ~post)
                    made.append(Comparison(UNTREATED, early, late, gap, base * high * (1 - high)))
                continue
            if high == low:
                continue
            if high < 1:
                gap = _gap(moments.means, early, late, post & ~later, ~post)
                weight = base * (high - low) * (1 - high)
                made.append(Comparison(EARLIER, early, late, gap, weight))
            gap = _gap(moments.means, late, early, later, post & ~later)
            kind = LATER if high < 1 else ALWAYS
            made.append(Comparison(kind, late, early, gap, base * low * (high - low)))
    total = sum(item.weight for item in made)
    return tuple(replace(item, weight=float(item.weight / total)) for item in made)


def _gap(means: Floats, treated: int, control: int, post: Floats, pre: Floats) -> float:
    change = means[:, post].mean(axis=1) - means[:, pre].mean(axis=1)
    return float(change[treated] - change[control])
