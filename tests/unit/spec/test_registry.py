"""The rows of the registry: plans, slots, blocks, layers, hashes."""

from __future__ import annotations

import json

import pytest
from spec_project import experiment, messages, only, registry, spec_rows, with_lines

from causalops.spec.defaults import deep_merge
from causalops.spec.registry import REGISTRY_COLUMNS, registry_rows

NSW = """
design: ab_test
owner: research
hypothesis: Training raises earnings
assignment: {model: nsw}
unit: id
variants: [control, treated]
metrics: {primary: [earnings_1978]}
covariates: [earnings_1975]
"""
NSW_INPUT = {
    "assignment": {"units": {"id": "id"}, "variant": "arm"},
    "fact": {"units": {"id": "id"}},
    "metrics": {
        "earnings_1978": {
            "type": "sum", "value": "re78", "unit_label": "USD", "desired": "increase",
        },
        "earnings_1975": {"type": "sum", "value": "re75"},
    },
}  # fmt: skip


def blocks(rows):
    """block_id -> [(name, fact, slot, den_slot, phase, missing, capped)]."""
    keys = ("name", "fact", "slot", "den_slot", "phase", "missing", "capped")
    return {
        row["block_id"]: [
            tuple(part[key] for key in keys) for part in json.loads(row["payload"])["parts"]
        ]
        for row in only(rows, "block")
    }


def parts(rows, metric, analysis="main"):
    """The parts of one metric."""
    return blocks(rows)[only(rows, "metric", metric=metric, analysis=analysis)[0]["block_id"]]


def windows(rows):
    """(fact, slot) -> (agg, day_from, day_to, pre_days)."""
    return {
        (row["input_model"], row["slot"]): (
            row["agg"], row["day_from"], row["day_to"], row["pre_days"],
        )
        for row in only(rows, "window")
    }  # fmt: skip


def test_nsw_has_no_time_and_one_covariate():
    lists = {"assignment_models": ["nsw"], "fact_models": ["nsw"]}
    rows = registry_rows(spec_rows({"nsw_training": NSW}, {"nsw": NSW_INPUT}, lists))
    row = experiment(rows, "nsw_training")
    assert (row["spec_status"], row["message"], row["has_time"]) == ("valid", None, False)
    assert (row["assignment_key"], row["last_day_offset"], row["n_planned"]) == (None, 0, 10_000)
    [metric] = only(rows, "metric")
    assert (metric["method"], metric["is_adjusted"], metric["mature_days"]) == ("cuped", True, None)
    assert json.loads(metric["covariates"]) == ["earnings_1975"]
    assert parts(rows, "earnings_1978") == [
        ("y", "nsw", 1, None, "v", "drop", False),
        ("x1", "nsw", 2, None, "v", "drop", False),
    ]
    assert windows(rows) == {
        ("nsw", 1): ("sum", 0, None, None),
        ("nsw", 2): ("sum", 0, None, None),
    }


def test_every_row_has_every_column():
    rows = registry()
    assert all(list(row) == list(REGISTRY_COLUMNS) for row in rows)
    kinds = {row["row_kind"] for row in rows}
    assert kinds == {
        "experiment", "variant", "segment", "input", "assignment", "fact", "window", "metric",
        "block",
    }  # fmt: skip


def test_ratio_of_two_facts():
    rows = registry(with_lines(metrics="{primary: [orders_per_visit]}"))
    assert parts(rows, "orders_per_visit") == [
        ("y", "orders", 1, None, "v", "zero", False),
        ("z", "visits", 1, None, "v", "zero", False),
        ("x1", "orders", 1, None, "p", "zero", False),
        ("w1", "visits", 1, None, "p", "zero", False),
    ]
    assert windows(rows)["visits", 1] == ("count", 0, 6, 14)
    [metric] = only(rows, "metric")
    assert (metric["method"], metric["mature_days"]) == ("cuped", 6)
    assert {r["input_model"]: r["is_sparse"] for r in only(rows, "input", name="fact")} == {
        "orders": False,
        "visits": True,
    }


def test_mean_is_a_quotient_per_unit():
    rows = registry(with_lines(metrics="{primary: [basket]}", method="unadjusted"))
    assert parts(rows, "basket") == [("y", "orders", 1, 2, "v", "drop", False)]
    assert {agg for agg, *_ in windows(rows).values()} == {"sum", "count"}
    slots = json.loads(only(rows, "fact")[0]["payload"])["slots"]
    assert slots[0]["filters"] == [
        {"column": "status", "op": "eq", "type": "VARCHAR", "values": ["paid"]}
    ]


def test_delay_moves_the_window():
    rows = registry(with_lines(metrics="{primary: [late_return]}"))
    assert windows(rows) == {("orders", 1): ("any", 7, 13, 14)}
    assert only(rows, "metric")[0]["mature_days"] == 13
    assert experiment(rows)["last_day_offset"] == 13


def test_one_metric_with_two_windows():
    metrics = "{primary: [revenue, {metric: revenue, as: early, window_days: 7}]}"
    rows = registry(with_lines(metrics=metrics))
    assert windows(rows) == {
        ("orders", 1): ("sum", 0, 27, 14),
        ("orders", 2): ("sum", 0, 6, 14),
    }
    assert [row["mature_days"] for row in only(rows, "metric", analysis="main")] == [27, 6]


def test_winsorising_brings_no_winsor_beside():
    rows = registry(with_lines(metrics="{primary: [revenue, conversion]}"))
    assert [part[6] for part in parts(rows, "revenue")] == [True, True]
    beside = "robustness:no_winsor"
    assert [row["metric"] for row in only(rows, "metric", analysis=beside)] == ["revenue"]
    assert [part[6] for part in parts(rows, "revenue", beside)] == [False, False]
    assert json.loads(experiment(rows)["robustness"]) == [{"name": "no_winsor", "set": {}}]


def test_set_changes_only_what_it_names():
    item = "{name: wide, set: {metrics.conversion.window_days: 14}}"
    metrics = "{primary: [conversion, order_value]}"
    rows = registry(with_lines(metrics=metrics, robustness=f"[{item}, lin]"))
    [wide] = only(rows, "metric", analysis="robustness:wide")
    assert (wide["metric"], wide["mature_days"]) == ("conversion", 13)
    [lin] = only(rows, "metric", analysis="robustness:lin")
    assert (lin["metric"], lin["method"]) == ("conversion", "lin")


def test_covariates_are_taken_before_exposure():
    rows = registry(with_lines(covariates="[age, visit_count, conversion]"))
    assert json.loads(only(rows, "metric")[0]["covariates"]) == ["pre", "age", "visit_count"]
    assert parts(rows, "conversion")[1:] == [
        ("x1", "orders", 1, None, "p", "zero", False),
        ("x2", "profile", 1, None, "v", "drop", False),
        ("x3", "visits", 1, None, "p", "zero", False),
    ]


@pytest.mark.parametrize(
    ("variants", "method"),
    [
        ("{control: 1, short: 1}", "cuped"),
        ("{control: 7, short: 3}", "cuped"),
        ("{control: 9, short: 1}", "lin"),
        ("{control: 8, a: 8, b: 1}", "lin"),
        ("[control, short]", "cuped"),
    ],
)
def test_default_method_follows_declared_shares(variants, method):
    [metric] = only(registry(with_lines(variants=variants)), "metric")
    assert (metric["method"], metric["is_default_method"]) == (method, True)


def test_protocol_lies_between_settings_and_experiment():
    careful = registry(with_lines(protocol="careful"))
    assert experiment(careful)["alpha"] == 0.01
    [metric] = only(careful, "metric")
    assert (metric["method"], metric["is_adjusted"]) == ("difference_in_means", False)
    assert experiment(registry(with_lines(protocol="careful", alpha="0.1")))["alpha"] == 0.1


def test_a_wrong_protocol_is_named_at_its_place():
    settings = {"protocols": {"careful": {"alpha": 7}}}
    assert messages(with_lines(protocol="careful"), settings=settings) == [
        "dbt_project.yml: vars.causalops.protocols.careful.alpha: must be a number above 0 and at "
        "most 0.5, not '7'"
    ]


def test_deep_merge_keeps_variants_whole():
    low = {"checks": {"srm": {"on_fail": "warn"}}, "variants": {"a": 1, "b": 1}}
    high = {"checks": {"balance": {"on_fail": "block"}}, "variants": {"c": 1}}
    assert deep_merge(low, high) == {
        "checks": {"srm": {"on_fail": "warn"}, "balance": {"on_fail": "block"}},
        "variants": {"c": 1},
    }


def test_hash_covers_numbers_and_nothing_else():
    def of(**change):
        return experiment(registry(with_lines(**change)))["analysis_hash"]

    same = of()
    assert of(owner="b", hypothesis="c", assumption_note="d", status="draft") == same
    assert of(variants="{short: 2, control: 2}") == same
    window = "{primary: [{metric: conversion, window_days: 8}]}"
    changes = [
        {"alpha": "0.1"}, {"end": "2026-11-16"}, {"metrics": window}, {"method": "lin"},
        {"segments": "[country]"}, {"checks": "{srm: {on_fail: warn}}"}, {"n_planned": "5"},
        {"variants": "{control: 2, short: 1}"}, {"covariates": "[age]"}, {"design": "aa_test"},
    ]  # fmt: skip
    assert len({same, *(of(**change) for change in changes)}) == len(changes) + 1
