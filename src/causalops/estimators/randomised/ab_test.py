"""A/B tests: the effect of each variant against the control on each metric."""

from __future__ import annotations

from typing import Any

from causalops.estimators.randomised.analysis import Tables, experiment_rows
from causalops.estimators.randomised.inputs import experiments
from causalops.results import Row


def run(
    due: Any, registry: Any, moments: Any, profile: Any, caps: Any, daily: Any, counts: Any,
    order_stats: Any = None, event_quantiles: Any = None, published: Any = None,
) -> list[Row]:  # fmt: skip
    """Result rows of every due `ab_test` from the small tables of the warehouse.

    `published` are the versions of earlier runs, which say when planned looks were taken.
    """
    tables = Tables.of(
        moments, profile, caps, daily, counts,
        order_stats=order_stats, event_quantiles=event_quantiles, published=published,
    )  # fmt: skip
    return [
        row
        for experiment in experiments(due, registry, ["ab_test"])
        for row in experiment_rows(experiment, tables)
    ]
