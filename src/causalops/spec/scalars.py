"""Scalar types of the grammar: strict about what a number, a date or a name is.

Values arrive as text (block form) or as dbt's YAML types (properties form); both are accepted,
booleans are never numbers, and NaN and infinities are never anything.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,9}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")
_BOOLEANS = {"true": True, "false": False}
QUOTE_IT = "is read by YAML as something other than text: quote it"


def wrong(message: str, **context: Any) -> PydanticCustomError:
    """An error whose message may hold `{value}`; see `problems.Problem`."""
    return PydanticCustomError("wrong", "{sentence}", {"sentence": message, **context})


def as_number(value: Any) -> float | None:
    """The finite number `value` stands for, or None."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value) if abs(value) < 1e300 else math.inf
    elif isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        number = float(value)
    else:
        return None
    return number if math.isfinite(number) else None


def _number(rule: str, holds: Callable[[float], bool]) -> Callable[[Any], float]:
    def parse(value: Any) -> float:
        number = as_number(value)
        if number is None or not holds(number):
            raise wrong(f"must be {rule}, not {{value}}")
        return number

    return parse


def _integer(rule: str, holds: Callable[[int], bool]) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        text = value.strip() if isinstance(value, str) else str(value)
        is_integer = isinstance(value, int | str) and not isinstance(value, bool)
        if not is_integer or not _INTEGER.fullmatch(text) or not holds(int(text)):
            raise wrong(f"must be {rule}, not {{value}}")
        return int(text)

    return parse


def _date(value: Any) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if _DATE.fullmatch(text):
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            raise wrong("{value} is not a day of the calendar") from None
    raise wrong("must be a date written YYYY-MM-DD, not {value}")


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _BOOLEANS:
        return _BOOLEANS[value]
    raise wrong("must be true or false, not {value}")


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise wrong(f"{{value}} {QUOTE_IT}" if _is_scalar(value) else "must be one name")
    if not value.strip():
        raise wrong("must not be empty")
    if len(value) > 200:
        raise wrong("{value} is longer than 200 characters")
    return storable(value)


def storable(text: str) -> str:
    """`text`, unless no database can hold it."""
    if _NOT_STORABLE.search(text):
        raise wrong("{value} holds a character that cannot be stored", value=text)
    return text


def _prose(value: Any) -> str:
    """Free text; numbers and booleans are taken as they are written."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return storable(str(value))
    raise wrong("must be text")


def shown(value: Any) -> str:
    """How a value is written in a message."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    return "null" if value is None else str(value)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


@dataclass(frozen=True)
class OneOf:
    """Annotates text that must be exactly one of `words`."""

    words: tuple[str, ...]

    def parse(self, value: Any) -> Any:
        """`value`, or an error that lists the words."""
        if not isinstance(value, str) or value not in self.words:
            raise wrong("{value} is not one of the allowed words", allowed=self.words)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        literal = core_schema.literal_schema(list(self.words))
        return core_schema.no_info_before_validator_function(self.parse, literal)


Name = Annotated[str, BeforeValidator(_name), WithJsonSchema({"type": "string", "minLength": 1})]
Prose = Annotated[str, BeforeValidator(_prose)]
Flag = Annotated[bool, BeforeValidator(_boolean)]
Date = Annotated[dt.date, BeforeValidator(_date)]
Positive = Annotated[
    float,
    BeforeValidator(_number("a number above 0", lambda x: x > 0)),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0}),
]
Alpha = Annotated[
    float,
    BeforeValidator(_number("a number above 0 and at most 0.5", lambda x: 0 < x <= 0.5)),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}),
]
Quantile = Annotated[
    float,
    BeforeValidator(_number("a number above 0.5 and below 1", lambda x: 0.5 < x < 1)),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0.5, "exclusiveMaximum": 1}),
]
Share = Annotated[
    float,
    BeforeValidator(_number("a number above 0 and below 1", lambda x: 0 < x < 1)),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
]
WindowDays = Annotated[
    int,
    BeforeValidator(_integer("a whole number from 1 to 3650", lambda n: 1 <= n <= 3650)),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 3650}),
]
Days = Annotated[
    int,
    BeforeValidator(_integer("a whole number from 0 to 3650", lambda n: 0 <= n <= 3650)),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 3650}),
]
Count = Annotated[
    int,
    BeforeValidator(_integer("a whole number of at least 1", lambda n: n >= 1)),
    WithJsonSchema({"type": "integer", "minimum": 1}),
]
Seed = Annotated[
    int,
    BeforeValidator(_integer("a whole number of at least 0", lambda n: n >= 0)),
    WithJsonSchema({"type": "integer", "minimum": 0}),
]
