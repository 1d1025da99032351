"""A consumer who uses our words, macros and schema still gets his models and our results."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from harness import Project, link_package

HOSTILE = Path(__file__).parent / "hostile"
OWN = {
    *("exposures", "results", "checks", "estimates", "experiments", "registry", "srm", "orders"),
    *("graph_clusters", "spillover"),
}
BLOCK = """\
design: ab_test
unit: user_id
variants: {control: 1, green: 1}
start: 2025-03-03
end: 2025-03-06
metrics: {primary: [revenue]}
"""


class Consumer(Project):
    """The checked-in project, copied."""

    @property
    def database(self) -> Path:
        return self.root / "hostile.duckdb"


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consumer]:
    root = tmp_path_factory.mktemp("consumer") / "hostile"
    shutil.copytree(HOSTILE, root)
    link_package(root)
    return Consumer(root, {})


@pytest.fixture(scope="module")
def installed(consumer: Consumer) -> tuple[Consumer, dict[str, str]]:
    """Built before any list is set: the package has nothing to do."""
    statuses = consumer.build().statuses
    return consumer, dict(statuses)


@pytest.fixture(scope="module")
def in_use(installed: tuple[Consumer, dict[str, str]]) -> Consumer:
    """Built again with two lists and one experiment."""
    consumer, _ = installed
    settings = yaml.safe_load((consumer.root / "dbt_project.yml").read_text())
    lists = {"assignment_models": ["exposures"], "fact_models": ["orders"]}
    settings["vars"] = {"causalops": lists}
    consumer.write("dbt_project.yml", yaml.safe_dump(settings))
    consumer.experiment("cta", BLOCK)
    consumer.build()
    return consumer


def test_it_builds_without_lists(installed: tuple[Consumer, dict[str, str]]) -> None:
    consumer, statuses = installed
    assert {statuses[name] for name in OWN} == {"success"}
    assert set(statuses.values()) <= {"success", "pass"}
    assert consumer.rows("select count(*) from main.experiment_results") == [(0,)]


def test_its_models_stay_its_own(in_use: Consumer) -> None:
    for name in OWN - {"exposures", "orders"}:
        assert in_use.rows(f"select note from main.{name}") == [("not ours",)]
    assert in_use.rows("select count(*) from main.exposures") == [(400,)]


def test_one_experiment_gives_its_scorecard(in_use: Consumer) -> None:
    rows = in_use.rows("select metric, variant, n_variant, n_baseline, status from main.cta")
    assert rows == [("revenue", "green", 200, 200, "warning")]


def test_the_package_never_leaves_its_names(in_use: Consumer) -> None:
    """In one schema with everybody else's: every relation of ours is called experiment_*."""
    others = {name for name in in_use.relations() if not name.startswith("experiment_")}
    assert others <= OWN | {"cta"}
