"""Does a 5 % test reject 5 % of the time, and a 95 % interval cover 95 %?

With R replications: |type-I - .05| <= .005 + 3 sqrt(.05 .95 / R), coverage >= .94 - 3 sqrt(.94 .06
/ R). R is 1,000 by default and 20,000 under `-m full`. Every design states its n and its truth.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from causalops.estimators.randomised.contrasts import contrast
from causalops.estimators.randomised.counts import srm_test
from causalops.estimators.randomised.effects import inference_of
from causalops.estimators.randomised.resplit import band, resplit
from causalops.inference import lift_delta, lift_fieller
from causalops.moments import Block, Floats, from_rows

SIZES = [1_000, pytest.param(20_000, marks=pytest.mark.full)]
Draw = Callable[[np.random.Generator, int], dict[str, Floats]]


def mean(rng: np.random.Generator, n: int) -> dict[str, Floats]:
    """Revenue with skewness .5: 89 units are enough (355 x skewness²), the smaller arm has 120.

    Lognormal(0, .7) in an arm of 60 rejects 6.5 %; the check `skewness` asks for 3,000 there.
    """
    return {"y": rng.gamma(16, 1.0, n)}


def covariate(rng: np.random.Generator, n: int) -> dict[str, Floats]:
    """An outcome correlated .8 with its pre-period, a quarter of which is missing."""
    before = rng.normal(size=n)
    seen = np.where(rng.random(n) < 0.25, np.nan, before)
    return {"y": 5 + 0.8 * before + 0.6 * rng.normal(size=n), "x1": seen}


def ratio(rng: np.random.Generator, n: int) -> dict[str, Floats]:
    """Clicks per view with users who differ."""
    views = 1.0 + rng.poisson(3, n)
    rate = rng.beta(2, 6, n)
    return {"y": rng.binomial(views.astype(int), rate).astype(float), "z": views}


def type_one(p_values: list[float], size: int) -> None:
    share = float((np.array(p_values) < 0.05).mean())
    assert abs(share - 0.05) <= 0.005 + 3 * np.sqrt(0.05 * 0.95 / size), share


def coverage(hits: list[bool], size: int) -> None:
    share = float(np.mean(hits))
    assert share >= 0.94 - 3 * np.sqrt(0.94 * 0.06 / size), share


DESIGNS = {
    "welch": (mean, "unadjusted", 1200),
    "cuped": (covariate, "cuped", 600),
    "lin": (covariate, "lin", 600),
    "ratio": (ratio, "unadjusted", 800),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("share", [0.5, 0.1])
@pytest.mark.parametrize("name", DESIGNS)
def test_effects_without_an_effect(name: str, share: float, size: int) -> None:
    """Type-I error of the absolute test; coverage of 0 by the two relative intervals."""
    draw, method, n = DESIGNS[name]
    rng = np.random.default_rng(20260101)
    treated = round(n * share)
    p_values, delta, fieller = [], [], []
    for _ in range(size):
        table = draw(rng, n)
        arms = [from_rows({k: v[part] for k, v in table.items()})
                for part in (slice(None, treated), slice(treated, None))]  # fmt: skip
        found = contrast([(arms[0], arms[1])], ratio=name == "ratio", method=method)
        result = inference_of(found, 0.05)
        assert result.p_value is not None
        assert found.levels is not None
        p_values.append(result.p_value)
        for hits, by in ((delta, lift_delta), (fieller, lift_fieller)):
            lift = by(found.levels, 0.05)
            assert lift.ci_low is not None
            assert lift.ci_high is not None
            hits.append(lift.ci_low <= 0 <= lift.ci_high)
    type_one(p_values, size)
    coverage(fieller, size)
    coverage(delta, size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("share", [0.5, 0.1])
def test_lin_covers_an_effect_that_varies(share: float, size: int) -> None:
    """Opposite slopes by arm, n 600, truth 1: the superpopulation error covers, and at 10 / 90 the
    interacted estimate is the more precise one."""
    rng = np.random.default_rng(7)
    hits, errors = [], {"lin": 0.0, "cuped": 0.0}
    n = 600
    treated = round(n * share)
    for replication in range(size):
        before = rng.normal(size=n)
        noise = rng.normal(size=n)
        arms = [
            from_rows({"y": 1 + before[:treated] + noise[:treated], "x1": before[:treated]}),
            from_rows({"y": -before[treated:] + noise[treated:], "x1": before[treated:]}),
        ]
        for method in errors if replication < 500 else ("lin",):
            result = inference_of(contrast([(arms[0], arms[1])], method=method), 0.05)
            if replication < 500:
                errors[method] += ((result.estimate or 0.0) - 1) ** 2
            if method == "lin":
                hits.append((result.ci_low or 0.0) <= 1 <= (result.ci_high or 0.0))
    coverage(hits, size)
    if share == 0.1:
        assert errors["lin"] < 0.6 * errors["cuped"]


@pytest.mark.parametrize("size", SIZES)
def test_post_stratified_effects(size: int) -> None:
    """Three strata with levels 0, 3, 6 and n 300: type-I error of the stratified contrast."""
    rng = np.random.default_rng(8)
    p_values = []
    for _ in range(size):
        stratum, variant = rng.integers(0, 3, 300), rng.integers(0, 2, 300)
        y = 3 * stratum + rng.normal(size=300)
        strata = [
            (from_rows({"y": y[(stratum == s) & (variant == 1)]}),
             from_rows({"y": y[(stratum == s) & (variant == 0)]}))
            for s in range(3)
        ]  # fmt: skip
        p_values.append(inference_of(contrast(strata), 0.05).p_value or 1.0)
    type_one(p_values, size)


@pytest.mark.parametrize("size", [10_000])
@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.1, 0.9), (0.2, 0.3, 0.5)])
def test_srm_false_alarms(weights: tuple[float, ...], size: int) -> None:
    """p < .001 on 10,000 units: at most .001 + 3 sqrt(.001 / R) of the experiments alarm."""
    rng = np.random.default_rng(9)
    shares = {str(k): w for k, w in enumerate(weights)}
    draws = rng.multinomial(10_000, weights, size)
    p_values = [
        srm_test({str(k): int(c) for k, c in enumerate(row)}, shares).p_value for row in draws
    ]
    alarms = np.mean([p is not None and p < 0.001 for p in p_values])
    assert alarms <= 0.001 + 3 * np.sqrt(0.001 / size)


def test_small_srm_is_not_liberal() -> None:
    """12 units at 10 / 90 (expected 1.2): the exact test keeps its level at 5 %."""
    draws = np.random.default_rng(10).binomial(12, 0.1, 4_000)
    p = {k: srm_test({"a": k, "b": 12 - k}, {"a": 0.1, "b": 0.9}).p_value or 1.0 for k in range(13)}
    assert np.mean([p[int(k)] < 0.05 for k in draws]) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4_000)


@pytest.mark.parametrize("is_ratio", [False, True])
def test_resplits_lie_in_their_band(is_ratio: bool) -> None:
    """10 data sets without any effect: the share lies in .05 +- 3 sqrt(.0475 / R + .005²)."""
    low, high = band(1000)
    assert (low, high) == pytest.approx((0.0244, 0.0756), abs=2e-4)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        table = ratio(rng, 5_000) if is_ratio else mean(rng, 5_000)
        bucket = rng.integers(0, 1024, 5_000)
        blocks: list[Block] = [
            from_rows({k: v[bucket == b] for k, v in table.items()}) for b in np.unique(bucket)
        ]
        found = resplit(blocks, 0.5, 20260101, is_ratio)
        assert found is not None
        assert low <= found.share <= high


def test_resplits_find_units_that_move_together() -> None:
    """Units of a bucket share a value: the unit-level test is far too sure, and is found out."""
    rng = np.random.default_rng(1)
    blocks = [
        from_rows({"y": level + 0.1 * rng.normal(size=20)}) for level in rng.normal(size=1024)
    ]
    found = resplit(blocks, 0.5, 20260101, ratio=False)
    assert found is not None
    assert found.share > found.high
