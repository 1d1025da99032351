"""One short hash over exactly what changes numbers."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Any


def canonical_json(value: Any) -> str:
    """ASCII JSON with sorted keys and no blanks; dates are ISO text.

    Raises TypeError on anything that is not plain data and ValueError on NaN or infinity.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)


def analysis_hash(resolved: Mapping[str, Any]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the canonical JSON of `resolved`."""
    return hashlib.sha256(canonical_json(resolved).encode("ascii")).hexdigest()[:16]


def _plain(value: Any) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not plain data")
