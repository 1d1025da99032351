"""Rows of `experiment_spillover_moments` from one row per control unit."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import pandas as pd


def border_rows(
    units: pd.DataFrame, parts: list[str], shift: dict[str, float] | None = None
) -> list[dict[str, Any]]:
    """`units` has kind (some, none), stratum, cluster and one column per part (NaN = missing)."""
    rows = []
    for (kind, stratum, cluster), cell in units.groupby(["kind", "stratum", "cluster"]):
        for a, b in combinations_with_replacement(parts, 2):
            gaps = cell[[a, b]].to_numpy() - [(shift or {}).get(name, 0.0) for name in (a, b)]
            gaps = gaps[~np.isnan(gaps).any(axis=1)]
            rows.append({
                "neighbour_exposure": kind, "n_other_clusters": str(stratum),
                "cluster_group": str(cluster), "a": a, "b": b, "n": len(gaps),
                "shift_a": (shift or {}).get(a, 0.0), "shift_b": (shift or {}).get(b, 0.0),
                "sum_a": gaps[:, 0].sum(), "sum_b": gaps[:, 1].sum(),
                "sum_ab": (gaps[:, 0] * gaps[:, 1]).sum(),
            })  # fmt: skip
    return [row for row in rows if row["n"]]
