"""Results as text for a terminal: numbers, intervals and aligned tables."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]
HEALTH_ORDER = ("invalid", "blocked", "failed", "warning", "no_data", "draft", "ok")
ABSENT = "-"


def decimals(value: float, low: float | None, high: float | None) -> int:
    """Digits after the point: two that matter in the interval's width, else three in the value."""
    width = high - low if low is not None and high is not None else 0.0
    if width > 0:
        return min(8, max(0, 1 - math.floor(math.log10(width))))
    if value == 0:
        return 0
    return min(8, max(0, 2 - math.floor(math.log10(abs(value)))))


def interval(
    estimate: float | None, low: float | None, high: float | None, *, percent: bool = False
) -> str:
    """`0.0123 [0.0083, 0.0163]`; a missing bound reads -inf or inf; `percent` is for lifts."""
    if estimate is None:
        return ABSENT
    factor, sign, unit = (100.0, "+", "%") if percent else (1.0, "", "")
    numbers = [number * factor if number is not None else None for number in (estimate, low, high)]
    places = decimals(estimate * factor, numbers[1], numbers[2])

    def text(number: float | None, missing: str) -> str:
        return missing if number is None else f"{number:{sign},.{places}f}"

    point = text(numbers[0], ABSENT) + unit
    if low is None and high is None:
        return point
    return f"{point} [{text(numbers[1], '-inf')}, {text(numbers[2], 'inf')}]"


def p_text(p_value: float | None) -> str:
    """A p-value with three digits, or `<0.001`."""
    if p_value is None:
        return ABSENT
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def width(text: str) -> int:
    """Terminal columns of a text: wide East Asian characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def cut(text: str, limit: int) -> str:
    """The text in at most `limit` terminal columns, on one line."""
    text = " ".join(text.split())
    if width(text) <= limit:
        return text
    while text and width(text) > limit - 3:
        text = text[:-1]
    return text.rstrip() + "..."


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], limit: int = 40) -> list[str]:
    """Lines of an aligned table; names are cut to `limit` columns, the last column is free."""
    last = len(headers) - 1
    cells = [
        [cut(cell, limit) if index < last else cell for index, cell in enumerate(row)]
        for row in [headers, *rows]
    ]
    widths = [max(width(row[index]) for row in cells) for index in range(len(headers))]
    return [
        "  ".join(
            cell + " " * (widths[index] - width(cell)) for index, cell in enumerate(row)
        ).rstrip()
        for row in cells
    ]


def health_rank(health: str) -> int:
    """Position of a health word, worst first; an unknown word comes first of all."""
    return HEALTH_ORDER.index(health) if health in HEALTH_ORDER else -1
