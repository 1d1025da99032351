"""The comparison of control units on the border by matrices over units, as a witness."""

from __future__ import annotations

import numpy as np
import pandas as pd


def dense(
    units: pd.DataFrame, outcome: np.ndarray, x: np.ndarray | None = None
) -> tuple[float, float]:
    """Effect and CR2 standard error with one dummy per cell (kind x stratum).

    `units` has kind (some, none), stratum and cluster; `outcome` is first adjusted for `x`.
    """
    cell = units["stratum"].astype(str) + units["kind"]
    names = sorted(cell.unique())
    design = (cell.to_numpy()[:, None] == names).astype(float)
    if x is not None:
        both = np.column_stack([x, design])
        outcome = outcome - x * np.linalg.lstsq(both, outcome, rcond=None)[0][0]
    size = design.sum(axis=0)
    contrast = np.zeros(len(names))
    for stratum in sorted(units["stratum"].unique()):
        some, none = names.index(f"{stratum}some"), names.index(f"{stratum}none")
        share = size[some] * size[none] / (size[some] + size[none])
        contrast[some], contrast[none] = share, -share
    contrast /= contrast[contrast > 0].sum()
    bread = np.linalg.inv(design.T @ design)
    beta = bread @ design.T @ outcome
    residual = outcome - design @ beta
    variance = 0.0
    for cluster in units["cluster"].unique():
        rows = (units["cluster"] == cluster).to_numpy()
        own = design[rows]
        values, vectors = np.linalg.eigh(np.eye(rows.sum()) - own @ bread @ own.T)
        root = vectors @ np.diag(values**-0.5) @ vectors.T
        variance += float(contrast @ bread @ own.T @ root @ residual[rows]) ** 2
    return float(contrast @ beta), float(np.sqrt(variance))
