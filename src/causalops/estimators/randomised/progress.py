"""How far a running experiment is: days until its planned size, and what it can find by then.

Power is shown for a range of effects that one might care about, never at the observed effect: that
would only repeat the p-value (Hoenig & Heisey 2001).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence

from causalops.estimators.randomised.inputs import Experiment, Metric, Record, count, day
from causalops.inference import minimum_detectable
from causalops.planning.power import two_sided_power
from causalops.reasons import REASONS
from causalops.results import Row, as_json, check_row, curve_row

RECENT_DAYS = 7
POINTS = 11
Arrivals = Mapping[str, Mapping[dt.date | None, int]]


def size_rows(experiment: Experiment, overall: Sequence[Record]) -> list[Row]:
    """The check `planned_size` from exposure counts by day, segments left out.

    `value` is the days until every arm holds `n_planned` analysed units at the rate of the last
    week; 0 when they do. `n` is the smallest arm.
    """
    arrivals: dict[str, dict[dt.date | None, int]] = {name: {} for name in experiment.weights}
    for row in overall:
        if row["variant"] in arrivals:
            days, when = arrivals[row["variant"]], day(row["exposure_day"])
            days[when] = days.get(when, 0) + count(row["n_analysed"])
    sizes = {name: sum(days.values()) for name, days in arrivals.items()}
    smallest, planned = min(sizes.values(), default=0), experiment.n_planned
    rates = {name: _recent_rate(days, experiment.as_of) for name, days in arrivals.items()}
    wait, reason = _waits(experiment, sizes, rates)
    slowest = max(wait, key=wait.__getitem__, default=None)
    left = 0 if slowest is None else math.ceil(wait[slowest])
    message = f"The smallest arm has {smallest:,} of {_planned(experiment)}."
    if reason is not None:
        message = f"{REASONS[reason]} {message}"
    elif slowest is None:
        message = f"Every arm has its share of the {_planned(experiment)}."
    else:
        message += _until(experiment, slowest, rates[slowest], left)
    return [check_row(
        experiment_id=experiment.id, check_name="planned_size", population="analysed",
        value=None if reason else float(left), value_name="days", threshold=float(planned),
        n=smallest, status="not_run" if reason else "pass", reason_code=reason, message=message,
        details=as_json({"units": sizes, "per_day": rates}),
    )]  # fmt: skip


def _recent_rate(days: Mapping[dt.date | None, int], as_of: dt.date) -> float:
    """Units per day over the last week up to `as_of`, or since the first one when that is later."""
    dated = {when: n for when, n in days.items() if when is not None and when <= as_of}
    if not dated:
        return 0.0
    span = min(RECENT_DAYS, (as_of - min(dated)).days + 1)
    start = as_of - dt.timedelta(days=span)
    return sum(n for when, n in dated.items() if when > start) / span


def _waits(
    experiment: Experiment, sizes: Mapping[str, int], rates: Mapping[str, float]
) -> tuple[dict[str, float], str | None]:
    """Days until each arm that is still too small has its planned size, or a reason code."""
    short = {name: experiment.n_planned - n for name, n in sizes.items()}
    waiting = {name: gap for name, gap in short.items() if gap > 0}
    if not waiting:
        return {}, None
    if not experiment.due.get("has_time", True):
        return {}, "not_timed"
    if experiment.phase != "enrolling":
        return {}, "enrolment_over"
    if any(rates[name] == 0 for name in waiting):
        return {}, "no_new_units"
    return {name: gap / rates[name] for name, gap in waiting.items()}, None


def _planned(experiment: Experiment) -> str:
    return f"{experiment.n_planned:,} planned units per arm"


def _until(experiment: Experiment, arm: str, rate: float, left: int) -> str:
    """When the arm that takes longest is full, at its own rate."""
    until = experiment.as_of + dt.timedelta(days=left)
    speed = f"{rate:,.1f}" if rate < 1 else f"{rate:,.0f}"
    text = f" At {speed} new units a day, arm {arm} needs {left:,} more days"
    end = day(experiment.due.get("end_date"))
    if end is not None and end < until:
        return f"{text}, but enrolment ends on {end}, {(until - end).days} days too early."
    return f"{text}, until {until}."


def power_rows(experiment: Experiment, metric: Metric, rows: Sequence[Row]) -> list[Row]:
    """The curve `power` of a primary metric while the experiment runs, from its headline rows.

    x is a true effect on the metric's scale, up to twice what is detectable now; y the power of the
    two-sided test with the current standard error (`now`) and with that of `n_planned` units per
    arm (`planned`), which scales with 1 / n_variant + 1 / n_baseline; an arm that is larger already
    stays as it is. Clusters have no such series: their error falls with clusters, not with units.
    """
    if experiment.is_complete or metric.role != "primary":
        return []
    found: list[Row] = []
    for row in rows:
        is_head = row["row_kind"] == "estimate" and row["is_headline"]
        if (is_head and row["metric"] == metric.name and row["std_error"]
                and (row["scale"], row["ci_kind"]) == ("absolute", "fixed")):  # fmt: skip
            found += _power_curve(experiment, metric, row)
    return found


def _power_curve(experiment: Experiment, metric: Metric, row: Row) -> list[Row]:
    now = {"n": row["n_variant"] + row["n_baseline"], "shrink": 1.0}
    series = {"now": now}
    planned = experiment.n_planned
    sizes = row["n_variant"], row["n_baseline"]
    if min(sizes) < planned and not experiment.has_clusters:
        later = [max(n, planned) for n in sizes]
        share = sum(1 / n for n in later) / sum(1 / n for n in sizes)
        series["planned"] = {"n": sum(later), "shrink": share}
    farthest = 2 * (minimum_detectable(row["std_error"], metric.alpha) or 0.0)
    return [
        curve_row(
            experiment_id=experiment.id, metric=metric.name, curve="power", series=name,
            variant=row["variant"], baseline=row["baseline"], seq=seq, n=int(of["n"]),
            x=farthest * seq / (POINTS - 1),
            y=two_sided_power(farthest * seq / (POINTS - 1),
                              row["std_error"] * math.sqrt(of["shrink"]), metric.alpha,
                              None if row["df"] is None else row["df"] / of["shrink"]),
        )
        for name, of in series.items() for seq in range(POINTS)
    ]  # fmt: skip
