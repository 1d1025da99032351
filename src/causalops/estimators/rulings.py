"""What a failed check does, as the experiment's file says: `checks: {name: {on_fail: ...}}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from causalops.results import Row

WARNING_ONLY = frozenset(
    {
        *("balance", "missing_by_arm", "immature_by_arm", "dominance", "skewness"),
        *("protocol_change", "late_rows", "unread_rows", "future_rows", "placebo"),
        *("cluster_unknown", "edges_cut", "neighbour_exposure", "spillover", "srm_units"),
    }
)


class Ruled(Protocol):
    """An experiment whose file says what failed checks do."""

    @property
    def on_fail(self) -> Mapping[str, str]: ...


def ruled(experiment: Ruled, row: Row) -> Row:
    """Apply the experiment's `on_fail`: block gates, warn lowers a fail, ignore gates nothing.

    A check that can only warn fails where the experiment says `block`. Segments and the triggered
    units are evidence and never gate.
    """
    rule = experiment.on_fail.get(row["check_name"])
    if rule == "block" and row["segment_dim"] == "all" and row["population"] != "triggered":
        is_raised = row["status"] == "warn" and row["check_name"] in WARNING_ONLY
        return row | {"gates": True, "status": "fail" if is_raised else row["status"]}
    if rule == "warn":
        return row | {
            "gates": False,
            "status": "warn" if row["status"] == "fail" else row["status"],
        }
    return row | {"gates": False} if rule == "ignore" else row
