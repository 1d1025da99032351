"""Planned looks: what an experiment must say, and what the messages say when it does not."""

from __future__ import annotations

import json

import pytest
from spec_project import experiment, messages, registry, with_lines

from causalops import bayesian
from causalops.spec import reading

GOOD = {
    "start": "2026-11-02",
    "n_planned": "5000",
    "metrics": "{primary: [conversion]}",
    "sequential": "{kind: group_sequential, looks: [2026-11-10, 2026-11-17]}",
}


def said(**keys: str | None) -> list[str]:
    """The messages without file and line."""
    found = messages(with_lines(**(GOOD | keys)))
    return [text.partition(".sql:")[2].partition(": ")[2] for text in found]


def looks(dates: str, kind: str = "group_sequential") -> dict[str, str]:
    return {"sequential": f"{{kind: {kind}, looks: [{dates}]}}"}


BAD = [
    (looks("2026-11-17, 2026-11-10"),
     "sequential.looks[1]: '2026-11-10' must lie after the look before it, 2026-11-17"),
    (looks("2026-11-10, 2026-11-10"),
     "sequential.looks[1]: '2026-11-10' must lie after the look before it, 2026-11-10"),
    (looks("2026-11-01, 2026-11-10"), "sequential.looks[0]: '2026-11-01' lies before start, "
     "2026-11-02"),
    (looks(""), "sequential.looks: is required: the dates of the planned looks, such as "
     "[2026-11-10, 2026-11-22]"),
    (looks("2026-11-10", "always_valid"), "sequential.looks: belongs to kind 'group_sequential'"),
    (looks(", ".join(f"2027-{m:02}-{d:02}" for m in (1, 2, 3) for d in range(1, 19))),
     "sequential.looks: names 54 looks; the limit is 50"),
    ({"n_planned": None}, "n_planned: is required: planned looks spend alpha by the share of the "
     "planned units per arm"),
    ({"strata": "platform"}, "strata: is not available with planned looks"),
    ({"metrics": "{primary: [order_value]}"}, "metrics.primary[0]: planned looks need "
     "`window_days` for 'order_value'"),
    ({"metrics": "{primary: [{metric: conversion, maturity: all}]}"}, "metrics.primary[0]: planned "
     "looks need `maturity: complete` for 'conversion'"),
]  # fmt: skip


def test_good_looks() -> None:
    assert said() == []


@pytest.mark.parametrize(("keys", "message"), BAD)
def test_bad_looks(keys: dict[str, str], message: str) -> None:
    assert said(**keys) == [message]


def test_the_size_may_come_from_a_protocol() -> None:
    protocols = {"sized": {"n_planned": "4000"}}
    block = with_lines(**(GOOD | {"n_planned": None, "protocol": "sized"}))
    assert messages(block, settings={"protocols": protocols}) == []


def test_the_schedule_belongs_to_the_protocol_and_to_the_hash() -> None:
    one = experiment(registry(with_lines(**GOOD)))
    two = experiment(registry(with_lines(**(GOOD | looks("2026-11-10, 2026-11-18")))))
    assert one["analysis_hash"] != two["analysis_hash"]
    protocol = json.loads(one["protocol"])
    assert protocol["looks"]["looks"] == ["2026-11-10", "2026-11-17"]
    assert protocol["n_planned"] == 5000


def test_the_smallest_prior_is_the_one_of_the_statistics() -> None:
    assert reading.MIN_PRIOR == bayesian.MIN_PRIOR
    default = reading.Bayesian().beta_prior
    assert default == bayesian.FLAT
