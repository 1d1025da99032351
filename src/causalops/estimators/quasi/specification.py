"""The specification curve: the same effect under every analysis of a study, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from causalops.estimators.quasi.inputs import MAIN, Study
from causalops.results import Row, check_row, curve_row

_SAME_SIGN = 1.0


def specification_rows(study: Study, estimates: Sequence[Row]) -> list[Row]:
    """For each metric with alternatives: a curve over its specifications, smallest effect first,
    and the check that says how many agree in sign, and how many are significant.

    A specification is the headline of `main`, and of any other analysis the row with the same
    estimand, term and metric (Simonsohn, Simmons & Nelson 2020).
    """
    rows: list[Row] = []
    for metric in study.metrics:
        own = [row for row in estimates if row["metric"] == metric.name]
        main = next((row for row in own if row["is_headline"]), None)
        if main is None or main["estimate"] is None:
            continue
        found = [main, *_alternatives(own, main)]
        if len(found) > 1:
            rows += [*_curve(study, main, found), _check(study, main, found)]
    return rows


def _alternatives(own: Sequence[Row], main: Row) -> list[Row]:
    """The first row of each other analysis, where it answers the headline's question: what stands
    behind it, such as an effect before the treatment, is not another answer."""
    keys = ("estimand", "term", "scale", "cohort", "period")
    first: dict[str, Row] = {}
    for row in own:
        if row["analysis"].startswith("robustness:"):
            first.setdefault(row["analysis"], row)
    return [
        row
        for row in first.values()
        if row["estimate"] is not None and all(row[key] == main[key] for key in keys)
    ]


def _curve(study: Study, main: Row, found: Sequence[Row]) -> list[Row]:
    ordered = sorted(found, key=lambda row: (row["estimate"], row["analysis"]))
    return [
        curve_row(
            experiment_id=study.id, metric=main["metric"], variant=main["variant"],
            baseline=main["baseline"], population="all", curve="specification",
            x_label=row["analysis"].removeprefix("robustness:"), y=row["estimate"],
            y_low=row["ci_low"], y_high=row["ci_high"],
            band_kind="pointwise" if row["ci_low"] is not None else "none", seq=seq,
        )
        for seq, row in enumerate(ordered, start=1)
    ]  # fmt: skip


def _check(study: Study, main: Row, found: Sequence[Row]) -> Row:
    others = [row for row in found if row["analysis"] != MAIN]
    alike = [row for row in others if (row["estimate"] > 0) == (main["estimate"] > 0)]
    alpha = 1 - main["ci_level"]
    tested = [row for row in found if row["p_value"] is not None]
    significant = [row for row in tested if row["p_value"] <= alpha]
    share = len(alike) / len(others)
    reason = None if share == _SAME_SIGN else "sign_depends_on_specification"
    shares = f"{len(alike)} of {len(others)} alternatives have the sign of the main result"
    return check_row(
        experiment_id=study.id, metric=main["metric"], variant=main["variant"],
        baseline=main["baseline"], population="all", check_name="specification", value=share,
        value_name="share_same_sign", threshold=_SAME_SIGN, n=len(found),
        statistic=len(significant) / len(tested) if tested else None,
        status="pass" if reason is None else "warn", reason_code=reason,
        message=f"{shares}; {len(significant)} of {len(tested)} specifications are significant.",
    )  # fmt: skip
