"""Interrupted time series: one series, a known intervention, and nothing to compare with.

The headline is the change of level at the intervention under autoregressive errors; the change of
slope, the effect at later periods and its sum stand beside, and so do Newey-West errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from causalops.estimators.quasi.analysis import curve, design_rows, estimate, refused
from causalops.estimators.quasi.autoregression import reml
from causalops.estimators.quasi.inputs import Analysis, DatasetRows, Metric, Rows
from causalops.estimators.quasi.its_checks import design_checks, model_checks, placebo_check
from causalops.estimators.quasi.its_series import Prepared, label, prepared
from causalops.estimators.quasi.projection import (
    Placebo,
    at_period,
    effect,
    fitted,
    placebo_dates,
    projection,
    relative,
    summed,
)
from causalops.estimators.quasi.segmented import (
    Design,
    Regression,
    Series,
    design,
    is_exact,
    newey_west,
    ols,
)
from causalops.inference import Inference
from causalops.moments import Floats
from causalops.results import Row

LEVEL, SLOPE, EFFECT = "its_level", "its_slope", "its_effect"
Engine = Callable[[Floats, Design], Regression]
ENGINES: dict[str, Engine] = {
    "ar1": partial(reml, order=1),
    "ar2": partial(reml, order=2),
    "hac": newey_west,
}


@dataclass(frozen=True)
class Fitted:
    """A series with its design and the regression of one method."""

    series: Series
    plan: Design
    method: str
    fit: Regression

    @property
    def size(self) -> float:
        """The size of the series, for what counts as rounding."""
        return float(np.abs(self.series.y).max())

    def row(self, analysis: Analysis, metric: Metric, weights: Floats, **values: Any) -> Row:
        """The row of a linear combination of coefficients."""
        result = effect(self.fit, weights, analysis.alpha, self.size)
        return self.row_of(analysis, metric, result, **values)

    def row_of(self, analysis: Analysis, metric: Metric, result: Inference, **values: Any) -> Row:
        """The row of a result, with what describes the series."""
        shared = {"method": self.method, "se_kind": self.fit.se_kind, **_described(self.series)}
        return estimate(analysis, metric, result, **(shared | values))


def run(due: Any, registry: Any, rows: Any) -> list[Row]:
    """Result rows of every due `its`."""
    return design_rows("its", due, registry, _metric_rows, DatasetRows(rows).of, LEVEL)


def _metric_rows(analysis: Analysis, metric: Metric, rows: Rows) -> list[Row]:
    """Every row of one metric in one analysis."""
    found = prepared(analysis, metric, rows)
    main, reason, names = modelled(found, analysis.method)
    checks = design_checks(analysis, metric, found, names)
    if main is None:
        message = f"Collinear: {', '.join(names)}." if names and reason == "collinear" else None
        return checks + refused(analysis, metric, reason or "insufficient_data", estimand=LEVEL,
                                term="level", message=message)  # fmt: skip
    placebos = placebo_dates(main.series, ENGINES[analysis.method], analysis.alpha)
    return [
        *checks,
        *model_checks(analysis, metric, main.series, main.plan, main.fit),
        placebo_check(analysis, metric, found.calendar, placebos),
        *_effect_rows(analysis, metric, found, main),
        *_beside(analysis, metric, main),
        *_placebo_rows(analysis, metric, found, main, placebos),
        *_alternatives(analysis, metric, rows),
        *_curves(analysis, metric, found, main),
    ]


def modelled(
    found: Prepared, method: str, has_slope: bool = True
) -> tuple[Fitted | None, str | None, tuple[str, ...]]:
    """The regression of a series, or a reason code and the columns that it concerns."""
    if found.series is None:
        return None, found.reason, ()
    plan = design(found.series, has_slope)
    if plan.problem is not None:
        return None, plan.problem, tuple(name.removeprefix("control_") for name in plan.columns)
    if is_exact(found.series.y, ols(found.series.y, plan).residuals):
        return None, "perfect_fit", ()
    return Fitted(found.series, plan, method, ENGINES[method](found.series.y, plan)), None, ()


def _described(series: Series) -> dict[str, Any]:
    """Periods, means and standard deviations after and before the intervention, as observed."""
    used = np.array([index not in series.missing for index in range(len(series.y))])
    is_after = np.arange(len(series.y)) >= series.start
    after, before = series.y[used & is_after], series.y[used & ~is_after]
    return {
        "n_variant": len(after), "n_baseline": len(before),
        "n_obs_variant": len(after), "n_obs_baseline": len(before),
        "mean_variant": float(after.mean()), "mean_baseline": float(before.mean()),
        "sd_variant": float(after.std(ddof=1)), "sd_baseline": float(before.std(ddof=1)),
    }  # fmt: skip


def _effect_rows(analysis: Analysis, metric: Metric, found: Prepared, main: Fitted) -> list[Row]:
    """Level (headline), slope, the effect half way and at the end, and its sum."""
    fit, start, n = main.fit, main.series.start, len(main.series.y)
    after = n - start
    details = {"ar_coefficients": list(fit.coefficients) or None,
               "periods": found.calendar.name,
               "intervention": label(found.calendar.periods[start])}  # fmt: skip
    at_once = relative(fit, main.plan, range(start, start + 1), analysis.alpha)
    rows = [
        main.row(analysis, metric, at_period(fit, 0), estimand=LEVEL, term="level",
                 is_headline=True, details=details),
        main.row_of(analysis, metric, at_once, estimand=LEVEL, term="level", is_headline=True,
                    scale="relative", ci_kind="delta", se_kind="delta"),
        main.row(analysis, metric, fit.weights({"slope": 1.0}), estimand=SLOPE, term="slope"),
    ]  # fmt: skip
    for since in sorted({(after - 1) // 2, after - 1}):
        rows.append(main.row(
            analysis, metric, at_period(fit, since), estimand=EFFECT, term="effect_at",
            period=label(found.calendar.periods[start + since]),
            parameter_name="periods_since", parameter=float(since),
        ))  # fmt: skip
    whole = {"estimand": EFFECT, "term": "cumulative", "window_kind": "cumulative",
             "parameter_name": "periods", "parameter": float(after)}  # fmt: skip
    rows.append(main.row(analysis, metric, summed(fit, after), scale="total", **whole))
    share = relative(fit, main.plan, range(start, n), analysis.alpha)
    rows.append(main.row_of(analysis, metric, share, scale="relative", ci_kind="delta",
                            se_kind="delta", **whole))  # fmt: skip
    return rows


def _beside(analysis: Analysis, metric: Metric, main: Fitted) -> list[Row]:
    """Level and slope with the other kind of errors: HAC beside AR, AR beside HAC."""
    method = "hac" if main.method != "hac" else "ar1"
    other = replace(main, method=method, fit=ENGINES[method](main.series.y, main.plan))
    return [
        other.row(analysis, metric, other.fit.weights({term: 1.0}), estimand=estimand, term=term)
        for estimand, term in ((LEVEL, "level"), (SLOPE, "slope"))
    ]


def _placebo_rows(
    analysis: Analysis, metric: Metric, found: Prepared, main: Fitted, placebos: list[Placebo]
) -> list[Row]:
    """The level change at each placebo date, from the pre-period alone."""
    rows = []
    for placebo in placebos if analysis.is_main else ():
        period = label(found.calendar.periods[placebo.index])
        part = replace(main, series=main.series.cut(main.series.start, placebo.index))
        row = part.row_of(analysis, metric, placebo.level, estimand=LEVEL, term="level",
                          period=period, p_adjusted=placebo.p_adjusted)  # fmt: skip
        rows.append(row | {"analysis": f"placebo:{period}"})
    return rows


def _alternatives(analysis: Analysis, metric: Metric, rows: Rows) -> list[Row]:
    """The listed alternatives, each as its own analysis."""
    made = []
    listed = analysis.study.alternatives if analysis.is_main else frozenset[str]()
    for name in sorted(listed):
        method = name if name in ENGINES else analysis.method
        found = prepared(analysis, metric, rows, has_controls=name != "no_covariates")
        if name == "no_seasonality" and found.series is not None:
            found = replace(found, series=replace(found.series, season=None))
        other, reason, _ = modelled(found, method, has_slope=name != "level_only")
        if other is None:
            own = refused(analysis, metric, reason or "insufficient_data", estimand=LEVEL,
                          term="level")  # fmt: skip
        else:
            own = [other.row(analysis, metric, at_period(other.fit, 0), estimand=LEVEL,
                             term="level")]  # fmt: skip
        made += [row | {"analysis": f"robustness:{name}", "is_headline": False} for row in own]
    return made


def _curves(analysis: Analysis, metric: Metric, found: Prepared, main: Fitted) -> list[Row]:
    """Observed, fitted and projected series, and the effect summed up to each period."""
    if not analysis.is_main:
        return []
    fit, series = main.fit, main.series
    places = [_place(found, index) for index in range(len(series.y))]
    observed = [place | {"y": float(series.y[index])} for index, place in enumerate(places)
                if index not in series.missing]  # fmt: skip
    rows = curve(analysis, metric, "its_fit", observed, series="observed")
    for name, band in (("fitted", fitted(fit, main.plan, analysis.alpha)),
                       ("projected", projection(fit, main.plan, analysis.alpha))):  # fmt: skip
        points = [place | {"y": float(band.line[index]), "y_low": float(band.low[index]),
                           "y_high": float(band.high[index])}
                  for index, place in enumerate(places)]  # fmt: skip
        rows += curve(analysis, metric, "its_fit", points, series=name, band_kind="pointwise")
    sums = []
    for index in range(series.start, len(series.y)):
        result = effect(fit, summed(fit, index + 1 - series.start), analysis.alpha, main.size)
        sums.append(places[index] | {"y": result.estimate, "y_low": result.ci_low,
                                     "y_high": result.ci_high})  # fmt: skip
    return rows + curve(analysis, metric, "cumulative_effect", sums, band_kind="pointwise")


def _place(found: Prepared, index: int) -> dict[str, Any]:
    """Where a period lies on the axis of a curve."""
    period = found.calendar.periods[index]
    on_axis = {"x": period} if isinstance(period, float) else {"x": float(index), "x_date": period}
    return {**on_axis, "x_label": label(period)}
