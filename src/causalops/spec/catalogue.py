"""What the project declares beside its models: inputs, their columns, and every metric by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from causalops.spec.inputs import Assignment, Fact, Graph, Metric
from causalops.spec.problems import KeyPath, Problem, unknown
from causalops.spec.schema import folded
from causalops.spec.validate import validated
from causalops.spec.yaml_reader import Document

Columns = Mapping[str, str]
_SECTIONS = ("assignment", "fact", "metrics", "graph")
_BY_DBT = ("listed", "lists")


@dataclass(frozen=True)
class Input:
    """One declared model. Problems are kept by what they spoil: the whole, a section, a metric."""

    name: str
    file: str
    lists: tuple[str, ...]
    columns: Columns
    assignment: Assignment | None = None
    fact: Fact | None = None
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    problems: Mapping[KeyPath, tuple[Problem, ...]] = field(default_factory=dict)
    graph: Graph | None = None

    def spoiled(self, *path: str) -> list[Problem]:
        """Problems of the whole input, and of the section or metric at `path`."""
        keys: list[KeyPath] = [(), *(path[:length] for length in range(1, len(path) + 1))]
        return [problem for key in keys for problem in self.problems.get(key, ())]


@dataclass(frozen=True)
class Catalogue:
    """Every input by name, and for every metric name the input that declares it."""

    inputs: Mapping[str, Input]
    owners: Mapping[str, str]

    @property
    def metric_names(self) -> tuple[str, ...]:
        return tuple(sorted(self.owners))

    def metric(self, name: str) -> tuple[Input, Metric | None]:
        """The input that declares metric `name`, and the metric unless it is broken."""
        owner = self.inputs[self.owners[name]]
        return owner, owner.metrics.get(name)


def read_catalogue(
    documents: Mapping[str, Document], lists: Mapping[str, tuple[str, ...]], columns: Any
) -> Catalogue:
    """The catalogue of the declarations in `documents` (by model name).

    `lists` holds the three lists of the settings, `columns` maps a model to its columns and types.
    """
    inputs = {
        name: _guarded_input(name, document, lists, columns.get(name, {}))
        for name, document in sorted(documents.items())
    }
    for name in lists.get("dataset_models", ()):
        # A dataset needs no declaration: its experiments say what its columns are.
        bare = Input(name, name, ("dataset_models",), columns.get(name, {}))
        inputs.setdefault(name, bare)
    owners: dict[str, str] = {}
    names: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, document in sorted(documents.items()):
        for metric in _metric_names(document.data):
            owners.setdefault(metric, name)
            names[folded(metric)].append((name, metric))
    for twins in names.values():
        if len(twins) > 1:
            _mark_twins(inputs, twins)
    return Catalogue(inputs, owners)


def _guarded_input(
    name: str, document: Document, lists: Mapping[str, tuple[str, ...]], columns: Columns
) -> Input:
    try:
        return read_input(name, document, lists, columns)
    except Exception as error:
        text = f"an unexpected error stopped the check: {type(error).__name__}: {error}"
        problem = Problem(document.file, text)
        return Input(name, document.file, (), columns, problems={(): (problem,)})


def read_input(
    name: str, document: Document, lists: Mapping[str, tuple[str, ...]], columns: Columns
) -> Input:
    """One declaration, section by section, so that a slip spoils no more than its own section."""
    data = document.data
    found: dict[KeyPath, list[Problem]] = defaultdict(list)
    found[()] += document.problems
    if not isinstance(data, dict):
        message = "meta.causalops must be a mapping"
        found[()] += [] if data is None else [Problem(document.file, message, document.line(()))]
        data = {}
    for key in data:
        if key not in (*_SECTIONS, *_BY_DBT):
            path: KeyPath = (str(key),)
            found[()].append(
                unknown(document.file, "key", str(key), _SECTIONS, path, document.line(path))
            )
    assignment, fact = None, None
    if data.get("assignment") is not None:
        assignment, problems, _ = validated(
            Assignment, document.at("assignment"), below=("assignment",)
        )
        found["assignment",] += problems
    if data.get("fact") is not None:
        fact, problems, _ = validated(Fact, document.at("fact"), below=("fact",))
        found["fact",] += problems
    graph = None
    if data.get("graph") is not None:
        graph, problems, _ = validated(Graph, document.at("graph"), below=("graph",))
        found["graph",] += problems
    metrics: dict[str, Metric] = {}
    for metric in _metric_names(data):
        path = ("metrics", metric)
        typed, problems, _ = validated(Metric, document.at(*path), below=path)
        found[path] += problems
        if fact is None and not found["fact",]:
            text = "needs `fact` beside it: the units and the timestamp of this model"
            found[path].append(Problem(document.file, text, document.line(path), path))
        if typed is not None and not found[path]:
            metrics[metric] = typed
    if data.get("metrics") is not None and not isinstance(data["metrics"], dict):
        message = "must be a mapping of metric names to definitions"
        line = document.line(("metrics",))
        found["metrics",].append(Problem(document.file, message, line, ("metrics",)))
    in_lists = tuple(key for key, models in lists.items() if name in models)
    item = Input(name, document.file, in_lists, columns, assignment, fact, metrics, graph=graph)
    for path, column in _columns_named(item):
        found[_spoils(path)] += _column_problems(item, document, path, column)
    problems_by_path = {path: tuple(problems) for path, problems in found.items() if problems}
    return replace(item, problems=problems_by_path)


def _metric_names(data: Any) -> list[str]:
    metrics = data.get("metrics") if isinstance(data, dict) else None
    return [key for key in metrics if isinstance(key, str)] if isinstance(metrics, dict) else []


def _spoils(path: KeyPath) -> KeyPath:
    return path[:2] if path[0] == "metrics" else path[:1]


def _columns_named(item: Input) -> Iterable[tuple[KeyPath, str]]:
    """Every (key path, column) that the declarations of `item` name."""
    if item.assignment:
        part = item.assignment
        for key in ("variant", "key", "timestamp", "trigger", "received", "exclude"):
            if getattr(part, key) is not None:
                yield ("assignment", key), getattr(part, key)
        for index, column in enumerate(part.segments):
            yield ("assignment", "segments", index), column
        for name, column in {**part.units, **part.clusters}.items():
            yield ("assignment", "units" if name in part.units else "clusters", name), column
    if item.fact:
        for name, column in item.fact.units.items():
            yield ("fact", "units", name), column
        if item.fact.timestamp:
            yield ("fact", "timestamp"), item.fact.timestamp
    if item.graph:
        for key in ("source", "target", "weight"):
            if getattr(item.graph, key) is not None:
                yield ("graph", key), getattr(item.graph, key)
    for name, metric in item.metrics.items():
        measures = {"": metric, "numerator": metric.numerator, "denominator": metric.denominator}
        for key, measure in measures.items():
            path: KeyPath = ("metrics", name, key) if key else ("metrics", name)
            if measure is not None and measure.value is not None:
                yield (*path, "value"), measure.value
            for condition in measure.filter if measure else ():
                yield (*path, "filter", condition.column), condition.column


_NOT_A_TIME = (
    *("BOOL", "TINYINT", "SMALLINT", "INT", "BIGINT", "HUGEINT", "UINT", "UTINY", "USMALL", "UBIG"),
    *("DECIMAL", "NUMERIC", "NUMBER", "DOUBLE", "FLOAT", "REAL", "TIME WITH", "INTERVAL"),
)


def _column_problems(item: Input, document: Document, path: KeyPath, column: str) -> list[Problem]:
    if not item.columns:
        return []
    if column in item.columns:
        kind = item.columns[column].upper()
        if path[-1] == "timestamp" and kind.startswith(_NOT_A_TIME):
            message = f"column {{value}} of '{item.name}' is {kind}, not a date or a timestamp"
            return [Problem(item.file, message, document.line(path), path, column)]
        return []
    what = f"column of '{item.name}',"
    return [unknown(item.file, what, column, item.columns, path, document.line(path))]


def _mark_twins(inputs: dict[str, Input], twins: list[tuple[str, str]]) -> None:
    """Spoil every metric whose name is declared more than once."""
    places = ", ".join(f"{metric} in {inputs[model].file}" for model, metric in twins)
    for model, metric in twins:
        item = inputs[model]
        path = ("metrics", metric)
        message = f"{{value}} is declared more than once, case ignored ({places})"
        problem = Problem(item.file, message, None, path, metric)
        kept = {name: value for name, value in item.metrics.items() if name != metric}
        problems = {**item.problems, path: (*item.problems.get(path, ()), problem)}
        inputs[model] = replace(item, metrics=kept, problems=problems)
