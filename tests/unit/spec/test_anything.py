"""Whatever people write, the registry answers with rows."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spec_project import BLOCK, experiment, registry_rows, spec_rows

from causalops.spec.base import Part
from causalops.spec.blocks import MARK, find_block
from causalops.spec.experiment import Experiment
from causalops.spec.inputs import Assignment, Fact, Metric
from causalops.spec.settings import Settings
from causalops.spec.yaml_reader import read_yaml

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    scalars,
    lambda item: (
        st.lists(item, max_size=4) | st.dictionaries(st.text(max_size=8), item, max_size=4)
    ),
    max_leaves=12,
)


def mappings(model: type[Part]):
    keys = st.sampled_from([field.alias or name for name, field in model.model_fields.items()])
    return st.dictionaries(keys, anything, max_size=5)


def storable(rows):
    for row in rows:
        for value in row.values():
            assert not isinstance(value, dict | list | tuple)
            str(value).encode("utf-8")


@QUICK
@given(st.text())
def test_any_block(text):
    rows = registry_rows(spec_rows({"good": BLOCK, "odd": text}))
    assert experiment(rows, "good")["spec_status"] == "valid"
    assert experiment(rows, "odd")["spec_status"] == "invalid"
    storable(rows)


@QUICK
@given(st.integers(0, len(BLOCK)), st.text(max_size=5))
def test_any_edit_of_a_block(at, text):
    rows = registry_rows(spec_rows({"good": BLOCK, "odd": BLOCK[:at] + text + BLOCK[at:]}))
    assert experiment(rows, "good")["spec_status"] == "valid"
    storable(rows)


@QUICK
@given(mappings(Experiment))
def test_any_properties(spec):
    base = {"design": "ab_test", "unit": "user_id", "variants": ["control", "b"]}
    base |= {"metrics": {"primary": ["conversion"]}} | spec
    rows = spec_rows({"good": BLOCK})
    payload = json.dumps({"form": "properties", "text": None, "spec": base})
    rows.append({"row_kind": "experiment", "name": "odd", "file": "o.sql", "payload": payload})
    found = registry_rows(rows)
    assert experiment(found, "good")["spec_status"] == "valid"
    storable(found)


@pytest.mark.parametrize(("section", "model"), [("assignment", Assignment), ("fact", Fact)])
@QUICK
@given(data=st.data())
def test_any_input(section, model, data):
    inputs = {"profile": {section: data.draw(anything | mappings(model)), "metrics": {}}}
    rows = registry_rows(spec_rows({"good": BLOCK}, inputs))
    assert experiment(rows, "good")["spec_status"] == "valid"


@QUICK
@given(anything | mappings(Metric))
def test_any_metric(metric):
    inputs = {"profile": {"fact": {"units": {"user_id": "user_id"}}, "metrics": {"age": metric}}}
    uses = BLOCK.replace("[conversion]", "[age]")
    rows = registry_rows(spec_rows({"good": BLOCK, "user": uses}, inputs))
    assert experiment(rows, "good")["spec_status"] == "valid"
    storable(rows)


@QUICK
@given(mappings(Settings))
def test_any_settings(values):
    storable(registry_rows(spec_rows({"cta": BLOCK}, settings=values)))


@QUICK
@given(st.text(), st.text())
def test_any_sql(before, after):
    find_block(before + MARK + after, "x.sql")
    read_yaml(after, "x.yml", typed=True)
