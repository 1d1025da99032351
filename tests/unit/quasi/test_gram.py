"""Which columns depend on which, and what is left of the others."""

from __future__ import annotations

import numpy as np
import pytest

from causalops.estimators.quasi.gram import Combination, from_rows, independent, slopes
from causalops.estimators.quasi.residual_moments import of_rows

RNG = np.random.default_rng(5)
A, B, NOISE = RNG.normal(size=(3, 200))


def dependent(columns: dict[str, object], given: tuple[str, ...] = ()) -> list[str]:
    names = [name for name in columns if name not in given]
    return [str(item) for item in independent(from_rows(columns), names, given).dropped]  # type: ignore[arg-type]


def test_a_combination_names_its_parts() -> None:
    assert dependent({"a": A, "b": B, "c": A - 3 * B, "d": NOISE}) == ["c is a combination of a, b"]
    assert dependent({"a": A, "b": B, "twice": 2 * B}) == ["twice is a combination of b"]
    assert dependent({"w": A, "x": 5 - A}, ("w",)) == ["x is a combination of w"]


def test_the_order_decides_and_not_rounding() -> None:
    """Dummies of every level and the constant: the last one goes, whatever the rows' order."""
    level = np.arange(201) % 3
    for rows in (level, level[::-1], RNG.permutation(level)):
        columns = {f"d{value}": rows == value for value in range(3)}
        assert dependent(columns) == ["d2 is a combination of d0, d1"]


@pytest.mark.parametrize("value", [0.0, 7.0, 1e12, 0.1])
def test_a_constant(value: float) -> None:
    found = independent(from_rows({"a": A, "one": np.full(200, value)}), ["a", "one"])
    assert (found.kept, found.dropped) == (("a",), (Combination("one"),))
    assert str(found.dropped[0]) == "one is constant"


def test_near_dependence() -> None:
    """A share of variance of 1e-8 is a column of its own; one of 1e-12 is rounding and noise."""
    assert dependent({"a": A, "b": A + 1e-4 * NOISE}) == []
    assert dependent({"a": A, "b": A + 1e-6 * NOISE}) == ["b is a combination of a"]


def test_units_do_not_matter() -> None:
    small, large = {"a": A, "b": B + A}, {"a": A * 1e-9, "b": (B + A) * 1e9}
    assert dependent(small) == dependent(large) == []
    factor = 1e-9 / 1e9
    unscaled = slopes(from_rows(small), ["a"], ["b"])[0, 0]
    assert slopes(from_rows(large), ["a"], ["b"])[0, 0] == pytest.approx(unscaled * factor)


def test_incomplete_rows_and_weights() -> None:
    a, weights = A.copy(), np.ones(200)
    a[0], weights[1], weights[2] = np.nan, 0.0, np.nan
    b = B.copy()
    b[3] = np.inf
    table = from_rows({"a": a, "b": b}, weights * 3)
    assert table.n == 196
    plain = from_rows({"a": A[4:], "b": B[4:]})
    assert table.mean == pytest.approx(plain.mean)
    assert table.c == pytest.approx(plain.c)
    clusters = np.arange(200) // 4
    moments = of_rows({"a": a, "b": b}, clusters=clusters, weights=weights)
    assert (moments.n, moments.n_clusters) == (196, 49)
    assert from_rows({"a": [], "b": []}).n == 0


def test_row_order_does_not_matter() -> None:
    order = RNG.permutation(200)
    columns = {"y": A + B, "x": B, "w": NOISE}
    clusters = np.arange(200) % 17
    first = of_rows(columns, ["w"], clusters)
    again = of_rows({name: column[order] for name, column in columns.items()}, ["w"],
                    clusters[order])  # fmt: skip
    assert first.fourth == pytest.approx(again.fourth, rel=1e-10)
    # A row in a cluster of its own is a row.
    alone = of_rows(columns, ["w"], np.arange(200))
    assert alone.fourth == pytest.approx(of_rows(columns, ["w"]).fourth, rel=1e-12)
