"""Difference-in-differences: treated units against untreated ones, before and after.

The headline is the average group-time effect on the treated, or the 2x2 comparison where the file
asks for it. Beside it stand effects by cohort, by time since treatment with a uniform band, by
calendar time and by cohort and period; two-way fixed effects only as an alternative.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from causalops.estimators.quasi import aggregation as ag
from causalops.estimators.quasi import two_by_two as tb
from causalops.estimators.quasi.analysis import estimate, refused, study_rows
from causalops.estimators.quasi.did_checks import data_checks, effect_checks
from causalops.estimators.quasi.did_curves import event_study
from causalops.estimators.quasi.group_time import GroupTime, group_time
from causalops.estimators.quasi.inputs import Analysis, Metric, studies
from causalops.estimators.quasi.linear_effects import LinearEffects, covariance, inferences
from causalops.estimators.quasi.lone_treatment import lone_inference
from causalops.estimators.quasi.panel_problems import problem, single, warnings
from causalops.estimators.quasi.panel_tables import Panel, PanelTables
from causalops.estimators.quasi.two_way_fixed_effects import two_way_inference
from causalops.inference import Inference
from causalops.reasons import REASONS
from causalops.results import Row

GROUP_TIME, TWO_BY_TWO, TWO_WAY = "group_time", "two_by_two", "two_way_fixed_effects"
_ESTIMAND = "att"


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


def run(due: Any, registry: Any, shapes: Any, moments: Any) -> list[Row]:
    """Result rows of every due `did` from the moments of its panels."""
    tables = PanelTables(shapes, moments)
    return [
        row for study in studies(due, registry, "did")
        for row in study_rows(study, _metric_rows, tables.of, _ESTIMAND)
    ]  # fmt: skip


def _metric_rows(analysis: Analysis, metric: Metric, data: Mapping[str, Panel | str]) -> list[Row]:
    if analysis.names("covariate"):
        return refused(analysis, metric, "method_not_available", estimand=_ESTIMAND)
    panel = data[metric.name]
    if isinstance(panel, str):
        return refused(analysis, metric, panel, estimand=_ESTIMAND)
    is_not_yet = analysis.settings.get("comparison") == "not_yet_treated"
    what = Question(analysis, metric, panel, "not_yet" if is_not_yet else "never")
    checks = data_checks(analysis, metric, panel)
    reason = problem(panel.counts, panel.moments, what.comparison, what.anticipation)
    if reason is not None:
        return refused(analysis, metric, reason, estimand=_ESTIMAND) + checks
    rows = [*_headline(what), *checks]
    if single(panel.moments) is not None:
        return rows
    found = what.group_time()
    if analysis.method == GROUP_TIME:
        rows += _breakdown(what, found)
        rows += event_study(analysis, metric, panel, found)
    elif tb.two_by_two(panel.moments) != "several_cohorts":
        rows += _simple_rows(what, found, is_headline=False)
    rows += effect_checks(analysis, metric, panel, found, what.anticipation)
    return rows + _alternatives(what)


def _headline(what: Question) -> list[Row]:
    """The one number that the file asks for, and the 2x2 comparison where there is one."""
    cells = tb.two_by_two(what.panel.moments)
    lone = single(what.panel.moments)
    is_two = what.analysis.method == TWO_BY_TWO
    if is_two and isinstance(cells, str):
        return refused(what.analysis, what.metric, cells, estimand=_ESTIMAND)
    if lone is not None:
        result, details = lone_inference(what.panel, lone, None if is_two else what.group_time(),
                                         what.analysis.alpha)  # fmt: skip
        return [_row(what, result, what.analysis.method, is_headline=True, details=details,
                     ci_kind="permutation" if result.p_value is not None else "none")]  # fmt: skip
    rows = [] if is_two else _simple_rows(what, what.group_time(), is_headline=True)
    if isinstance(cells, tb.TwoByTwo):
        clustered = what.panel.moments.clusters is not None
        errors = ("influence", "cr1") if clustered else ("hc1",)
        for error in (*errors, "classic"):
            is_first = error == errors[0]
            result = tb.inference(cells, error, what.analysis.alpha)
            method = TWO_BY_TWO if is_first else f"{TWO_BY_TWO}_{error}"
            rows.append(_row(what, result, method, error, is_headline=is_two and is_first))
    return rows


def _simple_rows(what: Question, found: GroupTime, is_headline: bool) -> list[Row]:
    """The average of all group-time effects, weighted by the size of the cohorts."""
    effects = ag.simple(found)
    if effects is None:
        reason = found.missing[0][2] if found.missing else "no_control"
        made = refused(what.analysis, what.metric, reason, estimand=_ESTIMAND)
        return made if is_headline else []
    [result] = _inferences(what, effects)
    details = {"comparison": what.comparison, "base": what.base,
               "anticipation": what.anticipation, "aggregation": "simple"}  # fmt: skip
    row = _row(what, result, GROUP_TIME, "influence", is_headline=is_headline, details=details)
    return [_noted(what, row)]


def _breakdown(what: Question, found: GroupTime) -> list[Row]:
    """Effects by cohort, event time, calendar time, and by cohort and period."""
    moment, moments = what.analysis.moment, what.panel.moments
    rows: list[Row] = []
    start_label = {
        float(start): moment(float(what.panel.periods[np.searchsorted(moments.times, start)]))
        for start in moments.starts[moments.treated]
    }
    period_label = dict(zip(moments.times.tolist(), what.panel.periods.tolist(), strict=True))
    groups, events = ag.by_group(found), ag.by_event_time(found)
    calendar = ag.by_calendar_time(found)
    for start, result in zip(groups.parameter, _inferences(what, groups.effects), strict=True):
        rows.append(_row(what, result, GROUP_TIME, "influence", cohort=start_label[float(start)]))
    for time, result in zip(events.parameter, _inferences(what, events.effects), strict=True):
        row = _row(what, result, GROUP_TIME, "influence", parameter_name="event_time",
                   parameter=float(time))  # fmt: skip
        rows.append(_reference(row, events.effects, events.parameter == time))
    for time, result in zip(calendar.parameter, _inferences(what, calendar.effects), strict=True):
        rows.append(_row(what, result, GROUP_TIME, "influence",
                         period=moment(period_label[float(time)])))  # fmt: skip
    for term, made in (("group_average", groups), ("event_time_average", events),
                       ("calendar_average", calendar)):  # fmt: skip
        if made.overall is not None:
            [result] = _inferences(what, made.overall)
            rows.append(_noted(what, _row(what, result, GROUP_TIME, "influence", term=term)))
    results = _inferences(what, found.effects)
    for k, result in enumerate(results):
        row = _row(what, result, GROUP_TIME, "influence", estimand="att_gt",
                   cohort=start_label[float(found.starts[k])],
                   period=moment(period_label[float(found.times[k])]),
                   details={"base": moment(float(what.panel.periods[found.base[k]]))})  # fmt: skip
        rows.append(_reference(row, found.effects, np.arange(len(results)) == k))
    return rows


def _alternatives(what: Question) -> list[Row]:
    """The alternatives that the file lists by name, each as rows of its own analysis."""
    if not what.analysis.is_main:
        return []
    listed = what.analysis.study.alternatives
    rows: list[Row] = []
    if "twfe" in listed:
        result, kind = two_way_inference(what.panel.moments, what.analysis.alpha)
        rows.append(_row(what, result, TWO_WAY, kind) | {"analysis": "robustness:twfe"})
    changed = {
        "not_yet_treated": replace(what, comparison="not_yet"),
        "universal_base": replace(what, base="universal"),
    }
    for name, other in changed.items():
        if name in listed:
            found = other.group_time()
            made = _simple_rows(other, found, is_headline=False)
            if name == "universal_base":
                made += _event_rows(other, found)
            rows += [row | {"analysis": f"robustness:{name}"} for row in made]
    if "leave_one_cohort_out" in listed:
        rows += _without_each_cohort(what)
    return rows


def _event_rows(what: Question, found: GroupTime) -> list[Row]:
    events = ag.by_event_time(found)
    return [
        _reference(
            _row(what, result, GROUP_TIME, "influence", parameter_name="event_time",
                 parameter=float(time)), events.effects, events.parameter == time,
        )
        for time, result in zip(events.parameter, _inferences(what, events.effects), strict=True)
    ]  # fmt: skip


def _without_each_cohort(what: Question) -> list[Row]:
    """The headline without each treated cohort, the largest change first."""
    moments = what.panel.moments
    rows: list[Row] = []
    for cohort in np.flatnonzero(moments.treated) if moments.treated.sum() > 1 else ():
        kept = np.arange(len(moments.starts)) != cohort
        part = replace(what, panel=replace(what.panel, moments=moments.keep(kept),
                                           levels=what.panel.levels[kept]))  # fmt: skip
        position = int(np.searchsorted(moments.times, moments.starts[cohort]))
        period = float(what.panel.periods[position])
        rows += [
            row | {"analysis": "robustness:leave_one_cohort_out", "parameter_name": "left_out",
                   "parameter": period}
            for row in _simple_rows(part, part.group_time(), is_headline=False)
        ]  # fmt: skip
    whole = ag.simple(what.group_time())
    centre = 0.0 if whole is None else float(whole.estimates[0])
    return sorted(rows, key=lambda row: (-abs(row["estimate"] - centre), row["parameter"]))


def _inferences(what: Question, effects: LinearEffects) -> list[Inference]:
    moments = what.panel.moments
    return inferences(effects, covariance(effects, moments), moments, what.analysis.alpha)


def _reference(row: Row, effects: LinearEffects, which: Any) -> Row:
    """The period that all others are compared with is zero by definition."""
    if np.abs(effects.loads[which]).max(initial=0.0) > 0:
        return row
    return row | {"status": "reference", "estimate": 0.0, "reason_code": None, "message": None}


def _noted(what: Question, row: Row) -> Row:
    """The worst of what was left out or is thin, as a warning."""
    found = warnings(what.panel.counts, what.panel.moments)
    if row["status"] != "ok" or not found:
        return row
    return row | {"status": "warning", "reason_code": found[0][0],
                  "message": f"{REASONS[found[0][0]]} ({found[0][1]})"}  # fmt: skip


def _row(what: Question, result: Inference, method: str, se_kind: str = "none",
         **values: Any) -> Row:  # fmt: skip
    """One estimate with the sizes and levels of both groups."""
    moments, levels = what.panel.moments, what.panel.levels
    treated, untreated = moments.treated, moments.untreated
    n_periods = len(moments.times)
    cells = moments.cells
    first = moments.starts[treated].min()
    post = (moments.times[None, :] >= moments.starts[:, None]) & treated[:, None]
    late = (moments.times[None, :] >= first) & untreated[:, None]
    sizes: dict[str, Any] = {}
    for side, mask, where in (("variant", treated, post), ("baseline", untreated, late)):
        n = int(moments.sizes[mask].sum())
        weights = (cells * where).sum()
        sizes[f"n_{side}"] = n
        sizes[f"n_obs_{side}"] = n * n_periods if moments.is_panel else n
        sizes[f"mean_{side}"] = (
            float((cells * where * levels).sum() / weights) if weights > 0 else None
        )
        if moments.clusters is not None:
            held = moments.clusters
            own = np.isin(held.cohort, np.flatnonzero(mask))
            sizes[f"n_clusters_{side}"] = len(np.unique(held.cluster[own]))
    values = {"estimand": _ESTIMAND} | sizes | values
    if se_kind == "influence" and moments.clusters is not None:
        values["details"] = dict(values.get("details") or {}) | {"clustered": True}
    return estimate(what.analysis, what.metric, result, method=method, se_kind=se_kind, **values)
