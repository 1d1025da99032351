"""Exact algebra: merging, completing, and what scaling or shifting data may change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import stats_tables as st
from hypothesis import assume, given, settings
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from causalops.estimators.randomised.contrasts import Contrast, contrast
from causalops.moments import Block, centres_of, from_pairs, from_rows, merge_all, winsor_cap

VALUES = some.floats(-1e6, 1e6, allow_nan=False, width=32)
SAMPLE = arrays(float, some.integers(30, 60), elements=VALUES)
PARTS = ("y", "z", "x1", "w1", "x2")


def sample(n: int, seed: int, missing: float = 0.2) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    table = {name: rng.gamma(2, 1, n) + k for k, name in enumerate(PARTS)}
    for name in ("x1", "x2"):
        table[name] = np.where(rng.random(n) < missing, np.nan, table[name])
    return table


def assert_same(left: Block, right: Block, rel: float = 1e-10) -> None:
    for name in ("n", "mean", "c"):
        np.testing.assert_allclose(getattr(left, name), getattr(right, name), rtol=rel, atol=1e-9)
    assert left.m3 == pytest.approx(right.m3, rel=1e-8, abs=1e-8)


def test_merge_is_exact() -> None:
    table = sample(300, 1)
    pieces = [{k: v[i::3] for k, v in table.items()} for i in range(3)]
    assert_same(merge_all(from_rows(piece) for piece in pieces), from_rows(table))


def test_merge_keeps_digits_at_a_large_offset() -> None:
    table = {"y": 1e9 + np.arange(1000.0) % 10}
    halves = [from_rows({"y": table["y"][i::2]}) for i in range(2)]
    assert merge_all(halves).c[0, 0] == pytest.approx(from_rows(table).c[0, 0], rel=1e-12)


def test_measures_that_an_arm_lacks_are_present_for_none() -> None:
    both = from_rows({"y": [1.0, 2], "x1": [3.0, 4]}).merge(from_rows({"y": [5.0, 9]}))
    assert (both.size, both.present("x1"), both.mean_of("x1")) == (4, 2, 3.5)


def test_long_rows_and_back() -> None:
    block = from_rows(sample(200, 2))
    assert_same(from_pairs(st.pair_rows(block)), block)


def test_complete_is_imputation_by_the_centre() -> None:
    table = sample(200, 3)
    block = from_rows(table)
    centres = centres_of(block)
    filled = {k: np.where(np.isnan(v), centres[k], v) for k, v in table.items()}
    expected = from_rows(filled)
    ours = block.complete(centres)
    np.testing.assert_allclose(ours.mean, np.diag(expected.mean), rtol=1e-12)
    np.testing.assert_allclose(ours.c, expected.c, rtol=1e-10)


def test_cap_is_the_interpolated_quantile() -> None:
    assert winsor_cap([0, 1, 2, 3, float("nan")], 0.5) == 1.5
    with pytest.raises(ValueError, match="at least one"):
        winsor_cap([float("nan")], 0.9)


def cuped(v: pd.DataFrame, b: pd.DataFrame, method: str = "cuped") -> Contrast:
    pair = [from_rows({"y": t["y"].to_numpy(), "x1": t["x"].to_numpy()}) for t in (v, b)]
    return contrast([(pair[0], pair[1])], method=method)


@settings(max_examples=40, deadline=None)
@given(SAMPLE, some.floats(0.5, 50), some.floats(-1e4, 1e4), some.sampled_from(["cuped", "lin"]))
def test_scale_shift_and_swap(values: np.ndarray, scale: float, shift: float, method: str) -> None:
    assume(values.std() > 1e-3 * (1 + abs(values).max()))
    rng = np.random.default_rng(4)
    v = pd.DataFrame({"y": values, "x": values + rng.normal(size=len(values)) * values.std()})
    b = pd.DataFrame({"y": rng.permutation(values) * 0.8, "x": rng.normal(size=len(values))})
    base = cuped(v, b, method)
    assert base.variance is not None
    error = base.variance**0.5
    moved = cuped(v * scale + shift, b * scale + shift, method)
    swapped = cuped(b, v, method)
    assert moved.effect == pytest.approx(base.effect * scale, rel=1e-6, abs=1e-6 * error * scale)
    assert moved.variance == pytest.approx(base.variance * scale**2, rel=1e-6)
    assert swapped.effect == pytest.approx(-base.effect, rel=1e-9, abs=1e-9 * error)
    assert swapped.variance == pytest.approx(base.variance, rel=1e-9)


def test_one_stratum_changes_nothing_and_many_add_up() -> None:
    rng = np.random.default_rng(5)
    table = pd.DataFrame({"t": rng.integers(0, 2, 600), "s": rng.integers(0, 3, 600)})
    table["x1"] = rng.normal(size=600)
    table["y"] = 3 * table["s"] + table["x1"] + table["t"] + rng.normal(size=600)

    def arms(part: pd.DataFrame) -> tuple[Block, Block]:
        found = [from_rows({k: part.loc[part["t"] == t, k].to_numpy() for k in ("y", "x1")})
                 for t in (1, 0)]  # fmt: skip
        return found[0], found[1]

    found = contrast([arms(part) for _, part in table.groupby("s")], method="cuped")
    gaps = [contrast([arms(part)]) for _, part in table.groupby("s")]
    weights = table.groupby("s").size().to_numpy() / 600
    plain = contrast([arms(part) for _, part in table.groupby("s")])
    assert plain.effect == pytest.approx(weights @ [g.effect for g in gaps], rel=1e-12)
    assert found.variance is not None
    assert plain.variance is not None
    assert found.variance < 0.7 * plain.variance
    whole = contrast([arms(table)])
    assert whole.variance is not None
    assert plain.variance < whole.variance
