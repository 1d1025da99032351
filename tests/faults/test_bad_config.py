"""Two thirds of the experiments are wrong in every way we know; the rest must not notice."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy

import pytest
import small_shop as shop
from catalogue import BROKEN, GOOD, Broken
from harness import Project
from sameness import assert_same_numbers

HEALTHY = {
    "plain": GOOD,
    "ratio": GOOD.replace("[revenue]", "[order_value]"),
    "two": GOOD.replace("[revenue]", "[revenue, visits]"),
    "lin": GOOD + "method: lin\n",
    "wide": GOOD.replace("[revenue]", "[{metric: revenue, as: long, window_days: 5}]"),
    "strata": GOOD + "strata: platform\n",
    "aa": GOOD.replace("ab_test", "aa_test"),
}
COPIES = 1


def project_with(new_project: Callable[..., Project], name: str, broken: bool) -> Project:
    project = new_project(name, late_data_days=3650)
    shop.add_inputs(project, ("shared",))
    orders = deepcopy(shop.ORDERS)
    orders["metrics"] |= {
        "tax": {"type": "sum", "value": "amont"},
        "speed": {"type": "quantile", "value": "amount", "quantiles": [0.5, 1.5]},
    }
    project.table("orders", shop.events("ordered_at"), **orders)
    refunds = {"fact": shop.VISITS["fact"], "metrics": {"refunds": {"type": "count"}}}
    project.table("refunds", shop.events("visited_at"), **refunds)
    for number in range(COPIES):
        for healthy, block in HEALTHY.items():
            project.experiment(f"{healthy}_{number}", block)
    if broken:
        for item in BROKEN:
            project.experiment(item.name, item.block)
        project.experiment("sketch", GOOD + "status: draft\n")
        project.write("models/experiments/no_block.sql", "{{ causalops.experiment() }}\n")
    project.dbt("build")
    return project


@pytest.fixture(scope="module")
def mixed(new_project: Callable[..., Project]) -> Project:
    return project_with(new_project, "mixed", broken=True)


@pytest.fixture(scope="module")
def healthy(new_project: Callable[..., Project]) -> Project:
    return project_with(new_project, "healthy", broken=False)


@pytest.fixture(scope="module")
def catalog(mixed: Project) -> dict[str, tuple[str, str]]:
    rows = mixed.rows("select experiment_id, spec_status, message from experiment_catalog")
    return {name: (status, message) for name, status, message in rows}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_broken_experiment_is_a_row_that_says_why(
    catalog: dict[str, tuple[str, str]], broken: Broken
) -> None:
    status, message = catalog[broken.name]
    assert status == "invalid"
    assert any(
        line.startswith(f"models/experiments/{broken.name}.sql") and broken.place in line
        and all(word in line for word in broken.words)
        for line in message.splitlines()
    ), message  # fmt: skip


def test_only_the_healthy_are_published(mixed: Project) -> None:
    published = {row[0] for row in mixed.rows("select experiment_id from experiment_versions")}
    assert published == {f"{name}_{number}" for name in HEALTHY for number in range(COPIES)}


def test_a_draft_is_checked_and_not_computed(
    mixed: Project, catalog: dict[str, tuple[str, str]]
) -> None:
    assert catalog["sketch"] == ("valid", None)
    assert mixed.rows("select health from experiment_catalog where experiment_id = 'sketch'") == [
        ("draft",)
    ]


def test_a_file_without_a_block_says_so(catalog: dict[str, tuple[str, str]]) -> None:
    status, message = catalog["no_block"]
    assert status == "invalid"
    assert "no keys" in message


def test_the_others_do_not_change(mixed: Project, healthy: Project) -> None:
    """Up to rounding, as sums do not fix the order of rows; what they read is the same exactly."""
    query = "select experiment_id, data_fingerprint from experiment_versions order by all"
    assert mixed.rows(query) == healthy.rows(query)
    assert_same_numbers(mixed, healthy)


def test_check_says_the_same_without_dbt(
    mixed: Project, catalog: dict[str, tuple[str, str]]
) -> None:
    done = mixed.check()
    assert done.code == 1, done.output
    said = _without_lines(done.output)
    for name, (status, message) in catalog.items():
        if status == "invalid":
            assert _without_lines(message) <= said, name


def _without_lines(text: str) -> set[str]:
    """Messages without line numbers: dbt does not say where in a properties file a key stands."""
    return {re.sub(r":\d+: ", ": ", line) for line in text.splitlines()}


def test_what_stops_dbt_itself_is_named_by_check(new_project: Callable[..., Project]) -> None:
    """Jinja in a block, names that differ by case alone, one name twice."""
    project = new_project("before_dbt")
    shop.add_inputs(project, ("shared",))
    for name, text in (("braces", "{{ x }}"), ("tag", "{% if %}"), ("hash", "{# x")):
        project.experiment(name, GOOD + f"owner: {text}\n")
    project.experiment("twin", GOOD)
    project.experiment("elsewhere/twin", GOOD)
    project.experiment("upper", GOOD)
    project.experiment("Upper", GOOD)
    project.experiment("fine", GOOD)
    done = project.check()
    assert done.code == 1
    said = done.output.splitlines()
    for name, mark in (("braces", "{{"), ("tag", "{%"), ("hash", "{#")):
        start = f"models/experiments/{name}.sql:11: '{mark}' is not allowed"
        assert any(line.startswith(start) for line in said), done.output
    for first, second in (("elsewhere/twin", "twin"), ("upper", "Upper"), ("Upper", "upper")):
        start, other = (f"models/experiments/{name}.sql" for name in (first, second))
        assert any(line.startswith(start) and other in line for line in said), done.output
    assert not any("fine.sql" in line for line in said)
