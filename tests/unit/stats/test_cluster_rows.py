"""Rows of cluster-randomised trials that need no warehouse: few degrees of freedom, checks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import stats_tables as st

from causalops.estimators.randomised import cluster_rct, srm
from causalops.results import Row

HALF: dict[str, float | None] = {"control": 0.5, "t": 0.5}
SPEC: dict[str, Any] = {"design": "cluster_rct", "payload": '{"seed": 7, "cluster": "team"}'}


def cluster_moments(units: pd.DataFrame) -> pd.DataFrame:
    """experiment_cluster_moments of units with columns variant, team and y."""
    sums = units.groupby(["variant", "team"])["y"].agg(["size", "sum"]).reset_index()
    return pd.DataFrame({
        "experiment_id": "exp", "analysis": "main", "metric": "y", "population": "exposed",
        "segment_dim": "all", "segment_value": "all", "variant": sums["variant"],
        "label": sums["team"].astype(str), "n_clusters": 1, "n_units": sums["size"], "a": "y",
        "b": "y", "shift_a": 0.0, "sum_a": sums["sum"], "sum_ab": None,
    })  # fmt: skip


def rows_of(sizes: list[int], phase: str = "complete", **metric: Any) -> list[Row]:
    """Rows of an experiment whose clusters have these sizes, the arms in turn."""
    rng = np.random.default_rng(2)
    team = np.repeat(np.arange(len(sizes)), sizes)
    units = pd.DataFrame({"team": team, "variant": np.where(team % 2 == 1, "t", "control")})
    units["y"] = 10 + rng.normal(size=len(sizes))[team] + rng.normal(size=len(team))
    return rows_of_units(units, phase, **metric)


def rows_of_units(units: pd.DataFrame, phase: str = "complete", **metric: Any) -> list[Row]:
    return cluster_rct.run(
        st.due("cluster_rct", phase=phase), st.registry([{"metric": "y"} | metric], HALF, **SPEC),
        st.moments(units), st.NO_PROFILE, st.NO_CAPS, st.NO_DAILY,
        st.counts({name: {"enrolled": 100} for name in HALF}), cluster_moments(units),
    )  # fmt: skip


def test_more_units_in_the_same_clusters_promise_nothing() -> None:
    """The error of clusters falls with clusters: no power at the planned number of units."""
    rows = rows_of([30] * 60, phase="enrolling")
    points = pick(rows, row_kind="curve", curve="power")
    assert {row["series"] for row in points} == {"now"}


def pick(rows: list[Row], **wanted: Any) -> list[Row]:
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


@pytest.mark.parametrize(
    ("sizes", "kinds", "reason"),
    [
        ([30] * 60, set(), None),
        ([30] * 20, {"bootstrap"}, None),
        ([30] * 10, {"bootstrap", "permutation"}, None),
        ([300, 300, 20, 20, 20, 20], {"bootstrap", "permutation"}, "few_clusters"),
    ],
)
def test_companions_follow_the_number_of_clusters(
    sizes: list[int], kinds: set[str], reason: str | None
) -> None:
    rows = rows_of(sizes)
    main = pick(rows, row_kind="estimate", analysis="main", estimand="ate")
    assert {row["ci_kind"] for row in main} - {"fixed", "delta", "fieller", "sequential"} == kinds
    (head,) = pick(main, is_headline=True, scale="absolute")
    assert (head["se_kind"], head["reason_code"]) == ("cr2", reason)
    assert head["status"] == ("warning" if reason else "ok")
    for row in main:
        if row["scale"] == "absolute":
            assert row["estimate"] == pytest.approx(head["estimate"])
    assert pick(rows, analysis="robustness:cr1")[0]["df"] == len(sizes) - 1


def test_a_margin_is_tested_with_the_errors_of_clusters() -> None:
    rows = rows_of([30] * 20, metric_role="guardrail", margin=0.05)
    (margin,) = pick(rows, test="non_inferiority")
    (lift,) = pick(rows, is_headline=True, scale="relative")
    (head,) = pick(rows, is_headline=True, scale="absolute")
    assert margin["df"] == lift["df"] == head["df"]
    assert margin["std_error"] == lift["std_error"]


def constant() -> pd.DataFrame:
    team = np.repeat(np.arange(10), [7, 13, 11, 9, 17, 19, 23, 5, 3, 31])
    arm = np.where(team % 2 == 1, "t", "control")
    return pd.DataFrame({"team": team, "variant": arm, "y": 0.1})


def test_a_constant_outcome_is_refused_by_every_row() -> None:
    rows = pick(rows_of_units(constant()), row_kind="estimate", scale="absolute", estimand="ate")
    rows = [row for row in rows if row["ci_kind"] != "sequential"]  # too few clusters to look
    assert {row["ci_kind"] for row in rows} == {"fixed", "bootstrap", "permutation"}
    for row in rows:
        assert (row["status"], row["reason_code"]) == ("skipped", "zero_variance")
        assert (row["p_value"], row["ci_low"]) == (None, None)


def test_a_missing_correlation_says_why() -> None:
    (alone,) = pick(rows_of([1] * 50), check_name="icc")
    (flat,) = pick(rows_of_units(constant()), check_name="icc")
    (few,) = pick(rows_of([20, 20]), check_name="icc")
    (pair,) = pick(rows_of([1, 1]), check_name="icc")
    for row, reason in ((alone, "one_unit_per_cluster"), (flat, "zero_variance"),
                        (few, "too_few_clusters"), (pair, "too_few_units")):  # fmt: skip
        assert (row["value"], row["status"], row["reason_code"]) == (None, "not_run", reason)
        assert row["message"]


def checks(clusters: dict[str, dict[str, int]], units: dict[str, dict[str, int]],
           **spec: Any) -> list[Row]:  # fmt: skip
    spec = SPEC | spec
    held = [{"experiment_id": "exp", "variant": name, "n_held": found["n_analysed"],
             "sum_squares": found["n_units"] ** 2 / found["n_analysed"], "smallest": 1,
             "largest": 9, "n_split": 0} | found for name, found in clusters.items()]  # fmt: skip
    counts = st.counts(units).assign(n_unclustered=0)
    return srm.run(st.due(spec["design"]), st.registry([{"metric": "y"}], HALF, **spec), counts,
                   pd.DataFrame(held))  # fmt: skip


def test_uneven_units_warn_and_uneven_clusters_block() -> None:
    even = {name: {"n_enrolled": 40, "n_analysed": 40, "n_units": 900} for name in HALF}
    units = {"control": {"enrolled": 1_500}, "t": {"enrolled": 900}}
    rows = checks(even, units)
    assert {(row["status"], row["gates"]) for row in pick(rows, check_name="srm")} == {
        ("pass", True)
    }
    for row in pick(rows, check_name="srm_units"):
        assert (row["status"], row["gates"]) == ("warn", False)
        assert row["reason_code"] == "units_move_together"
    lost = even | {"t": {"n_enrolled": 8, "n_analysed": 8, "n_units": 900}}
    for row in pick(checks(lost, units), check_name="srm"):
        assert (row["status"], row["gates"]) == ("fail", True)
        assert "Clusters: control 40, t 8" in row["message"]


def test_one_huge_cluster_is_named() -> None:
    table = {name: {"n_enrolled": 10, "n_analysed": 10, "n_units": 100, "sum_squares": square}
             for name, square in (("control", 1_000), ("t", 8_000))}  # fmt: skip
    rows = pick(checks(table, {name: {"enrolled": 100} for name in HALF}),
                check_name="cluster_sizes")  # fmt: skip
    found = {row["variant"]: (row["status"], row["value"]) for row in rows}
    assert found == {"control": ("pass", 0.0), "t": ("warn", pytest.approx(np.sqrt(7)))}


@pytest.mark.parametrize(
    ("cluster", "reason"), [("team", "units_not_independent"), ("unknown", "cluster_unknown")]
)
def test_the_file_alone_decides_what_an_encouragement_counts(cluster: str, reason: str) -> None:
    """One split cluster, or counts far off the plan, do not choose another test."""
    spec = {"design": "encouragement", "payload": f'{{"seed": 7, "cluster": "{cluster}"}}'}
    units = {"control": {"enrolled": 1_500}, "t": {"enrolled": 900}}
    table = {name: {"n_enrolled": n, "n_analysed": n, "n_units": 900}
             for name, n in (("control", 40), ("t", 8))}  # fmt: skip
    found = []
    for split in (0, 1):
        held = {name: row | {"n_split": split} for name, row in table.items()}
        rows = pick(checks(held, units, **spec), row_kind="check", segment_dim="all")
        (gate,) = pick(rows, check_name="srm")
        assert (gate["status"], gate["reason_code"], gate["gates"]) == ("not_run", reason, False)
        counted = pick(rows, check_name="srm_units")
        assert {row["population"] for row in counted} == {"first_exposed", "analysed"}
        for row in counted:
            assert (row["status"], row["gates"]) == ("warn", False)
            assert row["reason_code"] == "units_move_together"
        found.append([(row["check_name"], row["status"], row["gates"]) for row in rows])
    assert found[0] == found[1]
    blocking = checks(table, units, **spec, checks='{"srm_units": {"on_fail": "block"}}')
    for row in pick(blocking, check_name="srm_units"):
        assert (row["status"], row["gates"]) == ("fail", True)
