"""From plain data to a typed part of the grammar, with every problem at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import ValidationError

from causalops.spec import words
from causalops.spec.base import Part, model_at
from causalops.spec.problems import KeyPath, Problem, nearest
from causalops.spec.scalars import QUOTE_IT, shown
from causalops.spec.yaml_reader import Document

P = TypeVar("P", bound=Part)
_NEAREST_APPLIES = re.compile(r"unknown|not one of|cannot be set|not known")


def validated(
    model: type[P], document: Document, context: Any = None, below: KeyPath = ()
) -> tuple[P | None, list[Problem], frozenset[str]]:
    """The typed `document`, its problems, and the top-level keys that had to be left out.

    Never raises. Without problems the part is whole; with problems it is what remains without the
    broken keys, or None when nothing does. `below` is put before every key path shown.
    """
    data = document.data
    try:
        return model.model_validate(data, context=context), [], frozenset()
    except ValidationError as error:
        problems = [_problem(model, document, item, below) for item in error.errors()]
        broken = frozenset(str(item["loc"][0]) for item in error.errors() if item["loc"])
    if not isinstance(data, dict):
        return None, problems, broken
    rest = {key: value for key, value in data.items() if str(key) not in broken}
    try:
        return model.model_validate(rest, context=context), problems, broken
    except ValidationError:
        return None, problems, broken


def _problem(model: type[Part], document: Document, error: Any, below: KeyPath) -> Problem:
    """One pydantic error in our words."""
    loc: KeyPath = tuple(part for part in error["loc"] if part != "[key]")
    path = _existing(document.data, loc)
    make = _MAKERS.get(error["type"], _other)
    message, value, allowed = make(model, loc, error)
    if error["type"] in ("missing", "extra_forbidden"):
        path = loc
    close = nearest(value, allowed) if value and _NEAREST_APPLIES.search(message) else None
    return Problem(
        document.file, message, document.line(path), (*below, *path), value, allowed, close
    )


_Said = tuple[str, str | None, tuple[str, ...]]


def _wrong(model: type[Part], loc: KeyPath, error: Any) -> _Said:
    context = error["ctx"]
    value = context.get("value", shown(error["input"]))
    return context["sentence"], value, tuple(context.get("allowed", ()))


def _missing(model: type[Part], loc: KeyPath, error: Any) -> _Said:
    return "is required", None, ()


def _not_text_key(model: type[Part], loc: KeyPath, error: Any) -> _Said:
    return f"key {{value}} {QUOTE_IT}", shown(error["input"]), ()


def _extra(model: type[Part], loc: KeyPath, error: Any) -> _Said:
    key = str(loc[-1])
    owner = model_at(model, loc[:-1])
    if key in _LATER_KEYS.get(owner.__name__, ()):
        return "key {value} is not available yet", key, ()
    fields = tuple(field.alias or name for name, field in owner.model_fields.items())
    owners = _designs_of(owner.__name__, key)
    if owners:
        return f"key {{value}} belongs to {owners}, not to this design", key, ()
    return "unknown key {value}", key, fields


def _designs_of(owner: str, key: str) -> str:
    """The designs that a key belongs to, when it is one of another kind of experiment."""
    if owner == "DatasetExperiment" and key in words.RANDOMISED_KEYS:
        return "the randomised designs"
    if owner == "Experiment" and key == "dataset":
        return "the designs that read a dataset"
    designs = [name for name, keys in words.DATASET_KEYS.items() if key in keys]
    return ", ".join(designs) if owner == "Experiment" else ""


def _other(model: type[Part], loc: KeyPath, error: Any) -> _Said:
    kind = error["type"]
    if kind in ("dict_type", "too_short"):
        return "must be a mapping with at least one key", None, ()
    if kind in ("tuple_type", "list_type"):
        return "must be a list, such as [a, b]", None, ()
    return f"{error['msg'][0].lower()}{error['msg'][1:]}, not {{value}}", shown(error["input"]), ()


_LATER_KEYS: dict[str, frozenset[str]] = {
    "Experiment": words.LATER_EXPERIMENT_KEYS,
    "DatasetExperiment": words.LATER_EXPERIMENT_KEYS,
    "AssignmentRef": words.LATER_ASSIGNMENT_KEYS,
}
_MAKERS: dict[str, Callable[[type[Part], KeyPath, Any], _Said]] = {
    "wrong": _wrong,
    "missing": _missing,
    "extra_forbidden": _extra,
    "invalid_key": _not_text_key,
}


def _existing(data: Any, loc: KeyPath) -> KeyPath:
    """The part of `loc` that the user really wrote (shorthands are expanded before checking)."""
    for length, part in enumerate(loc):
        is_item = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if not (is_item or (isinstance(data, dict) and part in data)):
            return loc[:length]
        data = data[part]
    return loc
