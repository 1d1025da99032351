"""Keys that belong to some of the randomised designs: what they need, and what messages say."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from spec_project import INPUTS, experiment, messages, only, registry, with_lines

FLAGS = copy.deepcopy(INPUTS["flags"])
FLAGS["assignment"] |= {"received": "saw_at", "clusters": {"team": "country", "town": "platform"}}
GRAPH = {"graph": {"unit": "user_id", "source": "one", "target": "two"}}
ENDS = {"one": "VARCHAR", "two": "VARCHAR"}
LISTED: dict[str, Any] = {
    "inputs": {"flags": FLAGS, "friends": GRAPH},
    "columns": {"friends": ENDS},
    "settings": {"dataset_models": ["friends"]},
}

GOOD = [
    {"design": "encouragement"},
    {"design": "encouragement", "received": "saw_at", "cluster": "town"},
    {"design": "encouragement", "received": "conversion", "cluster": "unknown"},
    {"design": "cluster_rct", "cluster": "team", "network": "friends"},
    {"sequential": "{kind: always_valid}", "bayesian": "true"},
    {"bayesian": "{beta_prior: [2, 8], effect_sd: 0.01}"},
    {"sequential": "{kind: group_sequential, looks: [2026-11-10, 2026-11-22]}",
     "n_planned": "5000", "metrics": "{primary: [conversion]}"},
    {"decision": "{ship_if: {conversion: better}, do_not_ship_if: {conversion: [worse]}}"},
]
BAD = [
    ({"cluster": "town"}, "cluster: design 'cluster_rct' randomises clusters, design 'ab_test' "
     "randomises units"),
    ({"received": "saw_at"}, "received: belongs to design 'encouragement', not to 'ab_test'"),
    ({"network": "friends"}, "network: belongs to design 'cluster_rct', not to 'ab_test'"),
    ({"design": "cluster_rct"}, "cluster: is required: the unit that was randomised"),
    ({"design": "cluster_rct", "cluster": "unknown"},
     "cluster: must be known in design 'cluster_rct': its errors are those of clusters"),
    ({"design": "cluster_rct", "cluster": "village"}, "cluster: 'village' is not one of the "
     "clusters that assignment 'flags' declares (team, town)"),
    ({"design": "cluster_rct", "cluster": "team", "network": "orders"},
     "network: 'orders' is no model with `graph` in its meta.causalops (friends)"),
    ({"design": "encouragement", "received": "opened"}, "received: 'opened' is neither a metric "
     "nor the column that the assignment calls `received`"),
    ({"design": "encouragement", "received": "revenue"}, "received: received 'revenue' is a metric "
     "of type 'sum': use a proportion or a retention"),
    ({"design": "encouragement", "cluster": "town", "strata": "platform"}, "strata: is not "
     "available together with `cluster`: its arms are compared as a whole"),
    ({"design": "encouragement", "sequential": "{kind: group_sequential}"}, "sequential.kind: "
     "group_sequential is for design 'ab_test'; always-valid intervals come by themselves"),
    ({"sequential": "{kind: sometimes}"}, "sequential.kind: 'sometimes' is not one of the allowed "
     "words. allowed: always_valid, group_sequential"),
    ({"bayesian": "{beta_prior: [1]}"}, "bayesian.beta_prior: must hold the two numbers of a Beta "
     "distribution, such as [1, 1]"),
    ({"bayesian": "{beta_prior: [1, 0.01]}"}, "bayesian.beta_prior: must hold numbers of at least "
     "0.1"),
    ({"bayesian": "{effect_sd: 0}"}, "bayesian.effect_sd: must be a number above 0, not '0'"),
]  # fmt: skip


@pytest.mark.parametrize("keys", GOOD)
def test_good_keys(keys: dict[str, str]) -> None:
    found = [text for text in messages(with_lines(**keys), **LISTED) if "sequential" not in text]
    assert found == []


@pytest.mark.parametrize(("keys", "message"), BAD)
def test_bad_keys(keys: dict[str, str], message: str) -> None:
    found = [text.split(": ", 1)[0] for text in messages(with_lines(**keys), **LISTED)]
    said = [text.partition(".sql:")[2].partition(": ")[2]
            for text in messages(with_lines(**keys), **LISTED)]  # fmt: skip
    assert message in said, found


def test_a_broken_graph_is_named_and_harms_no_other_experiment() -> None:
    broken = LISTED | {"columns": {"friends": {"one": "VARCHAR"}}}
    block = with_lines(design="cluster_rct", cluster="team", network="friends")
    assert any("unknown column of 'friends', 'two'" in text for text in messages(block, **broken))
    assert messages(with_lines(), **broken) == []


def test_a_graph_must_be_listed_and_join_the_unit() -> None:
    block = with_lines(design="cluster_rct", cluster="team", network="friends")
    unlisted = messages(block, **(LISTED | {"settings": {}}))
    assert unlisted[0].endswith("'friends' must be listed under dataset_models in dbt_project.yml")
    other = {"graph": GRAPH["graph"] | {"unit": "account_id"}}
    joined = messages(block, **(LISTED | {"inputs": {"flags": FLAGS, "friends": other}}))
    assert "joins units 'account_id', the experiment's unit is 'user_id'" in joined[0]


def test_the_registry_says_which_cluster_column_and_which_flag() -> None:
    rows = registry(with_lines(design="encouragement", received="conversion", cluster="town"),
                    **LISTED)  # fmt: skip
    row = experiment(rows)
    assert row["cluster_slot"] == 2
    (received,) = only(rows, "received")
    assert (received["input_model"], received["name"]) == ("orders", "conversion")
    assert received["slot"] is not None
    (assignment,) = only(rows, "assignment")
    assert json.loads(assignment["payload"])["clusters"] == ["country", "platform"]


def test_keys_that_change_numbers_change_the_hash() -> None:
    plain = experiment(registry(with_lines(), **LISTED))["analysis_hash"]
    for keys in ({"bayesian": "true"}, {"sequential": "{kind: always_valid}"},
                 {"decision": "{ship_if: {conversion: better}}"}):  # fmt: skip
        assert experiment(registry(with_lines(**keys), **LISTED))["analysis_hash"] != plain
    assert "bayesian" in json.loads(experiment(registry(with_lines(), **LISTED))["payload"])

