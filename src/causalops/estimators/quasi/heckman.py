"""Selected samples: the rows of every experiment, corrected, naive, and bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from causalops.estimators.quasi.analysis import design_rows, estimate, refused_alternatives
from causalops.estimators.quasi.heckman_checks import check_rows, quality_rows
from causalops.estimators.quasi.inputs import Analysis, DatasetRows, Metric, Rows
from causalops.estimators.quasi.lee_bounds import LeeBounds, lee_bounds
from causalops.estimators.quasi.row_quality import repeated_units
from causalops.estimators.quasi.selection import Selection, failed, naive_ols, two_step
from causalops.estimators.quasi.selection_likelihood import likelihood_ratio, maximum_likelihood
from causalops.estimators.quasi.selection_sample import SelectionSample, selection_sample
from causalops.inference import Inference, unavailable
from causalops.results import Row

ESTIMAND = "corrected_effect"
_FITS = {"two_step": two_step, "maximum_likelihood": maximum_likelihood}
_ERRORS = {"two_step": "two_step", "maximum_likelihood": "classic"}
# Of several warnings the estimate carries the first; the checks say all of them.
_ORDER = ("rho_outside", "no_exclusion", "lambda_nearly_collinear")


def run(due: Any, registry: Any, rows: Any) -> list[Row]:
    """Rows of every due experiment on a selected sample."""
    return design_rows("heckman", due, registry, _metric_rows, DatasetRows(rows).of, ESTIMAND)


def headline_term(analysis: Analysis) -> str:
    """The treatment's coefficient; without a treatment the selection term lambda."""
    treatment = analysis.settings["treatment"]
    return "effect" if treatment is not None else "lambda"


def held(analysis: Analysis, rows: Rows, y: Any) -> SelectionSample:
    """The complete rows of one outcome, as this analysis reads them."""
    outcome = _columns(analysis, rows, ("treatment", "covariate"))
    selection = outcome | _columns(analysis, rows, ("exclusion",))
    selected = rows.role("selected")
    clusters = rows.cluster if analysis.settings["cluster"] else None
    return selection_sample(y, [] if selected is None else selected, outcome, selection, clusters)


def _columns(analysis: Analysis, rows: Rows, roles: tuple[str, ...]) -> dict[str, Any]:
    return {name: rows.numbers[role, name] for role in roles for name in analysis.names(role)}


def _metric_rows(analysis: Analysis, metric: Metric, rows: Rows) -> list[Row]:
    sample = held(analysis, rows, rows.metric(metric.name))
    made = quality_rows(analysis, metric, rows, sample)
    if repeated_units(analysis, rows):
        found = {name: failed(sample, "duplicate_units") for name in _FITS}
        made += _terms(analysis, metric, sample, found[analysis.method], analysis.method)
        if not analysis.is_main:
            return made
        listed = analysis.study.alternatives
        return made + _withheld(analysis, metric, listed, "duplicate_units")
    found = {name: fit(sample, analysis.alpha) for name, fit in _FITS.items()}
    made += _terms(analysis, metric, sample, found[analysis.method], analysis.method)
    if not analysis.is_main:
        return made
    for name in sorted(set(_FITS) - {analysis.method}):
        made += _terms(analysis, metric, sample, found[name], name)
    naive = naive_ols(sample, analysis.alpha)
    made += [_naive(analysis, metric, sample, name, term) for name, term in naive.items()]
    ratio = likelihood_ratio(sample, found["maximum_likelihood"])
    made += check_rows(analysis, metric, sample, found, ratio)
    return made + _alternatives(analysis, metric, rows, sample, found, naive)


def _alternatives(
    analysis: Analysis, metric: Metric, rows: Rows, sample: SelectionSample,
    found: Mapping[str, Selection], naive: Mapping[str, Inference],
) -> list[Row]:  # fmt: skip
    """The listed alternatives, and bounds wherever the treatment is declared randomised."""
    listed, treatment = analysis.study.alternatives, analysis.settings["treatment"]
    made: list[Row] = []
    if "ols" in listed and treatment is not None:
        term = naive.get(treatment, unavailable("too_few_units"))
        other = replace(analysis, name="robustness:ols")
        made.append(_naive(other, metric, sample, treatment, term))
    elif "ols" in listed:
        made += _withheld(analysis, metric, ["ols"], "no_treatment")
    if "maximum_likelihood" in listed:
        other = replace(analysis, name="robustness:maximum_likelihood")
        fitted = found["maximum_likelihood"]
        made += _terms(other, metric, sample, fitted, "maximum_likelihood")[:1]
    if "lee_bounds" in listed or analysis.settings["randomised"]:
        made += _bounds(replace(analysis, name="robustness:lee_bounds"), metric, rows)
    return made


def _withheld(
    analysis: Analysis, metric: Metric, names: Iterable[str], reason: str
) -> list[Row]:
    """Listed alternatives that are refused, with the estimand and method they have otherwise."""
    made: list[Row] = []
    for name in sorted(names):
        bounds = name == "lee_bounds"
        made += refused_alternatives(
            analysis, metric, [name], reason, method=name,
            estimand="always_selected_effect" if bounds else ESTIMAND,
            term="effect" if bounds else headline_term(analysis),
        )  # fmt: skip
    return made


def _terms(
    analysis: Analysis, metric: Metric, sample: SelectionSample, found: Selection, method: str
) -> list[Row]:
    """Every parameter of one fit; the headline's comes first."""
    head = headline_term(analysis)
    treatment = analysis.settings["treatment"]
    is_clustered = sample.clusters is not None

    def row(term: str, result: Inference, estimand: str = ESTIMAND) -> Row:
        made = estimate(
            analysis, metric, _told(result, found), estimand=estimand, method=method, term=term,
            is_headline=term == head and estimand == ESTIMAND and method == analysis.method,
            se_kind="cr1" if is_clustered else _ERRORS[method], n_variant=found.n_selected,
            n_obs_variant=found.n, n_clusters_variant=found.n_clusters,
            details=_details(sample, found, term),
        )  # fmt: skip
        if found.column is not None and made["message"] is not None:
            made["message"] = f"{made['message']} ({found.column})"
        return made

    if found.reason is not None:
        return [row(head, unavailable(found.reason))]
    dropped = treatment is not None and treatment not in found.outcome
    names = {"effect" if name == treatment else name: term for name, term in found.outcome.items()}
    terms = {**names, "lambda": found.lambda_, "rho": found.rho, "sigma": found.sigma}
    if dropped:
        terms["effect"] = unavailable("collinear")
    ordered = [head, *(name for name in terms if name != head)]
    made = [row(name, terms[name]) for name in ordered]
    return made + [row(name, term, "selection") for name, term in found.selection.items()]


def _told(result: Inference, found: Selection) -> Inference:
    warning = next((name for name in _ORDER if name in found.warnings), None)
    if warning is None or result.status != "ok":
        return result
    return replace(result, status="warning", reason_code=warning)


def _details(sample: SelectionSample, found: Selection, term: str) -> dict[str, Any]:
    return {
        "condition_number": found.condition_number,
        "variance_inflation_of_lambda": found.inflation,
        "log_likelihood": found.log_likelihood,
        "naive_std_error": found.naive_errors.get(term),
        "exclusions": list(sample.exclusions) or None,
        "left_out": {**sample.z.left_out, **sample.x.left_out} or None,
    }


def _naive(
    analysis: Analysis, metric: Metric, sample: SelectionSample, name: str, term: Inference
) -> Row:
    """Least squares on the selected, as if they were chosen at random."""
    label = "effect" if name == analysis.settings["treatment"] else name
    clusters = sample.clusters
    return estimate(
        analysis, metric, term, estimand=ESTIMAND, method="ols", term=label,
        se_kind="hc1" if clusters is None else "cr1", n_variant=len(sample.y),
        n_obs_variant=len(sample.selected),
        n_clusters_variant=None if clusters is None
        else len(np.unique(clusters[sample.selected])),
    )  # fmt: skip


def _bounds(analysis: Analysis, metric: Metric, rows: Rows) -> list[Row]:
    found = _lee(analysis, metric, rows)
    counts = found.n_clusters
    details = {
        "trimmed_share": found.trimmed, "trimmed_arm": found.trimmed_arm,
        "share_selected_treated": found.shares[0] if found.shares else None,
        "share_selected_untreated": found.shares[1] if found.shares else None,
    }  # fmt: skip

    def row(term: str, result: Inference) -> Row:
        return estimate(
            analysis, metric, result, estimand="always_selected_effect", method="lee_bounds",
            term=term, se_kind="delta" if counts is None else "cr1", details=details,
            n_variant=found.n[0], n_baseline=found.n[1],
            n_clusters_variant=None if counts is None else counts[0],
            n_clusters_baseline=None if counts is None else counts[1],
        )  # fmt: skip

    made = [row("effect", found.interval)]
    if found.low is None:
        return made
    ends = {"bound_low": found.low, "bound_high": found.high}
    if found.errors is None:
        reason = found.interval.reason_code or "too_few_clusters"
        return made + [row(term, unavailable(reason, value)) for term, value in ends.items()]
    return made + [
        row(term, Inference(estimate=value, std_error=error))
        for (term, value), error in zip(ends.items(), found.errors, strict=True)
    ]


def _lee(analysis: Analysis, metric: Metric, rows: Rows) -> LeeBounds:
    treatment, selected = rows.role("treatment"), rows.role("selected")
    if treatment is None or selected is None or not analysis.settings["randomised"]:
        return LeeBounds(unavailable("not_randomised"))
    y = rows.metric(metric.name)
    known = np.isfinite(treatment) & np.isfinite(selected)
    known &= (selected == 0) | np.isfinite(y)
    clusters = None
    if analysis.settings["cluster"]:
        known &= np.array([value is not None for value in rows.cluster], dtype=bool)
        clusters = rows.cluster[known].astype(str)
    if not np.isin(treatment[known], (0.0, 1.0)).all():
        return LeeBounds(unavailable("treatment_not_binary"))
    return lee_bounds(
        y[known], selected[known] != 0, treatment[known] == 1, analysis.alpha, clusters
    )
