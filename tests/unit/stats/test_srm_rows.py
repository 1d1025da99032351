"""Rows of the assignment's checks: which gate, which only warn, and what they say."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pandas as pd
import pytest
import stats_tables as st

from causalops.estimators.randomised import srm
from causalops.results import Row

HALF: dict[str, float | None] = {"control": 0.5, "t": 0.5}


def run(*tables: pd.DataFrame, weights: dict[str, float | None] = HALF, due: Any = None,
        design: str = "ab_test", **spec: Any) -> list[Row]:  # fmt: skip
    registry = st.registry([{"metric": "y"}], weights, design=design, **spec)
    return srm.run(st.due(design, **(due or {})), registry, pd.concat(tables))


def checks(rows: list[Row], name: str) -> dict[str, Row]:
    return {row["population"]: row for row in rows if row["row_kind"] == "check"
            and row["check_name"] == name and row["segment_dim"] == "all"}  # fmt: skip


def status(rows: list[Row], name: str) -> tuple[str, str | None, bool]:
    (row,) = checks(rows, name).values()
    return row["status"], row["reason_code"], row["gates"]


@pytest.mark.parametrize("design", ["ab_test", "aa_test"])
def test_mismatch_gates(design: str) -> None:
    found = checks(run(st.counts({"control": {"enrolled": 5000}}), design=design), "srm")
    for population in ("first_exposed", "analysed"):
        row = found[population]
        assert (row["status"], row["reason_code"], row["gates"]) == (
            "fail", "sample_ratio_mismatch", True)  # fmt: skip
        assert (row["statistic"], row["df"]) == (5000, 1)
        assert json.loads(row["details"])["observed"] == {"control": 5000, "t": 0}


def test_tiny_deviation_warns() -> None:
    table = st.counts({"control": {"enrolled": 50_020_000}, "t": {"enrolled": 49_980_000}})
    row = checks(run(table), "srm")["first_exposed"]
    assert row["p_value"] < 0.001
    assert (row["status"], row["reason_code"]) == ("warn", "small_deviation")


def test_unknown_weights() -> None:
    table = st.counts({"control": {"enrolled": 260}, "t": {"enrolled": 185}})
    found = checks(run(table, weights={"control": None, "t": None}), "srm")
    assert {(row["status"], row["reason_code"]) for row in found.values()} == {
        ("not_run", "weights_unknown")
    }


def test_triggered_mismatch_does_not_gate() -> None:
    table = st.counts({"control": {"enrolled": 1000, "triggered": 500},
                       "t": {"enrolled": 1000, "triggered": 300}})  # fmt: skip
    rows = run(table)
    triggered = checks(rows, "srm")["triggered"]
    assert (triggered["status"], triggered["gates"]) == ("fail", False)
    assert status(rows, "trigger_balance") == ("fail", "rates_differ", False)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("block", ("fail", True)), ("warn", ("warn", False)), ("ignore", ("fail", False))],
)
def test_on_fail(rule: str, expected: tuple[str, bool]) -> None:
    table = st.counts({"control": {"enrolled": 5000}})
    spec = {"checks": json.dumps({"srm": {"on_fail": rule}})}
    row = checks(run(table, **spec), "srm")["analysed"]
    assert (row["status"], row["gates"]) == expected


def test_unplanned_variant_fails_by_itself() -> None:
    table = st.counts({"control": {"enrolled": 1000}, "t": {"enrolled": 1000},
                       "(none)": {"enrolled": 0, "unplanned": 3}})  # fmt: skip
    rows = run(table)
    assert status(rows, "unplanned_variants") == ("fail", "unplanned_variant", True)
    assert "(none): 3" in checks(rows, "unplanned_variants")["all"]["message"]


@pytest.mark.parametrize(
    ("control", "treated", "expected"),
    [
        (5, 5, ("pass", None, True)),
        (150, 150, ("warn", "crossover_share", True)),
        (1500, 1500, ("fail", "crossover_share", True)),
        (60, 140, ("fail", "crossover_by_arm", True)),
        (0, 20, ("fail", "crossover_by_arm", True)),
    ],
)
def test_crossover(control: int, treated: int, expected: tuple[str, str | None, bool]) -> None:
    table = st.counts({"control": {"enrolled": 10_000, "crossover": control},
                       "t": {"enrolled": 10_000, "crossover": treated}})  # fmt: skip
    assert status(run(table), "crossover") == expected


def test_segments_are_evidence() -> None:
    table = st.counts({"control": {"enrolled": 5000}, "t": {"enrolled": 5000}})
    parts = [
        st.counts({"control": {"enrolled": n}, "t": {"enrolled": 5000 - n}}, dim="os", value=value)
        for value, n in (("web", 2800), ("ios", 2500))
    ]
    found = {row["segment_value"]: row for row in run(table, *parts) if row["segment_dim"] == "os"}
    assert found["web"]["p_adjusted"] == 2 * found["web"]["p_value"]
    assert {value: (row["status"], row["gates"]) for value, row in found.items()} == {
        "web": ("fail", False), "ios": ("pass", False)}  # fmt: skip


def test_days() -> None:
    days = [st.START + dt.timedelta(days=k) for k in range(3)]
    tables = [
        st.counts({"control": {"enrolled": n}, "t": {"enrolled": 1000}}, day=day)
        for day, n in zip(days, (1000, 700, 1010), strict=True)
    ]
    rows = run(*tables)
    worst = checks(rows, "srm_worst_day")["first_exposed"]
    assert (worst["day"], worst["status"], worst["gates"]) == (days[1], "fail", False)
    assert worst["p_adjusted"] == pytest.approx(3 * worst["p_value"])
    curve = [r for r in rows if r["row_kind"] == "curve" and r["variant"] == "control"]
    assert [(row["x_date"], row["y"]) for row in curve] == list(
        zip(days, (1000, 1700, 2710), strict=True)
    )


def test_clock() -> None:
    table = st.counts({"control": {"enrolled": 1000}, "t": {"enrolled": 1000}})
    first, now = {"start": "2026-03-01", "alpha": 0.05}, {"start": "2026-03-02", "alpha": 0.05}
    due = {"n_late_rows": 4, "n_unread_rows": 2, "n_future_rows": 0, "protocol": json.dumps(now),
           "first_protocol": json.dumps(first)}  # fmt: skip
    rows = run(table, due=due)
    assert status(rows, "late_rows") == ("warn", "late_rows", False)
    assert status(rows, "unread_rows") == ("warn", "unread_rows", False)
    assert status(rows, "future_rows") == ("pass", None, False)
    assert status(rows, "protocol_change") == ("warn", "protocol_changed", False)
    assert "(start)" in checks(rows, "protocol_change")["all"]["message"]
    assert status(run(table), "protocol_change") == ("not_run", "first_version", False)


def test_nothing_seen() -> None:
    rows = run(st.counts({}).reindex(columns=["experiment_id", "segment_dim", "variant"]))
    assert checks(rows, "srm")["first_exposed"]["reason_code"] == "no_units"
    assert status(rows, "crossover") == ("not_run", "no_units", True)
