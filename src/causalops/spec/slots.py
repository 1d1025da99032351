"""Generic columns: which measure of a fact lives in which numbered slot, and for which days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from causalops.spec.parts import Measure, Part, Window
from causalops.spec.plan import Plan

SlotKey = tuple[Measure, int]
"""A measure and the ordinal of its window within an experiment."""


class SlotsFullError(ValueError):
    """A fact has more distinct measures than it has slots."""


@dataclass(frozen=True)
class PlacedPart:
    """A part with the slots that hold it."""

    part: Part
    slot: int
    den_slot: int | None


@dataclass(frozen=True)
class Placement:
    """One experiment in slots: its windows by (fact, slot), and the parts of each metric."""

    windows: dict[tuple[str, int], tuple[Measure, Window]]
    parts: tuple[tuple[PlacedPart, ...], ...]
    received: PlacedPart | None = None


@dataclass
class SlotBook:
    """Slots given out so far, per fact, from 1; equal measures of many experiments share one."""

    max_slots: int
    slots: dict[str, dict[SlotKey, int]] = field(default_factory=lambda: defaultdict(dict))

    def place(self, plan: Plan) -> Placement:
        """Give every part of `plan` its slots; raises SlotsFullError and then changes nothing."""
        received = [] if plan.received is None else [plan.received]
        parts = [part for metric in plan.metrics for part in metric.parts] + received
        windows = _windows(parts)
        keys = [(m, i) for m, found in windows.items() for i in range(len(found))]
        self._reserve(keys)
        placed = {(m.fact, self.slots[m.fact][m, i]): (m, windows[m][i]) for m, i in keys}
        return Placement(
            placed,
            tuple(
                tuple(self._placed(part, windows) for part in metric.parts)
                for metric in plan.metrics
            ),
            next((self._placed(part, windows) for part in received), None),
        )

    def _reserve(self, keys: Iterable[SlotKey]) -> None:
        news: dict[str, list[SlotKey]] = defaultdict(list)
        for key in keys:
            if key not in self.slots[key[0].fact]:
                news[key[0].fact].append(key)
        for fact, found in news.items():
            needed = len(self.slots[fact]) + len(found)
            if needed > self.max_slots:
                raise SlotsFullError(
                    f"fact '{fact}' needs {needed} measures for all experiments; raise max_slots "
                    f"(now {self.max_slots}) under vars.causalops in dbt_project.yml"
                )
        for fact, found in news.items():
            for key in found:
                self.slots[fact][key] = len(self.slots[fact]) + 1

    def _placed(self, part: Part, windows: dict[Measure, list[Window]]) -> PlacedPart:
        slots = [
            self.slots[m.fact][m, _ordinal(part, windows[m])]
            for m in (part.measure, part.den)
            if m is not None
        ]
        return PlacedPart(part, slots[0], slots[1] if len(slots) > 1 else None)


def _windows(parts: Iterable[Part]) -> dict[Measure, list[Window]]:
    """The fewest windows per measure that serve every part; outcomes are placed first."""
    found: dict[Measure, list[Window]] = defaultdict(list)
    for part in sorted(parts, key=lambda part: part.phase == "p"):
        for measure in (part.measure, part.den):
            if measure is not None:
                _fit(part, found[measure])
    return found


def _fit(part: Part, windows: list[Window]) -> None:
    wanted = part.window
    for index, window in enumerate(windows):
        pre_fits = wanted.pre_days is None or window.pre_days in (None, wanted.pre_days)
        if pre_fits and (part.phase == "p" or _days(window) == _days(wanted)):
            windows[index] = replace(window, pre_days=window.pre_days or wanted.pre_days)
            return
    windows.append(wanted)


def _ordinal(part: Part, windows: list[Window]) -> int:
    """The place of the window that serves `part`."""
    wanted = part.window
    for index, window in enumerate(windows):
        pre_fits = wanted.pre_days in (None, window.pre_days)
        if pre_fits and (part.phase == "p" or _days(window) == _days(wanted)):
            return index
    raise LookupError(f"no window was kept for part {part.name}")


def _days(window: Window) -> tuple[int, int | None]:
    return window.day_from, window.day_to
