"""The cost of a run by node, by folder and by experiment.

Tables are stacked: one query serves every due experiment, and no engine says which of them took its
time. The seconds of an experiment are therefore an estimate: those of each table, by its share of
the rows. What no rows divide stays shared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from causalops.runs.artifacts import PACKAGE, Node, Run
from causalops.runs.tables import Computed, Table, Tables

SHARED = "(shared)"
WAREHOUSE, ADAPTER = "warehouse", "adapter"


@dataclass(frozen=True)
class Cost:
    """One node: its rows and bytes with their source (None: unknown), and whom it served."""

    node: Node
    rows: int | None = None
    rows_from: str | None = None
    bytes: int | None = None
    bytes_from: str | None = None
    serves: tuple[str, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    """Experiment -> its estimated share of the seconds; together at most 1."""


@dataclass(frozen=True)
class Total:
    """Sums over nodes; rows and bytes of those that are known, None when none is."""

    name: str
    nodes: int
    seconds: float
    rows: int | None
    bytes: int | None


@dataclass(frozen=True)
class ExperimentCost:
    """An experiment computed by the run, or what is shared; `seconds` are an estimate."""

    name: str
    design: str | None
    version: int | None
    rows: int | None
    seconds: float


def costs(run: Run, tables: Tables) -> list[Cost]:
    """Every node of the run, the most expensive first."""
    computed = {item.experiment_id: item for item in tables.computed or ()}
    reads = _readers(run, tables, frozenset(computed))
    found = [_cost(node, tables.tables.get(node.unique_id), computed, reads) for node in run.nodes]
    return sorted(found, key=lambda cost: (-cost.node.seconds, cost.node.unique_id))


def folders(nodes: list[Cost]) -> list[Total]:
    """Where the time goes, the most expensive folder first."""
    parts: dict[str, list[Cost]] = {}
    for cost in nodes:
        parts.setdefault(cost.node.folder, []).append(cost)
    totals = [total(name, part) for name, part in parts.items()]
    return sorted(totals, key=lambda item: (-item.seconds, item.name))


def total(name: str, nodes: list[Cost]) -> Total:
    return Total(
        name,
        len(nodes),
        sum(cost.node.seconds for cost in nodes),
        _sum([cost.rows for cost in nodes]),
        _sum([cost.bytes for cost in nodes]),
    )


def experiments(nodes: list[Cost], tables: Tables) -> list[ExperimentCost]:
    """Computed experiments, the most expensive first, and a last line for what is shared."""
    found = [_experiment(item, nodes, tables) for item in tables.computed or ()]
    found.sort(key=lambda item: (-item.seconds, item.name))
    rest = sum(cost.node.seconds for cost in nodes) - sum(item.seconds for item in found)
    return [*found, ExperimentCost(SHARED, None, None, None, max(rest, 0.0))] if found else []


def _experiment(item: Computed, nodes: list[Cost], tables: Tables) -> ExperimentCost:
    name = item.experiment_id
    rows = [table.by_experiment[name] for table in tables.tables.values()
            if name in table.by_experiment]  # fmt: skip
    seconds = sum(cost.node.seconds * cost.shares.get(name, 0.0) for cost in nodes)
    return ExperimentCost(name, item.design, item.version, _sum(rows), seconds)


def _cost(
    node: Node,
    table: Table | None,
    computed: Mapping[str, Computed],
    reads: Mapping[str, frozenset[str]],
) -> Cost:
    rows, size = (table.rows, table.bytes) if table else (None, None)
    shares = _shares(node, table, computed)
    serves = set(shares) or set(reads.get(node.unique_id, ()))
    if not serves and node.folder == "python":
        serves = {name for name, item in computed.items() if item.design == node.name}
    return Cost(
        node,
        rows=node.adapter_rows if rows is None else rows,
        rows_from=_source(rows, node.adapter_rows),
        bytes=node.adapter_bytes if size is None else size,
        bytes_from=_source(size, node.adapter_bytes),
        serves=tuple(sorted(serves)),
        shares=shares,
    )


def _shares(node: Node, table: Table | None, computed: Mapping[str, Computed]) -> dict[str, float]:
    """Shares of the rows; rows of experiments that were not computed keep theirs, for nobody."""
    if node.is_experiment:
        return {node.name: 1.0}
    if table is None or table.rows == 0:
        return {}
    return {
        name: count / table.rows for name, count in table.by_experiment.items() if name in computed
    }


def _readers(run: Run, tables: Tables, computed: frozenset[str]) -> dict[str, frozenset[str]]:
    """Input models, and the models they are made of -> the computed experiments that read them."""
    found: dict[str, frozenset[str]] = {}
    for unique_id in run.relations:
        package, name = unique_id.split(".")[1:3]
        readers = tables.inputs.get(name, frozenset()) & computed
        todo = [unique_id] if package != PACKAGE and readers else []
        while todo:
            current = todo.pop()
            if not readers <= found.get(current, frozenset()):
                found[current] = found.get(current, frozenset()) | readers
                todo += run.parents.get(current, ())
    return found


def _source(counted: int | None, reported: int | None) -> str | None:
    if counted is not None:
        return WAREHOUSE
    return None if reported is None else ADAPTER


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
