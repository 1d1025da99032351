"""The rows of an encouragement: headlines, companions, groups, clustered errors, statuses."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
import stats_tables as st
from linearmodels.iv import IV2SLS

from causalops.estimators.randomised import encouragement
from causalops.results import Row

HALF: dict[str, float | None] = {"control": 0.5, "t": 0.5}
PLAIN = {"metric": "y"}
CUPED = {"metric": "y", "method": "cuped", "covariates": json.dumps(["pre"])}
NO_CLUSTERS = st.empty("experiment_id", "analysis", "metric", "population", "segment_dim",
                       "segment_value", "variant", "label", "n_clusters", "n_units", "a", "b",
                       "shift_a", "sum_a", "sum_ab")  # fmt: skip
KEY = ("analysis", "metric", "estimand", "method", "term", "parameter_name", "parameter", "variant",
       "baseline", "segment_dim", "segment_value", "population", "window_kind", "scale", "test",
       "ci_kind", "ci_level")  # fmt: skip


def log(n: int = 3_000, push: float = 1.0, effect: float = 1.0, seed: int = 1) -> pd.DataFrame:
    """Units in 60 clusters, most of them with both arms; compliance and outcome share a cause."""
    rng = np.random.default_rng(seed)
    village = rng.integers(0, 60, n)
    z = np.where(village < 5, village % 2, rng.random(n) < 0.5).astype(bool)
    cause, before = rng.normal(size=n), rng.normal(size=n)
    taken = cause + push * z + 0.3 * rng.normal(size=60)[village] > 0.4
    y = 5 + effect * taken + cause + before + rng.normal(size=60)[village] + rng.normal(size=n)
    return pd.DataFrame({
        "variant": np.where(z, "t", "control"), "is_received": taken, "village": village,
        "x1": before, "y": y, "seg_place": np.where(village % 3 > 0, "town", "land"),
    })  # fmt: skip


def totals(units: pd.DataFrame, shift: float = 3.0, metric: str = "y") -> pd.DataFrame:
    """experiment_cluster_moments of the units, overall and by segment."""
    frame = units.assign(d=units["is_received"].astype(float), y=units["y"] - shift)
    frame["yd"] = frame["y"] * frame["d"]
    rows = []
    parts = [("all", "all", frame)] + [("place", v, part) for v, part in frame.groupby("seg_place")]
    for dim, value, chosen in parts:
        for (variant, village), part in chosen.groupby(["variant", "village"]):
            for name in ("y", "x1", "d", "yd"):
                rows.append({
                    "experiment_id": "exp", "analysis": "main", "metric": metric,
                    "population": "exposed", "segment_dim": dim, "segment_value": value,
                    "variant": variant, "label": str(village), "n_clusters": 1,
                    "n_units": len(part), "a": name, "b": name,
                    "shift_a": shift if name in ("y", "yd") else 0.0,
                    "sum_a": part[name].sum(), "sum_ab": None,
                })  # fmt: skip
    return pd.DataFrame(rows)


def run(units: pd.DataFrame, metrics: list[dict[str, Any]], cluster: str | None = None,
        parts: tuple[str, ...] = ("y",), **due: Any) -> list[Row]:  # fmt: skip
    spec = {"design": "encouragement", "payload": json.dumps({"seed": 7, "cluster": cluster})}
    names = [metric["metric"] for metric in metrics]
    moments = [st.moments(units, metric=name, parts=parts) for name in names]
    clusters = [totals(units, metric=name) for name in names] if cluster == "village" else []
    return encouragement.run(
        st.due(design="encouragement", **due), st.registry(metrics, HALF, **spec),
        pd.concat(moments), st.NO_PROFILE, st.NO_CAPS, st.NO_DAILY,
        st.counts({"control": {"enrolled": 1_500}, "t": {"enrolled": 1_500}}),
        pd.concat(clusters) if clusters else NO_CLUSTERS,
    )  # fmt: skip


def pick(rows: list[Row], **wanted: Any) -> list[Row]:
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def one(rows: list[Row], **wanted: Any) -> Row:
    found = pick(rows, **wanted)
    assert len(found) == 1, [{k: row[k] for k in KEY} for row in found]
    return found[0]


def cace(rows: list[Row], **wanted: Any) -> Row:
    usual = {"estimand": "cace", "term": "effect", "scale": "absolute", "analysis": "main",
             "segment_dim": "all", "ci_kind": "anderson_rubin"}  # fmt: skip
    return one(rows, **usual | wanted)


def instruments(units: pd.DataFrame, outcome: str = "y", taken: str = "d", **options: Any) -> Any:
    """2SLS on rows; `_cov_type` defaults to robust without any correction."""
    frame = units.assign(d=units["is_received"].astype(float), z=units["variant"] == "t")
    frame = frame.assign(u=1 - frame["d"], yd=frame["y"] * frame["d"], z=frame["z"].astype(float))
    frame["yu"] = frame["y"] - frame["yd"]
    options = options or {"cov_type": "robust"}
    ones = np.ones((len(frame), 1))
    fitted = IV2SLS(frame[outcome], ones, frame[taken], frame["z"]).fit(**options)
    return fitted.params.iloc[-1], fitted.std_errors.iloc[-1]


@pytest.mark.parametrize("metric", [PLAIN, CUPED])
@pytest.mark.parametrize("cluster", [None, "village"])
def test_one_headline_and_unique_keys(metric: dict[str, Any], cluster: str | None) -> None:
    rows = pick(run(log(), [metric], cluster, ("y", "x1")), row_kind="estimate")
    assert max(Counter(tuple(row[name] for name in KEY) for row in rows).values()) == 1
    for scale, ci_kind in (("absolute", "anderson_rubin"), ("relative", "delta")):
        head = one(rows, is_headline=True, scale=scale)
        assert (head["estimand"], head["ci_kind"], head["term"]) == ("cace", ci_kind, "effect")
        assert head["verdict"] == "better"
    assert one(rows, is_headline=True, scale="absolute")["p_family"] == "primary"
    assert {row["estimand"] for row in rows} == {"itt", "first_stage", "cace"}
    assert not [row for row in rows if row["estimand"] == "itt" and row["is_headline"]]


def test_rows_against_linearmodels() -> None:
    units = log()
    rows = run(units, [PLAIN])
    head, wald = cace(rows), cace(rows, ci_kind="fixed")
    assert (head["estimate"], head["std_error"]) == pytest.approx(instruments(units), rel=1e-9)
    assert (head["se_kind"], head["df"]) == ("hc0", None)
    assert (wald["estimate"], wald["std_error"]) == (head["estimate"], head["std_error"])
    assert wald["ci_high"] == pytest.approx(head["estimate"] + 1.959963985 * head["std_error"])
    assert head["ci_shape"] == "interval"
    assert head["ci_low"] < head["estimate"] < head["ci_high"]
    first = one(rows, estimand="first_stage")
    arms = [units[units["variant"] == v]["is_received"] for v in ("t", "control")]
    assert first["estimate"] == pytest.approx(arms[0].mean() - arms[1].mean())
    assert [first["mean_variant"], first["mean_baseline"]] == [a.mean() for a in arms]
    itt = one(rows, estimand="itt", scale="absolute", segment_dim="all", ci_kind="fixed")
    assert itt["estimate"] == pytest.approx(head["estimate"] * first["estimate"])
    assert itt["se_kind"] == "welch"
    for term, (outcome, taken) in {"treated": ("yd", "d"), "untreated": ("yu", "u")}.items():
        row = one(rows, term=f"complier_mean_{term}")
        want = instruments(units, outcome, taken)
        assert (row["estimate"], row["std_error"]) == pytest.approx(want, rel=1e-9)
        assert (row["baseline"], row["population"]) == ("none", "compliers")
    lift = one(rows, estimand="cace", scale="relative", is_headline=True)
    base = one(rows, term="complier_mean_untreated")["estimate"]
    assert lift["estimate"] == pytest.approx(head["estimate"] / base)


def test_clustered_rows_against_linearmodels() -> None:
    """CR1 = linearmodels' plain clustered variance times G/(G-1) (N-1)/(N-2); t(G-1)."""
    units = log()
    n, groups = len(units), units["village"].nunique()
    assert (units.groupby("village")["variant"].nunique() == 2).sum() not in (0, groups)
    factor = np.sqrt(groups / (groups - 1) * (n - 1) / (n - 2))
    options = {"cov_type": "clustered", "clusters": units["village"].to_numpy()}
    rows = run(units, [PLAIN], "village")
    pairs = {
        "cace": (cace(rows), ("y", "d")),
        "treated": (one(rows, term="complier_mean_treated"), ("yd", "d")),
        "untreated": (one(rows, term="complier_mean_untreated"), ("yu", "u")),
    }
    for name, (row, columns) in pairs.items():
        estimate, error = instruments(units, *columns, **options)
        assert row["estimate"] == pytest.approx(estimate, rel=1e-8), name
        assert row["std_error"] == pytest.approx(error * factor, rel=1e-6), name
        assert (row["se_kind"], row["df"]) == ("cr1", groups - 1)
    assert cace(rows)["std_error"] > 1.02 * cace(run(units, [PLAIN]))["std_error"]
    assert cace(rows)["n_clusters_variant"] < groups
    itt = one(rows, estimand="itt", scale="absolute", segment_dim="all", ci_kind="fixed")
    assert (itt["se_kind"], itt["df"]) == ("cr1", groups - 1)
    assert cace(rows)["p_value"] == pytest.approx(itt["p_value"])
    for segment in ("town", "land"):
        part = units[units["seg_place"] == segment]
        found = cace(rows, segment_dim="place", segment_value=segment)
        n, g = len(part), part["village"].nunique()
        options["clusters"] = part["village"].to_numpy()
        estimate, error = instruments(part, **options)
        assert found["estimate"] == pytest.approx(estimate, rel=1e-8)
        factor = np.sqrt(g / (g - 1) * (n - 1) / (n - 2))
        assert found["std_error"] == pytest.approx(error * factor, rel=1e-6)


def test_adjustment_stands_beside_the_plain_effect() -> None:
    rows = run(log(), [CUPED], parts=("y", "x1"))
    head, plain = cace(rows, method="2sls_cuped"), cace(rows, method="2sls")
    assert head["is_headline"]
    assert not plain["is_headline"]
    assert head["std_error"] < 0.95 * plain["std_error"]
    itt = one(rows, estimand="itt", method="cuped", ci_kind="fixed", segment_dim="all")
    first = one(rows, estimand="first_stage")
    assert (first["method"], itt["estimate"]) == (
        "cuped", pytest.approx(head["estimate"] * first["estimate"])
    )  # fmt: skip
    assert one(rows, term="share_compliers")["estimate"] != first["estimate"]


def test_a_weak_first_stage_warns() -> None:
    units = log(n=400, push=0.15, seed=4)
    rows = run(units, [PLAIN])
    head = cace(rows)
    assert (head["status"], head["reason_code"]) == ("warning", "weak_instrument")
    assert head["ci_shape"] in ("whole_line", "disjoint")
    assert (head["ci_low"], head["ci_high"]) == (None, None)
    assert ("ci_pieces" in json.loads(head["details"])) == (head["ci_shape"] == "disjoint")
    check = one(rows, check_name="first_stage_strength")
    assert (check["status"], check["reason_code"]) == ("warn", "weak_instrument")
    assert check["statistic"] < 10
    assert cace(run(log(), [PLAIN]))["status"] == "ok"


def test_a_covariate_that_cannot_be_used_is_told_on_the_headline() -> None:
    head = cace(run(log().assign(x1=1.0), [CUPED], parts=("y", "x1")), is_headline=True)
    assert (head["status"], head["reason_code"]) == ("warning", "no_adjustment")
    assert "constant" in head["message"]
    adjusted = cace(run(log(), [CUPED], parts=("y", "x1")), is_headline=True)
    assert "theta" in json.loads(adjusted["details"])


def test_a_weak_first_stage_says_more_than_any_other_warning() -> None:
    """Otherwise its meaningless Wald error would enter comparisons of segments."""
    weak = log(n=400, push=0.15, seed=4).assign(x1=1.0)
    head = cace(run(weak, [CUPED], parts=("y", "x1")), is_headline=True)
    assert (head["status"], head["reason_code"]) == ("warning", "weak_instrument")

def test_between_ten_and_a_hundred_only_the_wald_interval_warns() -> None:
    rows = run(log(n=1_000, push=0.45), [PLAIN])
    check = one(rows, check_name="first_stage_strength")
    assert 10 < check["statistic"] < 104.7
    assert (check["status"], cace(rows)["status"]) == ("pass", "ok")
    assert cace(rows, ci_kind="fixed")["reason_code"] == "wald_unreliable"


def test_fewer_treated_where_it_was_encouraged_blocks() -> None:
    rows = run(log(push=-1.0), [PLAIN])
    for scale in ("absolute", "relative"):
        head = one(rows, is_headline=True, scale=scale)
        assert (head["status"], head["reason_code"]) == ("blocked", "negative_first_stage")
        assert head["verdict"] is None
    assert cace(rows)["estimate"] is not None
    check = one(rows, check_name="first_stage_strength")
    assert (check["status"], check["gates"]) == ("fail", False)
    itt = one(rows, estimand="itt", scale="absolute", segment_dim="all", ci_kind="fixed")
    assert itt["status"] == "ok"


def test_before_the_end_the_effect_of_assignment_is_what_may_be_read() -> None:
    """The always-valid and the Bayesian row are those of assignment, not of the treatment."""
    rows = run(log(), [PLAIN])
    itt = one(rows, estimand="itt", scale="absolute", ci_kind="fixed", segment_dim="all")
    always = one(rows, ci_kind="sequential", row_kind="estimate")
    assert (always["estimand"], always["estimate"]) == ("itt", itt["estimate"])
    assert always["ci_low"] < itt["ci_low"]
    assert always["verdict"] is None


@pytest.mark.parametrize("everybody", [True, False])
def test_no_variation_in_what_was_received(everybody: bool) -> None:
    rows = run(log().assign(is_received=everybody), [PLAIN])
    for scale in ("absolute", "relative"):
        head = one(rows, is_headline=True, scale=scale)
        assert (head["status"], head["reason_code"]) == ("skipped", "no_variation_received")
        assert (head["estimate"], head["p_value"], head["ci_shape"]) == (None, None, "none")
        assert head["verdict"] == "not_evaluated"
    assert one(rows, check_name="first_stage_strength")["status"] == "fail"
    assert one(rows, estimand="itt", ci_kind="fixed", segment_dim="all")["status"] == "ok"
    assert one(rows, estimand="first_stage")["reason_code"] == "no_variation_received"


def test_equal_shares_have_no_compliers() -> None:
    units = log(400)
    units["is_received"] = units.groupby("variant").cumcount() % 2 == 0
    units = units.groupby("variant").head(150)
    rows = run(units, [PLAIN])
    assert cace(rows)["reason_code"] == "no_compliers"
    assert one(rows, check_name="first_stage_strength")["reason_code"] == "no_compliers"


def test_one_sided_and_full_compliance() -> None:
    units = log()
    units["is_received"] &= units["variant"] == "t"
    rows = run(units, [PLAIN])
    assert cace(rows)["status"] == "ok"
    assert json.loads(cace(rows)["details"])["non_compliance"] == "variant_only"
    assert one(rows, term="share_always_takers")["estimate"] == 0
    assert pick(rows, term="always_taker_mean") == []
    assert one(rows, term="share_never_takers")["estimate"] > 0
    units["is_received"] = units["variant"] == "t"
    rows = run(units, [PLAIN])
    first = one(rows, estimand="first_stage")
    assert (first["estimate"], first["reason_code"]) == (1, "full_compliance")
    itt = one(rows, estimand="itt", scale="absolute", segment_dim="all", ci_kind="fixed")
    assert cace(rows)["estimate"] == pytest.approx(itt["estimate"])
    assert one(rows, check_name="first_stage_strength")["status"] == "pass"


def test_a_placebo_that_moves_is_told() -> None:
    placebo = {"metric": "y", "metric_role": "placebo"}
    moved = one(run(log(), [placebo]), check_name="placebo")
    assert (moved["status"], moved["reason_code"]) == ("warn", "placebo_effect")
    still = one(run(log(effect=0.0, seed=3), [placebo]), check_name="placebo")
    assert (still["status"], still["reason_code"]) == ("pass", None)
    head = cace(run(log(), [placebo]))
    assert (head["is_headline"], head["p_adjusted"]) == (True, None)


def test_unknown_clusters_warn_on_every_estimate() -> None:
    rows = run(log(), [PLAIN], "unknown")
    assert one(rows, check_name="cluster_unknown")["status"] == "warn"
    estimates = pick(rows, row_kind="estimate")
    assert {row["reason_code"] for row in estimates} == {"cluster_unknown"}
    assert {row["status"] for row in estimates} == {"warning"}
    assert cace(rows)["se_kind"] == "hc0"


def test_a_ratio_has_effects_of_assignment_only() -> None:
    units = log().assign(z=2.0)
    rows = run(units, [{"metric": "y", "metric_type": "ratio", "method": "ratio"}],
               parts=("y", "z"))  # fmt: skip
    for scale in ("absolute", "relative"):
        head = one(rows, is_headline=True, scale=scale)
        assert (head["estimand"], head["reason_code"]) == ("cace", "method_not_available")
    itt = one(rows, estimand="itt", scale="absolute", segment_dim="all", ci_kind="fixed")
    assert itt["status"] == "ok"
    assert one(rows, check_name="first_stage_strength")["status"] == "pass"


def test_a_guardrail_margin_is_about_compliers() -> None:
    guard = {"metric": "y", "metric_role": "guardrail", "margin": 0.2}
    rows = run(log(effect=0.0), [guard])
    margin = one(rows, test="non_inferiority")
    lift = one(rows, is_headline=True, scale="relative")
    assert (margin["estimand"], margin["estimate"]) == ("cace", lift["estimate"])
    assert cace(rows)["verdict"] == "not_worse"


def test_nothing_to_compare() -> None:
    units = log()
    rows = run(units[units["variant"] == "t"], [PLAIN])
    for scale in ("absolute", "relative"):
        head = one(rows, is_headline=True, scale=scale)
        assert (head["estimand"], head["reason_code"]) == ("cace", "empty_arm")
    assert one(rows, check_name="first_stage_strength")["status"] == "not_run"
