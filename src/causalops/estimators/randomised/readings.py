"""Other readings of the fixed-horizon headlines: at any time, at planned looks, Bayesian."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from causalops.estimators.randomised import bayesian_rows, look_rows, looking
from causalops.estimators.randomised.inputs import Experiment
from causalops.results import Row
from causalops.verdicts import LookState, Pair

if TYPE_CHECKING:
    from causalops.estimators.randomised.analysis import Tables

_BESIDE: dict[str, Callable[..., list[Row]]] = {
    "always_valid": looking.companion_rows,
    "bayesian": bayesian_rows.belief_rows,
}


def add(
    experiment: Experiment, rows: list[Row], tables: Tables, guarded: Callable[..., list[Row]]
) -> dict[Pair, LookState]:
    """Add these rows to the fixed-horizon `rows`, in place; where planned looks stand.

    `guarded` turns an unexpected error of one metric into a check that was not run.
    """
    by_metric: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["analysis"] == "main":
            by_metric[row["metric"]].append(row)
    looks: dict[Pair, LookState] = {}
    for metric in experiment.main():
        own = by_metric[metric.name]
        for name, make in _BESIDE.items():
            rows += guarded(experiment, name, metric.name, make, own)
        for variant in experiment.treatments if looking.is_planned(experiment) else ():
            found, state = look_rows.planned_rows(experiment, metric, variant, own, tables)
            rows += found
            looks[metric.name, variant] = state
    return looks
