"""The tables `experiment_panel_shapes` and `experiment_panel_moments` as panels, one per metric."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalops.estimators.quasi.inputs import Analysis
from causalops.estimators.quasi.panel_moments import (
    NEVER,
    ClusterTotals,
    Floats,
    PanelMoments,
)
from causalops.estimators.quasi.panel_problems import PanelCounts
from causalops.frames import frame, records

MAX_PERIODS = 120
ROUNDING = 1e-13
_COLUMNS = ("start", "cluster_id", "i", "j", "n", "total")


@dataclass(frozen=True)
class Panel:
    """One metric of one analysis.

    `periods` (T) are the dataset's own; times of the moments are those, or for dates their
    positions. `levels` (C, T) are the cohorts' mean outcomes. `groups` are the units where only
    one is treated, else None.
    """

    periods: Floats
    counts: PanelCounts
    n_rows: int
    n_incomplete_rows: int
    moments: PanelMoments
    levels: Floats
    groups: ClusterTotals | None = None


class PanelTables:
    """Both tables, by study and analysis."""

    def __init__(self, shapes: Any, moments: Any) -> None:
        self._shapes = {
            (row["experiment_id"], row["unit_column"]): json.loads(row["payload"])
            for row in records(shapes)
        }
        self._moments = frame(moments)

    def of(self, analysis: Analysis) -> Mapping[str, Panel | str]:
        """A panel per metric of the analysis, or the reason why there is none."""
        shape = self._shapes.get((analysis.study.id, analysis.name))
        names = analysis.names("metric")
        if shape is None:
            return dict.fromkeys(names, "no_units")
        table = self._moments
        own = (table["experiment_id"] == analysis.study.id) & (table["analysis"] == analysis.name)
        part = table[own]
        seen = np.array(shape["n_values"]) > 0
        return {
            name: _panel(analysis, shape, part[part["metric"] == name], seen[:, index])
            for index, name in enumerate(names)
        }


def _panel(
    analysis: Analysis, shape: dict[str, Any], table: pd.DataFrame, seen: npt.NDArray[np.bool_]
) -> Panel | str:
    """The panel of one metric over the periods in which it was `seen` (T)."""
    periods = np.array(shape["periods"], dtype=float)[seen]
    if not 0 < len(periods) <= MAX_PERIODS:
        return "too_many_periods" if len(periods) else "no_units"
    parts = {str(name): _arrays(rows) for name, rows in table.groupby("part", sort=True)}
    counts = {name: int(np.nan_to_num(part["n"][0])) for name, part in parts.items()
              if name.startswith("n_")}  # fmt: skip
    times = periods if analysis.settings.get("time_kind", "number") == "number" else (
        np.arange(len(periods), dtype=float)
    )  # fmt: skip
    is_panel = shape["source"]["unit"] is not None
    mean = parts.get("mean", _EMPTY)
    starts = np.unique(mean["start"])
    cohort = np.searchsorted(starts, mean["start"])
    size = len(starts), len(periods)
    cells, sums = np.zeros(size), np.zeros(size)
    cells[cohort, mean["i"] - 1], sums[cohort, mean["i"] - 1] = mean["n"], mean["total"]
    means = sums / np.maximum(cells, 1.0)
    spread = _spread(parts.get("pair", _EMPTY), starts, cells, means, is_panel)
    level = parts.get("level", _EMPTY)
    if is_panel:
        levels = means + (level["total"] / level["n"])[np.argsort(level["start"])][:, None]
    else:
        levels = means + (level["total"][0] if len(level["total"]) else 0.0)
    named = parts.get("cluster")
    totals = None if named is None else _totals(named, starts, means, is_panel)
    is_clustered = analysis.settings.get("cluster") is not None
    moments = PanelMoments(
        times=times,
        starts=_on_axis(starts, periods, times),
        counts=cells[:, :1] if is_panel else cells,
        means=means,
        spread=spread,
        clusters=totals if is_clustered else None,
        taken_off=float(np.abs(levels).max(initial=0.0)),
    )
    found = {name: value for name, value in counts.items() if not name.endswith("rows")}
    return Panel(periods, PanelCounts(**found), counts["n_rows"], counts["n_incomplete_rows"],
                 moments, levels, None if is_clustered else totals)  # fmt: skip


def _spread(
    pair: dict[str, Any], starts: Floats, cells: Floats, means: Floats, is_panel: bool
) -> Floats:
    """Centred cross-products (C, T, T) from sums of products."""
    n_cohorts, n_periods = cells.shape
    spread = np.zeros((n_cohorts, n_periods, n_periods))
    cohort, i, j = np.searchsorted(starts, pair["start"]), pair["i"] - 1, pair["j"] - 1
    common = pair["n"] * means[cohort, i] * means[cohort, j]
    centred = pair["total"] - common
    # What is smaller than the rounding of its own terms is zero.
    centred[np.abs(centred) <= ROUNDING * np.abs(common)] = 0.0
    spread[cohort, i, j] = spread[cohort, j, i] = centred
    if is_panel:  # paths sum to zero, so the last period follows from the others
        spread[:, -1, :-1] = spread[:, :-1, -1] = -spread[:, :-1, :-1].sum(axis=1)
        spread[:, -1, -1] = -spread[:, -1, :-1].sum(axis=1)
    return spread


def _totals(part: dict[str, Any], starts: Floats, means: Floats, is_panel: bool) -> ClusterTotals:
    """Sums by cluster and cohort, about the cohorts' means."""
    _, cluster = np.unique(part["cluster_id"].astype(str), return_inverse=True)
    cohort = np.searchsorted(starts, part["start"])
    pairs, entry = np.unique(cluster * len(starts) + cohort, return_inverse=True)
    counts, deviations = np.zeros((2, len(pairs), means.shape[1]))
    i = part["i"] - 1
    counts[entry, i] = part["n"]
    deviations[entry, i] = part["total"] - part["n"] * means[cohort, i]
    return ClusterTotals(
        (pairs // len(starts)).astype(np.intp),
        (pairs % len(starts)).astype(np.intp),
        counts[:, :1] if is_panel else counts,
        deviations,
    )


def _on_axis(starts: Floats, periods: Floats, times: Floats) -> Floats:
    """Starts in the units of `times`: of dates, the position."""
    if times is periods:
        return starts
    position = np.searchsorted(periods, starts).astype(float)
    return np.where(np.isinf(starts), NEVER, position)


def _arrays(rows: pd.DataFrame) -> dict[str, Any]:
    """Columns as arrays; a missing start is "never"."""
    made: dict[str, Any] = {
        name: rows[name].to_numpy(dtype=float, na_value=np.nan) for name in ("start", "n", "total")
    }
    made["start"] = np.where(np.isnan(made["start"]), NEVER, made["start"])
    for name in ("i", "j"):
        made[name] = np.nan_to_num(rows[name].to_numpy(dtype=float, na_value=np.nan)).astype(int)
    return made | {"cluster_id": rows["cluster_id"].to_numpy(dtype=object)}


_EMPTY: dict[str, Any] = _arrays(pd.DataFrame({name: [] for name in _COLUMNS}))
