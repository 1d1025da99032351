"""The project's settings (`vars.causalops`), typed; a wrong one concerns every experiment."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from causalops.spec.base import Part
from causalops.spec.problems import Problem, unknown
from causalops.spec.scalars import Alpha, Count, Date, Days, Name, Seed, wrong
from causalops.spec.validate import validated
from causalops.spec.yaml_reader import Document

PROJECT_FILE = "dbt_project.yml"
PATH = ("vars", "causalops")
_FROM_DBT = frozenset({"unknown_keys", "package_version"})


def _timezone(value: Any) -> str:
    try:
        return str(zoneinfo.ZoneInfo(value))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise wrong("{value} is not a time zone such as UTC or Asia/Seoul") from None


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong("must be a mapping of protocol names to keys")
    return value


def _names(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return [value] if value else []
    if not isinstance(value, list | tuple):
        raise wrong("must be a list of names")
    return value


Names = Annotated[tuple[Name, ...], BeforeValidator(_names)]


class Settings(Part):
    """Every setting with the package's default."""

    timezone: Annotated[str, BeforeValidator(_timezone)] = "UTC"
    late_data_days: Days = 3
    alpha: Alpha = 0.05
    seed: Seed = 20260101
    pre_days: Days = 14
    n_planned: Count = 10_000
    max_segments: Count = 6
    max_segment_values: Count = 30
    max_slots: Count = 16
    protocols: Annotated[dict[str, Any], BeforeValidator(_mapping)] = Field(default_factory=dict)
    assignment_models: Names = ()
    fact_models: Names = ()
    dataset_models: Names = ()
    as_of: Date | None = None
    only: Names = ()


def read_settings(
    payload: Mapping[str, Any], document: Document | None = None
) -> tuple[Settings, list[Problem]]:
    """The settings and their problems; where one is wrong, the default stands in for it.

    `payload` is the mapping of the settings row; `document` gives its lines where they are known.
    """
    values = {key: value for key, value in payload.items() if key not in _FROM_DBT}
    lines = document.lines if document else {}
    source = Document(PROJECT_FILE, values, lines)
    settings, problems, _ = validated(Settings, source, below=PATH)
    keys = tuple(name for name in Settings.model_fields if name not in ("as_of", "only"))
    for key in payload.get("unknown_keys") or ():
        line = source.line((str(key),)) if (str(key),) in lines else None
        problems.append(unknown(PROJECT_FILE, "key", str(key), keys, (*PATH, str(key)), line))
    return settings or Settings(), problems
