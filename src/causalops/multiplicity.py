"""Adjusted p-values. A missing p stays missing and is not counted in its family."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Adjust = Callable[[Sequence[float]], list[float]]


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's (1979) step-down adjustment: controls the family-wise error rate."""
    return _skip_missing(p_values, _holm)


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Benjamini & Hochberg's (1995) adjustment: controls the false discovery rate."""
    return _skip_missing(p_values, _benjamini_hochberg)


def bonferroni(p_values: Sequence[float | None]) -> list[float | None]:
    """Bonferroni: each p times the number of tests."""
    return _skip_missing(p_values, lambda p: [min(1.0, value * len(p)) for value in p])


def _skip_missing(p_values: Sequence[float | None], adjust: Adjust) -> list[float | None]:
    present = [p for p in p_values if p is not None]
    adjusted = iter(adjust(present))
    return [None if p is None else next(adjusted) for p in p_values]


def _holm(p_values: Sequence[float]) -> list[float]:
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    result = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, p_values[index] * (len(p_values) - rank)))
        result[index] = running
    return result


def _benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    result = [0.0] * len(p_values)
    running = 1.0
    for rank in range(len(p_values), 0, -1):
        index = order[rank - 1]
        running = min(running, p_values[index] * len(p_values) / rank)
        result[index] = running
    return result
