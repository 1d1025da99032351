"""Discontinuities through dbt: the published extract, a fuzzy one, and bad input beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from harness import Project

REFERENCE = Path(__file__).parents[1] / "reference"
TRANSFERS = """
design: rdd
assumption_note: Nobody knew the formula behind the score
dataset: transfers
score: income
cutoff: 0
treated_side: below
covariates: [education, age]
metrics: {primary: [{metric: support, desired: increase}], placebo: [age]}
robustness: [donut, half_bandwidth, double_bandwidth, local_quadratic, uniform_kernel,
             {name: five_percent_higher, set: {cutoff: 0.005}}]
"""
FORM = """
design: rdd
assumption_note: Points are given by two blind graders
dataset: exams
unit: pupil
score: points
cutoff: 50
metrics: {primary: [earnings]}
"""
FUZZY = FORM + "received: grant\n"
BAD = {
    "one_side": (FORM.replace("cutoff: 50", "cutoff: 500") + "robustness: [donut]\n",
                 "no_units_one_side"),
    "twice": (FORM.replace("unit: pupil", "unit: class"), "duplicate_units"),
    "constant": (FORM.replace("earnings", "one"), "zero_variance"),
    "absent": (FORM.replace("earnings", "nothing"), "no_units"),
    "two_scores": (FORM.replace("score: points", "score: grant")
                   .replace("cutoff: 50", "cutoff: 1"), "few_score_values"),
    # Beyond 1e75 a value counts as missing: its square would raise in the binned scatter.
    "huge": (FORM.replace("earnings", "huge"), "no_units"),
    "never": (FORM + "received: one\n", "no_variation_received"),
}  # fmt: skip


def exams() -> pd.DataFrame:
    """Above 50 points a grant is likelier; it adds 2 to earnings."""
    rng = np.random.default_rng(5)
    n = 2_000
    points = 50 + rng.uniform(-20, 20, n)
    grant = (rng.random(n) < 0.2 + 0.5 * (points >= 50)).astype(float)
    earnings = 10 + 0.1 * points + 2 * grant + rng.normal(size=n)
    earnings[:7] = np.nan
    return pd.DataFrame({
        "pupil": np.arange(n), "class": np.arange(n) // 20, "points": points, "grant": grant,
        "earnings": earnings, "one": 1.0, "nothing": np.nan,
        "huge": 1e200 * (-1.0) ** np.arange(n), "large": 1e75 * (-1.0) ** np.arange(n),
    })  # fmt: skip


@pytest.fixture(scope="module")
def project(new_project: Callable[..., Project]) -> Project:
    made = new_project("rdd", dataset_models=["transfers", "exams"])
    table = pd.read_csv(REFERENCE / "data" / "gov_transfers.csv")
    made.table("transfers", table.rename(columns={
        "Income_Centered": "income", "Support": "support", "Education": "education", "Age": "age",
    }))  # fmt: skip
    made.table("exams", exams())
    plain = TRANSFERS.replace("covariates: [education, age]\n", "")
    made.experiment("transfers_rdd", plain)
    made.experiment("transfers_adjusted", TRANSFERS)
    made.experiment("grants", FUZZY)
    made.experiment("large", FORM.replace("earnings", "large"))
    for name, (block, _) in BAD.items():
        made.experiment(name, block)
    made.build()
    return made


def test_published_numbers(project: Project) -> None:
    cases = json.loads((REFERENCE / "cases.json").read_text())["cases"]
    want = next(case for case in cases if case["id"] == "rd_gov_transfers")["expected"]
    found = project.estimates("transfers_rdd").query("metric == 'support' and analysis == 'main'")
    rows = found.set_index("ci_kind")
    head = rows.loc["robust_bias_corrected"]
    assert head["is_headline"]
    assert (head["variant"], head["baseline"]) == ("below", "above")
    assert head["estimate"] == pytest.approx(-want["conventional"], rel=1e-8)
    assert head["std_error"] == pytest.approx(want["se_robust"], rel=1e-6)
    assert head["p_value"] == pytest.approx(want["p_robust"], rel=1e-6)
    assert [head["ci_low"], head["ci_high"]] == pytest.approx(
        [-bound for bound in reversed(want["ci_robust"])], rel=1e-6
    )
    assert [head["n_variant"], head["n_baseline"]] == want["n_h"]
    details = json.loads(head["details"])
    assert [details["h_below"], details["b_above"]] == pytest.approx([want["h"][0], want["b"][1]])
    assert [details["n_below"], details["n_above"]] == want["n"]
    conventional = rows.loc["conventional"]
    assert conventional["std_error"] == pytest.approx(want["se_conventional"], rel=1e-6)
    assert rows.loc["bias_corrected", "estimate"] == pytest.approx(-want["bias_corrected"])


def test_alternatives_and_the_specification_curve(project: Project) -> None:
    found = project.estimates("transfers_rdd").query("metric == 'support'")
    names = {name.removeprefix("robustness:") for name in found["analysis"]} - {"main"}
    assert names == {
        "donut", "half_bandwidth", "double_bandwidth", "local_quadratic", "uniform_kernel",
        "five_percent_higher",
    }  # fmt: skip
    labels = project.rows(
        "select x_label from experiment_curves where experiment_id = 'transfers_rdd'"
        " and curve = 'specification' order by seq"
    )
    assert {label for (label,) in labels} == names | {"main"}
    halved = found[found["analysis"] == "robustness:half_bandwidth"].iloc[0]
    whole = found[found["is_headline"]].iloc[0]
    widths = [json.loads(row["details"])["h_below"] for row in (halved, whole)]
    assert widths[0] == pytest.approx(widths[1] / 2)


def test_checks(project: Project) -> None:
    found = project.query(
        "select * from experiment_checks where experiment_id = 'transfers_adjusted'"
    ).set_index("check_name")
    assert set(found.index) >= {
        "missing_values", "effective_n", "mass_points", "density", "continuity", "placebo_cutoff",
        "donut", "bandwidth_sensitivity", "specification", "placebo",
    }  # fmt: skip
    density = found.loc["density"]
    assert density["statistic"] == pytest.approx(-0.845643, abs=5e-6)  # rddensity's own number
    assert density["status"] == "pass"
    assert set(found.loc[["continuity"], "covariate"]) == {"education", "age"}
    assert found.loc["mass_points", "reason_code"] == "score_mass_points"
    sides = found.loc[["placebo_cutoff"]].query("metric == 'support'")["cutoff"]
    assert sides.min() < 0 < sides.max()


def test_curves(project: Project) -> None:
    """Bins hold every row once; those of the SQL are means of the rows."""
    found = project.query(
        "select * from experiment_curves where experiment_id = 'grants' and metric = 'earnings'"
    )
    bins = found[found["curve"] == "rdd_bins"]
    rows = exams().dropna(subset=["earnings"])
    assert bins["n"].sum() == len(rows)
    assert set(bins.groupby("series")["seq"].max()) == {20}
    above = bins[bins["series"] == "above"].sort_values("seq")
    assert above["x"].min() > 50
    top = rows.nlargest(int(above.iloc[-1]["n"]), "points")
    assert above.iloc[-1]["y"] == pytest.approx(top["earnings"].mean())
    fit = found[found["curve"] == "rdd_fit"].set_index(["series", "seq"])["y"]
    assert fit["above", 1] - fit["below", 2] > 0.5
    assert len(found[found["curve"] == "density"]) == 20


def test_the_largest_values_have_bins(project: Project) -> None:
    bins = project.query(
        "select * from experiment_curves where experiment_id = 'large' and curve = 'rdd_bins'"
    )
    assert len(bins) == 40
    assert np.isfinite(bins[["y", "y_low", "y_high"]].to_numpy(dtype=float)).all()


def test_a_listed_alternative_without_a_bandwidth_is_a_row(project: Project) -> None:
    found = project.estimates("one_side")
    [row] = found[found["analysis"] == "robustness:donut"].to_dict("records")
    assert (row["status"], row["reason_code"]) == ("skipped", "no_units_one_side")
    assert not row["is_headline"]


def test_fuzzy(project: Project) -> None:
    found = project.estimates("grants")
    head = found[found["is_headline"]].iloc[0]
    assert head["estimand"] == "rd_late"
    assert head["ci_low"] < 2 < head["ci_high"]
    by_estimand = found[found["ci_kind"] == "robust_bias_corrected"].set_index("estimand")
    ratio = by_estimand.loc["rd_itt", "estimate"] / by_estimand.loc["first_stage", "estimate"]
    assert head["estimate"] == pytest.approx(ratio, rel=1e-9)
    [ar] = found[found["ci_kind"] == "anderson_rubin"].to_dict("records")
    assert ar["ci_low"] < 2 < ar["ci_high"]
    [strength] = project.rows(
        "select status, value from experiment_checks where experiment_id = 'grants'"
        " and check_name = 'first_stage_strength'"
    )
    assert strength[0] == "pass"
    [missing] = project.rows(
        "select status, n from experiment_checks where experiment_id = 'grants'"
        " and check_name = 'missing_values'"
    )
    assert missing == ("warn", 7)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_row_with_its_reason(project: Project, name: str) -> None:
    head = project.estimates(name).query("is_headline")
    assert len(head) == 1
    row = head.iloc[0]
    assert (row["status"], row["reason_code"]) == ("skipped", BAD[name][1])
    assert row["message"]
    for column in ("std_error", "statistic", "p_value", "ci_low", "ci_high"):
        assert pd.isna(row[column]), column
