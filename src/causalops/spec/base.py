"""What every model of the grammar shares: frozen, no unknown keys, blank keys are absent."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, model_validator

from causalops.spec.scalars import wrong

BLANK = ("", "~", "null", "Null", "NULL")


class Part(BaseModel):
    """A mapping of the grammar."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=False, arbitrary_types_allowed=True
    )

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            raise wrong("must be a mapping of keys to values")
        optional = {f.alias or n for n, f in cls.model_fields.items() if not f.is_required()}
        return {k: v for k, v in data.items() if not (is_blank(v) and k in optional)}


def is_blank(value: Any) -> bool:
    """True for YAML's ways to write nothing."""
    return value is None or (isinstance(value, str) and value.strip() in BLANK)


def model_at(model: type[Part], path: tuple[str | int, ...]) -> type[Part]:
    """The model that describes the mapping at `path` below `model`."""
    current = model
    for key in path:
        fields = {field.alias or name: field for name, field in current.model_fields.items()}
        if key in fields:
            current = _model_in(fields[str(key)].annotation) or current
    return current


def _model_in(annotation: Any) -> type[Part] | None:
    """The one grammar model inside an annotation such as `tuple[Model, ...] | None`."""
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation if issubclass(annotation, Part) else None
    if get_origin(annotation) in (Union, types.UnionType, tuple, list, dict, Annotated):
        for argument in get_args(annotation):
            found = _model_in(argument)
            if found:
                return found
    return None
