"""The arms of a metric as they grew: the cohorts whose window had closed by each day."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from causalops.estimators.randomised.inputs import Experiment, Metric, day
from causalops.moments import EMPTY, Block, merge_all

if TYPE_CHECKING:
    from causalops.estimators.randomised.analysis import Tables

Grown = list[tuple[dt.date, tuple[Block, Block]]]


def grown(experiment: Experiment, metric: Metric, variant: str, tables: Tables) -> Grown:
    """(day, (variant, control)) for each day on which a cohort's window closed, up to as-of.

    Empty without a window, and where units count at any age: there no day can be told apart.
    """
    if metric.mature_days is None or metric.is_all_ages:
        return []
    keys = tables.daily.keys(experiment.id, metric.name, "cohort")
    raw = {when: key for key in keys if (when := day(key[0])) is not None}
    arms: tuple[Block, Block] = (EMPTY, EMPTY)
    found: Grown = []
    for cohort in sorted(raw):
        closed = cohort + dt.timedelta(days=metric.mature_days)
        if closed > experiment.as_of:
            break
        key = (experiment.id, metric.name, "cohort", *raw[cohort])
        new = [tables.daily.arm(name, *key).values() for name in (variant, experiment.control)]
        arms = merge_all((arms[0], *new[0])), merge_all((arms[1], *new[1]))
        found.append((closed, arms))
    return found


def arms_on(grown_arms: Grown, when: dt.date) -> tuple[Block, Block]:
    """The arms as they stood at the end of a day."""
    arms: tuple[Block, Block] = (EMPTY, EMPTY)
    for closed, pair in grown_arms:
        if closed <= when:
            arms = pair
    return arms
