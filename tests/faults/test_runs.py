"""Runs that are killed, partial, empty or of another kind: nothing published is ever harmed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import small_shop as shop
from harness import Project

METRICS = "metrics: {primary: [revenue], secondary: [visits]}\nsegments: [platform]\n"
MOMENTS = (0.25, 0.5, 0.75, 0.95)
"""When to kill a run, as shares of the time that a whole run takes."""


def small_project(new_project: Callable[..., Project], name: str) -> Project:
    project = new_project(name, late_data_days=3650)
    shop.add_inputs(project, ("alpha", "beta"))
    project.experiment("alpha", shop.BLOCK + METRICS)
    project.experiment("beta", shop.BLOCK + "metrics: {primary: [order_value]}\n")
    return project


def window_edit(project: Project, days: int) -> None:
    """Gives `alpha` a reason for a new version."""
    metric = f"[{{metric: revenue, window_days: {days}}}]"
    project.experiment("alpha", shop.BLOCK + METRICS.replace("[revenue]", metric, 1))


def versions(project: Project) -> list[tuple[object, ...]]:
    return project.rows("select experiment_id, version from experiment_versions order by all")


@dataclass(frozen=True)
class Published:
    """A project after a run that never came to its commit, and a whole one of so many seconds."""

    project: Project
    n_orphans: int
    seconds: float


@pytest.fixture(scope="module")
def published(new_project: Callable[..., Project]) -> Published:
    project = small_project(new_project, "killed")
    project.dbt("run", "--exclude", "experiment_versions+")
    [(orphans,)] = project.rows("select count(*) from experiment_results")
    started = time.monotonic()
    project.dbt("run")
    return Published(project, orphans, time.monotonic() - started)


def test_rows_without_a_commit_are_invisible(published: Published) -> None:
    """Stopped exactly between results and commit: the results are there, no view shows them."""
    project = published.project
    [(visible,)] = project.rows("select count(*) from experiment_committed_results")
    [(rows,)] = project.rows("select count(*) from experiment_results")
    assert published.n_orphans > 0
    assert visible == rows - published.n_orphans
    assert versions(project) == [("alpha", 1), ("beta", 1)]


def test_a_killed_run_leaves_what_was_published(published: Published) -> None:
    """Whatever the moment; the next run completes."""
    project = published.project
    for number, share in enumerate(MOMENTS):
        before, committed = project.published(history=True), versions(project)
        window_edit(project, 4 + number)
        command = project.start("run")
        time.sleep(published.seconds * share)
        command.kill()
        after = project.published(history=True)
        assert all(set(rows) <= set(after[view]) for view, rows in before.items())
        if versions(project) == committed:
            assert after == before
    project.dbt("run")
    final = project.published(history=True)
    assert all(set(rows) <= set(final[view]) for view, rows in before.items())
    windows = project.rows(
        "select distinct window_end from experiment_estimates where experiment_id = 'alpha' "
        "and metric = 'revenue' and is_headline and analysis = 'main'"
    )
    assert windows == [(3 + number,)]


@pytest.fixture(scope="module")
def parsed(new_project: Callable[..., Project]) -> Project:
    """A project that dbt has parsed, without a database."""
    project = small_project(new_project, "fresh")
    project.dbt("parse")
    return project


@pytest.fixture
def fresh(parsed: Project) -> Iterator[Project]:
    """The same, with the database of this test alone."""
    parsed.database.unlink(missing_ok=True)
    yield parsed
    parsed.database.unlink(missing_ok=True)


def nothing_published(project: Project) -> bool:
    if "experiment_versions" not in project.relations():
        return True
    return versions(project) == []


def test_compile_on_a_fresh_database(fresh: Project) -> None:
    fresh.dbt("compile")
    assert nothing_published(fresh)


def test_docs_generate_on_a_fresh_database(fresh: Project) -> None:
    fresh.dbt("docs", "generate")
    assert nothing_published(fresh)


def test_empty_build_publishes_nothing(fresh: Project) -> None:
    fresh.dbt("build", "--empty")
    assert "experiment_versions" in fresh.relations()
    assert nothing_published(fresh)
    [(rows,)] = fresh.rows("select count(*) from experiment_results")
    assert rows == 0


def test_an_input_model_alone(fresh: Project) -> None:
    fresh.dbt("build", "-s", "orders")
    assert fresh.relations() == {"orders"}


def test_an_experiment_without_its_ancestors(fresh: Project) -> None:
    """dbt's own message names the missing table; with `+` it is all there."""
    done = fresh.dbt("run", "-s", "alpha", fails=True)
    assert re.search(r"experiment_scorecard\"? does not exist", done.output)
    assert nothing_published(fresh)
    fresh.dbt("run", "-s", "+alpha")
    rows = fresh.rows("select experiment_id, metric from main.alpha order by metric")
    assert rows == [("alpha", "revenue"), ("alpha", "visits")]


def test_an_empty_run_over_results_keeps_them(fresh: Project) -> None:
    fresh.dbt("run")
    before = fresh.published(history=True)
    fresh.dbt("run", "--empty")
    assert fresh.published(history=True) == before
