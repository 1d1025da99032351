"""Clusters of a graph: the planted ones are found, and nothing but the edges decides."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from itertools import combinations

import networkx as nx
import numpy as np
import pytest

from causalops.networks.communities import Edge, communities, graph_clusters


def planted(n_groups: int = 12, size: int = 15, cross: float = 0.1, seed: int = 7) -> list[Edge]:
    """Groups of `size` units, dense inside; a share `cross` of all edges leads elsewhere."""
    rng = np.random.default_rng(seed)
    names = [f"사용자 {i}" for i in range(n_groups * size)]
    found: dict[tuple[str, str], float] = {}
    for group in range(n_groups):
        members = names[group * size : (group + 1) * size]
        for a, b in combinations(members, 2):
            if rng.random() < 0.4:
                found[min(a, b), max(a, b)] = 1.0
    for _ in range(int(len(found) * cross / (1 - cross))):
        a, b = (names[i] for i in rng.choice(len(names), 2, replace=False))
        found.setdefault((min(a, b), max(a, b)), 1.0)
    return [(a, b, weight) for (a, b), weight in found.items()]


def test_zacharys_karate_club_reaches_the_published_modularity() -> None:
    """The best partition known has modularity 0.4198 (Brandes et al. 2008, exact)."""
    club = nx.karate_club_graph()
    edges = [(f"{a:02}", f"{b:02}", 1.0) for a, b in club.edges]
    found = communities(edges)
    sets = [{int(unit) for unit in members} for members in found]
    quality = nx.community.modularity(club, sets, weight=None)
    assert 0.41 < quality <= 0.4199
    assert sum(map(len, found)) == 34


def test_planted_groups_are_found() -> None:
    found = communities(planted())
    groups = [{int(unit.split()[1]) // 15 for unit in members} for members in found]
    assert len(found) == 12
    assert all(len(group) == 1 for group in groups)


def test_weights_decide() -> None:
    """A ring of six units: the heavy edges stay inside, wherever they are."""
    for shift in (0, 1):
        ring = [
            (*sorted((f"u{i}", f"u{(i + 1) % 6}")), 10.0 if (i + shift) % 2 else 0.1)
            for i in range(6)
        ]
        found = {tuple(members) for members in communities([(a, b, w) for a, b, w in ring])}
        heavy = {(a, b) for a, b, weight in ring if weight == 10.0}
        assert found == heavy


def test_the_scale_of_the_weights_does_not_matter() -> None:
    edges = planted()
    for scale in (1e-200, 1e70):
        assert communities([(a, b, scale) for a, b, _ in edges]) == communities(edges)


def test_the_last_bits_of_the_weights_do_not_matter() -> None:
    rng = np.random.default_rng(9)
    edges = [(a, b, float(weight)) for (a, b, _), weight in
             zip(planted(), rng.uniform(0.1, 3, 10_000), strict=False)]  # fmt: skip
    jittered = [(a, b, float(np.nextafter(weight, rng.choice([0, 9])))) for a, b, weight in edges]
    assert jittered != edges
    assert communities(jittered) == communities(edges)


def test_the_order_of_rows_does_not_matter() -> None:
    edges = planted()
    shuffled = edges.copy()
    random.Random(3).shuffle(shuffled)
    assert communities(shuffled) == communities(edges)
    assert communities(shuffled, max_size=4) == communities(edges, max_size=4)


def test_the_hash_seed_of_python_does_not_matter() -> None:
    code = (
        "import json, sys; from causalops.networks.communities import communities; "
        "edges = json.load(sys.stdin); "
        "print(json.dumps([communities(edges), communities(edges, 1.0, 4)]))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], input=json.dumps(planted(6)), text=True,
            capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "77")
    }  # fmt: skip
    assert len(outputs) == 1


@pytest.mark.parametrize("max_size", [2, 7, 14])
def test_no_cluster_is_larger_than_asked(max_size: int) -> None:
    edges = planted()
    found = communities(edges, max_size=max_size)
    assert max(map(len, found)) <= max_size
    units = [unit for members in found for unit in members]
    assert sorted(units) == sorted({unit for a, b, _ in edges for unit in (a, b)})


def test_a_clique_is_cut_into_even_pieces() -> None:
    names = [f"{i:02}" for i in range(10)]
    clique = [(a, b, 1.0) for a, b in combinations(names, 2)]
    assert [len(members) for members in communities(clique)] == [10]
    assert sorted(map(len, communities(clique, max_size=4))) == [2, 4, 4]


def test_a_higher_resolution_gives_more_clusters() -> None:
    edges = planted()
    counts = [len(communities(edges, resolution)) for resolution in (0.1, 1.0, 4.0)]
    assert counts == sorted(counts)
    assert counts[0] < counts[2]


def test_every_cluster_is_connected() -> None:
    edges = planted(cross=0.6)
    graph = nx.Graph([(a, b) for a, b, _ in edges])
    assert all(nx.is_connected(graph.subgraph(members)) for members in communities(edges))


def test_no_edges_no_clusters() -> None:
    assert communities([]) == []
    settings = [{"graph": "empty", "resolution": 1.0, "max_cluster_size": None}]
    assert graph_clusters([], settings) == []
    assert graph_clusters([], []) == []


def test_graphs_stay_apart_and_clusters_are_named_after_their_first_unit() -> None:
    edges = [
        {"graph": "b", "unit_a": "1", "unit_b": "2", "weight": 1.0},
        {"graph": "a", "unit_a": "2", "unit_b": "10", "weight": 2.0},
    ]
    settings = [
        {"graph": "a", "resolution": 1.0, "max_cluster_size": None},
        {"graph": "b", "resolution": 1.0, "max_cluster_size": 1},
    ]
    found = {(r["graph"], r["unit_id"]): (r["cluster_id"], r["cluster_size"])
             for r in graph_clusters(edges, settings)}  # fmt: skip
    assert found == {
        ("a", "10"): ("10", 2), ("a", "2"): ("10", 2), ("b", "1"): ("1", 1), ("b", "2"): ("2", 1)
    }  # fmt: skip
