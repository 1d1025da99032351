"""Families, adjusted p-values and verdicts of one experiment's rows.

Headline rows of the main analysis carry verdicts. Primary metrics form one Holm family over
metrics and arms, secondary ones a Benjamini-Hochberg family; guardrails must all hold, so they
are not adjusted; placebo metrics are never counted; segments are one family per dimension.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from causalops.multiplicity import benjamini_hochberg, holm
from causalops.results import Row

Pair = tuple[str, str]
"""Metric and variant."""


def adjust(rows: Sequence[Row]) -> None:
    """Fill p_adjusted and p_family in place on the rows that belong to a family."""
    families: dict[str, list[Row]] = {}
    for row in rows:
        name = _family(row)
        if name is not None:
            row["p_family"] = name
            families.setdefault(name, []).append(row)
    for name, members in families.items():
        p_values = [row["p_value"] for row in members]
        if name == "primary":
            p_values = holm(p_values)
        elif name != "guardrail":
            p_values = benjamini_hochberg(p_values)
        for row, p_value in zip(members, p_values, strict=True):
            row["p_adjusted"] = p_value


@dataclass(frozen=True)
class LookState:
    """Where planned looks stand: whether none is to come, and the sign of what they found."""

    is_over: bool
    direction: float


def decide(rows: Sequence[Row], *, is_complete: bool, alphas: dict[str, float],
           desired: dict[str, str | None], harmed: Collection[Pair] = (),
           looks: Mapping[Pair, LookState] | None = None) -> None:  # fmt: skip
    """Write the verdict of each headline comparison on its absolute and relative row, in place.

    `alphas` and `desired` are by metric, `harmed` and `looks` by metric and variant. The relative
    row repeats the absolute row's verdict, so that the two never contradict each other. Before the
    end an always-valid interval may say that a variant is harmful, and planned looks may decide.
    """
    margins = {_pair(row): row for row in rows if row["test"] == "non_inferiority"}
    words: dict[tuple[str, str], str] = {}
    for row in rows:
        if row["is_headline"] and row["scale"] == "absolute":
            metric = row["metric"]
            at_looks = (looks or {}).get(_pair(row))
            word = verdict(
                row, margins.get(_pair(row)), is_complete, alphas[metric], desired[metric], at_looks
            )
            is_harm = word == "too_early" and at_looks is None and _pair(row) in harmed
            words[_pair(row)] = "worse" if is_harm else word
    for row in rows:
        if row["is_headline"]:
            row["verdict"] = None if row["status"] == "blocked" else words[_pair(row)]
        elif row["test"] == "non_inferiority" and row["status"] != "blocked":
            held = not_worse(row, alphas[row["metric"]])
            row["verdict"] = _early(row, is_complete) or (
                "not_worse" if held else "no_difference_found"
            )


def verdict(
    row: Row, margin: Row | None, is_complete: bool, alpha: float, desired: str | None,
    looks: LookState | None = None,
) -> str:  # fmt: skip
    """The word for one comparison: better, worse, not_worse, different, no_difference_found,
    too_early or not_evaluated."""
    p_value = row["p_value"] if row["p_adjusted"] is None else row["p_adjusted"]
    is_found = p_value is not None and p_value <= alpha
    early = _early(row, is_complete or (looks is not None and (looks.is_over or is_found)))
    if early is not None:
        return early
    if is_complete and margin is not None and not_worse(margin, alpha):
        return "not_worse"
    if not is_found:
        return "no_difference_found"
    # A disjoint interval holds effects of both signs: it rejects zero, and no direction.
    if desired is None or row["design"] == "aa_test" or row["ci_shape"] == "disjoint":
        return "different"
    sign = row["estimate"] if looks is None else looks.direction
    return "better" if (sign > 0) == (desired == "increase") else "worse"


def not_worse(row: Row, alpha: float) -> bool:
    """Whether a non-inferiority row rejects 'worse than the margin'."""
    return row["p_value"] is not None and bool(row["p_value"] <= alpha)


def _early(row: Row, is_complete: bool) -> str | None:
    if not is_complete:
        return "too_early"
    return "not_evaluated" if row["p_value"] is None else None


def _family(row: Row) -> str | None:
    role = row["metric_role"]
    if row["analysis"] != "main" or role == "placebo" or row["scale"] != "absolute":
        is_margin = row["test"] == "non_inferiority" and row["analysis"] == "main"
        return "guardrail" if is_margin else None
    if row["segment_dim"] != "all":
        return f"segment:{row['segment_dim']}"
    return str(role) if row["is_headline"] else None


def _pair(row: Row) -> Pair:
    return row["metric"], row["variant"]
