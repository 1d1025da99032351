"""Whatever the data: no NaN, no infinity, and a status with a reason wherever a number lacks."""

from __future__ import annotations

import json
import math
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import stats_tables as st

from causalops.estimators.randomised import aa_test, ab_test, srm
from causalops.inference import Levels, lift_delta, lift_fieller, one_sided, welch
from causalops.reasons import REASONS
from causalops.results import Row

RNG = np.random.default_rng(1)
NORMAL = RNG.normal(5, 1, 60)
ARMS = {
    "empty": np.array([]),
    "one": np.array([3.0]),
    "two_equal": np.array([2.0, 2.0]),
    "zeros": np.zeros(40),
    "constant": np.full(40, 0.1),
    "normal": NORMAL,
    "huge": NORMAL * 1e150,
    "overflow": NORMAL * 1e200,
    "tiny": NORMAL * 1e-150,
    "offset": NORMAL + 1e9,
    "missing": np.full(30, np.nan),
}
METRICS = [
    {"metric": "mean", "method": "difference_in_means"},
    {"metric": "cuped", "method": "cuped", "covariates": json.dumps(["pre"])},
    {"metric": "lin", "method": "lin", "covariates": json.dumps(["pre", "age"]),
     "is_default_method": False},
    {"metric": "ratio", "method": "ratio", "metric_type": "ratio", "metric_role": "guardrail",
     "margin": 0.05},
    {"metric": "ratio_cuped", "method": "cuped", "metric_type": "ratio",
     "covariates": json.dumps(["pre"])},
    {"metric": "unknown", "method": "quantile"},
]  # fmt: skip
PARTS = {"mean": ("y",), "cuped": ("y", "x1"), "lin": ("y", "x1", "x2"), "ratio": ("y", "z"),
         "ratio_cuped": ("y", "z", "x1", "w1"), "unknown": ("y",)}  # fmt: skip


def assert_clean(row: Row) -> None:
    numbers = [value for value in row.values() if isinstance(value, float)]
    assert all(map(math.isfinite, numbers)), row
    if row["row_kind"] == "estimate":
        if row["estimate"] is None or row["p_value"] is None or row["p_value"] in (0, 1):
            assert row["reason_code"] in REASONS, row
        if row["status"] != "ok":
            assert row["reason_code"] in REASONS, row
        if row["reason_code"] is not None:
            assert row["message"], row
        if row["ci_shape"] == "interval":
            assert row["ci_low"] <= row["ci_high"]
    if row["row_kind"] == "check" and row["status"] != "pass":
        assert row["reason_code"] in REASONS, row


def units(variant: np.ndarray, control: np.ndarray) -> pd.DataFrame:
    y = np.concatenate([variant, control])
    frame = pd.DataFrame({"variant": ["t"] * len(variant) + ["control"] * len(control), "y": y})
    n = len(frame)
    frame["z"] = np.arange(n) % 3.0 * (0 if n % 2 else 1)
    frame["x1"] = np.where(np.arange(n) % 5 == 0, np.nan, y * 0.3 + np.arange(n) % 4)
    frame["w1"] = np.arange(n) % 2.0
    frame["x2"] = 1.0
    frame["population"] = np.where(np.arange(n) % 4 == 0, "triggered", "exposed")
    frame.loc[frame.index % 11 == 0, "population"] = "crossover"
    frame["stratum"] = np.where(np.arange(n) % 7 == 0, "s1", "s2")
    frame["seg_os"] = np.where(np.arange(n) % 9 == 0, "ios", "web")
    return frame


@pytest.mark.parametrize(("variant", "control"), list(product(ARMS, ARMS)))
def test_every_pair_of_arms(variant: str, control: str) -> None:
    table = units(ARMS[variant], ARMS[control])
    parts = [st.moments(table, metric=name, parts=PARTS[name]) for name in PARTS]
    moments = pd.concat([part for part in parts if len(part)] or [
        st.empty("experiment_id", "analysis", "metric", "population", "segment_dim",
                 "segment_value", "stratum", "variant")])  # fmt: skip
    counts = st.counts({"control": {"enrolled": 40, "triggered": 9, "crossover": 4},
                        "t": {"enrolled": 44, "triggered": 8, "crossover": 4}})  # fmt: skip
    weights: dict[str, float | None] = {"control": 0.5, "t": 0.5}
    registry = st.registry(METRICS, weights, robustness=json.dumps([{"name": "unadjusted"}]))
    tables = (moments, st.NO_PROFILE, st.NO_CAPS, st.NO_DAILY)
    rows = ab_test.run(st.due(), registry, *tables, counts) + srm.run(st.due(), registry, counts)
    for row in rows:
        assert_clean(row)
    broken = {row["message"] for row in rows if row["reason_code"] == "internal_error"}
    assert not broken
    heads = [(r["metric"], r["scale"]) for r in rows if r.get("is_headline")]
    assert sorted(heads) == sorted(product(PARTS, ("absolute", "relative")))
    assert all(row["verdict"] is not None for row in rows if row.get("is_headline"))


def test_no_rows_at_all() -> None:
    nothing = st.empty("experiment_id", "analysis", "metric", "population", "segment_dim",
                       "segment_value", "stratum", "variant")  # fmt: skip
    counts = st.counts({}).reindex(columns=["experiment_id", "variant", "segment_dim",
                                            "segment_value", "exposure_day"])  # fmt: skip
    weights: dict[str, float | None] = {"control": 0.5, "t": 0.5}
    registry = st.registry(METRICS, weights, design="aa_test")
    buckets = st.empty("experiment_id", "metric", "bucket", "variant")
    rows = aa_test.run(st.due("aa_test"), registry, nothing, st.NO_PROFILE, st.NO_CAPS,
                       st.NO_DAILY, buckets, counts)  # fmt: skip
    rows += srm.run(st.due("aa_test"), registry, counts)
    for row in rows:
        assert_clean(row)
    assert {row["reason_code"] for row in rows if row.get("is_headline")} == {
        "no_units",
        "method_not_available",
    }


def test_an_unexpected_error_stops_only_its_metric() -> None:
    table = units(NORMAL, NORMAL + 1)
    good = st.moments(table, metric="mean")
    bad = st.moments(table, metric="cuped", parts=PARTS["cuped"]).astype(object)
    bad["mean_a"] = "broken"
    registry = st.registry(METRICS[:2], {"control": 0.5, "t": 0.5})
    rows = ab_test.run(st.due(), registry, pd.concat([good, bad]), st.NO_PROFILE, st.NO_CAPS,
                       st.NO_DAILY, st.counts({}).reindex(columns=["segment_dim"]))  # fmt: skip
    heads = {r["metric"]: r for r in rows if r.get("is_headline") and r["scale"] == "absolute"}
    assert heads["mean"]["status"] == "ok"
    assert (heads["cuped"]["status"], heads["cuped"]["verdict"]) == ("failed", "not_evaluated")
    assert "broken" in heads["cuped"]["message"]


NUMBERS: list[Any] = [0.0, 1.0, -3.0, 1e-300, 1e150, float("inf"), float("nan")]


@pytest.mark.parametrize(
    "levels", list(product(NUMBERS, NUMBERS, (0.0, 1.0, 1e300), (0.0, 1e-300, 2.0)))
)
def test_lifts(levels: tuple[float, float, float, float]) -> None:
    for by in (lift_delta, lift_fieller):
        found = by(Levels(*levels), 0.05)
        bounds = [one_sided(found, -0.1, "greater", 0.05)] if by is lift_delta else []
        for result in (found, *bounds):
            values = [v for v in vars(result).values() if isinstance(v, float)]
            assert all(map(math.isfinite, values)), (by, levels, result)
            assert result.p_value is not None or result.reason_code in REASONS


def test_a_vanishing_p_value_says_so() -> None:
    found = welch((1000, 1000), (1e6, 0.0), (1.0, 1.0))
    assert found.p_value is not None
    assert found.p_value > 0
    assert (found.status, found.reason_code) == ("ok", "p_below_precision")
    equal = welch((10, 10), (1.0, 1.0), (1.0, 1.0))
    assert (equal.p_value, equal.reason_code) == (1.0, "exactly_zero")
