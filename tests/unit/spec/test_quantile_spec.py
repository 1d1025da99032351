"""Quantile metrics: their keys, their plan, and what they refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scipy.stats import norm
from spec_project import INPUTS, experiment, messages, only, registry, with_lines


def inputs(**metric: Any) -> dict[str, Any]:
    """The orders fact with one quantile metric, `basket_size`."""
    orders = INPUTS["orders"]
    quantile = {"type": "quantile", "value": "amount", "window_days": 7} | metric
    return {"orders": orders | {"metrics": orders["metrics"] | {"basket_size": quantile}}}


def block(metric: str = "basket_size", **changes: str | None) -> str:
    return with_lines(metrics=f"{{primary: [{metric}]}}", **changes)


def parts(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    [found] = [json.loads(row["payload"])["parts"] for row in only(rows, "block")]
    keys = ("name", "fact", "slot", "den_slot", "phase", "missing", "capped")
    return [tuple(part[key] for key in keys) for part in found]


def kept_slots(rows: list[dict[str, Any]]) -> list[bool]:
    [fact] = only(rows, "fact")
    return [slot["keeps_events"] for slot in json.loads(fact["payload"])["slots"]]


def test_a_unit_level_quantile_is_an_ordinary_sum_that_is_never_adjusted() -> None:
    rows = registry(block(covariates="[age]"), inputs=inputs(quantiles=[0.9, 0.5]))
    assert messages(block(), inputs=inputs()) == []
    [metric] = only(rows, "metric")
    assert (metric["metric_type"], metric["method"], metric["is_adjusted"]) == (
        "quantile", "quantile", False,
    )  # fmt: skip
    assert parts(rows) == [("y", "orders", 1, None, "v", "drop", False)]
    assert kept_slots(rows) == [False]
    found = [(r["position"], r["quantile"], r["name"], r["block_id"], r["input_model"], r["slot"])
             for r in only(rows, "quantile")]  # fmt: skip
    assert found == [(1, 0.9, "unit", 1, "orders", 1), (2, 0.5, "unit", 1, "orders", 1)]
    assert json.loads(metric["payload"])["quantiles"] == [0.9, 0.5]


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_interval_takes_the_normal_quantile_of_its_alpha(alpha: float) -> None:
    rows = registry(block(alpha=str(alpha)), inputs=inputs())
    [row] = only(rows, "quantile")
    assert row["quantile"] == 0.5
    assert row["critical_value"] == pytest.approx(norm.ppf(1 - alpha / 2), rel=1e-14)


def test_an_event_level_quantile_keeps_the_events_of_its_slot() -> None:
    rows = registry(block(), inputs=inputs(level="event", filter={"status": "paid"}))
    [metric] = only(rows, "metric")
    assert (metric["method"], metric["mature_days"]) == ("event_quantile", 6)
    assert kept_slots(rows) == [True]


def test_a_sum_and_a_quantile_of_the_same_events_share_a_slot() -> None:
    orders = inputs(level="event")
    orders["orders"]["metrics"]["spent"] = {"type": "sum", "value": "amount", "window_days": 7}
    rows = registry(with_lines(metrics="{primary: [spent, basket_size]}"), inputs=orders)
    assert len(only(rows, "window")) == 1
    assert kept_slots(rows) == [True]


def test_missing_zero_fills_a_unit_level_quantile() -> None:
    rows = registry(block(), inputs=inputs(missing="zero"))
    assert [part[5] for part in parts(rows)] == ["zero"]


def test_quantiles_and_level_change_the_hash_and_other_metrics_keep_theirs() -> None:
    hashes = [
        experiment(registry(block(), inputs=inputs(**change)))["analysis_hash"]
        for change in ({}, {"quantiles": [0.5]}, {"quantiles": [0.9]}, {"level": "event"})
    ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_a_second_analysis_needs_something_that_a_quantile_has() -> None:
    items = "[unadjusted, lin, {name: plain, set: {method: unadjusted}}, "
    items += "{name: short, set: {window_days: 3}}]"
    rows = registry(block(robustness=items), inputs=inputs())
    assert [row["analysis"] for row in only(rows, "metric")] == ["main", "robustness:short"]
    assert len(only(rows, "quantile")) == 2


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ({"value": None}, "type 'quantile' needs `value`, a column"),
        ({"level": "user"}, "allowed: unit, event"),
        ({"quantiles": []}, "must be a list of numbers between 0 and 1, such as [0.5, 0.9]"),
        ({"quantiles": 0.5}, "must be a list of numbers between 0 and 1, such as [0.5, 0.9]"),
        ({"quantiles": [0.5, 1]}, "must be a number above 0 and below 1, not '1'"),
        ({"quantiles": [0]}, "must be a number above 0 and below 1, not '0'"),
        ({"quantiles": ["nan"]}, "must be a number above 0 and below 1, not 'nan'"),
        ({"quantiles": [0.5, "0.50"]}, "'0.5' is listed twice"),
        ({"quantiles": [n / 30 for n in range(1, 22)]}, "lists 21 quantiles; the limit is 20"),
        ({"winsorize": 0.99}, "type 'quantile' takes no `winsorize`"),
        ({"level": "event", "missing": "zero"}, "`missing: zero` needs `level: unit`"),
        ({"numerator": "conversion"}, "takes no `numerator`"),
    ],
)  # fmt: skip
def test_what_a_quantile_refuses(metric: dict[str, Any], said: str) -> None:
    [message] = messages(block(), inputs=inputs(**metric))
    assert said in message


def test_other_types_take_no_quantiles() -> None:
    [message] = messages(block(), inputs=inputs(type="sum", quantiles=[0.5]))
    assert "type 'sum' takes no `quantiles`: use type 'quantile'" in message


@pytest.mark.parametrize(
    ("metrics", "changes", "said"),
    [
        ("{metric: basket_size, winsorize: 0.99}", {}, "quantile 'basket_size' takes no"),
        ("conversion", {"covariates": "[basket_size]"}, "covariate 'basket_size' is a quantile"),
        ("part", {}, "a part of ratio 'part' is metric 'basket_size' of type 'quantile'"),
        ("basket_size", {"robustness": "[{name: w, set: {metrics.basket_size.winsorize: 0.9}}]"},
         "quantile 'basket_size' takes no `winsorize`"),
        ("basket_size", {"robustness": "[{name: w, set: {metrics.basket_size.missing: zero}}]"},
         "quantile 'basket_size' of events takes no `missing: zero`"),
    ],
)  # fmt: skip
def test_what_an_experiment_may_not_ask_of_a_quantile(
    metrics: str, changes: dict[str, str], said: str
) -> None:
    orders = inputs(level="event")
    orders["orders"]["metrics"]["part"] = {
        "type": "ratio", "numerator": "basket_size", "denominator": {"type": "count"},
    }  # fmt: skip
    [message] = messages(block(metrics, **changes), inputs=orders)
    assert said in message
