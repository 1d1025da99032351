"""Graphs through dbt: hostile edge lists, clusters for an assignment model, the same draws."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from harness import Project

from causalops.assignment import assigned_variant

WEIGHTS = {"control": 1, "한국어": 2, "it's": 0.5}
IDS = ["u1", "한글", "🧪🧬", "é", "e\u0301", "O'Brien", "", " ", "a:b", "0042", "\u200b", "naïve"]
GRAPH = {"unit": "user_id", "source": "a", "target": "b"}
MESSY = pd.DataFrame(
    [
        ("한글", "O'Brien", 1.5),
        ("O'Brien", "한글", 2.0),  # the same pair the other way round
        ("한글", "O'Brien", 0.5),
        ("한글", "é", 1.0),
        ("e\u0301", "é", 1.0),  # two spellings of one letter are two units
        ("é", "é", 9.0),
        (None, "é", 1.0),
        ("é", None, None),
        ("é", "x", np.nan),
        ("é", "x", np.inf),
        ("é", "x", -1.0),
        ("é", "x", 0.0),
    ],
    columns=["a", "b", "w"],
)


def _groups() -> pd.DataFrame:
    """Twenty groups of six numbered units, complete inside, joined in a ring."""
    rows = [pair for g in range(20) for pair in combinations(range(6 * g, 6 * g + 6), 2)]
    rows += [(6 * g, (6 * g + 6) % 120) for g in range(20)]
    return pd.DataFrame(rows, columns=["a", "b"])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    names = ["messy", "groups", "empty", "typo", "negative", "bare", "not_a_mapping"]
    project = Project.create(tmp_path_factory.mktemp("networks"), dataset_models=names)
    project.table("messy", MESSY, graph=GRAPH | {"weight": "w"})
    project.table("groups", _groups(), graph=GRAPH | {"max_cluster_size": 6})
    project.table("empty", "select 'x' as a, 'y' as b where 1 = 0", graph=GRAPH)
    project.table("typo", _groups(), graph=GRAPH | {"target": "friend"})
    project.table("negative", _groups(), graph=GRAPH | {"resolution": -1})
    project.table("not_a_mapping", _groups(), graph="a to b")
    project.table("bare", _groups())
    ids = pd.DataFrame({"id": [*IDS, *map(str, range(2000))]})
    draw = f"{{{{ causalops.assigned_variant('id', '소금', {WEIGHTS}) }}}}"
    project.table("ids", ids)
    project.write("models/draws.sql", f"select id, {draw} as arm from {{{{ ref('ids') }}}}")
    numbers = "{{ causalops.assigned_variant('n', 's', {'a': 1, 'b': 1}) }}"
    project.write(
        "models/numbers.sql",
        f"select n, {numbers} as arm from (select unnest([1, -7, 4611686018427387904, null]) as n)",
    )
    arm = "{{ causalops.assigned_variant('cluster_id', 'feed', {'control': 1, 'treatment': 1}) }}"
    project.write(
        "models/arms.sql",
        f"select unit_id, cluster_id, {arm} as arm "
        "from {{ ref('causalops', 'graph_clusters') }} where graph = 'groups'",
    )
    project.dbt("run")
    return project


def test_every_row_of_an_edge_list_is_accounted_for(project: Project) -> None:
    rows = project.rows(
        "select graph, n_rows, n_null, n_self_loops, n_bad_weights, n_duplicates, n_edges, n_units "
        "from experiment_graph_profile order by graph"
    )
    assert rows == [
        ("empty", 0, 0, 0, 0, 0, 0, 0),
        ("groups", 320, 0, 0, 0, 0, 320, 120),
        ("messy", 12, 2, 1, 4, 2, 3, 4),
    ]


def test_pairs_are_merged_whatever_their_direction(project: Project) -> None:
    rows = project.rows(
        "select unit_a, unit_b, weight from experiment_graph_edges where graph = 'messy'"
    )
    expected = {("O'Brien", "한글", 4.0), ("é", "한글", 1.0), ("e\u0301", "é", 1.0)}
    assert set(rows) == expected


def test_a_broken_declaration_contributes_nothing(project: Project) -> None:
    graphs = project.rows("select distinct graph from experiment_graph_edges order by 1")
    assert graphs == [("groups",), ("messy",)]


def test_clusters_and_their_quality_agree_with_networkx(project: Project) -> None:
    rows = project.rows("select unit_id, cluster_id from experiment_graph_clusters "
                        "where graph = 'groups'")  # fmt: skip
    members: dict[str, set[int]] = {}
    for unit, cluster in rows:
        members.setdefault(cluster, set()).add(int(unit))
    assert {frozenset(units) for units in members.values()} == {
        frozenset(range(6 * g, 6 * g + 6)) for g in range(20)
    }
    assert all(cluster == min(map(str, units)) for cluster, units in members.items())
    graph = nx.Graph(list(_groups().itertuples(index=False)))
    expected = nx.community.modularity(graph, members.values())
    found = project.rows("select n_clusters, largest_cluster, share_cut, modularity "
                         "from experiment_graph_quality where graph = 'groups'")  # fmt: skip
    assert found == [(20, 6, pytest.approx(20 / 320), pytest.approx(expected, abs=1e-12))]


def test_sql_and_python_draw_the_same_variant(project: Project) -> None:
    found = project.rows("select id, arm from main.draws")
    assert found == [(unit, assigned_variant(unit, "소금", WEIGHTS)) for unit, _ in found]
    assert {arm for _, arm in found} == set(WEIGHTS)
    assert len(found) == 2000 + len(IDS)


def test_numbers_are_their_text_and_null_stays_null(project: Project) -> None:
    found = dict(project.rows("select n, arm from main.numbers"))
    expected = {n: assigned_variant(n, "s", {"a": 1, "b": 1}) for n in (1, -7, 2**62)}
    assert found == expected | {None: None}


def test_an_assignment_model_draws_one_arm_per_cluster(project: Project) -> None:
    rows = project.rows("select cluster_id, min(arm), max(arm), count(*) from main.arms group by 1")
    assert len(rows) == 20
    assert all(low == high and size == 6 for _, low, high, size in rows)
    assert {low for _, low, _, _ in rows} == {"control", "treatment"}
