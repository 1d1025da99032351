"""Matched difference-in-differences through dbt: NSW controls against the CPS, and bad panels."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from harness import REPOSITORY, Project

from causalops.estimators.quasi import matching, matching_errors, propensity
from causalops.reasons import REASONS

CASES = {
    case["id"]: case
    for case in json.loads((REPOSITORY / "tests/reference/cases.json").read_text())["cases"]
}
SPEC = """
design: matched_did
dataset: {dataset}
unit: unit
time: year
treated_from: {since}
match_on: [{match}]
assumption_note: Invented for a test.
metrics: {{primary: [{metric}]}}
"""
USUAL = {"dataset": "panel", "since": "since", "match": "x", "metric": "y"}
NSW = """
design: matched_did
dataset: nsw
unit: unit
time: year
treated_from: since
match_on: [age, educ, black, married, nodegree, hisp, re74]
assumption_note: Nobody here was treated, so that every effect is what selection leaves.
metrics: {primary: [{metric: re, desired: increase}], placebo: [{metric: re75, as: before}]}
robustness:
  - matching
  - bias_corrected
  - no_caliper
  - unmatched
  - doubly_robust_traditional
  - outcome_regression
  - ipw
  - {name: exact_race, set: {exact: [black, hisp], match_on: [age, educ, married, nodegree, re74]}}
"""
BAD: dict[str, tuple[dict[str, str], str]] = {
    "no_control": ({"since": "everybody"}, "no_control"),
    "no_before": ({"since": "at_once"}, "no_pre_period"),
    "switches": ({"since": "switches"}, "treatment_switches_off"),
    "staggered": ({"since": "staggered"}, "several_cohorts"),
    "never": ({"since": "later"}, "no_treated"),
    "apart": ({"match": "x_apart"}, "no_overlap"),
    "flagged": ({"match": "x, flag"}, "perfect_separation"),
    "constant": ({"match": "same"}, "no_covariate"),
    "far": ({"match": "x]\nexact: [cell"}, "no_match"),
    "empty": ({"metric": "nothing"}, "no_units"),
    "twice": ({"dataset": "twice"}, "duplicate_unit_periods"),
    "gaps": ({"dataset": "gaps"}, "unbalanced_panel"),
}


def panel() -> pd.DataFrame:
    """300 units, four years, treated from 2003 on; the covariate moves treatment and trend.

    Other columns hold one fault each.
    """
    rng = np.random.default_rng(5)
    n = 300
    x = rng.normal(size=n)
    unit, year = np.repeat(np.arange(n), 4), np.tile([2001, 2002, 2003, 2004], n)
    treated = (rng.random(n) < 1 / (1 + np.exp(0.8 - x)))[unit]
    since = np.where(treated, 2003, np.nan)
    noise = rng.normal(size=n)[unit] + rng.normal(size=len(unit))
    columns = {
        "unit": unit, "year": year, "x": x[unit], "since": since,
        "place": np.where(unit % 3 == 0, "north", "south"), "team": unit // 5,
        "y": noise + x[unit] * (year - 2001) + 2 * (treated & (year >= 2003)),
        "everybody": 2003, "at_once": np.where(treated, 2001, np.nan),
        "switches": np.where(year == 2004, np.nan, since),
        "staggered": np.where(unit % 2 == 0, since + 1, since), "later": since + 10,
        "x_apart": np.where(treated, 1, -1) * np.abs(x[unit]),
        "flag": (treated & (unit % 2 == 0)).astype(float), "same": 1.0,
        "cell": np.where(treated, "here", "elsewhere"), "nothing": np.nan,
    }  # fmt: skip
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def built(new_project: Callable[..., Project]) -> Project:
    project = new_project("matched_did", dataset_models=["nsw", "panel", "twice", "gaps"])
    path = REPOSITORY / "tests" / "reference" / "data" / "nsw_long.parquet"
    project.table("nsw", f"""
        select experimental || '-' || id as unit, year, re, age, educ, black, married, nodegree,
            hisp, re74, if(experimental = 1, 1978, null) as since,
            max(re) filter (where year = 1975) over (partition by experimental, id) as re75
        from read_parquet('{path}') where treated = 0 or sample = 2""")  # fmt: skip
    project.experiment("nsw_by_model", NSW + "method: doubly_robust\n")
    project.experiment("nsw_matched", NSW.replace("  - matching\n", "  - doubly_robust\n"))
    good = panel()
    project.table("panel", good)
    project.table("twice", pd.concat([good, good[good["unit"] < 3]]))
    project.table("gaps", good[good["year"] % 2 == good["unit"] % 2])
    healthy = SPEC.format(**USUAL)
    block = "exact: [place]\nchecks: {pretrends: {on_fail: block}}\n"
    project.experiment("healthy_years", healthy + block)
    project.experiment("healthy_teams", healthy + "cluster: team\nmethod: doubly_robust\n")
    project.experiment("teams_matched", healthy + "cluster: team\n")
    for name, (changed, _) in BAD.items():
        project.experiment(f"bad_{name}", SPEC.format(**{**USUAL, **changed}))
    project.build()
    return project


def estimates(project: Project, where: str) -> pd.DataFrame:
    return project.query(f"select * from experiment_estimates where {where}")


def head(project: Project, name: str, metric: str | None = None) -> pd.Series:
    """The headline of a metric, or of the only one."""
    which = "" if metric is None else f" and metric = '{metric}'"
    found = estimates(project, f"experiment_id = '{name}' and is_headline{which}")
    assert len(found) == 1, found
    return found.iloc[0]


def test_nsw_and_cps(built: Project) -> None:
    """Sant'Anna & Zhao's example: every estimator's number, and the published one as headline."""
    want, published = CASES["drdid_nsw_cps"]["expected"], CASES["drdid_nsw_cps"]["published"]
    row = head(built, "nsw_by_model", "re")
    assert row["estimate"] == pytest.approx(published["dr_improved"], abs=0.005)
    assert row["std_error"] == pytest.approx(published["dr_improved_se"], abs=0.005)
    assert (row["se_kind"], row["population"], row["estimand"]) == ("influence", "all", "att")
    assert (row["n_variant"], row["n_baseline"]) == (want["n_treated"], want["n_control"])
    assert (row["variant"], row["baseline"]) == ("treated", "untreated")
    names = {"doubly_robust_traditional": "drdid_panel", "outcome_regression": "reg_did_panel",
             "ipw": "std_ipw_did_panel"}  # fmt: skip
    others = estimates(built, "experiment_id = 'nsw_by_model' and metric = 're'")
    others = others.set_index("analysis")
    for name, key in names.items():
        found = others.loc[f"robustness:{name}"]
        assert found["estimate"] == pytest.approx(want[key]["estimate"], rel=1e-4), name
        assert found["std_error"] == pytest.approx(want[key]["se"], rel=1e-4), name
    alternatives = [name for name in others.index if name.startswith("robustness:")]
    assert len(alternatives) == 8
    assert others.loc[alternatives, "estimate"].notna().all()


def test_matching_is_the_headline_by_default(built: Project) -> None:
    row = head(built, "nsw_matched", "re")
    assert (row["method"], row["se_kind"], row["population"]) == (
        "matching", "abadie_imbens", "matched",
    )  # fmt: skip
    assert row["n_variant"] == 425
    assert 300 < row["n_baseline"] < 425
    assert row["mean_variant"] - row["mean_baseline"] == pytest.approx(row["estimate"])
    beside = estimates(built, "experiment_id = 'nsw_matched' and metric = 're' "
                              "and analysis = 'main' and method = 'doubly_robust'")  # fmt: skip
    assert beside["estimate"].item() == pytest.approx(-901.27, abs=0.005)
    assert not beside["is_headline"].item()


def test_evidence(built: Project) -> None:
    checks = built.query(
        "select * from experiment_checks where experiment_id = 'nsw_matched' and metric = 're'"
    )
    balance = checks[checks["check_name"] == "balance_after"].set_index("covariate")
    before = balance["details"].map(lambda text: abs(json.loads(text)["smd_before"]))
    assert len(balance) == 7
    assert before.max() > 1.5
    assert balance["value"].abs().max() < 0.2
    others = checks[checks["check_name"] != "balance_after"].set_index("check_name")
    assert others.loc["matched_share", "value"] == 1
    assert others.loc["overlap", "status"] == "pass"
    assert others.loc["pretrends", "reason_code"] == "one_pre_period"
    assert others.loc["rosenbaum", "n"] > 300
    assert set(others.index) == {
        "balanced_panel", "missing_values", "collinearity", "separation", "overlap",
        "matched_share", "pretrends", "rosenbaum", "evalue", "specification",
    }  # fmt: skip
    curves = built.query(
        "select curve, series, sum(y) as y, count(*) as n from experiment_curves "
        "where experiment_id = 'nsw_matched' and metric = 're' group by all"
    ).set_index(["curve", "series"])
    assert curves.loc[("overlap", "treated"), "y"] == pytest.approx(1)
    assert curves.loc[("balance", "after"), "n"] == 7
    assert curves.loc[("specification", "effect"), "n"] == 9


def test_a_placebo_outcome(built: Project) -> None:
    """Earnings of 1975 do not change: no effect, and no error to test it with."""
    row = head(built, "nsw_matched", "before")
    assert row["reason_code"] == "zero_variance"
    assert row["estimate"] == 0


def test_healthy_panels(built: Project) -> None:
    """An effect of 2, exact columns, four years: the mean change, and an earlier one as test."""
    row = head(built, "healthy_years")
    assert abs(row["estimate"] - 2) < 3 * row["std_error"]
    assert row["n_obs_variant"] == 4 * row["n_variant"]
    units = panel().pivot(index="unit", columns="year", values="y").to_numpy()
    first = panel().groupby("unit").first()
    treated = first["since"].notna().to_numpy()
    north = (first["place"] == "north").to_numpy()
    score = propensity.fit(np.column_stack([first["x"], north]), treated, ["x", "place"])
    found = matching_errors.effect(
        units[:, 2:].mean(axis=1) - units[:, :2].mean(axis=1),
        matching.match(score.index, treated, north.astype(int)), score,
    )  # fmt: skip
    assert isinstance(found, matching_errors.Matched)
    want = found.inference(0.05)
    assert (row["estimate"], row["std_error"]) == pytest.approx(
        (want.estimate, want.std_error), rel=1e-10
    )
    checks = built.query(
        "select * from experiment_checks where experiment_id = 'healthy_years'"
    ).set_index("check_name")
    assert checks.loc["pretrends", "p_value"] > 0
    assert checks.loc["pretrends", "status"] in ("pass", "fail")
    teams = head(built, "healthy_teams")
    assert teams["se_kind"] == "cr1"
    assert 19 < teams["df"] < 59
    assert abs(teams["estimate"] - 2) < 3 * teams["std_error"]
    lone = head(built, "teams_matched")
    assert (lone["status"], lone["reason_code"]) == ("skipped", "no_clustered_error")
    assert lone["estimate"] is not None
    assert pd.isna(lone["std_error"])
    assert pd.isna(lone["ci_low"])


@pytest.mark.parametrize("name", BAD)
def test_bad_panels(built: Project, name: str) -> None:
    reason = BAD[name][1]
    row = head(built, f"bad_{name}")
    assert (row["status"], row["reason_code"]) == ("skipped", reason)
    assert row["message"].startswith(REASONS[reason])
    numbers: list[Any] = [row[key] for key in ("estimate", "std_error", "p_value", "ci_low")]
    assert pd.isna(pd.Series(numbers, dtype=object)).all()


def test_every_metric_has_its_row(built: Project) -> None:
    found = built.query("select experiment_id, metric, status from experiment_scorecard")
    assert len(found) == 2 * 2 + 3 + len(BAD)
    assert not (found["status"] == "failed").any()
