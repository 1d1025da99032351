"""A small shop whose rows arrive up to LOOK_BACK days after their day, in an order drawn by a seed.

160 units, a log with three flags, re-exposures and crossovers days later, orders (a timestamp, also
within a second of an exposure) and visits (a date), a day without orders.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from harness import Project

LOOK_BACK = 3
UNITS = 160
FIRST_DAY, LAST_DAY = "2025-02-24", "2025-03-12"
SILENT_DAY = "2025-03-05"
ARMS = ("control", "short")
# Nothing closes however old its data are; the inputs say how late their rows may be.
SETTINGS: dict[str, Any] = {
    "late_data_days": 3650,
    "pre_days": 5,
    "assignment_models": ["flags"],
    "fact_models": ["orders", "visits"],
}
FLAGS: dict[str, Any] = {
    "assignment": {
        "key": "flag",
        "units": {"user_id": "user_id"},
        "variant": "arm",
        "timestamp": "seen_at",
        "segments": ["platform"],
        "late_data_days": LOOK_BACK,
    }
}
ORDERS: dict[str, Any] = {
    "fact": {
        "units": {"user_id": "user_id"},
        "timestamp": "ordered_at",
        "late_data_days": LOOK_BACK,
    },
    "metrics": {
        "revenue": {"type": "sum", "value": "amount", "window_days": 3},
        "paid": {"type": "proportion", "filter": {"status": "paid"}, "window_days": 3},
        "products": {"type": "count_distinct", "value": "product", "window_days": 3},
        "orders": {"type": "count", "window_days": 3},
    },
}
VISITS: dict[str, Any] = {
    "fact": {
        "units": {"user_id": "user_id"},
        "timestamp": "visited_on",
        "late_data_days": LOOK_BACK,
    },
    "metrics": {
        "visits": {"type": "count", "window_days": 2},
        "orders_per_visit": {"type": "ratio", "numerator": "orders", "denominator": "visits"},
    },
}
PAGES = {"pages": {"type": "sum", "value": "n_pages", "window_days": 2}}
"""A metric that is asked for later."""

EXPERIMENTS = {
    "alpha": """\
design: ab_test
unit: user_id
variants: {control: 1, short: 1}
start: 2025-03-03
end: 2025-03-08
metrics: {primary: [revenue], secondary: [paid, products, orders_per_visit]}
segments: [platform]
""",
    "beta": """\
design: ab_test
unit: user_id
variants: {control: 1, short: 1}
start: 2025-03-04
end: 2025-03-09
metrics: {primary: [visits], secondary: [orders]}
""",
    "gamma": """\
design: ab_test
unit: user_id
variants: {control: 1, short: 1}
start: 2025-03-04
end: 2025-03-07
metrics: {primary: [pages]}
""",
}


def log(seed: int) -> dict[str, pd.DataFrame]:
    """flags, orders and visits, with `day` and `arrival` beside the columns of the input."""
    rng = np.random.default_rng(seed)
    flags = pd.concat([_flags(rng, key) for key in EXPERIMENTS], ignore_index=True)
    tables = {"flags": flags, "orders": _orders(rng, flags), "visits": _visits(rng)}
    return {name: _delayed(frame, rng) for name, frame in tables.items()}


def on(tables: dict[str, pd.DataFrame], day: str) -> dict[str, pd.DataFrame]:
    """The rows that have arrived by `day`, in the order of their arrival."""
    return {
        name: frame[frame["arrival"] <= day].sort_values("arrival", kind="stable")
        for name, frame in tables.items()
    }


def add_inputs(project: Project, tables: dict[str, pd.DataFrame], with_pages: bool = False) -> None:
    """The three input models with these rows."""
    visits = {**VISITS, "metrics": VISITS["metrics"] | (PAGES if with_pages else {})}
    declared = {"flags": FLAGS, "orders": ORDERS, "visits": visits}
    for name, frame in tables.items():
        rows = frame.drop(columns=["day", "arrival"])
        project.table(name, rows, {"visited_on": "date"}, **declared[name])


def _flags(rng: np.random.Generator, key: str) -> pd.DataFrame:
    """An exposure per unit, a second one for a third of them, a few of those in the other arm."""
    seen_at = _stamps(rng, "2025-03-02", 7, UNITS)
    arms = rng.permutation(np.resize(ARMS, UNITS))
    platform = rng.choice(["web", "ios", "android"], UNITS)
    frame = pd.DataFrame({
        "user_id": [f"u{number}" for number in range(UNITS)], "arm": arms, "seen_at": seen_at,
        "platform": platform,
    })  # fmt: skip
    again = frame.sample(UNITS // 3, random_state=int(rng.integers(1_000)))
    later = pd.to_timedelta(rng.integers(0, 5 * 86_400, len(again)), unit="s")
    again = again.assign(seen_at=again["seen_at"] + later, platform="web")
    crossed = again.index[:8]
    again.loc[crossed, "arm"] = np.where(again.loc[crossed, "arm"] == "short", "control", "short")
    return pd.concat([frame, again], ignore_index=True).assign(
        flag=key, day=lambda rows: rows["seen_at"].dt.normalize()
    )


def _orders(rng: np.random.Generator, flags: pd.DataFrame) -> pd.DataFrame:
    """Orders of every day but one; some within seconds of an exposure, before, at and after it."""
    size = 2_000
    users = rng.integers(0, UNITS, size)
    days = (pd.Timestamp(LAST_DAY) - pd.Timestamp(FIRST_DAY)).days + 1
    frame = pd.DataFrame({
        "user_id": [f"u{number}" for number in users],
        "ordered_at": _stamps(rng, FIRST_DAY, days, size),
    })  # fmt: skip
    edge = flags.head(90)
    shift = pd.to_timedelta(np.resize([-1, 0, 1], len(edge)), unit="s")
    edges = pd.DataFrame({"user_id": edge["user_id"], "ordered_at": edge["seen_at"] + shift})
    frame = pd.concat([frame, edges], ignore_index=True)
    frame["amount"] = rng.lognormal(2, 1, len(frame)).round(2)
    frame["status"] = rng.choice(["paid", "open"], len(frame), p=[0.3, 0.7])
    frame["product"] = rng.integers(0, 6, len(frame))
    frame["day"] = frame["ordered_at"].dt.normalize()
    return frame[frame["day"] != SILENT_DAY].reset_index(drop=True)


def _visits(rng: np.random.Generator) -> pd.DataFrame:
    size = 1_500
    days = pd.date_range(FIRST_DAY, LAST_DAY)
    frame = pd.DataFrame({
        "user_id": [f"u{number}" for number in rng.integers(0, UNITS, size)],
        "visited_on": rng.choice(days, size),
        "n_pages": rng.integers(1, 9, size),
    })  # fmt: skip
    return frame.assign(day=frame["visited_on"])


def _delayed(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """`frame` with the day on which each row arrives."""
    delay = pd.to_timedelta(rng.integers(0, LOOK_BACK + 1, len(frame)), unit="D")
    return frame.assign(arrival=frame["day"] + delay)


def _stamps(rng: np.random.Generator, first: str, days: int, size: int) -> pd.DatetimeIndex:
    seconds = rng.integers(0, days * 86_400, size)
    return pd.DatetimeIndex(pd.Timestamp(first) + pd.to_timedelta(seconds, unit="s"))
