"""Errors of Lee's (2009) bounds where units of a cluster move together.

The influence of a unit on a bound is what it adds to the trimmed mean, to the share that is kept,
and to the other arm's mean; their squares add up to the variance of Lee's proposition 3. Summed by
cluster first, they count that outcomes and selection of a cluster are alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from causalops.estimators.quasi.selection import clustered
from causalops.moments import Floats

Flags = npt.NDArray[np.bool_]


def clustered_errors(
    y: Floats, selected: Flags, larger: Flags, clusters: npt.NDArray[Any]
) -> tuple[tuple[float, float], float]:
    """Errors of the bound without the top and of the one without the bottom, and G - 1.

    `larger` (n) marks the arm with the larger selected share; outcomes `y` (n) are read only where
    `selected` (n).
    """
    y = np.where(selected, y, 0.0)
    influence = np.column_stack([_influence(end, selected, larger) for end in (y, -y)])
    df, meat = clustered(influence, clusters)
    top, bottom = np.sqrt(np.diag(meat)).tolist()
    return (top, bottom), df


def _influence(y: Floats, selected: Flags, larger: Flags) -> Floats:
    """Of each unit (n) on the mean of the larger arm's lowest share less the other arm's mean."""
    arm, other = selected & larger, selected & ~larger
    shares = arm.sum() / larger.sum(), other.sum() / (~larger).sum()
    kept = shares[1] / shares[0]
    count = kept * arm.sum()
    edge = np.sort(y[arm])[int(np.ceil(count * (1 - 1e-12))) - 1]
    # Equal values at the edge share what is needed of them, so that their order means nothing.
    at_edge = arm & (y == edge)
    weight = (arm & (y < edge)).astype(float)
    weight[at_edge] = (count - weight.sum()) / at_edge.sum()
    mean = weight @ y / count
    found = (weight * (y - mean) + (edge - mean) * (kept - weight) * arm) / count
    found -= np.where(other, y - y[other].mean(), 0.0) / other.sum()
    if kept < 1:
        part = np.where(larger, -1 / arm.sum(), 1 / other.sum())
        found += (edge - mean) * part * (selected - np.where(larger, *shares))
    return np.asarray(found)
