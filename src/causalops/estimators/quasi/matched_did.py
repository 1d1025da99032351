"""Matched difference-in-differences: who was treated has reasons, which are seen before treatment.

Units are alike in what moves both treatment and the outcome's change once they are alike in the
covariates (conditional parallel trends). The headline compares each treated unit's change with that
of its nearest neighbours on the propensity score; the doubly robust estimate stands beside it, or
in its place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from causalops.estimators.quasi import doubly_robust as dr
from causalops.estimators.quasi.analysis import check, design_rows, estimate, refused
from causalops.estimators.quasi.inputs import Analysis, DatasetRows, Metric, Rows
from causalops.estimators.quasi.matched_checks import Evidence, evidence_rows, sample_checks
from causalops.estimators.quasi.matched_units import Refusal, Units, units_of
from causalops.estimators.quasi.matching import CALIPER, Matches, match
from causalops.estimators.quasi.matching_errors import Matched, effect
from causalops.estimators.quasi.overlap import odds
from causalops.estimators.quasi.propensity import Propensity, fit
from causalops.inference import Inference, unavailable, welch
from causalops.moments import Floats
from causalops.reasons import REASONS
from causalops.results import Row

ESTIMAND = "att"
_DOUBLY_ROBUST = {
    "doubly_robust": "dr_improved",
    "doubly_robust_traditional": "dr",
    "outcome_regression": "reg",
    "ipw": "std_ipw",
}
"""Methods as the file names them, and the estimator of each."""


def run(due: Any, registry: Any, rows: Any) -> list[Row]:
    """Result rows of every due `matched_did`."""
    return design_rows("matched_did", due, registry, _metric_rows, DatasetRows(rows).of, ESTIMAND)


@dataclass(frozen=True)
class Sample:
    """Units in cells of both arms with their score; `n_outside` treated are in other cells."""

    units: Units
    x: Floats
    names: tuple[str, ...]
    score: Propensity
    n_outside: int


def _metric_rows(analysis: Analysis, metric: Metric, rows: Rows) -> list[Row]:
    """The headline of one metric and, in the main analysis, everything beside it."""
    units = units_of(rows, analysis, metric.name)
    if isinstance(units, Refusal):
        return _refused(analysis, metric, units)
    sample = _sample(units)
    if sample is None:
        return _refused(analysis, metric, Refusal("no_match", int(units.treated.sum())))
    found = sample_checks(analysis, metric, units, sample.score)
    headline = _estimated(analysis, metric, sample, analysis.method, is_headline=True)
    if not analysis.is_main or metric.role == "placebo":
        return [headline]
    found.append(headline)
    beside = "doubly_robust" if analysis.method == "matching" else "matching"
    found.append(_estimated(analysis, metric, sample, beside))
    for name in sorted(analysis.study.alternatives):
        other = replace(analysis, name=f"robustness:{name}")
        found.append(_estimated(other, metric, sample, name))
    if sample.score.reason is None:
        found += evidence_rows(analysis, metric, _evidence(analysis, sample), headline)
    return found


def _refused(analysis: Analysis, metric: Metric, why: Refusal) -> list[Row]:
    count = f" (counted: {why.n})" if why.n is not None else ""
    message = f"{REASONS[why.reason]}{count}"
    rows = refused(analysis, metric, why.reason, estimand=ESTIMAND, message=message,
                   population=_population(analysis.method))  # fmt: skip
    name = "duplicates" if why.reason == "duplicate_unit_periods" else "treatment_path"
    failed = check(analysis, metric, name, "fail", why.reason, n=why.n)
    return [*rows, failed | {"message": message}]


def _sample(units: Units) -> Sample | None:
    """Units in cells that hold both arms; None without any such cell.

    The score knows the exact columns too: within cells only its part from the covariates counts.
    """
    size = int(units.cells.max()) + 1
    counts = [np.bincount(units.cells[rows], minlength=size)
              for rows in (units.treated, ~units.treated)]  # fmt: skip
    rows = (counts[0] > 0)[units.cells] & (counts[1] > 0)[units.cells]
    if not rows.any():
        return None
    kept = units.keep(rows)
    x = np.column_stack([kept.x, kept.indicators])
    names = (*kept.names, *(f"exact_{i}" for i in range(1, kept.indicators.shape[1] + 1)))
    score = fit(x, kept.treated, names)
    return Sample(kept, x, names, score, int(units.treated.sum() - kept.treated.sum()))


def _population(method: str) -> str:
    return "all" if method in (*_DOUBLY_ROBUST, "unmatched") else "matched"


def _estimated(
    analysis: Analysis, metric: Metric, sample: Sample, method: str, **values: Any
) -> Row:  # fmt: skip
    """One estimate by a method that the file may name."""
    if method == "unmatched":
        result, facts = _welch(analysis, sample.units), _arms(sample.units)
        kind = "welch"
    elif method in _DOUBLY_ROBUST:
        result, facts = _model(analysis, sample, _DOUBLY_ROBUST[method]), _arms(sample.units)
        kind = "influence" if sample.units.cluster is None else "cr1"
    else:
        result, facts = _matching(analysis, sample, method)
        kind = "abadie_imbens"
    details = facts.pop("details", None)
    return estimate(
        analysis, metric, result, estimand=ESTIMAND, method=method, se_kind=kind,
        population=_population(method), details=details, **(facts | values),
    )  # fmt: skip


def _welch(analysis: Analysis, units: Units) -> Inference:
    """The raw difference of the changes."""
    if units.cluster is not None:
        gap = units.change[units.treated].mean() - units.change[~units.treated].mean()
        return unavailable("no_clustered_error", float(gap))
    arms = [units.change[rows] for rows in (units.treated, ~units.treated)]
    if min(map(len, arms)) < 2:
        return unavailable("too_few_units", float(arms[0].mean() - arms[1].mean()))
    return welch(
        (len(arms[0]), len(arms[1])),
        (float(arms[0].mean()), float(arms[1].mean())),
        (float(arms[0].var(ddof=1)), float(arms[1].var(ddof=1))),
        analysis.alpha,
    )


def _model(analysis: Analysis, sample: Sample, method: str) -> Inference:
    units = sample.units
    what = dr.study(units.change, units.treated, sample.x, sample.names, score=sample.score)
    return dr.estimate(what, method).inference(analysis.alpha, units.cluster)


def _matching(
    analysis: Analysis, sample: Sample, method: str
) -> tuple[Inference, dict[str, Any]]:  # fmt: skip
    """Matching, with a bias correction or without a caliper where the method says so."""
    units, score = sample.units, sample.score
    if score.reason is not None:
        return unavailable(score.reason), {}
    matches = matched(sample, None if method == "no_caliper" else CALIPER)
    correct = sample.x if method == "bias_corrected" else None
    found = effect(units.change, matches, score, correct)
    facts = _matched_arms(units, matches, sample.n_outside)
    if not isinstance(found, Matched):
        return found, facts
    if units.cluster is not None:
        return unavailable("no_clustered_error", found.estimate), facts
    result = found.inference(analysis.alpha)
    facts["details"]["std_error_known_score"] = math.sqrt(max(found.variance, 0.0))
    return result, facts


def matched(sample: Sample, caliper: float | None) -> Matches:
    """The matches of a sample: on the score's index, within cells."""
    return match(sample.score.index, sample.units.treated, sample.units.cells, caliper=caliper)


def _matched_arms(units: Units, matches: Matches, n_outside: int) -> dict[str, Any]:
    """Sizes and means of the matched arms; untreated units count as often as they are used."""
    ours = matches.treated[matches.matched]
    theirs = matches.order[matches.weight[matches.order] > 0]
    facts: dict[str, Any] = {
        "n_variant": len(ours), "n_baseline": len(theirs),
        "n_obs_variant": len(ours) * units.n_periods,
        "n_obs_baseline": len(theirs) * units.n_periods,
        "details": {
            "n_dropped": matches.n_dropped + n_outside, "n_reused": matches.n_reused,
            "max_uses": matches.max_uses, "caliper": matches.caliper,
        },
    }  # fmt: skip
    if len(ours):
        values, weight = units.change[theirs], matches.weight[theirs]
        mean = float(weight @ values / weight.sum())
        facts |= {"mean_variant": float(units.change[ours].mean()), "mean_baseline": mean}
        facts["sd_baseline"] = math.sqrt(float(weight @ (values - mean) ** 2 / weight.sum()))
    if len(ours) > 1:
        facts["sd_variant"] = float(units.change[ours].std(ddof=1))
    return facts


def _arms(units: Units) -> dict[str, Any]:
    """Sizes, means and standard deviations of the change in both arms."""
    facts: dict[str, Any] = {}
    for arm, rows in (("variant", units.treated), ("baseline", ~units.treated)):
        values = units.change[rows]
        facts |= {
            f"n_{arm}": len(values), f"n_obs_{arm}": len(values) * units.n_periods,
            f"mean_{arm}": float(values.mean()),
            f"sd_{arm}": float(values.std(ddof=1)) if len(values) > 1 else None,
        }  # fmt: skip
        if units.cluster is not None:
            facts[f"n_clusters_{arm}"] = len(np.unique(units.cluster[rows]))
    return facts


def _evidence(analysis: Analysis, sample: Sample) -> Evidence:
    """What the checks look at: matches, the weights of the headline's method, an earlier change."""
    units, score = sample.units, sample.score
    matches = matched(sample, CALIPER)
    is_matching = analysis.method == "matching"
    weight = matches.weight if is_matching else odds(score.probability, units.treated)
    earlier = None
    if units.earlier is not None:
        past = replace(sample, units=replace(units, change=units.earlier))
        if is_matching and units.cluster is None:
            earlier = _matching(analysis, past, "matching")[0]
        else:
            earlier = _model(analysis, past, "dr_improved")
    return Evidence(units, score, matches, weight, sample.n_outside, earlier)
