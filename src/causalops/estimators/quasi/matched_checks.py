"""What speaks for and against a matched comparison: overlap, balance, trends, hidden bias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from causalops.estimators.quasi.analysis import check, curve
from causalops.estimators.quasi.covariate_balance import balance
from causalops.estimators.quasi.evalue import of_difference
from causalops.estimators.quasi.inputs import Analysis, Metric
from causalops.estimators.quasi.matched_units import Units
from causalops.estimators.quasi.matching import Matches, pairs
from causalops.estimators.quasi.overlap import overlap
from causalops.estimators.quasi.propensity import Propensity
from causalops.estimators.quasi.rosenbaum import sensitivity
from causalops.estimators.quasi.row_quality import MOST, missing_values
from causalops.inference import Inference
from causalops.moments import Floats
from causalops.results import Row

BALANCED, IMBALANCED = 0.1, 0.25  # standardised differences (Austin 2009; Stuart 2010)
OUTSIDE = 0.1  # share of treated without untreated units of their score
UNMATCHED = 0.5
_LEVEL = 0.05
_BINS = 20


@dataclass(frozen=True)
class Evidence:
    """The sample behind the headline: `weight` (n) are its weights, `earlier` the same effect on
    the change before treatment, None with one period before."""

    units: Units
    score: Propensity
    matches: Matches
    weight: Floats
    n_outside: int
    earlier: Inference | None


def sample_checks(
    analysis: Analysis, metric: Metric, units: Units, score: Propensity
) -> list[Row]:  # fmt: skip
    """Missing values, incomplete units, collinear columns, and whether a score exists."""
    counts = units.counts
    rows = [
        _balanced_panel(analysis, metric, counts.n_incomplete, counts.n_units),
        missing_values(analysis, metric, counts.n_missing, counts.n_units,
                       {"by_column": counts.by_column or None}),
    ]  # fmt: skip
    left_out = dict(score.columns.left_out)
    rows.append(check(
        analysis, metric, "collinearity", "warn" if left_out else "pass",
        "covariate_dropped" if left_out else None, {"left_out": left_out or None},
        value=float(len(left_out)), value_name="columns_left_out",
    ))  # fmt: skip
    rows.append(check(
        analysis, metric, "separation", "fail" if score.reason else "pass", score.reason,
        covariate=score.separating or "none",
    ))  # fmt: skip
    return rows


def _balanced_panel(analysis: Analysis, metric: Metric, n: int, total: int) -> Row:
    """Units without every period are dropped: any warns, more than half fails."""
    share = n / total
    status = "pass" if n == 0 else "warn" if share <= MOST else "fail"
    code = {"pass": None, "warn": "incomplete_units_dropped", "fail": "unbalanced_panel"}[status]
    return check(analysis, metric, "balanced_panel", status, code, value=share,
                 value_name="share", threshold=MOST, n=n)  # fmt: skip


def evidence_rows(analysis: Analysis, metric: Metric, what: Evidence, headline: Row) -> list[Row]:
    """Checks and curves of the main analysis."""
    return [
        *_overlap(analysis, metric, what),
        _matched_share(analysis, metric, what),
        *_balance(analysis, metric, what),
        _pre_trend(analysis, metric, what.earlier),
        _rosenbaum(analysis, metric, what),
        _evalue(analysis, metric, what, headline),
    ]


def _overlap(analysis: Analysis, metric: Metric, what: Evidence) -> list[Row]:
    p, treated = what.score.probability, what.units.treated
    found = overlap(p, treated)
    if found is None:
        return []
    share = found.n_outside / int(treated.sum())
    status = "pass" if share == 0 else "warn" if share <= OUTSIDE else "fail"
    row = check(
        analysis, metric, "overlap", status, None if status == "pass" else "weak_overlap",
        {"ess": found.ess, "max_share": found.max_share, "n_trimmed": found.n_trimmed,
         "treated_range": found.treated_range, "untreated_range": found.untreated_range},
        value=share, value_name="share_outside", threshold=OUTSIDE, n=found.n_outside,
    )  # fmt: skip
    rows = [row]
    edges = np.linspace(0, 1, _BINS + 1)
    for series, arm in (("treated", treated), ("untreated", ~treated)):
        counts, _ = np.histogram(p[arm], edges)
        points = [{"x": float((edges[i] + edges[i + 1]) / 2), "y": count / int(arm.sum()),
                   "n": int(count)} for i, count in enumerate(counts)]  # fmt: skip
        rows += curve(analysis, metric, "overlap", points, series=series)
    return rows


def _matched_share(analysis: Analysis, metric: Metric, what: Evidence) -> Row:
    matches = what.matches
    total = len(matches.treated) + what.n_outside
    share = matches.n_matched / total
    status = "pass" if share == 1 else "warn" if share >= UNMATCHED else "fail"
    reason = None if status == "pass" else "unmatched_dropped"
    return check(
        analysis, metric, "matched_share", status, reason,
        {"n_used": matches.n_used, "n_reused": matches.n_reused, "max_uses": matches.max_uses,
         "n_outside_cells": what.n_outside, "caliper": matches.caliper},
        value=share, value_name="share_matched", threshold=UNMATCHED, n=total - matches.n_matched,
    )  # fmt: skip


def _balance(analysis: Analysis, metric: Metric, what: Evidence) -> list[Row]:
    units = what.units
    found = balance(units.x, units.names, units.treated, what.weight)
    rows, curves = [], []
    for item in found:
        size = None if item.smd_after is None else abs(item.smd_after)
        status = "not_run" if size is None else "pass" if size <= BALANCED else "warn"
        status = "fail" if size is not None and size > IMBALANCED else status
        reason = {"pass": None, "not_run": "zero_variance"}.get(status, "still_imbalanced")
        rows.append(check(
            analysis, metric, "balance_after", status, reason,
            {"smd_before": item.smd_before, "variance_ratio_before": item.variance_ratio_before,
             "variance_ratio_after": item.variance_ratio_after},
            covariate=item.covariate, value=item.smd_after, value_name="smd", threshold=BALANCED,
            n=len(units),
        ))  # fmt: skip
    for series in ("before", "after"):
        points = [{"x_label": item.covariate, "y": getattr(item, f"smd_{series}")}
                  for item in found if getattr(item, f"smd_{series}") is not None]  # fmt: skip
        curves += curve(analysis, metric, "balance", points, series=series)
    return rows + curves


def _pre_trend(analysis: Analysis, metric: Metric, earlier: Inference | None) -> Row:
    """The same comparison where there can be no effect: between two periods before treatment."""
    if earlier is None or earlier.p_value is None:
        reason = "one_pre_period" if earlier is None else earlier.reason_code
        return check(analysis, metric, "pretrends", "not_run", reason)
    is_off = earlier.p_value < _LEVEL
    return check(
        analysis, metric, "pretrends", "fail" if is_off else "pass",
        "trends_differ" if is_off else None, statistic=earlier.statistic, df=earlier.df,
        p_value=earlier.p_value, value=earlier.estimate, value_name="att_before",
        threshold=_LEVEL,
    )  # fmt: skip


def _rosenbaum(analysis: Analysis, metric: Metric, what: Evidence) -> Row:
    ours, theirs = pairs(what.matches)
    change = what.units.change
    found = sensitivity(change[ours] - change[theirs], analysis.alpha)
    is_lost = found.gamma is not None and found.gamma <= 1
    reason = found.reason or ("no_finding" if is_lost else None)
    return check(
        analysis, metric, "rosenbaum", "not_run" if reason else "pass", reason,
        {"direction": found.direction or None}, value=found.gamma, value_name="gamma",
        p_value=found.p_value, n=found.n_pairs,
    )  # fmt: skip


def _evalue(analysis: Analysis, metric: Metric, what: Evidence, headline: Row) -> Row:
    estimate, error = headline["estimate"], headline["std_error"]
    if estimate is None:
        return check(analysis, metric, "evalue", "not_run", headline["reason_code"])
    arms = (what.units.change[what.units.treated], what.units.change[~what.units.treated])
    spread = float(np.sqrt(sum(values.var() * len(values) for values in arms) / len(what.units)))
    found = of_difference(estimate, error, spread)
    reason = found.reason or ("no_finding" if found.limit == 1 else None)
    return check(
        analysis, metric, "evalue", "not_run" if reason else "pass", reason,
        {"limit": found.limit}, value=found.point, value_name="e_value", n=len(what.units),
    )  # fmt: skip
