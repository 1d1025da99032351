"""Quantiles: what has a standard error, the simultaneous band, and the rows of a design."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import stats_tables as tables
from scipy.stats import norm
from test_total import ARMS as ARM_VALUES
from test_total import assert_clean

from causalops.estimators.randomised import aa_test, ab_test
from causalops.estimators.randomised.analysis import Tables, experiment_rows
from causalops.estimators.randomised.inputs import experiments
from causalops.estimators.randomised.quantiles import (
    ArmQuantile,
    ArmQuantiles,
    compare,
    contrast_correlation,
    event_arm,
    sup_t,
    unit_arm,
    unit_correlation,
)

Z = norm.ppf(0.975)
RNG = np.random.default_rng(3)
SMOOTH = RNG.lognormal(0, 1, 400)


def test_the_error_is_the_interval_of_ranks_over_its_normal_width() -> None:
    (arm,) = unit_arm(SMOOTH, [0.9], 0.05).quantiles
    ranks = 0.9 + np.array([-1, 0, 1]) * Z * np.sqrt(0.09 / 400)
    low, value, high = np.quantile(SMOOTH, ranks)
    assert (arm.low, arm.value, arm.high) == pytest.approx((low, value, high), rel=1e-12)
    assert arm.std_error(0.05) == pytest.approx((high - low) / (2 * Z), rel=1e-12)


def test_one_event_per_unit_is_a_quantile_of_units() -> None:
    """Then the delta method gives q (1 - q) / n, up to n / (n - 1) and the share below."""
    (events,) = event_arm(np.arange(400), SMOOTH, [0.5], 0.05).quantiles
    (units,) = unit_arm(SMOOTH, [0.5], 0.05).quantiles
    assert events.value == units.value
    assert events.share_error == pytest.approx(np.sqrt(0.25 / 399), rel=1e-12)


def test_events_of_a_unit_that_move_together_have_a_larger_error() -> None:
    """Every event seen ten times by its unit: the error is that of the units, not a third of it."""
    (once,) = event_arm(np.arange(400), SMOOTH, [0.5], 0.05).quantiles
    repeated = np.repeat(np.arange(400), 10), np.repeat(SMOOTH, 10)
    (tenfold,) = event_arm(*repeated, [0.5], 0.05).quantiles
    assert tenfold.share_error == pytest.approx(once.share_error, rel=1e-12)
    assert (tenfold.n_units, tenfold.n_obs) == (400, 4000)


def test_missing_values_are_left_out() -> None:
    holed = np.concatenate([SMOOTH, [np.nan] * 50])
    assert unit_arm(holed, [0.5], 0.05).quantiles == unit_arm(SMOOTH, [0.5], 0.05).quantiles
    with pytest.raises(ValueError, match="at least one value"):
        unit_arm([np.nan], [0.5], 0.05)


@pytest.mark.parametrize(
    ("values", "quantile", "reason"),
    [
        (np.r_[np.zeros(90), SMOOTH[:10]], 0.5, "mass_point"),
        (np.r_[np.zeros(90), SMOOTH[:10]], 0.9, "mass_point"),  # its interval begins in the zeros
        (np.r_[np.zeros(200), 1 + SMOOTH[:200]], 0.505, "mass_point"),
        (np.full(300, 7.0), 0.5, "mass_point"),
        (np.r_[np.zeros(50), 1 + SMOOTH], 0.5, None),  # a mass point elsewhere does no harm
        (np.arange(50.0), 0.5, None),
        (np.arange(50.0), 0.99, "few_beyond"),
        (np.arange(50.0), 0.01, "few_beyond"),
        (np.array([3.0]), 0.5, "too_few_units"),
    ],
)
def test_where_there_is_no_standard_error(
    values: np.ndarray, quantile: float, reason: str | None
) -> None:
    (arm,) = unit_arm(values, [quantile], 0.05).quantiles
    assert arm.reason == reason
    assert (arm.std_error(0.05) is None) == (reason is not None)
    (smooth,) = unit_arm(SMOOTH, [quantile], 0.05).quantiles
    found = compare(quantile, arm, smooth, 0.05)
    assert found.effect == arm.value - smooth.value
    assert (found.levels is None, found.reason) == (reason is not None, reason)


def test_a_mass_point_says_more_than_a_small_arm() -> None:
    mass = ArmQuantile(100, 100, 0.0, 0.05, 0.0, 0.0, 0.9, 0.9)
    single = ArmQuantile(1, 1, 2.0)
    assert compare(0.5, single, mass, 0.05).reason == "mass_point"
    assert compare(0.5, single, None, 0.05).reason == "empty_arm"
    assert compare(0.5, None, None, 0.05).reason == "no_units"


def test_tied_values_wider_than_half_the_interval_are_coarse() -> None:
    """2,000 whole milliseconds: 3 % hold the median, the ranks reach 2.2 % to each side."""
    coarse = np.round(RNG.normal(1000, 13, 2000))
    (arm,) = unit_arm(coarse, [0.5], 0.05).quantiles
    assert 0.022 < arm.tied < 0.05
    assert compare(0.5, arm, arm, 0.05).note == "coarse_values"
    (fine,) = unit_arm(SMOOTH, [0.5], 0.05).quantiles
    assert compare(0.5, fine, fine, 0.05).note is None


def test_sup_t_lies_between_one_test_and_many() -> None:
    one, five = np.eye(1), np.eye(5)
    assert sup_t(one, 1).critical(0.05) == pytest.approx(Z, rel=1e-12)
    assert sup_t(np.ones((5, 5)), 1).critical(0.05) == pytest.approx(Z, abs=0.03)
    sidak = norm.ppf(1 - (1 - 0.95 ** (1 / 5)) / 2)
    assert sup_t(five, 1).critical(0.05) == pytest.approx(sidak, abs=0.03)
    bridge = sup_t(unit_correlation([0.1, 0.3, 0.5, 0.7, 0.9]), 1)
    assert Z < bridge.critical(0.05) < sidak
    again = sup_t(unit_correlation([0.1, 0.3, 0.5, 0.7, 0.9]), 1)
    assert again.critical(0.05) == bridge.critical(0.05)


def test_p_values_in_the_band_agree_with_the_band_and_never_reach_zero() -> None:
    five = sup_t(np.eye(5), 1)
    reach = five.critical(0.05)
    for statistic in (0.5, reach - 0.02, -reach - 0.02, 9.0):
        single = 2 * norm.sf(abs(statistic))
        p_value = five.p_value(statistic, single)
        assert (p_value < 0.05) == (abs(statistic) > reach)
        assert single <= p_value <= min(1, 5 * single)
        expected = -np.expm1(5 * np.log1p(-single))  # Sidak: five independent tests
        assert p_value == pytest.approx(expected, rel=0.1)


def test_correlations_of_differences_weigh_the_arms_by_their_errors() -> None:
    """With one arm measured without error, the other arm's correlation is all there is."""
    quantiles = [0.5, 0.9]
    arms = [ArmQuantile(100, 100, 1.0, 0.05, 0.9, 1.1), ArmQuantile(100, 100, 2.0, 0.03, 1.5, 2.5)]
    still = [ArmQuantile(9, 9, v, 0.05, v - 1e-9, v + 1e-9) for v in (1.0, 2.0)]
    found = [compare(q, a, b, 0.05) for q, a, b in zip(quantiles, arms, still, strict=True)]
    correlation = unit_correlation(quantiles)
    assert correlation[0, 1] == pytest.approx(0.05 / np.sqrt(0.25 * 0.09))
    mixed = contrast_correlation(found, correlation, np.eye(2))
    assert mixed[0, 1] == pytest.approx(correlation[0, 1], rel=1e-6)


# Rows of a design -------------------------------------------------------------------------------

METRIC = {
    "metric": "latency", "metric_type": "quantile", "method": "event_quantile",
    "desired": "decrease", "payload": json.dumps({"level": "event", "quantiles": [0.9, 0.5]}),
}  # fmt: skip
NO_MOMENTS = tables.empty(
    "experiment_id", "analysis", "metric", "population", "segment_dim", "segment_value", "stratum",
    "variant", "a", "b",
)  # fmt: skip
WEIGHTS: dict[str, float | None] = {"control": 0.5, "short": 0.5}


def order_stats(arms: dict[str, ArmQuantiles], quantiles: list[float], **key: str) -> pd.DataFrame:
    """experiment_order_stats of these arms."""
    base = {"experiment_id": "exp", "analysis": "main", "metric": "latency",
            "population": "exposed", "segment_dim": "all", "segment_value": "all"}  # fmt: skip
    base |= key
    return pd.DataFrame([
        base | {"variant": name, "quantile": q, "n_units": a.n_units, "n": a.n_obs,
                "value": a.value, "share_error": a.share_error, "low": a.low, "high": a.high,
                "tied": a.tied, "tied_near": a.tied_near}
        for name, arm in arms.items() for q, a in zip(quantiles, arm.quantiles, strict=True)
    ])  # fmt: skip


def events_of(seed: int, scale: float = 1.0) -> ArmQuantiles:
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(300), 8)
    values = scale * np.exp(rng.normal(5, 1, 300)[users] + 0.3 * rng.normal(size=2400))
    return event_arm(users, values, [0.9, 0.5], 0.05)


ARMS = {"short": events_of(1, 0.5), "control": events_of(2)}


def rows_of(
    stats: pd.DataFrame, metric: dict[str, Any] | None = None, design: str = "ab_test",
    phase: str = "complete", **registry: Any,
) -> list[dict[str, Any]]:  # fmt: skip
    registered = tables.registry([METRIC | (metric or {})], WEIGHTS, design, **registry)
    frames = (tables.due(design, phase=phase), registered, NO_MOMENTS, tables.NO_PROFILE,
              tables.NO_CAPS, tables.NO_DAILY)  # fmt: skip
    counts = tables.counts({name: {"enrolled": 300} for name in WEIGHTS})
    if design == "aa_test":
        buckets = tables.empty("experiment_id", "metric", "bucket", "variant", "a", "b")
        return aa_test.run(*frames, buckets, counts, stats)
    return ab_test.run(*frames, counts, stats)


def estimates(rows: list[dict[str, Any]], **where: Any) -> list[dict[str, Any]]:
    found = [row for row in rows if row["row_kind"] == "estimate"]
    return [row for row in found if all(row[key] == value for key, value in where.items())]


def test_the_first_listed_quantile_is_the_headline_and_gets_the_verdict() -> None:
    rows = rows_of(order_stats(ARMS, [0.9, 0.5]))
    heads = estimates(rows, is_headline=True)
    assert [(r["scale"], r["parameter"]) for r in heads] == [("absolute", 0.9), ("relative", 0.9)]
    assert {r["verdict"] for r in heads} == {"better"}
    assert {r["p_family"] for r in heads} == {"primary", None}
    assert all(row["verdict"] is None for row in estimates(rows, parameter=0.5))
    head = heads[0]
    assert (head["estimand"], head["se_kind"], head["n_variant"], head["n_obs_variant"]) == (
        "qte", "delta", 300, 2400,
    )  # fmt: skip
    assert head["mean_variant"] - head["mean_baseline"] == pytest.approx(head["estimate"])


def test_a_latency_guardrail_is_not_worse_within_its_margin() -> None:
    same = {"short": events_of(5), "control": events_of(5)}
    for margin, verdict in ((0.8, "not_worse"), (0.01, "no_difference_found")):
        guard = {"metric_role": "guardrail", "margin": margin}
        rows = rows_of(order_stats(same, [0.9, 0.5]), guard)
        (test,) = estimates(rows, test="non_inferiority")
        assert (test["parameter"], test["null_value"], test["verdict"]) == (0.9, margin, verdict)
        assert test["p_value"] == pytest.approx(norm.cdf(-margin / test["std_error"]), rel=1e-9)


def test_a_mass_point_keeps_its_estimate_and_nothing_else() -> None:
    flat = unit_arm(np.r_[np.zeros(90), SMOOTH[:10]], [0.5], 0.05)
    level = {"payload": json.dumps({"level": "unit", "quantiles": [0.5]})}
    rows = rows_of(order_stats({"short": flat, "control": flat}, [0.5]), level)
    (absolute,) = estimates(rows, scale="absolute", is_headline=True)
    assert (absolute["estimate"], absolute["status"], absolute["reason_code"]) == (
        0.0, "skipped", "mass_point",
    )  # fmt: skip
    assert absolute["std_error"] is None
    assert absolute["p_value"] is None
    assert absolute["verdict"] == "not_evaluated"
    relative = estimates(rows, scale="relative")
    assert {row["reason_code"] for row in relative} == {"relative_undefined"}
    (point,) = [row for row in rows if row["row_kind"] == "curve"]
    assert (point["x"], point["y"], point["y_low"], point["band_kind"]) == (0.5, 0.0, None, "none")


def test_the_band_covers_the_quantiles_with_inference_only() -> None:
    level = {"payload": json.dumps({"level": "unit", "quantiles": [0.5, 0.05, 0.9]})}
    zeros = np.r_[np.zeros(60), 1 + SMOOTH]
    arms = {name: unit_arm(zeros, [0.5, 0.05, 0.9], 0.05) for name in WEIGHTS}
    rows = rows_of(order_stats(arms, [0.5, 0.05, 0.9]), level)
    assert [r["parameter"] for r in estimates(rows, ci_kind="uniform")] == [0.5, 0.9]
    points = [row for row in rows if row["row_kind"] == "curve"]
    assert [(p["x"], p["band_kind"]) for p in points] == [
        (0.05, "none"), (0.5, "uniform"), (0.9, "uniform"),
    ]  # fmt: skip


@pytest.mark.parametrize("variant", ARM_VALUES)
@pytest.mark.parametrize("control", ARM_VALUES)
def test_every_pair_of_arms_gives_clean_rows(variant: str, control: str) -> None:
    quantiles = [0.5, 0.05, 0.9]
    level = {"payload": json.dumps({"level": "unit", "quantiles": quantiles}), "margin": 0.1,
             "metric_role": "guardrail"}  # fmt: skip
    arms = {name: unit_arm(values, quantiles, 0.05)
            for name, values in (("short", ARM_VALUES[variant]), ("control", ARM_VALUES[control]))
            if not np.isnan(values).all()}  # fmt: skip
    stats = order_stats(arms, quantiles) if arms else None
    rows = rows_of(stats, level) if stats is not None else rows_of(pd.DataFrame(), level)
    for row in rows:
        assert_clean(row)
    assert not [row for row in rows if row["reason_code"] == "internal_error"]
    assert len(estimates(rows, is_headline=True)) == 2
    keys = [(r["parameter"], r["scale"], r["ci_kind"], r["test"]) for r in estimates(rows)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("absent", [["short"], ["short", "control"]])
def test_an_arm_without_values_still_has_its_rows(absent: list[str]) -> None:
    stats = order_stats(ARMS, [0.9, 0.5])
    rows = rows_of(stats[~stats["variant"].isin(absent)])
    heads = estimates(rows, is_headline=True)
    assert [row["status"] for row in heads] == ["skipped", "skipped"]
    reason = "empty_arm" if len(absent) == 1 else "no_units"
    assert {row["reason_code"] for row in heads} == {reason}


def test_strata_are_not_used_and_that_is_said() -> None:
    payload = json.dumps({"seed": 7, "strata": "platform"})
    rows = rows_of(order_stats(ARMS, [0.9, 0.5]), payload=payload)
    assert {(r["status"], r["reason_code"]) for r in estimates(rows)} == {
        ("warning", "strata_not_used")
    }


def test_an_aa_test_names_no_estimand_and_runs_no_resplit() -> None:
    rows = rows_of(order_stats(ARMS, [0.9, 0.5]), design="aa_test")
    assert {row["estimand"] for row in estimates(rows)} == {"none"}
    assert "resplit" not in {row["check_name"] for row in rows}


def test_segments_have_their_own_family() -> None:
    ios = order_stats(ARMS, [0.9, 0.5], segment_dim="os", segment_value="ios")
    stats = pd.concat([order_stats(ARMS, [0.9, 0.5]), ios])
    (row,) = estimates(rows_of(stats), segment_dim="os")
    assert (row["parameter"], row["p_family"], row["is_headline"]) == (0.9, "segment:os", False)


@pytest.mark.parametrize(
    ("design", "estimand"), [("cluster_rct", "qte"), ("encouragement", "cace")]
)
def test_designs_without_a_quantile_estimator_say_so(design: str, estimand: str) -> None:
    """Units of a cluster are not independent, so order statistics of units would be too sure."""

    def means(*_: Any) -> list[dict[str, Any]]:
        raise AssertionError("the estimator of means was asked for a quantile")

    (experiment,) = experiments(
        tables.due(design), tables.registry([METRIC], WEIGHTS, design), [design]
    )
    small = Tables.of(
        NO_MOMENTS, tables.NO_PROFILE, tables.NO_CAPS, tables.NO_DAILY,
        tables.counts({name: {"enrolled": 300} for name in WEIGHTS}),
        order_stats=order_stats(ARMS, [0.9, 0.5]),
    )  # fmt: skip
    found = estimates(experiment_rows(experiment, small, means), is_headline=True)
    assert [(r["scale"], r["is_headline"], r["estimand"], r["parameter"]) for r in found] == [
        ("absolute", True, estimand, 0.9), ("relative", True, estimand, 0.9),
    ]  # fmt: skip
    assert {(r["status"], r["reason_code"], r["estimate"]) for r in found} == {
        ("skipped", "method_not_available", None)
    }
