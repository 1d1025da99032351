"""The top level of an experiment that reads a dataset, and the rules between its keys."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from causalops.spec import words
from causalops.spec.base import Part, is_blank
from causalops.spec.experiment import Described, Fault
from causalops.spec.inputs import Desired
from causalops.spec.problems import KeyPath
from causalops.spec.reading import Decision
from causalops.spec.scalars import (
    Alpha,
    Count,
    Days,
    Flag,
    Name,
    OneOf,
    as_number,
    wrong,
)
from causalops.spec.schema import Check, ListOf, alike, folded

FIXED_KEYS = frozenset(
    {"design", "status", "owner", "hypothesis", "assumption_note", "protocol", "dataset", "unit",
     "metrics", "robustness", "checks", "decision"}
)  # fmt: skip
"""What a second analysis of the same experiment cannot change."""


def _moment(value: Any) -> Any:
    """A point in the dataset's own time: a number, or a day."""
    number = as_number(value)
    if number is not None:
        return number
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    try:
        return dt.date.fromisoformat(value.strip())
    except (AttributeError, ValueError):
        raise wrong("must be a number or a date written YYYY-MM-DD, not {value}") from None


def _number(value: Any) -> float:
    number = as_number(value)
    if number is None:
        raise wrong("must be a number, not {value}")
    return number


Moment = Annotated[float | dt.date, BeforeValidator(_moment)]
Number = Annotated[float, BeforeValidator(_number)]
Columns = Annotated[tuple[Name, ...], ListOf]


class ColumnMetric(Part):
    """A column of the dataset as an outcome."""

    metric: Name
    as_name: Name | None = Field(None, alias="as")
    desired: Desired | None = None

    @property
    def name(self) -> str:
        """The name in the results: `as`, else the column's own."""
        return self.as_name or self.metric


def _column_metric(value: Any) -> Any:
    return {"metric": value} if isinstance(value, str) else value


ColumnMetrics = Annotated[
    tuple[
        Annotated[
            ColumnMetric,
            BeforeValidator(_column_metric),
            WithJsonSchema(
                {"anyOf": [{"type": "string"}, {"type": "object", "required": ["metric"]}]},
                mode="validation",
            ),
        ],
        ...,
    ],
    ListOf,
]


class ColumnMetricLists(Part):
    """The outcomes of an experiment by role."""

    primary: ColumnMetrics = ()
    secondary: ColumnMetrics = ()
    guardrail: ColumnMetrics = ()
    placebo: ColumnMetrics = ()

    def by_role(self) -> list[tuple[KeyPath, str, ColumnMetric]]:
        """Every use with its key path and role, in the order of the roles."""
        return [
            (("metrics", role, index), role, use)
            for role in words.ROLES
            for index, use in enumerate(getattr(self, role))
        ]


class Alternative(Part):
    """A second analysis: a name that the design offers, or keys set differently."""

    name: Name
    set: dict[str, Any] = Field(default_factory=dict)


def _alternative(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class DatasetExperiment(Described):
    """One experiment on a dataset. Every key is optional here; `dataset_faults` says which ones a
    design requires."""

    model_config = ConfigDict(
        title="causalops experiment on a dataset",
        json_schema_extra={"required": ["design", "dataset", "metrics", "assumption_note"]},
    )

    dataset: Name | None = None
    unit: Name | None = None
    cluster: Name | None = None
    metrics: ColumnMetricLists | None = None
    covariates: Columns | None = None
    method: Name | None = None
    robustness: Annotated[
        tuple[Annotated[Alternative, BeforeValidator(_alternative)], ...], ListOf
    ] | None = None
    checks: dict[Annotated[str, OneOf(words.DATASET_CHECKS)], Check] | None = None
    decision: Decision | None = None
    alpha: Alpha | None = None
    time: Name | None = None
    intervention: Moment | None = None
    seasonality: Count | None = None
    gaps: Annotated[str, OneOf(("refuse", "leave_out", "zero"))] | None = None
    treated_from: Name | None = None
    treated: Name | None = None
    post: Name | None = None
    comparison: Annotated[str, OneOf(("never_treated", "not_yet_treated"))] | None = None
    anticipation: Days | None = None
    donors: Columns | None = None
    match_on: Columns | None = None
    exact: Columns | None = None
    score: Name | None = None
    cutoff: Number | None = None
    treated_side: Annotated[str, OneOf(("above", "below"))] | None = None
    received: Name | None = None
    treatment: Name | None = None
    instruments: Columns | None = None
    selected: Name | None = None
    exclusion: Columns | None = None
    randomised: Flag | None = None

    @property
    def arms(self) -> tuple[str, str]:
        """Variant and baseline as the results call them."""
        if self.design == "rdd":
            return ("below", "above") if self.treated_side == "below" else ("above", "below")
        column = self.treatment or self.selected or "none"
        return words.ARMS.get(self.design or "", (column, "none"))

    @property
    def headline_method(self) -> str:
        """The method of the headline: the one asked for, else the design's first."""
        return self.method or words.DATASET_METHODS[self.design or ""][0]


RESERVED_TERMS = ("effect", "lambda", "rho", "sigma", "const")
"""Terms that results of `heckman` name themselves, so no column can be called so."""


def dataset_faults(spec: DatasetExperiment, broken: frozenset[str]) -> list[Fault]:
    """What is wrong between the keys of `spec`; keys in `broken` were already reported."""
    design = spec.design or ""
    found: list[Fault] = []
    required = ("dataset", "metrics", "assumption_note", *words.REQUIRED_KEYS.get(design, ()))
    for key in required:
        if is_blank(getattr(spec, key)) and key not in broken:
            why = "is required"
            if key == "assumption_note":
                why = "is required: say why the design's assumption holds here"
            found.append(((key,), why, None))
    own = words.DATASET_KEYS.get(design, ())
    for name, keys in words.DATASET_KEYS.items():
        for key in keys:
            if key not in own and getattr(spec, key) is not None and name != design:
                found.append(((key,), f"belongs to design '{name}', not to '{design}'", None))
    found = [*dict.fromkeys(found), *_unread_faults(spec, design)]
    if design in words.TREATMENT_PATH_DESIGNS:
        found += _path_faults(spec, broken)
    if spec.method is not None and spec.method not in words.DATASET_METHODS[design]:
        allowed = ", ".join(words.DATASET_METHODS[design])
        text = f"{{value}} is no method of '{design}' ({allowed})"
        found.append((("method",), text, spec.method))
    if design == "heckman":
        found += _term_faults(spec)
    return found + _metric_faults(spec) + _list_faults(spec) + _robustness_faults(spec)


_UNREAD = {
    ("did", "covariates"): "design 'matched_did' compares units that are alike",
    ("matched_did", "covariates"): "name them under `match_on`",
    ("its", "unit"): "a row of the dataset is a period",
}


def _unread_faults(spec: DatasetExperiment, design: str) -> list[Fault]:
    """Keys and checks that the design would pass over in silence."""
    found: list[Fault] = []
    if spec.anticipation and spec.method == "two_by_two":
        text = "is not read by method 'two_by_two': use `method: group_time`"
        found.append((("anticipation",), text, None))
    for key in ("unit", "cluster", "covariates"):
        if getattr(spec, key) is not None and key not in words.SHARED_KEYS.get(design, (key,)):
            advice = _UNREAD.get((design, key))
            text = f"is not read by design '{design}'" + (f": {advice}" if advice else "")
            found.append(((key,), text, None))
    for name in spec.checks or {}:
        known = words.CHECKS_OF.get(design, (name,))
        if name not in known:
            text = f"{{value}} is no check of design '{design}' ({', '.join(known)})"
            found.append((("checks", name), text, name))
    return found


def _path_faults(spec: DatasetExperiment, broken: frozenset[str]) -> list[Fault]:
    """Who is treated since when: one column, or two."""
    pair = (spec.treated, spec.post)
    if {"treated_from", "treated", "post"} & broken:
        return []
    if spec.treated_from is not None and any(pair):
        return [(("treated_from",), "and `treated` with `post` say the same: keep one", None)]
    if spec.treated_from is None and not all(pair):
        text = "is required (empty = never treated), or `treated` and `post` together"
        return [(("treated_from",), text, None)]
    if spec.treated_from is not None and spec.time is None and "time" not in broken:
        return [(("time",), "is required beside `treated_from`", None)]
    return []


def _term_faults(spec: DatasetExperiment) -> list[Fault]:
    """Columns called like a term of the results would take that term's place."""
    listed = {
        "treatment": (spec.treatment,),
        "covariates": spec.covariates or (),
        "exclusion": spec.exclusion or (),
    }
    text = "{value} is reserved as a term of the results; rename the column"
    return [
        ((key,), text, name)
        for key, names in listed.items()
        for name in names
        if name is not None and folded(name) in RESERVED_TERMS
    ]


def _metric_faults(spec: DatasetExperiment) -> list[Fault]:
    uses = spec.metrics.by_role() if spec.metrics else []
    if spec.metrics and not uses:
        return [(("metrics",), "must name at least one column of the dataset", None)]
    if len(uses) > words.MAX_METRICS:
        text = f"names {len(uses)} metrics; the limit is {words.MAX_METRICS}"
        return [(("metrics",), text, None)]
    seen: set[str] = set()
    found: list[Fault] = []
    for path, role, use in uses:
        if folded(use.name) in seen:
            text = "metric {value} is listed twice: give one of them a name of its own with `as`"
            found.append((path, text, use.name))
        seen.add(folded(use.name))
        if role == "guardrail" and use.desired is None:
            example = f"{{metric: {use.metric}, desired: increase}}"
            text = f"guardrail {{value}} needs `desired`: {example}"
            found.append((path, text, use.name))
    return found


def _list_faults(spec: DatasetExperiment) -> list[Fault]:
    found: list[Fault] = []
    for key in ("covariates", "donors", "match_on", "exact", "instruments", "exclusion"):
        listed = getattr(spec, key)
        twin = alike(listed or ())
        if twin is not None:
            found.append(((key,), "{value} is listed twice", twin))
        if listed is not None and not listed:
            found.append(((key,), "must name at least one column", None))
    return found


def _robustness_faults(spec: DatasetExperiment) -> list[Fault]:
    listed = words.DATASET_ROBUSTNESS.get(spec.design or "", ())
    found: list[Fault] = []
    for index, item in enumerate(spec.robustness or ()):
        path: KeyPath = ("robustness", index)
        if item.set and item.name in listed:
            found.append((path, "{value} is a listed name: choose another one", item.name))
        if not item.set and item.name not in listed:
            text = f"{{value}} is not offered by '{spec.design}' ({', '.join(listed)}); "
            found.append((path, text + "a name of your own needs `set`, the keys to change",
                          item.name))  # fmt: skip
        for key in sorted(FIXED_KEYS & set(item.set)):
            found.append(((*path, "set", key), "{value} cannot be set", key))
    twin = alike(item.name for item in spec.robustness or ())
    if twin is not None:
        found.append((("robustness",), "{value} is listed twice", twin))
    return found
