"""Heckman's estimators at their edges, and their derivatives against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from causalops.estimators.quasi.probit import mills
from causalops.estimators.quasi.selection import Selection, naive_ols, two_step
from causalops.estimators.quasi.selection_likelihood import (
    likelihood_ratio,
    maximum_likelihood,
    parts,
)
from causalops.estimators.quasi.selection_sample import SelectionSample, selection_sample
from causalops.moments import Floats

N = 800
Table = dict[str, Any]


def table(seed: int = 1, rho: float = 0.6, n: int = N) -> Table:
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(2, n))
    u = rng.normal(size=n)
    e = rho * u + np.sqrt(1 - rho**2) * rng.normal(size=n)
    return {"x": x, "w": w, "s": (0.3 + 0.5 * x + w + u > 0).astype(float), "y": 1 + 0.5 * x + e}


def held(t: Table, outcome: str = "x", selection: str = "xw", **more: Any) -> SelectionSample:
    columns = ({name: t[name] for name in names} for names in (outcome, selection))
    return selection_sample(t["y"], t["s"], *columns, **more)


def refused(found: Selection, reason: str) -> bool:
    """A reason, and not one number."""
    terms = [found.lambda_, found.rho, found.sigma, *found.outcome.values()]
    return found.reason == reason and all(
        value is None
        for term in terms
        for value in (term.estimate, term.std_error, term.p_value, term.ci_low, term.ci_high)
    )


@pytest.mark.parametrize("fit", [two_step, maximum_likelihood])
def test_nobody_everybody_and_separated(fit: Any) -> None:
    t = table()
    assert refused(fit(held(t | {"s": np.zeros(N)})), "nobody_selected")
    assert refused(fit(held(t | {"s": np.ones(N)})), "everybody_selected")
    complete = fit(held(t | {"s": (t["w"] > 0).astype(float)}))
    assert refused(complete, "perfect_separation")
    assert complete.column == "w"
    # One value of a binary column decides, the other does not.
    some = (t["w"] > 1).astype(float)
    quasi = fit(held(t | {"b": some, "s": np.where(some, 1.0, t["s"])}, selection="xb"))
    assert refused(quasi, "perfect_separation")
    assert quasi.column == "b"
    assert refused(fit(held({k: v[:0] for k, v in t.items()})), "nobody_selected")


def test_a_strong_predictor_is_not_a_separation() -> None:
    t = table()
    u = np.random.default_rng(2).normal(size=N)
    found = two_step(held(t | {"s": (8 * t["w"] + u > 0).astype(float)}))
    assert found.reason is None


@pytest.mark.parametrize("fit", [two_step, maximum_likelihood])
def test_too_few_selected_and_a_constant_outcome(fit: Any) -> None:
    t = table(n=60)
    few = np.isin(np.arange(60), np.argsort(t["x"])[[20, 30, 40]]).astype(float)
    assert refused(fit(held(t | {"s": few})), "too_few_units")
    assert refused(fit(held(table() | {"y": np.full(N, 3.0)})), "zero_variance")


def test_columns_that_cannot_be_used_are_named() -> None:
    t = table()
    t |= {"c": np.full(N, 5.0), "d": 2 * t["x"] - 1}
    sample = held(t, outcome="xcd", selection="xcdw")
    assert sample.x.left_out == {"c": "constant", "d": "collinear"}
    found, plain = two_step(sample), two_step(held(t))
    assert found.warnings == ("covariate_dropped",)
    assert found.outcome["x"].std_error == pytest.approx(plain.outcome["x"].std_error, rel=1e-10)


def test_lambda_that_the_outcome_columns_determine() -> None:
    t = table()
    t["b"] = (t["x"] > 0).astype(float)
    s = np.random.default_rng(3).random(N) < 0.3 + 0.4 * t["b"]
    assert refused(two_step(held(t | {"s": s}, "b", "b")), "lambda_collinear")


def test_rho_beyond_one_is_flagged() -> None:
    """An outcome that follows the Mills ratio without noise is no normal error."""
    t = table(n=200)
    noise = np.random.default_rng(5).normal(size=200)
    found = two_step(held(t | {"y": 2 * mills(0.3 + 0.5 * t["x"] + t["w"]) + 0.05 * noise}))
    assert abs(found.rho.estimate or 0) > 1
    assert "rho_outside" in found.warnings
    for term in (*found.outcome.values(), found.lambda_):
        assert term.std_error is None or term.std_error > 0


def test_missing_values_and_the_order_of_rows() -> None:
    t = table()
    t["y"] = np.where(t["s"] == 1, t["y"], np.nan)
    seen = np.flatnonzero(t["s"])
    t["y"][seen[:2]], t["x"][5], t["w"][6] = np.nan, np.inf, np.nan
    groups = [f"g{i % 50}" for i in range(N)]
    sample = held(t, clusters=groups)
    gone = {*seen[:2].tolist(), 5, 6}
    assert sample.n_dropped == len(gone)
    order = np.random.default_rng(4).permutation(N)
    turned = {name: values[order] for name, values in t.items()}
    again = held(turned, clusters=[groups[i] for i in order])
    assert two_step(again) == two_step(sample)
    assert maximum_likelihood(again) == maximum_likelihood(sample)


@pytest.mark.parametrize("fit", [two_step, maximum_likelihood])
def test_units_of_measure_do_not_matter(fit: Any) -> None:
    t = table()
    scaled = t | {"y": 1e6 * t["y"] + 3e7, "x": 1e-4 * t["x"] + 7, "w": 1e5 * t["w"]}
    one, other = fit(held(t)), fit(held(scaled))
    assert other.outcome["x"].estimate == pytest.approx(1e10 * one.outcome["x"].estimate, rel=1e-7)
    assert other.outcome["x"].p_value == pytest.approx(one.outcome["x"].p_value, rel=1e-6)
    assert other.sigma.estimate == pytest.approx(1e6 * one.sigma.estimate, rel=1e-7)


def test_a_search_that_breaks_off_has_a_reason() -> None:
    """One value a million times as large: the Hessian overflows on the way."""
    rng = np.random.default_rng(5)
    x, w, u, _ = rng.normal(size=(4, 50))
    s = (0.3 + (x > 0) + w + u > 0).astype(float)
    x[0] = 1e6
    sample = held({"x": x, "w": w, "s": s, "y": x + u})
    assert two_step(sample).reason is None
    with np.errstate(all="ignore"):
        assert refused(maximum_likelihood(sample), "not_converged")


def test_derivatives_of_the_likelihood() -> None:
    sample = held(table(n=60))
    theta = np.array([0.2, 0.4, 0.7, 0.9, 0.6, -0.1, 0.5])
    found = parts(theta, sample, sample.y)

    def value(at: Floats) -> float:
        return parts(at, sample, sample.y).value

    def slope(at: Floats) -> Floats:
        return parts(at, sample, sample.y).scores.sum(axis=0)

    assert slope(theta) == pytest.approx(approx_fprime(theta, value, 1e-7), rel=1e-4, abs=1e-4)
    assert found.hessian == pytest.approx(approx_fprime(theta, slope, 1e-7), rel=1e-4, abs=1e-4)


def test_both_estimators_tell_the_truth_and_least_squares_does_not() -> None:
    t = table(n=5_000)
    sample = held(t)
    for fit in (two_step, maximum_likelihood):
        found = fit(sample)
        term = found.outcome["x"]
        assert term.ci_low is not None
        assert term.ci_high is not None
        assert term.ci_low < 0.5 < term.ci_high
        assert found.rho.estimate == pytest.approx(0.6, abs=0.15)
    naive = naive_ols(sample)["x"]
    assert naive.ci_high is not None
    assert naive.ci_high < 0.5
    test = likelihood_ratio(sample, maximum_likelihood(sample))
    assert test is not None
    assert test.p_value < 1e-6


def test_clusters_of_one_unit_agree_and_copies_do_not_add_information() -> None:
    t = table(n=3_000)
    alone = held(t, clusters=list(range(3_000)))
    copies = {name: np.tile(values, 3) for name, values in t.items()}
    thrice = held(copies, clusters=list(range(3_000)) * 3)
    for fit in (two_step, maximum_likelihood):
        plain, clustered, copied = (fit(s).outcome["x"] for s in (held(t), alone, thrice))
        assert clustered.std_error == pytest.approx(plain.std_error, rel=0.05)
        assert copied.std_error == pytest.approx(clustered.std_error, rel=1e-6)
        assert clustered.df == 2_999
    assert refused(two_step(held(t, clusters=["one"] * 3_000)), "too_few_clusters")
