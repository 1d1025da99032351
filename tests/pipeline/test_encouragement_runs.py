"""Encouragements through dbt against rows: received by the log, by a metric, and in clusters."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from harness import Project
from linearmodels.iv import IV2SLS

AS_OF = "2025-03-14"
FLAGS: dict[str, Any] = {
    "assignment": {
        "key": "flag", "units": {"user_id": "user_id"}, "variant": "arm", "timestamp": "seen_at",
        "received": "opened", "clusters": {"team": "team_id"}, "segments": ["platform"],
    }
}  # fmt: skip
ORDERS: dict[str, Any] = {
    "fact": {"units": {"user_id": "user_id"}, "timestamp": "ordered_at"},
    "metrics": {
        "revenue": {"type": "sum", "value": "amount", "window_days": 3, "desired": "increase"},
        "basket": {"type": "mean", "value": "amount", "window_days": 3},
        "order_value": {"type": "ratio", "numerator": {"type": "sum", "value": "amount"},
                        "denominator": {"type": "count"}, "window_days": 3},
    },
}  # fmt: skip
MAILS: dict[str, Any] = {
    "fact": {"units": {"user_id": "user_id"}, "timestamp": "sent_at"},
    "metrics": {
        "mail_opened": {"type": "proportion", "filter": {"kind": "open"}, "window_days": 8},
    },
}
BLOCK = """
design: encouragement
unit: user_id
variants: {control: 1, t: 1}
start: 2025-03-03
end: 2025-03-09
segments: [platform]
metrics: {primary: [revenue], secondary: [basket, order_value]}
"""
EXPERIMENTS = {
    "by_log": BLOCK,
    "by_metric": BLOCK + "received: mail_opened\n",
    "in_teams": BLOCK + "received: opened\ncluster: team\n",
    "nobody": BLOCK,
    "usual": BLOCK.replace("encouragement", "ab_test"),
}


def users() -> pd.DataFrame:
    """Users of five experiments; who opens what they were sent also buys more."""
    rng = np.random.default_rng(8)
    frames = []
    for name in EXPERIMENTS:
        n = 900
        team = rng.integers(0, 40, n)
        frame = pd.DataFrame({"flag": name, "user_id": [f"{name}-{k}" for k in range(n)]})
        frame["arm"] = np.where(rng.random(n) < 0.5, "t", "control")
        frame["team_id"] = [f"{name}-{t}" for t in team]
        frame["platform"] = np.where(rng.random(n) < 0.5, "web", "app")
        frame["cause"] = rng.normal(size=n) + rng.normal(size=40)[team]
        frame["taken"] = frame["cause"] + 1.2 * (frame["arm"] == "t") > 0.6
        frames.append(frame.assign(taken=frame["taken"] & (name != "nobody")))
    table = pd.concat(frames, ignore_index=True)
    seconds = rng.integers(0, 7 * 86_400, len(table))
    return table.assign(seen_at=pd.Timestamp("2025-03-03") + pd.to_timedelta(seconds, unit="s"))


def log(table: pd.DataFrame) -> pd.DataFrame:
    """Some users say so on their first row, most on a later one, and some only after the as-of."""
    number = np.arange(len(table))
    at_once = table["taken"] & (number % 4 == 0)
    first = table.assign(opened=at_once)
    later = table[table["taken"] & ~at_once].assign(opened=True)
    later["seen_at"] += pd.Timedelta(days=2)
    missed = table[~table["taken"] & (number % 5 == 0) & (table["flag"] != "nobody")]
    missed = missed.assign(opened=True, seen_at=pd.Timestamp("2025-03-17"))
    columns = ["flag", "user_id", "arm", "team_id", "platform", "seen_at", "opened"]
    return pd.concat([first, later, missed], ignore_index=True)[columns]


def orders(table: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(9)
    buyers = table.loc[np.repeat(table.index, rng.integers(0, 5, len(table)))]
    stamp = buyers["seen_at"] + pd.to_timedelta(rng.integers(-14, 6, len(buyers)), unit="D")
    level = 2 + 0.3 * buyers["cause"] + 0.4 * buyers["taken"]
    amount = np.exp(level + 0.4 * rng.normal(size=len(buyers))).round(2)
    stamp += pd.Timedelta(minutes=5)
    return pd.DataFrame({"user_id": buyers["user_id"], "ordered_at": stamp, "amount": amount})


def mails(table: pd.DataFrame) -> pd.DataFrame:
    """Opens up to day 9 after exposure (day 8 and 9 are too late), and mails that nobody opened."""
    rng = np.random.default_rng(10)
    takers = table[table["taken"]]
    stamp = takers["seen_at"] + pd.to_timedelta(rng.integers(0, 10, len(takers)), unit="D")
    opens = pd.DataFrame({"user_id": takers["user_id"], "kind": "open",
                          "sent_at": stamp + pd.Timedelta(minutes=1)})  # fmt: skip
    sent = pd.DataFrame({"user_id": table["user_id"], "kind": "sent", "sent_at": table["seen_at"]})
    return pd.concat([opens, sent], ignore_index=True)


def days(events: pd.DataFrame, stamp: str, table: pd.DataFrame) -> pd.DataFrame:
    """Events with their day from the user's exposure."""
    joined = events.merge(table[["user_id", "seen_at"]], on="user_id")
    gap = joined[stamp].dt.normalize() - joined["seen_at"].dt.normalize()
    return joined.assign(offset=gap.dt.days)


@pytest.fixture(scope="module")
def values() -> pd.DataFrame:
    """Every user with y (revenue), n (orders), x (revenue before), d by log and by metric."""
    table = users()
    bought, opened = days(orders(table), "ordered_at", table), days(mails(table), "sent_at", table)
    is_after = bought["ordered_at"] >= bought["seen_at"]
    post = bought[is_after & bought["offset"].between(0, 2)].groupby("user_id")["amount"]
    pre = bought[bought["offset"].between(-14, -1)].groupby("user_id")["amount"]
    opens = opened[(opened["kind"] == "open") & opened["offset"].between(0, 7)]
    frame = table.set_index("user_id")
    frame["y"] = post.sum().reindex(frame.index).fillna(0.0)
    frame["n"] = post.count().reindex(frame.index).fillna(0)
    frame["x"] = pre.sum().reindex(frame.index).fillna(0.0)
    frame["by_log"] = frame["taken"].astype(float)
    frame["by_metric"] = frame.index.isin(opens["user_id"]).astype(float)
    return frame.assign(z=(frame["arm"] == "t").astype(float))


@pytest.fixture(scope="module")
def built(new_project: Callable[..., Project]) -> Project:
    project = new_project(
        "encouragement", assignment_models=["flags"], fact_models=["orders", "mails"]
    )
    table = users()
    project.table("flags", log(table), {"seen_at": "timestamp"}, **FLAGS)
    project.table("orders", orders(table), {"ordered_at": "timestamp"}, **ORDERS)
    project.table("mails", mails(table), {"sent_at": "timestamp"}, **MAILS)
    for name, block in EXPERIMENTS.items():
        project.experiment(name, block)
    project.build("--vars", json.dumps({"causalops_as_of": AS_OF}))
    return project


def one(project: Project, where: str, view: str = "estimates") -> pd.Series:
    found = project.query(f"select * from experiment_{view} where {where}")
    assert len(found) == 1, found
    return found.iloc[0]


def cace(project: Project, name: str, **wanted: str) -> pd.Series:
    keys = {"experiment_id": name, "metric": "revenue", "estimand": "cace", "method": "2sls",
            "term": "effect", "scale": "absolute", "segment_dim": "all", "analysis": "main",
            "ci_kind": "anderson_rubin"} | wanted  # fmt: skip
    return one(project, " and ".join(f"{key} = '{value}'" for key, value in keys.items()))


def instruments(units: pd.DataFrame, taken: str, **options: Any) -> tuple[float, float]:
    """2SLS on rows, by default with robust errors."""
    options = options or {"cov_type": "robust"}
    fitted = IV2SLS(units["y"], np.ones((len(units), 1)), units[taken], units["z"]).fit(**options)
    return float(fitted.params.iloc[-1]), float(fitted.std_errors.iloc[-1])


def adjusted(units: pd.DataFrame, taken: str) -> pd.DataFrame:
    """Outcome and treatment less their slopes on the fortnight before, over the total sample."""
    centred = units["x"] - units["x"].mean()
    slopes = {name: (units[name] @ centred) / (centred @ centred) for name in ("y", taken)}
    return units.assign(**{name: units[name] - slope * centred for name, slope in slopes.items()})


def mature(values: pd.DataFrame, name: str) -> pd.DataFrame:
    """Analysed users; where a metric says who received, its 8 days must be over."""
    units = values[values["flag"] == name]
    if name != "by_metric":
        return units
    return units[units["seen_at"] < pd.Timestamp(AS_OF) - pd.Timedelta(days=6)]


@pytest.mark.parametrize("name", ["by_log", "by_metric"])
def test_rows_give_the_same_numbers(built: Project, values: pd.DataFrame, name: str) -> None:
    units = mature(values, name)
    plain = cace(built, name)
    assert (plain["estimate"], plain["std_error"]) == pytest.approx(
        instruments(units, name), rel=1e-8
    )
    assert (plain["n_variant"], plain["n_baseline"]) == (
        (units["z"] == 1).sum(), (units["z"] == 0).sum()
    )  # fmt: skip
    head = cace(built, name, method="2sls_cuped")
    assert head["is_headline"]
    assert (head["estimate"], head["std_error"]) == pytest.approx(
        instruments(adjusted(units, name), name), rel=1e-8
    )
    share = one(built, f"experiment_id = '{name}' and metric = 'revenue' "
                       "and term = 'share_always_takers'")  # fmt: skip
    assert share["estimate"] == pytest.approx(units[units["z"] == 0][name].mean())
    for platform in ("web", "app"):
        part = adjusted(units[units["platform"] == platform], name)
        found = cace(built, name, method="2sls_cuped", segment_dim="platform",
                     segment_value=platform)  # fmt: skip
        assert found["estimate"] == pytest.approx(instruments(part, name)[0], rel=1e-8)


def test_what_was_received_differs_by_its_source(values: pd.DataFrame) -> None:
    """Else the two experiments would prove the same thing."""
    units = values[values["flag"] == "by_metric"]
    assert 0.02 < (units["by_log"] != units["by_metric"]).mean() < 0.3
    assert len(mature(values, "by_metric")) < 0.9 * len(units)


def test_clusters(built: Project, values: pd.DataFrame) -> None:
    units = values[values["flag"] == "in_teams"]
    n, groups = len(units), units["team_id"].nunique()
    factor = np.sqrt(groups / (groups - 1) * (n - 1) / (n - 2))
    options = {"cov_type": "clustered", "clusters": pd.factorize(units["team_id"])[0]}
    for method, frame in (("2sls", units), ("2sls_cuped", adjusted(units, "by_log"))):
        found = cace(built, "in_teams", method=method)
        estimate, error = instruments(frame, "by_log", **options)
        assert found["estimate"] == pytest.approx(estimate, rel=1e-8)
        assert found["std_error"] == pytest.approx(error * factor, rel=1e-6)
        assert (found["se_kind"], found["df"]) == ("cr1", groups - 1)
    term = one(built, "experiment_id = 'in_teams' and metric = 'revenue' "
                      "and term = 'complier_mean_treated'")  # fmt: skip
    frame = units.assign(y=units["y"] * units["by_log"])
    estimate, error = instruments(frame, "by_log", **options)
    assert term["estimate"] == pytest.approx(estimate, rel=1e-8)
    assert term["std_error"] == pytest.approx(error * factor, rel=1e-6)


def test_a_mean_of_events_has_compliers_among_those_with_events(
    built: Project, values: pd.DataFrame
) -> None:
    units = mature(values, "by_log")
    units = units[units["n"] > 0]
    found = cace(built, "by_log", metric="basket")
    want = instruments(units.assign(y=units["y"] / units["n"]), "by_log")
    assert (found["estimate"], found["std_error"]) == pytest.approx(want, rel=1e-8)


def test_every_experiment_has_its_outcome(built: Project) -> None:
    heads = built.query(
        "select experiment_id, metric, status, reason_code from experiment_scorecard"
    ).set_index(["experiment_id", "metric"])
    for name in ("by_log", "by_metric", "in_teams"):
        assert heads.loc[(name, "revenue"), "status"] == "ok"
        assert heads.loc[(name, "order_value"), "reason_code"] == "method_not_available"
    assert heads.loc[("nobody", "revenue"), "reason_code"] == "no_variation_received"
    assert heads.loc[("usual", "revenue"), "status"] == "ok"
    assert len(heads) == 3 * len(EXPERIMENTS)


def test_treatment_received_multiplies_no_cell_elsewhere(built: Project) -> None:
    cells = built.query("select experiment_id, is_received, n from experiment_cell_moments")
    assert not cells[cells["experiment_id"] == "usual"]["is_received"].any()
    assert cells[cells["experiment_id"] == "by_log"]["is_received"].any()
    ratio = one(built, "experiment_id = 'by_log' and metric = 'order_value' and estimand = 'itt' "
                       "and scale = 'absolute' and segment_dim = 'all' and ci_kind = 'fixed' "
                       "and method = 'ratio'")  # fmt: skip
    assert ratio["status"] == "ok"
