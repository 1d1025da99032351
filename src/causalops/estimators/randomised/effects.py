"""Estimate rows of one metric and one variant against the control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from causalops.estimators.randomised.clustered import Arms, clustered
from causalops.estimators.randomised.contrasts import Contrast, Strata, contrast
from causalops.estimators.randomised.inputs import ENCOURAGEMENT, Experiment, Metric
from causalops.inference import (
    Inference,
    difference,
    finite,
    lift_delta,
    lift_fieller,
    minimum_detectable,
    one_sided,
    unavailable,
)
from causalops.reasons import REASONS
from causalops.results import Row, as_json, changed, estimate_row

TWO_STAGE = "2sls"
ENGINES = {
    "cuped": "cuped",
    "lin": "lin",
    "difference_in_means": "unadjusted",
    "ratio": "unadjusted",
}
_ESTIMANDS = {"aa_test": "none", ENCOURAGEMENT: "itt"}
_UNEVEN = 0.3  # below this share of a contrast, separate slopes are the default


@dataclass(frozen=True)
class Comparison:
    """What is compared: the key of the rows, and what the small tables say about the units.

    With `clusters`, the totals of both arms, errors are those of clusters.
    """

    experiment: Experiment
    metric: Metric
    variant: str
    analysis: str = "main"
    population: str = "exposed"
    segment_dim: str = "all"
    segment_value: str = "all"
    is_immature: bool = False
    is_cap_ignored: bool = False
    facts: Mapping[str, Any] | None = None
    clusters: Arms | None = None

    @property
    def is_overall(self) -> bool:
        """Whether the rows are about all units of the main analysis."""
        return (self.analysis, self.population, self.segment_dim) == ("main", "exposed", "all")

    @property
    def is_headline(self) -> bool:
        """Whether the effect of assignment is the headline: not where the treatment's own is."""
        return self.is_overall and self.experiment.design != ENCOURAGEMENT


def headline_method(experiment: Experiment, metric: Metric, variant: str) -> str:
    """The configured method; by default `lin` where the contrast's planned shares are uneven."""
    if not metric.is_default_method or metric.method not in ("cuped", "lin") or metric.is_ratio:
        return metric.method
    pair = [experiment.weights.get(name) for name in (variant, experiment.control)]
    known = [weight for weight in pair if weight is not None]
    if len(known) < 2:
        return "cuped"
    return "lin" if min(known) / sum(known) < _UNEVEN else "cuped"


def compare(strata: Strata, metric: Metric, method: str) -> Contrast:
    """The contrast by one of the result table's method names."""
    return contrast(strata, ratio=metric.is_ratio, method=ENGINES[method], names=metric.covariates)


def found_by(what: Comparison, strata: Strata, method: str) -> Contrast:
    """The contrast of `what` by a method, with the errors of clusters where there are any."""
    found = compare(strata, what.metric, method)
    if what.clusters is None:
        return found
    # CR1 in an encouragement: one error for the effects of assignment and of the treatment.
    return clustered(found, what.clusters, cluster_kind(what.experiment))


def cluster_kind(experiment: Experiment) -> str:
    """The errors of clusters: CR2, or CR1 where the headline is a ratio of two effects."""
    return "cr1" if experiment.design == ENCOURAGEMENT else "cr2"


def effect_rows(what: Comparison, strata: Strata) -> list[Row]:
    """Absolute and relative effect, the unadjusted and Fieller companions, non-inferiority."""
    metric = what.metric
    method = headline_method(what.experiment, metric, what.variant)
    if method not in ENGINES:
        return empty_rows(what, "method_not_available", "skipped")
    found = found_by(what, strata, method)
    plain = found if method == metric.plain_method else found_by(what, strata, metric.plain_method)
    shared = _contrast_row(what, found, method)
    rows = [_absolute(what, found, shared, what.is_headline, plain)]
    if what.segment_dim != "all":
        return rows
    if found is not plain and what.analysis == "main":
        beside = _contrast_row(what, plain, metric.plain_method)
        rows.append(_absolute(what, plain, beside, False, None))
    lift = _lift(found, lift_delta, metric.alpha)
    rows.append(_with_inference(shared, what, found, lift, is_headline=what.is_headline,
                                scale="relative", ci_kind="delta", se_kind="delta"))  # fmt: skip
    if what.analysis == "main":
        fieller = _lift(found, lift_fieller, metric.alpha)
        rows.append(_with_inference(shared, what, found, fieller, scale="relative",
                                    ci_kind="fieller"))  # fmt: skip
    if what.is_headline and metric.role == "guardrail" and metric.margin is not None:
        rows.append(margin_row(what, found, lift, method, metric.margin))
    return rows


def plain_rows(what: Comparison, strata: Strata, method: str) -> list[Row]:
    """Absolute and relative effect by one method, never headline: a robustness analysis."""
    found = found_by(what, strata, method)
    lift = _lift(found, lift_delta, what.metric.alpha)
    shared = _contrast_row(what, found, method)
    return [
        _absolute(what, found, shared, False, None),
        _with_inference(shared, what, found, lift, scale="relative", ci_kind="delta",
                        se_kind="delta"),
    ]  # fmt: skip


def empty_rows(what: Comparison, reason: str, status: str, message: str | None = None) -> list[Row]:
    """The headline rows, which must exist although nothing could be computed."""
    nothing = contrast([])
    missing = unavailable(reason, None, status)
    rows = []
    for scale in ("absolute", "relative"):
        ci_kind = "fixed" if scale == "absolute" else "delta"
        row = row_of(what, nothing, missing, what.metric.method, is_headline=what.is_overall,
                     scale=scale, ci_kind=ci_kind)  # fmt: skip
        rows.append(row | {"message": message or row["message"]} | headline_key(what, scale))
    return rows


def headline_key(what: Comparison, scale: str) -> Row:
    """What names the headline row of an encouragement; elsewhere the row's own words do."""
    if what.experiment.design != ENCOURAGEMENT:
        return {}
    method = TWO_STAGE
    found = headline_method(what.experiment, what.metric, what.variant)
    if found in ("cuped", "lin") and not what.metric.is_ratio:
        method = f"{TWO_STAGE}_{found}"
    ci_kind = "anderson_rubin" if scale == "absolute" else "delta"
    return {"estimand": "cace", "method": method, "ci_kind": ci_kind}


def inference_of(found: Contrast, alpha: float) -> Inference:
    """Two-sided test of a contrast."""
    if found.reason is not None or found.effect is None or found.variance is None:
        return unavailable(found.reason or "no_units", found.effect)
    return difference(found.effect, found.variance, found.df, alpha, found.scale)


def _absolute(
    what: Comparison, found: Contrast, shared: Row, is_headline: bool, plain: Contrast | None
) -> Row:
    se_kind = found.se_kind or ("delta" if what.metric.is_ratio else "welch")
    result = inference_of(found, what.metric.alpha)
    row = _with_inference(shared, what, found, result, is_headline=is_headline, se_kind=se_kind)
    if plain is not None and plain is not found and plain.variance and found.variance is not None:
        row["variance_reduction"] = finite(1 - found.variance / plain.variance)
    return row


def _lift(found: Contrast, by: Any, alpha: float) -> Inference:
    if found.reason is not None or found.levels is None:
        return unavailable(found.reason or "no_units")
    result: Inference = by(found.levels, alpha)
    return result


def margin_row(
    what: Comparison, found: Contrast, lift: Inference, method: str, margin: float
) -> Row:
    """Whether the metric is not worse than the margin, one-sided at alpha."""
    is_increase = what.metric.desired != "decrease"
    test = one_sided(lift, -margin if is_increase else margin,
                     "greater" if is_increase else "less", what.metric.alpha)  # fmt: skip
    return row_of(what, found, test, method, scale="relative", ci_kind="delta", se_kind="delta",
                  test="non_inferiority")  # fmt: skip


def row_of(
    what: Comparison, found: Contrast, result: Inference, method: str, **extra: Any
) -> Row:
    """The result row of a contrast with its inference; `extra` are the row's other columns."""
    return _with_inference(_contrast_row(what, found, method), what, found, result, **extra)


def _contrast_row(what: Comparison, found: Contrast, method: str) -> Row:
    """A row of everything but the inference: the columns that rows of one contrast share."""
    metric, experiment = what.metric, what.experiment
    n_clusters = found.n_clusters or (None, None)
    return estimate_row(
        experiment_id=experiment.id, design=experiment.design, analysis=what.analysis,
        metric=metric.name, metric_role=metric.role, estimand=_estimand(what),
        parameter_name="quantile" if metric.is_quantile else "none",
        parameter=metric.quantiles[0] if metric.is_quantile else None,
        method=method, variant=what.variant, baseline=experiment.control,
        segment_dim=what.segment_dim, segment_value=what.segment_value, population=what.population,
        window_start=metric.window_start, window_end=metric.mature_days, ci_level=1 - metric.alpha,
        n_variant=found.variant.n, n_baseline=found.baseline.n,
        n_clusters_variant=n_clusters[0], n_clusters_baseline=n_clusters[1],
        mean_variant=found.variant.mean, mean_baseline=found.baseline.mean,
        sd_variant=found.variant.sd, sd_baseline=found.baseline.sd,
        details=_details(what, found, method),
    )  # fmt: skip


def _with_inference(
    base: Row, what: Comparison, found: Contrast, result: Inference, **extra: Any
) -> Row:
    """The contrast's row with an inference; an error without a number is of no kind."""
    status, reason = result.status, result.reason_code
    if reason in ("no_units", "empty_arm") and what.is_immature:
        reason = "immature"
    note = found.note or ("cap_not_applied" if what.is_cap_ignored else None)
    is_told = note not in _ADJUSTMENT_NOTES or _is_adjusted(base["method"])
    if status == "ok" and note is not None and is_told:
        status, reason = "warning", note
    if result.std_error is None:
        extra["se_kind"] = "none"
    if result.pieces:
        extra["details"] = _details(what, found, base["method"], result.pieces)
    return changed(
        base,
        estimate=result.estimate,
        std_error=result.std_error,
        df=result.df,
        statistic=result.statistic,
        p_value=result.p_value,
        alternative=result.alternative,
        null_value=result.null_value,
        ci_low=result.ci_low,
        ci_high=result.ci_high,
        ci_shape=result.ci_shape,
        mde=minimum_detectable(result.std_error, what.metric.alpha),
        status=status,
        reason_code=reason,
        message=_message(reason, found),
        **extra,
    )


def _is_adjusted(method: str) -> bool:
    return ENGINES.get(method.removeprefix(f"{TWO_STAGE}_")) in ("cuped", "lin")


def _estimand(what: Comparison) -> str:
    if what.metric.is_quantile and what.experiment.design != "aa_test":
        return "qte"
    return _ESTIMANDS.get(what.experiment.design, "ate")


_ADJUSTMENT_NOTES = ("no_adjustment", "covariate_dropped")


def _message(reason: str | None, found: Contrast) -> str | None:
    if reason is None:
        return None
    text = REASONS[reason]
    if reason in _ADJUSTMENT_NOTES and found.dropped:
        listed = ", ".join(f"{name} ({why})" for name, why in found.dropped.items())
        return f"{text} Left out: {listed}."
    if reason == "stratum_without_arm" and found.dropped_share > 0:
        return f"{text} They hold {found.dropped_share:.1%} of the units."
    return text


def _details(
    what: Comparison, found: Contrast, method: str, pieces: Sequence[Any] = ()
) -> str | None:
    details: dict[str, Any] = dict(what.facts or {})
    if _is_adjusted(method):
        details |= {"theta": found.theta, "rho": found.rho}
        if found.dropped:
            details["dropped_covariates"] = found.dropped
    if found.dropped_share > 0:
        details["dropped_share"] = found.dropped_share
    if pieces:
        details["ci_pieces"] = pieces
    known = {key: value for key, value in details.items() if value is not None and value != {}}
    return as_json(known) if known else None
