"""Encouragement designs: units are invited at random, and not all of them do as they were asked.

The effect of assignment (itt) has the rows of an A/B test. The headline is the effect of the
treatment on compliers (cace), by 2SLS, with the Anderson-Rubin set as its interval. Comparisons by
treatment received (as treated, per protocol) are not offered: they compare different people.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from causalops.estimators.randomised import compliance as cp
from causalops.estimators.randomised.analysis import (
    Tables,
    by_first_variant,
    experiment_rows,
    guarded_check,
    two_arm_rows,
)
from causalops.estimators.randomised.effects import (
    TWO_STAGE,
    Comparison,
    empty_rows,
    headline_key,
    inference_of,
    margin_row,
    row_of,
)
from causalops.estimators.randomised.inputs import (
    ENCOURAGEMENT,
    Experiment,
    Metric,
    experiments,
)
from causalops.estimators.rulings import ruled
from causalops.inference import Inference, critical, finite, unavailable
from causalops.reasons import REASONS
from causalops.results import Row, check_row
from causalops.spec.words import UNKNOWN_CLUSTER

_PLACEBO_LEVEL = 0.05


def run(
    due: Any, registry: Any, moments: Any, profile: Any, caps: Any, daily: Any, counts: Any,
    clusters: Any,
) -> list[Row]:  # fmt: skip
    """Result rows of every due `encouragement` from the small tables of the warehouse."""
    tables = Tables.of(moments, profile, caps, daily, counts, clusters)
    rows: list[Row] = []
    for experiment in experiments(due, registry, [ENCOURAGEMENT]):
        found = experiment_rows(experiment, tables, _metric_rows)
        for metric in experiment.main():
            found += guarded_check(experiment, "first_stage_strength", metric.name,
                                   _strength_rows, metric, tables)  # fmt: skip
        found += guarded_check(experiment, "placebo", "none", _placebo_rows, found)
        found += guarded_check(experiment, "cluster_unknown", "none", _cluster_rows)
        rows += [_noted(experiment, row) for row in found]
    return rows


def _metric_rows(what: Comparison, tables: Tables) -> list[Row]:
    """Every estimate of one metric and variant: the effects of assignment, then of treatment."""
    rows = two_arm_rows(what, tables)
    if what.metric.is_ratio:
        return rows + (empty_rows(what, "method_not_available", "skipped")
                       if what.metric.analysis == "main" else [])  # fmt: skip
    if what.metric.analysis != "main":
        return rows + _cace_rows(what, measured(what, tables))
    measure = measured(what, tables)
    rows += _cace_rows(what, measure) + _beside(what, measure, measured(what, tables, plain=True))
    for dim, value in sorted(_segments(what, tables)):
        key = (what.experiment, what.variant, "main", what.metric.name, "exposed", dim, value)
        part = replace(what, segment_dim=dim, segment_value=value, facts=None,
                       clusters=tables.totals_of(*key))  # fmt: skip
        rows += _cace_rows(part, measured(part, tables))
    if "unadjusted" in what.experiment.robustness:
        part = replace(what, analysis="robustness:unadjusted")
        rows += _cace_rows(part, measured(what, tables, plain=True), TWO_STAGE)
    if tables.totals.get(what.experiment.id, {}).get("n_crossover"):
        part = by_first_variant(what, tables)
        rows += _cace_rows(part, measured(part, tables, ("exposed", "crossover")))
    return rows


def _segments(what: Comparison, tables: Tables) -> list[tuple[Any, ...]]:
    keys = tables.cells.keys(what.experiment.id, "main", what.metric.name, "exposed")
    return [key for key in keys if key[0] != "all"]


def measured(
    what: Comparison, tables: Tables, populations: Sequence[str] = ("exposed",), plain: bool = False
) -> cp.Measure:
    """Contrasts of any mix by the headline's method (`plain`: unadjusted), clustered if need be."""
    strata = tables.halves(what.experiment, what.variant, what.metric.analysis, what.metric.name,
                           populations, what.segment_dim, what.segment_value)  # fmt: skip
    engine = "unadjusted" if plain else _engine(what)
    measure = cp.from_halves(strata, engine, what.metric.covariates)
    return measure if what.clusters is None else cp.with_clusters(measure, what.clusters)


def _engine(what: Comparison) -> str:
    return _method(what).removeprefix(TWO_STAGE).removeprefix("_") or "unadjusted"


def _method(what: Comparison) -> str:
    return str(headline_key(what, "absolute")["method"])


def _cace_rows(what: Comparison, measure: cp.Measure, method: str | None = None) -> list[Row]:
    """The complier effect, absolute with its Anderson-Rubin set, and relative to compliers
    without treatment where there is no segment; headlines where `what` is the main comparison."""
    method = method or _method(what)
    alpha, reason = what.metric.alpha, cp.problem(measure)
    found = cp.wald(measure)
    what = replace(what, facts={**(what.facts or {}), **_facts(measure)})
    results: dict[str, Inference] = {
        "absolute": unavailable(reason) if reason else cp.anderson_rubin(measure, alpha),
        "relative": unavailable(reason) if reason else cp.relative(measure, alpha),
    }
    rows: list[Row] = []
    for scale, result in results.items():
        if scale == "relative" and what.segment_dim != "all":
            continue
        key = headline_key(what, scale) | {"method": method}
        error = found.se_kind or "hc0" if scale == "absolute" else "delta"
        row = row_of(what, found, result, method, scale=scale, se_kind=error,
                     is_headline=what.is_overall)  # fmt: skip
        rows.append(_judged(row | key, measure))
    if what.is_overall and what.metric.role == "guardrail" and what.metric.margin is not None:
        row = margin_row(what, found, results["relative"], method, what.metric.margin)
        rows.append(_judged(row | {"estimand": "cace"}, measure))
    return rows


def _beside(what: Comparison, measure: cp.Measure, plain: cp.Measure) -> list[Row]:
    """What stands beside the headline: first stage, Wald interval, unadjusted effect, groups."""
    rows = [_first_stage(what, measure)]
    if cp.problem(measure) is not None:
        return rows
    found, method = cp.wald(measure), _method(what)
    result = inference_of(found, what.metric.alpha)
    strength = cp.strength(measure)
    row = row_of(what, found, result, method, se_kind=found.se_kind or "hc0")
    row = _judged(row | {"estimand": "cace"}, measure)
    if strength is not None and strength < cp.T_TEST_F:
        row = _with(row, "warning", "wald_unreliable")
    rows.append(row)
    if method != TWO_STAGE:
        beside = _cace_rows(replace(what, facts=None), plain, TWO_STAGE)[:1]
        rows += [row | {"is_headline": False} for row in beside]
    return rows + _terms(what, plain)


def _first_stage(what: Comparison, measure: cp.Measure) -> Row:
    """The share of units that assignment moved, as a contrast of the shares that received."""
    found = measure(cp.RECEIVED)
    result = inference_of(found, what.metric.alpha)
    if cp.problem(measure) == "no_variation_received":
        result = unavailable("no_variation_received", found.effect)
    elif result.reason_code == "zero_variance":
        result = Inference(estimate=found.effect, reason_code="full_compliance")
    method = _method(what).removeprefix(f"{TWO_STAGE}_")
    method = what.metric.plain_method if method == TWO_STAGE else method
    row = row_of(what, found, result, method, se_kind=found.se_kind or "hc0")
    return row | {"estimand": "first_stage"}


def _terms(what: Comparison, measure: cp.Measure) -> list[Row]:
    """Shares and means of compliers, always-takers and never-takers, unadjusted."""
    outcome = measure(cp.OUTCOME)
    reach = critical(1 - what.metric.alpha / 2, outcome.df)
    rows = []
    for term, level in cp.terms(measure).items():
        error = math.sqrt(max(level.variance, 0.0))
        bounds = [level.estimate - reach * error, level.estimate + reach * error]
        if term.startswith("share_"):
            bounds = [min(max(bound, 0.0), 1.0) for bound in bounds]
        result = Inference(
            estimate=finite(level.estimate), std_error=error, df=outcome.df,
            ci_low=bounds[0], ci_high=bounds[1], ci_shape="interval",
        )  # fmt: skip
        row = row_of(what, outcome, result, TWO_STAGE, term=term, se_kind=outcome.se_kind or "hc0")
        population = "compliers" if term.startswith("complier") else "exposed"
        key = {"estimand": "cace", "baseline": "none", "population": population, "mde": None}
        rows.append(_judged(row | key, measure))
    return rows


def _facts(measure: cp.Measure) -> dict[str, Any]:
    """First stage, its F, and on which side assignment was not followed."""
    found = measure(cp.RECEIVED)
    never = found.baseline.mean == 0, found.variant.mean == 1
    sides = {(True, True): "none", (True, False): "variant_only", (False, True): "control_only"}
    return {
        "first_stage": finite(found.effect),
        "f_robust": finite(cp.strength(measure)),
        "non_compliance": sides.get(never, "both") if found.baseline.mean is not None else None,
    }


def _judged(row: Row, measure: cp.Measure) -> Row:
    """Blocked where assignment lowered the share that received; a weak first stage warns."""
    effect, strength = measure(cp.RECEIVED).effect, cp.strength(measure)
    if row["status"] not in ("ok", "warning") or effect is None:
        return row
    if effect < 0:
        return _with(row, "blocked", "negative_first_stage")
    if strength is not None and strength < cp.WEAK_F:
        # Says more than any other warning: only the Anderson-Rubin set can be read.
        return _with(row | {"status": "ok"}, "warning", "weak_instrument")
    return row


def _with(row: Row, status: str, reason: str) -> Row:
    """A row with a status and its reason; a blocked one stays blocked."""
    if row["status"] == "blocked" or (status == "warning" and row["status"] != "ok"):
        return row
    return row | {"status": status, "reason_code": reason, "message": REASONS[reason]}


def _strength_rows(experiment: Experiment, metric: Metric, tables: Tables) -> list[Row]:
    """Is the first stage there, and strong? F by variant over the metric's own units."""
    rows: list[Row] = []
    for variant in experiment.treatments if not metric.is_quantile else ():
        clusters = tables.totals_of(experiment, variant, "main", metric.name)
        what = Comparison(experiment, metric, variant, clusters=clusters)
        measure = measured(what, tables, plain=metric.is_ratio)
        found, reason = measure(cp.RECEIVED), cp.problem(measure)
        strength = cp.strength(measure)
        status = "not_run" if reason else "pass"
        if reason in ("no_variation_received", "no_compliers"):
            status = "fail"
        elif reason is None and (found.effect or 0.0) < 0:
            status, reason = "fail", "negative_first_stage"
        elif reason is None and strength is not None and strength < cp.WEAK_F:
            status, reason = "warn", "weak_instrument"
        rows.append(ruled(experiment, check_row(
            experiment_id=experiment.id, check_name="first_stage_strength", metric=metric.name,
            variant=variant, baseline=experiment.control, statistic=finite(strength),
            value=finite(found.effect), value_name="first_stage", threshold=cp.WEAK_F,
            n=found.variant.n + found.baseline.n, status=status, reason_code=reason,
            message=REASONS[reason] if reason else None,
            details=json.dumps({"t_test_threshold": cp.T_TEST_F}),
        )))  # fmt: skip
    return rows


def _placebo_rows(experiment: Experiment, rows: Sequence[Row]) -> list[Row]:
    """A placebo cannot be affected: an effect on it speaks against the groups or the exclusion."""
    made = []
    for row in rows:
        if row["metric_role"] != "placebo" or not row["is_headline"] or row["scale"] != "absolute":
            continue
        p_value = row["p_value"]
        is_off = p_value is not None and p_value < _PLACEBO_LEVEL
        reason = "placebo_effect" if is_off else None if p_value is not None else row["reason_code"]
        made.append(ruled(experiment, check_row(
            experiment_id=experiment.id, check_name="placebo", metric=row["metric"],
            variant=row["variant"], baseline=row["baseline"], statistic=row["statistic"],
            df=row["df"], p_value=p_value, value=row["estimate"], value_name="cace",
            threshold=_PLACEBO_LEVEL, n=(row["n_variant"] or 0) + (row["n_baseline"] or 0),
            status="warn" if is_off else "pass" if p_value is not None else "not_run",
            reason_code=reason, message=REASONS[reason] if reason else None,
        )))  # fmt: skip
    return made


def _cluster_rows(experiment: Experiment) -> list[Row]:
    """Whole groups were randomised, and nobody knows which unit was in which."""
    if experiment.cluster != UNKNOWN_CLUSTER:
        return []
    reason = "cluster_unknown"
    return [ruled(experiment, check_row(
        experiment_id=experiment.id, check_name=reason, status="warn", reason_code=reason,
        message=REASONS[reason],
    ))]  # fmt: skip


def _noted(experiment: Experiment, row: Row) -> Row:
    """Estimates whose errors ignore clusters say so; curves are those of assignment."""
    if row["row_kind"] == "estimate" and experiment.cluster == UNKNOWN_CLUSTER:
        return _with(row, "warning", "cluster_unknown")
    if row["row_kind"] == "curve" and row["series"] == "effect":
        return row | {"series": "itt"}
    return row
