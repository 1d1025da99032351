"""Sample ratio mismatch against the reference cases and scipy."""

from __future__ import annotations

import pandas as pd
import pytest
from reference_cases import CASES, STATUS, near
from scipy import stats

from causalops.estimators.randomised.counts import rate_test, srm_test
from causalops.estimators.randomised.srm import _srm_status


def test_kohavi() -> None:
    case = CASES["srm_kohavi_821588"]
    found = srm_test(dict(enumerate(case["dataset"]["counts"])), {0: 1, 1: 1})  # type: ignore[arg-type]
    assert found.statistic == near(case, case["expected"]["chi2"])
    assert found.p_value == near(case, case["expected"]["p_value"])
    assert found.df == case["expected"]["df"]
    assert _srm_status(found, 0.001) == STATUS["srm"]


def test_planned_arm_absent() -> None:
    case = CASES["edge_srm_missing_arm"]
    found = srm_test(case["dataset"]["counts"], case["dataset"]["ratio"])
    assert found.statistic == near(case, case["expected"]["chi2"])
    assert found.df == case["expected"]["df"]
    assert 0 < (found.p_value or 0) < 1e-300
    assert _srm_status(found, 0.001) == STATUS[case["expected_status"]]


@pytest.mark.parametrize(("seen", "total", "share"), [(3, 10, 0.2), (0, 12, 0.3), (9, 400, 0.01)])
def test_two_small_arms_are_the_binomial_test(seen: int, total: int, share: float) -> None:
    found = srm_test({"a": seen, "b": total - seen}, {"a": share, "b": 1 - share})
    assert found.method == "exact"
    assert found.p_value == pytest.approx(stats.binomtest(seen, total, share).pvalue, rel=1e-9)


def test_three_small_arms_are_exact_and_many_are_simulated() -> None:
    observed, prob = {"a": 1, "b": 4, "c": 7}, {"a": 0.5, "b": 0.25, "c": 0.25}
    found = srm_test(observed, prob)
    law = stats.multinomial(12, list(prob.values()))
    seen = law.pmf([1, 4, 7])
    tables = [[i, j, 12 - i - j] for i in range(13) for j in range(13 - i)]
    exact = sum(p for p in law.pmf(tables) if p <= seen * (1 + 1e-9))
    assert found.p_value == pytest.approx(exact, rel=1e-9)
    many = {f"v{i}": 40 for i in range(8)} | {"rare": 9}
    simulated = srm_test(many, dict.fromkeys(many, 1) | {"rare": 0.01})
    assert simulated.method == "monte_carlo"
    assert simulated == srm_test(many, dict.fromkeys(many, 1) | {"rare": 0.01})


def test_rates_are_pearson_chi_square() -> None:
    table = pd.DataFrame({"yes": [50, 80], "no": [950, 940]})
    expected = stats.chi2_contingency(table, correction=False)
    found = rate_test({"a": 50, "b": 80}, {"a": 1000, "b": 1020})
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
