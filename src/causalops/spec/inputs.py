"""Declarations beside a model: assignment, fact and metrics (`meta.causalops`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from causalops.spec import words
from causalops.spec.base import Part
from causalops.spec.scalars import (
    Count,
    Date,
    Days,
    Flag,
    Name,
    OneOf,
    Positive,
    Prose,
    Quantile,
    Share,
    WindowDays,
    as_number,
    storable,
    wrong,
)


@dataclass(frozen=True)
class Filter:
    """One condition on a column of a fact; several are joined by AND."""

    column: str
    op: str
    values: tuple[str, ...]


def _filters(value: Any) -> tuple[Filter, ...]:
    if isinstance(value, tuple):
        return value
    if not isinstance(value, dict):
        raise wrong("must map columns to a value, a list or operators such as {gte: 0}")
    found: list[Filter] = []
    for column, condition in value.items():
        if not isinstance(column, str) or not column.strip():
            raise wrong("every filter column must be text: quote it")
        if isinstance(condition, dict):
            found += [_operator(column, op, operand) for op, operand in condition.items()]
        else:
            found.append(
                _operator(column, "in" if isinstance(condition, list) else "eq", condition)
            )
    return tuple(found)


def _operator(column: str, op: Any, operand: Any) -> Filter:
    if op not in words.FILTER_OPERATORS:
        raise wrong(
            f"operator {{value}} of column '{column}' is not known",
            value=str(op),
            allowed=words.FILTER_OPERATORS,
        )
    values = operand if isinstance(operand, list) else [operand]
    if not values or (isinstance(operand, list) and op != "in"):
        raise wrong(f"operator '{op}' of column '{column}' needs a value")
    return Filter(column, op, tuple(_operand(column, item) for item in values))


def _operand(column: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) or as_number(value) is not None:
        return storable(str(value))
    raise wrong(f"the filter of column '{column}' holds a value that is not text or a number")


Filters = Annotated[
    tuple[Filter, ...], BeforeValidator(_filters), WithJsonSchema({"type": "object"})
]
Maturity = Annotated[str, OneOf(("complete", "all"))]
Missing = Annotated[str, OneOf(("zero", "drop"))]
Desired = Annotated[str, OneOf(("increase", "decrease"))]


Level = Annotated[str, OneOf(("unit", "event"))]


def _quantiles(value: Any) -> Any:
    if not isinstance(value, list | tuple) or not value:
        raise wrong("must be a list of numbers between 0 and 1, such as [0.5, 0.9]")
    if len(value) > words.MAX_QUANTILES:
        raise wrong(f"lists {len(value)} quantiles; the limit is {words.MAX_QUANTILES}")
    return value


def _no_twins(value: tuple[float, ...]) -> tuple[float, ...]:
    twins = [item for index, item in enumerate(value) if item in value[:index]]
    if twins:
        raise wrong("{value} is listed twice", value=str(twins[0]))
    return value


Quantiles = Annotated[
    tuple[Share, ...],
    BeforeValidator(_quantiles),
    AfterValidator(_no_twins),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "minItems": 1,
            "maxItems": words.MAX_QUANTILES,
        }
    ),
]


def _part(value: Any) -> Any:
    return {"metric": value} if isinstance(value, str) else value


class Units(Part):
    """What assignments and facts have in common."""

    units: dict[Name, Name] = Field(min_length=1)
    complete_through: Date | None = None
    sparse: Flag = False
    late_data_days: Days | None = None

    def look_back(self, default: int) -> int | None:
        """How many days rows may still come or change; None where no day is ever settled."""
        return default if self.late_data_days is None else self.late_data_days


class Assignment(Units):
    """A table of exposures: who saw which variant, and when."""

    variant: Name
    key: Name | None = None
    timestamp: Name | None = None
    trigger: Name | None = None
    received: Name | None = None
    clusters: dict[Name, Name] = Field(default_factory=dict)
    segments: tuple[Name, ...] = ()
    exclude: Name | None = None

    def look_back(self, default: int) -> int | None:
        """No day is settled while a column may be filled in later, unless the log says when."""
        is_filled_later = any((self.trigger, self.received, self.exclude))
        return self.late_data_days if is_filled_later else super().look_back(default)


class Fact(Units):
    """A table of events, or of one row per unit when it has no timestamp."""

    timestamp: Name | None = None


class Graph(Part):
    """A table of edges between units: who may influence whom."""

    unit: Name
    source: Name
    target: Name
    weight: Name | None = None
    resolution: Positive = 1.0
    max_cluster_size: Count | None = None


class Measure(Part):
    """How a unit's events become one number."""

    value: Name | None = None
    filter: Filters = ()

    def needs_value(self, kind: str | None) -> bool:
        return kind in ("sum", "mean", "count_distinct", "quantile") and self.value is None


class RatioPart(Measure):
    """A numerator or denominator: a measure in place, or the name of another metric."""

    metric: Name | None = None
    type: Annotated[str, OneOf(words.PART_TYPES)] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.metric is None) == (self.type is None):
            raise wrong("must be the name of a metric, or a mapping with `type`")
        if self.metric is not None and (self.value is not None or self.filter):
            raise wrong("a part that names a metric takes no `value` and no `filter`")
        if self.needs_value(self.type):
            raise wrong(f"type '{self.type}' needs `value`, a column")
        return self


Ratio = Annotated[RatioPart, BeforeValidator(_part)]


class Metric(Measure):
    """One metric; a name unique in the project, declared under the fact it reads."""

    type: Annotated[str, OneOf(words.METRIC_TYPES)]
    numerator: Ratio | None = None
    denominator: Ratio | None = None
    level: Level | None = None
    quantiles: Quantiles | None = None
    window_days: WindowDays | None = None
    delay_days: Days | None = None
    pre_days: Days | None = None
    maturity: Maturity = "complete"
    winsorize: Quantile | None = None
    missing: Missing | None = None
    desired: Desired | None = None
    unit_label: Prose | None = None

    @model_validator(mode="after")
    def _shape(self) -> Self:
        is_ratio = self.type == "ratio"
        if is_ratio and (self.numerator is None or self.denominator is None):
            raise wrong("type 'ratio' needs `numerator` and `denominator`")
        if is_ratio and (self.value is not None or self.filter):
            raise wrong("type 'ratio' takes `value` and `filter` inside its parts")
        if not is_ratio and (self.numerator is not None or self.denominator is not None):
            raise wrong(f"type '{self.type}' takes no `numerator` and no `denominator`")
        if self.needs_value(self.type):
            raise wrong(f"type '{self.type}' needs `value`, a column")
        self._quantile_shape()
        return self

    def _quantile_shape(self) -> None:
        if self.type != "quantile":
            said = [key for key in ("level", "quantiles") if getattr(self, key) is not None]
            if said:
                raise wrong(f"type '{self.type}' takes no `{said[0]}`: use type 'quantile'")
            return
        if self.winsorize is not None:
            raise wrong("type 'quantile' takes no `winsorize`: extreme values do not move it")
        if self.level == "event" and self.missing == "zero":
            raise wrong("`missing: zero` needs `level: unit`: an absent event has no value")
