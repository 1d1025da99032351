"""Decision rules and margins: what is refused, and what the registry tells the verdicts."""

from __future__ import annotations

import json

import pytest
from spec_project import experiment, messages, only, registry, with_lines

METRICS = (
    "{primary: [conversion], secondary: [revenue], "
    "guardrail: [{metric: conversion, as: safe, margin: 0.05}, {metric: conversion, as: bare}]}"
)


def said(decision: str, **keys: str) -> list[str]:
    block = with_lines(**({"metrics": METRICS, "decision": decision} | keys))
    return [text.partition(".sql:")[2].partition(": ")[2] for text in messages(block)]


BAD = [
    ("{}", "decision: needs ship_if or do_not_ship_if, with at least one metric"),
    ("{ship_if: {conversoin: better}}", "decision.ship_if.conversoin: 'conversoin' is not a metric "
     "of this experiment (conversion, revenue, safe, bare)"),
    ("{ship_if: {conversion: good}}", "decision.ship_if.conversion: 'good' is not one of the "
     "allowed words. allowed: better, worse, not_worse, different, no_difference_found"),
    ("{ship_if: {conversion: too_early}}", "decision.ship_if.conversion: 'too_early' is not one "
     "of the allowed words. allowed: better, worse, not_worse, different, no_difference_found"),
    ("{ship_if: {conversion: []}}",
     "decision.ship_if.conversion: needs at least one verdict, such as better"),
    ("{ship_if: {bare: not_worse}}", "decision.ship_if.bare: can never be not_worse without a "
     "margin: list it as a guardrail, {metric: conversion, margin: 0.02}"),
    ("{ship_if: {safe: better}}", "decision.ship_if.safe: is a guardrail with a margin, hence "
     "not_worse when it is better: ask for not_worse"),
    ("{ship_if: {revenue: better}}", "decision.ship_if.revenue: can never be better or worse: "
     "metric 'revenue' has no `desired`; declare it, or ask for different"),
    ("{do_not_ship_if: {conversion: different}}", "decision.do_not_ship_if.conversion: can never "
     "be different: metric 'conversion' has `desired`, so ask for better"),
    ("{ship_if: {conversion: [better, worse]}, do_not_ship_if: {conversion: worse}}",
     "decision.do_not_ship_if.conversion: asks to ship and not to ship when the verdict is "
     "'worse'"),
]  # fmt: skip


@pytest.mark.parametrize(("decision", "message"), BAD)
def test_rules_that_can_never_hold(decision: str, message: str) -> None:
    assert said(decision) == [message]


def test_rules_without_anything_to_ship_for() -> None:
    only_guardrail = "{guardrail: [{metric: conversion, margin: 0.1}]}"
    assert said("{do_not_ship_if: {conversion: worse}}", metrics=only_guardrail) == [
        "decision: needs ship_if, as there is no primary metric to ship for"
    ]
    assert said("{ship_if: {conversion: better}}", design="aa_test") == [
        "decision: design 'aa_test' compares like with like: it decides nothing"
    ]


@pytest.mark.parametrize("margin", ["-0.02", "0", "nan", "true", "2 %"])
def test_margins_have_no_sign(margin: str) -> None:
    block = with_lines(metrics=f"{{guardrail: [{{metric: conversion, margin: {margin}}}]}}")
    [text] = messages(block)
    assert f"must be a number above 0, not '{margin}'" in text
    assert "whichever direction `desired` has" in text


def test_a_margin_belongs_to_a_guardrail() -> None:
    [text] = messages(with_lines(metrics="{primary: [{metric: conversion, margin: 0.02}]}"))
    assert text.endswith(
        "metrics.primary[0].margin: margin of 'conversion' has no effect on a primary metric: "
        "list it as a guardrail"
    )


def test_the_registry_holds_the_rule() -> None:
    """What is better is not worse either."""
    decision = "{ship_if: {conversion: better, safe: not_worse}, do_not_ship_if: {bare: worse}}"
    rows = registry(with_lines(metrics=METRICS, decision=decision))
    found = {(row["name"], row["metric"]): json.loads(row["payload"])
             for row in only(rows, "decision")}  # fmt: skip
    assert found == {
        ("ship_if", "conversion"): ["better"],
        ("ship_if", "safe"): ["not_worse", "better"],
        ("do_not_ship_if", "bare"): ["worse"],
    }


def test_the_rule_is_part_of_the_hash() -> None:
    def of(**keys: str) -> str:
        return str(experiment(registry(with_lines(metrics=METRICS, **keys)))["analysis_hash"])

    first = of(decision="{ship_if: {conversion: better}}")
    other = of(decision="{ship_if: {safe: not_worse}}")
    assert len({of(), first, other}) == 3
