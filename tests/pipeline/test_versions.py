"""What appends a version, and what never does: one project lived through, step by step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
import small_shop as shop
from click.testing import CliRunner
from harness import OTHER_DESIGNS, Project

from causalops.cli import main

OLD = "2015-03-02"
VERSIONS = (
    "select experiment_id, version, cast(as_of_date as varchar) as as_of_date "
    "from experiment_versions order by experiment_id, version"
)
SIX_DAYS = "{metric: visits, window_days: 6}"
VISITS_ONLY = "metrics: {primary: [visits]}\n"
BETA = shop.BLOCK + VISITS_ONLY
GAMMA = shop.BLOCK.replace("2025-03-03", OLD).replace("2025-03-09", "2015-03-08") + VISITS_ONLY


@dataclass
class Step:
    """The state after one step."""

    versions: dict[str, list[tuple[int, str]]]
    n_results: int
    history: dict[str, list[str]]
    views: dict[str, pd.DataFrame] = field(default_factory=dict)
    explained: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def state(project: Project) -> Step:
    versions: dict[str, list[tuple[int, str]]] = {}
    for experiment, version, day in project.rows(VERSIONS):
        versions.setdefault(experiment, []).append((version, day))
    [(rows,)] = project.rows("select count(*) from experiment_results")
    views = {
        name: project.query(f"select * from experiment_{name}")
        for name in ("estimates", "checks", "scorecard", "catalog")
    }
    return Step(versions, rows, project.published(history=True), views)


def explained(project: Project, *arguments: str) -> dict[str, Any]:
    """What `causalops explain` says."""
    where = ["--project-dir", str(project.root), "--format", "json"]
    result = CliRunner().invoke(main, ["explain", *where, *arguments])
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.output)
    return document


def table_counts(project: Project) -> dict[str, int]:
    """Rows of every table of the package; of the append-only ones those of the last run."""
    [(run_id,)] = project.rows("select distinct run_id from experiment_due")
    tables = project.rows(
        "select table_name from duckdb_tables() where schema_name = 'main_causalops'"
    )
    stamped = ("experiment_results", "experiment_versions")
    where = dict.fromkeys(stamped, f" where run_id = '{run_id}'")
    return {
        name: project.rows(f"select count(*) from {name}{where.get(name, '')}")[0][0]
        for (name,) in tables
    }


@pytest.fixture(scope="module")
def life(new_project: Callable[..., Project]) -> dict[str, Step]:
    """The state after every step, in the order in which they happen."""
    steps: dict[str, Step] = {}
    # 2025 is within reach of late rows, 2015 is not.
    project = new_project("versions", late_data_days=3650)
    shop.add_inputs(project, ("alpha", "beta"))
    flags = pd.concat([shop.flags(("alpha", "beta")), shop.flags(("gamma",), OLD)])
    orders, visits = shop.events("ordered_at"), shop.events("visited_at", seed=2)
    old_visits = shop.events("visited_at", start="2015-02-20", seed=3)
    project.table("flags", flags, **shop.FLAGS)
    project.table("visits", pd.concat([visits, old_visits]), **shop.VISITS)

    def alpha(
        owner: str = "growth", second: str = f"order_value, {SIX_DAYS}", end: str = "2025-03-09"
    ) -> None:
        block = shop.BLOCK.replace("2025-03-09", end)
        metrics = f"metrics: {{primary: [revenue], secondary: [{second}]}}"
        project.experiment("alpha", f"{block}owner: {owner}\n{metrics}\n")

    def step(name: str, *arguments: str) -> None:
        left_out = () if name in ("first", "window") else OTHER_DESIGNS
        project.dbt(*(arguments or ("run",)), *left_out)
        steps[name] = state(project)

    alpha()
    beta = project.experiment("beta", BETA)
    project.experiment("gamma", GAMMA)
    step("first")

    alpha(owner="checkout")
    step("prose_edited")

    declared = deepcopy(shop.ORDERS)
    declared["metrics"]["revenue"]["window_days"] = 4
    project.table("orders", orders, **declared)
    step("window")
    steps["window"].explained = explained(project)
    steps["window"].counts = table_counts(project)
    shutil.copytree(project.root / "target", project.root / "runs" / "window")

    step("older_day", "run", "--vars", json.dumps({"causalops_as_of": "2025-03-09"}))

    late = orders.iloc[:40].assign(ordered_at=pd.Timestamp("2025-03-07 12:00"))
    project.table("orders", pd.concat([orders, late]), **declared)
    more = visits.iloc[:40].assign(visited_at=pd.Timestamp("2025-03-07 12:00"))
    much_later = old_visits.iloc[:40].assign(visited_at=pd.Timestamp("2015-03-04 12:00"))
    project.table("visits", pd.concat([visits, more, old_visits, much_later]), **shop.VISITS)
    project.experiment("beta", BETA + "status: archived\n")
    step("late_rows")

    alpha(second="order_value")
    beta.unlink()
    step("metric_and_file_removed")

    alpha(second="order_value", end="2025-03-08")
    step("end_edited")
    step("results_alone", "run", "-s", "experiment_results")
    step("results_alone_again", "run", "-s", "experiment_results")
    step("full_refresh", "run", "--full-refresh")
    kept = ("--artifacts", str(project.root / "runs"))
    run_id = steps["window"].explained["run_id"]
    steps["full_refresh"].explained = explained(project, run_id[:8], *kept)
    return steps


def numbers(step: Step, experiment: str) -> list[int]:
    return [version for version, _ in step.versions[experiment]]


def test_every_experiment_starts_with_one_version(life: dict[str, Step]) -> None:
    """Dated by the last day that any of its windows can change."""
    assert life["first"].versions == {
        "alpha": [(1, "2025-03-14")],
        "beta": [(1, "2025-03-10")],
        "gamma": [(1, "2015-03-09")],
    }


def test_a_second_run_appends_nothing_also_after_an_edit_of_prose(life: dict[str, Step]) -> None:
    after = life["prose_edited"]
    assert after.versions == life["first"].versions
    assert after.n_results == life["first"].n_results
    assert after.history == life["first"].history
    assert _catalog(after, "alpha")["owner"] == "checkout"


def test_a_window_edit_concerns_exactly_the_experiments_that_use_the_metric(
    life: dict[str, Step],
) -> None:
    assert numbers(life["window"], "alpha") == [1, 2]
    assert numbers(life["window"], "beta") == [1]
    assert numbers(life["window"], "gamma") == [1]


def test_an_older_day_appends_a_version_that_is_never_current(life: dict[str, Step]) -> None:
    before, after = life["window"], life["older_day"]
    assert after.versions["alpha"][1:] == [(2, "2025-03-14"), (3, "2025-03-09")]
    assert after.versions["beta"][1:] == [(2, "2025-03-09")]
    pd.testing.assert_frame_equal(_current(before, "alpha"), _current(after, "alpha"))


def test_late_rows_append_a_version_and_are_counted(life: dict[str, Step]) -> None:
    after = life["late_rows"]
    assert numbers(after, "alpha") == [1, 2, 3, 4]
    check = _check(after, "alpha", "late_rows")
    assert check["status"] == "warn"
    assert check["n"] == 80
    assert _check(life["window"], "alpha", "late_rows")["status"] != "warn"


def test_an_archived_experiment_stays_as_it_is(life: dict[str, Step]) -> None:
    before, after = life["older_day"], life["late_rows"]
    assert after.versions["beta"] == before.versions["beta"]
    pd.testing.assert_frame_equal(_current(before, "beta"), _current(after, "beta"))
    assert _catalog(after, "beta")["status"] == "archived"


def test_a_closed_experiment_is_not_computed_again(life: dict[str, Step]) -> None:
    """Although its data changed, long after the last day that could change it."""
    for name, step in life.items():
        assert numbers(step, "gamma") == [1], name
    assert _catalog(life["full_refresh"], "gamma")["phase"] == "complete"


def test_a_removed_metric_leaves_the_current_views_only(life: dict[str, Step]) -> None:
    """Also when its window was the longest, so that the new version needs fewer days of data."""
    before, after = life["late_rows"], life["metric_and_file_removed"]
    assert set(_current(before, "alpha")["metric"]) == {"revenue", "order_value", "visits"}
    assert set(_current(after, "alpha")["metric"]) == {"revenue", "order_value"}
    assert any("'visits'" in row for row in after.history["estimates"] if "'alpha'" in row)


def test_a_removed_experiment_keeps_its_history(life: dict[str, Step]) -> None:
    before, after = life["late_rows"], life["metric_and_file_removed"]
    assert after.versions["beta"] == before.versions["beta"]
    assert _catalog(after, "beta")["message"].startswith("removed")


def test_editing_the_protocol_after_publication_is_reported(life: dict[str, Step]) -> None:
    assert _check(life["metric_and_file_removed"], "alpha", "protocol_change")["status"] == "pass"
    check = _check(life["end_edited"], "alpha", "protocol_change")
    assert check["status"] == "warn"
    assert "end" in check["message"]


@pytest.mark.parametrize("name", ["results_alone", "results_alone_again", "full_refresh"])
def test_results_are_appended_once(life: dict[str, Step], name: str) -> None:
    before = life["end_edited"]
    assert life[name].n_results == before.n_results
    assert life[name].versions == before.versions
    assert life[name].history == before.history


def test_published_rows_never_change(life: dict[str, Step]) -> None:
    """Every row of every earlier step is still there, to the last bit."""
    steps = list(life.values())
    for earlier, later in pairwise(steps):
        for view, rows in earlier.history.items():
            assert set(rows) <= set(later.history[view]), view


def _current(step: Step, experiment: str) -> pd.DataFrame:
    frame = step.views["estimates"]
    return frame[frame["experiment_id"] == experiment].reset_index(drop=True)


def _check(step: Step, experiment: str, name: str) -> pd.Series:
    frame = step.views["checks"]
    found = frame[(frame["experiment_id"] == experiment) & (frame["check_name"] == name)]
    assert len(found) == 1, found
    return found.iloc[0]


def _catalog(step: Step, experiment: str) -> pd.Series:
    frame = step.views["catalog"]
    return frame[frame["experiment_id"] == experiment].iloc[0]


def test_explain_counts_what_is_there(life: dict[str, Step]) -> None:
    """Every table of the package, and only the experiment that the run computed."""
    step = life["window"]
    rows = {node["unique_id"].split(".")[2]: node["rows"] for node in step.explained["nodes"]
            if node["unique_id"].startswith("model.causalops.")
            and node["rows"] is not None}  # fmt: skip
    alias = {name: name if name.startswith("experiment_") else f"experiment_{name}"
             for name in rows}  # fmt: skip
    counts = {name: n for name, n in step.counts.items() if name != "experiment_designs"}
    assert {alias[name]: count for name, count in rows.items()} == counts
    alpha, shared = step.explained["experiments"]
    assert (alpha["name"], alpha["version"], shared["name"]) == ("alpha", 2, "(shared)")
    work = sum(node["seconds"] for node in step.explained["nodes"])
    assert 0 < alpha["seconds"] < work
    assert alpha["seconds"] + shared["seconds"] == pytest.approx(work)
    serves = {node["node"]: node["serves"] for node in step.explained["nodes"]}
    assert serves["orders"] == serves["ab_test"] == ["alpha"]


def test_explain_of_an_earlier_run_counts_only_what_it_appended(life: dict[str, Step]) -> None:
    before, after = life["window"].explained, life["full_refresh"].explained
    assert after["run_id"] == before["run_id"]
    assert any("has rebuilt" in note for note in after["notes"])
    rows = {node["node"]: node["rows"] for node in before["nodes"]}
    kept = {node["node"]: node["rows"] for node in after["nodes"] if node["rows"] is not None}
    assert kept == {name: rows[name] for name in ("experiment_results", "experiment_versions")}
    assert [item["version"] for item in after["experiments"]] == [2, None]
