"""Selected samples through dbt: the published wages, bounds, and bad input beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from harness import Project

REFERENCE = Path(__file__).parents[1] / "reference"
WAGES = """
design: heckman
assumption_note: Small children and other income move work and not the wage
dataset: women
selected: inlf
treatment: educ
covariates: [exper, expersq]
exclusion: [nwifeinc, age, kidslt6, kidsge6]
metrics: {primary: [{metric: lwage, desired: increase}]}
robustness: [ols, maximum_likelihood, {name: fewer_exclusions, set: {exclusion: [kidslt6, age]}}]
"""
TRAINING = """
design: heckman
assumption_note: Training was drawn by lot
dataset: training
unit: person
selected: employed
treatment: trained
randomised: true
covariates: [age]
exclusion: [distance]
metrics: {primary: [wage]}
"""
BAD = {
    "nobody": (TRAINING.replace("selected: employed", "selected: no"), "nobody_selected"),
    "everybody": (TRAINING.replace("selected: employed", "selected: yes_all"),
                  "everybody_selected"),
    "separated": (TRAINING.replace("selected: employed", "selected: near"), "perfect_separation"),
    "twice": (TRAINING.replace("unit: person", "unit: household"), "duplicate_units"),
    "constant": (TRAINING.replace("[wage]", "[one]"), "zero_variance"),
    "copied": (TRAINING.replace("treatment: trained", "treatment: one"), "collinear"),
}  # fmt: skip


def training() -> pd.DataFrame:
    """Training adds .5 to the wage and brings more people into work."""
    rng = np.random.default_rng(3)
    n = 3_000
    age, distance, u, e = rng.normal(size=(4, n))
    trained = np.arange(n) % 2
    employed = 0.2 + 0.4 * trained + 0.3 * age - distance + u > 0
    wage = 2 + 0.5 * trained + 0.2 * age + 0.6 * u + 0.8 * e
    return pd.DataFrame({
        "person": np.arange(n), "household": np.arange(n) // 3, "age": age, "distance": distance,
        "trained": trained, "employed": employed, "wage": np.where(employed, wage, np.nan),
        "no": False, "yes_all": True, "near": distance < 0, "one": 1.0,
    })  # fmt: skip


@pytest.fixture(scope="module")
def project(new_project: Callable[..., Project]) -> Project:
    made = new_project("heckman", dataset_models=["women", "training"])
    made.table("women", pd.read_csv(REFERENCE / "data" / "mroz.csv"))
    made.table("training", training())
    made.experiment("wages", WAGES)
    alone = WAGES.replace("treatment: educ\n", "").replace("[exper, ", "[educ, exper, ")
    made.experiment("wages_alone", alone.partition("robustness")[0] + "robustness: [ols]\n")
    none = WAGES.replace("exclusion: [nwifeinc, age, kidslt6, kidsge6]\n", "")
    made.experiment("no_exclusion", none.partition("robustness")[0])
    made.experiment("lottery", TRAINING)
    for name, (block, _) in BAD.items():
        made.experiment(name, block)
    made.build()
    return made


def test_published_numbers(project: Project) -> None:
    cases = json.loads((REFERENCE / "cases.json").read_text())["cases"]
    want = next(case for case in cases if case["id"] == "heckman_mroz_twostep")["expected"]
    found = project.estimates("wages").query("analysis == 'main'")
    own = found[found["estimand"] == "corrected_effect"].set_index(["method", "term"])
    head = own.loc[("two_step", "effect")]
    assert head["is_headline"]
    assert (head["variant"], head["baseline"]) == ("educ", "none")
    names = {"const": "const", "educ": "effect", "exper": "exper", "expersq": "expersq",
             "lambda": "lambda"}  # fmt: skip
    for name, term in names.items():
        row = own.loc[("two_step", term)]
        assert row["estimate"] == pytest.approx(want["params"][name], rel=1e-8), name
        assert row["std_error"] == pytest.approx(want["se_corrected"][name], rel=1e-6), name
    for term in ("rho", "sigma"):
        assert own.loc[("two_step", term), "estimate"] == pytest.approx(want[term], rel=1e-6)
    likelihood = own.loc[("maximum_likelihood", "effect")]
    assert likelihood["estimate"] == pytest.approx(0.1083502, abs=5e-8)
    assert likelihood["std_error"] == pytest.approx(0.0148607, abs=5e-8)
    assert json.loads(likelihood["details"])["log_likelihood"] == pytest.approx(-832.885081)
    probit = found[found["estimand"] == "selection"].set_index(["method", "term"])
    for name, value in want["probit"].items():
        assert probit.loc[("two_step", name), "estimate"] == pytest.approx(value, rel=1e-6), name
    assert own.loc[("ols", "effect"), "estimate"] == pytest.approx(0.1074896, abs=5e-8)


def test_alternatives(project: Project) -> None:
    labels = project.rows(
        "select x_label from experiment_curves where experiment_id = 'wages'"
        " and curve = 'specification'"
    )
    assert {label for (label,) in labels} == {
        "main", "ols", "maximum_likelihood", "fewer_exclusions",
    }  # fmt: skip


def test_checks(project: Project) -> None:
    found = project.query(
        "select * from experiment_checks where analysis = 'main'"
    ).set_index(["experiment_id", "check_name"])
    wages = found.loc["wages"]
    assert set(wages["status"]) == {"pass"}
    assert wages.loc["condition_number", "value"] == pytest.approx(25.365004, rel=1e-6)
    assert wages.loc["selection", "p_value"] == pytest.approx(0.8576595, abs=1e-6)
    assert found.loc[("no_exclusion", "exclusion"), "reason_code"] == "no_exclusion"
    assert found.loc[("no_exclusion", "condition_number"), "status"] == "warn"
    assert found.loc[("separated", "separation"), "status"] == "fail"
    assert "distance" in found.loc[("separated", "separation"), "details"]


def test_without_treatment_the_selection_term_is_the_headline(project: Project) -> None:
    found = project.estimates("wages_alone")
    head = found[found["is_headline"]].iloc[0]
    assert (head["term"], head["variant"]) == ("lambda", "inlf")
    assert head["estimate"] == pytest.approx(0.0322619, abs=5e-8)
    assert "educ" in set(found["term"])
    [ols] = found[found["analysis"] == "robustness:ols"].to_dict("records")
    assert (ols["status"], ols["reason_code"]) == ("skipped", "no_treatment")


def test_no_exclusion_warns_and_keeps_the_numbers(project: Project) -> None:
    head = project.estimates("no_exclusion").query("is_headline").iloc[0]
    assert (head["status"], head["reason_code"]) == ("warning", "no_exclusion")
    assert head["std_error"] > 0


def test_bounds_of_a_lottery(project: Project) -> None:
    found = project.estimates("lottery")
    head = found[found["is_headline"]].iloc[0]
    assert head["ci_low"] < 0.5 < head["ci_high"]
    bounds = found[found["method"] == "lee_bounds"].set_index("term")
    assert bounds.loc["bound_low", "estimate"] < 0.5 < bounds.loc["bound_high", "estimate"]
    assert bounds.loc["effect", "ci_low"] < bounds.loc["bound_low", "estimate"]
    assert json.loads(bounds.loc["effect", "details"])["trimmed_arm"] == "treated"


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_row_with_its_reason(project: Project, name: str) -> None:
    head = project.estimates(name).query("is_headline")
    assert len(head) == 1
    row = head.iloc[0]
    assert (row["status"], row["reason_code"]) == ("skipped", BAD[name][1])
    for column in ("std_error", "statistic", "p_value", "ci_low", "ci_high"):
        assert pd.isna(row[column]), column
