"""Plans as lines of text: from declared numbers, and from history."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from causalops.planning.design import (
    Design,
    Outcome,
    PlanningError,
    detectable,
    power_at,
    units_needed,
)
from causalops.planning.history import History
from causalops.scorecard import ABSENT, table

_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
_EFFECTS = (0.5, 0.75, 1.0, 1.25, 1.5)
_WEEKS = (1, 2, 4)


def effect_of(goal: str, mean: float | None) -> float:
    """The effect in the metric's unit: `2%` is relative to the mean, `0.5` is absolute.

    Raises PlanningError when the text is no number, or relative without a mean.
    """
    text = goal.strip()
    is_relative = text.endswith("%")
    try:
        number = float(text.rstrip("%").strip())
    except ValueError:
        raise PlanningError(f"'{goal}' is not an effect: write 0.5, or 2% of the mean") from None
    if not is_relative:
        return number
    if mean is None:
        raise PlanningError(f"'{goal}' is relative and needs --mean or --rate")
    return number / 100 * abs(mean)


def declared_lines(
    outcome: Outcome, design: Design, effect: float | None, total: float | None
) -> list[str]:
    """n for the effect, or the effect for n; both beside, and power around them."""
    if effect is None and total is None:
        raise PlanningError("name the effect to find with --mde, or the units with --n")
    lines = [_head(design)]
    if effect is not None:
        arms = _units(design, units_needed(outcome, design, effect))
        lines += ["", f"Units to find {_effect(effect, outcome.mean)}:", *_arms(design, arms)]
    else:
        arms = []
    at = total or float(sum(arms))
    lines += ["", "Smallest effect found", *table(
        ["units", "effect"],
        [[f"{math.ceil(at * f):,}", _size(detectable(outcome, design, at * f), outcome.mean)]
         for f in _FACTORS],
    )]  # fmt: skip
    middle = effect if effect is not None else detectable(outcome, design, at)
    if middle is not None:
        rows = [[_effect(middle * f, outcome.mean), f"{_power(outcome, design, at, middle * f)}"]
                for f in _EFFECTS]  # fmt: skip
        lines += ["", f"Power with {math.ceil(at):,} units", *table(["effect", "power"], rows)]
    return lines


def history_lines(
    name: str, history: History, design: Design, goals: Mapping[str, str | None],
    alphas: Mapping[str, float], ratios: frozenset[str],
) -> list[str]:  # fmt: skip
    """What an experiment with this history can find after 1, 2 and 4 weeks, and how long it takes.

    `goals` holds each metric's effect to find (None = not said), `alphas` its alpha; a ratio has a
    normal test, unless clusters are randomised.
    """
    people = history.population
    which = "its own units" if people.is_own else "earlier units of the log"
    which = which if people.first else "all units of the log"
    span = f", first seen {people.first} to {people.last}" if people.first else ""
    lines = [f"{name}: {history.n:,} units ({which}{span})", _head(design), ""]
    if history.arrivals:
        sizes = ", ".join(f"{w} week{'s' * (w > 1)} {history.units_after(7 * w):,.0f}"
                          for w in _WEEKS)  # fmt: skip
        lines += [f"New units: {sizes}; at the end {history.rate:,.0f} a day", ""]
    rows: list[Sequence[str]] = []
    notes: list[str] = []
    for item in history.metrics:
        if item.outcome is None:
            notes.append(f"{item.name}: {item.note}")
            continue
        is_t = item.name not in ratios or history.cluster_size > 1
        own = replace(design, alpha=alphas[item.name], is_t=is_t,
                      cluster_size=history.cluster_size)  # fmt: skip
        try:
            rows.append([item.name, *_history_cells(item.outcome, own, history, goals[item.name])])
        except PlanningError as error:
            notes.append(f"{item.name}: {error}")
    after = [f"after {w} week{'s' * (w > 1)}" for w in _WEEKS] if history.arrivals else ["now"]
    headers = ["metric", "mean", "variance left", "cluster effect", *after, "goal", "units", "days"]
    if rows:
        lines += ["Smallest effect found", *table(headers, rows)]
    return [*lines, *notes]


def _history_cells(
    outcome: Outcome, design: Design, history: History, goal: str | None
) -> list[str]:
    weeks = _WEEKS if history.arrivals else (0,)
    sizes = [detectable(outcome, design, history.units_after(7 * week)) for week in weeks]
    cells = [f"{outcome.mean:.4g}", f"{outcome.kept:.0%}", f"{outcome.inflation:.2f}",
             *(_size(size, outcome.mean) for size in sizes)]  # fmt: skip
    if goal is None:
        return [*cells, ABSENT, ABSENT, ABSENT]
    effect = effect_of(goal, outcome.mean)
    needed = units_needed(outcome, design, effect)
    days = history.days_for(needed)
    told = ABSENT if days is None or not history.arrivals else f"{days:,}"
    return [*cells, _effect(effect, outcome.mean), f"{math.ceil(needed):,}", told]


def _head(design: Design) -> str:
    split = ":".join(f"{part:g}" for part in design.split)
    bonferroni = f" / {design.tests} tests" if design.tests > 1 else ""
    return (f"Two-sided test at alpha {design.alpha:g}{bonferroni}, power {design.power:g}, "
            f"split {split}")  # fmt: skip


def _units(design: Design, total: float) -> list[int]:
    """Whole units per arm, rounded up."""
    return [math.ceil(total * part / sum(design.split) - 1e-9) for part in design.split]


def _arms(design: Design, units: Sequence[int]) -> list[str]:
    names = ["control", *(f"arm {k}" for k in range(1, len(units)))]
    rows = [[name, f"{n:,}"] for name, n in zip(names, units, strict=True)]
    headers = ["arm", "units"]
    if design.cluster_size > 1:
        headers.append("clusters")
        for row, n in zip(rows, units, strict=True):
            row.append(f"{math.ceil(n / design.cluster_size):,}")
    rows.append(["all", f"{sum(units):,}", *([""] if design.cluster_size > 1 else [])])
    return table(headers, rows)


def _size(size: float | None, mean: float | None) -> str:
    """A detectable effect: its direction does not matter."""
    if size is None:
        return "none"
    relative = f" ({abs(size / mean):.2%})" if mean else ""
    return f"{abs(size):.4g}{relative}"


def _effect(effect: float, mean: float | None) -> str:
    relative = f" ({effect / abs(mean):+.2%})" if mean else ""
    return f"{effect:+.4g}{relative}"


def _power(outcome: Outcome, design: Design, total: float, effect: float) -> str:
    try:
        units_needed(outcome, design, effect)
    except PlanningError:
        return ABSENT
    return f"{power_at(outcome, design, total, effect):.3f}"
