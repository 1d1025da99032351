"""Registry rows of an experiment that reads a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from causalops.spec.column_types import axis_kind, is_integer
from causalops.spec.dataset_plan import MAIN, Analysis, DatasetPlan, resolved
from causalops.spec.hashes import canonical_json
from causalops.spec.settings import Settings
from causalops.spec.words import TREATMENT_PATH_DESIGNS

Row = dict[str, Any]
ROW_DESIGNS = ("its", "matched_did", "synthetic_control", "rdd", "heckman")
"""Designs whose statistics need the rows themselves; the others come from moments."""


def dataset_fields(plan: DatasetPlan, settings: Settings, is_computed: bool) -> Row:
    """What the experiment's own row holds beyond what every experiment has."""
    spec = plan.spec
    checks = {
        name: check.model_dump(exclude_none=True) for name, check in (spec.checks or {}).items()
    }
    primary = [use.name for use in spec.metrics.primary] if spec.metrics else []
    settled = {key: plan.main.settings[key] for key in ("intervention", "cutoff", "treated_from")
               if key in plan.main.settings}  # fmt: skip
    return {
        "input_model": plan.dataset,
        "control": spec.arms[1],
        "has_time": False,
        "last_day_offset": 0,
        "max_pre_days": 0,
        "analysis_hash": plan.hash,
        "protocol": canonical_json({"primary": primary, "alpha": spec.alpha, **settled}),
        "checks": canonical_json(checks),
        "robustness": canonical_json(plan.listed_robustness),
        "covariates": canonical_json(spec.covariates or ()),
        "payload": canonical_json(
            resolved(plan, settings)
            | {"assumption_note": spec.assumption_note, "is_computed": is_computed}
        ),
    }


def dataset_rows(plan: DatasetPlan, is_computed: bool) -> Iterator[Row]:
    """Arms, metrics, the input, and one row per analysis with the columns it reads."""
    name, spec = plan.experiment_id, plan.spec
    for position, arm in enumerate(spec.arms, start=1):
        yield {
            "row_kind": "variant", "experiment_id": name, "name": arm, "position": position,
            "is_control": position == 2,
        }  # fmt: skip
    uses = spec.metrics.by_role() if spec.metrics else []
    for position, (_, role, use) in enumerate(uses, start=1):
        yield {
            "row_kind": "metric", "experiment_id": name, "analysis": MAIN, "metric": use.name,
            "name": use.metric, "position": position, "metric_role": role, "metric_type": "column",
            "desired": use.desired, "alpha": spec.alpha, "method": spec.headline_method,
            "is_adjusted": bool(spec.covariates), "is_default_method": spec.method is None,
        }  # fmt: skip
    if not is_computed:
        return
    yield {
        "row_kind": "input", "experiment_id": name, "input_model": plan.dataset, "name": "dataset",
        "is_sparse": False, "has_time": False,
    }  # fmt: skip
    for analysis in plan.analyses:
        yield {
            "row_kind": "dataset", "experiment_id": name, "analysis": analysis.name, "name": name,
            "input_model": plan.dataset, "payload": canonical_json(_mapping(plan, analysis)),
        }  # fmt: skip


def _mapping(plan: DatasetPlan, analysis: Analysis) -> dict[str, Any]:
    """How one analysis reads the dataset: the shape of its queries."""
    spec = analysis.spec
    return {
        "experiment_id": plan.experiment_id,
        "analysis": analysis.name,
        "design": spec.design,
        "needs_rows": spec.design in ROW_DESIGNS,
        "has_path": spec.design in TREATMENT_PATH_DESIGNS,
        "unit": spec.unit,
        "cluster": spec.cluster,
        "time": _stamp(plan, spec.time),
        "treated_from": _stamp(plan, spec.treated_from),
        "labels": spec.exact or (),
        "columns": [asdict(column) for column in analysis.columns],
        "hashed": plan.columns_read if analysis.name == MAIN else (),
        "settings": dict(analysis.settings),
    }


def _stamp(plan: DatasetPlan, column: str | None) -> dict[str, Any] | None:
    if column is None:
        return None
    kind = plan.types.get(column, "")
    return {"column": column, "kind": axis_kind(kind), "is_integer": is_integer(kind)}
