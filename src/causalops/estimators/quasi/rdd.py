"""Regression discontinuity: the rows of every experiment, sharp or fuzzy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from causalops.estimators.quasi import cutoff_checks as checks
from causalops.estimators.quasi.analysis import (
    estimate,
    refused,
    refused_alternatives,
    study_rows,
)
from causalops.estimators.quasi.cutoff_sample import Sample, sample
from causalops.estimators.quasi.fuzzy_cutoff import WEAK_F, FuzzyJump, fuzzy_jump
from causalops.estimators.quasi.inputs import Analysis, DatasetRows, Metric, Rows, studies
from causalops.estimators.quasi.local_polynomial import (
    DEFAULT,
    Bandwidths,
    Jump,
    Options,
    jump,
)
from causalops.estimators.quasi.rdd_checks import (
    Scores,
    quality_rows,
    refutation_rows,
    scatter_rows,
    score_rows,
    strength_row,
)
from causalops.estimators.quasi.row_quality import repeated_units
from causalops.frames import frame
from causalops.inference import Inference
from causalops.reasons import REASONS
from causalops.results import Row

HEADLINE = "robust_bias_corrected"
_OPTIONS = {"local_quadratic": Options(order=2), "uniform_kernel": Options(kernel="uniform")}
_FACTORS = {"half_bandwidth": 0.5, "double_bandwidth": 2.0}
_NEED_BANDWIDTHS = frozenset({*_FACTORS, "donut"})


def run(due: Any, registry: Any, rows: Any, bins: Any) -> list[Row]:
    """Rows of every due discontinuity; `bins` is the binned scatter of each metric."""
    data, scatter = DatasetRows(rows), frame(bins)

    def of(analysis: Analysis) -> Scores:
        own = scatter[scatter["experiment_id"] == analysis.study.id] if len(scatter) else scatter
        return Scores(data.of(analysis), own)

    made: list[Row] = []
    for study in studies(due, registry, "rdd"):
        is_fuzzy = study.analyses[0].settings["received"] is not None
        made += study_rows(study, _metric_rows, of, "rd_late" if is_fuzzy else "rd_effect")
    return made


def held(analysis: Analysis, rows: Rows, y: Any) -> Sample:
    """The complete rows of one outcome, as this analysis reads them."""
    settings = analysis.settings
    score = rows.role("score")
    return sample(
        y,
        score if score is not None else [],
        float(settings["cutoff"]),
        treated_above=settings["treated_side"] != "below",
        received=rows.role("received"),
        covariates=rows.matrix("covariate") if settings["covariates"] else None,
        clusters=rows.cluster if settings["cluster"] else None,
    )


def _metric_rows(analysis: Analysis, metric: Metric, data: Scores) -> list[Row]:
    estimand = "rd_effect" if analysis.settings["received"] is None else "rd_late"
    sound = quality_rows(analysis, metric, data)
    if repeated_units(analysis, data.rows):
        [head] = refused(analysis, metric, "duplicate_units", estimand=estimand,
                         population="bandwidth", ci_kind=HEADLINE)  # fmt: skip
        if not analysis.is_main:
            return [*sound, head]
        others = _withheld(analysis, metric, head, analysis.study.alternatives)
        return [*sound, head, *others]
    rows = held(analysis, data.rows, data.rows.metric(metric.name))
    found = _fit(rows, analysis)
    main = _jump(found)
    made = sound + _estimates(analysis, metric, rows, found, estimand)
    if analysis.is_main:
        made += score_rows(analysis, metric, data)
        made += scatter_rows(analysis, metric, data, rows, main)
        made += refutation_rows(analysis, metric, rows, main, _outcome(found))
        if isinstance(found, FuzzyJump):
            made.append(strength_row(analysis, metric, found))
        for name, (own, other) in _alternatives(analysis, rows, main.bandwidths).items():
            made.append(_row(
                replace(analysis, name=f"robustness:{name}"), metric, own, _jump(other),
                _told(_headline(other), other, estimand), estimand,
                options=_OPTIONS.get(name, DEFAULT),
            ))  # fmt: skip
        if main.bandwidths is None:
            [head] = [row for row in made if row["is_headline"]]
            missing = _NEED_BANDWIDTHS & analysis.study.alternatives
            made += _withheld(analysis, metric, head, missing)
    return made


def _withheld(analysis: Analysis, metric: Metric, head: Row, names: Iterable[str]) -> list[Row]:
    """Alternatives that are refused for the same reason as the headline."""
    rows = refused_alternatives(
        analysis, metric, names, head["reason_code"], estimand=head["estimand"],
        status=head["status"], population="bandwidth", ci_kind=HEADLINE,
    )  # fmt: skip
    return [row | {"message": head["message"]} for row in rows]


def _fit(
    rows: Sample, analysis: Analysis, bandwidths: Bandwidths | None = None,
    options: Options = DEFAULT,
) -> Jump | FuzzyJump:  # fmt: skip
    if rows.received is None:
        return jump(rows, analysis.alpha, bandwidths, options)
    return fuzzy_jump(rows, analysis.alpha, bandwidths, options)


def _jump(found: Jump | FuzzyJump) -> Jump:
    return found if isinstance(found, Jump) else found.late


def _outcome(found: Jump | FuzzyJump) -> Jump:
    """The jump of the outcome itself."""
    return found if isinstance(found, Jump) else found.itt


def _headline(found: Jump | FuzzyJump) -> Inference:
    return _jump(found).headline


def _alternatives(
    analysis: Analysis, rows: Sample, bandwidths: Bandwidths | None
) -> Mapping[str, tuple[Sample, Jump | FuzzyJump]]:
    """The listed alternatives, each with its rows.

    Those of other bandwidths and the donut need the main ones.
    """
    listed = analysis.study.alternatives
    made = {n: (rows, _fit(rows, analysis, None, o)) for n, o in _OPTIONS.items() if n in listed}
    for name, factor in _FACTORS.items():
        if name in listed and bandwidths is not None:
            made[name] = rows, _fit(rows, analysis, bandwidths.scaled(factor))
    if "donut" in listed and bandwidths is not None:
        radius = checks.DONUTS[-1] * min(bandwidths.h)
        rest = rows.only(np.abs(rows.x) > radius)
        made["donut"] = rest, _fit(rest, analysis, bandwidths)
    return dict(sorted(made.items()))


def _told(result: Inference, found: Jump | FuzzyJump, estimand: str) -> Inference:
    """What a reader of an estimate with an error has to know first.

    The first stage decides about the ratio alone: the jumps it is made of stand by themselves.
    """
    if result.std_error is None or result.status != "ok":
        return result
    if isinstance(found, FuzzyJump) and estimand == "rd_late":
        sign = found.first_stage.headline.estimate or 0.0
        if sign < 0:
            return replace(result, status="blocked", reason_code="negative_first_stage")
        if found.strength is not None and found.strength < WEAK_F:
            return replace(result, status="warning", reason_code="weak_instrument")
    warning = _jump(found).warning
    if warning is not None:
        return replace(result, status="warning", reason_code=warning)
    return result


def _estimates(
    analysis: Analysis, metric: Metric, rows: Sample, found: Jump | FuzzyJump, estimand: str
) -> list[Row]:
    main = _jump(found)

    def row(result: Inference, of: Jump, name: str, **values: Any) -> Row:
        seen = rows
        if name == "first_stage" and rows.received is not None:
            seen = replace(rows, y=rows.received)
        return _row(analysis, metric, seen, of, _told(result, found, name), name, **values)

    made = [
        row(main.headline, main, estimand, is_headline=True),
        row(main.conventional, main, estimand, ci_kind="conventional"),
        row(main.bias_corrected, main, estimand, ci_kind="bias_corrected"),
    ]
    if isinstance(found, FuzzyJump):
        made += [
            row(found.anderson_rubin, main, estimand, ci_kind="anderson_rubin"),
            row(found.itt.headline, found.itt, "rd_itt"),
            row(found.first_stage.headline, found.first_stage, "first_stage"),
        ]
    return made


def _row(
    analysis: Analysis, metric: Metric, rows: Sample, of: Jump, result: Inference, estimand: str,
    *, options: Options = DEFAULT, ci_kind: str = HEADLINE, is_headline: bool = False,
) -> Row:  # fmt: skip
    treated, untreated = (1, 0) if rows.treated_above else (0, 1)
    widths = of.bandwidths
    details: dict[str, Any] = {
        "n_below": of.n[0], "n_above": of.n[1], "order": options.order, "kernel": options.kernel,
    }  # fmt: skip
    if widths is not None:
        details |= {
            "h_below": widths.h[0], "h_above": widths.h[1], "b_below": widths.b[0],
            "b_above": widths.b[1], "n_b_below": of.n_b[0], "n_b_above": of.n_b[1],
            "level_below": of.levels[0], "level_above": of.levels[1],
        }  # fmt: skip
    means, sds = _arms(rows, widths)
    clusters = of.n_clusters
    made = estimate(
        analysis, metric, result, estimand=estimand, method=analysis.method, details=details,
        is_headline=is_headline, population="bandwidth", ci_kind=ci_kind,
        se_kind="abadie_imbens" if rows.clusters is None else "cr1",
        n_variant=of.n_h[treated], n_baseline=of.n_h[untreated],
        n_clusters_variant=None if clusters is None else clusters[treated],
        n_clusters_baseline=None if clusters is None else clusters[untreated],
        mean_variant=means[treated], mean_baseline=means[untreated],
        sd_variant=sds[treated], sd_baseline=sds[untreated],
    )  # fmt: skip
    code = result.reason_code
    if code is not None and of.message:
        made["message"] = f"{REASONS[code]} ({of.message})"
    return made


def _arms(
    rows: Sample, widths: Bandwidths | None
) -> tuple[tuple[float | None, float | None], tuple[float | None, float | None]]:
    """Means and standard deviations of y (below, above) within the bandwidth."""
    if widths is None:
        return (None, None), (None, None)
    near = (rows.x > -widths.h[0]) & (rows.x < widths.h[1])
    sides = rows.y[near & (rows.x < 0)], rows.y[near & (rows.x >= 0)]
    means = [float(side.mean()) if len(side) else None for side in sides]
    sds = [float(side.std(ddof=1)) if len(side) > 1 else None for side in sides]
    return (means[0], means[1]), (sds[0], sds[1])
