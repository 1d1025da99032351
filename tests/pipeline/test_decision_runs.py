"""Decision rules, segments with many values and planning rows through one whole run."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from harness import Project

from causalops.cli import main
from causalops.planning.design import Design, Outcome, units_needed

USERS = 12_000
BASE = """\
design: ab_test
unit: user_id
assignment: {key: main}
variants: {control: 1, short: 1}
start: 2025-03-03
end: 2025-03-12
"""
GUARDED = "metrics: {primary: [good], guardrail: [{metric: bad, margin: 0.1}, same]}\n"
RULES = {
    "default_ships": "metrics: {primary: [good], guardrail: [same]}\n",
    "default_stops": "metrics: {primary: [good], guardrail: [bad]}\n",
    "default_discusses": "metrics: {primary: [same]}\n",
    "rule_ships": "metrics: {primary: [same], secondary: [good], guardrail: [{metric: same, as: "
    "safe, margin: 0.5}]}\ndecision: {ship_if: {good: better, safe: not_worse}}\n",
    "rule_stops": GUARDED + "decision: {ship_if: {good: better}, do_not_ship_if: {bad: "
    "[worse, no_difference_found]}}\n",
    "half_a_rule": GUARDED + "decision: {ship_if: {good: better}}\n",
    "rule_discusses": GUARDED + "decision: {ship_if: {good: better, bad: not_worse}, "
    "do_not_ship_if: {same: worse}}\n",
}
EXPECTED = {
    "default_ships": "ship", "default_stops": "do_not_ship", "default_discusses": "discuss",
    "rule_ships": "ship", "rule_stops": "do_not_ship", "half_a_rule": "do_not_ship",
    "rule_discusses": "discuss", "still_early": "keep_running", "broken_split": None,
}  # fmt: skip


def exposures(key: str, drop: float = 0.0) -> pd.DataFrame:
    """Half the users in each arm; `drop` of the treated were never logged."""
    rng = np.random.default_rng(3)
    number = np.arange(USERS)
    frame = pd.DataFrame({
        "user_id": number, "flag": key, "arm": np.where(number % 2, "short", "control"),
        "seen_at": pd.Timestamp("2025-03-03") + pd.to_timedelta(number % 10, unit="D"),
        "tribe": [f"t{value}" for value in np.where(number < 2_000, number % 29, number)],
    })  # fmt: skip
    return frame[(frame["arm"] == "control") | (rng.random(USERS) >= drop)]


def values() -> pd.DataFrame:
    """One event per user and day after exposure: good rises by 10 %, bad (a cost) by 20 %."""
    rng = np.random.default_rng(4)
    number = np.arange(USERS)
    treated = number % 2 == 1
    return pd.DataFrame({
        "user_id": number,
        "at": pd.Timestamp("2025-03-03") + pd.to_timedelta(number % 10, unit="D")
        + pd.to_timedelta(3, unit="h"),
        "good": 10 + rng.normal(size=USERS) + 1.0 * treated,
        "bad": 5 + rng.normal(size=USERS) + 1.0 * treated,
        "same": 5 + rng.normal(size=USERS),
    })  # fmt: skip


def metric(column: str, desired: str) -> dict[str, Any]:
    return {"type": "sum", "value": column, "window_days": 2, "desired": desired}


@pytest.fixture(scope="module")
def built(new_project: Any) -> Project:
    project: Project = new_project(
        "decisions", assignment_models=["flags"], fact_models=["numbers"], n_planned=8_000
    )
    flags = pd.concat([exposures("main"), exposures("lossy", drop=0.3)], ignore_index=True)
    project.table("flags", flags, assignment={
        "key": "flag", "units": {"user_id": "user_id"}, "variant": "arm", "timestamp": "seen_at",
        "segments": ["tribe"],
    })  # fmt: skip
    late = pd.DataFrame({"user_id": [-1], "at": [pd.Timestamp("2025-03-31")], "good": [0.0],
                         "bad": [0.0], "same": [0.0]})  # fmt: skip
    project.table(
        "numbers", pd.concat([values(), late]),
        fact={"units": {"user_id": "user_id"}, "timestamp": "at"},
        metrics={"good": metric("good", "increase"), "bad": metric("bad", "decrease"),
                 "same": metric("same", "increase")},
    )  # fmt: skip
    for name, rule in RULES.items():
        project.experiment(name, BASE + rule)
    early = BASE.replace("end: 2025-03-12\n", "")
    project.experiment("still_early", early + RULES["rule_ships"] + "segments: [tribe]\n")
    lossy = BASE.replace("key: main", "key: lossy")
    project.experiment("broken_split", lossy + RULES["rule_ships"])
    project.build()
    return project


def test_verdicts_follow_the_rules(built: Project) -> None:
    found = dict(built.rows("select experiment_id, verdict from experiment_catalog"))
    assert found == EXPECTED


def test_reasons_name_metrics_and_their_lift(built: Project) -> None:
    why = dict(built.rows("select experiment_id, verdict_reason from experiment_catalog"))
    percent = r"[+-]?\d+\.\d %"
    assert re.fullmatch(
        rf"short: ship, because good is better \(\+(9|10)\.\d %, from {percent} to {percent}\), "
        rf"same shows no clear difference \({percent}, from {percent} to {percent}\)\.",
        why["default_ships"],
    )
    assert why["rule_ships"].startswith("short: ship, because good is better (")
    assert "safe is not worse than its margin allows" in why["rule_ships"]
    for name in ("default_stops", "half_a_rule"):
        assert why[name].startswith("short: do not ship, because bad is worse (+")
    assert why["rule_discusses"].startswith("short: discuss, because bad is worse (+")
    assert "good" not in why["rule_discusses"]
    assert why["still_early"] == "short: keep running, it is too early for good, safe, same."


def test_a_gate_hides_the_rule(built: Project) -> None:
    [(verdict, reason)] = built.rows(
        "select verdict, verdict_reason from experiment_catalog "
        "where experiment_id = 'broken_split'"
    )
    assert verdict is None
    assert reason.startswith("Blocked by the check srm")
    assert built.rows(
        "select distinct verdict from experiment_estimates where experiment_id = 'broken_split'"
    ) == [(None,)]


def test_ten_thousand_values_of_a_segment(built: Project) -> None:
    """The 30 most frequent stay, the rest are one segment, and nothing else is slowed down."""
    found = dict(built.rows(
        "select segment_value, n_variant + n_baseline from experiment_estimates where "
        "experiment_id = 'still_early' and segment_dim = 'tribe' and metric = 'good'"
    ))  # fmt: skip
    assert len(found) == 31
    mature = USERS * 9 // 10  # the last of ten days has an open window
    assert sum(found.values()) == mature
    assert found["(other)"] == mature - 2_000 * 9 // 10 - 1
    [(df, details)] = built.rows(
        "select df, details from experiment_checks where check_name = 'effect_by_segment' and "
        "experiment_id = 'still_early' and metric = 'good'"
    )
    left_out = json.loads(details)["left_out"]
    assert df == 31 - len(left_out) - 1
    assert len(left_out) == 1  # one user is no comparison


def test_days_left_and_power_of_the_running_experiment(built: Project) -> None:
    """6,000 of 8,000 planned units per arm (a setting), 600 new ones a day: 3.3 days, so 4."""
    checks = built.rows(
        "select value, n, threshold, status from experiment_checks "
        "where check_name = 'planned_size' and experiment_id = 'still_early'"
    )
    assert checks == [(4.0, 6_000, 8_000.0, "pass")]
    curve = built.rows(
        "select distinct metric, series from experiment_curves where curve = 'power' order by all"
    )
    assert curve == [("same", "now"), ("same", "planned")]  # the primary metric of the running one


def test_power_from_the_history_of_the_running_experiment(built: Project) -> None:
    """The units, means and variances that the estimates rest on, and no effect."""
    result = CliRunner().invoke(
        main, ["power", "--project-dir", str(built.root), "--db", str(built.database),
               "--experiment", "still_early", "--mde", "1%"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == (
        "still_early: 10,800 units (its own units, first seen 2025-03-03 to 2025-03-11)"
    )
    [(mean, variance)] = built.rows(
        "select sum(n * mean_a) / sum(n), sum(c_ab) / sum(n) from experiment_moments where "
        "experiment_id = 'still_early' and analysis = 'main' and metric = 'same' "
        "and population = 'exposed' and segment_dim = 'all' and a = 'y' and b = 'y'"
    )
    same = next(line for line in lines if line.startswith("same ")).split()
    assert same[1] == f"{mean:.4g}"
    needed = units_needed(Outcome(mean, variance), Design(), 0.01 * mean)
    assert float(same[-2].replace(",", "")) == pytest.approx(needed, rel=2e-3)
    assert int(same[-1]) == np.ceil(needed / 1_200)


def test_a_version_is_judged_only_by_the_file_it_came_from(built: Project) -> None:
    """Neither a slip in the file nor its removal may put the default rule in its place."""
    path = built.root / "models" / "experiments" / "half_a_rule.sql"
    path.unlink()
    built.experiment("rule_discusses", BASE + RULES["rule_discusses"] + "alpha: 5\n")
    built.dbt("run", "-s", "causalops.experiment_specs", "causalops.registry")
    found = {
        name: (verdict, reason)
        for name, verdict, reason in built.rows(
            "select experiment_id, verdict, verdict_reason from experiment_catalog"
        )
    }
    for name in ("half_a_rule", "rule_discusses"):
        verdict, reason = found[name]
        assert verdict is None
        assert reason.startswith("The file is not the one this version was computed from")
    assert found["rule_ships"][0] == "ship"
