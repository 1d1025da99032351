"""The always-valid companion of each absolute headline: what may be read at any time.

The companion repeats the headline's estimate and standard error with the interval of a confidence
sequence. It stands beside every experiment, complete or not, and may say `worse` early.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from causalops.estimators.randomised.contrasts import Contrast
from causalops.estimators.randomised.inputs import Experiment, Metric
from causalops.inference import Inference, unavailable
from causalops.reasons import REASONS
from causalops.results import Row, as_json
from causalops.sequential import MIN_ARM, always_valid, mixing_variance

PLANNED = "group_sequential"
SERIES = "always_valid"
_NUMBERS = ("estimate", "std_error", "df", "statistic", "p_value", "ci_low", "ci_high", "ci_shape")


def is_planned(experiment: Experiment) -> bool:
    """Whether alpha is spent at planned looks."""
    return (experiment.sequential or {}).get("kind") == PLANNED


def companion_rows(experiment: Experiment, rows: Sequence[Row]) -> list[Row]:
    """One always-valid row per absolute headline; `rows` are the fixed-horizon ones.

    With planned looks the sequential rows of `main` are those of the looks, so that the companion
    is an analysis of its own.
    """
    analysis = f"robustness:{SERIES}" if is_planned(experiment) else "main"
    metrics = experiment.main_by_name
    made = []
    for head in headlines(rows):
        metric = metrics[head["metric"]]
        row = _companion(experiment, readable(head, rows), metric.alpha)
        row["analysis"] = analysis
        row["verdict"] = "worse" if is_harm(row, metric.desired) else None
        made.append(row)
    return made


def headlines(rows: Sequence[Row]) -> list[Row]:
    """The absolute headline of each metric and variant."""
    return [row for row in rows if row["is_headline"] and row["scale"] == "absolute"]


def readable(head: Row, rows: Sequence[Row]) -> Row:
    """The row whose estimate is nearly normal: the effect of assignment beside a CACE."""
    if head["estimand"] != "cace":
        return head
    wanted = {"estimand": "itt", "population": "exposed", "segment_dim": "all",
              "scale": "absolute", "test": "difference", "ci_kind": "fixed"}  # fmt: skip
    wanted |= {key: head[key] for key in ("analysis", "metric", "variant")}
    return next((row for row in rows if wanted.items() <= row.items()), head)


def is_harm(row: Row, desired: str | None) -> bool:
    """Whether an always-valid interval lies on the bad side of zero."""
    if row["design"] == "aa_test" or row["metric_role"] == "placebo":
        return False
    if desired == "increase":
        return row["ci_high"] is not None and bool(row["ci_high"] < 0)
    if desired == "decrease":
        return row["ci_low"] is not None and bool(row["ci_low"] > 0)
    return False


def harmed(rows: Sequence[Row]) -> set[tuple[str, str]]:
    """Metric and variant of every companion that shows harm."""
    return {
        (row["metric"], row["variant"])
        for row in rows
        if row["ci_kind"] == "sequential" and not row["is_headline"] and row["verdict"] == "worse"
    }


def derived(base: Row, result: Inference, **values: object) -> Row:
    """A row beside `base` with another inference of the same comparison; never a headline."""
    reason = result.reason_code
    nothing = ("p_adjusted", "p_family", "verdict", "mde", "variance_reduction", "details")
    row = base | dict.fromkeys(nothing) | {name: getattr(result, name) for name in _NUMBERS}
    row |= {"is_headline": False, "alternative": result.alternative, "null_value": 0.0}
    if base["estimate"] is None or base["status"] in ("skipped", "failed"):
        keep = {name: base[name] for name in ("status", "reason_code", "message")}
    elif reason is not None or base["status"] == "ok":
        said = REASONS[reason] if reason else None
        keep = {"status": result.status, "reason_code": reason, "message": said}
    else:
        keep = {}
    return row | keep | values


def _companion(experiment: Experiment, base: Row, alpha: float) -> Row:
    planned = experiment.n_planned
    units = base["n_variant"] or 0, base["n_baseline"] or 0
    result = unavailable("too_few_to_look", base["estimate"])
    if base["std_error"] is not None and _randomised(base) >= MIN_ARM:
        result = always_valid(base["estimate"], base["std_error"], units, planned, alpha)
    return derived(
        base, result, ci_kind="sequential", details=_details(planned, alpha),
        se_kind=base["se_kind"] if result.std_error is not None else "none",
        info_fraction=sum(units) / (2 * planned),
    )  # fmt: skip


@lru_cache
def _details(planned: int, alpha: float) -> str:
    """The plan that the sequence is narrowest for: the same for every metric of one alpha."""
    return as_json({"n_planned": planned, "rho_squared": mixing_variance(alpha, 2 * planned)})


def _randomised(row: Row) -> int:
    """Randomised units in the smaller arm: clusters where clusters were randomised."""
    clusters = [row["n_clusters_variant"], row["n_clusters_baseline"]]
    units = [row["n_variant"], row["n_baseline"]]
    return min(count or 0 for count in (units if None in clusters else clusters))


def curve_point(
    experiment: Experiment, metric: Metric, point: Row, found: Contrast
) -> list[Row]:
    """The same point with its always-valid band; none while an arm is too small for one."""
    if experiment.has_clusters or found.effect is None or not found.variance:
        return []
    sizes = found.variant.n, found.baseline.n
    error = math.sqrt(found.variance)
    band = always_valid(found.effect, error, sizes, experiment.n_planned, metric.alpha)
    if band.ci_low is None:
        return []
    return [point | {"series": SERIES, "y_low": band.ci_low, "y_high": band.ci_high,
                     "band_kind": "sequential"}]  # fmt: skip
