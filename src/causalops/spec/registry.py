"""The registry: what users wrote, checked and planned, as the rows of one long table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from statistics import NormalDist
from typing import Any

from causalops import __version__
from causalops.spec import words
from causalops.spec.dataset_experiment import DatasetExperiment
from causalops.spec.dataset_plan import DatasetPlan
from causalops.spec.dataset_rows import dataset_fields, dataset_rows
from causalops.spec.decisions import conditions
from causalops.spec.experiment import CONTROL, Experiment
from causalops.spec.hashes import canonical_json
from causalops.spec.mappings import BlockBook, compile_rows, uses_of
from causalops.spec.plan import MAIN, Plan, PlannedMetric, resolved
from causalops.spec.problems import Problem
from causalops.spec.project import Checked, Project, check_project
from causalops.spec.settings import Settings
from causalops.spec.slots import PlacedPart, Placement, SlotBook, SlotsFullError
from causalops.spec.sources import project_source

Row = dict[str, Any]

METHOD_VERSIONS = {
    "ab_test": "ab_test:3",
    "aa_test": "aa_test:3",
    "encouragement": "encouragement:1",
    "cluster_rct": "cluster_rct:1",
    **{design: f"{design}:1" for design in words.DATASET_DESIGNS},
}

_TYPES = {
    "text": "row_kind experiment_id analysis metric name design status spec_status file message "
    "owner hypothesis unit control input_model unit_column assignment_key agg metric_role "
    "metric_type desired unit_label maturity method analysis_hash method_version protocol checks "
    "robustness covariates payload",
    "integer": "position strata_slot cluster_slot n_planned last_day_offset max_pre_days "
    "late_data_days slot day_from day_to pre_days block_id mature_days",
    "double": "weight winsorize margin mde alpha quantile critical_value",
    "boolean": "has_time is_control is_adjusted is_default_method is_sparse",
    "date": "start_date end_date complete_through",
}
_KIND_OF = {name: kind for kind, names in _TYPES.items() for name in names.split()}
_ORDER = (
    "row_kind experiment_id analysis metric name position design status spec_status file message "
    "owner hypothesis unit control input_model unit_column assignment_key has_time start_date "
    "end_date strata_slot cluster_slot n_planned last_day_offset max_pre_days late_data_days "
    "weight is_control slot agg day_from day_to pre_days metric_role metric_type desired "
    "unit_label block_id mature_days maturity winsorize margin mde alpha quantile critical_value "
    "method is_adjusted is_default_method is_sparse complete_through analysis_hash method_version "
    "protocol checks robustness covariates payload"
)
REGISTRY_COLUMNS: dict[str, str] = {name: _KIND_OF[name] for name in _ORDER.split()}
"""Column -> type; JSON columns are text."""


def registry_rows(spec_rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Every row of the registry for the rows of `experiment_specs`.

    A wrong experiment is a row with `spec_status` invalid and every reason. The only error raised
    is a RuntimeError when the dbt package and this Python package have different versions.
    """
    source = project_source(spec_rows)
    package = source.settings.get("package_version")
    if package is not None and package != __version__:
        raise RuntimeError(
            f"the dbt package causalops is version {package} but the Python package dbt-causalops "
            f"is version {__version__}: run `pip install` with the folder of the dbt package "
            "(dbt_packages/causalops)"
        )
    project = check_project(source)
    slots, blocks = SlotBook(project.settings.max_slots), BlockBook()
    rows: list[Row] = []
    computed: list[tuple[Plan, Placement]] = []
    for checked in project.experiments:
        plan, placement, problems = _placed(checked, project, slots)
        try:
            if isinstance(checked.plan, DatasetPlan):
                rows += _dataset_experiment_rows(checked, checked.plan, problems, project)
                continue
            rows += list(_experiment_rows(checked, plan, placement, problems, project, blocks))
            if plan is not None and placement is not None:
                computed.append((plan, placement))
        except Exception as error:
            text = f"an unexpected error stopped the plan: {type(error).__name__}: {error}"
            problems = [*problems, str(Problem(checked.source.file, text))]
            rows.append(_experiment_row(checked, None, None, problems, project))
    return rows + [_row(**row) for row in compile_rows(computed, project, slots, blocks)]


def _row(**values: Any) -> Row:
    return {name: _storable(values.get(name)) for name in REGISTRY_COLUMNS}


def _storable(value: Any) -> Any:
    """Text without the characters that a database refuses (they are errors anyway)."""
    if not isinstance(value, str):
        return value
    return value.replace("\x00", "?").encode("utf-8", "replace").decode("utf-8")


def _placed(
    checked: Checked, project: Project, slots: SlotBook
) -> tuple[Plan | None, Placement | None, list[str]]:
    """The plan and its slots; no slots for what is not computed now."""
    problems = [str(problem) for problem in checked.problems]
    plan = checked.plan
    if plan is None or isinstance(plan, DatasetPlan) or not is_computed(plan, project.settings):
        return plan if isinstance(plan, Plan) else None, None, problems
    try:
        return plan, slots.place(plan), problems
    except SlotsFullError as error:
        return None, None, [*problems, str(Problem(checked.source.file, str(error)))]


def is_computed(plan: Plan | DatasetPlan, settings: Settings) -> bool:
    """Whether this run computes the experiment: its status says so, and so does `only`."""
    is_asked = not settings.only or plan.experiment_id in settings.only
    return plan.spec.status in words.COMPUTED_STATUSES and is_asked


def _experiment_rows(
    checked: Checked,
    plan: Plan | None,
    placement: Placement | None,
    problems: list[str],
    project: Project,
    blocks: BlockBook,
) -> Iterator[Row]:
    yield _experiment_row(checked, plan, placement, problems, project)
    if plan is None:
        return
    name = plan.experiment_id
    for position, (variant, weight) in enumerate(plan.weights.items(), start=1):
        yield _row(
            row_kind="variant", experiment_id=name, name=variant, position=position,
            weight=weight, is_control=variant == plan.spec.control_name,
        )  # fmt: skip
    for segment in plan.spec.segments or ():
        slot = plan.assignment.segments.index(segment) + 1
        yield _row(row_kind="segment", experiment_id=name, name=segment, slot=slot)
    yield from _decision_rows(name, plan.spec)
    for index, metric in enumerate(plan.metrics):
        parts = placement.parts[index] if placement else None
        block_id = blocks.number(parts, uses_of(plan, metric)) if parts else None
        yield _metric_row(name, metric, block_id)
        if parts:
            yield from _quantile_rows(name, metric, parts[0], block_id)
    if placement is None:
        return
    for (fact, slot), (measure, window) in placement.windows.items():
        yield _row(
            row_kind="window", experiment_id=name, input_model=fact, slot=slot, agg=measure.agg,
            day_from=window.day_from, day_to=window.day_to, pre_days=window.pre_days,
        )  # fmt: skip
    if placement.received is not None:
        part = placement.received.part
        yield _row(
            row_kind="received", experiment_id=name, name=plan.spec.received,
            input_model=part.measure.fact, slot=placement.received.slot,
            day_from=part.window.day_from, day_to=part.window.day_to,
        )  # fmt: skip
    if plan.spec.network is not None:
        yield _row(
            row_kind="network", experiment_id=name, name=plan.spec.network,
            control=plan.spec.control_name,
        )  # fmt: skip
    yield _input_row(plan, plan.assignment_model, "assignment", plan.assignment)
    for fact in plan.facts:
        yield _input_row(plan, fact, "fact", project.catalogue.inputs[fact].fact)


def _dataset_experiment_rows(
    checked: Checked, plan: DatasetPlan, problems: list[str], project: Project
) -> list[Row]:
    """An experiment that reads a dataset: itself, then its arms, metrics, columns and decision."""
    is_running = is_computed(plan, project.settings)
    row = _experiment_row(checked, None, None, problems, project) | {"spec_status": "valid"}
    row |= dataset_fields(plan, project.settings, is_running)
    row["method_version"] = METHOD_VERSIONS[plan.spec.design or ""]
    rows = [row, *(_row(**values) for values in dataset_rows(plan, is_running))]
    return rows + _decision_rows(plan.experiment_id, plan.spec)


def _decision_rows(experiment_id: str, spec: Experiment | DatasetExperiment) -> list[Row]:
    return [
        _row(
            row_kind="decision", experiment_id=experiment_id, name=side, metric=metric_name,
            payload=canonical_json(verdicts),
        )
        for side, metric_name, verdicts in conditions(spec)
    ]  # fmt: skip


def _input_row(plan: Plan, model: str, kind: str, declared: Any) -> Row:
    return _row(
        row_kind="input", experiment_id=plan.experiment_id, input_model=model, name=kind,
        is_sparse=declared.sparse, complete_through=declared.complete_through,
        has_time=declared.timestamp is not None,
    )  # fmt: skip


def _experiment_row(
    checked: Checked,
    plan: Plan | None,
    placement: Placement | None,
    problems: list[str],
    project: Project,
) -> Row:
    """What is known about an experiment, valid or not."""
    spec, source = checked.spec, checked.source
    row = _row(
        row_kind="experiment", experiment_id=source.name, name=source.name, file=source.file,
        spec_status="invalid" if plan is None else "valid",
        message="\n".join(problems) or None, payload=canonical_json({"is_computed": False}),
    )  # fmt: skip
    raw = source.document.data
    if isinstance(raw, dict) and isinstance(raw.get("design"), str):
        row["design"] = raw["design"]
    if spec is not None:
        row |= {
            "design": spec.design or row["design"], "status": spec.status, "owner": spec.owner,
            "hypothesis": spec.hypothesis, "unit": spec.unit, "alpha": spec.alpha,
        }  # fmt: skip
    if isinstance(spec, Experiment):
        row |= {
            "start_date": spec.start, "end_date": spec.end, "n_planned": spec.n_planned,
            "control": spec.control or (CONTROL if CONTROL in (spec.variants or {}) else None),
        }  # fmt: skip
    return row if plan is None else row | _planned_fields(plan, placement, project.settings)


def _planned_fields(plan: Plan, placement: Placement | None, settings: Settings) -> Row:
    spec, main = plan.spec, [metric for metric in plan.metrics if metric.analysis == MAIN]
    ends = [metric.mature_days for metric in plan.metrics if metric.mature_days is not None]
    if plan.received is not None and plan.received.window.day_to is not None:
        ends.append(plan.received.window.day_to)
    windows = [part.window.pre_days or 0 for metric in plan.metrics for part in metric.parts]
    strata = _position(plan.assignment.segments, spec.strata)
    protocol = {
        "start": spec.start,
        "end": spec.end,
        "variants": plan.weights,
        "control": spec.control_name,
        "primary": [metric.name for metric in main if metric.role == "primary"],
        "alpha": spec.alpha,
    }
    if spec.sequential is not None and spec.sequential.is_planned:
        protocol |= {"looks": spec.sequential.model_dump(), "n_planned": spec.n_planned}
    checks = {
        name: check.model_dump(exclude_none=True) for name, check in (spec.checks or {}).items()
    }
    payload = resolved(plan, settings) | {"is_computed": placement is not None}
    return {
        "input_model": plan.assignment_model,
        "assignment_key": plan.assignment_key,
        "has_time": plan.assignment.timestamp is not None,
        "strata_slot": strata,
        "cluster_slot": _position(plan.assignment.clusters, spec.cluster),
        "last_day_offset": max(ends, default=0),
        "max_pre_days": max(windows, default=0),
        "analysis_hash": plan.hash,
        "method_version": METHOD_VERSIONS[spec.design or "ab_test"],
        "protocol": canonical_json(protocol),
        "checks": canonical_json(checks),
        "robustness": canonical_json(plan.robustness),
        "covariates": canonical_json(spec.covariates or ()),
        "payload": canonical_json(payload),
    }


def _position(names: Iterable[str], name: str | None) -> int | None:
    """The position of a name from 1, None when it is not among them."""
    listed = list(names)
    return listed.index(name) + 1 if name in listed else None


def _metric_row(experiment_id: str, metric: PlannedMetric, block_id: int | None) -> Row:
    options = metric.options
    details = {
        "metric": metric.metric,
        "facts": sorted({part.measure.fact for part in metric.parts}),
        "delay_days": metric.parts[0].window.day_from,
    }
    if metric.level is not None:
        details |= {"level": metric.level, "quantiles": metric.quantiles}
    return _row(
        row_kind="metric", experiment_id=experiment_id, analysis=metric.analysis,
        metric=metric.name, name=metric.metric, position=metric.position,
        metric_role=metric.role, metric_type=metric.type, desired=metric.desired,
        unit_label=metric.unit_label, block_id=block_id, mature_days=metric.mature_days,
        maturity=options.maturity, winsorize=options.winsorize, margin=options.margin,
        mde=options.mde, alpha=metric.alpha, method=metric.method,
        is_adjusted=bool(metric.covariates), is_default_method=metric.is_default_method,
        covariates=canonical_json(metric.covariates), payload=canonical_json(details),
    )  # fmt: skip


def _quantile_rows(
    experiment_id: str, metric: PlannedMetric, placed: PlacedPart, block_id: int | None
) -> Iterator[Row]:
    """One row per requested quantile, the headline first; the normal quantile of the interval
    travels as data, because no engine has it."""
    for position, quantile in enumerate(metric.quantiles, start=1):
        yield _row(
            row_kind="quantile", experiment_id=experiment_id, analysis=metric.analysis,
            metric=metric.name, name=metric.level, position=position, quantile=quantile,
            critical_value=NormalDist().inv_cdf(1 - (metric.alpha or 0.05) / 2),
            input_model=placed.part.measure.fact, slot=placed.slot, block_id=block_id,
        )  # fmt: skip
