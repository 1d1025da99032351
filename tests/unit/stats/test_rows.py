"""The rows of A/B and A/A tests: headlines, companions, families, verdicts, checks, curves."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import stats_tables as st

from causalops.estimators.randomised import aa_test, ab_test
from causalops.moments import from_rows
from causalops.results import Row

HALF: dict[str, float | None] = {"control": 0.5, "t": 0.5}


def log(n: int = 2000, effect: float = 0.3, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    units = pd.DataFrame({"variant": np.where(np.arange(n) % 2, "t", "control")})
    units["x1"] = rng.normal(size=n)
    units["y"] = 10 + units["x1"] + rng.normal(size=n) + effect * (units["variant"] == "t")
    return units


def run(
    moments: pd.DataFrame, metrics: list[dict[str, Any]], *,
    weights: dict[str, float | None] = HALF, phase: str = "complete",
    counts: dict[str, dict[str, int]] | None = None, **tables: Any,
) -> list[Row]:  # fmt: skip
    spec = tables.pop("spec", {})
    return ab_test.run(
        st.due(phase=phase), st.registry(metrics, weights, **spec), moments,
        tables.get("profile", st.NO_PROFILE), tables.get("caps", st.NO_CAPS),
        tables.get("daily", st.NO_DAILY),
        st.counts(counts or {"control": {"enrolled": 1000}, "t": {"enrolled": 1000}}),
    )  # fmt: skip


def pick(rows: list[Row], **wanted: Any) -> list[Row]:
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def one(rows: list[Row], **wanted: Any) -> Row:
    found = pick(rows, **wanted)
    assert len(found) == 1, found
    return found[0]


CUPED = {"metric": "y", "method": "cuped", "covariates": json.dumps(["pre"])}


def test_headline_and_companions() -> None:
    rows = run(st.moments(log(), parts=("y", "x1")), [CUPED])
    head = one(rows, is_headline=True, scale="absolute")
    plain = one(rows, method="difference_in_means")
    assert (head["method"], head["verdict"], head["p_family"]) == ("cuped", "better", "primary")
    assert 0.3 < head["variance_reduction"] < 0.7
    assert head["std_error"] < plain["std_error"]
    assert head["mde"] == pytest.approx((1.959964 + 0.841621) * head["std_error"], rel=1e-6)
    assert json.loads(head["details"])["theta"]["pre"] == pytest.approx(1, abs=0.1)
    kinds = {row["ci_kind"] for row in rows if row["scale"] == "relative"}
    assert kinds == {"delta", "fieller"}
    assert one(rows, is_headline=True, scale="relative")["verdict"] == "better"


def test_headline_method_follows_the_planned_shares() -> None:
    weights: dict[str, float | None] = {"control": 0.8, "t": 0.1, "u": 0.1}
    rows = run(st.moments(log(), parts=("y", "x1")), [CUPED], weights=weights)
    assert one(rows, is_headline=True, scale="absolute", variant="t")["method"] == "lin"
    unknown = run(st.moments(log(), parts=("y", "x1")), [CUPED], weights=dict.fromkeys(weights))
    assert one(unknown, is_headline=True, scale="absolute", variant="t")["method"] == "cuped"
    asked = run(st.moments(log(), parts=("y", "x1")), [CUPED | {"is_default_method": False}],
                weights=weights)  # fmt: skip
    assert one(asked, is_headline=True, scale="absolute", variant="t")["method"] == "cuped"
    assert one(rows, is_headline=True, scale="absolute", variant="u")["reason_code"] == "empty_arm"


def test_no_covariate_keeps_the_headline() -> None:
    units = log().assign(x1=0.0)
    rows = run(st.moments(units, parts=("y", "x1")), [CUPED])
    head = one(rows, is_headline=True, scale="absolute")
    plain = one(rows, method="difference_in_means")
    assert (head["method"], head["status"], head["reason_code"]) == (
        "cuped", "warning", "no_adjustment")  # fmt: skip
    assert "pre (constant)" in head["message"]
    assert [head[k] for k in ("estimate", "std_error")] == [
        plain[k] for k in ("estimate", "std_error")
    ]
    assert (plain["status"], plain["reason_code"]) == ("ok", None)


def test_dropped_covariates_are_named() -> None:
    units = log().assign(x2=lambda t: t["x1"] * 2, x3=lambda t: np.where(t.index < 30, 1.0, np.nan))
    metric = CUPED | {"covariates": json.dumps(["pre", "twice", "rare"])}
    rows = run(st.moments(units, parts=("y", "x1", "x2", "x3")), [metric])
    head = one(rows, is_headline=True, scale="absolute")
    assert head["reason_code"] == "covariate_dropped"
    assert json.loads(head["details"])["dropped_covariates"] == {
        "twice": "collinear", "rare": "too_few_units"}  # fmt: skip


def test_immature_and_early() -> None:
    profile = pd.DataFrame([
        {"experiment_id": "exp", "analysis": "main", "metric": "y", "population": "exposed",
         "variant": name, "n_units": 0, "n_immature": 50} for name in HALF
    ])  # fmt: skip
    nothing = st.moments(log()).iloc[:0]
    head = one(run(nothing, [{"metric": "y"}], profile=profile), is_headline=True, scale="absolute")
    assert (head["status"], head["reason_code"], head["verdict"]) == (
        "skipped", "immature", "not_evaluated")  # fmt: skip
    rows = run(st.moments(log()), [{"metric": "y"}], phase="maturing")
    assert {row["verdict"] for row in pick(rows, is_headline=True)} == {"too_early"}


@pytest.mark.parametrize(
    ("effect", "desired", "margin", "word"),
    [
        (0.5, "increase", None, "better"),
        (0.5, "decrease", None, "worse"),
        (0.5, None, None, "different"),
        (0.0, "increase", None, "no_difference_found"),
        (-0.2, "increase", 0.2, "not_worse"),
        (-5.0, "increase", 0.2, "worse"),
        (0.0, "decrease", 0.2, "not_worse"),
    ],
)
def test_verdicts(effect: float, desired: str | None, margin: float | None, word: str) -> None:
    metric = {"metric": "y", "desired": desired, "metric_role": "guardrail", "margin": margin}
    rows = run(st.moments(log(effect=effect)), [metric])
    head = one(rows, is_headline=True, scale="absolute")
    assert (head["verdict"], head["p_adjusted"]) == (word, head["p_value"])
    tests = pick(rows, test="non_inferiority")
    assert len(tests) == (margin is not None)
    for row in tests:
        assert row["null_value"] == (-0.2 if desired == "increase" else 0.2)
        assert row["ci_shape"] == ("above_only" if desired == "increase" else "below_only")
        assert (row["p_value"] <= 0.05) == (word == "not_worse")


def test_families() -> None:
    units = log(effect=0.1).assign(seg_os=lambda t: np.where(t.index % 3 == 0, "ios", "web"))
    names = {"a": "primary", "b": "primary", "c": "secondary", "d": "placebo"}
    metrics = [{"metric": name, "metric_role": role} for name, role in names.items()]
    moments = pd.concat([st.moments(units.assign(y=units["y"] + k * units["x1"]), metric=name)
                         for k, name in enumerate(names)])  # fmt: skip
    rows = run(moments, metrics)
    heads = {row["metric"]: row for row in pick(rows, is_headline=True, scale="absolute")}
    p_values = sorted(heads[name]["p_value"] for name in "ab")
    assert sorted(heads[n]["p_adjusted"] for n in "ab")[0] == min(1, 2 * p_values[0])
    assert heads["c"]["p_adjusted"] == heads["c"]["p_value"]
    assert (heads["d"]["p_adjusted"], heads["d"]["p_family"]) == (None, None)
    segments = pick(rows, p_family="segment:os")
    assert {(row["metric"], row["segment_value"]) for row in segments} == {
        (name, value) for name in "abc" for value in ("ios", "web")
    }
    assert not [row for row in segments if row["is_headline"] or row["verdict"]]


def test_triggered_and_diluted() -> None:
    units = log(4000).assign(population=lambda t: np.where(t.index % 4 < 2, "triggered", "exposed"))
    counts = {"control": {"enrolled": 2000, "triggered": 1000},
              "t": {"enrolled": 2000, "triggered": 1000}}  # fmt: skip
    rows = run(st.moments(units), [{"metric": "y"}], counts=counts)
    inside = one(rows, population="triggered", scale="absolute")
    spread = one(rows, method="triggered_diluted", scale="absolute")
    assert spread["estimate"] == pytest.approx(inside["estimate"] / 2, rel=1e-9)
    details = json.loads(spread["details"])
    assert details["trigger_share"] == 0.5
    assert details["diluted_se_fixed_share"] == pytest.approx(inside["std_error"] / 2, rel=1e-9)
    assert spread["std_error"] > details["diluted_se_fixed_share"]
    lift = one(rows, method="triggered_diluted", scale="relative")
    assert lift["estimate"] == pytest.approx(spread["estimate"] / 10, rel=0.02)


def test_diluted_ratio_uses_sums() -> None:
    """Untriggered units hold most of the denominator: the ratio is diluted by more than half."""
    rng = np.random.default_rng(3)
    units = log(4000).assign(population=lambda t: np.where(t.index % 4 < 2, "triggered", "exposed"))
    units["z"] = np.where(units["population"] == "triggered", 1.0, 9.0)
    units["y"] = units["z"] * (1 + rng.normal(size=4000) * 0.1)
    touched = (units["variant"] == "t") & (units["population"] == "triggered")
    units["y"] += 0.5 * touched
    counts = {"control": {"enrolled": 2000, "triggered": 1000},
              "t": {"enrolled": 2000, "triggered": 1000}}  # fmt: skip
    metric = {"metric": "y", "metric_type": "ratio", "method": "ratio"}
    rows = run(st.moments(units, parts=("y", "z")), [metric], counts=counts)
    spread = one(rows, method="triggered_diluted", scale="absolute")
    assert spread["estimate"] == pytest.approx(0.05, abs=0.005)
    whole = one(rows, is_headline=True, scale="absolute")
    assert spread["std_error"] < whole["std_error"]


def test_crossovers_return_in_first_variant() -> None:
    units = log().assign(population=lambda t: np.where(t.index % 10 == 0, "crossover", "exposed"))
    counts = {"control": {"enrolled": 1000, "crossover": 200}, "t": {"enrolled": 1000}}
    spec = {"robustness": json.dumps([{"name": "unadjusted", "set": {}}])}
    rows = run(st.moments(units), [{"metric": "y"}], counts=counts, spec=spec)
    head = one(rows, is_headline=True, scale="absolute")
    everyone = one(rows, analysis="robustness:first_variant", scale="absolute")
    assert (head["n_variant"], head["n_baseline"]) == (1000, 800)
    assert (everyone["n_variant"], everyone["n_baseline"]) == (1000, 1000)
    assert len(pick(rows, analysis="robustness:unadjusted")) == 2
    assert not [row for row in rows if row["analysis"] != "main" and row.get("is_headline")]


def test_strata_are_post_stratified() -> None:
    units = log().assign(stratum=lambda t: np.where(t["x1"] > 0, "high", "low"))
    units.loc[0, "stratum"] = "alone"
    rows = run(st.moments(units), [{"metric": "y"}])
    head = one(rows, is_headline=True, scale="absolute")
    naive = one(run(st.moments(log()), [{"metric": "y"}]), is_headline=True, scale="absolute")
    assert head["std_error"] < 0.9 * naive["std_error"]
    assert (head["status"], head["reason_code"]) == ("warning", "stratum_without_arm")
    assert json.loads(head["details"])["dropped_share"] == pytest.approx(1 / 2000)


def test_cap_not_applied() -> None:
    caps = pd.DataFrame([{"experiment_id": "exp", "analysis": "main", "metric": "y", "part": "y",
                          "quantile": 0.99, "cap": 0.0, "is_applied": False}])  # fmt: skip
    head = one(run(st.moments(log()), [{"metric": "y"}], caps=caps), is_headline=True,
               scale="absolute")  # fmt: skip
    assert (head["status"], head["reason_code"]) == ("warning", "cap_not_applied")


def test_checks_by_arm() -> None:
    units = log().assign(x1=lambda t: t["x1"] + 0.5 * (t["variant"] == "t"))
    units.loc[1, "y"] = 1e5
    profile = pd.DataFrame([
        {"experiment_id": "exp", "analysis": "main", "metric": "y", "population": "exposed",
         "variant": name, "n_units": 1000, "n_immature": 0, "n_missing": missing,
         "n_nonfinite": missing, "top_unit": 1e5, "y_sum": 1e6} for name, missing in
        (("control", 0), ("t", 100))
    ])  # fmt: skip
    rows = run(st.moments(units, parts=("y", "x1")), [CUPED], profile=profile,
               spec={"checks": json.dumps({"dominance": {"on_fail": "warn"}})})  # fmt: skip
    checks = {(row["check_name"], row["variant"]): row for row in pick(rows, row_kind="check")}
    warned = {key: row["reason_code"] for key, row in checks.items() if row["status"] == "warn"}
    assert warned == {
        ("balance", "t"): "imbalance", ("missing_by_arm", "none"): "rates_differ",
        ("dominance", "control"): "dominant_unit", ("dominance", "t"): "dominant_unit",
        ("skewness", "t"): "skewed", ("nonfinite", "t"): "nonfinite_dropped",
    }  # fmt: skip
    assert checks["balance", "t"]["value"] == pytest.approx(0.5, abs=0.1)
    assert not [row for row in checks.values() if row["gates"]]
    smd = one(rows, row_kind="curve", curve="balance")
    assert (smd["x_label"], smd["y"]) == ("pre", checks["balance", "t"]["value"])


def test_balance_blocks_where_asked() -> None:
    units = log().assign(x1=lambda t: t["x1"] + 0.5 * (t["variant"] == "t"))
    spec = {"checks": json.dumps({"balance": {"on_fail": "block"}})}
    rows = run(st.moments(units, parts=("y", "x1")), [CUPED], spec=spec)
    row = one(rows, check_name="balance")
    assert (row["status"], row["gates"], row["reason_code"]) == ("fail", True, "imbalance")


def daily(units: pd.DataFrame, kind: str, column: str) -> pd.DataFrame:
    rows = []
    for (when, variant), part in units.groupby([column, "variant"]):
        key = {"experiment_id": "exp", "metric": "y", "day_kind": kind, "variant": variant,
               "day": when if kind == "cohort" else None,
               "day_offset": when if kind == "offset" else None}  # fmt: skip
        rows += [key | row for row in st.pair_rows(from_rows({"y": part["y"].to_numpy()}))]
    return pd.DataFrame(rows)


def test_curves() -> None:
    units = log()
    units["day"] = [st.START + dt.timedelta(days=int(k) % 5) for k in range(len(units))]
    units["offset"] = np.arange(len(units)) // 2 % 3
    table = pd.concat([daily(units, "cohort", "day"), daily(units, "offset", "offset")])
    metric = {"metric": "y", "mature_days": 6}
    rows = run(st.moments(units), [metric], daily=table)
    so_far = pick(rows, curve="cumulative_effect", series="effect")
    head = one(rows, is_headline=True, scale="absolute")
    assert [row["x_date"] for row in so_far] == [
        st.START + dt.timedelta(days=k + 6) for k in range(5)
    ]
    assert [row["n"] for row in so_far] == [400, 800, 1200, 1600, 2000]
    assert so_far[-1]["y"] == pytest.approx(head["estimate"], rel=1e-9)
    assert so_far[-1]["y_low"] == pytest.approx(head["ci_low"], rel=1e-9)
    by_day = pick(rows, curve="effect_by_exposure_day")
    assert [row["x"] for row in by_day] == [0, 1, 2]
    assert {row["band_kind"] for row in by_day} == {"pointwise"}
    assert not pick(
        run(st.moments(units), [{"metric": "y"}], daily=table), curve="cumulative_effect"
    )


def test_aa_test() -> None:
    units = log(6000, effect=0.0)
    units["bucket"] = np.random.default_rng(5).integers(0, 1024, len(units))
    buckets = []
    for (bucket, variant), part in units.groupby(["bucket", "variant"]):
        key = {"experiment_id": "exp", "metric": "y", "bucket": bucket, "variant": variant}
        buckets += [key | row for row in st.pair_rows(from_rows({"y": part["y"].to_numpy()}))]
    rows = aa_test.run(
        st.due("aa_test"), st.registry([CUPED], HALF, design="aa_test"),
        st.moments(units, parts=("y", "x1")), st.NO_PROFILE, st.NO_CAPS, st.NO_DAILY,
        pd.DataFrame(buckets), st.counts({"control": {"enrolled": 3000}, "t": {"enrolled": 3000}}),
    )  # fmt: skip
    head = one(rows, is_headline=True, scale="absolute")
    assert (head["estimand"], head["verdict"]) == ("none", "no_difference_found")
    split = one(rows, check_name="resplit")
    assert (split["status"], split["gates"]) == ("pass", False)
    low, high = json.loads(split["details"])["band"]
    assert low <= split["value"] <= high
    assert one(rows, check_name="aa_joint")["status"] == "pass"
