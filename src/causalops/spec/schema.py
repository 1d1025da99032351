"""The experiment grammar: what one experiment file may say."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)

from causalops.spec import words
from causalops.spec.base import Part, is_blank
from causalops.spec.inputs import Maturity, Missing
from causalops.spec.problems import KeyPath
from causalops.spec.scalars import (
    QUOTE_IT,
    Alpha,
    Days,
    Name,
    OneOf,
    Positive,
    Quantile,
    WindowDays,
    as_number,
    shown,
    storable,
    wrong,
)


@dataclass(frozen=True)
class Names:
    """The names an experiment may refer to; given to the models as validation context."""

    metrics: tuple[str, ...] = ()
    assignments: tuple[str, ...] = ()


def _known_metric(value: str, info: ValidationInfo) -> str:
    if isinstance(info.context, Names) and value not in info.context.metrics:
        raise wrong("unknown metric {value}", allowed=info.context.metrics)
    return value


def _known_assignment(value: str, info: ValidationInfo) -> str:
    if isinstance(info.context, Names) and value not in info.context.assignments:
        raise wrong("unknown assignment model {value}", allowed=info.context.assignments)
    return value


def _margin(value: Any) -> Any:
    """A margin has no sign: `desired` says which direction is worse."""
    number = as_number(value)
    if number is None or number <= 0:
        raise wrong(
            "must be a number above 0, not {value}: the relative change for the worse that is "
            "still acceptable (0.02 is 2 %), whichever direction `desired` has"
        )
    return number


Margin = Annotated[
    float,
    BeforeValidator(_margin),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0}),
]
Method = Annotated[str, OneOf(words.METHODS)]
MetricName = Annotated[Name, AfterValidator(_known_metric)]
AssignmentModel = Annotated[Name, AfterValidator(_known_assignment)]


class AssignmentRef(Part):
    """Which assignment table, and which of its experiments (`key`, the file name by default)."""

    model: AssignmentModel | None = None
    key: Name | None = None


class MetricUse(Part):
    """A metric as one experiment uses it."""

    metric: MetricName
    as_name: Name | None = Field(None, alias="as")
    window_days: WindowDays | None = None
    delay_days: Days | None = None
    margin: Margin | None = None
    mde: Positive | None = None
    maturity: Maturity | None = None
    winsorize: Quantile | None = None

    @property
    def name(self) -> str:
        """The name in the results: `as`, else the metric's own."""
        return self.as_name or self.metric


def _metric_use(value: Any) -> Any:
    return {"metric": value} if isinstance(value, str) else value


def _items(value: Any) -> Any:
    if isinstance(value, tuple):
        return value
    if not isinstance(value, list):
        raise wrong("must be a list, such as [a, b]")
    return value


ListOf = BeforeValidator(_items)
Use = Annotated[
    MetricUse,
    BeforeValidator(_metric_use),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "object", "required": ["metric"]}]},
        mode="validation",
    ),
]
Uses = Annotated[tuple[Use, ...], ListOf]


class MetricLists(Part):
    """The metrics of an experiment by role."""

    primary: Uses = ()
    secondary: Uses = ()
    guardrail: Uses = ()
    placebo: Uses = ()

    def by_role(self) -> list[tuple[KeyPath, str, MetricUse]]:
        """Every use with its key path and role, in the order of the roles."""
        return [
            (("metrics", role, index), role, use)
            for role in words.ROLES
            for index, use in enumerate(getattr(self, role))
        ]


def _robustness(value: Any) -> Any:
    if isinstance(value, str):
        if value not in words.LISTED_ROBUSTNESS:
            raise wrong("unknown robustness {value}", allowed=words.LISTED_ROBUSTNESS)
        return {"name": value}
    return value


def _overrides(value: Any) -> Any:
    """Keys are checked here, values by the field of the same name."""
    if not isinstance(value, dict) or not value:
        raise wrong("must map at least one key to its value")
    for key in value:
        known = isinstance(key, str) and (
            key in words.SET_KEYS
            or (key.startswith("metrics.") and key.rsplit(".")[-1] in words.METRIC_SET_OPTIONS)
        )
        if not known:
            allowed = (*words.SET_KEYS, "metrics.<name>.<option>")
            raise wrong("key {value} cannot be set", value=str(key), allowed=allowed)
    return {key: _Override.parse(key, item) for key, item in value.items()}


class _Override(Part):
    """The types of the values that `set` may give."""

    alpha: Alpha | None = None
    method: Method | None = None
    covariates: Annotated[tuple[Name, ...], ListOf] | None = None
    window_days: WindowDays | None = None
    delay_days: Days | None = None
    pre_days: Days | None = None
    maturity: Maturity | None = None
    winsorize: Quantile | None = None
    missing: Missing | None = None
    margin: Margin | None = None

    @classmethod
    def parse(cls, key: str, value: Any) -> Any:
        """The typed value of one `set` key; None (blank) switches an option off."""
        option = key.rsplit(".", 1)[-1]
        if is_blank(value):
            if option in ("alpha", "method", "maturity", "covariates"):
                raise wrong(f"'{key}' must not be empty")
            return None
        try:
            return getattr(cls.model_validate({option: value}), option)
        except ValidationError as error:
            context = error.errors()[0].get("ctx", {})
            sentence = f"'{key}' {context.get('sentence', 'is wrong')}"
            raise wrong(sentence, value=shown(value), allowed=context.get("allowed", ())) from None


class Robustness(Part):
    """A second analysis of the same experiment: a listed name, or keys set differently."""

    name: Name
    set: Annotated[
        dict[str, Any], BeforeValidator(_overrides), WithJsonSchema({"type": "object"})
    ] = Field(default_factory=dict)


RobustnessItem = Annotated[
    Robustness,
    BeforeValidator(_robustness),
    WithJsonSchema(
        {"anyOf": [{"enum": list(words.LISTED_ROBUSTNESS)}, {"type": "object"}]},
        mode="validation",
    ),
]


class Check(Part):
    """What a check does when it fails."""

    on_fail: Annotated[str, OneOf(("block", "warn", "ignore"))] | None = None


def folded(name: str) -> str:
    """A name as compared for likeness: Unicode NFC, case ignored, outer blanks ignored."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).strip()


def alike(names: Iterable[str]) -> str | None:
    """The first name that equals another but for case or Unicode form."""
    listed = list(names)
    counts = Counter(folded(name) for name in listed)
    return next((name for name in listed if counts[folded(name)] > 1), None)


def _variants(value: Any) -> Any:
    """Variant -> weight (None when unknown), in the order written."""
    if isinstance(value, list):
        pairs: list[tuple[Any, Any]] = [(item, None) for item in value]
    elif isinstance(value, dict):
        pairs = list(value.items())
    else:
        raise wrong("must be a list of names or a mapping of names to weights")
    names = [name for name, _ in pairs]
    for name in names:
        if not isinstance(name, str):
            raise wrong(f"variant {{value}} {QUOTE_IT}", value=str(name))
        if not storable(name).strip():
            raise wrong("a variant must not be empty")
        if len(name) > 200:
            raise wrong("variant {value} is longer than 200 characters", value=name)
    if not 2 <= len(names) <= words.MAX_VARIANTS:
        raise wrong(f"must name 2 to {words.MAX_VARIANTS} variants, not {len(names)}")
    twin = alike(names)
    if twin is not None:
        raise wrong("variant {value} is given twice (case and Unicode form ignored)", value=twin)
    if isinstance(value, dict):
        return {name: "" if weight is None else weight for name, weight in pairs}
    return dict(pairs)


Variants = Annotated[
    dict[str, Positive | None],
    BeforeValidator(_variants),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 50},
                {
                    "type": "object",
                    "additionalProperties": {"type": "number", "exclusiveMinimum": 0},
                    "minProperties": 2,
                    "maxProperties": 50,
                },
            ]
        }
    ),
]
