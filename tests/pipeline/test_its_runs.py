"""Interrupted time series through dbt: the Nile, a monthly series with gaps, and bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from harness import REPOSITORY, Project

CASES = json.loads((REPOSITORY / "tests/reference/cases.json").read_text())["cases"]
CASE = next(case for case in CASES if case["id"] == "its_nile_1899")
NILE = """
design: its
assumption_note: Nothing else changed in 1899
dataset: river
time: year
intervention: 1899
metrics: {primary: [volume]}
robustness: [ar2, hac, level_only, {name: from_1890, set: {intervention: 1890}}]
"""
MONTHLY = """
design: its
assumption_note: Nothing else changed in January 2023
dataset: months
time: month
intervention: 2023-01-01
seasonality: 12
gaps: leave_out
covariates: [price]
metrics: {primary: [{metric: sales, desired: increase}], secondary: [constant], placebo: [visits]}
robustness: [no_covariates, no_seasonality]
"""
EXPERIMENTS = {
    "nile": NILE,
    "monthly": MONTHLY,
    "refuses_gaps": MONTHLY.replace("gaps: leave_out\n", ""),
    "collinear": MONTHLY.replace("[price]", "[price, twice_price]"),
    "too_early": NILE.replace("1899\nmetrics", "1873\nmetrics"),
    "too_late": NILE.replace("1899\nmetrics", "1999\nmetrics"),
    "too_seasonal": NILE.replace("metrics", "seasonality: 60\nmetrics"),
    "doubled": NILE.replace("river", "river_twice"),
    "empty": NILE.replace("river", "dry_river"),
}
REFUSED = {
    "refuses_gaps": "calendar_gaps",
    "collinear": "collinear",
    "too_early": "insufficient_data",
    "too_late": "insufficient_data",
    "too_seasonal": "insufficient_data",
    "doubled": "duplicate_rows",
}


def nile() -> pd.DataFrame:
    return pd.read_csv(REPOSITORY / "tests/reference/data/nile.csv").astype({"year": int})


def monthly() -> pd.DataFrame:
    """Five years of months without two of them; sales rise by 30 in January 2023."""
    rng = np.random.default_rng(6)
    table = pd.DataFrame({"month": pd.date_range("2020-01-01", periods=60, freq="MS")})
    t = np.arange(60)
    table["price"] = 20 + rng.normal(size=60).round(3)
    table["twice_price"] = 2 * table["price"]
    table["constant"] = 5.0
    table["visits"] = (300 + t + 5 * rng.normal(size=60)).round(3)
    season, noise = 10 * np.sin(t * np.pi / 6), 4 * rng.normal(size=60)
    table["sales"] = (200 + t + season - 2 * table["price"] + 30 * (t >= 36) + noise).round(3)
    table["month"] = table["month"].dt.date
    table.loc[50, "sales"] = np.nan
    return table.drop(index=[7, 40]).sample(frac=1, random_state=1)


@pytest.fixture(scope="module")
def built(new_project: Callable[..., Project]) -> Project:
    names = ["river", "river_twice", "dry_river", "months"]
    project = new_project("its", dataset_models=names)
    project.table("river", nile())
    project.table("river_twice", pd.concat([nile(), nile().head(2)]))
    project.table("dry_river", nile().head(0))
    project.table("months", monthly(), {"month": "date"})
    for name, block in EXPERIMENTS.items():
        project.experiment(name, block)
    project.build()
    return project


def estimates(built: Project, name: str, where: str = "analysis = 'main'") -> list[dict[str, Any]]:
    order = "order by estimand, term, method, parameter, scale, analysis"
    sql = f"from experiment_estimates where experiment_id = '{name}' and {where} {order}"
    table = built.query(f"select * {sql}").astype(object)
    return table.where(table.notna(), None).to_dict("records")


def one(rows: list[dict[str, Any]], **values: Any) -> dict[str, Any]:
    [row] = [row for row in rows if all(row[key] == value for key, value in values.items())]
    return row


def check(built: Project, name: str, check_name: str) -> dict[str, Any]:
    [row] = built.query(
        f"select * from experiment_checks where experiment_id = '{name}' and analysis = 'main' "
        f"and check_name = '{check_name}' and metric <> 'visits' and metric <> 'constant'"
    ).to_dict("records")
    return row


def test_nile(built: Project) -> None:
    want, rows = CASE["expected"], estimates(built, "nile")
    hac = one(rows, estimand="its_level", method="hac")
    assert hac["estimate"] == pytest.approx(want["level"], rel=1e-8)
    assert hac["std_error"] == pytest.approx(want["se_hac_level"], rel=1e-6)
    assert hac["p_value"] == pytest.approx(want["p_hac_level"], rel=1e-6)
    slope = one(rows, estimand="its_slope", method="hac")
    assert slope["std_error"] == pytest.approx(want["se_hac_slope"], rel=1e-6)
    level = one(rows, is_headline=True, scale="absolute")
    assert (level["method"], level["se_kind"], level["status"]) == ("ar1", "gls", "ok")
    assert level["estimate"] == pytest.approx(-289.69, abs=0.01)
    assert (level["n_variant"], level["n_baseline"], level["verdict"]) == (72, 28, "different")
    relative = one(rows, is_headline=True, scale="relative")
    assert relative["estimate"] == pytest.approx(-0.259, abs=0.002)
    details = json.loads(check(built, "nile", "autocorrelation")["details"])
    assert details["durbin_watson_ols"] == pytest.approx(want["durbin_watson"], rel=1e-8)
    for name in ("calendar", "autocorrelation", "placebo_date", "duplicates", "missing_values"):
        assert check(built, "nile", name)["status"] == "pass", name


def test_effects_after_the_intervention(built: Project) -> None:
    rows = estimates(built, "nile")
    level, slope = (one(rows, term=term, method="ar1", scale="absolute")
                    for term in ("level", "slope"))  # fmt: skip
    last = one(rows, term="effect_at", parameter=71.0)
    assert last["period"] == "1970"
    assert last["estimate"] == pytest.approx(level["estimate"] + 71 * slope["estimate"], rel=1e-9)
    total = one(rows, term="cumulative", scale="total")
    curve = built.query(
        "select y, y_low, y_high, x from experiment_curves where experiment_id = 'nile' "
        "and curve = 'cumulative_effect' order by seq"
    )
    assert curve["x"].tolist() == list(range(1899, 1971))
    assert curve["y"].iloc[0] == pytest.approx(level["estimate"], rel=1e-9)
    assert curve["y"].iloc[-1] == pytest.approx(total["estimate"], rel=1e-9)
    assert curve["y_low"].iloc[-1] == pytest.approx(total["ci_low"], rel=1e-9)
    gap = built.query(
        "select sum(case when series = 'fitted' then y else -y end) as gap from experiment_curves "
        "where experiment_id = 'nile' and curve = 'its_fit' and series <> 'observed' and x >= 1899"
    )["gap"].item()
    assert gap == pytest.approx(total["estimate"], rel=1e-9)


def test_alternatives_and_placebo_dates(built: Project) -> None:
    found = estimates(built, "nile", "analysis like 'robustness:%' and estimand = 'its_level'")
    effects = {
        row["analysis"].partition(":")[2]: row for row in found
        if row["scale"] == "absolute" and (row["analysis"], row["method"])
        != ("robustness:from_1890", "hac")
    }  # fmt: skip
    assert set(effects) == {"ar2", "hac", "level_only", "from_1890"}
    assert effects["hac"]["estimate"] == pytest.approx(CASE["expected"]["level"], rel=1e-8)
    assert effects["from_1890"]["n_baseline"] == 19
    # Nine years too early the break itself lies within "after": the change at 1890 is another one.
    found_check = check(built, "nile", "specification")
    assert found_check["value"] == 0.75
    assert found_check["reason_code"] == "sign_depends_on_specification"
    curve = built.query("select x_label from experiment_curves where experiment_id = 'nile' and "
                        "curve = 'specification'")  # fmt: skip
    assert set(curve["x_label"]) == {"main", *effects}
    placebos = estimates(built, "nile", "analysis like 'placebo:%'")
    assert len(placebos) == 9
    assert all(1871 < int(row["period"]) < 1899 and row["p_adjusted"] > 0.05 for row in placebos)


def test_a_monthly_series_with_gaps(built: Project) -> None:
    rows = estimates(built, "monthly")
    level = one(rows, metric="sales", is_headline=True, scale="absolute")
    assert level["ci_low"] < 30 < level["ci_high"]
    assert level["verdict"] == "better"
    assert (level["n_variant"], level["n_baseline"]) == (22, 35)
    constant = one(rows, metric="constant", is_headline=True)
    assert (constant["status"], constant["reason_code"]) == ("skipped", "perfect_fit")
    found = check(built, "monthly", "calendar")
    assert (found["status"], found["reason_code"], found["n"]) == ("warn", "gaps_filled", 3)
    assert json.loads(found["details"])["step"] == "month"
    assert json.loads(found["details"])["gaps"] == ["2020-08-01", "2023-05-01", "2024-03-01"]
    dates = built.query(
        "select x_date from experiment_curves where experiment_id = 'monthly' and series = "
        "'projected' and metric = 'sales' order by seq"
    )
    assert str(dates["x_date"].iloc[7])[:10] == "2020-08-01"


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_bad_input_has_a_reason(built: Project, name: str) -> None:
    rows = estimates(built, name, "is_headline")
    assert {row["metric"] for row in rows} <= {"volume", "sales", "constant", "visits"}
    assert rows
    for row in rows:
        assert (row["status"], row["estimate"], row["p_value"]) == ("skipped", None, None)
        assert row["message"]
        assert row["reason_code"] == REFUSED[name]
    if name == "collinear":
        assert check(built, name, "collinearity")["covariate"] == "twice_price"
    if name == "doubled":
        assert check(built, name, "duplicates")["n"] == 2


def test_every_metric_has_a_row(built: Project) -> None:
    found = built.rows("select experiment_id, metric from experiment_scorecard order by all")
    single = {(name, "volume") for name, block in EXPERIMENTS.items() if "volume" in block}
    several = {(name, metric) for name in ("monthly", "refuses_gaps", "collinear")
               for metric in ("sales", "constant", "visits")}  # fmt: skip
    assert set(found) == single | several
    empty = "select status from experiment_scorecard where experiment_id = 'empty'"
    assert built.rows(empty) == [("skipped",)]
