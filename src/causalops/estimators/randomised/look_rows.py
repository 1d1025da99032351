"""Rows of a group-sequential test: its headlines, a check per planned look, a curve of looks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from causalops.estimators.randomised.inputs import Experiment, Metric
from causalops.estimators.randomised.looking import derived
from causalops.estimators.randomised.planned_looks import (
    Course,
    Look,
    at_look,
    course,
    direction,
    score,
    state_of,
)
from causalops.inference import Inference, unavailable
from causalops.reasons import REASONS
from causalops.results import Row, as_json, check_row, curve_row
from causalops.verdicts import LookState

if TYPE_CHECKING:
    from causalops.estimators.randomised.analysis import Tables

_ARMS = ("variant", "baseline")


def planned_rows(
    experiment: Experiment, metric: Metric, variant: str, fixed: Sequence[Row], tables: Tables
) -> tuple[list[Row], LookState]:
    """The rows of the looks of one metric and variant, and where they stand.

    The headlines among its `fixed` rows are headlines no more (changed in place): they keep today's
    numbers, the sequential ones take their place, also when an unexpected error leaves them empty.
    """
    heads = [row for row in fixed if row["is_headline"] and row["variant"] == variant]
    try:
        with np.errstate(all="ignore"):
            found = course(experiment, metric, variant, tables)
            rows = [_headline(row, found) for row in heads]
            rows += _evidence(experiment, metric.name, variant, found)
            state = LookState(found.is_over, direction(found))
    except Exception as error:
        message = f"{REASONS['internal_error']} ({type(error).__name__}: {error})"
        nothing = unavailable("internal_error", None, "failed")
        rows = [_sequential(row, nothing) | {"message": message} for row in heads]
        state = LookState(False, 0.0)
    for row in heads:
        row["is_headline"] = False
    return rows, state


def _headline(fixed: Row, found: Course) -> Row:
    look = found.used[-1] if found.used else None
    result = state_of(found, fixed["scale"])
    if fixed["status"] == "failed":
        result = unavailable(fixed["reason_code"], None, "failed")
    row = _sequential(fixed, result)
    if look is not None and look.contrast is not None:
        arms = {"variant": look.contrast.variant, "baseline": look.contrast.baseline}
        for arm, numbers in arms.items():
            row |= {f"n_{arm}": numbers.n, f"mean_{arm}": numbers.mean, f"sd_{arm}": numbers.sd}
        row |= {"info_fraction": look.information, "details": _details(found, look)}
    said = [REASONS[result.reason_code]] if result.reason_code else []
    return row | {"message": " ".join([*said, _sentence(found)])}


def _sequential(fixed: Row, result: Inference) -> Row:
    """The headline in the place of a fixed one; it shows nothing of today's data."""
    today = dict.fromkeys(f"{name}_{arm}" for name in ("n", "mean", "sd") for arm in _ARMS)
    return derived(fixed, result, ci_kind="sequential", is_headline=True) | today | {
        "status": result.status,
        "reason_code": result.reason_code,
        "se_kind": fixed["se_kind"] if result.std_error is not None else "none",
    }


def _details(found: Course, look: Look) -> str:
    said = {
        "look": look.number, "looks": len(found.looks), "planned": str(look.planned),
        "as_of_date": str(look.as_of), "boundary": look.bound, "alpha_spent": look.spent,
        "spending": found.spending,
    }  # fmt: skip
    return as_json(said)


def _sentence(found: Course) -> str:
    """Which look the numbers are from, and what comes next."""
    total = len(found.looks)
    ahead = [look for look in found.looks if look.reason == "look_ahead"]
    following = f" Look {ahead[0].number} is planned for {ahead[0].planned}." if ahead else ""
    if not found.used:
        return f"No look of {total} has been taken.{following}"
    look = found.used[-1]
    text = f"Look {look.number} of {total}, planned for {look.planned}, on data to {look.as_of}."
    return text + ("" if found.is_over else following)


def _evidence(experiment: Experiment, metric: str, variant: str, found: Course) -> list[Row]:
    """A check per planned look and a curve point per look that was used."""
    key = {"experiment_id": experiment.id, "metric": metric, "variant": variant,
           "baseline": experiment.control}  # fmt: skip
    rows = [_check(key, look) for look in found.looks]
    for seq, look in enumerate(found.used):
        result = at_look(look, "absolute")
        rows.append(curve_row(
            **key, curve="cumulative_effect", series="looks", seq=seq, x_date=look.as_of,
            x_label=f"look {look.number}", y=result.estimate, y_low=result.ci_low,
            y_high=result.ci_high, band_kind="none" if result.ci_low is None else "sequential",
            n=_units(look),
        ))  # fmt: skip
    return rows


def _check(key: Row, look: Look) -> Row:
    """One planned look: information, statistic and boundary on the normal scale, alpha spent."""
    z = score(at_look(look, "absolute"))
    is_reached = z is not None and look.bound is not None and abs(z) >= look.bound
    reason = "boundary_reached" if is_reached else look.reason
    details = {"look": look.number, "alpha_spent": look.spent,
               "as_of_date": None if look.as_of is None else str(look.as_of)}  # fmt: skip
    return check_row(
        **key, check_name="look", day=look.planned, statistic=z, threshold=look.bound,
        value=look.information if look.contrast else None, value_name="info_fraction",
        n=_units(look) if look.contrast else None, status="not_run" if look.reason else "pass",
        reason_code=reason, message=REASONS[reason] if reason else None,
        details=json.dumps({name: value for name, value in details.items() if value is not None}),
    )  # fmt: skip


def _units(look: Look) -> int:
    return 0 if look.contrast is None else look.contrast.variant.n + look.contrast.baseline.n
