"""What the data say about an interrupted time series: calendar, residuals, placebo dates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from causalops.estimators.quasi.analysis import check
from causalops.estimators.quasi.calendar import Calendar
from causalops.estimators.quasi.inputs import Analysis, Metric
from causalops.estimators.quasi.its_series import Prepared, label
from causalops.estimators.quasi.projection import Placebo
from causalops.estimators.quasi.residual_checks import (
    autocorrelations,
    durbin_watson,
    ljung_box,
    usual_lags,
)
from causalops.estimators.quasi.row_quality import duplicates, missing_values
from causalops.estimators.quasi.segmented import Design, Regression, Series, ols
from causalops.inference import finite
from causalops.results import Row

LEVEL = 0.05
NEAR_ONE = 0.95  # sum of AR coefficients above which trend and noise can hardly be told apart
NAMED = 10  # periods that a check lists


def design_checks(
    analysis: Analysis, metric: Metric, found: Prepared, columns: Sequence[str]
) -> list[Row]:
    """Time, values, duplicates, the calendar, and columns that say the same."""
    left_out = found.n_untimed + found.n_incomplete
    periods = [analysis.moment(period) for period in found.duplicates[:NAMED]]
    rows = [
        missing_values(analysis, metric, left_out, found.n_rows,
                       {"no_period": found.n_untimed or None}),
        duplicates(analysis, metric, len(found.duplicates), "duplicate_rows",
                   {"periods": periods or None}),
        _calendar_check(analysis, metric, found),
    ]  # fmt: skip
    if columns:
        rows += [check(analysis, metric, "collinearity", "fail", "collinear", covariate=column)
                 for column in columns]  # fmt: skip
    return rows


def _calendar_check(analysis: Analysis, metric: Metric, found: Prepared) -> Row:
    """Are periods equally spaced, and which are missing?"""
    calendar, gaps = found.calendar, found.calendar.missing
    if found.series is not None:
        gaps = tuple(sorted({*gaps, *found.series.missing}))
    if calendar.problem is not None:
        return check(analysis, metric, "calendar", "not_run", calendar.problem)
    is_refused = found.reason in ("calendar_gaps", "too_many_gaps")
    status = "fail" if is_refused else "warn" if gaps else "pass"
    reason = found.reason if is_refused else "gaps_filled" if gaps else None
    named = [label(calendar.periods[index]) for index in gaps[:NAMED]]
    return check(
        analysis, metric, "calendar", status, reason,
        {"step": calendar.name, "gaps": named or None},
        n=len(gaps), value=len(gaps) / len(calendar.periods), value_name="share",
    )  # fmt: skip


def model_checks(
    analysis: Analysis, metric: Metric, series: Series, plan: Design, fit: Regression
) -> list[Row]:
    """Is autocorrelation left in what the error model calls innovations?"""
    order = len(fit.coefficients)
    lags = usual_lags(plan.observations, series.season, order)
    box = ljung_box(fit.innovations, lags, order, len(series.missing))
    plain = ols(series.y, plan).residuals
    status, reason = "pass", None
    if box is None:
        status, reason = "not_run", "insufficient_data"
    elif sum(fit.coefficients) > NEAR_ONE:
        status, reason = "warn", "near_unit_root"
    elif box.p_value < LEVEL:
        status, reason = "warn", "autocorrelation_left"
    details = {
        "lags": lags,
        "ar_coefficients": list(fit.coefficients) or None,
        "durbin_watson_ols": finite(durbin_watson(plain)),
        "autocorrelations_ols": [float(value) for value in np.round(autocorrelations(plain, 5), 6)],
    }
    return [check(
        analysis, metric, "autocorrelation", status, reason, details,
        statistic=None if box is None else box.statistic, df=None if box is None else box.df,
        p_value=None if box is None else box.p_value,
        value=finite(durbin_watson(fit.innovations)), value_name="durbin_watson",
        threshold=LEVEL, n=plan.observations,
    )]  # fmt: skip


def placebo_check(
    analysis: Analysis, metric: Metric, calendar: Calendar, placebos: Sequence[Placebo]
) -> Row:
    """A level change where nothing happened: the trend before is not a straight line."""
    tested = [one for one in placebos if one.p_adjusted is not None]
    if not tested:
        return check(analysis, metric, "placebo_date", "not_run", "insufficient_data", n=0)
    first = min(tested, key=lambda one: one.p_adjusted or 0.0)
    smallest = first.p_adjusted or 0.0
    is_off = smallest < LEVEL
    return check(
        analysis, metric, "placebo_date", "fail" if is_off else "pass",
        "placebo_effect_before" if is_off else None,
        {"date": label(calendar.periods[first.index])},
        statistic=first.level.statistic, p_value=first.level.p_value, p_adjusted=smallest,
        value=first.level.estimate, value_name="largest_level", threshold=LEVEL, n=len(tested),
    )  # fmt: skip
