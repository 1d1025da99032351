"""What cannot be computed says why: instruments, regressions and their tests."""

from __future__ import annotations

import numpy as np
import pytest

from causalops.estimators.quasi import anderson_rubin as ar
from causalops.estimators.quasi.exogeneity import wu_hausman
from causalops.estimators.quasi.overidentification import hansen_j, sargan
from causalops.estimators.quasi.regression import CLASSIC, least_squares
from causalops.estimators.quasi.residual_moments import of_rows
from causalops.estimators.quasi.two_stage import System, liml, two_stage
from causalops.estimators.quasi.weak_instruments import strength
from causalops.reasons import REASONS

N = 120


def draw(seed: int = 1, push: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    z1, z2, cause, noise = rng.normal(size=(4, N))
    x = push * z1 + cause
    return {"y": x + cause + noise, "x": x, "z1": z1, "z2": z2}


def system(columns: dict[str, np.ndarray], *instruments: str, **options: object) -> System:
    names = ["y", "x", *instruments]
    residuals = of_rows({name: columns[name] for name in names}, **options)  # type: ignore[arg-type]
    return System(residuals, "y", ("x",), instruments)


def refused(this: System, reason: str, kind: str = CLASSIC) -> None:
    """Every function gives the reason and no number."""
    assert reason in REASONS
    for fit in (two_stage(this), liml(this).fit):
        found = fit.inference("x", kind, 0.05)
        assert (found.reason_code, found.std_error, found.p_value, found.ci_low) == (
            reason, None, None, None,
        )  # fmt: skip
        assert found.status in ("skipped", "failed")
    assert wu_hausman(this, kind).p_value is None
    assert sargan(this).p_value is None
    assert hansen_j(this).p_value is None


def test_collinear_instruments_are_named() -> None:
    columns = draw()
    this = system(columns | {"z3": columns["z1"] - columns["z2"]}, "z1", "z2", "z3")
    refused(this, "collinear")
    assert [str(item) for item in two_stage(this).dropped] == ["z3 is a combination of z1, z2"]


@pytest.mark.parametrize("column", ["x", "z1"])
def test_a_column_that_does_not_vary(column: str) -> None:
    this = system(draw() | {column: np.full(N, 3.0)}, "z1")
    refused(this, "collinear")
    assert [str(item) for item in two_stage(this).dropped] == [f"{column} is constant"]


def test_an_instrument_that_does_not_move_the_treatment() -> None:
    """Exactly no first stage: no estimate, and the Anderson-Rubin set is everything or nothing."""
    columns = draw()
    z = np.tile([1.0, -1.0], N // 2)
    x = np.repeat(np.arange(N / 2), 2)
    this = system(columns | {"z1": z, "x": x}, "z1")
    refused(this, "no_first_stage")
    found = strength(this, "x", "hc1")
    assert found.effective == pytest.approx(0.0, abs=1e-12)
    ends = ar.confidence_set(this, "hc1", 0.05)
    assert isinstance(ends, ar.Region)
    assert ends.shape == "whole_line"


def test_too_few_rows() -> None:
    columns = {name: values[:3] for name, values in draw().items()}
    refused(system(columns, "z1", "z2"), "too_few_rows")
    fit = least_squares(of_rows({"y": [1.0, 2.0], "x": [0.0, 1.0]}), "y", ["x"])
    assert fit.inference("x", CLASSIC, 0.05).reason_code == "too_few_rows"


def test_an_outcome_without_error() -> None:
    """Rounding is no standard error."""
    columns = draw()
    this = system(columns | {"y": 3 + 2 * columns["x"]}, "z1", "z2")
    for kind in (CLASSIC, "hc1"):
        found = two_stage(this).inference("x", kind, 0.05)
        assert (found.estimate, found.reason_code) == (pytest.approx(2), "perfect_fit")
        assert (found.std_error, found.status) == (None, "skipped")
    assert sargan(this).reason_code == hansen_j(this).reason_code == "perfect_fit"
    assert ar.joint_test(this, "hc1", [2.0]).reason_code == "perfect_fit"
    assert ar.joint_test(this, "hc1", [1.0]).p_value is not None
    assert ar.confidence_set(this, "hc1", 0.05) == "perfect_fit"


def test_values_too_large() -> None:
    columns = draw()
    this = system({name: values * 1e90 for name, values in columns.items()}, "z1")
    refused(this, "not_finite", "hc1")
    assert ar.confidence_set(this, "hc1", 0.05) == "not_finite"


def test_few_clusters() -> None:
    this = system(draw(), "z1", "z2", clusters=np.zeros(N))
    found = two_stage(this).inference("x", "cr1", 0.05)
    assert (found.reason_code, found.std_error) == ("too_few_clusters", None)
    two = system(draw(), "z1", "z2", clusters=np.arange(N) % 2)
    assert two_stage(two).inference("x", "cr1", 0.05).df == 1
    assert strength(two, "x", "cr1").robust.reason_code == "too_few_clusters"
    assert hansen_j(two).reason_code == "too_few_clusters"
    assert ar.joint_test(two, "cr1", [0.0]).reason_code == "too_few_clusters"
    assert ar.confidence_set(two, "cr1", 0.05) == "too_few_clusters"


def test_a_covariance_that_the_moments_do_not_hold() -> None:
    plain, clustered = system(draw(), "z1"), system(draw(), "z1", clusters=np.arange(N) // 3)
    for this, kind in ((plain, "cr1"), (clustered, "hc1"), (clustered, "hc0")):
        found = two_stage(this).inference("x", kind, 0.05)
        assert (found.reason_code, found.std_error) == ("method_not_available", None)
        assert found.estimate == pytest.approx(two_stage(plain).estimate("x"))


def test_the_treatment_as_its_own_instrument_is_least_squares() -> None:
    columns = draw()
    this = system(columns | {"z1": columns["x"] * 3}, "z1")
    ols = least_squares(of_rows({"y": columns["y"], "x": columns["x"]}), "y", ["x"])
    for kind in (CLASSIC, "hc1"):
        mine, plain = (fit.inference("x", kind, 0.05) for fit in (two_stage(this), ols))
        assert [mine.estimate, mine.std_error] == pytest.approx([plain.estimate, plain.std_error])
    assert wu_hausman(this, CLASSIC).reason_code == "exact_first_stage"
    ends = ar.confidence_set(this, CLASSIC, 0.05)
    found = ols.inference("x", CLASSIC, 0.05)
    assert isinstance(ends, ar.Region)
    assert (ends.low, ends.high) == pytest.approx((found.ci_low, found.ci_high))


def test_units_and_origin_do_not_matter() -> None:
    columns = draw()
    moved = {"y": columns["y"] * 1e7 - 1e9, "x": columns["x"] * 1e-4 + 10,
             "z1": columns["z1"] * 1e5, "z2": columns["z2"] - 1e6}  # fmt: skip
    first, again = system(columns, "z1", "z2"), system(moved, "z1", "z2")
    for kind in (CLASSIC, "hc1"):
        one, two = (ar.inference(s, liml(s).fit, kind, 0.05) for s in (first, again))
        assert one.ci_low is not None
        assert one.ci_high is not None
        assert [two.estimate, two.std_error, two.ci_low, two.ci_high] == pytest.approx(
            np.array([one.estimate, one.std_error, one.ci_low, one.ci_high]) * 1e11, rel=1e-6
        )
        assert two.p_value == pytest.approx(one.p_value, rel=1e-6)
    assert hansen_j(again).statistic == pytest.approx(hansen_j(first).statistic, rel=1e-6)
