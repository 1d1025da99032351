"""What the data say about a difference-in-differences: their quality, pre-trends, sensitivity."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from causalops.estimators.quasi import aggregation as ag
from causalops.estimators.quasi import calendar
from causalops.estimators.quasi.analysis import check, curve
from causalops.estimators.quasi.goodman_bacon import LATER, decompose
from causalops.estimators.quasi.group_time import GroupTime, group_time
from causalops.estimators.quasi.inputs import EPOCH, Analysis, Metric
from causalops.estimators.quasi.panel_problems import COMPLETE, lone_cohorts
from causalops.estimators.quasi.panel_tables import Panel
from causalops.estimators.quasi.pretrends import Pretrend, pretrend
from causalops.estimators.quasi.row_quality import duplicates, missing_values
from causalops.estimators.quasi.sensitivity_bounds import bounds, breakdown, violations
from causalops.results import Row

_LEVEL = 0.05
_ROBUST = 1.0  # a breakdown below this: violations no larger than before treatment overturn it


def data_checks(analysis: Analysis, metric: Metric, panel: Panel) -> list[Row]:
    """Missing values, duplicates, treatment that ends, units without every period."""
    counts = panel.counts
    made = [
        missing_values(analysis, metric, panel.n_incomplete_rows, panel.n_rows),
        duplicates(analysis, metric, counts.n_duplicates, "duplicate_unit_periods"),
    ]
    off, always = counts.n_switched_off, counts.n_always_treated
    reason = "treatment_switches_off" if off else "always_treated_dropped" if always else None
    made.append(check(
        analysis, metric, "treatment_path", "fail" if off else "warn" if always else "pass",
        reason, value=float(off), value_name="units", threshold=0.0, n=counts.n_units,
        details={"n_always_treated": always, "lone_cohorts": lone_cohorts(panel.moments) or None},
    ))  # fmt: skip
    if panel.moments.is_panel and counts.n_units:
        complete = counts.n_complete / counts.n_units
        reason = "unbalanced_panel" if complete < COMPLETE else "incomplete_units_dropped"
        made.append(check(
            analysis, metric, "balanced_panel",
            "fail" if complete < COMPLETE else "warn" if complete < 1 else "pass",
            reason if complete < 1 else None, value=complete, value_name="share_complete",
            threshold=COMPLETE, n=counts.n_units, details={"n_complete": counts.n_complete},
        ))  # fmt: skip
    return [*made, _calendar(analysis, metric, panel)]


def _calendar(analysis: Analysis, metric: Metric, panel: Panel) -> Row:
    """Whether event times count periods: the periods are equally spaced."""
    is_number = analysis.settings.get("time_kind", "number") == "number"
    periods = panel.periods.tolist()
    found = calendar.read([
        period if is_number else EPOCH + timedelta(days=round(period)) for period in periods
    ])  # fmt: skip
    if found.problem == "insufficient_data":
        return check(analysis, metric, "calendar", "not_run", found.problem)
    is_uneven = found.problem is not None or bool(found.missing)
    return check(
        analysis, metric, "calendar", "warn" if is_uneven else "pass",
        "uneven_periods" if is_uneven else None,
        {"step": None if found.problem else found.name}, value=float(len(found.missing)),
        value_name="missing_periods", threshold=0.0, n=len(periods),
    )  # fmt: skip


def effect_checks(
    analysis: Analysis, metric: Metric, panel: Panel, found: GroupTime, anticipation: float
) -> list[Row]:
    """Pre-trends with their power, sensitivity to violations, and what TWFE is made of."""
    test = pretrend(found, anticipation, _LEVEL)
    rows = [*_pretrends(analysis, metric, found, test)]
    rows.append(_sensitivity(analysis, metric, panel, found, anticipation))
    if "twfe" in analysis.study.alternatives and panel.moments.is_panel:
        rows += _bacon(analysis, metric, panel)
    return rows


def _pretrends(analysis: Analysis, metric: Metric, found: GroupTime, test: Pretrend) -> list[Row]:
    is_off = test.p_value is not None and test.p_value < _LEVEL
    reason = "pretrends_differ" if is_off else test.reason_code
    status = "fail" if is_off else "pass" if test.p_value is not None else "not_run"
    joint = check(
        analysis, metric, "pretrends", status, reason, statistic=test.statistic,
        df=None if test.df is None else float(test.df), p_value=test.p_value, threshold=_LEVEL,
        details={"df_rest": test.df_rest},
    )  # fmt: skip
    reach = _mean_span(found)
    bias = None if test.slope is None else test.slope * reach
    effect = ag.simple(found)
    size = None if effect is None else abs(float(effect.estimates[0]))
    # A trend that the test would often miss explains the whole effect.
    is_weak = bias is not None and size is not None and bias >= size
    power = check(
        analysis, metric, "pretrend_power",
        "not_run" if test.slope is None else "warn" if is_weak else "pass",
        test.reason_code if test.slope is None else "pretrend_power_low" if is_weak else None,
        value=test.slope, value_name="slope_found_with_80_percent_power",
        details={"bias_of_that_slope": bias, "power": 0.8},
    )  # fmt: skip
    return [joint, power]


def _mean_span(found: GroupTime) -> float:
    """What a trend of slope one adds to the average effect after treatment."""
    post = found.is_post
    spans = found.times - found.moments.times[found.base]
    sizes = found.moments.sizes[found.cohort]
    return float((spans * sizes)[post].sum() / sizes[post].sum()) if post.any() else 0.0


def _sensitivity(
    analysis: Analysis, metric: Metric, panel: Panel, found: GroupTime, anticipation: float
) -> Row:
    """The breakdown value of relative magnitudes: how large violations may be."""
    is_not_yet = analysis.settings.get("comparison") == "not_yet_treated"
    comparison = "not_yet" if is_not_yet else "never"
    universal = group_time(panel.moments, comparison, "universal", anticipation)
    dynamic = ag.by_event_time(universal)
    before = dynamic.parameter[dynamic.parameter < -anticipation]
    base = float(before.max()) if before.size else 0.0
    made = violations(dynamic, panel.moments, base)
    if isinstance(made, str):
        return check(analysis, metric, "honest_did", "not_run", made)
    value = breakdown(made, analysis.alpha)
    at = {m: bounds(made, m, analysis.alpha) for m in (0.5, 1.0, 2.0)}
    is_frail = value is not None and value < _ROBUST
    return check(
        analysis, metric, "honest_did", "warn" if is_frail else "pass",
        "frail_to_violations" if is_frail else None, value=value, value_name="breakdown_magnitude",
        threshold=_ROBUST,
        details={"effect": made.effect, "target": "mean over event times >= 0",
                 "intervals": {str(m): [b.ci_low, b.ci_high] for m, b in at.items()}},
    )  # fmt: skip


def _bacon(analysis: Analysis, metric: Metric, panel: Panel) -> list[Row]:
    """Weights of the 2x2 comparisons in the two-way number, and the share of the forbidden ones."""
    found = decompose(panel.moments)
    if not found:
        return []
    moments = panel.moments
    label = {}
    for cohort, start in enumerate(moments.starts.tolist()):
        position = int(np.searchsorted(moments.times, start))
        never = position >= len(moments.times)
        label[cohort] = "never" if never else analysis.moment(float(panel.periods[position]))
    forbidden = sum(item.weight for item in found if item.kind == LATER)
    row = check(
        analysis, metric, "bacon_weights", "warn" if forbidden > 0 else "pass",
        "treated_as_controls" if forbidden > 0 else None, value=forbidden,
        value_name="share_treated_as_controls", threshold=0.0, n=len(found),
    )  # fmt: skip
    points = [
        {"x_label": f"{label[item.treated]} vs {label[item.control]} ({item.kind})",
         "x": item.estimate, "y": item.weight}
        for item in sorted(found, key=lambda item: (item.kind, item.treated, item.control))
    ]  # fmt: skip
    return [row, *curve(analysis, metric, "weights", points, series="bacon")]
