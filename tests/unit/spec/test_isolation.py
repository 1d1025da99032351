"""What is wrong in one place stays there: inputs, names, settings, slots, forms."""

from __future__ import annotations

import json

import pytest
from spec_project import BLOCK, experiment, messages, only, registry, spec_rows, with_lines

from causalops.spec.registry import registry_rows


def test_a_broken_input_spoils_only_its_users():
    inputs = {
        "visits": {
            "fact": {"units": {"user_id": "user_id"}, "timestamp": "visited_on"},
            "metrics": {"visit_count": {"type": "count_distinct", "value": "pagee"}},
        }
    }
    texts = {"good": BLOCK, "bad": with_lines(metrics="{primary: [visit_count]}")}
    rows = registry_rows(spec_rows(texts, inputs))
    assert experiment(rows, "good")["spec_status"] == "valid"
    assert experiment(rows, "bad")["message"] == (
        "models/experiments/bad.sql:8: metrics.primary[0]: metric 'visit_count' cannot be used: "
        "models/visits.yml: metrics.visit_count.value: unknown column of 'visits', 'pagee'. "
        "Did you mean 'page'? allowed: user_id, visited_on, page"
    )
    assert not only(rows, "metric", experiment_id="bad")


def test_an_unlisted_column_catalogue_is_not_judged():
    inputs = {"profile": {"fact": {"units": {"user_id": "uid"}}, "metrics": {
        "age": {"type": "sum", "value": "years"}}}}  # fmt: skip
    block = with_lines(covariates="[age]")
    assert messages(block, inputs=inputs, columns={"profile": {}}) == []


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ({"type": "quantile"}, "type 'quantile' needs `value`, a column"),
        ({"type": "sum"}, "type 'sum' needs `value`, a column"),
        ({"type": "ratio"}, "type 'ratio' needs `numerator` and `denominator`"),
        ({"type": "median"}, "'median' is not one of the allowed words"),
        ({"type": "count", "filter": {"status": {"like": "x"}}}, "operator 'like' of column"),
        ({"type": "count", "filter": {"stat": "x"}}, "unknown column of 'orders', 'stat'"),
        ({"type": "count", "windw_days": 1}, "Did you mean 'window_days'?"),
    ],
)
def test_bad_metric_declarations(metric, said):
    inputs = {
        "orders": {
            "fact": {"units": {"user_id": "user_id"}, "timestamp": "ordered_at"},
            "metrics": {"conversion": metric},
        }
    }
    [message] = messages(BLOCK, inputs=inputs)
    assert said in message


def test_one_metric_name_in_two_models():
    inputs = {"profile": {"fact": {"units": {"user_id": "user_id"}}, "metrics": {
        "Conversion": {"type": "sum", "value": "age"}}}}  # fmt: skip
    [message] = messages(BLOCK, inputs=inputs)
    assert "conversion in models/orders.yml, Conversion in models/profile.yml" in message


def test_start_without_a_timestamp():
    inputs = {"flags": {"assignment": {"units": {"user_id": "user_id"}, "variant": "arm",
                                       "segments": ["platform"]}}}  # fmt: skip
    found = messages(BLOCK, inputs=inputs)
    assert [text.split(": ", 2)[1] for text in found] == ["start", "end"]


@pytest.mark.parametrize("name", ["experiment_cta", "Cta", "c", "9a", "a-b", "a" * 64])
def test_names_follow_the_rule(name):
    assert experiment(registry(BLOCK, name), name)["spec_status"] == "invalid"


def test_names_alike_are_refused():
    rows = registry_rows(spec_rows({"cta": BLOCK, "CTA": BLOCK}))
    assert "case ignored (models/experiments/CTA.sql)" in experiment(rows, "cta")["message"]


@pytest.mark.parametrize("change", [{"status": "draft"}, {"status": "archived"}])
def test_what_is_not_computed_has_no_compile_rows(change):
    rows = registry(with_lines(**change))
    assert {row["row_kind"] for row in rows} == {"experiment", "variant", "segment", "metric"}


def test_only_leaves_the_others_out():
    rows = registry_rows(spec_rows({"one": BLOCK, "two": BLOCK}, settings={"only": ["two"]}))
    assert {row["experiment_id"] for row in only(rows, "window")} == {"two"}
    assert json.loads(experiment(rows, "one")["payload"])["is_computed"] is False
    assert experiment(rows, "one")["spec_status"] == "valid"


def test_slots_are_shared_and_limited():
    texts = {"one": BLOCK, "two": BLOCK, "xtra": with_lines(metrics="{primary: [revenue]}")}
    rows = registry_rows(spec_rows(texts, settings={"max_slots": 1}))
    assert [row["slot"] for row in only(rows, "window")] == [1, 1]
    assert "raise max_slots (now 1)" in experiment(rows, "xtra")["message"]


def test_settings_are_checked():
    settings = {"timezone": "Mars", "unknown_keys": ["alpa"]}
    found = messages(BLOCK, settings=settings)
    assert found[0].startswith("dbt_project.yml: vars.causalops.timezone: 'Mars' is not a time")
    assert "unknown key 'alpa'. Did you mean 'alpha'?" in found[1]


def properties(spec, form="properties"):
    rows = spec_rows({})
    payload = json.dumps({"form": form, "text": None, "spec": spec})
    rows.append({"row_kind": "experiment", "name": "cta", "file": "m.sql", "payload": payload})
    return experiment(registry_rows(rows))


def test_properties_form():
    spec = {
        "design": "ab_test", "unit": "user_id", "variants": {"control": 1, "short": 0.5},
        "alpha": 0.1, "start": "2026-11-02", "metrics": {"primary": ["conversion"]},
    }  # fmt: skip
    assert properties(spec)["spec_status"] == "valid"
    assert "keep one of them" in properties(spec, "both")["message"]
    assert "has no keys" in properties(None, "none")["message"]
    unquoted = properties(spec | {"variants": ["control", True]})["message"]
    assert "variants: variant 'True' is read by YAML as something other than text" in unquoted
    lost = properties(spec | {"variants": {"control": 1, "true": 1}})["message"]
    assert "variant 'true' is read by YAML" in lost


def test_versions_must_agree():
    rows = spec_rows({"cta": BLOCK}, settings={"package_version": "9.9.9"})
    with pytest.raises(RuntimeError, match=r"version 9\.9\.9 .* 0\.1\.0: run `pip install"):
        registry_rows(rows)
