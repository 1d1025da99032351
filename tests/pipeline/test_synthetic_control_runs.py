"""Synthetic control through dbt: California, and panels that must be refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from harness import REPOSITORY, Project

CASES = json.loads((REPOSITORY / "tests/reference/cases.json").read_text())["cases"]
CASE = next(case for case in CASES if case["id"] == "synth_prop99_outcomes_only")
BLOCK = """
design: synthetic_control
assumption_note: No other state had a programme
dataset: states
unit: state
time: year
treated_from: taxed_from
metrics: {primary: [{metric: packs, desired: decrease}]}
"""
EXPERIMENTS = {
    "california": BLOCK + "robustness: [did, leave_one_out, {name: at_10, set: {alpha: 0.1}}]\n",
    "two_columns": BLOCK.replace("treated_from: taxed_from", "treated: is_taxed\npost: is_post"),
    "few_donors": BLOCK + "donors: [Utah, Montana, Nevada, Colorado, Nowhere]\n",
    "one_donor": BLOCK + "donors: [Utah]\n",
    "nobody": BLOCK.replace("taxed_from", "never"),
    "several": BLOCK.replace("taxed_from", "two_from"),
    "from_the_start": BLOCK.replace("taxed_from", "always_from"),
    "varies": BLOCK.replace("taxed_from", "varying_from"),
    "switches_off": BLOCK.replace("treated_from: taxed_from", "treated: is_taxed\npost: is_brief"),
    "doubled": BLOCK.replace("states", "states_twice"),
    "with_holes": BLOCK.replace("packs", "holed"),
}
REFUSED = {
    "one_donor": "too_few_donors",
    "nobody": "no_treated",
    "several": "several_treated_units",
    "from_the_start": "no_pre_period",
    "varies": "treatment_switches_off",
    "switches_off": "treatment_switches_off",
    "doubled": "duplicate_unit_periods",
}


def states() -> pd.DataFrame:
    wide = pd.read_csv(REPOSITORY / "tests/reference/data/prop99.csv")
    table = wide.melt("Year", var_name="state", value_name="packs")
    table = table.rename(columns={"Year": "year"})
    own, year = table["state"] == "California", table["year"]
    table["taxed_from"] = np.where(own, 1989.0, np.nan)
    table["never"] = np.where(own, 2050.0, np.nan)
    table["two_from"] = np.where(own | (table["state"] == "Utah"), 1989.0, np.nan)
    table["always_from"] = np.where(own, 1970.0, np.nan)
    table["varying_from"] = np.where(own, np.where(year < 1980, 1989.0, 1990.0), np.nan)
    table["is_taxed"] = own.astype(int)
    table["is_post"] = (year >= 1989).astype(int)
    table["is_brief"] = year.between(1989, 1995).astype(int)
    holes = ((table["state"] == "Ohio") & (year == 1975)) | (own & (year == 1971))
    table["holed"] = table["packs"].where(~holes)
    return table.sample(frac=1, random_state=2)


@pytest.fixture(scope="module")
def built(new_project: Callable[..., Project]) -> Project:
    project = new_project("synthetic", dataset_models=["states", "states_twice"])
    project.table("states", states())
    project.table("states_twice", pd.concat([states(), states().head(3)]))
    for name, block in EXPERIMENTS.items():
        project.experiment(name, block)
    project.build()
    return project


def estimates(built: Project, name: str, where: str) -> list[dict[str, Any]]:
    sql = f"select * from experiment_estimates where experiment_id = '{name}' and {where}"
    table = built.query(f"{sql} order by term, parameter, analysis").astype(object)
    return table.where(table.notna(), None).to_dict("records")


def headline(built: Project, name: str) -> dict[str, Any]:
    [row] = estimates(built, name, "is_headline and scale = 'absolute'")
    return row


def check(built: Project, name: str, check_name: str) -> dict[str, Any]:
    [row] = built.query(
        f"select * from experiment_checks where experiment_id = '{name}' and "
        f"check_name = '{check_name}'"
    ).to_dict("records")
    return row


def near(value: float) -> Any:
    return pytest.approx(value, rel=CASE["tolerance"]["rtol"])


def test_california(built: Project) -> None:
    want, row = CASE["expected"], headline(built, "california")
    details = json.loads(row["details"])
    assert row["estimate"] == near(want["mean_gap"])
    assert (row["std_error"], row["se_kind"], row["ci_kind"]) == (None, "none", "placebo")
    assert row["p_value"] == pytest.approx(want["p_placebo"], rel=1e-12)
    assert row["statistic"] == near(want["rmspe_ratio"])
    assert details["pre_rmspe"] == near(want["pre_rmspe"])
    assert details["rank"] == want["rank"]
    assert details["p_floor"] == pytest.approx(1 / 39)
    assert row["ci_low"] < row["estimate"] < 0 < row["ci_high"]
    assert (row["status"], row["verdict"]) == ("ok", "no_difference_found")
    assert (row["n_variant"], row["n_baseline"]) == (1, want["donors"])
    gap = row["mean_variant"] - row["mean_baseline"]
    assert gap == pytest.approx(row["estimate"], rel=1e-9)
    [last] = estimates(built, "california", "term = 'effect_at' and period = '2000'"
                       " and analysis = 'main'")  # fmt: skip
    assert last["estimate"] == near(want["gap_2000"])
    [did] = estimates(built, "california", "method = 'did' and analysis = 'main'")
    assert did["estimate"] == near(want["did"])


def test_weights_and_gaps_are_curves(built: Project) -> None:
    weights = built.query("select x_label, y from experiment_curves where curve = 'weights' and "
                          "experiment_id = 'california' and y > 1e-6")  # fmt: skip
    found = dict(zip(weights["x_label"], weights["y"], strict=True))
    assert found == {name: near(weight) for name, weight in CASE["expected"]["weights"].items()}
    gaps = built.query("select series, count(*) as n from experiment_curves where curve = "
                       "'synthetic_gap' and experiment_id = 'california' group by 1")  # fmt: skip
    assert set(gaps["n"]) == {31}
    assert len(gaps) == 3 + 38


def test_refutation(built: Project) -> None:
    for name in ("pre_fit", "placebo_in_space", "placebo_in_time", "treatment_path",
                 "balanced_panel", "duplicates", "missing_values", "specification"):  # fmt: skip
        assert check(built, "california", name)["status"] == "pass", name
    donors = built.query("select donor, value, status from experiment_checks where check_name = "
                         "'leave_one_out' and experiment_id = 'california'")  # fmt: skip
    assert set(donors["donor"]) == set(CASE["expected"]["weights"])
    assert donors["value"].between(-21, -17).all()
    others = estimates(built, "california", "analysis like 'robustness:%' and term = 'effect' and "
                       "scale = 'absolute'")  # fmt: skip
    assert {row["analysis"] for row in others} == {f"robustness:{name}" for name in
                                                   ("did", "leave_one_out", "at_10")}  # fmt: skip
    wide = next(row for row in others if row["analysis"] == "robustness:at_10"
                and row["method"] == "convex_weights")  # fmt: skip
    assert wide["ci_high"] < 0


def test_two_columns_say_the_same(built: Project) -> None:
    one, other = headline(built, "california"), headline(built, "two_columns")
    assert other["estimate"] == one["estimate"]
    assert other["p_value"] == one["p_value"]


def test_few_donors_cannot_be_significant(built: Project) -> None:
    row = headline(built, "few_donors")
    assert (row["status"], row["reason_code"]) == ("warning", "few_placebos")
    assert (row["p_value"], row["verdict"]) == (None, "not_evaluated")
    details = json.loads(row["details"])
    assert details["p_floor"] == pytest.approx(0.2)
    assert details["p_rank"] >= details["p_floor"]
    assert row["ci_shape"] == "whole_line"
    assert row["n_baseline"] == 4
    assert check(built, "few_donors", "balanced_panel")["reason_code"] == "donors_left_out"


def test_holes_cost_a_donor_and_a_period(built: Project) -> None:
    row = headline(built, "with_holes")
    assert (row["n_baseline"], row["n_obs_variant"]) == (37, 30)
    assert check(built, "with_holes", "missing_values")["n"] == 2
    balance = check(built, "with_holes", "balanced_panel")
    assert (balance["status"], balance["reason_code"]) == ("warn", "treated_periods_missing")
    assert json.loads(balance["details"]) == {
        "incomplete": ["Ohio"], "treated_lacks": ["1971"],
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_bad_input_has_a_reason(built: Project, name: str) -> None:
    row = headline(built, name)
    assert (row["status"], row["reason_code"]) == ("skipped", REFUSED[name])
    assert (row["estimate"], row["p_value"]) == (None, None)
    assert row["message"]


def test_every_experiment_has_a_row(built: Project) -> None:
    found = built.rows("select experiment_id from experiment_scorecard")
    assert {name for (name,) in found} == set(EXPERIMENTS)
