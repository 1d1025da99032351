"""How far a running experiment is: days until its planned size, and what it can find by then.

Power is shown for a range of effects that one might care about, never at the observed effect: that
would only repeat the p-value (Hoenig & Heisey 2001).
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence

from causalops.estimators.randomised.inputs import Experiment, Metric, Record, count, day
from causalops.inference import minimum_detectable
from causalops.planning.power import two_sided_power
from causalops.reasons import REASONS
from causalops.results import Row, check_row, curve_row

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
    left, reason = 0.0, None
    if smallest < planned:
        left, reason = _days_left(experiment, sizes, rates)
    return [check_row(
        experiment_id=experiment.id, check_name="planned_size", population="analysed",
        value=None if reason else left, value_name="days", threshold=float(planned), n=smallest,
        status="not_run" if reason else "pass", reason_code=reason,
        message=_size_sentence(experiment, smallest, left, rates, reason),
        details=json.dumps({"units": sizes, "per_day": rates}, sort_keys=True),
    )]  # fmt: skip


def _recent_rate(days: Mapping[dt.date | None, int], as_of: dt.date) -> float:
    """Units per day over the last week up to `as_of`, or since the first one when that is later."""
    dated = {when: n for when, n in days.items() if when is not None and when <= as_of}
    if not dated:
        return 0.0
    span = min(RECENT_DAYS, (as_of - min(dated)).days + 1)
    start = as_of - dt.timedelta(days=span)
    return sum(n for when, n in dated.items() if when > start) / span


def _days_left(
    experiment: Experiment, sizes: Mapping[str, int], rates: Mapping[str, float]
) -> tuple[float, str | None]:
    short = {name: experiment.n_planned - n for name, n in sizes.items()}
    waiting = {name: gap for name, gap in short.items() if gap > 0}
    if not experiment.due.get("has_time", True):
        return 0.0, "not_timed"
    if experiment.phase != "enrolling":
        return 0.0, "enrolment_over"
    if any(rates[name] == 0 for name in waiting):
        return 0.0, "no_new_units"
    return float(max(math.ceil(gap / rates[name]) for name, gap in waiting.items())), None


def _size_sentence(
    experiment: Experiment, smallest: int, left: float, rates: Mapping[str, float],
    reason: str | None,
) -> str:  # fmt: skip
    planned = f"{experiment.n_planned:,} planned units per arm"
    has = f"The smallest arm has {smallest:,} of {planned}."
    if reason is not None:
        return f"{REASONS[reason]} {has}"
    if left == 0:
        return f"Every arm has its share of the {planned}."
    slowest = min(rates.values())
    until = experiment.as_of + dt.timedelta(days=int(left))
    text = f"{has} At {slowest:,.0f} new units per arm and day it takes {left:,.0f} more days"
    end = day(experiment.due.get("end_date"))
    if end is not None and end < until:
        return f"{text}, but enrolment ends on {end}, {(until - end).days} days too early."
    return f"{text}, until {until}."


def power_rows(experiment: Experiment, metric: Metric, rows: Sequence[Row]) -> list[Row]:
    """The curve `power` of a primary metric while the experiment runs, from its headline rows.

    x is a true effect on the metric's scale, up to twice what is detectable now; y the power of the
    two-sided test with the current standard error (`now`) and with that of `n_planned` units per
    arm (`planned`), which scales with 1 / n_variant + 1 / n_baseline.
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
    if min(row["n_variant"], row["n_baseline"]) < planned:
        share = (2 / planned) / (1 / row["n_variant"] + 1 / row["n_baseline"])
        series["planned"] = {"n": 2 * planned, "shrink": share}
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
