"""A valid experiment on a dataset as a plan: the columns that each of its analyses reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from causalops.spec import words
from causalops.spec.catalogue import Input
from causalops.spec.column_types import axis_kind, is_numeric
from causalops.spec.dataset_experiment import DatasetExperiment, dataset_faults
from causalops.spec.hashes import analysis_hash
from causalops.spec.problems import KeyPath, Problem, unknown
from causalops.spec.settings import Settings
from causalops.spec.validate import validated
from causalops.spec.yaml_reader import Document

MAIN = "main"
EPOCH = dt.date(1970, 1, 1)
_SINGLE_ROLES = ("score", "received", "treatment", "selected", "treated", "post")
_LISTED_ROLES = {"covariates": "covariate", "instruments": "instrument", "match_on": "match",
                 "exclusion": "exclusion"}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A numeric column of the dataset: what it stands for, and the generic slot that holds it."""

    role: str
    name: str
    column: str
    slot: int


@dataclass(frozen=True)
class Analysis:
    """The main analysis, or one with some keys set differently."""

    name: str
    spec: DatasetExperiment
    columns: tuple[Column, ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class DatasetPlan:
    """Everything the warehouse and the statistics need to know about one experiment."""

    experiment_id: str
    spec: DatasetExperiment
    dataset: str
    types: Mapping[str, str]
    analyses: tuple[Analysis, ...]
    hash: str = ""

    @property
    def main(self) -> Analysis:
        return self.analyses[0]

    @property
    def listed_robustness(self) -> tuple[str, ...]:
        """Alternatives that the design itself offers."""
        return tuple(item.name for item in self.spec.robustness or () if not item.set)

    @property
    def columns_read(self) -> tuple[str, ...]:
        """Every column of the dataset that some analysis reads, sorted."""
        found: set[str] = set()
        for analysis in self.analyses:
            found |= {column.column for column in analysis.columns}
            found |= {name for name in _key_columns(analysis.spec) if name is not None}
        return tuple(sorted(found))


@dataclass
class _Slots:
    """One generic slot per column, whatever it is used for."""

    slots: dict[str, int] = field(default_factory=dict)

    def column(self, role: str, name: str, column: str) -> Column:
        return Column(role, name, column, self.slots.setdefault(column, len(self.slots) + 1))


def plan_dataset(
    experiment_id: str, document: Document, spec: DatasetExperiment, item: Input,
    settings: Settings,
) -> tuple[DatasetPlan | None, list[Problem]]:  # fmt: skip
    """The plan of a spec whose own keys are in order, and what its analyses get wrong."""
    problems = list(_column_problems(spec, item, document, ()))
    analyses = [_analysis(MAIN, spec, item)] if not problems else []
    for index, alternative in enumerate(spec.robustness or ()):
        if not alternative.set:
            continue
        path = ("robustness", index, "set")
        changed = {key: value for key, value in document.data.items() if key != "robustness"}
        changed_document = Document(document.file, {**changed, **alternative.set}, {})
        other, found, broken = validated(DatasetExperiment, changed_document)
        faults = dataset_faults(other, broken) if other is not None else []
        found += [Problem(document.file, text, None, key, value) for key, text, value in faults]
        found += list(_column_problems(other, item, changed_document, ())) if other else []
        line = document.line(path)
        problems += [replace(p, line=line, path=(*path, *p.path)) for p in found]
        if other is not None and not found:
            analyses.append(_analysis(f"robustness:{alternative.name}", other, item))
    if problems:
        return None, problems
    plan = DatasetPlan(experiment_id, spec, item.name, item.columns, tuple(analyses))
    return replace(plan, hash=analysis_hash(resolved(plan, settings))), []


def resolved(plan: DatasetPlan, settings: Settings) -> dict[str, Any]:
    """Exactly the fields that change numbers, as plain data (the input of `analysis_hash`)."""
    spec = plan.spec
    return {
        "design": spec.design,
        "dataset": plan.dataset,
        "metrics": [
            {"name": use.name, "column": use.metric, "role": role, "desired": use.desired}
            for _, role, use in (spec.metrics.by_role() if spec.metrics else ())
        ],
        "analyses": {analysis.name: dict(analysis.settings) for analysis in plan.analyses},
        "robustness": sorted(plan.listed_robustness),
        "checks": {name: check.model_dump() for name, check in (spec.checks or {}).items()},
        "decision": None if spec.decision is None else spec.decision.model_dump(),
        "timezone": settings.timezone,
        "seed": settings.seed,
    }


def _analysis(name: str, spec: DatasetExperiment, item: Input) -> Analysis:
    slots = _Slots()
    columns = [
        slots.column("metric", use.name, use.metric)
        for _, _, use in (spec.metrics.by_role() if spec.metrics else ())
    ]
    for role in _SINGLE_ROLES:
        if getattr(spec, role) is not None:
            columns.append(slots.column(role, getattr(spec, role), getattr(spec, role)))
    for key, role in _LISTED_ROLES.items():
        columns += [slots.column(role, column, column) for column in getattr(spec, key) or ()]
    own = words.DATASET_KEYS[spec.design or ""]
    said = ("unit", "cluster", "alpha", "covariates", *own)
    settings: dict[str, Any] = {key: getattr(spec, key) for key in said}
    settings |= {"method": spec.headline_method, "variant": spec.arms[0], "baseline": spec.arms[1]}
    if spec.intervention is not None:
        settings["intervention"] = _position(spec.intervention)
    if spec.time is not None:
        settings["time_kind"] = axis_kind(item.columns.get(spec.time, ""))
    return Analysis(name, spec, tuple(columns), settings)


def _position(moment: float | dt.date) -> float:
    """A point in time on the axis of `period`: the number itself, or days since 1970."""
    return float((moment - EPOCH).days) if isinstance(moment, dt.date) else moment


def _key_columns(spec: DatasetExperiment) -> list[str | None]:
    return [spec.unit, spec.cluster, spec.time, spec.treated_from, *(spec.exact or ())]


def _column_problems(
    spec: DatasetExperiment, item: Input, document: Document, below: KeyPath
) -> Iterator[Problem]:
    """Columns that the dataset does not have, or that are not numbers where numbers are needed."""
    if not item.columns:
        return
    named: list[tuple[KeyPath, str, bool]] = [
        (path, use.metric, True)
        for path, _, use in (spec.metrics.by_role() if spec.metrics else ())
    ]
    for key in (*_SINGLE_ROLES, "unit", "cluster", "time", "treated_from"):
        if getattr(spec, key) is not None:
            named.append(((key,), getattr(spec, key), key in _SINGLE_ROLES))
    for key in (*_LISTED_ROLES, "exact"):
        listed = getattr(spec, key) or ()
        named += [((key, i), name, key in _LISTED_ROLES) for i, name in enumerate(listed)]
    for path, column, is_number in named:
        line = document.line(path)
        kind = item.columns.get(column)
        if kind is None:
            what = f"column of dataset '{item.name}',"
            yield unknown(document.file, what, column, item.columns, (*below, *path), line)
        elif is_number and not is_numeric(kind):
            text = f"column {{value}} of '{item.name}' is {kind}, not a number or a boolean"
            yield Problem(document.file, text, line, (*below, *path), column)
    if spec.time is not None and spec.time in item.columns:
        yield from _time_problems(spec, item, document)


def _time_problems(
    spec: DatasetExperiment, item: Input, document: Document
) -> Iterator[Problem]:
    kind = axis_kind(item.columns[spec.time or ""])
    if spec.intervention is not None:
        is_date = isinstance(spec.intervention, dt.date)
        if is_date == (kind == "number"):
            text = f"{{value}} must be {'a number' if is_date else 'a date'}, as `time` is"
            line = document.line(("intervention",))
            yield Problem(document.file, text, line, ("intervention",), str(spec.intervention))
    if spec.treated_from is not None and spec.treated_from in item.columns:
        other = axis_kind(item.columns[spec.treated_from])
        if (other == "number") != (kind == "number"):
            text = f"column {{value}} is {item.columns[spec.treated_from]}, `time` is " + (
                item.columns[spec.time or ""]
            )
            line = document.line(("treated_from",))
            yield Problem(document.file, text, line, ("treated_from",), spec.treated_from)
