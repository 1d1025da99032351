"""Instrumental variables: the effect of a treatment on those whom the instruments move (LATE).

The headline is 2SLS (or LIML, by `method`) with robust or clustered errors. With one instrument
its interval is the Anderson-Rubin set; with several, whose set also shrinks when the instruments
disagree, the Wald interval, and the set stands beside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from causalops.estimators.quasi import anderson_rubin as ar
from causalops.estimators.quasi.analysis import curve, design_rows, estimate, refused
from causalops.estimators.quasi.gram_tables import (
    Block,
    Key,
    Projection,
    blocks,
    project,
    residuals_of,
)
from causalops.estimators.quasi.gram_tables import residuals as residual_rows
from causalops.estimators.quasi.inputs import Analysis, Metric
from causalops.estimators.quasi.iv_checks import check_rows
from causalops.estimators.quasi.iv_system import Instrumented, instrumented
from causalops.estimators.quasi.regression import CLASSIC, Fit
from causalops.estimators.quasi.two_stage import (
    first_stage,
    liml,
    ordinary,
    reduced_form,
    two_stage,
)
from causalops.estimators.randomised.compliance import T_TEST_F, WEAK_F
from causalops.inference import Inference
from causalops.results import Row

LATE = "late"
_FEW_CLUSTERS = 40  # below, CR1 rejects too often (Cameron & Miller 2015)
TWO_STAGE, LIML = "two_stage_least_squares", "liml"


@dataclass(frozen=True)
class Tables:
    """The two small tables of all due by block."""

    grams: dict[Key, Block]
    moments: dict[Key, list[dict[str, Any]]]


def run(due: Any, registry: Any, gram: Any, moments: Any) -> list[Row]:
    """Result rows of every due `iv` from its Gram matrices and residual moments."""
    tables = Tables(blocks(gram), residual_rows(moments))
    return design_rows("iv", due, registry, _metric_rows, lambda _: tables, LATE)


def _metric_rows(analysis: Analysis, metric: Metric, tables: Tables) -> list[Row]:
    key = (analysis.study.id, analysis.name, metric.name)
    block = tables.grams.get(key)
    if block is None or block.n == 0:
        return [*refused(analysis, metric, "too_few_rows", estimand=LATE),
                *check_rows(analysis, metric, block, None)]  # fmt: skip
    projection = project(block.gram)
    found = instrumented(analysis, block, projection, _moments(tables, key, analysis, projection))
    rows = [*_estimates(analysis, metric, found), *check_rows(analysis, metric, block, found)]
    return rows if found.reason_code is not None else rows + _curves(analysis, metric, found)


def _moments(tables: Tables, key: Key, analysis: Analysis, projection: Projection) -> Any:
    is_clustered = analysis.settings["cluster"] is not None
    return residuals_of(tables.moments.get(key, ()), projection, is_clustered)


def _estimates(analysis: Analysis, metric: Metric, found: Instrumented) -> list[Row]:
    if found.reason_code is not None:
        status = "failed" if found.reason_code == "not_finite" else "skipped"
        return refused(
            analysis, metric, found.reason_code, estimand=LATE, status=status,
            message=found.message, ci_kind=_headline_kind(analysis), **found.values,
        )  # fmt: skip
    fits = {TWO_STAGE: two_stage(found.system), LIML: liml(found.system).fit}
    rows: list[Row] = []
    for method in (analysis.method, *(name for name in fits if name != analysis.method)):
        rows += _late_rows(analysis, metric, found, fits[method], method)
    if analysis.is_main:
        rows += _beside(analysis, metric, found)
        rows += _listed(analysis, metric, found, fits[LIML])
    return rows


def _late_rows(
    analysis: Analysis, metric: Metric, found: Instrumented, fit: Fit, method: str
) -> list[Row]:
    """The effect by one method: Anderson-Rubin and Wald, robust, and both classic."""
    rows: list[Row] = []
    for kind in (found.kind, CLASSIC):
        name = method if kind == found.kind else f"{method}_{CLASSIC}"
        wald = fit.inference("x", kind, analysis.alpha)
        results = {"fixed": _judged(wald, found)}
        if method == analysis.method:
            own = ar.inference(found.system, fit, kind, analysis.alpha)
            results["anderson_rubin"] = _doubted(own, found)
        for ci_kind, result in results.items():
            rows.append(estimate(
                analysis, metric, result, estimand=LATE, method=name, se_kind=kind,
                is_headline=name == analysis.method and ci_kind == _headline_kind(analysis),
                details=found.facts, ci_kind=ci_kind, **found.values,
            ))  # fmt: skip
    return rows


def _headline_kind(analysis: Analysis) -> str:
    """Fixed by the file: how many instruments it names."""
    return "anderson_rubin" if len(analysis.names("instrument")) == 1 else "fixed"


def _judged(result: Inference, found: Instrumented) -> Inference:
    """A Wald interval says when the first stage is too weak for it."""
    result = _doubted(result, found)
    if result.status != "ok" or found.effective is None:
        return result
    if found.n_instruments == 1 and found.effective < T_TEST_F:
        return replace(result, status="warning", reason_code="wald_unreliable")
    if found.critical is not None and found.effective < found.critical:
        return replace(result, status="warning", reason_code="instruments_may_bias")
    return result


def _doubted(result: Inference, found: Instrumented) -> Inference:
    """Any interval says when the first stage is weak, or the clusters are few."""
    if result.status != "ok":
        return result
    if found.effective is not None and found.effective < WEAK_F:
        return replace(result, status="warning", reason_code="weak_instrument")
    groups = found.system.residuals.n_clusters
    if groups is not None and groups < _FEW_CLUSTERS:
        return replace(result, status="warning", reason_code="few_clusters")
    return result


def _beside(analysis: Analysis, metric: Metric, found: Instrumented) -> list[Row]:
    """First stage and reduced form by instrument, and least squares, which endogeneity biases."""
    rows: list[Row] = []
    for estimand, fit in (("first_stage", first_stage(found.system, "x")),
                          ("reduced_form", reduced_form(found.system)),
                          ("association", ordinary(found.system))):  # fmt: skip
        for name in fit.names:
            term = "effect" if name == "x" else found.columns[name]
            for kind in (found.kind, CLASSIC):
                rows.append(estimate(
                    analysis, metric, fit.inference(name, kind, analysis.alpha),
                    estimand=estimand, method="ols" if kind == found.kind else f"ols_{CLASSIC}",
                    se_kind=kind, term=term, **found.values,
                ))  # fmt: skip
    return rows


def _listed(analysis: Analysis, metric: Metric, found: Instrumented, other: Fit) -> list[Row]:
    """The alternatives that the file lists, as answers to the headline's question."""
    fits = {"ols": ordinary(found.system), "liml": other}
    return [
        estimate(
            analysis, metric, fit.inference("x", found.kind, analysis.alpha), estimand=LATE,
            method=name, se_kind=found.kind, **found.values,
        ) | {"analysis": f"robustness:{name}"}
        for name, fit in fits.items() if name in analysis.study.alternatives
    ]  # fmt: skip


def _curves(analysis: Analysis, metric: Metric, found: Instrumented) -> list[Row]:
    """Coefficient of every instrument in the first stage and in the reduced form."""
    rows: list[Row] = []
    for series, fit in (("first_stage", first_stage(found.system, "x")),
                        ("reduced_form", reduced_form(found.system))):  # fmt: skip
        results = {name: fit.inference(name, found.kind, analysis.alpha) for name in fit.names}
        points = [
            {"x_label": found.columns[name], "y": result.estimate, "y_low": result.ci_low,
             "y_high": result.ci_high,
             "band_kind": "none" if result.ci_low is None else "pointwise"}
            for name, result in results.items()
        ]  # fmt: skip
        rows += curve(analysis, metric, "first_stage", points, series=series)
    return rows
