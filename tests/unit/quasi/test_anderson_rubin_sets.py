"""Anderson-Rubin sets of every shape, against the test at many values."""

from __future__ import annotations

import numpy as np
import pytest

from causalops.estimators.quasi import anderson_rubin as ar
from causalops.estimators.quasi.regression import CLASSIC
from causalops.estimators.quasi.residual_moments import of_rows
from causalops.estimators.quasi.two_stage import System, two_stage
from causalops.inference import Inference

KINDS = [CLASSIC, "hc1", "cr1"]


def draw(seed: int, m: int, push: float, direct: float = 0.0, kind: str = CLASSIC) -> System:
    """m instruments of strength `push`; the last one acts on the outcome directly too."""
    rng = np.random.default_rng(seed)
    n = 150
    z, cause = rng.normal(size=(n, m)), rng.normal(size=n)
    x = push * z.sum(axis=1) + cause
    y = x + cause + direct * z[:, -1] + rng.normal(size=n) * (0.3 + np.abs(z[:, 0]))
    names = [f"z{j}" for j in range(m)]
    columns = {"y": y, "x": x, **dict(zip(names, z.T, strict=True))}
    clusters = np.arange(n) // 5 if kind == "cr1" else None
    return System(of_rows(columns, clusters=clusters), "y", ("x",), tuple(names))


def holds(found: ar.Region, value: float) -> bool:
    return any((low is None or value >= low) and (high is None or value <= high)
               for low, high in found.pieces)  # fmt: skip


def grid(found: ar.Region) -> np.ndarray:
    """Values from tiny to huge of both signs, and close around every end."""
    ends = [end for piece in found.pieces for end in piece if end is not None]
    around = [end + side * (1 + abs(end)) * 1e-7 for end in ends for side in (-1, 1)]
    powers = np.logspace(-2, 5, 10)
    return np.array([*-powers, 0.0, *powers, *around])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("m", [1, 2, 4])
def test_the_set_is_what_the_test_does_not_reject(m: int, kind: str) -> None:
    shapes = set()
    for seed in range(8):
        push, direct = [(0.5, 0.0), (0.08, 0.0), (0.02, 0.0), (0.5, 1.5)][seed % 4]
        this = draw(seed, m, push, direct, kind)
        found = ar.confidence_set(this, kind, 0.05)
        assert isinstance(found, ar.Region)
        shapes.add(found.shape)
        for value in grid(found):
            test = ar.joint_test(this, kind, [value])
            assert test.p_value is not None
            assert holds(found, value) == (test.p_value > 0.05), (seed, value)
    assert {"interval", "whole_line"} <= shapes
    if m > 1:
        assert "empty" in shapes  # instruments that disagree: no effect fits them all


def test_shapes() -> None:
    names = {
        ((1.0, 2.0),): "interval", ((None, 2.0),): "below_only", ((1.0, None),): "above_only",
        ((None, None),): "whole_line", ((None, 1.0), (2.0, None)): "disjoint", (): "empty",
    }  # fmt: skip
    for pieces, shape in names.items():
        found = ar.region(pieces)
        assert (found.shape, found.pieces) == (shape, pieces)
        is_one = len(pieces) == 1
        assert (found.low, found.high) == (pieces[0] if is_one else (None, None))


@pytest.mark.parametrize("kind", [CLASSIC, "hc1"])
def test_two_half_lines(kind: str) -> None:
    """One weak instrument, a clear reduced form: small effects are excluded, large ones not."""
    rng = np.random.default_rng(2)
    z, x = rng.normal(size=(2, 200))
    columns = {"y": 3 * z + rng.normal(size=200), "x": x, "z": z}
    this = System(of_rows(columns), "y", ("x",), ("z",))
    found = ar.inference(this, two_stage(this), kind, 0.05)
    assert (found.ci_shape, found.ci_low, found.ci_high) == ("disjoint", None, None)
    (start, low), (high, stop) = found.pieces
    assert (start, stop) == (None, None)
    assert low is not None
    assert high is not None
    assert low < 0 < high
    assert found.p_value is not None
    assert found.p_value < 1e-10


def test_an_empty_set_is_not_an_interval() -> None:
    this = draw(3, 2, 0.5, 3.0)
    found: Inference = ar.inference(this, two_stage(this), CLASSIC, 0.05)
    assert (found.ci_shape, found.ci_low, found.ci_high, found.pieces) == ("empty", None, None, ())
    assert found.estimate is not None


def test_several_treatments_have_a_joint_test_only() -> None:
    rng = np.random.default_rng(4)
    z, causes = rng.normal(size=(2, 300)), rng.normal(size=(2, 300))
    x = z + causes
    y = x[0] + causes[0] + rng.normal(size=300)
    columns = {"y": y, "x1": x[0], "x2": x[1], "z1": z[0], "z2": z[1]}
    this = System(of_rows(columns), "y", ("x1", "x2"), ("z1", "z2"))
    assert ar.confidence_set(this, "hc1", 0.05) == "method_not_available"
    right, wrong = (ar.joint_test(this, "hc1", values) for values in ([1.0, 0.0], [0.0, 1.0]))
    assert right.p_value is not None
    assert wrong.p_value is not None
    assert wrong.p_value < 1e-6 < 0.01 < right.p_value
    assert (right.df1, right.df2) == (2, 297)
