"""Every experiment of a project checked against everything the project declares."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from causalops.spec import words
from causalops.spec.catalogue import Catalogue, Columns, Input, read_catalogue
from causalops.spec.dataset_experiment import DatasetExperiment, dataset_faults
from causalops.spec.dataset_plan import DatasetPlan, plan_dataset
from causalops.spec.decisions import decision_faults
from causalops.spec.defaults import deep_merge
from causalops.spec.experiment import Experiment, faults
from causalops.spec.looks import look_faults
from causalops.spec.parts import Reader
from causalops.spec.plan import Plan, plan_experiment
from causalops.spec.problems import KeyPath, Problem, unknown
from causalops.spec.references import reference_faults
from causalops.spec.scalars import QUOTE_IT, shown
from causalops.spec.schema import Names, folded
from causalops.spec.settings import PATH, PROJECT_FILE, Settings, read_settings
from causalops.spec.validate import validated
from causalops.spec.yaml_reader import Document

NAME = re.compile(r"[a-z][a-z0-9_]{1,62}")
_LISTS = ("assignment_models", "fact_models", "dataset_models")


@dataclass(frozen=True)
class ExperimentSource:
    """An experiment as written: its id, its form (block, properties, both, none) and its text."""

    name: str
    file: str
    form: str
    document: Document


@dataclass(frozen=True)
class ProjectSource:
    """All that was written, unchecked."""

    experiments: tuple[ExperimentSource, ...]
    inputs: Mapping[str, Document]
    columns: Mapping[str, Columns]
    settings: Mapping[str, Any]
    settings_document: Document | None = None


@dataclass(frozen=True)
class Checked:
    """An experiment with its plan, or with the problems that prevent one."""

    source: ExperimentSource
    spec: Experiment | DatasetExperiment | None
    plan: Plan | DatasetPlan | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Project:
    """All that was written, checked."""

    settings: Settings
    settings_problems: tuple[Problem, ...]
    catalogue: Catalogue
    experiments: tuple[Checked, ...] = field(default=())


def check_project(source: ProjectSource) -> Project:
    """Check every experiment on its own: what goes wrong in one stays in one."""
    settings, setting_problems = read_settings(source.settings, source.settings_document)
    lists = {name: getattr(settings, name) for name in _LISTS}
    catalogue = read_catalogue(source.inputs, lists, source.columns)
    project = Project(settings, tuple(setting_problems), catalogue)
    likeness: dict[str, list[ExperimentSource]] = {}
    for item in source.experiments:
        likeness.setdefault(folded(item.name), []).append(item)
    checked = tuple(
        _guarded(item, likeness[folded(item.name)], project, source.settings_document)
        for item in sorted(source.experiments, key=lambda item: (item.name, item.file))
    )
    return replace(project, experiments=checked)


def _guarded(
    source: ExperimentSource,
    alike: list[ExperimentSource],
    project: Project,
    settings_document: Document | None,
) -> Checked:
    named = [*_name_problems(source, alike), *source.document.problems]
    try:
        checked = _checked(source, project, settings_document)
    except Exception as error:
        text = f"an unexpected error stopped the check: {type(error).__name__}: {error}"
        checked = Checked(source, None, None, (Problem(source.file, text),))
    problems = tuple(dict.fromkeys([*project.settings_problems, *named, *checked.problems]))
    return replace(checked, problems=problems, plan=None if problems else checked.plan)


def _name_problems(source: ExperimentSource, alike: list[ExperimentSource]) -> Iterator[Problem]:
    if not NAME.fullmatch(source.name):
        rule = "must be 2 to 63 lower-case letters, digits or _, starting with a letter"
        yield Problem(source.file, f"the name {{value}} {rule}", value=source.name)
    if source.name.lower().startswith("experiment_"):
        text = "the name {value} is taken: names that start with experiment_ belong to the package"
        yield Problem(source.file, text, value=source.name)
    others = ", ".join(sorted(item.file for item in alike if item is not source))
    if others:
        text = f"the name {{value}} is used by another experiment, case ignored ({others})"
        yield Problem(source.file, text, value=source.name)


def _checked(
    source: ExperimentSource, project: Project, settings_document: Document | None
) -> Checked:
    document, own = source.document, source.document.data
    if source.form == "both":
        text = "has both a block and config.meta.causalops: keep one of them"
        return Checked(source, None, None, (Problem(source.file, text),))
    if not isinstance(own, dict):
        text = "has no keys: write them in the block or under config.meta.causalops"
        said = () if document.problems else (Problem(source.file, text, document.line(())),)
        return Checked(source, None, None, said)
    settings = project.settings
    protocol, problems = _protocol(own, document, settings)
    package: dict[str, Any] = {"status": "running", "alpha": settings.alpha}
    if own.get("design") in words.DATASET_DESIGNS:
        return _checked_dataset(source, project, settings_document, package)
    package["n_planned"] = settings.n_planned
    merged = Document(document.file, deep_merge(package, protocol, own), document.lines)
    names = Names(project.catalogue.metric_names, settings.assignment_models)
    spec, found, broken = validated(Experiment, merged, names)
    if merged.data.get("design") in words.LATER_DESIGNS:
        found = [problem for problem in found if problem.path == ("design",)]
        return Checked(source, spec, None, tuple(found))
    problems += found
    plan = None
    if spec is not None:
        is_size_said = "n_planned" in {**protocol, **own}
        faulty = [*faults(spec, broken), *_variant_faults(source, spec)]
        faulty += look_faults(spec, is_size_said)
        problems += [_problem(document, path, text, value) for path, text, value in faulty]
        plan, found = _planned(source, spec, broken, project)
        problems += found
    located = [_of_protocol(item, own, protocol, settings_document) for item in problems]
    return Checked(source, spec, plan, tuple(located))


def _checked_dataset(
    source: ExperimentSource, project: Project, settings_document: Document | None,
    package: dict[str, Any],
) -> Checked:  # fmt: skip
    """An experiment that reads a dataset."""
    document, own = source.document, source.document.data
    protocol, problems = _protocol(own, document, project.settings)
    merged = Document(document.file, deep_merge(package, protocol, own), document.lines)
    spec, found, broken = validated(DatasetExperiment, merged)
    problems += found
    plan = None
    if spec is not None:
        faulty = [*dataset_faults(spec, broken), *decision_faults(spec, project.catalogue)]
        problems += [_problem(document, path, text, value) for path, text, value in faulty]
        item, found = _dataset_input(spec, document, project)
        problems += found
        if item is not None and not problems:
            plan, found = plan_dataset(source.name, merged, spec, item, project.settings)
            problems += found
    located = [_of_protocol(item, own, protocol, settings_document) for item in problems]
    return Checked(source, spec, plan, tuple(located))


def _dataset_input(
    spec: DatasetExperiment, document: Document, project: Project
) -> tuple[Input | None, list[Problem]]:
    """The dataset as an input; a listed model needs no declaration of its own."""
    name, models = spec.dataset, project.settings.dataset_models
    if name is None:
        return None, []
    if name not in models:
        what = "dataset (not listed under vars.causalops.dataset_models)"
        return None, [unknown(document.file, what, name, models, ("dataset",),
                              document.line(("dataset",)))]  # fmt: skip
    item = project.catalogue.inputs[name]
    return item, item.spoiled("dataset")


def _problem(document: Document, path: KeyPath, text: str, value: str | None) -> Problem:
    return Problem(document.file, text, document.line(path), path, value)


def _protocol(
    own: dict[str, Any], document: Document, settings: Settings
) -> tuple[dict[str, Any], list[Problem]]:
    """The protocol that the experiment names, {} when it names none or an unknown one."""
    name = own.get("protocol")
    if not isinstance(name, str):
        return {}, []
    if name not in settings.protocols:
        line = document.line(("protocol",))
        names = tuple(settings.protocols)
        return {}, [unknown(document.file, "protocol", name, names, ("protocol",), line)]
    protocol = settings.protocols[name]
    if not isinstance(protocol, dict):
        return {}, [Problem(PROJECT_FILE, "must be a mapping", path=(*PATH, "protocols", name))]
    return protocol, []


def _of_protocol(
    problem: Problem, own: dict[str, Any], protocol: dict[str, Any], document: Document | None
) -> Problem:
    """The problem at the place where its key was written: the protocol when it came from there."""
    if not problem.path or problem.path[0] in own or problem.path[0] not in protocol:
        return problem
    path: KeyPath = ("protocols", str(own["protocol"]), *problem.path)
    line = document.line(path) if document else None
    return replace(problem, file=PROJECT_FILE, line=line, path=(*PATH, *path))


def _variant_faults(
    source: ExperimentSource, spec: Experiment
) -> Iterator[tuple[KeyPath, str, str | None]]:
    """dbt hands an unquoted yes, no, on or off over as the text true or false."""
    for name in spec.variants or {}:
        if source.form == "properties" and name in ("true", "false", "null"):
            text = f"variant {{value}} {QUOTE_IT} (or write the experiment as a block)"
            yield ("variants",), text, name


def _planned(
    source: ExperimentSource, spec: Experiment, broken: frozenset[str], project: Project
) -> tuple[Plan | None, list[Problem]]:
    document = source.document
    if "assignment" in broken:
        return None, []
    item, problems = _assignment_input(spec, document, project)
    if item is None or item.assignment is None:
        return None, problems
    assignment = item.assignment
    faulty = list(_assignment_faults(spec, item, project.settings, project.catalogue))
    problems += [_problem(document, path, text, value) for path, text, value in faulty]
    for key, names in (("segments", spec.segments or ()), ("strata", (spec.strata,))):
        for name in names:
            if name is not None and name not in assignment.segments:
                path, line = (key,), document.line((key,))
                what = f"segment of '{item.name}',"
                problems.append(unknown(document.file, what, name, assignment.segments, path, line))
    if spec.unit is None or spec.unit not in assignment.units:
        if spec.unit is not None:
            units, line = tuple(assignment.units), document.line(("unit",))
            what = f"unit of '{item.name}',"
            problems.append(unknown(document.file, what, spec.unit, units, ("unit",), line))
        return None, problems
    is_timed = assignment.timestamp is not None
    reader = Reader(project.catalogue, spec.unit, is_timed, project.settings.pre_days)
    planned = plan_experiment(source.name, spec, item.name, assignment, reader, project.settings)
    problems += [_problem(document, path, text, value) for path, text, value in planned.faults]
    return planned.plan, problems


def _assignment_input(
    spec: Experiment, document: Document, project: Project
) -> tuple[Input | None, list[Problem]]:
    models = project.settings.assignment_models
    asked = spec.assignment.model if spec.assignment else None
    path: KeyPath = ("assignment",)
    if asked is None and len(models) != 1:
        text = (
            "model is required: several assignment models are listed"
            if models
            else "no model is listed under vars.causalops.assignment_models in dbt_project.yml"
        )
        line = document.line(path)
        return None, [Problem(document.file, text, line, path, allowed=models)]
    name = asked or models[0]
    item = project.catalogue.inputs.get(name)
    reasons = item.spoiled("assignment") if item else []
    if item is None or item.assignment is None or reasons:
        said = "; ".join(str(problem) for problem in reasons)
        why = said or "its meta.causalops has no `assignment`"
        text = f"assignment model {{value}} cannot be used: {why}"
        return None, [_problem(document, path, text, name)]
    return item, []


def _assignment_faults(
    spec: Experiment, item: Input, settings: Settings, catalogue: Catalogue
) -> Iterator[tuple[KeyPath, str, str | None]]:
    assignment = item.assignment
    if assignment is None:
        return
    if assignment.timestamp is None:
        for key in ("start", "end"):
            if getattr(spec, key) is not None:
                text = f"needs a timestamp, and assignment '{item.name}' has none"
                yield (key,), text, shown(getattr(spec, key))
    if spec.assignment and spec.assignment.key and assignment.key is None:
        text = f"{{value}} selects nothing: assignment '{item.name}' has no key column"
        yield ("assignment", "key"), text, spec.assignment.key
    yield from reference_faults(spec, item, catalogue)
    if len(assignment.segments) > settings.max_segments:
        text = f"assignment '{item.name}' has {len(assignment.segments)} segments; the limit is "
        yield ("assignment",), f"{text}{settings.max_segments} (max_segments)", None
