"""Least squares on moments against NIST's certified values, statsmodels, and grouped data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from reference_cases import CASES, data, near

from causalops.estimators.quasi.panel_fixed_effects import panel_fixed_effects
from causalops.estimators.quasi.regression import CLASSIC, least_squares
from causalops.estimators.quasi.residual_moments import of_rows

# NIST Statistical Reference Datasets, Longley (1967): y, x1 ... x6; certified b and its error.
LONGLEY = """
60323 83.0 234289 2356 1590 107608 1947
61122 88.5 259426 2325 1456 108632 1948
60171 88.2 258054 3682 1616 109773 1949
61187 89.5 284599 3351 1650 110929 1950
63221 96.2 328975 2099 3099 112075 1951
63639 98.1 346999 1932 3594 113270 1952
64989 99.0 365385 1870 3547 115094 1953
63761 100.0 363112 3578 3350 116219 1954
66019 101.2 397469 2904 3048 117388 1955
67857 104.6 419180 2822 2857 118734 1956
68169 108.4 442769 2936 2798 120445 1957
66513 110.8 444546 4681 2637 121950 1958
68655 112.6 482704 3813 2552 123366 1959
69564 114.2 502601 3931 2514 125368 1960
69331 115.7 518173 4806 2572 127852 1961
70551 116.9 554894 4007 2827 130081 1962
"""
CERTIFIED = {
    "x1": (15.0618722713733, 84.9149257747669),
    "x2": (-0.0358191792925910, 0.0334910077722432),
    "x3": (-2.02022980381683, 0.488399681651699),
    "x4": (-1.03322686717359, 0.214274163161675),
    "x5": (-0.0511041056535807, 0.226073200069370),
    "x6": (1829.15146461355, 455.478499142212),
}
RESIDUAL_SD = 304.854073561965


def test_longley() -> None:
    """Seven digits, where products of uncentred columns keep none to speak of."""
    values = np.array([line.split() for line in LONGLEY.split("\n") if line], dtype=float)
    columns = dict(zip(("y", *CERTIFIED), values.T, strict=True))
    for controls in ([], ["x2", "x6"]):
        regressors = [name for name in CERTIFIED if name not in controls]
        fit = least_squares(of_rows(columns, controls), "y", regressors)
        for name in regressors:
            found = fit.inference(name, CLASSIC, 0.05)
            assert [found.estimate, found.std_error] == pytest.approx(CERTIFIED[name], rel=1e-7)
        assert (fit.squares / 9) ** 0.5 == pytest.approx(RESIDUAL_SD, rel=1e-7)
        assert fit.df(CLASSIC) == 9


def test_grouped_data_give_the_coefficient_and_another_error() -> None:
    case = CASES["reg_grouped_equivalence"]
    want, rows = case["expected"], data(case["dataset"])
    fit = least_squares(of_rows({"y": rows["lwage"], "x": rows["educ"]}), "y", ["x"])
    found = fit.inference("x", CLASSIC, 0.05)
    assert [found.estimate, found.std_error] == near(case, [want["ols"], want["se_ols"]])
    assert fit.inference("x", "hc1", 0.05).std_error == near(case, want["se_hc1"])
    cells = rows.groupby("educ")["lwage"].agg(["mean", "size"]).reset_index()
    moments = of_rows({"y": cells["mean"], "x": cells["educ"]}, weights=cells["size"])
    grouped = least_squares(moments, "y", ["x"]).inference("x", CLASSIC, 0.05)
    assert [grouped.estimate, grouped.std_error] == near(case, [want["wls_cells"], want["se_wls"]])


def test_region_dummies_equal_the_within_transformation() -> None:
    rows = data("card.csv")
    names = [f"reg66{number}" for number in range(1, 10)]
    columns = {"y": rows["lwage"], "x": rows["educ"], **{name: rows[name] for name in names[1:]}}
    dummies = least_squares(of_rows(columns, names[1:]), "y", ["x"])
    region = rows[names].to_numpy().argmax(axis=1)
    panel = panel_fixed_effects(region, np.arange(len(rows)), rows["lwage"], {"x": rows["educ"]})
    ours, within = (fit.inference("x", CLASSIC, 0.05) for fit in (dummies, panel.fit))
    assert [within.estimate, within.std_error] == pytest.approx(
        [ours.estimate, ours.std_error], rel=1e-10
    )


@pytest.mark.parametrize("is_weighted", [False, True])
def test_rows_against_statsmodels(is_weighted: bool) -> None:
    """Errors of statsmodels: nonrobust and HC1 with divisor n - K, cluster with the factor
    G / (G - 1) (n - 1) / (n - K)."""
    rng = np.random.default_rng(11)
    n = 500
    table = pd.DataFrame(
        rng.normal(size=(n, 3)) * [1, 1e4, 1e-3] + [5, 1e6, 0], columns=list("abc")
    )
    table["group"] = rng.integers(0, 40, n)
    table["y"] = (table["a"] + table["b"] / 1e4) * (1 + rng.random(n)) + table["group"] / 20
    weights = rng.random(n) + 0.2 if is_weighted else np.ones(n)
    model = sm.WLS(table["y"], sm.add_constant(table[["a", "b", "c"]]), weights=weights)
    kinds = {
        CLASSIC: ("nonrobust", {}), "hc0": ("HC0", {}), "hc1": ("HC1", {}),
        "cr1": ("cluster", {"groups": table["group"]}),
    }  # fmt: skip
    for kind, (name, options) in kinds.items():
        their = model.fit(cov_type=name, cov_kwds=options or None, use_t=True)
        clusters = table["group"] if kind == "cr1" else None
        columns = {column: table[column] for column in ("y", "a", "b", "c")}
        fit = least_squares(of_rows(columns, ["c"], clusters, weights), "y", ["a", "b"])
        for column in ("a", "b"):
            ours = fit.inference(column, kind, 0.05)
            assert ours.estimate == pytest.approx(their.params[column], rel=1e-8)
            assert ours.std_error == pytest.approx(their.bse[column], rel=1e-6)
            assert ours.p_value == pytest.approx(their.pvalues[column], rel=1e-5)
        test, joint = fit.joint(["a", "b"], kind), their.f_test("a = b = 0")
        assert test.statistic == pytest.approx(float(joint.fvalue), rel=1e-6)


def test_collinear_columns_are_named() -> None:
    case = CASES["edge_collinear"]
    assert case["dataset"]["X"] == "x2 = 2*x1"
    rng = np.random.default_rng(3)
    x1, x3 = rng.normal(size=(2, 80))
    columns = {"y": x1 + rng.normal(size=80), "x3": x3, "x1": x1, "x2": 2 * x1}
    fit = least_squares(of_rows(columns), "y", ["x3", "x1", "x2"])
    result = fit.inference("x1", CLASSIC, 0.05)
    assert (result.status, result.reason_code) == ("skipped", case["expected_status"])
    assert (result.estimate, result.std_error) == (None, None)
    assert [str(item) for item in fit.dropped] == ["x2 is a combination of x1"]
