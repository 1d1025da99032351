"""Clusters of a network for cluster randomisation: dense inside, few edges between them.

Communities come from the Louvain method of networkx (Blondel, Guillaume, Lambiotte & Lefebvre 2008,
J. Stat. Mech. P10008), which climbs the modularity of Newman & Girvan (2004). Two things are added:
a community that the method left in several pieces is given up for its pieces (this never lowers
modularity), and communities above a maximum size are divided.

The result is a pure function of the set of edges: nodes are numbered by the order of their text, so
neither the order of rows, nor the hash seed of Python, nor the number of threads plays a part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import networkx as nx

SEED = 20260101
CLUSTER_COLUMNS = {
    "graph": "text",
    "unit_id": "text",
    "cluster_id": "text",
    "cluster_size": "bigint",
}

Edge = tuple[str, str, float]
Graph = Any  # networkx ships no types


def graph_clusters(
    edges: Sequence[Mapping[str, Any]], settings: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Rows of `experiment_graph_clusters` for all graphs.

    `edges` holds graph, unit_a, unit_b, weight; `settings` holds graph, resolution,
    max_cluster_size (NULL = any). Units without an edge are not known here.
    """
    by_graph: dict[str, list[Edge]] = {row["graph"]: [] for row in settings}
    for row in edges:
        by_graph[row["graph"]].append((row["unit_a"], row["unit_b"], float(row["weight"])))
    rows: list[dict[str, Any]] = []
    for item in settings:
        limit = item.get("max_cluster_size")
        clusters = communities(
            by_graph[item["graph"]],
            resolution=float(item["resolution"]),
            max_size=None if limit is None else int(limit),
        )
        rows += [
            {"graph": item["graph"], "unit_id": unit, "cluster_id": members[0],
             "cluster_size": len(members)}
            for members in clusters
            for unit in members
        ]  # fmt: skip
    return rows


def communities(
    edges: Iterable[Edge], resolution: float = 1.0, max_size: int | None = None
) -> list[list[str]]:
    """The units of each cluster, every list and the list of lists in text order.

    `edges` are undirected (a, b, weight > 0), each pair once. A higher `resolution` gives smaller
    clusters; none is larger than `max_size`.
    """
    ordered = sorted(edges)
    largest = max((weight for *_, weight in ordered), default=1.0)
    names = sorted({unit for a, b, _ in ordered for unit in (a, b)})
    number = {name: index for index, name in enumerate(names)}
    graph = nx.Graph()
    graph.add_nodes_from(range(len(names)))
    # Only ratios of weights matter, and squares of very small ones would vanish. Twelve digits:
    # sums of weights differ in their last bits from run to run.
    graph.add_weighted_edges_from(
        (number[a], number[b], float(f"{weight / largest:.12g}")) for a, b, weight in ordered
    )
    found = _connected(graph, resolution)
    if max_size is not None:
        found = [part for nodes in found for part in _divided(graph, nodes, resolution, max_size)]
    return [[names[node] for node in nodes] for nodes in sorted(found)]


def _connected(graph: Graph, resolution: float) -> list[list[int]]:
    """Louvain communities of a graph, each one connected; nodes sorted."""
    if graph.number_of_edges() == 0:
        return [[node] for node in graph]
    found = nx.community.louvain_communities(
        graph, weight="weight", resolution=resolution, seed=SEED
    )
    return [
        sorted(piece)
        for nodes in found
        for piece in nx.connected_components(graph.subgraph(nodes))
    ]


def _divided(
    graph: Graph, nodes: list[int], resolution: float, max_size: int
) -> Iterator[list[int]]:
    """A community in pieces of at most `max_size`: its own communities, as long as it has any.

    What has no inner structure (a clique, say) is cut along a breadth-first walk, so that
    neighbours stay together where they can.
    """
    waiting = [nodes]
    while waiting:
        part = waiting.pop()
        if len(part) <= max_size:
            yield part
            continue
        inner = _induced(graph, part)
        found = _connected(inner, resolution)
        if len(found) == 1:
            walk = [part[0], *(node for _, node in nx.bfs_edges(inner, part[0]))]
            found = [sorted(walk[at : at + max_size]) for at in range(0, len(walk), max_size)]
        waiting += found


def _induced(graph: Graph, nodes: list[int]) -> Graph:
    """A copy of the graph on sorted `nodes`: a view's order of nodes depends on a set."""
    inner = nx.Graph()
    inner.add_nodes_from(nodes)
    inner.add_weighted_edges_from(
        sorted(
            (min(a, b), max(a, b), weight)
            for a, b, weight in graph.subgraph(nodes).edges(data="weight")
        )
    )
    return inner
