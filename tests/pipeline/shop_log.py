"""A small generated event log with everything that makes windows difficult, as data frames.

Stamps are UTC; the project's days are those of Asia/Seoul, so a good third of all events fall on
another local day than their UTC date. 900 units, three arms, re-exposures, crossovers, triggers,
units outside enrolment, two facts (a zoned timestamp, a date), a third without time.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

ZONE = "Asia/Seoul"
START, END, LAST_DAY = "2025-03-03", "2025-03-14", "2025-03-19"
ARMS = ("control", "short", "long")
UNITS = 900
FLAGS = {
    "assignment": {
        "key": "flag",
        "units": {"user_id": "user_id"},
        "variant": "arm",
        "timestamp": "seen_at",
        "trigger": "saw_at",
        "segments": ["platform", "country"],
        "exclude": "is_bot",
    }
}
ORDERS = {
    "fact": {"units": {"user_id": "buyer"}, "timestamp": "ordered_at"},
    "metrics": {
        "revenue": {"type": "sum", "value": "amount", "window_days": 7},
        "revenue_capped": {"type": "sum", "value": "amount", "window_days": 7, "winsorize": 0.95},
        "paid": {"type": "proportion", "filter": {"status": "paid"}, "window_days": 7},
        "late_orders": {"type": "count", "window_days": 4, "delay_days": 1},
        "products": {"type": "count_distinct", "value": "product", "window_days": 7},
        "basket": {"type": "mean", "value": "amount", "window_days": 7},
        "spent": {"type": "sum", "value": "amount", "filter": {"amount": {"gte": 5}}},
    },
}
VISITS = {
    "fact": {"units": {"user_id": "user_id"}, "timestamp": "visited_on"},
    "metrics": {
        "visits": {"type": "count", "window_days": 6},
        "retained": {"type": "retention", "window_days": 3, "delay_days": 2},
        "revenue_per_visit": {"type": "ratio", "numerator": "revenue", "denominator": "visits"},
    },
}
PROFILES = {
    "fact": {"units": {"user_id": "user_id"}},
    "metrics": {"age": {"type": "sum", "value": "age"}},
}


def flags(rng: np.random.Generator) -> pd.DataFrame:
    """Exposure rows: several per unit, some in two arms, some outside enrolment."""
    units = [f"u{number:04d}" for number in range(UNITS)]
    first = pd.Timestamp("2025-03-01") + _seconds(rng, 15, UNITS)
    arms = rng.choice(ARMS, UNITS)
    frame = pd.DataFrame({"user_id": units, "arm": arms, "seen_at": first})
    frame["platform"] = rng.choice(["web", "ios", "android"], UNITS, p=[0.5, 0.3, 0.2])
    frame["country"] = pd.Series(rng.choice(["KR", "JP", ""], UNITS)).replace("", None)
    frame["is_bot"] = rng.random(UNITS) < 0.02
    again = frame.sample(200, random_state=1).copy()
    again["seen_at"] += pd.to_timedelta(rng.integers(1, 200_000, 200), unit="s")
    again["platform"] = "web"
    crossed = again.index[:12]
    again.loc[crossed, "arm"] = [
        ARMS[(ARMS.index(arm) + 1) % 3] for arm in again.loc[crossed, "arm"]
    ]
    frame = pd.concat([frame, again], ignore_index=True)
    seen = frame["seen_at"] + pd.to_timedelta(rng.integers(0, 4_000, len(frame)), unit="s")
    frame["saw_at"] = seen.where(rng.random(len(frame)) < 0.6)
    frame["flag"] = "shop"
    return frame


def orders(rng: np.random.Generator, exposed: pd.DataFrame) -> pd.DataFrame:
    """Order rows; amounts are skewed and depend on the unit, so the pre-period tells something."""
    taste = dict(zip(exposed["user_id"], rng.normal(0, 0.8, len(exposed)), strict=True))
    buyers = rng.choice(exposed["user_id"].to_numpy(), 5_000)
    at = pd.Timestamp("2025-02-14 15:00") + _seconds(rng, 33, len(buyers))
    frame = pd.DataFrame({"buyer": buyers, "ordered_at": at.astype("datetime64[us]")})
    # Some orders in the very second of the first exposure, one second before, one after.
    edge = exposed.groupby("user_id", as_index=False)["seen_at"].min().head(90)
    shift = pd.to_timedelta([-1, 0, 1] * 30, unit="s")
    edges = pd.DataFrame({"buyer": edge["user_id"], "ordered_at": edge["seen_at"] + shift})
    frame = pd.concat([frame, edges], ignore_index=True)
    level = frame["buyer"].map(taste).to_numpy()
    frame["amount"] = np.round(np.exp(2 + level + rng.normal(0, 0.5, len(frame))), 2)
    frame["status"] = rng.choice(["paid", "open"], len(frame), p=[0.3, 0.7])
    frame["product"] = rng.integers(0, 6, len(frame))
    last = frame["ordered_at"].dt.tz_localize("UTC").dt.tz_convert(ZONE).dt.strftime("%Y-%m-%d")
    return frame[last <= LAST_DAY].reset_index(drop=True)


def visits(rng: np.random.Generator, exposed: pd.DataFrame) -> pd.DataFrame:
    """One row per visit, with nothing but a day."""
    users = rng.choice(exposed["user_id"].to_numpy(), 7_000)
    days = pd.Timestamp("2025-02-15") + pd.to_timedelta(rng.integers(0, 33, len(users)), unit="D")
    return pd.DataFrame({"user_id": users, "visited_on": days})


def profiles(rng: np.random.Generator, exposed: pd.DataFrame) -> pd.DataFrame:
    """One row per unit, without time, some values missing."""
    users = exposed["user_id"].drop_duplicates().to_numpy()
    age = np.where(rng.random(len(users)) < 0.1, np.nan, rng.integers(18, 80, len(users)))
    return pd.DataFrame({"user_id": users, "age": age})


def _seconds(rng: np.random.Generator, days: int, size: int) -> pd.TimedeltaIndex:
    return pd.to_timedelta(rng.integers(0, days * 86_400, size), unit="s")
