"""Deterministic randomisation: the same unit and salt give the same variant in SQL and in Python.

The unit's draw is the integer of the first 15 hexadecimal digits of SHA-256 over the UTF-8 bytes of
`salt:id`. It is compared with integer cut points, because a 60-bit integer divided by 16^15 in
floating point can round up to 1. `macros/assigned_variant.sql` holds the same arithmetic.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

DIGITS = 15
SCALE: int = 16**DIGITS


def draw(unit_id: str | int, salt: str) -> int:
    """A number in [0, 16^15), uniform over ids and independent between salts.

    Text is hashed as it stands: no trimming, no Unicode normalisation, no folding of case.
    """
    text = f"{salt}:{unit_id}"
    return int(hashlib.sha256(text.encode("utf-8")).hexdigest()[:DIGITS], 16)


def cut_points(weights: Mapping[str, float]) -> dict[str, int]:
    """The upper end of each variant's draws, exclusive, in the order of `weights`.

    Raises ValueError unless there is a variant and every weight is a positive finite number.
    """
    if not weights or not all(0 < weight < math.inf for weight in weights.values()):
        raise ValueError("weights must map at least one variant to a positive number")
    total = sum(weights.values())
    ends: dict[str, int] = {}
    reached: float = 0
    for variant, weight in weights.items():
        reached += weight
        ends[variant] = int(reached / total * SCALE)
    return ends


def assigned_variant(unit_id: str | int, salt: str, weights: Mapping[str, float]) -> str:
    """The variant of a unit (or of a cluster), by cumulative weights in their written order.

    An integer id counts as its decimal text. Raises ValueError for unusable weights.
    """
    number = draw(unit_id, salt)
    ends = cut_points(weights)
    return next((variant for variant, end in ends.items() if number < end), list(ends)[-1])
