"""Checks on interference in cluster experiments: edges cut, exposure to others, spill-over."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from causalops.estimators.randomised.border import BorderEffect, border, border_effect
from causalops.estimators.randomised.inputs import Experiment, Record, count, experiments
from causalops.estimators.rulings import ruled
from causalops.frames import records
from causalops.multiplicity import holm
from causalops.reasons import REASONS
from causalops.results import Row, as_json, check_row

CUT = 0.3  # share of edge weight between clusters
MIXED = 0.3  # distance of an arm's treated neighbours from all, or from none
THRESHOLD = 0.01


def run(due: Any, registry: Any, moments: Any, profile: Any) -> list[Row]:
    """Check rows of every due `cluster_rct` that names a network."""
    arms: dict[str, dict[str, Record]] = defaultdict(dict)
    for row in records(profile):
        arms[row["experiment_id"]][row["variant"]] = row
    values: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for row in records(moments):
        values[row["experiment_id"], row["metric"]].append(row)
    rows: list[Row] = []
    for experiment in experiments(due, registry, ["cluster_rct"]):
        if experiment.network is not None:
            rows += _guarded(experiment, arms[experiment.id], values)
    return rows


def _guarded(
    experiment: Experiment, arms: dict[str, Record], values: dict[tuple[str, str], list[Record]]
) -> list[Row]:
    """All checks of one experiment; an unexpected error becomes a check that was not run."""
    try:
        found = {
            metric.name: border_effect(border(values[experiment.id, metric.name]), metric.alpha)
            for metric in experiment.main()
            if not metric.is_quantile
        }
        rows = [_edges_cut(experiment, arms), *_exposures(experiment, arms)]
        rows += _spillover(experiment, found)
    except Exception as error:
        message = f"{REASONS['internal_error']} ({type(error).__name__}: {error})"
        return [check_row(experiment_id=experiment.id, check_name="spillover", status="not_run",
                          reason_code="internal_error", message=message)]  # fmt: skip
    return [ruled(experiment, row) for row in rows]


def _edges_cut(experiment: Experiment, arms: dict[str, Record]) -> Row:
    """The share of edge weight among analysed units that runs between clusters."""
    weight = sum(row["weight"] for row in arms.values())
    cut, between = (
        sum(row[name] for row in arms.values()) / weight if weight else None
        for name in ("weight_other_cluster", "weight_other_variant")
    )
    reason = "no_neighbours" if cut is None else "edges_cut" if cut > CUT else None
    return check_row(
        experiment_id=experiment.id, check_name="edges_cut", value=cut, value_name="share",
        threshold=CUT, n=sum(count(row["n_edge_ends"]) for row in arms.values()) // 2,
        **_verdict(reason),
        details=json.dumps({"network": experiment.network, "share_between_arms": between}),
    )  # fmt: skip


def _exposures(experiment: Experiment, arms: dict[str, Record]) -> list[Row]:
    """The mean share of treated neighbours by arm; ideally 0 in the control and 1 elsewhere.

    Neighbours of a treated unit count as treated when they are in its own arm.
    """
    rows = []
    for name in experiment.weights:
        arm = arms.get(name, {})
        share = arm.get("mean_share_treated")
        ideal = 0.0 if name == experiment.control else 1.0
        is_mixed = share is not None and abs(share - ideal) > MIXED
        reason = "no_neighbours" if share is None else "mixed_neighbours" if is_mixed else None
        units, connected = count(arm.get("n_units")), count(arm.get("n_with_neighbours"))
        rows.append(check_row(
            experiment_id=experiment.id, check_name="neighbour_exposure", variant=name,
            value=share, value_name="share", threshold=abs(ideal - MIXED), n=connected,
            **_verdict(reason),
            details=json.dumps({"n_without_neighbours": units - connected}),
        ))  # fmt: skip
    return rows


def _spillover(experiment: Experiment, found: dict[str, BorderEffect]) -> list[Row]:
    """Control units with treated neighbours against those without, per metric (Holm)."""
    tests = {name: effect.test for name, effect in found.items()}
    adjusted = holm([None if test is None else test.p_value for test in tests.values()])
    rows = []
    for (name, effect), p_adjusted in zip(found.items(), adjusted, strict=True):
        test = effect.test
        is_off = p_adjusted is not None and p_adjusted < THRESHOLD
        reason = effect.reason or ("spillover" if is_off else None)
        if test is not None and test.p_value is None:
            reason = test.reason_code
        facts: dict[str, Any] = {
            "n_some": effect.n_some, "n_none": effect.n_none, "n_strata": effect.n_strata,
            "n_clusters": effect.n_clusters, "mean": effect.mean,
        }  # fmt: skip
        values: dict[str, Any] = {}
        if test is not None:
            values = {"value": test.estimate, "statistic": test.statistic, "df": test.df,
                      "p_value": test.p_value}  # fmt: skip
            facts |= {"std_error": test.std_error, "ci": [test.ci_low, test.ci_high]}
        rows.append(check_row(
            experiment_id=experiment.id, check_name="spillover", metric=name,
            variant=experiment.control, value_name="difference", p_adjusted=p_adjusted,
            threshold=THRESHOLD, n=effect.n_some + effect.n_none,
            **(values | _verdict(reason)), details=as_json(facts),
        ))  # fmt: skip
    return rows


_WARNINGS = ("edges_cut", "mixed_neighbours", "spillover")


def _verdict(reason: str | None) -> dict[str, Any]:
    """Status, reason and message of a check that can only warn."""
    status = "pass" if reason is None else "warn" if reason in _WARNINGS else "not_run"
    return {"status": status, "reason_code": reason, "message": REASONS[reason] if reason else None}
