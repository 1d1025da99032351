"""Doubly robust differences, average effects, E-values: cases, published numbers, witnesses."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pytest
from reference_cases import CASES, HERE, data, near
from statsmodels.discrete.discrete_model import Logit, Probit
from statsmodels.regression.linear_model import OLS
from statsmodels.tools.numdiff import approx_fprime
from statsmodels.treatment.treatment_effects import TreatmentEffect

from causalops.estimators.quasi import doubly_robust as dr
from causalops.estimators.quasi import evalue, matching, matching_errors, propensity
from causalops.estimators.quasi import treatment_effects as te
from causalops.estimators.quasi.overlap import overlap
from causalops.moments import Floats

NSW = ["age", "educ", "black", "married", "nodegree", "hisp", "re74"]


@dataclass(frozen=True)
class Panel:
    change: Floats
    treated: propensity.Bools
    x: Floats


@pytest.fixture(scope="module")
def nsw() -> Panel:
    """Randomised controls of the NSW against the CPS: nobody was treated, so the truth is 0."""
    columns = ", ".join(f"any_value({name})" for name in NSW)
    with duckdb.connect() as con:
        rows = con.execute(
            f"""select max(re) filter (year = 1978) - max(re) filter (year = 1975), experimental,
            {columns} from '{HERE}/data/nsw_long.parquet' where treated = 0 or sample = 2
            group by experimental, id order by experimental, id"""
        ).fetchall()
    table = np.array(rows, dtype=float)
    return Panel(table[:, 0], table[:, 1] == 1, table[:, 2:])


def test_doubly_robust_did_on_nsw_and_cps(nsw: Panel) -> None:
    case = CASES["drdid_nsw_cps"]
    want = case["expected"]
    assert [nsw.treated.sum(), (~nsw.treated).sum()] == [want["n_treated"], want["n_control"]]
    what = dr.study(nsw.change, nsw.treated, nsw.x, NSW)
    pairs = {"dr": "drdid_panel", "reg": "reg_did_panel", "std_ipw": "std_ipw_did_panel"}
    for method, name in pairs.items():
        found = dr.estimate(what, method).inference(0.05)
        assert found.estimate == near(case, want[name]["estimate"]), method
        assert found.std_error == near(case, want[name]["se"]), method
    improved = dr.estimate(what, "dr_improved").inference(0.05)
    published = case["published"]
    assert improved.estimate == pytest.approx(published["dr_improved"], abs=0.005)
    assert improved.std_error == pytest.approx(published["dr_improved_se"], abs=0.005)


def test_matching_on_nsw_and_cps(nsw: Panel) -> None:
    """Brute force over all 425 x 15,992 distances finds the same sets and the same effect."""
    score = propensity.fit(nsw.x, nsw.treated, NSW)
    matches = matching.match(score.index, nsw.treated)
    found = matching_errors.effect(nsw.change, matches, score)
    assert isinstance(found, matching_errors.Matched)
    ours, theirs = np.flatnonzero(nsw.treated), np.flatnonzero(~nsw.treated)
    gaps = np.abs(score.index[ours][:, None] - score.index[theirs])
    near_enough = gaps <= gaps.min(axis=1)[:, None] + 1e-9
    mean = (near_enough * nsw.change[theirs]).sum(axis=1) / near_enough.sum(axis=1)
    assert found.estimate == pytest.approx((nsw.change[ours] - mean).mean(), rel=1e-8)
    assert (matches.n_matched, matches.n_dropped) == (425, 0)
    assert matches.n_used == near_enough.any(axis=0).sum()
    assert matches.n_reused == (near_enough.sum(axis=0) > 1).sum()
    # Pairs as if independent would have claimed a quarter more precision.
    iid = found.effects.std(ddof=1) / np.sqrt(425)
    assert found.inference(0.05).std_error > 1.25 * iid
    support = overlap(score.probability, nsw.treated)
    assert support is not None
    assert support.n_outside == support.n_trimmed == 0
    assert 400 < support.ess < 450


@dataclass(frozen=True)
class Births:
    y: Floats
    treated: propensity.Bools
    x: Floats
    z: Floats


@pytest.fixture(scope="module")
def births() -> Births:
    frame = data("cattaneo2.csv")
    outcome = frame[["prenatal1_", "mmarried_", "mage", "fbaby_"]].to_numpy(dtype=float)
    treatment = frame[["mmarried_", "mage", "mage2", "fbaby_", "medu"]].to_numpy(dtype=float)
    smokes = frame["mbsmoke_"].to_numpy() == 1
    return Births(frame["bweight"].to_numpy(dtype=float), smokes, outcome, treatment)


def test_average_effects_of_smoking(births: Births) -> None:
    case = CASES["te_cattaneo2"]
    want, published = case["expected"], case["published"]
    score = propensity.fit(births.z, births.treated, list("abcde"), "probit")
    ends = score.probability.min(), score.probability.max()
    assert list(ends) == near(case, want["ps_range"])
    names = dict(zip(te.METHODS, ("ra", "ipw", "aipw", "aipw_wls", "ipw_ra"), strict=True))
    for method, name in names.items():
        found = te.average_effect(births.y, births.treated, births.x, score, method)
        result = found.inference(0.05)
        assert result.estimate == near(case, want[name]["ate"]), method
        # The errors expected of the doubly robust ones carry rounding of an inverted weighting
        # matrix (up to 9e-4); Stata's, published, are exact: see the next test too.
        assert result.std_error == pytest.approx(want[name]["se"], rel=1e-3), method
        if method in published:
            assert [result.estimate, result.std_error] == pytest.approx(
                published[method], abs=6e-5, rel=3e-7
            ), method


def test_errors_against_stacked_moments(births: Births) -> None:
    """The sandwich of statsmodels' own moment conditions, differentiated numerically."""
    treated = births.treated.astype(float)
    exog = [np.column_stack([np.ones(len(treated)), part]) for part in (births.x, births.z)]
    chosen = Probit(treated, exog[1]).fit(disp=0)
    model = TreatmentEffect(OLS(births.y, exog[0]), treated, results_select=chosen)
    fitted = model.aipw_wls().results_gmm
    parameters = np.asarray(fitted.params)
    moments = fitted.model.momcond(parameters)
    slope = approx_fprime(parameters, lambda p: fitted.model.momcond(p).mean(axis=0), centered=True)
    bread = np.linalg.inv(slope)
    covariance = bread @ (moments.T @ moments) @ bread.T / len(treated) ** 2
    score = propensity.fit(births.z, births.treated, list("abcde"), "probit")
    result = te.average_effect(births.y, births.treated, births.x, score, "aipw_wls")
    assert result.inference(0.05).estimate == pytest.approx(parameters[0], rel=1e-8)
    assert result.inference(0.05).std_error == pytest.approx(covariance[0, 0] ** 0.5, rel=1e-6)


def test_logit_against_statsmodels(nsw: Panel) -> None:
    ours = propensity.fit(nsw.x, nsw.treated, NSW)
    theirs = Logit(nsw.treated.astype(float), ours.design).fit(disp=0, method="newton", tol=1e-12)
    assert ours.index == pytest.approx(theirs.fittedvalues, rel=1e-8, abs=1e-8)
    assert ours.covariance == pytest.approx(np.asarray(theirs.cov_params()), rel=1e-6)


def test_e_values() -> None:
    case = CASES["evalue_rr39"]
    want, given = case["expected"], case["dataset"]
    found = evalue.of_ratio(given["rr"], *given["ci"])
    assert [found.point, found.limit] == near(case, [want["point"], want["ci_limit"]])
    assert evalue.of_ratio(0.6).point == near(case, want["protective_rr_0_6"])
    assert evalue.of_ratio(1.2, 0.9, 1.6).limit == want["ci_crosses_null"]


def test_perfect_separation() -> None:
    """Treated exactly where x > 0: no weights, no effect, and the column is named."""
    case = CASES["edge_ps_perfect_separation"]
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(300, 2)), rng.normal(size=300)
    treated = x[:, 0] > 0
    score = propensity.fit(x, treated, ["x", "noise"])
    assert (score.reason, score.separating) == (case["expected_status"], "x")
    what = dr.study(y, treated, x, ["x", "noise"])
    for method in ("dr", "dr_improved", "std_ipw", "ipw"):
        found = dr.estimate(what, method).inference(0.05)
        assert (found.status, found.reason_code) == ("skipped", "no_overlap"), method
        assert found.estimate is found.std_error is None, method
    average = te.average_effect(y, treated, x, score, "aipw")
    assert average.inference(0.05).reason_code == "no_overlap"
