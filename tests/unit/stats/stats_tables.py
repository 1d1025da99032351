"""Small tables, as the warehouse writes them, from one row per unit."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pandas as pd

from causalops.moments import Block, from_rows

START = dt.date(2026, 3, 2)


def registry(
    metrics: list[dict[str, Any]], weights: dict[str, float | None], design: str = "ab_test",
    experiment: str = "exp", **values: Any,
) -> pd.DataFrame:  # fmt: skip
    """Registry rows of one experiment; a metric is its name plus what differs from the defaults."""
    base = {"experiment_id": experiment, "analysis": "main"}
    rows = [base | {"row_kind": "experiment", "design": design, "control": "control",
                    "alpha": 0.05, "payload": json.dumps({"seed": 7})} | values]  # fmt: skip
    for position, (name, weight) in enumerate(weights.items()):
        rows.append(base | {"row_kind": "variant", "name": name, "position": position,
                            "weight": weight, "is_control": name == "control"})  # fmt: skip
    for position, metric in enumerate(metrics):
        defaults = {"metric_role": "primary", "metric_type": "sum", "desired": "increase",
                    "alpha": 0.05, "method": "difference_in_means", "maturity": "complete",
                    "covariates": json.dumps([]), "is_default_method": True,
                    "position": position}  # fmt: skip
        rows.append(base | {"row_kind": "metric"} | defaults | metric)
    names = ["payload", "checks", "robustness", "margin", "mature_days", "winsorize", "weight",
             "name", "metric"]  # fmt: skip
    return pd.DataFrame(rows).reindex(
        columns=list(dict.fromkeys([*names, *(k for r in rows for k in r)]))
    )


def due(design: str = "ab_test", experiment: str = "exp", **values: Any) -> pd.DataFrame:
    """One due experiment, complete unless said."""
    row = {"experiment_id": experiment, "design": design, "phase": "complete", "is_due": True,
           "as_of_date": START + dt.timedelta(days=30), "n_late_rows": None, "n_unread_rows": 0,
           "n_future_rows": 0, "protocol": None, "first_protocol": None}  # fmt: skip
    return pd.DataFrame([row | values]).astype(object)


def pair_rows(block: Block) -> list[dict[str, Any]]:
    """Long rows of a block, as in experiment_moments."""
    return [
        {"a": a, "b": b, "n": block.n[i, j], "mean_a": block.mean[i, j],
         "mean_b": block.mean[j, i], "c_ab": block.c[i, j],
         "m3": block.m3 if a == b == "y" else None}
        for i, a in enumerate(block.names)
        for j, b in enumerate(block.names)
        if i <= j
    ]  # fmt: skip


def moments(units: pd.DataFrame, metric: str = "y", experiment: str = "exp",
            analysis: str = "main", parts: tuple[str, ...] = ("y",)) -> pd.DataFrame:  # fmt: skip
    """experiment_moments of units with columns variant, parts, and optionally population,
    stratum, is_received and segment columns called seg_<dim>."""
    usual = {"population": "exposed", "stratum": "all", "is_received": False}
    units = units.assign(**{c: value for c, value in usual.items() if c not in units})
    dims = [("all", None)] + [(c[4:], c) for c in units if c.startswith("seg_")]
    members = {"exposed": ["exposed", "triggered"], "triggered": ["triggered"],
               "crossover": ["crossover"]}  # fmt: skip
    frames = [(name, units[units["population"].isin(who)]) for name, who in members.items()]
    cell = ["stratum", "variant", "is_received"]
    blocks: dict[tuple[Any, ...], pd.DataFrame] = {}
    for population, chosen in frames:
        for dim, column in dims:
            for value in ["all"] if column is None else chosen[column].unique():
                part = chosen if column is None else chosen[chosen[column] == value]
                for found, rows in part.groupby(cell):
                    blocks[population, dim, value, *found] = rows
    out = []
    for (population, dim, value, stratum, variant, is_received), rows in blocks.items():
        block = from_rows({name: rows[name].to_numpy() for name in parts})
        key = {"experiment_id": experiment, "analysis": analysis, "metric": metric,
               "population": population, "segment_dim": dim, "segment_value": value,
               "stratum": stratum, "variant": variant,
               "is_received": is_received}  # fmt: skip
        out += [key | row for row in pair_rows(block)]
    return pd.DataFrame(out)


def counts(table: dict[str, dict[str, int]], experiment: str = "exp", day: Any = None,
           dim: str = "all", value: str = "all") -> pd.DataFrame:  # fmt: skip
    """experiment_exposure_counts; a missing count is 0, n_enrolled and n_analysed are equal."""
    names = ["enrolled", "analysed", "triggered", "crossover", "excluded", "outside", "unplanned"]
    rows = []
    for variant, found in table.items():
        filled = dict.fromkeys(names, 0) | found
        filled["analysed"] = found.get("analysed", filled["enrolled"])
        rows.append({"experiment_id": experiment, "variant": variant, "segment_dim": dim,
                     "segment_value": value, "exposure_day": day}
                    | {f"n_{name}": filled[name] for name in names})  # fmt: skip
    return pd.DataFrame(rows)


def empty(*columns: str) -> pd.DataFrame:
    """A table without rows."""
    return pd.DataFrame(columns=list(columns))


NO_PROFILE = empty("experiment_id", "analysis", "metric", "population", "variant")
NO_CAPS = empty("experiment_id", "analysis", "metric", "part")
NO_DAILY = empty("experiment_id", "metric", "day_kind", "day", "day_offset", "variant", "a", "b")
