"""The interaction of treatment and segment on the NSW data, from segment rows and from rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import stats_tables as st
from reference_cases import CASES, data, near
from scipy import stats

from causalops.estimators.randomised import ab_test
from causalops.results import Row


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    nsw = data("nsw.csv")
    units = pd.DataFrame({
        "variant": np.where(nsw["treat"] == 1, "t", "control"),
        "y": nsw["re78"].astype(float),
        "seg_nodegree": nsw["nodegree"].astype(int).astype(str),
    })  # fmt: skip
    weights: dict[str, float | None] = {"control": None, "t": None}
    return ab_test.run(
        st.due(), st.registry([{"metric": "re78"}], weights), st.moments(units, metric="re78"),
        st.NO_PROFILE, st.NO_CAPS, st.NO_DAILY, st.counts({"control": {"enrolled": 1}}),
    )  # fmt: skip


def segments(rows: list[Row]) -> dict[str, Row]:
    return {
        row["segment_value"]: row
        for row in rows
        if row["row_kind"] == "estimate" and row["segment_dim"] == "nodegree"
    }


def test_interaction_coefficient_and_hc1(rows: list[Row]) -> None:
    """re78 ~ treat * nodegree is saturated: its interaction is the difference of the two effects,
    and HC1 is each cell's sum of squares over n², times n / (n - 4), as the case has it. The z
    reference belongs to HC errors."""
    case = CASES["hte_star_small_freelunch"]
    params, errors = case["expected"]["params"], case["expected"]["se"]
    by_value = segments(rows)
    gap = by_value["1"]["estimate"] - by_value["0"]["estimate"]
    assert gap == near(case, params["treat:nodegree"])
    assert by_value["0"]["estimate"] == near(case, params["treat"])
    assert by_value["0"]["mean_baseline"] == near(case, params["Intercept"])
    total = sum(row["n_variant"] + row["n_baseline"] for row in by_value.values())

    def hc1(values: list[str]) -> float:
        cells = [(row[f"n_{side}"], row[f"sd_{side}"]) for row in map(by_value.get, values)
                 if row is not None for side in ("variant", "baseline")]  # fmt: skip
        return float(np.sqrt(total / (total - 4) * sum((n - 1) * s * s / n**2 for n, s in cells)))

    assert hc1(["0"]) == near(case, errors["treat"])
    assert hc1(["0", "1"]) == near(case, errors["treat:nodegree"])
    p_value = 2 * stats.norm.sf(abs(gap) / hc1(["0", "1"]))
    assert p_value == near(case, case["expected"]["p_interaction"])


def test_the_check_is_the_same_test_with_welch_errors(rows: list[Row]) -> None:
    """Q = (interaction / HC2)²; p by the Satterthwaite df of the four cells."""
    import statsmodels.api as sm

    nsw = data("nsw.csv")
    design = np.column_stack([np.ones(len(nsw)), nsw["treat"], nsw["nodegree"],
                              nsw["treat"] * nsw["nodegree"]])  # fmt: skip
    fit = sm.OLS(nsw["re78"].to_numpy(), design).fit(cov_type="HC2")
    [check] = [row for row in rows if row["row_kind"] == "check"
               and row["check_name"] == "effect_by_segment"]  # fmt: skip
    assert check["statistic"] == pytest.approx(float(fit.tvalues[3]) ** 2, rel=1e-8)
    assert (check["status"], check["df"]) == ("pass", 1.0)
    cells = [(row[f"sd_{side}"] ** 2 / row[f"n_{side}"], row[f"n_{side}"] - 1)
             for row in segments(rows).values() for side in ("variant", "baseline")]  # fmt: skip
    df = sum(v for v, _ in cells) ** 2 / sum(v * v / k for v, k in cells)
    p_value = 2 * stats.t.sf(abs(float(fit.tvalues[3])), df)
    assert check["p_value"] == pytest.approx(p_value, rel=1e-8)
