"""Synthetic control: one treated unit against the weighted average of untreated ones.

The headline is the average gap over the treated periods. One unit gives no standard error: p is
its rank among placebos, the interval holds the constant effects that this ranking does not reject.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from causalops.estimators.quasi.analysis import curve, design_rows, estimate, refused
from causalops.estimators.quasi.inputs import Analysis, DatasetRows, Metric, Rows
from causalops.estimators.quasi.synthetic_checks import (
    fit_check,
    in_space_check,
    in_time_check,
    leave_one_out_checks,
    panel_checks,
)
from causalops.estimators.quasi.synthetic_fit import (
    PERFECT,
    Fit,
    Panel,
    Rank,
    difference_in_differences,
    fit,
    gap_set,
    leave_one_out,
    placebos,
    rank,
)
from causalops.estimators.quasi.synthetic_panel import Prepared, prepared
from causalops.inference import Inference, unavailable
from causalops.moments import Floats
from causalops.results import Row

ATT = "att"
MOST_SERIES = 100  # placebo gaps that a curve shows


@dataclass(frozen=True)
class Result:
    """The fit of the treated unit, the fits of its placebos, and where it ranks among them."""

    panel: Panel
    main: Fit
    others: Mapping[str, Fit]

    @property
    def place(self) -> Rank | None:
        return rank(self.main, list(self.others.values()))


def run(due: Any, registry: Any, rows: Any) -> list[Row]:
    """Result rows of every due `synthetic_control`."""
    data = DatasetRows(rows)
    return design_rows("synthetic_control", due, registry, _metric_rows, data.of, ATT)


def _metric_rows(analysis: Analysis, metric: Metric, rows: Rows) -> list[Row]:
    """Every row of one metric in one analysis."""
    found = prepared(analysis, metric, rows)
    checks = panel_checks(analysis, metric, found)
    main = None if found.panel is None else fit(found.panel)
    if found.panel is None or main is None:
        return checks + refused(analysis, metric, found.reason or "no_convergence", estimand=ATT)
    result = Result(found.panel, main, placebos(found.panel))
    left_out = leave_one_out(found.panel, main)
    return [
        *checks,
        fit_check(analysis, metric, result.panel, main),
        in_space_check(analysis, metric, main, list(result.others.values())),
        in_time_check(analysis, metric, result.panel, found.periods),
        *leave_one_out_checks(analysis, metric, main, left_out),
        *_effect_rows(analysis, metric, result),
        _did_row(analysis, metric, result.panel),
        *_period_rows(analysis, metric, found, main),
        *_alternatives(analysis, metric, result),
        *_curves(analysis, metric, found, result),
    ]


def _effect_rows(analysis: Analysis, metric: Metric, result: Result) -> list[Row]:
    """The average gap, absolute and relative to the synthetic control's average."""
    main, others = result.main, list(result.others.values())
    details = _details(main, result.place, analysis.alpha)
    found_by_scale = {"absolute": inference(main, others, analysis.alpha),
                      "relative": relative(main, others, analysis.alpha)}  # fmt: skip
    rows = []
    for scale, found in found_by_scale.items():
        rows.append(estimate(
            analysis, metric, found, estimand=ATT, method=analysis.method, is_headline=True,
            scale=scale, details=details, **_described(result.panel, main),
            ci_kind="placebo" if found.ci_shape != "none" else "none",
        ))  # fmt: skip
    return rows


def inference(main: Fit, others: Sequence[Fit], alpha: float, factor: float = 1.0) -> Inference:
    """The average gap times a factor, with its rank p and the set of constant effects.

    A rank that could not have been below alpha, whatever the effect, is no test.
    """
    place, found = rank(main, others), gap_set(main, others, alpha)
    gap = factor * main.mean_gap
    if place is None or found is None:
        return Inference(estimate=gap, status="warning",
                         reason_code="perfect_pre_fit" if others else "no_placebos")  # fmt: skip
    is_mute = place.floor > alpha
    return Inference(
        estimate=gap,
        statistic=main.ratio,
        p_value=None if is_mute else place.p_value,
        alternative="two_sided",
        ci_low=None if found.low is None else factor * found.low,
        ci_high=None if found.high is None else factor * found.high,
        ci_shape=found.shape,
        status="warning" if is_mute else "ok",
        reason_code="few_placebos" if is_mute else
        "smallest_ratio" if place.p_value == 1 else None,
    )  # fmt: skip


def relative(main: Fit, others: Sequence[Fit], alpha: float) -> Inference:
    """The average gap over the synthetic control's average level; unbounded where that level is
    no larger than rounding, or than what the synthetic control misses before the treatment."""
    level = main.level
    if level == 0:
        return unavailable("relative_undefined")
    if abs(level) <= max(main.pre_rmspe, PERFECT * main.size):
        return Inference(ci_shape="whole_line", status="warning", reason_code="baseline_near_zero")
    return inference(main, others, alpha, 1 / abs(level))


def _details(main: Fit, place: Rank | None, alpha: float) -> dict[str, Any]:
    return {
        "pre_rmspe": main.pre_rmspe,
        "post_rmspe": main.post_rmspe,
        "rmspe_ratio": None if main.is_perfect else main.ratio,
        "rank": None if place is None else place.rank,
        **_tested(place, alpha),
        "donors_with_weight": int((main.weights > 0).sum()),
    }


def _tested(place: Rank | None, alpha: float) -> dict[str, float]:
    """The smallest p that was possible, and the rank p where that is no test."""
    if place is None:
        return {}
    found = {"p_floor": place.floor}
    return found if place.floor <= alpha else found | {"p_rank": place.p_value}


def _described(panel: Panel, main: Fit) -> dict[str, Any]:
    """Units, observations, and the means over the treated periods."""
    after = slice(panel.start, None)
    return {
        "n_variant": 1, "n_baseline": len(panel.names),
        "n_obs_variant": len(panel.treated), "n_obs_baseline": int(panel.donors.size),
        "mean_variant": float(panel.treated[after].mean()),
        "mean_baseline": main.level,
    }  # fmt: skip


def _did_row(analysis: Analysis, metric: Metric, panel: Panel) -> Row:
    """Plain difference in differences with all donors, ranked among each donor's own."""
    own = difference_in_differences(panel)
    others = [difference_in_differences(panel.as_treated(name)) for name in panel.names]
    as_large = sum(abs(other) >= abs(own) * (1 - 1e-9) for other in others)
    p_value = (1 + as_large) / (1 + len(others))
    floor = 1 / (1 + len(others))
    details: dict[str, Any] = {"p_floor": floor}
    if floor > analysis.alpha:
        details["p_rank"] = p_value
        result = unavailable("few_placebos", own, status="warning")
    else:
        result = Inference(estimate=own, p_value=p_value,
                           reason_code="smallest_ratio" if p_value == 1 else None)  # fmt: skip
    before = slice(None, panel.start)
    values: dict[str, Any] = {
        "n_variant": 1, "n_baseline": len(panel.names),
        "n_obs_variant": len(panel.treated), "n_obs_baseline": int(panel.donors.size),
        "mean_variant": float(panel.treated[panel.start :].mean() - panel.treated[before].mean()),
        "mean_baseline": float(panel.donors[panel.start :].mean() - panel.donors[before].mean()),
    }  # fmt: skip
    return estimate(analysis, metric, result, estimand=ATT, method="did", ci_kind="none",
                    details=details, **values)  # fmt: skip


def _period_rows(
    analysis: Analysis, metric: Metric, found: Prepared, main: Fit
) -> list[Row]:
    """The gap of each treated period; the ranking tests their whole, not one of them."""
    rows = []
    for since, gap in enumerate(main.gap[main.start :].tolist()):
        rows.append(estimate(
            analysis, metric, Inference(estimate=gap), estimand=ATT, method=analysis.method,
            term="effect_at", period=analysis.moment(found.periods[main.start + since]),
            parameter_name="periods_since", parameter=float(since), ci_kind="none",
        ))  # fmt: skip
    return rows


def _alternatives(analysis: Analysis, metric: Metric, result: Result) -> list[Row]:
    """The listed alternatives: plain DID, and the fit without the donor of the largest weight."""
    makers: dict[str, Callable[[], Row | None]] = {
        "did": lambda: _did_row(analysis, metric, result.panel),
        "leave_one_out": lambda: _without_the_largest(analysis, metric, result),
    }
    listed = analysis.study.alternatives if analysis.is_main else frozenset[str]()
    made = []
    for name in sorted(listed):
        row = makers[name]()
        own = [row] if row is not None else refused(analysis, metric, "no_placebos", estimand=ATT)
        made += [part | {"analysis": f"robustness:{name}", "is_headline": False} for part in own]
    return made


def _without_the_largest(analysis: Analysis, metric: Metric, result: Result) -> Row | None:
    if len(result.panel.names) <= 2:
        return None
    dropped = result.main.names[int(np.argmax(result.main.weights))]
    panel = result.panel.without(dropped)
    main = fit(panel)
    if main is None:
        return None
    others = list(placebos(panel).values())
    found = inference(main, others, analysis.alpha)
    return estimate(
        analysis, metric, found, estimand=ATT, method=analysis.method,
        ci_kind="placebo" if found.ci_shape != "none" else "none",
        details={"without": dropped, **_tested(rank(main, others), analysis.alpha)},
        **_described(panel, main),
    )  # fmt: skip


def _curves(analysis: Analysis, metric: Metric, found: Prepared, result: Result) -> list[Row]:
    """Both paths, the gap and every placebo's gap by period, and the weights by donor."""
    if not analysis.is_main:
        return []
    main = result.main
    paths: dict[str, Floats] = {"effect": main.gap, "observed": result.panel.treated,
                                "synthetic": main.synthetic}  # fmt: skip
    shown = list(result.others.items())[:MOST_SERIES]
    paths |= {f"placebo:{name}": other.gap for name, other in shown}
    rows: list[Row] = []
    for name, path in paths.items():
        points = [{"x": period, "x_label": analysis.moment(period), "y": value}
                  for period, value in zip(found.periods, path.tolist(), strict=True)]  # fmt: skip
        rows += curve(analysis, metric, "synthetic_gap", points, series=name)
    order = sorted(zip(main.names, main.weights.tolist(), strict=True),
                   key=lambda item: (-item[1], item[0]))  # fmt: skip
    weights = [{"x_label": name, "y": weight} for name, weight in order]
    return rows + curve(analysis, metric, "weights", weights)
