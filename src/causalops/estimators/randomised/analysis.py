"""All rows of one experiment: estimates in every analysis, families, verdicts, checks, curves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from causalops.estimators.randomised import (
    arm_checks,
    curves,
    heterogeneity,
    looking,
    progress,
    readings,
)
from causalops.estimators.randomised.cluster_totals import ClusterCells
from causalops.estimators.randomised.clustered import Arms
from causalops.estimators.randomised.compliance import HalvedStrata, Halves
from causalops.estimators.randomised.contrasts import Strata
from causalops.estimators.randomised.diluted import diluted_rows
from causalops.estimators.randomised.effects import (
    Comparison,
    effect_rows,
    empty_rows,
    plain_rows,
)
from causalops.estimators.randomised.inputs import (
    Cells,
    Experiment,
    Metric,
    Record,
    count,
    indexed,
    strata_of,
)
from causalops.estimators.randomised.quantile_rows import (
    QUANTILE_DESIGNS,
    QuantileTables,
    first_variant_rows,
    quantile_rows,
    triggered_rows,
)
from causalops.frames import records
from causalops.moments import EMPTY, merge_all
from causalops.reasons import REASONS
from causalops.results import Row, check_row
from causalops.verdicts import adjust, decide


@dataclass(frozen=True)
class Tables:
    """The small tables, indexed once for all experiments."""

    cells: Cells
    profile: dict[tuple[Any, ...], Record]
    caps: dict[tuple[Any, ...], Record]
    daily: Cells
    totals: dict[str, dict[str, int]]
    quantiles: QuantileTables
    clusters: ClusterCells | None = None
    published: Mapping[str, list[Record]] = field(default_factory=dict)

    @staticmethod
    def of(
        moments: Any, profile: Any, caps: Any, daily: Any, counts: Any, clusters: Any = None,
        order_stats: Any = None, event_quantiles: Any = None, published: Any = None,
    ) -> Tables:  # fmt: skip
        """Index the frames of the warehouse; `published` are the versions of earlier runs."""
        key = ("experiment_id", "analysis", "metric")
        return Tables(
            Cells(moments, *key, "population", "segment_dim", "segment_value"),
            indexed(profile, *key, "population", "variant"),
            indexed(caps, *key, "part"),
            Cells(daily, "experiment_id", "metric", "day_kind", "day", "day_offset"),
            _totals(counts),
            QuantileTables.of(order_stats, event_quantiles),
            None if clusters is None else ClusterCells(clusters),
            {} if published is None else _versions(published),
        )

    def strata(
        self, experiment: Experiment, variant: str, analysis: str, metric: str,
        population: str = "exposed", dim: str = "all", value: str = "all",
    ) -> Strata:  # fmt: skip
        """Variant and control side by side."""
        arms = (self.cells.arm(name, experiment.id, analysis, metric, population, dim, value)
                for name in (variant, experiment.control))  # fmt: skip
        return strata_of(*arms)

    def halves(
        self, experiment: Experiment, variant: str, analysis: str, metric: str,
        populations: Sequence[str] = ("exposed",), dim: str = "all", value: str = "all",
    ) -> HalvedStrata:  # fmt: skip
        """Variant and control side by side, each as units that did not and that did receive."""
        arms: list[dict[str, Halves]] = [{}, {}]
        for arm, name in zip(arms, (variant, experiment.control), strict=True):
            for population in populations:
                key = (experiment.id, analysis, metric, population, dim, value)
                for stratum, found in self.cells.halves(name, *key).items():
                    none, some = arm.get(stratum, (EMPTY, EMPTY))
                    arm[stratum] = none.merge(found[0]), some.merge(found[1])
        strata = sorted({*arms[0], *arms[1]})
        return [(arms[0].get(s, (EMPTY, EMPTY)), arms[1].get(s, (EMPTY, EMPTY))) for s in strata]

    def totals_of(
        self, experiment: Experiment, variant: str, analysis: str, metric: str,
        population: str = "exposed", dim: str = "all", value: str = "all",
    ) -> Arms | None:  # fmt: skip
        """Cluster totals of variant and control; None where units are independent."""
        if self.clusters is None or not experiment.has_clusters:
            return None
        key = (experiment.id, analysis, metric, population, dim, value)
        return self.clusters.arm(variant, *key), self.clusters.arm(experiment.control, *key)


MetricRows = Callable[[Comparison, "Tables"], list[Row]]


def experiment_rows(
    experiment: Experiment, tables: Tables, metric_rows: MetricRows | None = None
) -> list[Row]:
    """Every estimate, check and curve row of one experiment; one failure stops only itself.

    `metric_rows` makes the estimates of one metric and variant; the default compares two arms.
    """
    make = metric_rows or two_arm_rows
    rows: list[Row] = []
    for metric in experiment.metrics:
        for variant in experiment.treatments:
            what = _comparison(experiment, metric, variant, metric.analysis, tables)
            rows += _guarded(what, _quantile_rows if metric.is_quantile else make, tables)
    looks = readings.add(experiment, rows, tables, guarded_check)
    adjust(rows)
    decide(
        rows,
        is_complete=experiment.is_complete,
        alphas={metric.name: metric.alpha for metric in experiment.main()},
        desired={metric.name: metric.desired for metric in experiment.main()},
        harmed=looking.harmed(rows),
        looks=looks,
    )
    by_metric: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_metric[row["metric"]].append(row)
    for metric in experiment.main():
        own = by_metric[metric.name]
        for name, check in (("balance", arm_checks.metric_rows), ("curves", curves.metric_rows)):
            rows += guarded_check(experiment, name, metric.name, check, metric, tables)
        rows += guarded_check(experiment, "power", metric.name, progress.power_rows, metric, own)
        rows += guarded_check(experiment, heterogeneity.CHECK, metric.name,
                              heterogeneity.metric_rows, metric, own)  # fmt: skip
    rows += guarded_check(experiment, heterogeneity.CHECK, "none", heterogeneity.family, rows)
    return rows + guarded_check(experiment, "balance", "none", arm_checks.balance_family, rows)


def guarded_check(
    experiment: Experiment, name: str, metric: str, make: Callable[..., list[Row]], *args: Any
) -> list[Row]:
    """Rows of a check or curve; an unexpected error becomes a check that was not run."""
    try:
        with np.errstate(all="ignore"):
            return make(experiment, *args)
    except Exception as error:
        message = f"{REASONS['internal_error']} ({type(error).__name__}: {error})"
        return [
            check_row(experiment_id=experiment.id, check_name=name, metric=metric, message=message,
                      status="not_run", reason_code="internal_error")
        ]  # fmt: skip


def _guarded(what: Comparison, make: MetricRows, tables: Tables) -> list[Row]:
    try:
        with np.errstate(all="ignore"):
            return make(what, tables)
    except Exception as error:
        message = f"{REASONS['internal_error']} ({type(error).__name__}: {error})"
        return empty_rows(what, "internal_error", "failed", message)


def two_arm_rows(what: Comparison, tables: Tables) -> list[Row]:
    """Every estimate of one metric and variant: overall, by segment, triggered, robustness."""
    experiment, metric, variant = what.experiment, what.metric, what.variant
    if metric.analysis != "main":
        return effect_rows(what, tables.strata(experiment, variant, metric.analysis, metric.name))
    exposed = tables.strata(experiment, variant, "main", metric.name)
    rows = effect_rows(what, exposed)
    for dim, value in sorted(tables.cells.keys(experiment.id, "main", metric.name, "exposed")):
        if dim != "all":
            key = (experiment, variant, "main", metric.name, "exposed", dim, value)
            part = replace(what, segment_dim=dim, segment_value=value, facts=None,
                           clusters=tables.totals_of(*key))  # fmt: skip
            strata = tables.strata(*key)
            rows += effect_rows(part, strata)
    totals = tables.totals.get(experiment.id, {})
    if totals.get("n_triggered"):
        part = _comparison(experiment, metric, variant, "main", tables, "triggered")
        triggered = tables.strata(experiment, variant, "main", metric.name, "triggered")
        rows += effect_rows(part, triggered)
        if part.clusters is None:  # dilution treats units as independent
            rows += diluted_rows(part, triggered, exposed)
    if "unadjusted" in experiment.robustness:
        part = replace(what, analysis="robustness:unadjusted")
        rows += plain_rows(part, exposed, metric.plain_method)
    if totals.get("n_crossover"):
        both = tables.halves(experiment, variant, "main", metric.name, ("exposed", "crossover"))
        strata = [(merge_all(v), merge_all(b)) for v, b in both]
        rows += effect_rows(by_first_variant(what, tables), strata)
    return rows


def by_first_variant(what: Comparison, tables: Tables) -> Comparison:
    """The analysis that counts units seen in several arms in their first one."""
    part = replace(what, analysis="robustness:first_variant", facts=None)
    key = what.experiment.id, "main", what.metric.name
    # They may all be immature or without a cluster: then nobody joins the exposed.
    if not tables.cells.has(*key, "crossover", "all", "all"):
        return part
    clusters = tables.totals_of(what.experiment, what.variant, *key[1:], "first_variant")
    return replace(part, clusters=clusters)


def _quantile_rows(what: Comparison, tables: Tables) -> list[Row]:
    if what.experiment.design not in QUANTILE_DESIGNS:
        return empty_rows(what, "method_not_available", "skipped")
    rows = quantile_rows(what, tables.quantiles)
    if what.metric.analysis != "main":
        return rows
    totals = tables.totals.get(what.experiment.id, {})
    if totals.get("n_triggered"):
        part = _comparison(what.experiment, what.metric, what.variant, "main", tables, "triggered")
        rows += triggered_rows(part, tables.quantiles)
    return rows + (first_variant_rows(what, tables.quantiles) if totals.get("n_crossover") else [])


def _comparison(
    experiment: Experiment, metric: Metric, variant: str, analysis: str, tables: Tables,
    population: str = "exposed",
) -> Comparison:  # fmt: skip
    profiles = [
        tables.profile.get((experiment.id, analysis, metric.name, population, name), {})
        for name in (variant, experiment.control)
    ]
    cap = tables.caps.get((experiment.id, analysis, metric.name, "y"), {})
    units = [count(row.get("n_units")) for row in profiles]
    facts: dict[str, Any] = {}
    if cap.get("is_applied"):
        facts |= {"cap": cap.get("cap"), "cap_quantile": cap.get("quantile"),
                  "n_capped": [count(row.get("n_capped")) for row in profiles]}  # fmt: skip
    if metric.covariates and sum(units):
        facts["pre_coverage"] = sum(count(row.get("n_pre")) for row in profiles) / sum(units)
    return Comparison(
        experiment, metric, variant, analysis, population,
        is_immature=any(n == 0 and count(row.get("n_immature")) > 0
                        for n, row in zip(units, profiles, strict=True)),
        is_cap_ignored=bool(cap) and not cap.get("is_applied"),
        facts=facts,
        clusters=tables.totals_of(experiment, variant, analysis, metric.name, population),
    )  # fmt: skip


def _versions(published: Any) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for row in records(published):
        found.setdefault(row["experiment_id"], []).append(row)
    return found


def _totals(counts: Any) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in records(counts):
        if row["segment_dim"] == "all":
            sums = found.setdefault(row["experiment_id"], {})
            for name in ("n_triggered", "n_crossover"):
                sums[name] = sums.get(name, 0) + count(row.get(name))
    return found
