"""Curves of one metric: covariate balance, the effect so far, the effect by day of exposure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from causalops.estimators.randomised.cohorts import grown
from causalops.estimators.randomised.contrasts import Contrast, Strata
from causalops.estimators.randomised.effects import compare, headline_method, inference_of
from causalops.estimators.randomised.inputs import Experiment, Metric
from causalops.estimators.randomised.looking import curve_point
from causalops.moments import EMPTY
from causalops.results import Row, curve_row

if TYPE_CHECKING:
    from causalops.estimators.randomised.analysis import Tables


# The daily tables hold no clusters, so that their bands would be those of independent units.
_NO_BAND: Row = {"y_low": None, "y_high": None, "band_kind": "none"}


def metric_rows(experiment: Experiment, metric: Metric, tables: Tables) -> list[Row]:
    """Both time curves of a metric, for every variant against the control."""
    rows: list[Row] = []
    if metric.is_quantile:  # days of moments give no quantile
        return rows
    for variant in experiment.treatments:
        rows += _cumulative(experiment, metric, variant, tables)
        rows += _by_exposure_day(experiment, metric, variant, tables)
    return rows


def _cumulative(experiment: Experiment, metric: Metric, variant: str, tables: Tables) -> list[Row]:
    """The effect over the cohorts whose window had closed by each day: pointwise bands, and the
    always-valid ones beside them."""
    method = headline_method(experiment, metric, variant)
    rows: list[Row] = []
    for seq, (closed, arms) in enumerate(grown(experiment, metric, variant, tables)):
        found = compare([arms], metric, method)
        point = _point(experiment, metric, variant, found, "cumulative_effect", seq)
        rows.append((point if not experiment.has_clusters else point | _NO_BAND)
                    | {"x": float(seq), "x_date": closed})  # fmt: skip
        rows += curve_point(experiment, metric, rows[-1], found)
    return rows


def _by_exposure_day(
    experiment: Experiment, metric: Metric, variant: str, tables: Tables
) -> list[Row]:
    """The effect on each day since exposure, over a fixed set of mature units (unadjusted)."""
    rows: list[Row] = []
    keys = tables.daily.keys(experiment.id, metric.name, "offset")
    for key in sorted(keys, key=lambda key: int(key[1])):
        blocks = [
            tables.daily.arm(name, experiment.id, metric.name, "offset", *key).get("all", EMPTY)
            for name in (variant, experiment.control)
        ]
        strata: Strata = [(blocks[0], blocks[1])]
        found = compare(strata, metric, metric.plain_method)
        point = _point(experiment, metric, variant, found, "effect_by_exposure_day", len(rows))
        rows.append((point if not experiment.has_clusters else point | _NO_BAND)
                    | {"x": float(key[1])})  # fmt: skip
    return rows


def _point(
    experiment: Experiment, metric: Metric, variant: str, found: Contrast, curve: str, seq: int
) -> Row:
    result = inference_of(found, metric.alpha)
    return curve_row(
        experiment_id=experiment.id, metric=metric.name, curve=curve, variant=variant,
        baseline=experiment.control, seq=seq, y=result.estimate, y_low=result.ci_low,
        y_high=result.ci_high, band_kind="none" if result.ci_low is None else "pointwise",
        n=found.variant.n + found.baseline.n,
    )  # fmt: skip
