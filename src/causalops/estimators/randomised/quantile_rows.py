"""Rows of a quantile metric: effects at every quantile, a simultaneous band, the curve."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from causalops.estimators.randomised.effects import Comparison
from causalops.estimators.randomised.inputs import Experiment, Metric, count
from causalops.estimators.randomised.quantiles import (
    ArmQuantile,
    QuantileContrast,
    SupT,
    compare,
    contrast_correlation,
    scaled,
    sup_t,
    unit_correlation,
)
from causalops.frames import records
from causalops.inference import (
    Inference,
    difference,
    lift_delta,
    lift_fieller,
    minimum_detectable,
    one_sided,
    unavailable,
)
from causalops.moments import Floats
from causalops.reasons import REASONS
from causalops.results import Row, as_json, curve_row, estimate_row

QUANTILE_DESIGNS = ("ab_test", "aa_test")
"""Designs in which units, or the units of events, are randomised one by one."""
_KEY = ("experiment_id", "analysis", "metric", "population", "segment_dim", "segment_value",
        "variant")  # fmt: skip
Key = tuple[Any, ...]


@dataclass(frozen=True)
class QuantileTables:
    """`experiment_order_stats` and `experiment_event_quantiles`, by their key without quantile."""

    arms: dict[Key, dict[float, ArmQuantile]]
    shares: dict[Key, dict[tuple[float, float], float]]

    @staticmethod
    def of(order_stats: Any, event_quantiles: Any) -> QuantileTables:
        """Index the two frames."""
        arms: dict[Key, dict[float, ArmQuantile]] = defaultdict(dict)
        for row in records(order_stats):
            key = tuple(row[name] for name in _KEY)
            arms[key][row["quantile"]] = ArmQuantile(
                count(row["n_units"]), count(row["n"]), row["value"], row["share_error"],
                row["low"], row["high"], row["tied"], row["tied_near"],
            )  # fmt: skip
        shares: dict[Key, dict[tuple[float, float], float]] = defaultdict(dict)
        for row in records(event_quantiles):
            key, value = tuple(row[name] for name in _KEY), row["covariance"]
            for pair in ("quantile_a", "quantile_b"), ("quantile_b", "quantile_a"):
                shares[key][row[pair[0]], row[pair[1]]] = 0.0 if value is None else value
        return QuantileTables(dict(arms), dict(shares))

    def contrasts(
        self, what: Comparison, quantiles: Sequence[float], population: str
    ) -> list[QuantileContrast]:
        """Variant against control at each quantile."""
        arms = [self.arms.get(key, {}) for key in _keys(what, population)]
        alpha = what.metric.alpha
        return [compare(q, arms[0].get(q), arms[1].get(q), alpha) for q in quantiles]

    def correlation(self, key: Key, quantiles: Sequence[float]) -> Floats:
        """Correlation of the shares below the quantiles of one arm: as measured over events, or
        that of independent units."""
        measured = self.shares.get(key)
        if measured is None:
            return unit_correlation(quantiles)
        return scaled(np.array([[measured[p, q] for q in quantiles] for p in quantiles]))

    def segments(self, experiment: Experiment, metric: Metric) -> list[tuple[str, str]]:
        """The segments in which a metric has values."""
        prefix = (experiment.id, "main", metric.name, "exposed")
        return sorted({k[4:6] for k in self.arms if k[:4] == prefix and k[4] != "all"})


def _keys(what: Comparison, population: str) -> tuple[Key, Key]:
    base = (what.experiment.id, "main" if population == "first_variant" else what.analysis,
            what.metric.name, population, what.segment_dim, what.segment_value)  # fmt: skip
    return (*base, what.variant), (*base, what.experiment.control)


def quantile_rows(what: Comparison, tables: QuantileTables) -> list[Row]:
    """Rows of one quantile metric and one variant, in every population of its analysis."""
    quantiles = what.metric.quantiles
    found = tables.contrasts(what, quantiles, what.population)
    rows = _effect_rows(what, found)
    if what.analysis != "main":
        return rows
    rows += _uniform_rows(what, found, tables)
    if what.metric.role == "guardrail" and what.metric.margin is not None:
        rows.append(_margin_row(what, found[0], what.metric.margin))
    for dim, value in tables.segments(what.experiment, what.metric):
        part = replace(what, segment_dim=dim, segment_value=value)
        (first,) = tables.contrasts(part, quantiles[:1], what.population)
        rows.append(_row(part, first, _absolute(part, first)))
    return rows


def triggered_rows(what: Comparison, tables: QuantileTables) -> list[Row]:
    """The same among triggered units; a quantile of all units cannot be told from them."""
    part = replace(what, population="triggered")
    return _effect_rows(part, tables.contrasts(part, what.metric.quantiles, "triggered"))


def first_variant_rows(what: Comparison, tables: QuantileTables) -> list[Row]:
    """Units seen in several arms counted in their first one."""
    part = replace(what, analysis="robustness:first_variant")
    found = tables.contrasts(part, what.metric.quantiles, "first_variant")
    if all(contrast.reason == "no_units" for contrast in found):
        # Crossed units may all be immature: then nobody joins the exposed.
        found = tables.contrasts(what, what.metric.quantiles, what.population)
    return _effect_rows(part, found)


def _effect_rows(what: Comparison, found: Sequence[QuantileContrast]) -> list[Row]:
    """Absolute and relative effect per quantile; the first listed quantile is the headline."""
    rows: list[Row] = []
    for position, contrast in enumerate(found):
        is_headline = what.is_overall and position == 0
        rows.append(_row(what, contrast, _absolute(what, contrast), is_headline=is_headline))
        rows.append(_row(what, contrast, _lift(what, contrast), is_headline=is_headline,
                         scale="relative", ci_kind="delta", se_kind="delta"))  # fmt: skip
        if what.analysis == "main":
            rows.append(_row(what, contrast, _lift(what, contrast, lift_fieller),
                             scale="relative", ci_kind="fieller"))  # fmt: skip
    return rows


def _uniform_rows(
    what: Comparison, found: Sequence[QuantileContrast], tables: QuantileTables
) -> list[Row]:
    """The simultaneous band over the quantiles with inference, as rows and as a curve.

    One quantile is its own band, so there is nothing to add to its interval.
    """
    usable = [contrast for contrast in found if _absolute(what, contrast).p_value is not None]
    alpha, rows = what.metric.alpha, []
    half: dict[float, float] = {}
    if len(usable) > 1:
        chosen = [contrast.quantile for contrast in usable]
        keys = _keys(what, what.population)
        arms = [tables.correlation(key, chosen) for key in keys]
        largest = sup_t(contrast_correlation(usable, arms[0], arms[1]), what.experiment.seed)
        part = replace(
            what, facts={"sup_t": largest.critical(alpha), "n_quantiles": len(usable)}
        )
        for contrast in usable:
            band = _band(_absolute(what, contrast), largest, alpha)
            if band.estimate is not None and band.ci_high is not None:
                half[contrast.quantile] = band.ci_high - band.estimate
            rows.append(_row(part, contrast, band, ci_kind="uniform"))
    return rows + _curve(what, found, half)


def _band(single: Inference, largest: SupT, alpha: float) -> Inference:
    """One quantile of the band; what has no inference alone has none in the band."""
    if single.estimate is None or single.std_error is None or single.p_value is None:
        return single
    reach = largest.critical(alpha) * single.std_error
    p_value = largest.p_value(single.statistic or 0.0, single.p_value)
    return replace(single, p_value=p_value, ci_low=single.estimate - reach,
                   ci_high=single.estimate + reach)  # fmt: skip


def _curve(
    what: Comparison, found: Sequence[QuantileContrast], half: dict[float, float]
) -> list[Row]:
    points = [c for c in sorted(found, key=lambda c: c.quantile) if c.effect is not None]
    rows = []
    for seq, contrast in enumerate(points):
        effect, reach = contrast.effect or 0.0, half.get(contrast.quantile)
        rows.append(curve_row(
            experiment_id=what.experiment.id, metric=what.metric.name, curve="quantile_effect",
            variant=what.variant, baseline=what.experiment.control, seq=seq, x=contrast.quantile,
            x_label=f"{contrast.quantile:g}", y=effect,
            y_low=None if reach is None else effect - reach,
            y_high=None if reach is None else effect + reach,
            band_kind="none" if reach is None else "uniform",
            n=sum(arm.n_obs for arm in (contrast.variant, contrast.baseline) if arm),
        ))  # fmt: skip
    return rows


def _absolute(what: Comparison, found: QuantileContrast) -> Inference:
    if found.effect is None or found.levels is None or found.variance is None:
        return _without(found, found.effect)
    scale = max(abs(found.levels.variant), abs(found.levels.baseline))
    return difference(found.effect, found.variance, None, what.metric.alpha, scale)


def _lift(what: Comparison, found: QuantileContrast, by: Any = lift_delta) -> Inference:
    if found.levels is not None:
        result: Inference = by(found.levels, what.metric.alpha)
        return result
    if found.effect is None or found.baseline is None:
        return _without(found, None)
    base = abs(found.baseline.value)
    return _without(found, found.effect / base) if base else unavailable("relative_undefined")


def _without(found: QuantileContrast, estimate: float | None) -> Inference:
    """The estimate alone, with the reason why there is no more."""
    status = "failed" if found.reason == "not_finite" else "skipped"
    return unavailable(found.reason or "no_units", estimate, status)


def _margin_row(what: Comparison, found: QuantileContrast, margin: float) -> Row:
    """Whether the quantile is not worse than the margin, one-sided at alpha."""
    is_increase = what.metric.desired != "decrease"
    test = one_sided(_lift(what, found), -margin if is_increase else margin,
                     "greater" if is_increase else "less", what.metric.alpha)  # fmt: skip
    return _row(what, found, test, scale="relative", ci_kind="delta", se_kind="delta",
                test="non_inferiority")  # fmt: skip


def _row(what: Comparison, found: QuantileContrast, result: Inference, **extra: Any) -> Row:
    metric, experiment = what.metric, what.experiment
    status, reason = result.status, result.reason_code
    if reason in ("no_units", "empty_arm") and what.is_immature:
        reason = "immature"
    note = found.note or (None if experiment.strata is None else "strata_not_used")
    if status == "ok" and note is not None:
        status, reason = "warning", note
    sides = {"variant": found.variant, "baseline": found.baseline}
    arms: dict[str, Any] = {}
    for name, arm in sides.items():
        arms[f"n_{name}"] = 0 if arm is None else arm.n_units
        arms[f"n_obs_{name}"] = 0 if arm is None else arm.n_obs
        arms[f"mean_{name}"] = None if arm is None else arm.value
    se_kind = "delta" if metric.level == "event" else "influence"
    values = {"se_kind": se_kind} | extra
    return estimate_row(
        experiment_id=experiment.id, design=experiment.design, analysis=what.analysis,
        metric=metric.name, metric_role=metric.role, method=metric.method,
        estimand="none" if experiment.design == "aa_test" else "qte",
        parameter_name="quantile", parameter=found.quantile,
        variant=what.variant, baseline=experiment.control, population=what.population,
        segment_dim=what.segment_dim, segment_value=what.segment_value,
        window_start=metric.window_start, window_end=metric.mature_days,
        ci_level=1 - metric.alpha, **arms,
        estimate=result.estimate, std_error=result.std_error, df=result.df,
        statistic=result.statistic, p_value=result.p_value, alternative=result.alternative,
        null_value=result.null_value, ci_low=result.ci_low, ci_high=result.ci_high,
        ci_shape=result.ci_shape, mde=minimum_detectable(result.std_error, metric.alpha),
        status=status, reason_code=reason, message=None if reason is None else REASONS[reason],
        details=_details(what, found, result),
        **values | ({"se_kind": "none"} if result.std_error is None else {}),
    )  # fmt: skip


def _details(what: Comparison, found: QuantileContrast, result: Inference) -> str | None:
    """Where the standard error comes from: each arm's interval and its tied share."""
    details = dict(what.facts or {})
    for name, arm in (("variant", found.variant), ("baseline", found.baseline)):
        if arm is not None:
            details[f"interval_{name}"] = [arm.low, arm.high]
            details[f"tied_{name}"] = arm.tied_near
    if result.pieces:
        details["ci_pieces"] = result.pieces
    return as_json(details) if details else None
