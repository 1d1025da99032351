"""Difference-in-differences: treated units against untreated ones, before and after.

The headline is the average group-time effect on the treated, or the 2x2 comparison where the file
asks for it. Beside it stand effects by cohort, by time since treatment with a uniform band, by
calendar time and by cohort and period; two-way fixed effects only as an alternative.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from causalops.estimators.quasi import aggregation as ag
from causalops.estimators.quasi import two_by_two as tb
from causalops.estimators.quasi.analysis import design_rows, refused
from causalops.estimators.quasi.did_alternatives import alternatives
from causalops.estimators.quasi.did_checks import data_checks, effect_checks
from causalops.estimators.quasi.did_curves import event_study
from causalops.estimators.quasi.did_rows import (
    ESTIMAND,
    GROUP_TIME,
    TWO_BY_TWO,
    Question,
    effect_row,
    event_rows,
    noted,
    reference,
    row_of,
    simple_rows,
    without_estimate,
)
from causalops.estimators.quasi.did_sides import of_effects, of_panel
from causalops.estimators.quasi.group_time import GroupTime
from causalops.estimators.quasi.inputs import Analysis, Metric
from causalops.estimators.quasi.lone_treatment import lone_inference
from causalops.estimators.quasi.panel_problems import problem, single
from causalops.estimators.quasi.panel_tables import Panel, PanelTables
from causalops.results import Row


def run(due: Any, registry: Any, shapes: Any, moments: Any) -> list[Row]:
    """Result rows of every due `did` from the moments of its panels."""
    tables = PanelTables(shapes, moments)
    return design_rows("did", due, registry, metric_rows, tables.of, ESTIMAND)


def metric_rows(analysis: Analysis, metric: Metric, data: Mapping[str, Panel | str]) -> list[Row]:
    """Every row of one metric in one analysis."""
    panel = data[metric.name]
    if isinstance(panel, str):
        return refused(analysis, metric, panel, estimand=ESTIMAND)
    is_not_yet = analysis.settings.get("comparison") == "not_yet_treated"
    what = Question(analysis, metric, panel, "not_yet" if is_not_yet else "never")
    checks = data_checks(analysis, metric, panel)
    reason = problem(panel.counts, panel.moments, what.comparison, what.anticipation)
    if reason is not None:
        return refused(analysis, metric, reason, estimand=ESTIMAND) + checks
    rows = [*_headline(what), *checks]
    if single(panel.moments) is None:
        found = what.group_time()
        if analysis.method == GROUP_TIME:
            rows += _breakdown(what, found)
            rows += event_study(analysis, metric, panel, found)
        elif tb.two_by_two(panel.moments) != "several_cohorts":
            rows += simple_rows(what, found)
        rows += effect_checks(analysis, metric, panel, found, what.anticipation)
    return rows + alternatives(what)


def _headline(what: Question) -> list[Row]:
    """The one number that the file asks for, and the 2x2 comparison where there is one."""
    moments = what.panel.moments
    cells, lone = tb.two_by_two(moments), single(moments)
    is_two = what.analysis.method == TWO_BY_TWO
    if is_two and isinstance(cells, str):
        return refused(what.analysis, what.metric, cells, estimand=ESTIMAND)
    if lone is not None:
        found = None if is_two else what.group_time()
        result, details = lone_inference(what.panel, lone, found, what.analysis.alpha)
        sides = of_panel(moments) if found is None else of_effects(found, found.is_post)
        kind = "permutation" if result.p_value is not None else "none"
        return [row_of(what, result, what.analysis.method, sides, is_headline=True,
                       details=details, ci_kind=kind)]  # fmt: skip
    rows = [] if is_two else simple_rows(what, what.group_time(), is_headline=True)
    if isinstance(cells, tb.TwoByTwo):
        rows += _two_by_two(what, cells, is_two)
    return rows


def _two_by_two(what: Question, cells: tb.TwoByTwo, is_headline: bool) -> list[Row]:
    """The 2x2 comparison with each of its errors, the headline's first."""
    if what.anticipation > 0:
        return [without_estimate(what, "anticipation_not_modelled", TWO_BY_TWO)]
    errors = ("hc1",) if what.panel.moments.clusters is None else ("influence", "cr1", "hc1")
    sides, rows = of_panel(what.panel.moments), []
    for error in (*errors, "classic"):
        is_first = error == errors[0]
        result = tb.inference(cells, error, what.analysis.alpha)
        method = TWO_BY_TWO if is_first else f"{TWO_BY_TWO}_{error}"
        rows.append(noted(what, row_of(what, result, method, sides, error,
                                       is_headline=is_headline and is_first)))  # fmt: skip
    return rows


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
    for start, result in zip(groups.parameter, what.inferences(groups.effects), strict=True):
        which = found.is_post & (found.starts == start)
        rows.append(effect_row(what, result, found, which, cohort=start_label[float(start)]))
    rows += event_rows(what, found)
    for time, result in zip(calendar.parameter, what.inferences(calendar.effects), strict=True):
        which = found.is_post & (found.times == time)
        rows.append(effect_row(what, result, found, which,
                               period=moment(period_label[float(time)])))  # fmt: skip
    for term, made in (("group_average", groups), ("event_time_average", events),
                       ("calendar_average", calendar)):  # fmt: skip
        if made.overall is not None:
            [result] = what.inferences(made.overall)
            rows.append(noted(what, effect_row(what, result, found, found.is_post, term=term)))
    results = what.inferences(found.effects)
    for k, result in enumerate(results):
        which = np.arange(len(results)) == k
        base = moment(float(what.panel.periods[found.base[k]]))
        row = effect_row(what, result, found, which, estimand="att_gt", details={"base": base},
                         cohort=start_label[float(found.starts[k])],
                         period=moment(period_label[float(found.times[k])]))  # fmt: skip
        rows.append(reference(row, found.effects, which))
    return rows
