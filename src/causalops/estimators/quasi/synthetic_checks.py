"""What the data say about a synthetic control: panel, pre-period fit, placebos, single donors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from causalops.estimators.quasi.analysis import check
from causalops.estimators.quasi.inputs import Analysis, Metric
from causalops.estimators.quasi.row_quality import duplicates, missing_values
from causalops.estimators.quasi.synthetic_fit import (
    Fit,
    Panel,
    earlier_start,
    fit,
    placebos,
    rank,
)
from causalops.estimators.quasi.synthetic_panel import Prepared
from causalops.results import Row

POOR_FIT = 0.5  # pre RMSPE over the standard deviation of the treated unit before
LIMITS = (20.0, 5.0, 2.0)
LEVEL = 0.05
NAMED = 20
_PATH_REASONS = frozenset({"no_treated", "several_treated_units", "treatment_switches_off"})


def panel_checks(analysis: Analysis, metric: Metric, found: Prepared) -> list[Row]:
    """Missing values, duplicates, who is treated when, and what of donors and periods is left."""
    path = found.reason if found.reason in _PATH_REASONS else None
    rows = [
        missing_values(analysis, metric, found.n_incomplete, found.n_rows),
        duplicates(analysis, metric, found.n_duplicates, "duplicate_unit_periods"),
        check(
            analysis, metric, "treatment_path", "fail" if path else "pass", path,
            {"treated": found.treated[:NAMED] or None}, n=len(found.treated),
        ),
    ]  # fmt: skip
    return [*rows, _balance_check(analysis, metric, found)]


def _balance_check(analysis: Analysis, metric: Metric, found: Prepared) -> Row:
    """Donors left out, and periods that the treated unit lacks; without a treated period the
    headline averages others than the data have, so that fails."""
    left_out, lost = found.dropped + found.unknown, found.lost_before + found.lost_after
    reason = "treated_periods_missing" if lost else "donors_left_out" if left_out else None
    periods = [analysis.moment(period) for period in lost[:NAMED]]
    return check(
        analysis, metric, "balanced_panel",
        "fail" if found.lost_after else "warn" if reason else "pass", reason,
        {"incomplete": found.dropped[:NAMED] or None, "unknown": found.unknown[:NAMED] or None,
         "treated_lacks": periods or None},
        value=float(len(lost)), value_name="periods_lost", n=len(left_out),
    )  # fmt: skip


def fit_check(analysis: Analysis, metric: Metric, panel: Panel, main: Fit) -> Row:
    """How close the synthetic control comes before the treatment, in standard deviations of the
    treated unit's own pre-period."""
    before = panel.treated[: panel.start]
    spread = float(before.std(ddof=1))
    is_constant = spread <= 1e-12 * float(np.abs(before).max())
    share = None if is_constant else main.pre_rmspe / spread
    is_poor = not main.is_perfect and (share is None or share > POOR_FIT)
    status, reason = ("fail", "poor_pre_fit") if is_poor else ("pass", None)
    if not is_poor and not main.is_unique:
        status, reason = "warn", "weights_not_unique"
    elif main.is_perfect:
        status, reason = "warn", "perfect_pre_fit"
    return check(
        analysis, metric, "pre_fit", status, reason, {"pre_rmspe": main.pre_rmspe},
        value=share, value_name="rmspe_over_sd", threshold=POOR_FIT, n=panel.start,
    )  # fmt: skip


def in_space_check(analysis: Analysis, metric: Metric, main: Fit, others: Sequence[Fit]) -> Row:
    """Can the ranking reject at all, and does it hold without badly fitted placebos?"""
    place = rank(main, others)
    if place is None:
        reason = "perfect_pre_fit" if others else "no_placebos"
        return check(analysis, metric, "placebo_in_space", "not_run", reason, n=len(others))
    details = {}
    for limit in LIMITS:
        kept = rank(main, others, limit)
        details[f"p_within_{limit:.0f}_times"] = None if kept is None else kept.p_value
    is_mute = place.floor > analysis.alpha
    return check(
        analysis, metric, "placebo_in_space", "warn" if is_mute else "pass",
        "few_placebos" if is_mute else None, details | {"rank": place.rank},
        statistic=main.ratio, p_value=place.p_value, value=place.floor, value_name="p_floor",
        threshold=analysis.alpha, n=len(others),
    )  # fmt: skip


def in_time_check(
    analysis: Analysis, metric: Metric, panel: Panel, periods: Sequence[float]
) -> Row:
    """The same with the treatment put two thirds into the pre-period, on the pre-period alone."""
    start = earlier_start(panel)
    moved = None if start is None else panel.moved(start)
    main = None if moved is None else fit(moved)
    if start is None or moved is None or main is None:
        return check(analysis, metric, "placebo_in_time", "not_run", "insufficient_data")
    place = rank(main, list(placebos(moved).values()))
    p_value = None if place is None else place.p_value
    is_off = p_value is not None and p_value <= LEVEL
    status = "not_run" if p_value is None else "fail" if is_off else "pass"
    reason = "placebo_effect_before" if is_off else "no_placebos" if p_value is None else None
    return check(
        analysis, metric, "placebo_in_time", status, reason,
        {"date": analysis.moment(periods[start])},
        statistic=None if main.is_perfect else main.ratio, p_value=p_value, value=main.mean_gap,
        value_name="mean_gap", threshold=LEVEL, n=panel.start - start,
    )  # fmt: skip


def leave_one_out_checks(
    analysis: Analysis, metric: Metric, main: Fit, without: Mapping[str, Fit]
) -> list[Row]:
    """The average gap without each donor that has a weight: does its sign rest on one of them?"""
    if not without:
        return [check(analysis, metric, "leave_one_out", "not_run", "no_placebos")]
    rows = []
    for name, other in without.items():
        is_turned = (other.mean_gap > 0) != (main.mean_gap > 0)
        weight = float(main.weights[main.names.index(name)])
        rows.append(check(
            analysis, metric, "leave_one_out", "warn" if is_turned else "pass",
            "sign_depends_on_donor" if is_turned else None, {"weight": weight}, donor=name,
            value=other.mean_gap, value_name="mean_gap", n=len(other.names),
        ))  # fmt: skip
    return rows
