"""Does the effect differ between segments? One test per metric, variant and dimension.

"Significant here, not there" says nothing about a difference; these rows test the difference. With
effects d_i, standard errors s_i and weights w_i = 1 / s_i², Cochran's (1954) statistic is
  Q = sum w_i (d_i - d)²,   d = sum w_i d_i / sum w_i,   I² = max(0, 1 - (k - 1) / Q).
As the s_i are estimated, Q is too large too often in small segments; p is therefore Welch's (1951)
F in the form of Kulinskaya, Dollinger, Knight & Gao (2004, Statistics in Medicine 23:3655), which
is the chi-square of k - 1 where the degrees of freedom of the s_i are infinite.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy.special import chdtrc, fdtrc

from causalops.estimators.randomised.inputs import Experiment, Metric
from causalops.inference import difference, finite, satterthwaite
from causalops.multiplicity import benjamini_hochberg
from causalops.reasons import REASONS
from causalops.results import Row, as_json, check_row

CHECK = "effect_by_segment"
_COMPARABLE = ("ok", "warning")
NO_EVIDENCE = (
    "No evidence that the effect differs between the segments of {dim}. That it is significant in "
    "one segment and not in another is no evidence of a difference."
)


@dataclass(frozen=True)
class Part:
    """The effect in one segment; `df` None means a normal estimate."""

    name: str
    effect: float
    std_error: float
    df: float | None = None

    @property
    def weight(self) -> float:
        return 1.0 / (self.std_error * self.std_error)


@dataclass(frozen=True)
class Heterogeneity:
    """Cochran's Q over k segments; `pooled` is the inverse-variance mean of the effects."""

    q: float
    df: int
    p_value: float | None
    i_squared: float
    pooled: float


@dataclass(frozen=True)
class Deviation:
    """One segment against the pooled others, with p adjusted over the segments."""

    name: str
    gap: float
    p_value: float | None
    p_adjusted: float | None


def heterogeneity(parts: Sequence[Part]) -> Heterogeneity | None:
    """Test that the effects of independent segments are equal; None with fewer than two."""
    if len(parts) < 2:
        return None
    total = sum(part.weight for part in parts)
    pooled = sum(part.weight * part.effect for part in parts) / total
    q = sum(part.weight * (part.effect - pooled) ** 2 for part in parts)
    df = len(parts) - 1
    spread = sum(
        (1 - part.weight / total) ** 2 / part.df for part in parts if part.df is not None
    )
    if spread > 0:
        squares = len(parts) ** 2 - 1
        scaled = q / df / (1 + 2 * (len(parts) - 2) * spread / squares)
        p_value = float(fdtrc(df, squares / (3 * spread), scaled))
    else:
        p_value = float(chdtrc(df, q))
    proper = None if finite(p_value) is None else max(p_value, sys.float_info.min)
    return Heterogeneity(q, df, proper, max(0.0, 1 - df / q) if q > 0 else 0.0, pooled)


def deviations(parts: Sequence[Part], alpha: float) -> list[Deviation]:
    """Each segment's effect less the pooled effect of the others, Benjamini-Hochberg adjusted."""
    if len(parts) < 2:
        return []
    found: list[tuple[float, float | None]] = []
    for part in parts:
        others = [other for other in parts if other is not part]
        total = sum(other.weight for other in others)
        gap = part.effect - sum(other.weight * other.effect for other in others) / total
        # The pooled others have variance 1 / total, to which each gives its weight / total².
        pieces = [(1 / part.weight, part.df)]
        pieces += [(other.weight / total / total, other.df) for other in others]
        known = [(variance, df) for variance, df in pieces if df is not None]
        df = satterthwaite(known) if len(known) == len(pieces) else None
        variance = sum(variance for variance, _ in pieces)
        found.append((gap, difference(gap, variance, df, alpha).p_value))
    adjusted = benjamini_hochberg([p_value for _, p_value in found])
    return [
        Deviation(part.name, gap, p_value, p)
        for part, (gap, p_value), p in zip(parts, found, adjusted, strict=True)
    ]


def metric_rows(experiment: Experiment, metric: Metric, rows: Sequence[Row]) -> list[Row]:
    """The check of one metric for every variant and dimension, from its segment rows in `rows`.

    `message` tells which segments differ; `family` keeps it only where the test rejects.
    """
    own = [row for row in rows if row["row_kind"] == "estimate" and row["metric"] == metric.name]
    segments = [row for row in own if _is_segment(row)]
    if not segments:
        return []
    heads = {row["variant"]: _kind(row) for row in own if row["is_headline"]}
    groups: dict[tuple[str, str], dict[str, Row]] = {}
    for row in segments:
        if _kind(row) == heads.get(row["variant"]):
            values = groups.setdefault((row["variant"], row["segment_dim"]), {})
            values.setdefault(row["segment_value"], row)
    return [
        _check(experiment, metric, variant, dim, list(members.values()))
        for (variant, dim), members in groups.items()
    ]


def family(experiment: Experiment, rows: Sequence[Row]) -> list[Row]:
    """Adjust the checks of each role together (Benjamini-Hochberg) and judge, in place; no new row.

    A family holds every metric, variant and dimension of one role; placebo metrics are not counted
    and are judged by their own p.
    """
    metrics = experiment.main_by_name
    families: dict[str, list[Row]] = {}
    for row in rows:
        if row["row_kind"] == "check" and row["check_name"] == CHECK and row["p_value"] is not None:
            families.setdefault(metrics[row["metric"]].role, []).append(row)
    for role, members in families.items():
        p_values: list[float | None] = [row["p_value"] for row in members]
        adjusted = p_values if role == "placebo" else benjamini_hochberg(p_values)
        for row, p_value in zip(members, adjusted, strict=True):
            row["p_adjusted"] = None if role == "placebo" else p_value
            if p_value is not None and p_value <= metrics[row["metric"]].alpha:
                row |= {"status": "warn", "reason_code": "effect_differs"}
            else:
                row["message"] = NO_EVIDENCE.format(dim=row["segment_dim"])
    return []


def _is_segment(row: Row) -> bool:
    return bool(
        row["analysis"] == "main"
        and row["population"] == "exposed"
        and row["segment_dim"] != "all"
        and (row["scale"], row["test"]) == ("absolute", "difference")
    )


def _kind(row: Row) -> tuple[Any, ...]:
    """What is estimated and how: the segments are compared by the headline's own method."""
    return tuple(row[key] for key in ("estimand", "method", "term", "parameter_name", "parameter"))


def _check(
    experiment: Experiment, metric: Metric, variant: str, dim: str, rows: Sequence[Row]
) -> Row:
    parts = [
        Part(row["segment_value"], row["estimate"], row["std_error"], row["df"])
        for row in rows
        if row["estimate"] is not None and row["std_error"] and row["status"] in _COMPARABLE
        and row["reason_code"] != "weak_instrument"
    ]
    key = {
        "experiment_id": experiment.id, "check_name": CHECK, "metric": metric.name,
        "variant": variant, "baseline": experiment.control, "segment_dim": dim,
        "threshold": metric.alpha,
    }  # fmt: skip
    left_out = sorted({row["segment_value"] for row in rows} - {part.name for part in parts})
    n = sum((row["n_variant"] or 0) + (row["n_baseline"] or 0) for row in rows)
    found = heterogeneity(parts)
    if experiment.cluster is not None or found is None or found.p_value is None:
        # Users of one cluster in two segments share what moves the cluster.
        clustered = experiment.cluster is not None
        reason = "segments_share_clusters" if clustered else "not_finite"
        reason = "too_few_segments" if found is None else reason
        return check_row(**key, status="not_run", reason_code=reason, message=REASONS[reason], n=n)
    compared = deviations(parts, metric.alpha)
    details = {
        "pooled_effect": found.pooled,
        "segments": {
            item.name: {"difference_from_others": item.gap, "p_adjusted": item.p_adjusted}
            for item in compared
        },
        "left_out": left_out,
    }
    return check_row(
        **key, statistic=found.q, df=float(found.df), p_value=found.p_value,
        value=found.i_squared, value_name="i_squared", n=n, status="pass",
        message=_summary(dim, compared, metric.alpha), details=as_json(details),
    )  # fmt: skip


def _summary(dim: str, compared: Sequence[Deviation], alpha: float) -> str:
    """Which segments differ from the pooled others, in words."""
    told = [item for item in compared if item.p_adjusted is not None and item.p_adjusted <= alpha]
    names = {
        "higher": ", ".join(item.name for item in told if item.gap > 0),
        "lower": ", ".join(item.name for item in told if item.gap < 0),
    }
    start = f"The effect differs between the segments of {dim}"
    if not told:
        return f"{start}, but no single one stands out from the others."
    sides = " and ".join(f"{word} in {names[word]}" for word in names if names[word])
    return f"{start}: {sides} than in the others together."
