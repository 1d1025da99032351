"""What the statistics cost: 1,000 metrics of two arms, from their moments to finished result rows.

Run by `make bench`. CPU seconds, imports left out, the peer in the same process and on the same
moments: tea-tasting, metric by metric, estimating the same CUPED contrast and its lift. Both
estimates must agree before a figure is printed. The figures are ratios to read, never a test.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import tea_tasting
from tea_tasting.aggr import Aggregates

from causalops.estimators.randomised import ab_test

EXPERIMENTS, METRICS, UNITS = 5, 200, 10_000
ARMS = ("control", "treatment")
PAIRS = (("x1", "x1"), ("x1", "y"), ("y", "y"))


def draw() -> pd.DataFrame:
    """One row per experiment, metric and arm: means and covariances of an outcome and its past."""
    rng = np.random.default_rng(20260101)
    keys = pd.MultiIndex.from_product(
        [[f"exp_{i}" for i in range(EXPERIMENTS)], [f"metric_{i}" for i in range(METRICS)], ARMS],
        names=["experiment_id", "metric", "variant"],
    )
    size = len(keys)
    noise = rng.normal(scale=0.01, size=(2, size))
    return pd.DataFrame(
        {"mean_y": 1 + noise[0], "mean_x": 1 + noise[1], "var_y": rng.uniform(1, 2, size),
         "var_x": rng.uniform(1, 2, size), "cov": rng.uniform(0, 0.9, size)}, index=keys,
    ).reset_index()  # fmt: skip


def small_tables(drawn: pd.DataFrame) -> tuple[pd.DataFrame, ...]:
    """The tables that the warehouse hands to the statistics: due, registry, moments, profile,
    caps, daily moments and exposure counts."""
    key = drawn[["experiment_id", "metric", "variant"]]
    scale = UNITS - 1
    pairs = [
        key.assign(a=a, b=b, n=UNITS, mean_a=drawn[f"mean_{a[0]}"], mean_b=drawn[f"mean_{b[0]}"],
                   c_ab=scale * drawn[spread], m3=0.0)
        for (a, b, spread) in (("y", "y", "var_y"), ("y", "x1", "cov"), ("x1", "x1", "var_x"))
    ]  # fmt: skip
    moments = pd.concat(pairs).assign(
        analysis="main", population="exposed", segment_dim="all", segment_value="all", stratum="all"
    )
    profile = key.assign(analysis="main", population="exposed", n_units=UNITS, n_pre=UNITS)
    names = sorted(drawn["experiment_id"].unique())
    due = pd.DataFrame({
        "experiment_id": names, "design": "ab_test", "phase": "complete", "is_due": True,
        "as_of_date": dt.date(2026, 3, 31), "protocol": None, "first_protocol": None,
    })  # fmt: skip
    counts = pd.DataFrame([
        {"experiment_id": name, "variant": arm, "segment_dim": "all", "segment_value": "all",
         "exposure_day": dt.date(2026, 3, 1), "n_enrolled": UNITS, "n_analysed": UNITS,
         "n_triggered": 0, "n_crossover": 0}
        for name in names for arm in ARMS
    ])  # fmt: skip
    caps = pd.DataFrame(columns=["experiment_id", "analysis", "metric", "part"])
    daily = pd.DataFrame(columns=["experiment_id", "metric", "day_kind", "day", "day_offset",
                                  "variant", "a", "b"])  # fmt: skip
    return due, _registry(names), moments, profile, caps, daily, counts


def _registry(names: list[str]) -> pd.DataFrame:
    rows = []
    for name in names:
        rows.append({"row_kind": "experiment", "experiment_id": name, "design": "ab_test",
                     "control": ARMS[0], "alpha": 0.05, "payload": "{}"})  # fmt: skip
        rows += [{"row_kind": "variant", "experiment_id": name, "name": arm, "position": position,
                  "weight": 0.5, "is_control": arm == ARMS[0]}
                 for position, arm in enumerate(ARMS)]  # fmt: skip
        rows += [{"row_kind": "metric", "experiment_id": name, "analysis": "main",
                  "metric": f"metric_{i}", "metric_role": "secondary", "metric_type": "sum",
                  "desired": "increase", "alpha": 0.05, "method": "cuped", "maturity": "complete",
                  "covariates": json.dumps(["pre"]), "is_default_method": True, "position": i}
                 for i in range(METRICS)]  # fmt: skip
    columns = ["checks", "robustness", "margin", "mature_days", "winsorize", "n_planned"]
    return pd.DataFrame(rows).reindex(columns=[*pd.DataFrame(rows).columns, *columns])


def peer(drawn: pd.DataFrame) -> dict[tuple[str, str], float]:
    """tea-tasting's CUPED estimate of every metric, one metric after the other."""
    metric = tea_tasting.Mean("y", "x")
    found: dict[tuple[str, str], float] = {}
    arms: dict[str, Aggregates] = {}
    for row in drawn.to_dict("records"):
        arms[row["variant"]] = Aggregates(
            count_=UNITS, mean_={"y": row["mean_y"], "x": row["mean_x"]},
            var_={"y": row["var_y"], "x": row["var_x"]}, cov_={("x", "y"): row["cov"]},
        )  # fmt: skip
        if row["variant"] == ARMS[1]:
            result = metric.analyze_aggregates(arms[ARMS[0]], arms[ARMS[1]])
            found[row["experiment_id"], row["metric"]] = result.effect_size
    return found


def cpu(work: Callable[[], object]) -> tuple[object, float]:
    """The result and the median CPU seconds of three runs."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        result = work()
        seconds.append(time.process_time() - start)
    return result, sorted(seconds)[1]


def main() -> None:
    drawn = draw()
    tables = small_tables(drawn)
    theirs, peer_seconds = cpu(lambda: peer(drawn))
    rows, seconds = cpu(lambda: ab_test.run(*tables))
    ours = {
        (row["experiment_id"], row["metric"]): row["estimate"] for row in rows
        if row["row_kind"] == "estimate" and row["is_headline"] and row["scale"] == "absolute"
    }  # fmt: skip
    gap = max(abs(ours[key] / theirs[key] - 1) for key in theirs)
    if len(ours) != EXPERIMENTS * METRICS or gap > 1e-6:
        raise SystemExit(f"the two disagree: {len(ours)} estimates, relative gap {gap:.1e}")
    print(f"{len(ours)} metrics, {len(rows)} result rows, largest relative gap {gap:.0e}")
    print(f"causalops, all rows and checks  {seconds:6.2f} CPU s")
    print(f"tea-tasting, estimates alone    {peer_seconds:6.2f} CPU s")
    print(f"ratio                           {seconds / peer_seconds:6.2f}")


if __name__ == "__main__":
    main()
