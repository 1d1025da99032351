"""Does a 5 % test of clusters reject 5 % of the time when clusters are few?

No effect; 8 clusters in two arms of 4, randomised anew each time, outcomes normal with an
intraclass correlation of .2. Bands as in test_randomised: |share - .05| <= .005 + 3 sqrt(.05 .95 /
R). R is 1,000 by default (400 where each test is itself a simulation) and 20,000 under `-m full`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from causalops.estimators.randomised.cluster_totals import Totals, totals
from causalops.estimators.randomised.clustered import cluster_means
from causalops.estimators.randomised.clusters import Linear, cluster_variance, linear
from causalops.estimators.randomised.few_clusters import randomisation, wild_bootstrap
from causalops.inference import difference

SIZES = [1_000, pytest.param(20_000, marks=pytest.mark.full)]
EQUAL = np.full(8, 50.0)
UNEVEN = np.arange(20.0, 100.0, 10.0)
ICC = 0.2
Draw = tuple[float, Linear, Linear, tuple[Totals, Totals]]


def draws(units: np.ndarray, size: int, seed: int = 20260101) -> Iterator[Draw]:
    """Effect, signed residual totals of both arms, and the totals themselves."""
    rng = np.random.default_rng(seed)
    for _ in range(size):
        order = rng.permutation(len(units))
        noise = units * np.sqrt(ICC) * rng.normal(size=len(units))
        noise += np.sqrt(units * (1 - ICC)) * rng.normal(size=len(units))
        arms = [totals([str(k) for k in rows], units[rows], {"y": noise[rows]})
                for rows in (order[: len(units) // 2], order[len(units) // 2 :])]  # fmt: skip
        effect = arms[0].total.sum() / arms[0].n_units - arms[1].total.sum() / arms[1].n_units
        yield (float(effect), linear(arms[0], {"y": (1.0,)}), linear(arms[1], {"y": (-1.0,)}),
               (arms[0], arms[1]))  # fmt: skip


def margin(size: int) -> float:
    return float(0.005 + 3 * np.sqrt(0.05 * 0.95 / size))


def rejects(effect: float, variance: float, df: float | None) -> bool:
    p_value = difference(effect, variance, df, 0.05).p_value
    assert p_value is not None
    return p_value < 0.05


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("units", [EQUAL, UNEVEN], ids=["equal", "uneven"])
def test_errors_with_eight_clusters(units: np.ndarray, size: int) -> None:
    """CR2 with its own degrees of freedom holds the level, cluster means are not liberal; CR1 with
    t(7) and independent units are the counter-examples."""
    hits: dict[str, list[bool]] = {"cr2": [], "cr1": [], "units": [], "means": []}
    for effect, first, second, arms in draws(units, size):
        for kind in ("cr1", "cr2"):
            found = cluster_variance(first, second, kind)
            assert found.covariance is not None
            hits[kind].append(rejects(effect, float(found.covariance[0, 0]), found.df))
        hits["units"].append(rejects(effect, 1 / first.n_units + 1 / second.n_units, None))
        means = cluster_means(arms, ratio=False)
        assert means.effect is not None
        assert means.variance is not None
        hits["means"].append(rejects(means.effect, means.variance, means.df))
    share = {name: float(np.mean(found)) for name, found in hits.items()}
    assert abs(share["cr2"] - 0.05) <= margin(size), share
    assert share["means"] <= 0.05 + margin(size), share
    assert share["cr1"] > 0.05 + margin(size), share
    assert share["units"] > 0.4, share


@pytest.mark.parametrize("size", [400, pytest.param(20_000, marks=pytest.mark.full)])
def test_few_cluster_methods(size: int) -> None:
    """Uneven sizes: randomisation never exceeds the level; the wild bootstrap, at about 6 % with 8
    clusters (also on rows), is held to 7 % and stays below CR1."""
    hits: dict[str, list[bool]] = {"wild": [], "exact": [], "cr1": []}
    for index, (effect, first, second, _) in enumerate(draws(UNEVEN, size)):
        wild = wild_bootstrap(effect, first, second, 0.05, seed=index, replications=399)
        exact = randomisation(effect, first, second, 0.05, seed=index)
        usual = cluster_variance(first, second, "cr1")
        assert usual.covariance is not None
        hits["wild"].append((wild.p_value or 1.0) < 0.05)
        hits["exact"].append((exact.p_value or 1.0) <= 0.05)
        hits["cr1"].append(rejects(effect, float(usual.covariance[0, 0]), usual.df))
    share = {name: float(np.mean(found)) for name, found in hits.items()}
    noise = 3 * np.sqrt(0.05 * 0.95 / size)
    assert share["exact"] <= 0.05 + noise, share
    assert share["wild"] <= 0.07 + noise, share
    assert share["wild"] < share["cr1"], share
