"""Selected samples: wages of married women (Mroz 1987) as published by Stata."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from reference_cases import CASES, STATUS, data, near
from scipy.stats import norm

from causalops.estimators.quasi.selection import naive_ols, two_step
from causalops.estimators.quasi.selection_likelihood import likelihood_ratio, maximum_likelihood
from causalops.estimators.quasi.selection_sample import SelectionSample, selection_sample
from causalops.inference import Inference

WAGE = ["educ", "exper", "expersq"]
WORK = ["educ", "exper", "expersq", "nwifeinc", "age", "kidslt6", "kidsge6"]


@pytest.fixture(scope="module")
def women() -> pd.DataFrame:
    return data("mroz.csv")


def held(women: pd.DataFrame, outcome: list[str], selection: list[str]) -> SelectionSample:
    columns = dict(women[outcome]), dict(women[selection])
    return selection_sample(women["lwage"], women["inlf"], *columns)


def estimates(found: Mapping[str, Inference]) -> dict[str, float | None]:
    return {name: term.estimate for name, term in found.items()}


def errors(found: Mapping[str, Inference]) -> dict[str, float | None]:
    return {name: term.std_error for name, term in found.items()}


def test_two_steps(women: pd.DataFrame) -> None:
    case = CASES["heckman_mroz_twostep"]
    want, printed = case["expected"], case["published"]
    found = two_step(held(women, WAGE, WORK))
    terms = {**found.outcome, "lambda": found.lambda_}
    assert estimates(terms) == near(case, want["params"])
    assert errors(terms) == near(case, want["se_corrected"])
    assert dict(found.naive_errors) == near(case, want["se_naive_ols"])
    assert estimates(found.selection) == near(case, want["probit"])
    assert errors(found.selection) == near(case, want["probit_se"])
    assert [found.rho.estimate, found.sigma.estimate] == near(case, [want["rho"], want["sigma"]])
    assert (found.n, found.n_selected) == (want["n"], want["n_selected"])
    assert found.warnings == ()
    # As printed by Stata, in seven digits.
    assert found.outcome["educ"].estimate == pytest.approx(printed["educ"], abs=5e-8)
    assert found.outcome["educ"].std_error == pytest.approx(printed["se_educ"], abs=5e-8)
    assert found.lambda_.std_error == pytest.approx(printed["se_lambda"], abs=5e-8)


def test_maximum_likelihood(women: pd.DataFrame) -> None:
    """Stata's `heckman` on the same model."""
    sample = held(women, WAGE, WORK)
    found = maximum_likelihood(sample)
    assert found.log_likelihood == pytest.approx(-832.885081, abs=5e-7)
    assert found.outcome["educ"].estimate == pytest.approx(0.1083502, abs=5e-8)
    assert found.outcome["educ"].std_error == pytest.approx(0.0148607, abs=5e-8)
    # rho is far from significant: both tests that it is zero agree.
    test = likelihood_ratio(sample, found)
    assert test is not None
    assert found.rho.statistic is not None
    assert test.p_value == pytest.approx(found.rho.p_value, abs=2e-3)
    assert test.statistic == pytest.approx(found.rho.statistic**2, rel=0.05)


def test_no_exclusion_restriction(women: pd.DataFrame) -> None:
    """Identified by the curvature of the Mills ratio alone: it says so, and how little that is."""
    case = CASES["edge_heckman_no_exclusion"]
    found, with_one = (two_step(held(women, WAGE, z)) for z in (WAGE, WORK))
    assert STATUS[case["expected_status"]][1] in found.warnings
    assert found.outcome["educ"].status == "ok"
    assert found.condition_number is not None
    assert with_one.condition_number is not None
    assert found.condition_number > 100 > 30 > with_one.condition_number
    assert (found.inflation or 0) > 10 > (with_one.inflation or 0)


def test_rows_against_the_formula_on_raw_columns(women: pd.DataFrame) -> None:
    """Other columns, no standardising: Greene (1981) written out in one piece."""
    z = sm.add_constant(women[["educ", "age", "kidslt6"]])
    x = sm.add_constant(women.loc[women["inlf"] == 1, ["educ", "age"]])
    y = women.loc[women["inlf"] == 1, "lwage"]
    first = sm.Probit(women["inlf"], z).fit(disp=0, tol=1e-12)
    index = (z.loc[x.index] @ first.params).to_numpy()
    ratio = norm.pdf(index) / norm.cdf(index)
    w = np.column_stack([x, ratio])
    second = sm.OLS(y, w).fit()
    slope, d = second.params.iloc[-1], ratio * (ratio + index)
    sigma2 = second.resid @ second.resid / len(y) + d.mean() * slope**2
    f = w.T @ (d[:, None] * z.loc[x.index].to_numpy())
    r2 = slope**2 / sigma2
    meat = w.T @ ((1 - r2 * d)[:, None] * w) + r2 * f @ first.cov_params().to_numpy() @ f.T
    bread = np.linalg.inv(w.T @ w)
    want = np.sqrt(np.diag(sigma2 * bread @ meat @ bread))
    found = two_step(held(women, ["educ", "age"], ["educ", "age", "kidslt6"]))
    terms = {**found.outcome, "lambda": found.lambda_}
    assert list(estimates(terms).values()) == pytest.approx(list(second.params), rel=1e-8)
    assert list(errors(terms).values()) == pytest.approx(list(want), rel=1e-6)


def test_least_squares_on_the_selected(women: pd.DataFrame) -> None:
    working = women[women["inlf"] == 1]
    want = sm.OLS(working["lwage"], sm.add_constant(working[WAGE])).fit(cov_type="HC1", use_t=True)
    found = naive_ols(held(women, WAGE, WORK))
    assert list(estimates(found).values()) == pytest.approx(list(want.params), rel=1e-8)
    assert list(errors(found).values()) == pytest.approx(list(want.bse), rel=1e-6)
    assert found["educ"].p_value == pytest.approx(want.pvalues["educ"], rel=1e-6)
