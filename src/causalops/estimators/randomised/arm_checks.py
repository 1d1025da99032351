"""Checks of one metric by arm: balance before, missing and immature units, extreme values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from causalops.estimators.randomised.balance import differences, joint_test
from causalops.estimators.randomised.counts import rate_test
from causalops.estimators.randomised.inputs import Experiment, Metric, count
from causalops.estimators.rulings import ruled
from causalops.moments import Block, merge_all
from causalops.multiplicity import holm
from causalops.reasons import REASONS
from causalops.results import Row, as_json, check_row, curve_row

if TYPE_CHECKING:
    from causalops.estimators.randomised.analysis import Tables

RATE_THRESHOLD = 0.001
BALANCE_THRESHOLD = 0.01
DOMINANT = 0.05
SKEW_FACTOR = 355  # Kohavi, Deng, Longbotham & Xu (2014), rule 7


def metric_rows(experiment: Experiment, metric: Metric, tables: Tables) -> list[Row]:
    """Every check of a metric of the main analysis, for all arms."""
    profiles = {
        name: tables.profile.get((experiment.id, "main", metric.name, "exposed", name), {})
        for name in experiment.weights
    }
    rows = _balance(experiment, metric, tables)
    rates = [
        _rate(experiment, metric, "missing_by_arm", profiles, "n_missing", ("n_units",)),
        _rate(experiment, metric, "immature_by_arm", profiles, "n_immature",
              ("n_units", "n_immature")),
    ]  # fmt: skip
    rows += rates if not experiment.has_clusters else [_untested(row) for row in rates]
    for variant, profile in profiles.items():
        blocks = tables.cells.arm(
            variant, experiment.id, "main", metric.name, "exposed", "all", "all"
        )
        if not metric.is_quantile:  # both are about means
            rows += _dominance(experiment, metric, variant, profile)
            rows += _skewness(experiment, metric, variant, merge_all(blocks.values()))
        rows += _nonfinite(experiment, metric, variant, profile)
    return [row if row["row_kind"] == "curve" else ruled(experiment, row) for row in rows]


def balance_family(experiment: Experiment, rows: list[Row]) -> list[Row]:
    """Adjust the balance checks for their number (Holm) and warn, in place; adds no row."""
    found = [row for row in rows if row["row_kind"] == "check" and row["check_name"] == "balance"]
    for row, adjusted in zip(found, holm([row["p_value"] for row in found]), strict=True):
        row["p_adjusted"] = adjusted
        if adjusted is not None and adjusted < BALANCE_THRESHOLD:
            row |= {"status": "warn", "reason_code": "imbalance", "message": REASONS["imbalance"]}
            row |= ruled(experiment, row)
    return []


def _balance(experiment: Experiment, metric: Metric, tables: Tables) -> list[Row]:
    rows: list[Row] = []
    for variant in experiment.treatments:
        strata = tables.strata(experiment, variant, "main", metric.name)
        key = {"experiment_id": experiment.id, "metric": metric.name, "variant": variant,
               "baseline": experiment.control}  # fmt: skip
        totals = tables.totals_of(experiment, variant, "main", metric.name)
        found = differences(strata, metric.covariates, metric.alpha, totals)
        for seq, item in enumerate(found):
            reason = item.test.reason_code if item.test.p_value is None else None
            rows.append(check_row(
                **key, check_name="balance", covariate=item.covariate, p_value=item.test.p_value,
                statistic=item.test.statistic, df=item.test.df, value=item.smd, value_name="smd",
                threshold=BALANCE_THRESHOLD, n=item.n, status="not_run" if reason else "pass",
                reason_code=reason, message=REASONS[reason] if reason else None,
            ))  # fmt: skip
            rows.append(curve_row(**key, curve="balance", series="smd", seq=seq, x=float(seq),
                                  x_label=item.covariate, y=item.smd, n=item.n))  # fmt: skip
        is_joint = len(found) > 1 and totals is None
        joint = joint_test(strata, metric.covariates) if is_joint else None
        if joint is not None:
            is_off = joint.p_value < RATE_THRESHOLD
            reason = "imbalance" if is_off else None
            rows.append(check_row(
                **key, check_name="balance_joint", statistic=joint.statistic, df=float(joint.df),
                p_value=joint.p_value, threshold=RATE_THRESHOLD, value=float(len(found)),
                value_name="covariates", status="warn" if is_off else "pass",
                reason_code=reason, message=REASONS[reason] if reason else None,
            ))  # fmt: skip
    return rows


def _rate(
    experiment: Experiment, metric: Metric, name: str, profiles: dict[str, dict[str, Any]],
    column: str, whole: tuple[str, ...],
) -> Row:  # fmt: skip
    """Is a share of units the same in every arm? A difference warns."""
    events = {arm: count(row.get(column)) for arm, row in profiles.items()}
    units = {arm: sum(count(row.get(c)) for c in whole) for arm, row in profiles.items()}
    test = rate_test(events, units, experiment.seed)
    total = sum(units.values())
    is_off = test.p_value is not None and test.p_value < RATE_THRESHOLD
    reason = "rates_differ" if is_off else test.reason
    status = "warn" if is_off else "not_run" if test.reason else "pass"
    return check_row(
        experiment_id=experiment.id, check_name=name, metric=metric.name,
        statistic=test.statistic, df=test.df, p_value=test.p_value, threshold=RATE_THRESHOLD,
        value=sum(events.values()) / total if total else None, value_name="share", n=total,
        status=status, reason_code=reason, message=REASONS[reason] if reason else None,
        details=as_json({"events": events, "units": units}),
    )  # fmt: skip


def _untested(row: Row) -> Row:
    """The rates alone: units of a cluster move together, so a test of units says nothing."""
    reason = "units_not_independent"
    return row | {"p_value": None, "statistic": None, "df": None, "status": "not_run",
                  "reason_code": reason, "message": REASONS[reason]}  # fmt: skip


def _dominance(
    experiment: Experiment, metric: Metric, variant: str, profile: dict[str, Any]
) -> list[Row]:
    """The largest unit's share of the arm's total."""
    top, total = profile.get("top_unit"), profile.get("y_sum")
    if top is None or not total:
        return []
    share = abs(top) / abs(total)
    return [_arm_row(experiment, metric, variant, "dominance", "dominant_unit", share > DOMINANT,
                     value=share, value_name="share", threshold=DOMINANT,
                     n=count(profile.get("n_units")))]  # fmt: skip


def _skewness(experiment: Experiment, metric: Metric, variant: str, block: Block) -> list[Row]:
    """Enough units for the mean of a skewed metric to be nearly normal?"""
    size = block.size
    if metric.is_ratio or size < 2 or block.c[0, 0] <= 0:
        return []
    spread = math.sqrt(float(block.c[0, 0]) / size)
    skew = block.m3 / size / spread / spread / spread
    needed = SKEW_FACTOR * skew * skew
    if not math.isfinite(needed):
        return []
    return [_arm_row(experiment, metric, variant, "skewness", "skewed", size < needed,
                     n=size, value=skew, value_name="skewness",
                     threshold=needed)]  # fmt: skip


def _nonfinite(
    experiment: Experiment, metric: Metric, variant: str, profile: dict[str, Any]
) -> list[Row]:
    dropped = count(profile.get("n_nonfinite"))
    if not dropped:
        return []
    return [_arm_row(experiment, metric, variant, "nonfinite", "nonfinite_dropped", True,
                     value=float(dropped), value_name="values", threshold=0.0,
                     n=count(profile.get("n_units")))]  # fmt: skip


def _arm_row(
    experiment: Experiment, metric: Metric, variant: str, name: str, reason: str, is_off: bool,
    **values: Any,
) -> Row:  # fmt: skip
    return check_row(
        experiment_id=experiment.id, check_name=name, metric=metric.name, variant=variant,
        status="warn" if is_off else "pass", reason_code=reason if is_off else None,
        message=REASONS[reason] if is_off else None, **values,
    )  # fmt: skip
