"""A/A tests: the estimates of an A/B test where no difference should be found, and re-splits."""

from __future__ import annotations

import json
from typing import Any

from causalops.estimators.randomised.analysis import Tables, experiment_rows, guarded_check
from causalops.estimators.randomised.balance import joint_test
from causalops.estimators.randomised.inputs import Cells, Experiment, Metric, experiments
from causalops.estimators.randomised.resplit import REPLICATIONS, resplit
from causalops.estimators.rulings import ruled
from causalops.inference import finite
from causalops.moments import Block, merge_all
from causalops.multiplicity import bonferroni
from causalops.reasons import REASONS
from causalops.results import Row, check_row

JOINT_THRESHOLD = 0.001


def run(
    due: Any, registry: Any, moments: Any, profile: Any, caps: Any, daily: Any, buckets: Any,
    counts: Any, order_stats: Any = None, event_quantiles: Any = None,
) -> list[Row]:  # fmt: skip
    """Result rows of every due `aa_test` from the small tables of the warehouse."""
    tables = Tables.of(
        moments, profile, caps, daily, counts,
        order_stats=order_stats, event_quantiles=event_quantiles,
    )  # fmt: skip
    split = Cells(buckets, "experiment_id", "metric", "bucket")
    rows: list[Row] = []
    for experiment in experiments(due, registry, ["aa_test"]):
        rows += experiment_rows(experiment, tables)
        rows += guarded_check(experiment, "aa_joint", "none", _joint_rows, tables)
        # Re-splits deal the moments of buckets, which hold no quantile.
        for metric in (metric for metric in experiment.main() if not metric.is_quantile):
            rows += guarded_check(experiment, "resplit", metric.name, _resplit_rows, metric, split)
    return rows


def _joint_rows(experiment: Experiment, tables: Tables) -> list[Row]:
    """Pre-period balance of all metrics together: the smallest p of the metrics' joint tests,
    Bonferroni over metrics and arms."""
    tests = [
        joint_test(tables.strata(experiment, variant, "main", metric.name), metric.covariates)
        for metric in experiment.main() if metric.covariates
        for variant in experiment.treatments
    ]  # fmt: skip
    adjusted = [p for p in bonferroni([t.p_value for t in tests if t is not None]) if p is not None]
    status, reason = "pass", None
    if not adjusted:
        status, reason = "not_run", "no_covariate"
    elif min(adjusted) < JOINT_THRESHOLD:
        status, reason = "fail", "imbalance"
    return [ruled(experiment, check_row(
        experiment_id=experiment.id, check_name="aa_joint", p_value=min(adjusted, default=None),
        value=float(len(adjusted)), value_name="joint_tests", threshold=JOINT_THRESHOLD,
        status=status, reason_code=reason, message=REASONS[reason] if reason else None,
    ))]  # fmt: skip


def _resplit_rows(experiment: Experiment, metric: Metric, split: Cells) -> list[Row]:
    blocks: list[Block] = []
    for (bucket,) in sorted(split.keys(experiment.id, metric.name)):
        arms = [split.arm(name, experiment.id, metric.name, bucket) for name in experiment.weights]
        blocks.append(merge_all(block for arm in arms for block in arm.values()))
    shares = experiment.known_weights
    share = 0.5
    if shares is not None and experiment.treatments:
        pair = shares[experiment.treatments[0]], shares[experiment.control]
        share = pair[0] / sum(pair)
    filled = [block for block in blocks if block.size]
    found = resplit(filled, share, experiment.seed, metric.is_ratio) if filled else None
    if found is None:
        return [ruled(experiment, check_row(
            experiment_id=experiment.id, check_name="resplit", metric=metric.name,
            status="not_run", reason_code="too_few_units", message=REASONS["too_few_units"],
        ))]  # fmt: skip
    is_off = not found.low <= found.share <= found.high
    reason = "resplit_outside_band" if is_off else None
    return [ruled(experiment, check_row(
        experiment_id=experiment.id, check_name="resplit", metric=metric.name,
        value=finite(found.share), value_name="share", threshold=found.high, n=found.n,
        status="fail" if is_off else "pass", reason_code=reason,
        message=REASONS[reason] if reason else None,
        details=json.dumps({"band": [found.low, found.high], "replications": REPLICATIONS}),
    ))]  # fmt: skip
