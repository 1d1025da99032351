"""Instruments against the textbook cases and, on rows, against linearmodels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from linearmodels.iv import IV2SLS, IVGMM, IVLIML
from reference_cases import CASES, data, near
from scipy.stats import chi2
from scipy.stats import f as f_distribution

from causalops.estimators.quasi import anderson_rubin as ar
from causalops.estimators.quasi.exogeneity import wu_hausman
from causalops.estimators.quasi.gram import from_rows, partial_out
from causalops.estimators.quasi.overidentification import hansen_j, sargan
from causalops.estimators.quasi.regression import CLASSIC, Fit, least_squares
from causalops.estimators.quasi.residual_moments import of_rows
from causalops.estimators.quasi.two_stage import (
    System,
    first_stage,
    liml,
    ordinary,
    reduced_form,
    two_stage,
)
from causalops.estimators.quasi.weak_instruments import strength

REGIONS = [f"reg66{number}" for number in range(2, 10)]
COLUMNS = {
    "iv_card_nearc4": (
        ["nearc4"], ["exper", "expersq", "black", "smsa", "south", "smsa66", *REGIONS],
    ),
    "iv_mroz": (["motheduc", "fatheduc"], ["exper", "expersq"]),
}  # fmt: skip


def table(case: dict[str, Any]) -> pd.DataFrame:
    """The rows of a case: everybody, or working women."""
    rows = data(case["dataset"])
    return rows if case["id"] == "iv_card_nearc4" else rows[rows["inlf"] == 1]


def system(rows: pd.DataFrame, instruments: list[str], controls: list[str]) -> System:
    columns = {name: rows[name] for name in ("lwage", "educ", *instruments, *controls)}
    return System(of_rows(columns, controls), "lwage", ("educ",), tuple(instruments))


@pytest.mark.parametrize("name", list(COLUMNS))
def test_textbook_cases(name: str) -> None:
    case = CASES[name]
    want, rows = case["expected"], table(case)
    this = system(rows, *COLUMNS[name])
    assert this.residuals.n == want["n"]
    naive = ordinary(this).inference("educ", CLASSIC, 0.05)
    assert [naive.estimate, naive.std_error, naive.p_value, naive.ci_low, naive.ci_high] == near(
        case, [want["ols"]["estimate"], want["ols"]["se"], want["ols"]["p_value"],
               *want["ols"]["ci"]],
    )  # fmt: skip
    fit, expected = two_stage(this), want["tsls"]
    found = fit.inference("educ", CLASSIC, 0.05)
    assert [found.estimate, found.std_error, found.p_value, found.ci_low, found.ci_high] == near(
        case, [expected["estimate"], expected["se_classic"], expected["p_value"], *expected["ci"]]
    )
    assert fit.inference("educ", "hc1", 0.05).std_error == near(case, expected["se_robust_hc1"])
    other = liml(this).fit.inference("educ", CLASSIC, 0.05)
    assert [other.estimate, other.std_error] == near(
        case, [want["liml"]["estimate"], want["liml"]["se_classic"]]
    )
    stage, expected = first_stage(this, "educ"), want["first_stage"]
    assert dict(zip(stage.names, stage.coefficients, strict=True)) == near(case, expected["coef"])
    power = strength(this, "educ", "hc1")
    assert [
        power.classic.statistic, power.robust.statistic, power.partial_r2, power.effective
    ] == near(
        case, [expected["F"], expected["F_hc1"], expected["partial_r2"], expected["effective_F"]]
    )  # fmt: skip
    ends = ar.confidence_set(this, CLASSIC, 0.05)
    assert isinstance(ends, ar.Region)
    assert (ends.shape, want["ar_shape"]) == ("interval", "bounded")
    assert [ends.low, ends.high] == near(case, want["anderson_rubin_ci"])
    assert wu_hausman(this, CLASSIC).p_value == near(case, want["wu_hausman_p"])
    test = sargan(this)
    if "sargan" in want:
        assert [test.statistic, test.p_value] == near(
            case, [want["sargan"]["stat"], want["sargan"]["p"]]
        )
    else:
        assert (test.statistic, test.reason_code) == (None, "just_identified")
    # The error of a second stage run by hand is another number.
    fitted = np.column_stack([this.z @ this.on_instruments(this.x)])
    by_hand = least_squares(this.residuals, "lwage", ["fitted"], fitted)
    wrong = by_hand.inference("fitted", CLASSIC, 0.05)
    assert wrong.std_error == near(case, want["wrong_second_stage_se"])
    assert wrong.std_error != pytest.approx(found.std_error, rel=1e-3)


def test_fewer_instruments_than_treatments() -> None:
    case = CASES["edge_under_identified"]
    rng = np.random.default_rng(1)
    draws = rng.normal(size=(50, 4))
    columns = dict(zip(("y", "x1", "x2", "z1"), draws.T, strict=True))
    assert (case["dataset"]["endog"], case["dataset"]["instruments"]) == (2, 1)
    this = System(of_rows(columns), "y", ("x1", "x2"), ("z1",))
    assert this.problem == (case["expected_status"], ())
    for fit in (two_stage(this), liml(this).fit):
        result = fit.inference("x1", CLASSIC, 0.05)
        assert (result.status, result.reason_code) == ("skipped", case["expected_status"])
        assert (result.estimate, result.std_error, result.p_value, result.ci_low) == (None,) * 4
    assert wu_hausman(this, CLASSIC).reason_code == case["expected_status"]
    assert ar.joint_test(this, CLASSIC, [0.0, 0.0]).reason_code == case["expected_status"]


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """Two treatments, three instruments, two controls, unequal variances, 60 groups."""
    rng = np.random.default_rng(7)
    n = 900
    group = rng.integers(0, 60, n)
    shared = rng.normal(size=(60, 2))[group]
    w = rng.normal(size=(n, 2)) @ [[1, 0.4], [0, 1]] + 50
    z = rng.normal(size=(n, 3)) + 0.3 * w[:, :1]
    cause = rng.normal(size=n) + shared[:, 0]
    x = z @ [[0.6, 0.1], [0.3, 0.5], [0.1, 0.4]] + cause[:, None] + rng.normal(size=(n, 2))
    noise = rng.normal(size=n) * (0.5 + np.abs(z[:, 0])) + shared[:, 1]
    y = 1_000 + x @ [1.0, -0.5] + w @ [2.0, 1.0] + cause + noise
    names = ["y", "x1", "x2", "z1", "z2", "z3", "w1", "w2"]
    found = pd.DataFrame(np.column_stack([y, x, z, w]), columns=names)
    return found.assign(group=group, const=1.0)


def logged(log: pd.DataFrame, p: int, m: int, clustered: bool = False) -> System:
    treatments = tuple(f"x{j + 1}" for j in range(p))
    instruments = tuple(f"z{j + 1}" for j in range(m))
    names = ("y", *treatments, *instruments, "w1", "w2")
    clusters = log["group"] if clustered else None
    residuals = of_rows({name: log[name] for name in names}, ["w1", "w2"], clusters)
    return System(residuals, "y", treatments, instruments)


def theirs(
    model: type, log: pd.DataFrame, this: System, setup: dict[str, Any] | None = None,
    **options: Any,
) -> Any:  # fmt: skip
    """linearmodels on rows; `debiased` divides by n - K, with the constant and the controls."""
    made = model(log["y"], log[["const", "w1", "w2"]], log[list(this.treatments)],
                 log[list(this.instruments)], **(setup or {}))  # fmt: skip
    return made.fit(**options)


def same(fit: Fit, kind: str, their: Any) -> None:
    for name in fit.names:
        found = fit.inference(name, kind, 0.05)
        assert found.estimate == pytest.approx(their.params[name], rel=1e-8), name
        assert found.std_error == pytest.approx(their.std_errors[name], rel=1e-6), name


KINDS: list[tuple[str, dict[str, Any]]] = [
    (CLASSIC, {"cov_type": "unadjusted", "debiased": True}),
    ("hc0", {"cov_type": "robust"}),
    ("hc1", {"cov_type": "robust", "debiased": True}),
    ("cr1", {"cov_type": "clustered", "debiased": True}),
]


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=[kind for kind, _ in KINDS])
@pytest.mark.parametrize(("p", "m"), [(1, 1), (1, 3), (2, 2), (2, 3)])
def test_rows_against_linearmodels(
    log: pd.DataFrame, p: int, m: int, kind: str, options: dict[str, Any]
) -> None:
    """cr1 has the factor G / (G - 1) (n - 1) / (n - K), as Stata and linearmodels have it."""
    this = logged(log, p, m, kind == "cr1")
    clusters = {"clusters": log["group"]} if kind == "cr1" else {}
    two = theirs(IV2SLS, log, this, **options, **clusters)
    same(two_stage(this), kind, two)
    same(liml(this).fit, kind, theirs(IVLIML, log, this, **options, **clusters))
    if kind != "hc0":
        # linearmodels reports chi-square; ours is the same statistic per restriction as F.
        their = two.wooldridge_regression.stat / p
        assert wu_hausman(this, kind).statistic == pytest.approx(their, rel=1e-8)
    if kind == CLASSIC:
        exogenous = two.wu_hausman()
        ours = wu_hausman(this, kind)
        assert [ours.statistic, ours.p_value] == pytest.approx(
            [exogenous.stat, exogenous.pval], rel=1e-8
        )
    if m > p and kind == CLASSIC:
        test = sargan(this)
        assert [test.statistic, test.p_value] == pytest.approx(
            [two.sargan.stat, two.sargan.pval], rel=1e-7
        )


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize(("p", "m"), [(1, 3), (2, 3)])
def test_hansen_j(log: pd.DataFrame, p: int, m: int, clustered: bool) -> None:
    this = logged(log, p, m, clustered)
    kind = {"weight_type": "clustered", "clusters": log["group"]} if clustered else {}
    their = theirs(IVGMM, log, this, setup=kind).j_stat
    ours = hansen_j(this)
    assert [ours.statistic, ours.p_value] == pytest.approx([their.stat, their.pval], rel=1e-7)
    assert ours.statistic != pytest.approx(sargan(this).statistic, rel=1e-2)


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=[kind for kind, _ in KINDS])
def test_the_stages_against_linearmodels(
    log: pd.DataFrame, kind: str, options: dict[str, Any]
) -> None:
    """First stage, reduced form and least squares with the controls in the regression."""
    this = logged(log, 1, 3, kind == "cr1")
    clusters = {"clusters": log["group"]} if kind == "cr1" else {}
    for fit, outcome in ((first_stage(this, "x1"), "x1"), (reduced_form(this), "y")):
        exogenous = log[["const", "w1", "w2", *this.instruments]]
        their = IV2SLS(log[outcome], exogenous, None, None).fit(**options, **clusters)
        same(fit, kind, their)
    their = IV2SLS(log["y"], log[["const", "w1", "w2", "x1"]], None, None)
    same(ordinary(this), kind, their.fit(**options, **clusters))


@pytest.mark.parametrize("kind", [CLASSIC, "hc1", "cr1"])
@pytest.mark.parametrize("m", [1, 3])
def test_anderson_rubin_on_rows(log: pd.DataFrame, m: int, kind: str) -> None:
    """The test at any value is the F test of the instruments in the regression of y - x b; the
    set's ends are the values at which it rejects at exactly 5 %."""
    this = logged(log, 1, m, kind == "cr1")
    options: dict[str, Any] = dict(KINDS)[kind]
    clusters = {"clusters": log["group"]} if kind == "cr1" else {}
    ends = ar.confidence_set(this, kind, 0.05)
    assert isinstance(ends, ar.Region)
    assert ends.shape == "interval"
    assert ends.low is not None
    assert ends.high is not None
    names = list(this.instruments)
    for value in (0.0, 1.0, ends.low, ends.high):
        error = log["y"] - value * log["x1"]
        fit = IV2SLS(error, log[["const", "w1", "w2", *names]], None, None).fit(
            **options, **clusters
        )
        params, cov = fit.params[names], fit.cov.loc[names, names]
        statistic = float(params @ np.linalg.solve(cov, params)) / m
        df = 59 if kind == "cr1" else len(log) - 3 - m
        ours = ar.joint_test(this, kind, [value])
        assert ours.statistic == pytest.approx(statistic, rel=1e-6)
        assert (ours.df1, ours.df2) == (m, df)
        assert ours.p_value == pytest.approx(float(f_distribution.sf(statistic, m, df)), rel=1e-6)
        if value in (ends.low, ends.high):
            assert ours.p_value == pytest.approx(0.05, rel=1e-8)


def test_effective_f(log: pd.DataFrame) -> None:
    """By hand: instruments made orthonormal, the trace of the robust covariance; and the published
    critical value of one instrument, 23.1 (Montiel Olea & Pflueger 2013)."""
    this = logged(log, 1, 3)
    controls = np.column_stack([log[["const", "w1", "w2"]]])
    hat = controls @ np.linalg.pinv(controls)
    z, x = (log[names].to_numpy() - hat @ log[names].to_numpy() for names in
            (["z1", "z2", "z3"], ["x1"]))  # fmt: skip
    q = np.linalg.qr(z)[0]
    scores = q * (x - q @ (q.T @ x))
    spread = scores.T @ scores * len(log) / (len(log) - 6)
    found = strength(this, "x1", "hc1")
    explained = float(np.sum((q.T @ x) ** 2))
    assert found.effective == pytest.approx(explained / np.trace(spread), rel=1e-8)
    assert found.effective != pytest.approx(found.robust.statistic, rel=1e-3)
    one = strength(logged(log, 1, 1), "x1", "hc1")
    assert one.critical == pytest.approx(23.1, abs=0.05)
    assert one.effective == pytest.approx(one.robust.statistic, rel=1e-10)


def test_partialling_out_gives_the_full_regression(log: pd.DataFrame) -> None:
    """Residual moments after the controls against the whole Gram, to 1e-10, also far from zero."""
    names = ["y", "x1", "z1", "z2"]
    moved = log.assign(w1=log["w1"] + 1e6, y=log["y"] * 1e-5)
    whole = from_rows({name: moved[name] for name in [*names, "w1", "w2"]})
    residuals = of_rows({name: moved[name] for name in [*names, "w1", "w2"]}, ["w1", "w2"])
    assert partial_out(whole, names, ["w1", "w2"]) == pytest.approx(residuals.second, rel=1e-10)
    short = least_squares(residuals, "y", ["x1", "z1"])
    long = least_squares(
        of_rows({name: moved[name] for name in ("y", "x1", "z1", "w1", "w2")}),
        "y", ["x1", "z1", "w1", "w2"],
    )  # fmt: skip
    assert short.n_parameters == long.n_parameters
    for kind in (CLASSIC, "hc0", "hc1"):
        for name in short.names:
            ours, full = (fit.inference(name, kind, 0.05) for fit in (short, long))
            assert [ours.estimate, ours.std_error, ours.p_value] == pytest.approx(
                [full.estimate, full.std_error, full.p_value], rel=1e-10
            )


def test_sargan_is_chi_square() -> None:
    """The published n R2 of the Mroz case: .378 with p = .539 (Wooldridge, Example 15.8)."""
    case = CASES["iv_mroz"]
    test = sargan(system(table(case), *COLUMNS["iv_mroz"]))
    assert test.statistic == pytest.approx(case["published"]["sargan_nR2"], abs=5e-4)
    assert test.p_value == pytest.approx(float(chi2.sf(test.statistic or 0.0, 1)), rel=1e-12)
