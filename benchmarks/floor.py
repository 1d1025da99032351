"""The floor: the same answer by one hand-written query per pass, from raw rows to CUPED.

    python benchmarks/floor.py DATA [--experiments 20] [--window 14] [--days 60]

First exposure of every unit without crossovers, four metrics after it and over 14 days before it,
means and covariances by arm, one row per experiment. The windows are those of the pipeline: from
the moment of exposure to the end of its `window`th day, units whose window has closed.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from pathlib import Path

from data import DAYS, FIRST_DAY, METRICS, opened
from measure import report

Estimates = dict[str, dict[str, tuple[float, float]]]
PRE_DAYS = 14
VALUES = {
    "revenue": "sum(case when {when} then revenue end)",
    "orders": "sum(case when {when} and is_order then 1 end)",
    "conversion": "max(case when {when} and is_order then 1 end)",
    "duration": "sum(case when {when} then duration end)",
}


def unit_values(experiments: Iterable[int], window: int, days: int) -> str:
    """A query of one row per experiment and mature unit: its arm, each metric, and its past."""
    names = ", ".join(f"'exp_{k:02}'" for k in experiments)
    day = f"date '{FIRST_DAY}' + {days}"
    folds = [
        f"{fold.format(when=when)} as {prefix}{metric}"
        for metric, fold in VALUES.items()
        for prefix, when in (("", "ts >= exposed_at"), ("pre_", "ts < exposed_at"))
    ]
    columns = [f"{prefix}{metric}" for metric in METRICS for prefix in ("", "pre_")]
    return f"""
    with exposed as (
        select experiment, unit_id, min(variant) as variant, min(ts) as exposed_at,
            date_trunc('day', min(ts)) as exposure_day
        from exposures
        where experiment in ({names}) and ts < {day}
        group by experiment, unit_id
        having min(variant) = max(variant) and min(ts) < {day} - {window - 1}
    ),
    folded as (
        select experiment, events.unit_id, {", ".join(folds)}
        from events
        inner join exposed on exposed.unit_id = events.unit_id
            and events.ts >= exposure_day - interval {PRE_DAYS} day
            and events.ts < exposure_day + interval {window} day
            and (events.ts >= exposed_at or events.ts < exposure_day)
        where events.ts < {day}
        group by experiment, events.unit_id
    )
    select exposed.experiment, variant,
        {", ".join(f"coalesce({column}, 0)::double as {column}" for column in columns)}
    from exposed
    left join folded on folded.experiment = exposed.experiment and folded.unit_id = exposed.unit_id
    """  # noqa: S608 - constants of ours


def moments(units: str) -> str:
    """A query of one row per experiment and arm: what CUPED needs of every metric."""
    sums = [
        f"avg({m}), avg(pre_{m}), var_samp({m}), var_samp(pre_{m}), covar_samp({m}, pre_{m})"
        for m in METRICS
    ]
    return f"""
    select experiment, variant, count(*), {", ".join(sums)} from ({units}) as units
    group by experiment, variant
    """  # noqa: S608 - constants of ours


def cuped(control: tuple[float, ...], treatment: tuple[float, ...]) -> tuple[float, float]:
    """Effect and standard error from n, means of y and x, their variances and covariance by arm;
    the slope is that of the pooled sample."""
    arms = (control, treatment)
    n0, n1 = control[0], treatment[0]
    gap_y, gap_x = treatment[1] - control[1], treatment[2] - control[2]
    weight = n0 * n1 / (n0 + n1)
    pooled_xy = sum((n - 1) * xy for n, *_, xy in arms) + weight * gap_x * gap_y
    pooled_xx = sum((n - 1) * xx for n, _, _, _, xx, _ in arms) + weight * gap_x**2
    theta = pooled_xy / pooled_xx
    variance = sum((yy - 2 * theta * xy + theta**2 * xx) / n for n, _, _, yy, xx, xy in arms)
    return gap_y - theta * gap_x, math.sqrt(variance)


def estimates(data: Path, experiments: Iterable[int], window: int, days: int) -> Estimates:
    """Effect and standard error by experiment and metric."""
    query = moments(unit_values(experiments, window, days))
    with opened(data) as connection:
        rows = connection.execute(query).fetchall()
    arms = {(experiment, variant): (n, found) for experiment, variant, n, *found in rows}

    def arm(name: str, variant: str, k: int) -> tuple[float, ...]:
        n, found = arms[name, variant]
        return (n, *found[5 * k : 5 * k + 5])

    return {
        name: {
            metric: cuped(arm(name, "control", k), arm(name, "treatment", k))
            for k, metric in enumerate(METRICS)
        }
        for name in sorted({name for name, _ in arms})
    }


def asked(description: str | None, *sides: str) -> argparse.Namespace:
    """The command line of a contestant."""
    parser = argparse.ArgumentParser(description=description)
    if sides:
        parser.add_argument("side", choices=sides)
    parser.add_argument("data", type=Path)
    parser.add_argument("--experiments", type=int, default=1)
    parser.add_argument("--window", type=int, default=14)
    parser.add_argument("--days", type=int, default=DAYS)
    return parser.parse_args()


if __name__ == "__main__":
    options = asked(__doc__)
    chosen = range(1, options.experiments + 1)
    report(lambda: estimates(options.data, chosen, options.window, options.days))
