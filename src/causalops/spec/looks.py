"""Planned looks: what a group-sequential experiment must say before it starts."""

from __future__ import annotations

from collections.abc import Iterator

from causalops.spec.experiment import Experiment, Fault
from causalops.spec.parts import PlanError
from causalops.spec.reading import MAX_LOOKS


def look_faults(spec: Experiment, is_size_said: bool) -> Iterator[Fault]:
    """What is wrong with `sequential`; `is_size_said`: n_planned is written, not the default."""
    said = spec.sequential
    if said is None:
        return
    if not said.is_planned:
        if said.looks:
            yield ("sequential", "looks"), "belongs to kind 'group_sequential'", None
        return
    if not is_size_said:
        text = "is required: planned looks spend alpha by the share of the planned units per arm"
        yield ("n_planned",), text, None
    if spec.strata is not None:
        yield ("strata",), "is not available with planned looks", None
    if not said.looks:
        text = "is required: the dates of the planned looks, such as [2026-11-10, 2026-11-22]"
        yield ("sequential", "looks"), text, None
    if len(said.looks) > MAX_LOOKS:
        text = f"names {len(said.looks)} looks; the limit is {MAX_LOOKS}"
        yield ("sequential", "looks"), text, None
    for index, look in enumerate(said.looks):
        before = said.looks[index - 1] if index else None
        if before is not None and look <= before:
            text = f"{{value}} must lie after the look before it, {before}"
            yield ("sequential", "looks", index), text, str(look)
        if spec.start is not None and look < spec.start:
            text = f"{{value}} lies before start, {spec.start}"
            yield ("sequential", "looks", index), text, str(look)


def require_cohorts(kind: str, mature_days: int | None, maturity: str, metric: str) -> None:
    """A look reads the units whose window had closed: raises PlanError where none can close."""
    if kind == "quantile":
        raise PlanError("planned looks are not available for the quantile {value}", metric)
    if mature_days is None:
        raise PlanError("planned looks need `window_days` for {value}", metric)
    if maturity == "all":
        raise PlanError("planned looks need `maturity: complete` for {value}", metric)
