"""Event-study curves: effects by time since treatment, pointwise and as a uniform band."""

from __future__ import annotations

import numpy as np

from causalops.estimators.quasi import aggregation as ag
from causalops.estimators.quasi.analysis import curve
from causalops.estimators.quasi.group_time import GroupTime
from causalops.estimators.quasi.inputs import Analysis, Metric
from causalops.estimators.quasi.linear_effects import covariance
from causalops.estimators.quasi.panel_tables import Panel
from causalops.estimators.quasi.uniform_bands import sup_t
from causalops.inference import two_sided
from causalops.results import Row


def event_study(analysis: Analysis, metric: Metric, panel: Panel, found: GroupTime) -> list[Row]:
    """Series `effect` with a uniform band and `pointwise`; and the cohorts' mean paths."""
    moments = panel.moments
    events = ag.by_event_time(found)
    known = covariance(events.effects, moments)
    value = sup_t(known, analysis.alpha, analysis.study.seed)
    errors = np.sqrt(np.clip(np.diag(known.matrix), 0.0, None))
    rows: list[Row] = []
    for series, band in (("effect", "uniform"), ("pointwise", "pointwise")):
        points = []
        for j, time in enumerate(events.parameter.tolist()):
            y, error = float(events.effects.estimates[j]), float(errors[j])
            df = float(known.df[j])
            reach = value if band == "uniform" else two_sided(
                analysis.alpha, df if np.isfinite(df) else None
            )  # fmt: skip
            point = {"x": time, "y": y, "band_kind": "none"}
            if known.supported[j] and error > 0 and reach is not None:
                point |= {"y_low": y - reach * error, "y_high": y + reach * error,
                          "band_kind": band}  # fmt: skip
            points.append(point)
        rows += curve(analysis, metric, "event_study", points, series=series)
    return rows
