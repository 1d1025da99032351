"""What a run left in the DuckDB file: rows and bytes of its tables, and whom it computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from causalops.runs.artifacts import DUE, REGISTRY, VERSIONS, Relation, Run

_COLUMNS = """
select schema_name, table_name, list(column_name)
from duckdb_columns()
semi join duckdb_tables() using (database_name, schema_name, table_name)
where database_name = current_database()
group by all
"""
# A segment lies in one block, or goes on in further ones; tables share no blocks.
_BLOCKS = """
select count(distinct block) from (
    select unnest(list_prepend(block_id, additional_block_ids)) as block
    from pragma_storage_info({table}) where persistent
) where block >= 0
"""
_IN_MEMORY = "select count(*) from pragma_storage_info({table}) where not persistent"


@dataclass(frozen=True)
class Table:
    """Rows of one table, in all and by experiment; bytes None while only in the log of DuckDB."""

    rows: int
    bytes: int | None
    by_experiment: Mapping[str, int]


@dataclass(frozen=True)
class Computed:
    """An experiment that a run computed; `version` None when none was committed."""

    experiment_id: str
    design: str
    version: int | None


@dataclass(frozen=True)
class Tables:
    """What the file says about one run; `computed` None when it could not be asked."""

    tables: Mapping[str, Table] = field(default_factory=dict)
    computed: tuple[Computed, ...] | None = None
    inputs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Name of an input model -> the experiments that read it."""
    notes: tuple[str, ...] = ()


def read_tables(connection: Any, run: Run) -> Tables:
    """Counts of the tables that `run` built, through an open DuckDB connection.

    Working tables belong to the last run only. When a later one has rebuilt them, only the rows
    that carry the id of the run are counted.
    """
    # A bound parameter would make DuckDB import pandas, which costs more than all that follows.
    connection.execute(f"set variable run_id = {_literal(run.run_id)}")
    columns = {
        (schema, name): set(names)
        for schema, name, names in connection.execute(_COLUMNS).fetchall()
    }

    def present(unique_id: str) -> str | None:
        relation = run.relations.get(unique_id)
        if relation is None or (relation.schema, relation.name) not in columns:
            return None
        return _sql(relation)

    computed = _computed(connection, present(DUE), present(VERSIONS))
    others = _other_runs(connection, present(DUE))
    is_rebuilt = run.built(DUE) and bool(others)
    [(block_size,)] = connection.execute(
        "select block_size from pragma_database_size() where database_name = current_database()"
    ).fetchall()
    tables: dict[str, Table] = {}
    for node in run.nodes:
        if node.relation is None or not node.is_built or present(node.unique_id) is None:
            continue
        names = columns[node.relation.schema, node.relation.name]
        is_stamped = node.is_incremental and "run_id" in names
        if is_rebuilt and not is_stamped:
            continue
        tables[node.unique_id] = Table(
            **_rows(connection, node.relation, is_stamped, names),
            bytes=None if is_rebuilt else _bytes(connection, node.relation, block_size),
        )
    return Tables(
        tables, computed, _inputs(connection, present(REGISTRY)), tuple(_notes(run, others))
    )


def _sql(relation: Relation) -> str:
    return ".".join(
        '"' + part.replace('"', '""') + '"' for part in (relation.schema, relation.name)
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _computed(
    connection: Any, due: str | None, versions: str | None
) -> tuple[Computed, ...] | None:
    """Due experiments of the run, and those whose version it committed."""
    found: dict[str, Computed] = {}
    for relation, version, condition in ((due, "null", "is_due"), (versions, "version", "true")):
        if relation is not None:
            rows = connection.execute(
                f"select experiment_id, design, {version} from {relation}"  # noqa: S608
                f" where run_id = getvariable('run_id') and {condition} order by 1"
            ).fetchall()
            found |= {row[0]: Computed(*row) for row in rows}
    return None if due is None and versions is None else tuple(found.values())


def _other_runs(connection: Any, due: str | None) -> list[str]:
    """Runs other than this one that computed the working tables of now."""
    if due is None:
        return []
    rows = connection.execute(
        f"select distinct run_id from {due}"  # noqa: S608
        " where run_id <> getvariable('run_id') order by 1"
    ).fetchall()
    return [row[0] for row in rows]


def _notes(run: Run, others: list[str]) -> Iterator[str]:
    if run.built(DUE) and others:
        yield (
            f"Run {', '.join(others)} has rebuilt the working tables since: their rows and bytes "
            "in this run are not known any more."
        )
    elif not run.built(DUE):
        yield "This run did not compute experiment_due: rows and bytes are those of now."


def _inputs(connection: Any, registry: str | None) -> dict[str, frozenset[str]]:
    if registry is None:
        return {}
    rows = connection.execute(
        f"select input_model, list(distinct experiment_id) from {registry}"  # noqa: S608
        " where row_kind = 'input' group by 1"
    ).fetchall()
    return {model: frozenset(experiments) for model, experiments in rows}


def _rows(
    connection: Any, relation: Relation, is_stamped: bool, columns: set[str]
) -> dict[str, Any]:
    by = "experiment_id" if "experiment_id" in columns else "null"
    where = "run_id = getvariable('run_id')" if is_stamped else "true"
    rows = connection.execute(
        f"select {by}, count(*) from {_sql(relation)} where {where} group by 1 order by 1"  # noqa: S608
    ).fetchall()
    return {
        "rows": sum(count for _, count in rows),
        "by_experiment": {name: count for name, count in rows if name is not None},
    }


def _bytes(connection: Any, relation: Relation, block_size: int) -> int | None:
    table = _literal(_sql(relation))
    [(in_memory,)] = connection.execute(_IN_MEMORY.format(table=table)).fetchall()
    if in_memory:
        return None
    [(blocks,)] = connection.execute(_BLOCKS.format(table=table)).fetchall()
    return int(blocks) * block_size
