"""Registry rows that shape queries: columns of inputs, slots of facts, parts of blocks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from causalops.spec.catalogue import Columns
from causalops.spec.column_types import is_numeric, time_kind
from causalops.spec.hashes import canonical_json
from causalops.spec.inputs import Assignment
from causalops.spec.parts import Measure
from causalops.spec.plan import MAIN, Plan, PlannedMetric
from causalops.spec.project import Project
from causalops.spec.slots import PlacedPart, Placement, SlotBook

Row = dict[str, Any]


@dataclass
class BlockBook:
    """Blocks seen so far, numbered from 1; equal blocks of many metrics share one number."""

    numbers: dict[str, int] = field(default_factory=dict)
    uses: dict[int, set[str]] = field(default_factory=dict)

    def number(self, parts: Sequence[PlacedPart], uses: Iterable[str]) -> int:
        """The number of the block made of `parts`; `uses` say which tables need it."""
        facts = list(dict.fromkeys(placed.part.measure.fact for placed in parts))
        text = canonical_json({"facts": facts, "parts": [_part(placed) for placed in parts]})
        number = self.numbers.setdefault(text, len(self.numbers) + 1)
        self.uses.setdefault(number, set()).update(uses)
        return number

    def rows(self) -> Iterator[Row]:
        """One row per block."""
        for text, number in self.numbers.items():
            payload = json.loads(text) | {"uses": sorted(self.uses[number])}
            yield {"row_kind": "block", "block_id": number, "payload": canonical_json(payload)}


def uses_of(plan: Plan, metric: PlannedMetric) -> Iterator[str]:
    """Which of the tables that few experiments need must hold this metric's block."""
    if plan.spec.cluster in plan.assignment.clusters:
        yield "clusters"
    if metric.level == "unit":
        yield "unit_quantiles"
    if metric.analysis == MAIN:
        if metric.mature_days is not None:
            yield "day_offsets"
        if plan.spec.design == "aa_test":
            yield "buckets"
        if plan.spec.network is not None:
            yield "networks"


def _part(placed: PlacedPart) -> dict[str, Any]:
    part = placed.part
    return {
        "name": part.name,
        "fact": part.measure.fact,
        "slot": placed.slot,
        "den_slot": placed.den_slot,
        "phase": part.phase,
        "missing": part.missing,
        "capped": part.capped,
    }


def compile_rows(
    computed: Iterable[tuple[Plan, Placement]], project: Project, slots: SlotBook, blocks: BlockBook
) -> Iterator[Row]:
    """One row per (assignment model, unit), per (fact model, unit) and per block in use."""
    exposures: dict[tuple[str, str], Assignment] = {}
    used: dict[tuple[str, str], dict[int, Measure]] = {}
    kept: set[tuple[str, str, int]] = set()
    for plan, placement in computed:
        exposures[plan.assignment_model, plan.unit] = plan.assignment
        for (fact, slot), (measure, _) in placement.windows.items():
            used.setdefault((fact, plan.unit), {})[slot] = measure
        for metric, parts in zip(plan.metrics, placement.parts, strict=True):
            if metric.level == "event":
                kept.add((parts[0].part.measure.fact, plan.unit, parts[0].slot))
    for (model, unit), assignment in sorted(exposures.items(), key=lambda item: item[0]):
        columns = project.catalogue.inputs[model].columns
        yield {
            "row_kind": "assignment", "input_model": model, "name": unit,
            "unit_column": assignment.units[unit], "has_time": assignment.timestamp is not None,
            "late_data_days": assignment.look_back(project.settings.late_data_days),
            "payload": canonical_json(_assignment(assignment, columns)),
        }  # fmt: skip
    for (model, unit), measures in sorted(used.items(), key=lambda item: item[0]):
        item = project.catalogue.inputs[model]
        if item.fact is not None:
            stamp = _stamp(item.fact.timestamp, item.columns)
            found = [
                _slot(slot, measures[slot], item.columns)
                | {"keeps_events": (model, unit, slot) in kept}
                for slot in sorted(measures)
            ]
            yield {
                "row_kind": "fact", "input_model": model, "name": unit,
                "unit_column": item.fact.units[unit], "has_time": stamp is not None,
                "late_data_days": item.fact.look_back(project.settings.late_data_days),
                "payload": canonical_json({"timestamp": stamp, "slots": found}),
            }  # fmt: skip
    yield from blocks.rows()


def _assignment(assignment: Assignment, columns: Columns) -> dict[str, Any]:
    trigger = _stamp(assignment.trigger, columns)
    if trigger and is_numeric(_type(assignment.trigger, columns)):
        trigger["kind"] = "boolean"
    return {
        "key": assignment.key,
        "variant": assignment.variant,
        "timestamp": _stamp(assignment.timestamp, columns),
        "trigger": trigger,
        "received": assignment.received,
        "clusters": list(assignment.clusters.values()),
        "exclude": assignment.exclude,
        "segments": assignment.segments,
    }


def _stamp(column: str | None, columns: Columns) -> dict[str, str] | None:
    return None if column is None else {"column": column, "kind": time_kind(_type(column, columns))}


def _type(column: str | None, columns: Columns) -> str:
    return columns.get(column or "", "TIMESTAMP").upper()


def _slot(slot: int, measure: Measure, columns: Columns) -> dict[str, Any]:
    filters = [
        {"column": f.column, "op": f.op, "values": f.values, "type": columns.get(f.column)}
        for f in measure.filters
    ]
    return {"slot": slot, "agg": measure.agg, "value": measure.value, "filters": filters}
