"""Difference-in-differences through dbt: real data, other keys, and every bad input beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from harness import Project
from reference.reference_cases import CASES, data, near

NOTE = "assumption_note: Without treatment both groups would have moved alike"


def block(dataset: str, keys: str, metric: str = "y", note: str = NOTE) -> str:
    return f"design: did\ndataset: {dataset}\n{note}\nmetrics: {{primary: [{metric}]}}\n{keys}"


def small(**columns: Any) -> pd.DataFrame:
    """30 units over five quarters, a third treated from the fourth on."""
    rng = np.random.default_rng(4)
    unit, t = np.repeat(np.arange(30), 5), np.tile(np.arange(5), 30)
    start = np.where(unit < 10, 3.0, np.nan)
    y = rng.normal(size=150) + unit / 10 + (t >= start)
    frame = pd.DataFrame({"unit": unit, "t": t, "start": start, "y": y, "region": unit // 3})
    return frame.assign(**columns)


def bad_tables() -> dict[str, tuple[pd.DataFrame, str, tuple[str, str]]]:
    """Dataset, keys, and the (status, reason_code) of the headline."""
    base, keys = small(), "unit: unit\ntime: t\ntreated_from: start"
    gaps = base.drop(base.index[(base["unit"] % 3 > 0) & (base["t"] == 2)])
    few = base.drop(base.index[(base["unit"] == 20) & (base["t"] == 2)])
    off = base.assign(treated=1.0 * (base["unit"] < 10), post=1.0 * (base["t"] == 3))
    lone = base.assign(start=np.where(base["unit"] == 0, 3.0, np.nan))
    early = base.assign(start=np.where(base["unit"] < 10, 0.0, np.nan))
    blank = base.assign(y=np.nan)
    return {
        "no_control": (base[base["unit"] < 10], keys, ("skipped", "no_control")),
        "no_treated": (base[base["unit"] > 9], keys, ("skipped", "no_treated")),
        "always": (early, keys, ("skipped", "always_treated")),
        "one_period": (base[base["t"] == 3], keys, ("skipped", "always_treated")),
        "twice": (pd.concat([base, base[:1]]), keys, ("skipped", "duplicate_unit_periods")),
        "gaps": (gaps, keys, ("skipped", "unbalanced_panel")),
        "one_gap": (few, keys, ("warning", "incomplete_units_dropped")),
        "ends": (off, "unit: unit\ntime: t\ntreated: treated\npost: post",
                 ("skipped", "treatment_switches_off")),
        "lone_unit": (lone, keys, ("warning", "one_treated_unit")),
        "lone_region": (base.assign(start=np.where(base["region"] == 0, 3.0, np.nan)),
                        keys + "\ncluster: region", ("warning", "few_placebos")),
        "moved": (base.assign(region=base["region"].mask(base.index == 149, 0)),
                  keys + "\ncluster: region", ("warning", "unit_changes_cluster")),
        "no_pre": (base, keys + "\nanticipation: 9", ("skipped", "no_pre_period")),
        "blank": (blank, keys, ("skipped", "no_units")),
        "flat": (base.assign(y=7.3), keys, ("skipped", "zero_variance")),
    }  # fmt: skip


@pytest.fixture(scope="module")
def project(new_project: Callable[..., Project]) -> Project:
    bad = bad_tables()
    names = ["injury", "castle", "mpdta", "quarters", "regions", "partly"]
    names += [f"bad_{name}" for name in bad]
    made = new_project("did", dataset_models=names)
    injury = data("injury.csv")
    made.table("injury", injury[injury["ky"] == 1])
    made.experiment("benefits", block(
        "injury", "treated: highearn\npost: afchnge\nmethod: two_by_two", "ldurat"))  # fmt: skip
    castle = data("castle.csv")
    start = castle[castle["post"] == 1].groupby("sid")["year"].min()
    made.table("castle", castle.assign(start=castle["sid"].map(start)))
    made.experiment("doctrine", block(
        "castle", "unit: sid\ntime: year\ntreated_from: start\n"
        "robustness: [twfe, leave_one_cohort_out]", "l_homicide"))  # fmt: skip
    mpdta = data("mpdta.csv")
    made.table("mpdta", mpdta.assign(start=mpdta["first_treat"].replace(0, np.nan)))
    made.experiment("wage", block(
        "mpdta", "unit: countyreal\ntime: year\ntreated_from: start\n"
        "robustness: [not_yet_treated, universal_base, {name: early, set: {anticipation: 1}}]",
        "lemp"))  # fmt: skip
    quarters = small()
    dates = pd.to_datetime(["2024-01-01", "2024-04-01", "2024-07-01", "2024-10-01", "2025-01-01"])
    quarters["day"] = dates[quarters["t"]]
    quarters["since"] = pd.Series(np.where(quarters["unit"] < 10, "2024-09-15", None))
    made.table("quarters", quarters, {"day": "date", "since": "date"})
    made.experiment("dated", block("quarters", "unit: unit\ntime: day\ntreated_from: since"))
    made.table("regions", small().assign(treated=lambda f: f["region"] < 4,
                                         post=lambda f: f["t"] > 2))  # fmt: skip
    made.experiment("by_region", block(
        "regions", "unit: unit\ntime: t\ntreated: treated\npost: post\ncluster: region",
    ))  # fmt: skip
    made.experiment("rows_by_region", block(
        "regions", "time: t\ntreated: treated\npost: post\ncluster: region",
    ))  # fmt: skip
    early = small().assign(late=lambda f: f["y"].where(f["t"] < 4), empty=np.nan)
    made.table("partly", early)
    made.experiment("partly_seen", block(
        "partly", "unit: unit\ntime: t\ntreated_from: start", "y, late, empty"))  # fmt: skip
    for name, (frame, keys, _) in bad.items():
        made.table(f"bad_{name}", frame)
        made.experiment(f"bad_{name}_case", block(f"bad_{name}", keys))
    made.build()
    return made


def headline(project: Project, experiment: str) -> dict[str, Any]:
    found = project.query(
        f"select * from experiment_estimates where experiment_id = '{experiment}' and is_headline"
    )
    assert len(found) == 1
    row: dict[str, Any] = found.astype(object).where(found.notna(), None).iloc[0].to_dict()
    return row


def estimates(project: Project, experiment: str, where: str = "true") -> list[tuple[Any, ...]]:
    return project.rows(
        "select estimate, std_error from experiment_estimates "
        f"where experiment_id = '{experiment}' and {where} order by parameter, cohort, period"
    )


def test_injury(project: Project) -> None:
    case = CASES["did_injury_ky"]
    want, row = case["expected"], headline(project, "benefits")
    assert row["method"] == "two_by_two"
    assert (row["n_variant"] + row["n_baseline"], row["status"]) == (want["n"], "ok")
    assert [row["estimate"], row["std_error"]] == near(case, [want["estimate"], want["se_hc1"]])
    [(estimate, error)] = estimates(project, "benefits", "method = 'two_by_two_classic'")
    assert [estimate, error] == near(case, [want["estimate"], want["se"]])


def test_castle(project: Project) -> None:
    case = CASES["did_castle_twfe"]
    want = case["expected"]
    [(estimate, error)] = estimates(project, "doctrine", "analysis = 'robustness:twfe'")
    assert [estimate, error] == near(case, [want["estimate"], want["se"]])
    row = headline(project, "doctrine")
    # csdid 0.4.3
    assert row["estimate"] == pytest.approx(0.019402816185, abs=1e-9)
    assert row["std_error"] == pytest.approx(0.038388646048, rel=1e-8)
    assert (row["status"], row["reason_code"]) == ("warning", "single_unit_cohort")
    left_out = estimates(project, "doctrine", "analysis = 'robustness:leave_one_cohort_out'")
    assert len(left_out) == 5
    [(weights,)] = project.rows(
        "select sum(y) from experiment_curves where experiment_id = 'doctrine' "
        "and curve = 'weights'"
    )
    assert weights == pytest.approx(1)


def test_minimum_wage(project: Project) -> None:
    case = CASES["cs_mpdta_nocov"]
    want, row = case["expected"], headline(project, "wage")
    assert [row["estimate"], row["std_error"]] == near(
        case, [want["simple"]["estimate"], want["simple"]["se"]]
    )
    found = project.rows(
        "select cohort || '_' || period, estimate, std_error from experiment_estimates "
        "where experiment_id = 'wage' and estimand = 'att_gt' and analysis = 'main'"
    )
    assert {name: estimate for name, estimate, _ in found} == near(case, want["att_gt"])
    assert {name: error for name, _, error in found} == near(case, want["se_gt"])
    events = project.rows(
        "select parameter, estimate, std_error from experiment_estimates where analysis = 'main' "
        "and experiment_id = 'wage' and parameter_name = 'event_time'"
    )
    assert {f"{e:.0f}": [estimate, error] for e, estimate, error in events} == {
        e: near(case, [v["estimate"], v["se"]]) for e, v in want["event"].items()
    }
    groups = estimates(project, "wage", "analysis = 'main' and cohort != 'all' and period = 'all'")
    assert [estimate for estimate, _ in groups] == near(
        case, [want["group"][g] for g in ("2004", "2006", "2007")]
    )
    [(term, _)] = estimates(project, "wage", "term = 'group_average' and analysis = 'main'")
    assert term == near(case, want["group_overall"])
    # csdid 0.4.3: other comparison, anticipation by `set`
    [(estimate, error)] = estimates(project, "wage", "analysis = 'robustness:not_yet_treated'")
    assert [estimate, error] == near(case, [-0.039763625623, 0.012052424787])
    early = estimates(project, "wage",
                      "analysis = 'robustness:early' and estimand = 'att' and term = 'effect' "
                      "and cohort = 'all' and period = 'all' and parameter_name = 'none' "
                      "and method = 'group_time'")  # fmt: skip
    assert [list(pair) for pair in early] == [near(case, [-0.045205540684, 0.016683131272])]
    reference = project.rows(
        "select parameter, estimate, std_error from experiment_estimates "
        "where experiment_id = 'wage' and status = 'reference'"
    )
    assert reference == [(-1.0, 0.0, None)]


def test_checks_and_curves(project: Project) -> None:
    found = {
        name: (status, p_value, value)
        for name, status, p_value, value in project.rows(
            "select check_name, status, p_value, value from experiment_checks "
            "where experiment_id = 'wage'"
        )
    }
    assert found["pretrends"][0] == "pass"
    assert found["pretrends"][1] == pytest.approx(0.16812, abs=5e-6)
    assert found["balanced_panel"] == ("pass", None, 1.0)
    assert found["pretrend_power"][2] > 0
    assert found["honest_did"][2] >= 0
    assert found["specification"][0] == "pass"
    bands = project.rows(
        "select u.x, u.y_low <= p.y_low and u.y_high >= p.y_high "
        "from experiment_curves as u inner join experiment_curves as p on p.seq = u.seq "
        "and p.experiment_id = u.experiment_id and p.curve = u.curve and p.series = 'pointwise' "
        "where u.experiment_id = 'wage' and u.curve = 'event_study' and u.series = 'effect'"
    )
    assert len(bands) == 7
    assert all(is_wider for _, is_wider in bands)


def test_dates_and_clusters(project: Project) -> None:
    """A start between two quarters counts from the next; event times count periods."""
    dated = headline(project, "dated")
    frame = small()
    change = (
        frame[frame["t"] > 2].groupby("unit")["y"].mean()
        - frame[frame["t"] == 2].set_index("unit")["y"]
    )
    treated = change.index < 10
    assert dated["estimate"] == pytest.approx(change[treated].mean() - change[~treated].mean())
    labels = project.rows(
        "select distinct cohort from experiment_estimates where experiment_id = 'dated' "
        "and cohort <> 'all'"
    )
    assert labels == [("2024-10-01",)]
    panel, rows = headline(project, "by_region"), headline(project, "rows_by_region")
    assert panel["estimate"] == pytest.approx(rows["estimate"], rel=1e-9)
    assert (panel["n_clusters_variant"], panel["n_clusters_baseline"]) == (4, 6)
    # Clusters carry the whole dependence: units need not be known.
    assert panel["std_error"] == pytest.approx(rows["std_error"], rel=1e-9)
    assert panel["df"] == pytest.approx(rows["df"], rel=1e-9)


def test_each_metric_has_its_own_periods(project: Project) -> None:
    """One is seen in all five quarters, one in the first four, one never."""
    found = {
        metric: (reason, estimate, n_obs)
        for metric, reason, estimate, n_obs in project.rows(
            "select metric, reason_code, estimate, n_obs_variant from experiment_estimates "
            "where experiment_id = 'partly_seen' and is_headline"
        )
    }
    frame = small()
    for metric, last in (("y", 5), ("late", 4)):
        held = frame[frame["t"] < last]
        change = (
            held[held["t"] > 2].groupby("unit")["y"].mean()
            - held[held["t"] == 2].set_index("unit")["y"]
        )
        treated = change.index < 10
        reason, estimate, n_obs = found[metric]
        assert estimate == pytest.approx(change[treated].mean() - change[~treated].mean())
        assert (reason, n_obs) == (None, 10 * last)
    assert found["empty"][:2] == ("no_units", None)


@pytest.mark.parametrize("name", bad_tables())
def test_bad_input(project: Project, name: str) -> None:
    _, _, expected = bad_tables()[name]
    row = headline(project, f"bad_{name}_case")
    assert (row["status"], row["reason_code"]) == expected
    assert row["message"]
    if expected[0] == "skipped":
        assert (row["p_value"], row["std_error"], row["ci_low"]) == (None, None, None)
    if name.startswith("lone"):
        assert row["std_error"] is None
        details = json.loads(row["details"])
        if name == "lone_unit":
            assert row["ci_kind"] == "permutation"
            assert row["p_value"] >= details["p_floor"]
            assert details["n_placebos"] == 29
        else:  # ten regions: p could not be below .1
            assert (row["p_value"], row["ci_kind"]) == (None, "none")
            assert details["p_rank"] >= details["p_floor"] == pytest.approx(0.1)
            assert details["n_placebos"] == 9


def test_no_nan_anywhere(project: Project) -> None:
    for view in ("estimates", "checks", "curves"):
        table = project.query(f"select columns(c -> true) from experiment_{view}")
        numbers = table.select_dtypes("float")
        assert not np.isinf(numbers.to_numpy(dtype=float)).any()
    kinds = project.rows("select count(*) from experiment_estimates where isnan(estimate)")
    assert kinds == [(0,)]
