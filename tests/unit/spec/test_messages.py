"""Golden messages: what users read for every slip in an experiment block."""

from __future__ import annotations

import pytest
from spec_project import FILE, messages, with_lines

METRICS = (
    "age, basket, conversion, late_return, order_value, orders_per_visit, revenue, visit_count"
)
KEYS = (
    "design, status, owner, hypothesis, assumption_note, protocol, assignment, unit, variants, "
    "control, start, end, metrics, segments, strata, covariates, method, robustness, checks, "
    "alpha, n_planned, received, cluster, network, sequential, bayesian, decision"
)
DESIGNS = (
    "aa_test, ab_test, encouragement, cluster_rct, its, did, matched_did, synthetic_control, rdd, "
    "iv, heckman"
)
CHECKS = (
    "srm, crossover, unplanned_variants, trigger_balance, balance, missing_by_arm, "
    "immature_by_arm, dominance, skewness, protocol_change, late_rows, unread_rows, future_rows, "
    "resplit, first_stage_strength, placebo, cluster_unknown, srm_units, cluster_split, "
    "cluster_missing, cluster_sizes, icc, edges_cut, neighbour_exposure, spillover"
)
MANY = "[" + ", ".join(f"v{i}" for i in range(51)) + "]"
MANY_METRICS = ", ".join(f"{{metric: age, as: m{i}}}" for i in range(201))

BAD = [
    ({"alpha": "5"}, "11: alpha: must be a number above 0 and at most 0.5, not '5'"),
    ({"alpha": "0"}, "11: alpha: must be a number above 0 and at most 0.5, not '0'"),
    ({"alpha": "true"}, "11: alpha: must be a number above 0 and at most 0.5, not 'true'"),
    ({"alpha": "nan"}, "11: alpha: must be a number above 0 and at most 0.5, not 'nan'"),
    ({"alpha": ".inf"}, "11: alpha: must be a number above 0 and at most 0.5, not '.inf'"),
    ({"n_planned": "0"}, "11: n_planned: must be a whole number of at least 1, not '0'"),
    ({"ower": "x"}, f"11: ower: unknown key 'ower'. Did you mean 'owner'? allowed: {KEYS}"),
    ({"hypothesis": "[a]"}, "11: hypothesis: must be text"),
    ({"unit": ""}, "4: unit: is required"),
    ({"unit": "account"}, "4: unit: unknown unit of 'flags', 'account'. allowed: user_id"),
    ({"start": "2026-02-30"}, "6: start: '2026-02-30' is not a day of the calendar"),
    ({"start": "soon"}, "6: start: must be a date written YYYY-MM-DD, not 'soon'"),
    ({"end": "2026-11-01"}, "7: end: '2026-11-01' lies before start, 2026-11-02"),
    ({"status": "stopped", "end": None}, "2: end: is required when status is 'stopped'"),
    (
        {"status": "runing"},
        "11: status: 'runing' is not one of the allowed words. Did you mean 'running'? "
        "allowed: draft, running, stopped, archived",
    ),
    (
        {"design": "bandit"},
        f"2: design: design 'bandit' is not available yet. allowed: {DESIGNS}",
    ),
    (
        {"design": "ab_tst"},
        "2: design: 'ab_tst' is not one of the allowed words. Did you mean 'ab_test'? "
        f"allowed: {DESIGNS}",
    ),
    ({"variants": "{control: 1}"}, "5: variants: must name 2 to 50 variants, not 1"),
    ({"variants": MANY}, "5: variants: must name 2 to 50 variants, not 51"),
    (
        {"variants": "[a, b]"},
        "2: control: is required: no variant is called 'control' (a, b)",
    ),
    (
        {"variants": "[control, b]", "control": "c"},
        "11: control: 'c' is not one of the variants (control, b)",
    ),
    (
        {"variants": "{control: 1, Control: 1}"},
        "5: variants: variant 'control' is given twice (case and Unicode form ignored)",
    ),
    (
        {"variants": '[control, "caf\\u00e9", "cafe\\u0301"]'},
        "5: variants: variant 'café' is given twice (case and Unicode form ignored)",
    ),
    (
        {"variants": "{control: 1, b: true}"},
        "5: variants.b: must be a number above 0, not 'true'",
    ),
    ({"variants": "{control: 1, b: -1}"}, "5: variants.b: must be a number above 0, not '-1'"),
    ({"variants": "{control: 1, b: }"}, "5: variants.b: must be a number above 0, not ''"),
    (
        {"metrics": "{primary: [revenu]}"},
        "8: metrics.primary[0]: unknown metric 'revenu'. Did you mean 'revenue'? "
        f"allowed: {METRICS}",
    ),
    (
        {"metrics": "{primry: [conversion]}"},
        "8: metrics.primry: unknown key 'primry'. Did you mean 'primary'? "
        "allowed: primary, secondary, guardrail, placebo",
    ),
    ({"metrics": "{primary: []}"}, "8: metrics: must name at least one metric"),
    (
        {"metrics": f"{{primary: [{MANY_METRICS}]}}"},
        "8: metrics: names 201 metrics; the limit is 200",
    ),
    ({"metrics": "{primary: age}"}, "8: metrics.primary: must be a list, such as [a, b]"),
    (
        {"metrics": "{primary: [{metric: conversion, window_days: 0}]}"},
        "8: metrics.primary[0].window_days: must be a whole number from 1 to 3650, not '0'",
    ),
    (
        {"metrics": "{primary: [{metric: conversion, delay_days: -1}]}"},
        "8: metrics.primary[0].delay_days: must be a whole number from 0 to 3650, not '-1'",
    ),
    (
        {"metrics": "{primary: [{metric: revenue, winsorize: 1}]}"},
        "8: metrics.primary[0].winsorize: must be a number above 0.5 and below 1, not '1'",
    ),
    (
        {"metrics": "{guardrail: [{metric: conversion, margin: 0}]}"},
        "8: metrics.guardrail[0].margin: must be a number above 0, not '0': the relative change "
        "for the worse that is still acceptable (0.02 is 2 %), whichever direction `desired` has",
    ),
    (
        {"metrics": "{guardrail: [revenue]}"},
        "8: metrics.guardrail[0]: guardrail 'revenue' needs `desired` (increase or decrease)",
    ),
    (
        {"metrics": "{primary: [age, age]}"},
        "8: metrics.primary[1]: metric 'age' is listed twice: give one of them a name of its own "
        "with `as`",
    ),
    (
        {"metrics": "{primary: [{metric: age, window_days: 3}]}"},
        "8: metrics.primary[0]: `window_days` of 'age' needs a timestamp in assignment and fact",
    ),
    (
        {"segments": "[platfrm]"},
        "10: segments: unknown segment of 'flags', 'platfrm'. Did you mean 'platform'? "
        "allowed: country, platform",
    ),
    (
        {"covariates": "[agee]"},
        f"11: covariates[0]: unknown metric 'agee'. Did you mean 'age'? allowed: {METRICS}",
    ),
    (
        {"cluster": "x"},
        "11: cluster: design 'cluster_rct' randomises clusters, design 'ab_test' randomises units",
    ),
    ({"weights": "x"}, "11: weights: key 'weights' is not available yet"),
    ({"sequential": "x"}, "11: sequential: must be a mapping of keys to values"),
    ({"decision": "x"}, "11: decision: must be a mapping of keys to values"),
    ({"effects_by": "x"}, "11: effects_by: key 'effects_by' is not available yet"),
    ({"assignment": "{salt: x}"}, "11: assignment.salt: key 'salt' is not available yet"),
    (
        {"assignment": "{model: flgs}"},
        "11: assignment.model: unknown assignment model 'flgs'. Did you mean 'flags'? "
        "allowed: flags",
    ),
    (
        {"dataset": "d"},
        "11: dataset: key 'dataset' belongs to the designs that read a dataset, not to this design",
    ),
    (
        {"protocol": "carefl"},
        "11: protocol: unknown protocol 'carefl'. Did you mean 'careful'? allowed: careful",
    ),
    (
        {"method": "ols"},
        "11: method: 'ols' is not one of the allowed words. allowed: cuped, unadjusted, lin",
    ),
    (
        {"checks": "{srmm: {on_fail: warn}}"},
        "11: checks.srmm: 'srmm' is not one of the allowed words. Did you mean 'srm'? "
        f"allowed: {CHECKS}",
    ),
    (
        {"checks": "{srm: {on_fail: blok}}"},
        "11: checks.srm.on_fail: 'blok' is not one of the allowed words. Did you mean 'block'? "
        "allowed: block, warn, ignore",
    ),
    (
        {"robustness": "[foo]"},
        "11: robustness[0]: unknown robustness 'foo'. "
        "allowed: unadjusted, no_winsor, first_variant, lin",
    ),
    ({"robustness": "[{name: a}]"}, "11: robustness[0]: 'a' needs `set`, the keys to change"),
    (
        {"robustness": "[{name: a, set: {alpha: 7}}]"},
        "11: robustness[0].set: 'alpha' must be a number above 0 and at most 0.5, not '7'",
    ),
    (
        {"robustness": "[{name: a, set: {metrics.age.missing: zero}}]"},
        "11: robustness[0].set.metrics.age.missing: 'age' is not a metric of this experiment "
        "(conversion)",
    ),
    ({"robustness": "[lin, lin]"}, "11: robustness: 'lin' is listed twice"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=[str(c)[:40] for c, _ in BAD])
def test_every_slip_has_one_exact_message(change, message):
    assert messages(with_lines(**change)) == [f"{FILE}:{message}"]


def test_all_problems_come_at_once():
    block = with_lines(alpha="5", start="x", segments="[x]", metrics="{primary: [a, b]}", ower="y")
    assert len(messages(block)) == 6


def test_values_are_cut_and_escaped():
    [message] = messages(with_lines(alpha='"' + "\\e\\u202e" + "9" * 200 + '"'))
    assert "\\x1b\\u202e999" in message
    assert message.endswith("9…'")


BAD_YAML = [
    ("design: [", "2: this is not valid YAML: did not find expected node content"),
    ("a: \0", "1: character '\\x00' is not allowed"),
    ("- " * 30_000, "1: the structure is too deep"),
    ("[" * 30_000, "1: the structure is too deep"),
    ("a: " + "x" * 70_000, " the text has 70003 bytes; the limit is 65536"),
    ("", " has no keys: write them in the block or under config.meta.causalops"),
    ("[1]", "1: has no keys: write them in the block or under config.meta.causalops"),
]


@pytest.mark.parametrize(("text", "message"), BAD_YAML, ids=range(len(BAD_YAML)))
def test_broken_yaml_is_a_message(text, message):
    assert messages(text) == [f"{FILE}:{message}"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (with_lines() + "owner: b\n", "11: owner: key 'owner' is given twice"),
        (with_lines(owner="&a b"), None),
        (with_lines(owner="&a b", hypothesis="*a"), "11: hypothesis: anchors and aliases are not"),
        (with_lines(owner="!!python/name:os.system x"), "3: owner: tag"),
    ],
)
def test_yaml_slips(text, message):
    found = messages(text)
    assert (found == []) if message is None else found[0].startswith(f"{FILE}:{message}")


def test_variants_keep_their_text():
    from spec_project import only, registry

    names = ["control", 'it\'s "new"', "단축 버튼", "🚀 b", "two\nlines", "on", "null"]
    listed = '[control, "it\'s \\"new\\"", 단축 버튼, 🚀 b, "two\\nlines", on, null]'
    rows = only(registry(with_lines(variants=listed)), "variant")
    assert [row["name"] for row in rows] == names
    assert {row["weight"] for row in rows} == {None}
