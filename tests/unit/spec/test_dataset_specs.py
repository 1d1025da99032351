"""Experiments that read a dataset: every slip has one message, and the registry holds the plan."""

from __future__ import annotations

import json
from typing import Any

import pytest
from spec_project import messages, registry

COLUMNS = {
    "policy": {"state": "VARCHAR", "year": "INTEGER", "day": "DATE", "first_year": "INTEGER",
               "first_day": "TIMESTAMP", "rate": "DOUBLE", "age": "BIGINT", "law": "BOOLEAN",
               "name": "VARCHAR"},
}  # fmt: skip
LISTS = {"dataset_models": ["policy"]}
DID = """\
design: did
assumption_note: States would have moved in parallel
dataset: policy
unit: state
time: year
treated_from: first_year
metrics: {primary: [{metric: rate, desired: decrease}], placebo: [age]}
"""


def said(block: str) -> list[str]:
    found = messages(block, columns=COLUMNS, settings=LISTS)
    return [message.partition("cta.sql:")[2] or message for message in found]


def test_a_valid_experiment_has_nothing_to_say() -> None:
    assert said(DID) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("metric: rate", "metric: rat", "unknown column of dataset 'policy', 'rat'. Did you mean "),
        ("metric: rate", "metric: name", "column 'name' of 'policy' is VARCHAR, not a number"),
        ("time: year\n", "time: year\nanticipation: 1\nmethod: two_by_two\n",
         "anticipation: is not read by method 'two_by_two'"),
        ("time: year\n", "", "time: is required beside `treated_from`"),
        ("treated_from: first_year\n", "", "treated_from: is required (empty = never treated)"),
        ("treated_from: first_year", "treated_from: first_day", "is TIMESTAMP, `time` is INTEGER"),
        ("assumption_note: States would have moved in parallel\n", "", "say why the design's"),
        ("dataset: policy", "dataset: polcy", "Did you mean 'policy'?"),
        ("unit: state", "unit: state\nvariants: [a, b]", "belongs to the randomised designs"),
        ("unit: state", "unit: state\ncutoff: 3", "belongs to design 'rdd', not to 'did'"),
        ("unit: state", "unit: state\ntreated: law", "say the same: keep one"),
        ("unit: state", "unit: state\nrobustness: [donut]", "is not offered by 'did'"),
        ("unit: state", "unit: state\nmethod: lin", "is no method of 'did' (group_time, two_by"),
        ("unit: state", "unit: state\nchecks: {srm: {on_fail: block}}", "not one of the allowed"),
        ("unit: state", "unit: state\nchecks: {density: {on_fail: warn}}", "no check of design"),
        ("unit: state", "unit: state\ncovariates: [law]", "is not read by design 'did'"),
        ("unit: state", "unit: state\nrobustness: [{name: x, set: {unit: year}}]", "cannot be set"),
        (
            "unit: state",
            "unit: state\nrobustness: [{name: x, set: {comparison: all}}]",
            "robustness[0].set.comparison: 'all' is not one of the allowed words",
        ),
        ("placebo: [age]", "placebo: [age], guardrail: [law]", "guardrail 'law' needs `desired`"),
    ],
)
def test_a_slip_has_a_message(old: str, new: str, message: str) -> None:
    [found] = said(DID.replace(old, new))
    assert message in found


@pytest.mark.parametrize("name", ["effect", "lambda", "rho", "sigma", "const", "Lambda"])
@pytest.mark.parametrize("key", ["treatment", "covariates", "exclusion"])
def test_a_column_cannot_take_the_place_of_a_term(key: str, name: str) -> None:
    listed = {"treatment": "educ", "covariates": "[age]", "exclusion": "[kids]"}
    listed[key] = name if key == "treatment" else f"[{name}]"
    block = """\
design: heckman
assumption_note: Children move the choice to work alone
dataset: wages
selected: works
metrics: {primary: [wage]}
""" + "".join(f"{word}: {value}\n" for word, value in listed.items())
    columns = dict.fromkeys(["wage", "works", "educ", "age", "kids", name], "DOUBLE")
    found = messages(block, columns={"wages": columns}, settings={"dataset_models": ["wages"]})
    [message] = found
    assert f"{key}: '{name}' is reserved as a term of the results; rename the column" in message


@pytest.mark.parametrize(("time", "moment"), [("year", "1990-01-01"), ("day", "1990")])
def test_an_intervention_is_written_as_time_is(time: str, moment: str) -> None:
    block = f"""\
design: its
assumption_note: Nothing else changed
dataset: policy
time: {time}
intervention: {moment}
metrics: {{primary: [rate]}}
"""
    [found] = said(block)
    assert "intervention" in found
    assert "as `time` is" in found


ITS = """\
design: its
assumption_note: Nothing else changed
dataset: policy
time: year
intervention: 1990
metrics: {primary: [rate]}
"""


@pytest.mark.parametrize("rule", ["refuse", "leave_out", "zero"])
def test_gaps_of_a_calendar_have_three_rules(rule: str) -> None:
    block = ITS + f"gaps: {rule}\n"
    assert said(block) == []
    [row] = rows_of(block)["dataset"]
    assert json.loads(row["payload"])["settings"]["gaps"] == rule
    [again] = [row for row in rows_of(ITS + f"robustness: [{{name: x, set: {{gaps: {rule}}}}}]\n")
               ["dataset"] if row["analysis"] != "main"]  # fmt: skip
    assert json.loads(again["payload"])["settings"]["gaps"] == rule


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (ITS + "gaps: zeros\n", "Did you mean 'zero'? allowed: refuse, leave_out, zero"),
        (ITS + "gaps: 0\n", "gaps: '0' is not one of the allowed words. allowed: refuse, "),
        (DID + "gaps: zero\n", "gaps: belongs to design 'its', not to 'did'"),
    ],
)
def test_a_slip_in_gaps_has_a_message(block: str, message: str) -> None:
    [found] = said(block)
    assert message in found


def rows_of(block: str) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in registry(block, columns=COLUMNS, settings=LISTS):
        rows.setdefault(row["row_kind"], []).append(row)
    return rows


def test_the_registry_holds_the_plan() -> None:
    again = "robustness: [twfe, {name: early, set: {anticipation: 1}}]\n"
    rows = rows_of(DID + again)
    [spec] = rows["experiment"]
    assert spec["spec_status"] == "valid"
    assert spec["has_time"] is False
    assert [(row["name"], row["is_control"]) for row in rows["variant"]] == [
        ("treated", False), ("untreated", True),
    ]  # fmt: skip
    assert [(row["metric"], row["metric_role"]) for row in rows["metric"]] == [
        ("rate", "primary"), ("age", "placebo"),
    ]  # fmt: skip
    main, early = (json.loads(row["payload"]) for row in rows["dataset"])
    assert [row["analysis"] for row in rows["dataset"]] == ["main", "robustness:early"]
    assert main["time"] == {"column": "year", "kind": "number", "is_integer": True}
    assert main["hashed"] == ["age", "first_year", "rate", "state", "year"]
    assert (main["settings"]["anticipation"], early["settings"]["anticipation"]) == (None, 1)
    assert [(item["role"], item["name"], item["slot"]) for item in early["columns"]] == [
        ("metric", "rate", 1), ("metric", "age", 2),
    ]  # fmt: skip


def test_the_hash_covers_numbers_and_not_prose() -> None:
    def hashed(block: str) -> str:
        return str(rows_of(block)["experiment"][0]["analysis_hash"])

    assert hashed(DID) == hashed(DID.replace("parallel", "step") + "owner: me\n")
    assert hashed(DID) != hashed(DID + "anticipation: 1\n")
    assert hashed(DID) != hashed(DID + "robustness: [twfe]\n")
