"""Networks that do not fit their experiment stop neither it nor any other."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from harness import Project
from small_shop import FLAGS, ORDERS, events, flags

BLOCK = """\
design: cluster_rct
unit: user_id
cluster: team
variants: {control: 1, short: 1}
start: 2025-03-03
end: 2025-03-09
assignment: {key: cta}
metrics: {primary: [revenue], secondary: [order_value]}
"""
NETWORKS = ("friends", "strangers", "nothing", "broken")


def _friends() -> pd.DataFrame:
    """A ring of all units, one friendship with a unit that nobody has seen, and a self-loop."""
    rows = [(f"u{i}", f"u{(i + 1) % 160}") for i in range(160)]
    return pd.DataFrame([*rows, ("u0", "🧪 nobody"), ("u3", "u3")], columns=["a", "b"])


@pytest.fixture(scope="module")
def project(new_project: Callable[..., Project]) -> Project:
    project = new_project(
        "networks", assignment_models=["flags"], fact_models=["orders"], dataset_models=NETWORKS
    )
    index = np.arange(160)
    log = flags(("cta",)).assign(team=[f"팀 {i // 8}{'ab'[i % 2]}" for i in index])
    meta = {"assignment": FLAGS["assignment"] | {"clusters": {"team": "team"}}}
    project.table("flags", log, **meta)
    project.table("orders", events("ordered_at"), **ORDERS)
    graph = {"unit": "user_id", "source": "a", "target": "b"}
    project.table("friends", _friends(), graph=graph)
    others = pd.DataFrame({"a": ["x1", "x2"], "b": ["x2", "x3"]})
    project.table("strangers", others, graph=graph)
    project.table("nothing", "select 'x' as a, 'y' as b where 1 = 0", graph=graph)
    project.table("broken", others, graph=graph | {"weigth": "a"})
    for name in NETWORKS:
        project.experiment(f"by_{name}", BLOCK + f"network: {name}\n")
    project.experiment("without", BLOCK)
    project.dbt("run")
    return project


def test_only_the_broken_network_is_refused(project: Project) -> None:
    rows = project.rows("select experiment_id, spec_status, message from experiment_catalog "
                        "order by 1")  # fmt: skip
    assert [row[:2] for row in rows] == [
        ("by_broken", "invalid"), ("by_friends", "valid"), ("by_nothing", "valid"),
        ("by_strangers", "valid"), ("without", "valid"),
    ]  # fmt: skip
    assert "weigth" in rows[0][2]
    check = project.check()
    assert check.code == 1
    assert "unknown key 'weigth'" in check.output


def test_the_effect_does_not_depend_on_the_network(project: Project) -> None:
    query = (
        "select metric, estimate, std_error, df, status from experiment_estimates "
        "where experiment_id = '{}' and is_headline order by metric, scale"
    )
    expected = project.rows(query.format("without"))
    assert len(expected) == 4
    assert all(row[1] is not None for row in expected)
    for name in ("friends", "strangers", "nothing"):
        for row, other in zip(project.rows(query.format(f"by_{name}")), expected, strict=True):
            assert row[0] == other[0]
            assert row[4] == other[4]
            assert row[1:4] == pytest.approx(other[1:4], rel=1e-12)


def test_a_network_without_the_units_says_so(project: Project) -> None:
    for name in ("strangers", "nothing"):
        rows = project.rows(
            "select distinct check_name, status, reason_code from experiment_checks where "
            f"experiment_id = 'by_{name}' and check_name in ('edges_cut', 'neighbour_exposure', "
            "'spillover') order by 1"
        )
        assert rows == [
            ("edges_cut", "not_run", "no_neighbours"),
            ("neighbour_exposure", "not_run", "no_neighbours"),
            ("spillover", "not_run", "few_border_units"),
        ]


def test_unknown_units_and_self_loops_do_not_count(project: Project) -> None:
    """In a ring every friend of a unit is in the other arm: all edges are cut, and it is said."""
    [(n, value, status, reason, details)] = project.rows(
        "select n, value, status, reason_code, details from experiment_checks "
        "where experiment_id = 'by_friends' and check_name = 'edges_cut'"
    )
    assert (n, value, status, reason) == (160, 1.0, "warn", "edges_cut")
    assert json.loads(details)["share_between_arms"] == 1.0
    rows = project.rows(
        "select variant, value, n, status from experiment_checks "
        "where experiment_id = 'by_friends' and check_name = 'neighbour_exposure' order by 1"
    )
    assert rows == [("control", 1.0, 80, "warn"), ("short", 0.0, 80, "warn")]
    [row] = project.rows("select count(*) from experiment_checks where experiment_id = 'without' "
                         "and check_name in ('edges_cut', 'spillover')")  # fmt: skip
    assert row == (0,)
