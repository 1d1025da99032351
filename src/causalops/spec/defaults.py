"""Whose word counts: package < vars.causalops < protocol < experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WHOLE_KEYS = frozenset({"variants", "set", "filter"})
"""Mappings that are one value: they replace each other and are never mixed."""


def deep_merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """One mapping; later layers win, key by key inside mappings, whole otherwise."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = result.get(key)
            if key not in WHOLE_KEYS and isinstance(old, Mapping) and isinstance(value, Mapping):
                result[key] = deep_merge(old, value)
            else:
                result[key] = value
    return result
