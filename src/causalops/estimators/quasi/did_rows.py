"""Rows of a difference-in-differences: one estimate with the sizes and levels behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from causalops.estimators.quasi import aggregation as ag
from causalops.estimators.quasi.analysis import estimate, refused
from causalops.estimators.quasi.did_sides import Sides, of_effects, sizes
from causalops.estimators.quasi.group_time import GroupTime, Mask, group_time
from causalops.estimators.quasi.inputs import Analysis, Metric
from causalops.estimators.quasi.linear_effects import LinearEffects, covariance, inferences
from causalops.estimators.quasi.panel_problems import warnings
from causalops.estimators.quasi.panel_tables import Panel
from causalops.inference import Inference
from causalops.reasons import REASONS
from causalops.results import Row

GROUP_TIME, TWO_BY_TWO, TWO_WAY = "group_time", "two_by_two", "two_way_fixed_effects"
ESTIMAND = "att"


@dataclass(frozen=True)
class Question:
    """One metric of one analysis with its panel and the choices of the file."""

    analysis: Analysis
    metric: Metric
    panel: Panel
    comparison: str
    base: str = "varying"

    @property
    def anticipation(self) -> float:
        return float(self.analysis.settings.get("anticipation") or 0)

    def group_time(self) -> GroupTime:
        return group_time(self.panel.moments, self.comparison, self.base, self.anticipation)

    def inferences(self, effects: LinearEffects) -> list[Inference]:
        """Test and interval of each effect."""
        moments = self.panel.moments
        return inferences(effects, covariance(effects, moments), moments, self.analysis.alpha)


def row_of(
    what: Question, result: Inference, method: str, sides: Sides, se_kind: str = "none",
    **values: Any,
) -> Row:  # fmt: skip
    """One estimate with the sizes and levels of both sides."""
    values = {"estimand": ESTIMAND} | sizes(what.panel, sides) | values
    if se_kind == "influence" and what.panel.moments.clusters is not None:
        values["details"] = dict(values.get("details") or {}) | {"clustered": True}
    return estimate(what.analysis, what.metric, result, method=method, se_kind=se_kind, **values)


def effect_row(
    what: Question, result: Inference, found: GroupTime, which: Mask, **values: Any
) -> Row:  # fmt: skip
    """An average of the group-time effects in `which` (K)."""
    return row_of(what, result, GROUP_TIME, of_effects(found, which), "influence", **values)


def simple_rows(what: Question, found: GroupTime, is_headline: bool = False) -> list[Row]:
    """The average of all group-time effects, weighted by the size of the cohorts."""
    effects = ag.simple(found)
    if effects is None:
        reason = found.missing[0][2] if found.missing else "no_control"
        return [without_estimate(what, reason) | {"is_headline": is_headline}]
    [result] = what.inferences(effects)
    details = {"comparison": what.comparison, "base": what.base,
               "anticipation": what.anticipation, "aggregation": "simple"}  # fmt: skip
    row = effect_row(what, result, found, found.is_post, is_headline=is_headline, details=details)
    return [noted(what, row)]


def event_rows(what: Question, found: GroupTime) -> list[Row]:
    """Averages by time since treatment."""
    events = ag.by_event_time(found)
    rows = []
    for time, result in zip(events.parameter, what.inferences(events.effects), strict=True):
        row = effect_row(what, result, found, found.event_times == time,
                         parameter_name="event_time", parameter=float(time))  # fmt: skip
        rows.append(reference(row, events.effects, events.parameter == time))
    return rows


def without_estimate(what: Question, reason: str, method: str = GROUP_TIME) -> Row:
    """A row beside the headline that cannot be computed."""
    [row] = refused(what.analysis, what.metric, reason, estimand=ESTIMAND)
    return row | {"is_headline": False, "method": method}


def reference(row: Row, effects: LinearEffects, which: Any) -> Row:
    """The period that all others are compared with is zero by definition."""
    if np.abs(effects.loads[which]).max(initial=0.0) > 0:
        return row
    return row | {"status": "reference", "estimate": 0.0, "reason_code": None, "message": None}


def noted(what: Question, row: Row) -> Row:
    """The worst of what was left out or is thin, as a warning."""
    found = warnings(what.panel.counts, what.panel.moments)
    if row["status"] != "ok" or not found:
        return row
    return row | {"status": "warning", "reason_code": found[0][0],
                  "message": f"{REASONS[found[0][0]]} ({found[0][1]})"}  # fmt: skip
