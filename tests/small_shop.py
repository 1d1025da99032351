"""A shop of 160 units for tests in which the numbers themselves do not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from harness import Project

FLAGS: dict[str, Any] = {
    "assignment": {
        "key": "flag",
        "units": {"user_id": "user_id"},
        "variant": "arm",
        "timestamp": "seen_at",
        "segments": ["platform"],
    }
}
ORDERS: dict[str, Any] = {
    "fact": {"units": {"user_id": "user_id"}, "timestamp": "ordered_at"},
    "metrics": {
        "revenue": {"type": "sum", "value": "amount", "window_days": 3, "desired": "increase"},
        "order_value": {
            "type": "ratio",
            "numerator": {"type": "sum", "value": "amount"},
            "denominator": {"type": "count"},
        },
    },
}
VISITS: dict[str, Any] = {
    "fact": {"units": {"user_id": "user_id"}, "timestamp": "visited_at"},
    "metrics": {"visits": {"type": "count", "window_days": 2, "desired": "increase"}},
}
BLOCK = """\
design: ab_test
unit: user_id
variants: {control: 1, short: 1}
start: 2025-03-03
end: 2025-03-09
"""


def flags(keys: tuple[str, ...], start: str = "2025-03-03", size: int = 160) -> pd.DataFrame:
    """One exposure per unit and key within a week from `start`, the arms in turn."""
    rng = np.random.default_rng(11)
    seconds = rng.integers(0, 7 * 86_400, size)
    frame = pd.DataFrame({
        "user_id": [f"u{number}" for number in range(size)],
        "arm": np.resize(["control", "short"], size),
        "seen_at": pd.Timestamp(start) + pd.to_timedelta(seconds, unit="s"),
        "platform": np.resize(["web", "web", "app"], size),
    })  # fmt: skip
    return pd.concat([frame.assign(flag=key) for key in keys], ignore_index=True)


def events(stamp: str, size: int = 1_200, start: str = "2025-02-20", seed: int = 1) -> pd.DataFrame:
    """Events of the units over 25 days from `start`, with an amount."""
    rng = np.random.default_rng(seed)
    seconds = rng.integers(0, 25 * 86_400, size)
    return pd.DataFrame({
        "user_id": [f"u{number}" for number in rng.integers(0, 160, size)],
        stamp: pd.Timestamp(start) + pd.to_timedelta(seconds, unit="s"),
        "amount": rng.lognormal(2, 1, size).round(2),
    })  # fmt: skip


def add_inputs(project: Project, keys: tuple[str, ...]) -> None:
    """The three input models, and the two lists."""
    project.configure(assignment_models=["flags"], fact_models=["orders", "visits"])
    project.table("flags", flags(keys), **FLAGS)
    project.table("orders", events("ordered_at"), **ORDERS)
    project.table("visits", events("visited_at", seed=2), **VISITS)
