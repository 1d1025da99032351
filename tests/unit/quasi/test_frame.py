"""What the frame adds to every design on a dataset: isolation, placebo, checks, specifications."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from causalops.estimators.quasi.analysis import check, estimate, refused, study_rows
from causalops.estimators.quasi.inputs import Analysis, DatasetRows, Metric, Rows, Study, studies
from causalops.inference import difference
from causalops.results import Row
from causalops.spec import words

SETTINGS = {"alpha": 0.05, "method": "hac", "variant": "after", "baseline": "projected"}


def study(**changes: Any) -> Study:
    metrics = (Metric("sales", "primary", "increase"), Metric("rain", "placebo", None))
    values: dict[str, Any] = {"id": "s", "design": "its", "seed": 1, "metrics": metrics,
                              "on_fail": {}, "alternatives": frozenset()}  # fmt: skip
    bare = Study(**values)
    analyses = [Analysis(bare, name, SETTINGS) for name in ("main", "robustness:again")]
    return Study(**{**values, "analyses": tuple(analyses), **changes})


def effect(analysis: Analysis, metric: Metric, size: float, **values: Any) -> Row:
    result = difference(size, 1.0, None, analysis.alpha)
    return estimate(analysis, metric, result, estimand="its_level", method="hac", se_kind="hac",
                    is_headline=True, **values)  # fmt: skip


def rows_of(
    own: Study, sizes: dict[tuple[str, str], float], *checks: str, status: str = "fail"
) -> list[Row]:
    def metric_rows(analysis: Analysis, metric: Metric, data: None) -> list[Row]:
        size = sizes.get((analysis.name, metric.name), 0.0)
        found = [check(analysis, metric, name, status, "placebo_effect") for name in checks]
        return [effect(analysis, metric, size), *found]

    return study_rows(own, metric_rows, lambda analysis: None, "its_level")


def only(rows: list[Row], **where: Any) -> Row:
    [row] = [row for row in rows if all(row[key] == value for key, value in where.items())]
    return row


def test_an_error_stops_only_its_own_metric() -> None:
    def metric_rows(analysis: Analysis, metric: Metric, data: None) -> list[Row]:
        if metric.name == "sales":
            raise ZeroDivisionError("boom")
        return [effect(analysis, metric, 1.0)]

    rows = study_rows(study(), metric_rows, lambda analysis: None, "its_level")
    broken = only(rows, row_kind="estimate", analysis="main", metric="sales")
    assert (broken["status"], broken["reason_code"]) == ("failed", "internal_error")
    assert "ZeroDivisionError: boom" in broken["message"]
    assert broken["estimate"] is None
    assert broken["verdict"] == "not_evaluated"
    assert only(rows, row_kind="estimate", metric="rain")["estimate"] == 1.0


def test_an_effect_on_a_placebo_outcome_speaks_on_every_metric() -> None:
    rows = rows_of(study(), {("main", "sales"): 4.0, ("main", "rain"): 4.0})
    assert only(rows, row_kind="check", check_name="placebo")["status"] == "fail"
    head = only(rows, row_kind="estimate", analysis="main", metric="sales")
    assert (head["status"], head["reason_code"]) == ("warning", "placebo_effect")
    assert head["verdict"] == "better"
    calm = rows_of(study(), {("main", "sales"): 4.0})
    assert only(calm, row_kind="check", check_name="placebo")["status"] == "pass"
    assert only(calm, row_kind="estimate", analysis="main", metric="sales")["status"] == "ok"


@pytest.mark.parametrize(
    ("rule", "gates", "status", "estimate_status"),
    [("block", True, "fail", "warning"), ("warn", False, "warn", "ok"),
     ("ignore", False, "fail", "ok")],
)  # fmt: skip
def test_the_file_says_what_a_failed_check_does(
    rule: str, gates: bool, status: str, estimate_status: str
) -> None:
    rows = rows_of(study(on_fail={"calendar": rule}), {("main", "sales"): 4.0}, "calendar")
    found = only(rows, row_kind="check", check_name="calendar", metric="sales")
    assert (found["gates"], found["status"]) == (gates, status)
    head = only(rows, row_kind="estimate", analysis="main", metric="sales")
    assert head["status"] == estimate_status


@pytest.mark.parametrize("name", words.DATASET_CHECKS)
def test_a_warning_blocks_where_the_file_says_so(name: str) -> None:
    """Most checks only warn: `block` would otherwise mean nothing for them."""
    sizes = {("main", "sales"): 4.0, ("robustness:again", "sales"): -1.0}
    made = () if name in ("specification", "placebo") else (name,)
    sizes |= {("main", "rain"): 4.0} if name == "placebo" else {}
    rows = rows_of(study(on_fail={name: "block"}), sizes, *made, status="warn")
    found = [row for row in rows if row["check_name"] == name]
    assert found
    assert all((row["gates"], row["status"]) == (True, "fail") for row in found)


def test_a_failed_check_of_one_metric_says_nothing_of_another() -> None:
    def metric_rows(analysis: Analysis, metric: Metric, data: None) -> list[Row]:
        status = "fail" if metric.name == "rain" else "pass"
        found = check(analysis, metric, "missing_values", status, "incomplete_rows")
        return [effect(analysis, metric, 0.0), found]

    rows = study_rows(study(), metric_rows, lambda analysis: None, "its_level")
    assert only(rows, row_kind="estimate", analysis="main", metric="sales")["status"] == "ok"
    assert only(rows, row_kind="estimate", analysis="main", metric="rain")["status"] == "warning"


def test_only_the_first_row_of_an_alternative_is_its_answer() -> None:
    def metric_rows(analysis: Analysis, metric: Metric, data: None) -> list[Row]:
        if analysis.is_main:
            return [effect(analysis, metric, 4.0)]
        earlier = effect(analysis, metric, 1.0, parameter_name="event_time", parameter=-2.0)
        return [*refused(analysis, metric, "no_units", estimand="its_level"), earlier]

    rows = study_rows(study(), metric_rows, lambda analysis: None, "its_level")
    assert not [row for row in rows if row["row_kind"] == "curve"]


def test_alternatives_make_a_specification_curve() -> None:
    sizes = {("main", "sales"): 4.0, ("robustness:again", "sales"): -1.0}
    rows = rows_of(study(), sizes)
    points = [row for row in rows if row["row_kind"] == "curve"]
    assert [(row["x_label"], row["y"], row["seq"]) for row in points] == [
        ("again", -1.0, 1), ("main", 4.0, 2),
    ]  # fmt: skip
    found = only(rows, row_kind="check", check_name="specification")
    assert (found["status"], found["value"], found["statistic"], found["n"]) == ("warn", 0, 0.5, 2)
    agreed = rows_of(study(), sizes | {("robustness:again", "sales"): 3.0})
    assert only(agreed, row_kind="check", check_name="specification")["status"] == "pass"


def test_only_main_has_headlines_checks_and_placebos() -> None:
    rows = rows_of(study(), {("main", "sales"): 4.0}, "calendar")
    other = [row for row in rows if row["analysis"] == "robustness:again"]
    assert [(row["row_kind"], row["metric"], row["is_headline"]) for row in other] == [
        ("estimate", "sales", False)
    ]


def test_a_refusal_has_no_number_and_says_why() -> None:
    own = study()
    [row] = refused(own.analyses[0], own.metrics[0], "no_units", estimand="its_level")
    assert row["is_headline"]
    assert row["message"]
    assert {row[key] for key in ("estimate", "std_error", "p_value", "ci_low", "ci_high")} == {None}


def test_rows_come_in_an_order_of_their_own() -> None:
    payload = {
        "analysis": "main", "settings": SETTINGS | {"exact": ["sex"]},
        "columns": [{"role": "metric", "name": "pay", "column": "pay", "slot": 1},
                    {"role": "covariate", "name": "age", "column": "age", "slot": 2}],
    }  # fmt: skip
    shared = {"experiment_id": "s", "checks": "{}", "robustness": "[]"}
    registry = pd.DataFrame([
        shared | {"row_kind": "experiment", "payload": json.dumps({"seed": 7})},
        shared | {"row_kind": "metric", "metric": "pay", "metric_role": "primary", "position": 1},
        shared | {"row_kind": "dataset", "payload": json.dumps(payload)},
    ])  # fmt: skip
    due = pd.DataFrame([{"experiment_id": "s", "design": "its"}])
    [own] = studies(due, registry, "its")
    table = pd.DataFrame({
        "experiment_id": "s", "analysis": "main", "unit_id": ["b", "a", None], "cluster_id": None,
        "period": [1.0, 2.0, 3.0], "treated_from": None, "v_1": [1.0, None, 3.0],
        "v_2": [4.0, 5.0, 6.0], "label_1": ["m", "f", "f"],
    })  # fmt: skip
    found = [DatasetRows(table.iloc[order]).of(own.analyses[0]) for order in ([0, 1, 2], [2, 0, 1])]
    for rows in found:
        assert isinstance(rows, Rows)
        assert rows.unit.tolist() == ["a", "b", None]
        assert pd.isna(rows.metric("pay")[0])
        assert rows.metric("pay")[1:].tolist() == [1.0, 3.0]
        assert rows.matrix("covariate").tolist() == [[5.0], [4.0], [6.0]]
        assert rows.labels[0].tolist() == ["f", "m", "f"]
        assert rows.role("score") is None
    assert own.seed == 7


def test_a_set_that_holds_both_signs_finds_no_direction() -> None:
    """Zero is rejected, and yet large effects of either sign are not."""

    def metric_rows(analysis: Analysis, metric: Metric, data: None) -> list[Row]:
        row = effect(analysis, metric, 4.0)
        return [row | {"ci_low": None, "ci_high": None, "ci_shape": "disjoint"}]

    rows = study_rows(study(), metric_rows, lambda analysis: None, "its_level")
    head = only(rows, row_kind="estimate", analysis="main", metric="sales")
    assert head["verdict"] == "different"
