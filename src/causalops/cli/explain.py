"""`causalops explain`: what a run cost, and which experiments it served."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import duckdb

from causalops.runs.artifacts import ArtifactError, OtherRunError, Run, find_run, read_run
from causalops.runs.cost import Cost, ExperimentCost, Total, costs, experiments, folders, total
from causalops.runs.tables import Tables, read_tables
from causalops.scorecard import ABSENT, cut, table
from causalops.warehouse import WarehouseError, connect, database_path

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
_TOP = 20
_BAD = ("error", "fail", "runtime error", "partial success", "warn")


class _OtherRun(click.ClickException):
    exit_code = 2


@click.command("explain")
@click.argument("run", required=False)
@click.option("--project-dir", type=_FOLDER, default=Path(), show_default=True)
@click.option(
    "--artifacts", "--target-path", "artifacts", type=_FOLDER,
    help="Folder of run_results.json and manifest.json, or of one such folder per run."
    "  [default: target in the project]",
)  # fmt: skip
@click.option("--db", type=_FILE, help="DuckDB file; default: the one in the project's profile.")
@click.option("--all", "is_all", is_flag=True, help=f"Every node, not only the {_TOP} slowest.")
@click.option("--format", "form", type=click.Choice(["text", "json", "csv"]), default="text",
              show_default=True, help="json and csv hold every node.")  # fmt: skip
def command(
    run: str | None, project_dir: Path, artifacts: Path | None, db: Path | None, is_all: bool,
    form: str,
) -> None:  # fmt: skip
    """What a dbt run cost: seconds, rows and bytes by model, by folder and by experiment.

    RUN is a run_id (of experiment_versions; its first eight characters are enough), or the path of
    a folder of artifacts. Without it: the last run.
    """
    try:
        read = _found(run, artifacts or project_dir / os.environ.get("DBT_TARGET_PATH", "target"))
    except OtherRunError as error:
        raise _OtherRun(str(error)) from error
    except ArtifactError as error:
        raise click.ClickException(str(error)) from error
    tables, place = _tables(read, project_dir, db)
    nodes = costs(read, tables)
    if form == "json":
        click.echo(json.dumps(_document(read, tables, nodes, place), indent=2, default=str))
    elif form == "csv":
        click.echo(_csv(nodes), nl=False)
    else:
        click.echo("\n".join(_text(read, tables, nodes, place, len(nodes) if is_all else _TOP)))


def _found(run: str | None, place: Path) -> Run:
    return read_run(Path(run)) if run and Path(run).exists() else find_run(place, run)


def _tables(run: Run, project_dir: Path, db: Path | None) -> tuple[Tables, str | None]:
    """What the warehouse says, and its file; a note and None when it cannot be asked."""
    try:
        path = db or database_path(project_dir)
        names = {node.relation.database for node in run.nodes if node.relation}
        if db is None and names and path.stem not in names:
            raise WarehouseError(
                f"The run wrote to database {', '.join(sorted(names))}, but the default target of "
                f"the profile is {path}. Name the file with --db."
            )
        with connect(path) as connection:
            return read_tables(connection, run), str(path)
    except (WarehouseError, duckdb.Error) as error:
        said = str(error).splitlines()[0]
        return Tables(notes=(f"Without the warehouse: {said}",)), None


def _text(
    run: Run, tables: Tables, nodes: list[Cost], place: str | None, limit: int
) -> Iterator[str]:
    yield f"Run {run.run_id}: {run.command}, {run.started_at:%Y-%m-%d %H:%M:%S} UTC"
    work = sum(cost.node.seconds for cost in nodes)
    start = max(run.seconds - run.elapsed, 0.0)
    yield (
        f"{run.seconds:.1f} s: {start:.1f} s to start and parse, {run.elapsed:.1f} s for "
        f"{len(nodes)} nodes (their own seconds add up to {work:.1f})"
    )
    yield from _statuses(nodes)
    yield from _node_lines(nodes, limit)
    yield from ("", "Where the time goes")
    cells = [[*_total_cells(item), _share(item.seconds, work)] for item in folders(nodes)]
    yield from _indented(table(["folder", "nodes", "seconds", "rows", "bytes", "share"], cells))
    yield from _experiment_lines(experiments(nodes, tables), tables, work)
    yield ""
    yield from (*run.notes, *tables.notes)
    yield from _sources(place)


def _statuses(nodes: list[Cost]) -> Iterator[str]:
    counts: dict[str, int] = {}
    for cost in nodes:
        counts[cost.node.status] = counts.get(cost.node.status, 0) + 1
    yield ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    for cost in nodes:
        if cost.node.status in _BAD:
            yield f"  {cost.node.status}  {cost.node.name}: {cut(cost.node.message, 160)}"
    skipped = sorted(cost.node.name for cost in nodes if cost.node.status == "skipped")
    if skipped:
        yield f"  skipped  {_few(skipped, 8)}"


def _node_lines(nodes: list[Cost], limit: int) -> Iterator[str]:
    headers = ["node", "folder", "status", "seconds", "compile", "rows", "bytes", "serves"]
    cells = [
        [
            *(cost.node.name, cost.node.folder, cost.node.status, f"{cost.node.seconds:.2f}"),
            *(_seconds(cost.node.compile_seconds), _whole(cost.rows), _size(cost.bytes)),
            _few(cost.serves, 3) or ABSENT,
        ]
        for cost in nodes[:limit]
    ]
    everything = total("total", nodes)
    end = [f"{everything.seconds:.2f}", "", _whole(everything.rows), _size(everything.bytes), ""]
    yield from ("", *table(headers, [*cells, ["total", "", "", *end]]))
    if len(nodes) > limit:
        yield f"({len(nodes) - limit} more: --all)"


def _experiment_lines(found: list[ExperimentCost], tables: Tables, work: float) -> Iterator[str]:
    yield ""
    if tables.computed is None:
        yield "By experiment: not known without the warehouse"
        return
    if not found:
        yield "By experiment: this run computed none"
        return
    yield "By experiment (~ estimated: seconds of each table by its share of the rows)"
    cells = [
        [
            *(item.name, item.design or "", _version(item), _whole(item.rows)),
            *(f"~{item.seconds:.2f}", _share(item.seconds, work)),
        ]
        for item in found
    ]
    headers = ["experiment", "design", "version", "rows", "seconds", "share"]
    yield from _indented(table(headers, cells))


def _sources(place: str | None) -> Iterator[str]:
    yield "Seconds: run_results.json, wall-clock of each node."
    if place is None:
        yield "Rows and bytes: only what the adapter reported."
    else:
        yield (
            f"Rows and bytes: tables in {place}, of experiment_results and experiment_versions the "
            "rows of this run; bytes are whole blocks of the file. Views have none."
        )


def _document(run: Run, tables: Tables, nodes: list[Cost], place: str | None) -> dict[str, Any]:
    return {
        "run_id": run.run_id, "command": run.command, "started_at": run.started_at.isoformat(),
        "seconds": run.seconds, "elapsed": run.elapsed, "database": place,
        "notes": [*run.notes, *tables.notes],
        "nodes": [_record(cost) | {"seconds_by_experiment_estimated": _divided(cost)}
                  for cost in nodes],
        "folders": [asdict(item) for item in folders(nodes)],
        "experiments": None if tables.computed is None
        else [asdict(item) for item in experiments(nodes, tables)],
    }  # fmt: skip


def _divided(cost: Cost) -> dict[str, float]:
    return {name: share * cost.node.seconds for name, share in cost.shares.items()}


def _record(cost: Cost) -> dict[str, Any]:
    node = cost.node
    return {
        "node": node.name, "unique_id": node.unique_id, "kind": node.kind, "folder": node.folder,
        "status": node.status, "message": node.message, "seconds": node.seconds,
        "compile_seconds": node.compile_seconds, "execute_seconds": node.execute_seconds,
        "rows": cost.rows, "rows_from": cost.rows_from,
        "bytes": cost.bytes, "bytes_from": cost.bytes_from, "serves": list(cost.serves),
    }  # fmt: skip


def _csv(nodes: list[Cost]) -> str:
    text = io.StringIO()
    records = [_record(cost) | {"serves": " ".join(cost.serves)} for cost in nodes]
    writer = csv.DictWriter(text, records[0] if records else [])
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def _total_cells(item: Total) -> list[str]:
    return [
        item.name, str(item.nodes), f"{item.seconds:.2f}", _whole(item.rows), _size(item.bytes),
    ]  # fmt: skip


def _version(item: ExperimentCost) -> str:
    if item.design is None:
        return ""
    return "none committed" if item.version is None else str(item.version)


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _few(names: list[str] | tuple[str, ...], limit: int) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _seconds(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.2f}"


def _whole(value: int | None) -> str:
    return ABSENT if value is None else f"{value:,}"


def _size(value: int | None) -> str:
    return ABSENT if value is None else f"{value / 2**20:,.2f} MB"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else ABSENT
