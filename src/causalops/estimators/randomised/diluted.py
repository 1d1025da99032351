"""Rows of a triggered effect spread over every exposed unit."""

from __future__ import annotations

from dataclasses import replace

from causalops.estimators.randomised.contrasts import Strata
from causalops.estimators.randomised.dilution import dilute
from causalops.estimators.randomised.effects import (
    ENGINES,
    Comparison,
    compare,
    headline_method,
    row_of,
)
from causalops.moments import merge_all
from causalops.results import Row


def diluted_rows(what: Comparison, triggered: Strata, exposed: Strata) -> list[Row]:
    """The triggered effect spread over all exposed units, absolute and relative."""
    metric = what.metric
    method = headline_method(what.experiment, metric, what.variant)
    if method not in ENGINES:
        return []
    engine = metric.plain_method if metric.is_ratio else method
    found = compare(triggered, metric, engine)
    sides = [
        tuple(merge_all(p[i] for p in pairs) for i in (0, 1)) for pairs in (exposed, triggered)
    ]
    result = dilute(found, (sides[0][0], sides[0][1]), (sides[1][0], sides[1][1]),
                    metric.is_ratio, metric.alpha)  # fmt: skip
    whole = compare(exposed, metric, metric.plain_method)
    facts = {
        "method_triggered": engine,
        "trigger_share": result.share,
        "diluted_se_fixed_share": result.fixed_share_error,
    }
    what = replace(what, population="exposed", facts=facts)
    kept = replace(found, variant=whole.variant, baseline=whole.baseline)
    return [
        row_of(what, kept, value, "triggered_diluted", scale=scale, ci_kind="delta",
               se_kind="delta")
        for scale, value in (("absolute", result.absolute), ("relative", result.relative))
    ]  # fmt: skip
