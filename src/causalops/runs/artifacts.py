"""One dbt run as its artifacts tell it: `run_results.json` beside `manifest.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

PACKAGE = "causalops"
DUE = f"model.{PACKAGE}.experiment_due"
VERSIONS = f"model.{PACKAGE}.experiment_versions"
REGISTRY = f"model.{PACKAGE}.registry"
_SCORECARD = f"model.{PACKAGE}.experiment_scorecard"
_RESULTS = "run_results.json"
_TABLES = ("model", "seed", "snapshot")
_FOLDERS = {"test": "tests", "unit_test": "tests", "operation": "hooks", "seed": "seeds"}


class ArtifactError(RuntimeError):
    """What keeps a reader from the artifacts, as a sentence that says what to do."""


class OtherRunError(ArtifactError):
    """The folder holds artifacts, but not of the run that was asked for."""


@dataclass(frozen=True)
class Relation:
    """Where a node is built."""

    database: str
    schema: str
    name: str


@dataclass(frozen=True)
class Node:
    """What dbt did for one node; seconds are wall-clock, None where dbt reports nothing."""

    unique_id: str
    name: str
    kind: str
    folder: str
    status: str
    message: str
    seconds: float
    compile_seconds: float | None
    execute_seconds: float | None
    adapter_rows: int | None
    adapter_bytes: int | None
    relation: Relation | None
    is_incremental: bool
    is_experiment: bool

    @property
    def is_built(self) -> bool:
        """Whether the run left a relation behind."""
        return self.kind in _TABLES and self.status == "success"


@dataclass(frozen=True)
class Run:
    """One dbt command; `elapsed` are the seconds of its nodes, `seconds` those of the command."""

    run_id: str
    command: str
    started_at: datetime
    seconds: float
    elapsed: float
    nodes: tuple[Node, ...]
    relations: Mapping[str, Relation]
    """Relation of every model, seed and snapshot of the project, also of those not run."""
    parents: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]

    def built(self, unique_id: str) -> bool:
        return any(node.unique_id == unique_id and node.is_built for node in self.nodes)


def find_run(place: Path, run_id: str | None = None) -> Run:
    """The run in a folder (or file), or the one called `run_id` in it or in a folder below it.

    The first eight characters of an id are enough. Raises ArtifactError when there is nothing to
    read, OtherRunError when only other runs are there.
    """
    if run_id is None:
        return read_run(place)
    held: dict[Path, str] = {}
    for file in (place / _RESULTS, *sorted(place.glob(f"*/{_RESULTS}"))):
        if name := _run_id(file):
            held[file] = name
    if not held:
        return read_run(place)
    fits = [file for file, name in held.items() if _is_called(name, run_id)]
    if fits:
        return read_run(fits[0])
    newest = max(held, key=lambda file: file.stat().st_mtime)
    raise OtherRunError(
        f"{place} does not hold run {run_id}: {newest} is of run {held[newest]}. dbt overwrites "
        "its artifacts: copy run_results.json and manifest.json to runs/<name> after each run and "
        "call `causalops explain RUN --artifacts runs`. Without RUN the last run is explained."
    )


def read_run(place: Path) -> Run:
    """The run of a folder, or of one file of results with `manifest.json` beside it."""
    file = place / _RESULTS if not place.is_file() else place
    results, manifest = _json(file), _json(file.parent / "manifest.json")
    try:
        return _run(file, results, manifest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(
            f"{file} and its manifest.json are not results of dbt 1.11 "
            f"({type(error).__name__}: {error}). Run dbt again."
        ) from error


def _run_id(file: Path) -> str | None:
    """The run of a file of results; None for a file that is missing or broken."""
    try:
        name = _object(_json(file).get("metadata")).get("invocation_id")
    except ArtifactError:
        return None
    return name if isinstance(name, str) else None


def _is_called(name: str, asked: str) -> bool:
    return name == asked or (len(asked) >= 8 and name.startswith(asked))


def _json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise ArtifactError(
            f"There is no {file}. Run dbt first, or name the folder of its artifacts with "
            "--artifacts."
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"{file} is not readable JSON ({error}). Is dbt running, or was it killed? Run it "
            "again."
        ) from error
    return _object(content)


def _object(content: Any) -> dict[str, Any]:
    return content if isinstance(content, dict) else {}


def _run(file: Path, results: Mapping[str, Any], manifest: Mapping[str, Any]) -> Run:
    metadata = results["metadata"]
    declared = {**manifest["nodes"], **manifest.get("unit_tests", {})}
    if not any(name.split(".")[1] == PACKAGE for name in declared):
        raise ArtifactError(
            f"{file.parent} is of a dbt project without the package {PACKAGE}. Name another "
            "folder with --project-dir or --artifacts."
        )
    started = _stamp(metadata["invocation_started_at"])
    nodes = tuple(_node(item, declared.get(item["unique_id"], {})) for item in results["results"])
    return Run(
        run_id=metadata["invocation_id"],
        command=f"dbt {results.get('args', {}).get('which', '')}".strip(),
        started_at=started,
        seconds=(_stamp(metadata["generated_at"]) - started).total_seconds(),
        elapsed=float(results["elapsed_time"]),
        nodes=nodes,
        relations=dict(_relations(declared)),
        parents={name: tuple(above) for name, above in manifest.get("parent_map", {}).items()},
        notes=tuple(_notes(metadata, manifest, nodes)),
    )


def _notes(
    metadata: Mapping[str, Any], manifest: Mapping[str, Any], nodes: tuple[Node, ...]
) -> Iterator[str]:
    if manifest["metadata"].get("invocation_id") != metadata["invocation_id"]:
        yield "manifest.json is of a later command: folders and names are those of now."
    if not any(node.execute_seconds is not None for node in nodes):
        yield "This command executed nothing; it overwrote the artifacts of the run before it."


def _relations(declared: Mapping[str, Any]) -> Iterator[tuple[str, Relation]]:
    for name, node in declared.items():
        if node["resource_type"] in _TABLES and node.get("relation_name"):
            yield name, Relation(str(node["database"]), node["schema"], node["alias"])


def _node(item: Mapping[str, Any], declared: Mapping[str, Any]) -> Node:
    unique_id = item["unique_id"]
    kind, package, name = unique_id.split(".")[:3]
    above = _object(declared.get("depends_on")).get("nodes", [])
    is_experiment = "experiment" in declared.get("tags", ()) and _SCORECARD in above
    spans = {span["name"]: _span(span) for span in item.get("timing", ())}
    said = item.get("adapter_response") or {}
    relations = dict(_relations({unique_id: declared})) if declared else {}
    return Node(
        unique_id=unique_id,
        name=name,
        kind=kind,
        folder="experiments" if is_experiment else _folder(kind, package, declared),
        status=str(item["status"]),
        message=" ".join(str(item.get("message") or "").split()),
        seconds=float(item["execution_time"]),
        compile_seconds=spans.get("compile"),
        execute_seconds=spans.get("execute"),
        adapter_rows=_count(said.get("rows_affected")),
        adapter_bytes=_count(said.get("bytes_processed", said.get("bytes_billed"))),
        relation=relations.get(unique_id),
        is_incremental=_object(declared.get("config")).get("materialized") == "incremental",
        is_experiment=is_experiment,
    )


def _folder(kind: str, package: str, declared: Mapping[str, Any]) -> str:
    """The floor of the package, or `project` for everything of the user's own."""
    if kind in _FOLDERS:
        return _FOLDERS[kind]
    if package != PACKAGE:
        return "project"
    if declared.get("language") == "python":
        return "python"
    return str(declared.get("path", kind)).split("/")[0]


def _count(said: Any) -> int | None:
    """A count of the adapter; some say -1 for what they do not know."""
    return said if isinstance(said, int) and said >= 0 else None


def _span(span: Mapping[str, Any]) -> float | None:
    if not span.get("started_at") or not span.get("completed_at"):
        return None
    return (_stamp(span["completed_at"]) - _stamp(span["started_at"])).total_seconds()


def _stamp(text: str) -> datetime:
    return datetime.fromisoformat(text)
