"""Complier effects keep 95 % with a strong and with a weak first stage; the naive ones do not.

Design: n units, half invited. A unit takes the treatment when `cause + push z > 0.4`; the outcome
is `d + 3 (cause > 0.4) + noise`, so the truth is 1 for every unit and compliance and outcome share
a cause. R is 1,000 by default and 20,000 under `-m full`; bands as in `test_randomised.py`.
"""

from __future__ import annotations

import numpy as np
import pytest

from causalops.estimators.randomised import compliance as cp
from causalops.inference import Inference
from causalops.moments import Block, Floats

SIZES = [1_000, pytest.param(20_000, marks=pytest.mark.full)]
TRUTH = 1.0
Q = 1.959963984540054
Cells = dict[tuple[int, int], Block]


def block(y: Floats) -> Block:
    """Moments of one measure, by hand because a simulation makes thousands of them."""
    mean = y.mean()
    return Block(("y",), *(np.array([[v]]) for v in (float(len(y)), mean, ((y - mean) ** 2).sum())))


def draw(rng: np.random.Generator, n: int, push: float, noise: float) -> Cells:
    """Blocks by (invited, received)."""
    cause = rng.normal(size=n)
    z = np.arange(n) % 2
    d = (cause + push * z > 0.4).astype(int)
    y = TRUTH * d + 3 * (cause > 0.4) + noise * rng.normal(size=n)
    return {(a, b): block(y[(z == a) & (d == b)]) for a in (0, 1) for b in (0, 1)}


def measured(cells: Cells) -> cp.Measure:
    return cp.from_halves(
        [((cells[1, 0], cells[1, 1]), (cells[0, 0], cells[0, 1]))], "unadjusted"
    )


def covers(found: Inference, value: float) -> bool:
    """Whether the published set holds a value."""
    if found.ci_shape == "disjoint":
        (_, below), (above, _) = found.pieces
        assert below is not None
        assert above is not None
        return value <= below or value >= above
    assert found.ci_shape in ("interval", "above_only", "below_only", "whole_line")
    return (found.ci_low is None or value >= found.ci_low) and (
        found.ci_high is None or value <= found.ci_high
    )


def replicate(size: int, n: int, push: float, noise: float) -> dict[str, Floats]:
    """Coverage of the truth by the AR set, by Wald, and by Wald unless F < 10 (then AR)."""
    rng = np.random.default_rng(20260101)
    columns: dict[str, list[float]] = {"ar": [], "wald": [], "switch": [], "f": []}
    for _ in range(size):
        measure = measured(draw(rng, n, push, noise))
        found = cp.anderson_rubin(measure, 0.05)
        f = cp.strength(measure)
        assert f is not None
        assert found.estimate is not None
        assert found.std_error is not None
        by_wald = abs(found.estimate - TRUTH) <= Q * found.std_error
        by_ar = covers(found, TRUTH)
        for name, value in (("ar", by_ar), ("wald", by_wald), ("f", f),
                            ("switch", by_wald if f >= 10 else by_ar)):  # fmt: skip
            columns[name].append(value)
    return {name: np.array(values, dtype=float) for name, values in columns.items()}


def floor(size: int) -> float:
    return 0.94 - 3 * float(np.sqrt(0.94 * 0.06 / size))


@pytest.mark.parametrize("size", SIZES)
def test_a_strong_first_stage(size: int) -> None:
    """n 2,001, push .8 (mean F above 200): both intervals cover, and hold their level."""
    found = replicate(size, 2_001, 0.8, 1.0)
    assert found["f"].mean() > 2 * cp.T_TEST_F
    for name in ("ar", "wald"):
        share = found[name].mean()
        assert share >= floor(size), name
        assert abs(share - 0.95) <= 0.005 + 3 * np.sqrt(0.05 * 0.95 / size), name


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("push", "low", "high"), [(0.25, 4, 8), (0.35, 9, 13)])
def test_a_weak_first_stage(size: int, push: float, low: float, high: float) -> None:
    """n 501, strong endogeneity: the set keeps 95 %; Wald unless F < 10 covers about 90 %."""
    found = replicate(size, 501, push, 0.3)
    assert low < found["f"].mean() < high
    assert abs(found["ar"].mean() - 0.95) <= 0.005 + 3 * np.sqrt(0.05 * 0.95 / size)
    assert 0.87 < found["switch"].mean() < floor(size)


def test_per_protocol_is_not_the_effect() -> None:
    """The counter-example: takers of one arm against non-takers of the other, truth 1."""
    gaps: dict[str, list[float]] = {"per_protocol": [], "as_treated": [], "cace": []}
    rng = np.random.default_rng(5)
    for _ in range(400):
        cells = draw(rng, 2_000, 0.8, 1.0)
        took, refused = cells[1, 1], cells[0, 0]
        gaps["per_protocol"].append(took.mean_of("y") - refused.mean_of("y") - TRUTH)
        treated, untreated = took.merge(cells[0, 1]), refused.merge(cells[1, 0])
        gaps["as_treated"].append(treated.mean_of("y") - untreated.mean_of("y") - TRUTH)
        gaps["cace"].append((cp.wald(measured(cells)).effect or 0.0) - TRUTH)
    bias = {name: float(np.mean(values)) for name, values in gaps.items()}
    assert abs(bias["cace"]) < 4 * np.std(gaps["cace"]) / 20
    assert min(bias["per_protocol"], bias["as_treated"]) > 1
