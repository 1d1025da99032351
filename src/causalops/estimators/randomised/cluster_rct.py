"""Cluster-randomised trials: the effect of each variant with errors of whole clusters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from causalops.estimators.randomised.analysis import (
    Tables,
    experiment_rows,
    guarded_check,
    two_arm_rows,
)
from causalops.estimators.randomised.clustered import (
    Arms,
    cluster_means,
    clustered,
    correlation,
    effect_residuals,
)
from causalops.estimators.randomised.contrasts import Contrast, Strata
from causalops.estimators.randomised.effects import (
    Comparison,
    compare,
    headline_method,
    inference_of,
    row_of,
)
from causalops.estimators.randomised.few_clusters import WEBB_BELOW, randomisation, wild_bootstrap
from causalops.estimators.randomised.inputs import Experiment, Metric, experiments
from causalops.estimators.rulings import ruled
from causalops.reasons import REASONS
from causalops.results import Row, as_json, check_row

DESIGN = "cluster_rct"
BOOTSTRAP_BELOW = 40  # clusters in both arms
PERMUTATION_BELOW = WEBB_BELOW


def run(
    due: Any, registry: Any, moments: Any, profile: Any, caps: Any, daily: Any, counts: Any,
    clusters: Any,
) -> list[Row]:  # fmt: skip
    """Result rows of every due `cluster_rct` from the small tables of the warehouse."""
    tables = Tables.of(moments, profile, caps, daily, counts, clusters)
    rows: list[Row] = []
    for experiment in experiments(due, registry, [DESIGN]):
        rows += experiment_rows(experiment, tables, _metric_rows)
        for metric in (metric for metric in experiment.main() if not metric.is_quantile):
            rows += guarded_check(experiment, "icc", metric.name, _icc_rows, metric, tables)
    return rows


def _metric_rows(what: Comparison, tables: Tables) -> list[Row]:
    """The rows of two arms, and beside the headline what clusters add."""
    rows = two_arm_rows(what, tables)
    method = headline_method(what.experiment, what.metric, what.variant)
    if what.metric.analysis != "main" or what.clusters is None:
        return rows
    strata = tables.strata(what.experiment, what.variant, "main", what.metric.name)
    found = compare(strata, what.metric, method)
    return rows + _other_errors(what, found, what.clusters, method) + _average(what, what.clusters)


def _other_errors(what: Comparison, found: Contrast, arms: Arms, method: str) -> list[Row]:
    """The headline's effect with CR1, and with few clusters by bootstrap and randomisation."""
    usual = clustered(found, arms, "cr1")
    rows = [
        row_of(replace(what, analysis="robustness:cr1"), usual,
               inference_of(usual, what.metric.alpha), method, se_kind="cr1")
    ]  # fmt: skip
    if usual.reason is not None or usual.effect is None:
        return rows
    n_clusters, (first, second) = sum(usual.n_clusters or ()), effect_residuals(found, arms)
    settings = (usual.effect, first, second, what.metric.alpha, what.experiment.seed)
    if n_clusters < BOOTSTRAP_BELOW:
        result = wild_bootstrap(*settings, scale=usual.scale)
        rows.append(row_of(what, usual, result, method, ci_kind="bootstrap"))
    if n_clusters < PERMUTATION_BELOW:
        result = randomisation(*settings, scale=usual.scale)
        rows.append(row_of(what, usual, result, method, ci_kind="permutation"))
    return rows


def _average(what: Comparison, arms: Arms) -> list[Row]:
    """The estimand in which every cluster counts once, unadjusted."""
    found = cluster_means(arms, what.metric.is_ratio)
    result = inference_of(found, what.metric.alpha)
    row = row_of(what, found, result, "cluster_means", se_kind="welch")
    return [row | {"estimand": "ate_cluster_average"}]


def _icc_rows(experiment: Experiment, metric: Metric, tables: Tables) -> list[Row]:
    """Intraclass correlation within arms, and by variant how much clusters widen the error."""
    if metric.is_quantile:
        return []
    arms: dict[str, Any] = {}
    effects: dict[str, float | None] = {}
    value, reason = None, None
    for variant in experiment.treatments:
        strata = tables.strata(experiment, variant, "main", metric.name)
        totals = tables.totals_of(experiment, variant, "main", metric.name)
        plain = compare(strata, metric, metric.plain_method)
        reason = reason or plain.reason
        if totals is None:
            continue
        effects[variant] = design_effect(strata, metric, totals)
        sides = zip((variant, experiment.control), (plain.variant, plain.baseline), totals,
                    strict=True)  # fmt: skip
        arms |= {name: (total, arm.sd) for name, arm, total in sides if arm.sd is not None}
    if arms:
        value, reason = correlation(arms, metric.is_ratio)
    elif reason is None:
        reason = "no_units"
    row = check_row(
        experiment_id=experiment.id, check_name="icc", metric=metric.name, population="analysed",
        value=value, value_name="intraclass_correlation",
        n=sum(total.n_clusters for total, _ in arms.values()),
        status="not_run" if reason else "pass", reason_code=reason,
        message=REASONS[reason] if reason else None,
        details=as_json({"design_effect": effects}),
    )  # fmt: skip
    return [ruled(experiment, row)]


def design_effect(strata: Strata, metric: Metric, totals: Arms) -> float | None:
    """Variance of the unadjusted effect with clusters over that with independent units."""
    plain = compare(strata, metric, metric.plain_method)
    whole = clustered(plain, totals)
    if not plain.variance or whole.variance is None:
        return None
    return whole.variance / plain.variance
