"""The spill-over check on a network where central units differ from the others anyway.

120 clusters of 20 units, half of them treated; a unit has 0 to 4 neighbours in other clusters and
its outcome grows with their number. R is 1,000 by default and 10,000 under `-m full`; band for the
5 % test: .005 + 3 sqrt(.05 .95 / R).
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_ind

from causalops.estimators.randomised.border import Border, Cell, border_effect
from causalops.moments import Floats

SIZES = [1_000, pytest.param(10_000, marks=pytest.mark.full)]
CLUSTERS, MEMBERS, MOST = 120, 20, 4


def network(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cluster of every unit, and the other clusters it borders on (-1 where there are fewer)."""
    cluster = np.repeat(np.arange(CLUSTERS), MEMBERS)
    others = np.array([rng.choice(CLUSTERS, MOST, replace=False) for _ in cluster])
    used = np.arange(MOST) < rng.integers(0, MOST + 1, len(cluster))[:, None]
    return cluster, np.where(used & (others != cluster[:, None]), others, -1)


def cells(values: Floats, kind: np.ndarray, degree: np.ndarray, cluster: np.ndarray) -> Border:
    """The border of the control units whose rows are given; columns of `values` are y, x1."""
    centre = values.mean(axis=0)
    gaps = values - centre
    strata = []
    for stratum in range(1, MOST + 1):
        pair = []
        for some in (True, False):
            rows = (degree == stratum) & (kind == some)
            names, where = np.unique(cluster[rows], return_inverse=True)
            total = np.column_stack([np.bincount(where, column) for column in gaps[rows].T])
            size = np.bincount(where).astype(float)
            labels = tuple(map(str, names))
            pair.append(Cell(labels, size, total, gaps[rows].T @ gaps[rows]))
        strata.append((pair[0], pair[1]))
    return Border(("y", "x1"), centre, tuple(strata))


@pytest.mark.parametrize("size", SIZES)
def test_the_check_holds_its_level_where_a_plain_comparison_does_not(size: int) -> None:
    rng = np.random.default_rng(20260101)
    cluster, others = network(rng)
    degree = (others >= 0).sum(axis=1)
    p_values, plain, with_effect = [], [], []
    for _ in range(size):
        is_treated = rng.permutation(CLUSTERS) < CLUSTERS // 2
        some = (is_treated[others] & (others >= 0)).any(axis=1)
        before = rng.normal(size=len(cluster)) + degree
        noise = 0.7 * rng.normal(size=CLUSTERS)[cluster] + rng.normal(size=len(cluster))
        outcome = before + 0.5 * degree + noise
        control = ~is_treated[cluster]
        on = control & (degree > 0)
        for found, extra in ((p_values, 0.0), (with_effect, 0.5)):
            values = np.column_stack([outcome + extra * some, before])[on]
            test = border_effect(cells(values, some[on], degree[on], cluster[on])).test
            assert test is not None
            assert test.p_value is not None
            found.append(test.p_value)
        plain.append(ttest_ind(outcome[control & some], outcome[control & ~some]).pvalue)
    share = float(np.mean(np.array(p_values) < 0.05))
    assert abs(share - 0.05) <= 0.005 + 3 * np.sqrt(0.05 * 0.95 / size), share
    assert np.mean(np.array(with_effect) < 0.01) > 0.8
    assert np.mean(np.array(plain) < 0.01) > 0.99  # border units differ for other reasons
