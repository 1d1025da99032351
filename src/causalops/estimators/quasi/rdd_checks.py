"""Checks and curves of a regression discontinuity, as rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from causalops.estimators.quasi import cutoff_checks as checks
from causalops.estimators.quasi.analysis import check, curve
from causalops.estimators.quasi.cutoff_sample import Sample, sample
from causalops.estimators.quasi.fuzzy_cutoff import WEAK_F, FuzzyJump
from causalops.estimators.quasi.inputs import Analysis, Metric, Rows
from causalops.estimators.quasi.local_polynomial import FEW_NEAR, Jump, jump
from causalops.estimators.quasi.row_quality import duplicates, missing_values, repeated_units
from causalops.inference import two_sided
from causalops.moments import Floats
from causalops.multiplicity import holm
from causalops.results import Row

LEVEL = 0.05
DENSITY_BINS = 10  # a side, over twice the bandwidth of the density test


@dataclass(frozen=True)
class Scores:
    """Rows of an analysis, and the binned scatter of its experiment (metric, side, bin, x, y)."""

    rows: Rows
    bins: pd.DataFrame


def centred(analysis: Analysis, rows: Rows) -> Floats:
    """Every score less the cutoff, NaN where it is missing."""
    score = rows.role("score")
    return np.empty(0) if score is None else score - float(analysis.settings["cutoff"])


def quality_rows(analysis: Analysis, metric: Metric, data: Scores) -> list[Row]:
    """Rows left out, and units that come twice."""
    rows = data.rows
    columns = [column for (role, name), column in rows.numbers.items()
               if role != "metric" or name == metric.name]  # fmt: skip
    complete = np.isfinite(np.column_stack(columns)).all(axis=1) if len(rows) else np.ones(0, bool)
    if analysis.settings["cluster"]:
        complete &= np.array([value is not None for value in rows.cluster], dtype=bool)
    made = [missing_values(analysis, metric, int((~complete).sum()), len(rows))]
    if analysis.settings["unit"]:
        made.append(duplicates(analysis, metric, repeated_units(analysis, rows)))
    return made


def score_rows(analysis: Analysis, metric: Metric, data: Scores) -> list[Row]:
    """What concerns the score alone stands once per experiment, with its first metric."""
    if metric != analysis.study.metrics[0]:
        return []
    x = centred(analysis, data.rows)
    found = checks.density(x, analysis.alpha)
    made = [_support(analysis, x), _density(analysis, found), *_continuity(analysis, data)]
    return made + _histogram(analysis, metric, x, found)


def scatter_rows(
    analysis: Analysis, metric: Metric, data: Scores, rows: Sample, found: Jump
) -> list[Row]:
    """The binned scatter and the fitted lines."""
    made = _bins(analysis, metric, data.bins)
    return made if found.bandwidths is None else made + _lines(analysis, metric, rows, found)


def refutation_rows(
    analysis: Analysis, metric: Metric, rows: Sample, main: Jump, outcome: Jump
) -> list[Row]:
    """Checks of one metric; of a fuzzy design they look at the jump of the outcome."""
    made = [_effective(analysis, metric, main), *_placebos(analysis, metric, rows)]
    widths = main.bandwidths
    if widths is not None and outcome.robust.std_error is not None:
        donuts = checks.donuts(rows, widths, analysis.alpha)
        others = checks.sensitivity(rows, widths, analysis.alpha)
        for name, jumps in (("donut", donuts), ("bandwidth_sensitivity", others)):
            made.append(_stability(analysis, metric, name, outcome, jumps))
    return made


def strength_row(analysis: Analysis, metric: Metric, found: FuzzyJump) -> Row:
    """First stage: robust F, and which way the cutoff moves treatment."""
    first = found.first_stage.headline
    is_weak = found.strength is not None and found.strength < WEAK_F
    status, reason = ("warn", "weak_instrument") if is_weak else ("pass", None)
    if first.estimate is None:
        status, reason = "not_run", found.late.robust.reason_code
    elif first.estimate < 0:
        status, reason = "fail", "negative_first_stage"
    return check(
        analysis, metric, "first_stage_strength", status, reason, value=found.strength,
        value_name="f_robust", threshold=WEAK_F, statistic=first.statistic, p_value=first.p_value,
        n=sum(found.late.n_h), details={"first_stage": first.estimate},
    )  # fmt: skip


def _effective(analysis: Analysis, metric: Metric, found: Jump) -> Row:
    n = min(found.n_h)
    status = "not_run" if found.bandwidths is None else "warn" if found.warning else "pass"
    reason = found.warning or (found.robust.reason_code if found.bandwidths is None else None)
    return check(
        analysis, metric, "effective_n", status, reason, value=float(n), value_name="units",
        threshold=float(FEW_NEAR), n=sum(found.n_h),
        details={"n_below": found.n_h[0], "n_above": found.n_h[1]},
    )  # fmt: skip


def _support(analysis: Analysis, x: Floats) -> Row:
    seen = checks.support(x)
    many = seen.ties >= checks.MANY_TIES
    return check(
        analysis, None, "mass_points", "warn" if many else "pass",
        "score_mass_points" if many else None, value=seen.ties, value_name="share",
        threshold=checks.MANY_TIES, n=sum(seen.n),
        details={"n_distinct_below": seen.n_distinct[0], "n_distinct_above": seen.n_distinct[1],
                 "n_at_cutoff": seen.n_at_cutoff},
    )  # fmt: skip


def _density(analysis: Analysis, found: checks.Density) -> Row:
    p = found.test.p_value
    is_off = p is not None and p < LEVEL
    details: dict[str, Any] = {"n_h_below": found.n_h[0], "n_h_above": found.n_h[1]}
    if found.levels is not None and found.h is not None:
        details |= {"density_below": found.levels[0], "density_above": found.levels[1],
                    "h_below": found.h[0], "h_above": found.h[1]}  # fmt: skip
    return check(
        analysis, None, "density", "not_run" if p is None else "fail" if is_off else "pass",
        "density_jump" if is_off else found.test.reason_code, details, p_value=p,
        statistic=found.test.statistic, value=found.test.estimate, value_name="density_jump",
        threshold=LEVEL, n=sum(found.n),
    )  # fmt: skip


def _continuity(analysis: Analysis, data: Scores) -> list[Row]:
    """A covariate was fixed before anybody was treated: a jump of it refutes the design."""
    score = data.rows.role("score")
    clusters = data.rows.cluster if analysis.settings["cluster"] else None
    jumps = {
        name: jump(
            sample(data.rows.numbers["covariate", name], [] if score is None else score,
                   float(analysis.settings["cutoff"]),
                   analysis.settings["treated_side"] != "below", clusters=clusters),
            analysis.alpha,
        )
        for name in analysis.names("covariate")
    }  # fmt: skip
    adjusted = holm([found.robust.p_value for found in jumps.values()])
    made = []
    for (name, found), p in zip(jumps.items(), adjusted, strict=True):
        raw = found.robust.p_value
        status = "not_run" if raw is None or p is None else _judged(raw, p)
        made.append(check(
            analysis, None, "continuity", status,
            "covariate_jump" if status in ("fail", "warn") else found.robust.reason_code,
            covariate=name, statistic=found.robust.statistic, p_value=raw, p_adjusted=p,
            value=found.conventional.estimate, value_name="jump", threshold=LEVEL,
            n=sum(found.n_h),
        ))  # fmt: skip
    return made


def _judged(raw: float, adjusted: float) -> str:
    """Fails after adjustment for the number of tests; before it, only a warning."""
    return "fail" if adjusted < LEVEL else "warn" if raw < LEVEL else "pass"


def _placebos(analysis: Analysis, metric: Metric, rows: Sample) -> list[Row]:
    """Jumps at the median score of each side, where nothing changes."""
    found = checks.placebo_cutoffs(rows, analysis.alpha)
    adjusted = holm([place.jump.robust.p_value for place in found])
    made = []
    for place, p in zip(found, adjusted, strict=True):
        robust = place.jump.robust
        status = "not_run" if p is None else "warn" if p < LEVEL else "pass"
        made.append(check(
            analysis, metric, "placebo_cutoff", status,
            "placebo_jump" if status == "warn" else robust.reason_code,
            {"side": place.side, "ci_low": robust.ci_low, "ci_high": robust.ci_high},
            cutoff=place.cutoff + float(analysis.settings["cutoff"]), statistic=robust.statistic,
            p_value=robust.p_value, p_adjusted=p, value=place.jump.conventional.estimate,
            value_name="jump", threshold=LEVEL, n=sum(place.jump.n_h),
        ))  # fmt: skip
    return made


def _stability(
    analysis: Analysis, metric: Metric, name: str, main: Jump, jumps: dict[float, Jump]
) -> Row:
    """How far other choices move the estimate, in its robust standard errors."""
    error = main.robust.std_error or math.nan
    estimates = {f"{k:.6g}": found.conventional.estimate for k, found in jumps.items()}
    centre = main.conventional.estimate or 0.0
    moves = [abs(value - centre) / error for value in estimates.values() if value is not None]
    if not moves:
        return check(analysis, metric, name, "not_run", "few_score_values", estimates)
    far = max(moves) > two_sided(LEVEL)
    return check(
        analysis, metric, name, "warn" if far else "pass", "estimate_moves" if far else None,
        estimates, value=max(moves), value_name="largest_move_in_errors",
        threshold=two_sided(LEVEL), n=len(moves),
    )  # fmt: skip


def _bins(analysis: Analysis, metric: Metric, bins: pd.DataFrame) -> list[Row]:
    made: list[Row] = []
    cutoff, z = float(analysis.settings["cutoff"]), two_sided(analysis.alpha)
    for side in ("below", "above"):
        if not len(bins):
            continue
        own = bins[(bins["metric"] == metric.name) & (bins["side"] == side)].sort_values("bin")
        points = []
        for item in own.to_dict("records"):
            n, sd = int(item["n"]), item["sd"]
            point = {"x": item["x"] + cutoff, "y": item["y"], "n": n}
            if n > 1 and sd is not None and math.isfinite(sd):
                reach = z * sd / math.sqrt(n)
                point |= {"y_low": item["y"] - reach, "y_high": item["y"] + reach,
                          "band_kind": "pointwise"}  # fmt: skip
            points.append(point)
        made += curve(analysis, metric, "rdd_bins", points, series=side)
    return made


def _lines(analysis: Analysis, metric: Metric, rows: Sample, found: Jump) -> list[Row]:
    """Weighted lines of the outcome within the bandwidth, by side (triangular kernel)."""
    assert found.bandwidths is not None  # noqa: S101 - checked by the caller
    cutoff = float(analysis.settings["cutoff"])
    made: list[Row] = []
    for side, sign, h in zip(("below", "above"), (-1, 1), found.bandwidths.h, strict=True):
        own = (rows.x < 0) if sign < 0 else (rows.x >= 0)
        near = own & (np.abs(rows.x) < h)
        x, root = rows.x[near] / h, np.sqrt(1 - np.abs(rows.x[near]) / h)
        design = np.column_stack([np.ones(len(x)), x])
        (level, slope), *_ = np.linalg.lstsq(design * root[:, None], rows.y[near] * root)
        ends = sorted((0.0, sign * 1.0))
        points = [{"x": cutoff + end * h, "y": float(level + slope * end)} for end in ends]
        made += curve(analysis, metric, "rdd_fit", points, series=side)
    return made


def _histogram(
    analysis: Analysis, metric: Metric, x: Floats, found: checks.Density
) -> list[Row]:
    """Share of scores per unit of score, in bins that do not cross the cutoff."""
    x = x[np.isfinite(x)]
    if found.h is None:
        return []
    cutoff = float(analysis.settings["cutoff"])
    made: list[Row] = []
    for side, sign, h in zip(("below", "above"), (-1, 1), found.h, strict=True):
        own = x[x < 0] if sign < 0 else x[x >= 0]
        ends = (min(0.0, 2 * sign * h), max(0.0, 2 * sign * h))
        counts, edges = np.histogram(own, bins=DENSITY_BINS, range=ends)
        width = float(edges[1] - edges[0])
        points = [
            {"x": cutoff + float(edges[i]) + width / 2, "y": float(n) / len(x) / width,
             "n": int(n)}
            for i, n in enumerate(counts)
        ]  # fmt: skip
        made += curve(analysis, metric, "density", points, series=side)
    return made
