"""The frame around every design on a dataset: identification, estimation, refutation, verdicts.

A design gives one function that makes the rows of one metric in one analysis. The frame runs it
for every metric and analysis, keeps failures apart, lets failed checks speak, and adds what is the
same everywhere: placebo outcomes, families, verdicts, and the specification curve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from causalops.estimators.quasi.inputs import MAIN, Analysis, Metric, Study, studies
from causalops.estimators.quasi.specification import specification_rows
from causalops.estimators.rulings import ruled
from causalops.inference import Inference, finite, unavailable
from causalops.reasons import REASONS
from causalops.results import Row, as_json, check_row, curve_row, estimate_row
from causalops.verdicts import adjust, decide

Data = TypeVar("Data")
MetricRows = Callable[[Analysis, Metric, Data], list[Row]]
_PLACEBO_LEVEL = 0.05


def design_rows(
    design: str, due: Any, registry: Any, metric_rows: MetricRows[Data],
    data_of: Callable[[Analysis], Data], estimand: str,
) -> list[Row]:  # fmt: skip
    """Every row of the due studies of one design; the arguments are those of `study_rows`."""
    return [
        row
        for study in studies(due, registry, design)
        for row in study_rows(study, metric_rows, data_of, estimand)
    ]


def study_rows(
    study: Study, metric_rows: MetricRows[Data], data_of: Callable[[Analysis], Data],
    estimand: str,
) -> list[Row]:  # fmt: skip
    """Every row of one study; an unexpected error in one metric or analysis stops only itself.

    `metric_rows` makes the rows of one metric in one analysis: exactly one absolute headline,
    what stands beside it, checks and curves, and the alternatives that the study lists
    (`analysis.study.alternatives`) as rows of `robustness:<name>`. `estimand` names the headline
    of what failed.
    """
    rows: list[Row] = []
    for analysis in study.analyses:
        for metric in study.metrics:
            if analysis.is_main or metric.role != "placebo":
                rows += _guarded(analysis, metric, metric_rows, data_of, estimand)
    rows += _placebo_rows(study, rows)
    rows = [_ruled(study, row) for row in rows]
    estimates = [row for row in rows if row["row_kind"] == "estimate"]
    _let_checks_speak(study, rows, estimates)
    adjust(estimates)
    alpha = study.analyses[0].alpha
    decide(
        estimates,
        is_complete=True,
        alphas={metric.name: alpha for metric in study.metrics},
        desired={metric.name: metric.desired for metric in study.metrics},
    )
    return rows + [_ruled(study, row) for row in specification_rows(study, estimates)]


def estimate(
    analysis: Analysis, metric: Metric, result: Inference, *, estimand: str, method: str,
    se_kind: str = "none", is_headline: bool = False, details: dict[str, Any] | None = None,
    **values: Any,
) -> Row:  # fmt: skip
    """One estimate row with everything that analysis, metric and result already say.

    A headline of another analysis than `main` is none. Details drop what is missing.
    """
    facts = dict(details or {})
    if result.pieces:
        facts["ci_pieces"] = result.pieces
    known = {key: value for key, value in facts.items() if value is not None}
    reason = result.reason_code
    row = {
        "experiment_id": analysis.study.id,
        "design": analysis.study.design,
        "analysis": analysis.name,
        "metric": metric.name,
        "metric_role": metric.role,
        "variant": analysis.variant,
        "baseline": analysis.baseline,
        "population": "all",
        "estimand": estimand,
        "method": method,
        "is_headline": is_headline,
        "ci_level": 1 - analysis.alpha,
        "estimate": result.estimate,
        "std_error": result.std_error,
        "se_kind": se_kind if result.std_error is not None else "none",
        "df": result.df,
        "statistic": result.statistic,
        "p_value": result.p_value,
        "alternative": result.alternative,
        "null_value": result.null_value,
        "ci_low": result.ci_low,
        "ci_high": result.ci_high,
        "ci_shape": result.ci_shape,
        "status": result.status,
        "reason_code": reason,
        "message": None if reason is None else REASONS[reason],
        "details": as_json(known) if known else None,
    }
    row |= values
    row["is_headline"] = row["is_headline"] and row["analysis"] == MAIN
    return estimate_row(**row)


def check(
    analysis: Analysis, metric: Metric | None, name: str, status: str,
    reason: str | None = None, details: dict[str, Any] | None = None, **values: Any,
) -> Row:  # fmt: skip
    """One check row; `status` is pass, warn, fail or not_run."""
    known = {key: value for key, value in (details or {}).items() if value is not None}
    row = {
        "experiment_id": analysis.study.id,
        "analysis": analysis.name,
        "metric": "none" if metric is None else metric.name,
        "variant": analysis.variant,
        "baseline": analysis.baseline,
        "population": "all",
        "check_name": name,
        "status": status,
        "reason_code": reason,
        "message": None if reason is None else REASONS[reason],
        "details": as_json(known) if known else None,
    }
    return check_row(**(row | values))


def curve(
    analysis: Analysis, metric: Metric, name: str, points: Sequence[dict[str, Any]], **values: Any
) -> list[Row]:
    """The points of one series in order; each holds x or x_label, y, and bounds if any."""
    shared = {
        "experiment_id": analysis.study.id,
        "analysis": analysis.name,
        "metric": metric.name,
        "variant": analysis.variant,
        "baseline": analysis.baseline,
        "population": "all",
        "curve": name,
    }
    return [
        curve_row(**(shared | values | point | {"seq": seq}))
        for seq, point in enumerate(points, start=1)
    ]


def refused(
    analysis: Analysis, metric: Metric, reason: str, *, estimand: str, status: str = "skipped",
    message: str | None = None, **values: Any,
) -> list[Row]:  # fmt: skip
    """The headline that cannot be computed: NULLs, a status and a reason."""
    row = estimate(
        analysis, metric, unavailable(reason, status=status), estimand=estimand,
        is_headline=True, **({"method": analysis.method} | values),
    )  # fmt: skip
    return [row if message is None else row | {"message": message}]


def refused_alternatives(
    analysis: Analysis, metric: Metric, names: Iterable[str], reason: str, *, estimand: str,
    status: str = "skipped", **values: Any,
) -> list[Row]:  # fmt: skip
    """What the study lists and cannot have: a row each, so that nothing asked for vanishes."""
    return [
        row for name in sorted(names)
        for row in refused(replace(analysis, name=f"robustness:{name}"), metric, reason,
                           estimand=estimand, status=status, **values)
    ]  # fmt: skip


def _guarded(
    analysis: Analysis, metric: Metric, metric_rows: MetricRows[Data],
    data_of: Callable[[Analysis], Data], estimand: str,
) -> list[Row]:  # fmt: skip
    try:
        with np.errstate(all="ignore"):
            rows = metric_rows(analysis, metric, data_of(analysis))
    except Exception as error:
        text = f"{REASONS['internal_error']} ({type(error).__name__}: {error})"
        return refused(analysis, metric, "internal_error", estimand=estimand, status="failed",
                       message=text)  # fmt: skip
    if analysis.is_main:
        return rows
    # A second analysis answers the same question again; its own checks and curves stay out.
    estimates = [row for row in rows if row["row_kind"] == "estimate"]
    return [row for row in estimates if row["analysis"] == analysis.name]


def _placebo_rows(study: Study, rows: Sequence[Row]) -> list[Row]:
    """A placebo outcome cannot be affected: an effect on it speaks against the design."""
    made = []
    metrics = {metric.name: metric for metric in study.metrics}
    for row in rows:
        if row["row_kind"] != "estimate" or not row["is_headline"] or row["scale"] != "absolute":
            continue
        if row["metric_role"] != "placebo":
            continue
        p_value = row["p_value"]
        is_off = p_value is not None and p_value < _PLACEBO_LEVEL
        reason = "placebo_effect" if is_off else None if p_value is not None else row["reason_code"]
        made.append(check(
            study.analyses[0], metrics[row["metric"]], "placebo",
            "fail" if is_off else "pass" if p_value is not None else "not_run", reason,
            statistic=row["statistic"], df=row["df"], p_value=p_value,
            value=finite(row["estimate"]), value_name=row["estimand"], threshold=_PLACEBO_LEVEL,
        ))  # fmt: skip
    return made


def _ruled(study: Study, row: Row) -> Row:
    """Apply the file's `on_fail`; `block` holds for a warning too, as most checks only warn."""
    if row["row_kind"] != "check":
        return row
    found = ruled(study, row)
    if study.on_fail.get(row["check_name"]) == "block" and found["status"] == "warn":
        return found | {"status": "fail", "gates": True}
    return found


def _let_checks_speak(study: Study, rows: Sequence[Row], estimates: Sequence[Row]) -> None:
    """A failed identification check turns the estimates it concerns into warnings, in place.

    A check without a metric, and an effect on a placebo outcome, concern every metric.
    """
    failed = [
        row for row in rows if row["row_kind"] == "check" and row["status"] == "fail"
        and row["analysis"] == MAIN and study.on_fail.get(row["check_name"]) != "ignore"
    ]  # fmt: skip
    for row in estimates:
        for check_found in failed:
            is_shared = check_found["check_name"] == "placebo"
            concerned = is_shared or check_found["metric"] in ("none", row["metric"])
            if concerned and row["analysis"] == MAIN and row["status"] == "ok":
                reason = check_found["reason_code"]
                row |= {"status": "warning", "reason_code": reason,
                        "message": check_found["message"]}  # fmt: skip
