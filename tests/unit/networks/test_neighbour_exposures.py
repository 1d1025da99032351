"""The share of treated neighbours, from the model's own SQL and a handful of edges."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest
from jinja2 import Template

MODEL = Path(__file__).parents[3] / "models/networks/experiment_neighbour_exposures.sql"
UNITS = {"a1": "a", "a2": "a", "b1": "b", "b2": "b", "c1": "control", "c2": "control"}


def shares(units: dict[str, str], edges: list[tuple[str, str, float]]) -> dict[str, float]:
    """`share_treated` by unit; every unit is a cluster of its own."""
    exposures = pd.DataFrame(list(units.items()), columns=["unit_id", "variant"])
    tables = {
        "registry": pd.DataFrame([{"experiment_id": "exp", "row_kind": "network", "name": "g",
                                   "control": "control"}]),
        "experiment_exposures": exposures.assign(
            experiment_id="exp", cluster_id=exposures["unit_id"], exclusion_reason=None),
        "experiment_graph_edges": pd.DataFrame(
            edges, columns=["unit_a", "unit_b", "weight"]).assign(graph="g"),
    }  # fmt: skip
    sql = Template(MODEL.read_text(encoding="utf-8")).render(ref=lambda package, name: name)
    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        return dict(connection.sql(f"select unit_id, share_treated from ({sql})").fetchall())


def test_another_treatment_is_not_the_own_one() -> None:
    edges = [("a1", "b1", 1.0), ("a2", "b2", 1.0), ("a2", "a1", 3.0), ("c1", "b1", 2.0),
             ("c1", "c2", 1.0), ("c1", "a1", 1.0)]  # fmt: skip
    found = shares(UNITS, edges)
    assert found == pytest.approx({
        "a1": 3 / 5,  # 1 to b1 and 1 to the control
        "a2": 3 / 4,
        "b1": 0.0,  # all its neighbours are treated, none as it is
        "b2": 0.0,
        "c1": 3 / 4,  # either treatment reaches the control
        "c2": 0.0,
    })  # fmt: skip


def test_with_two_arms_it_is_the_share_in_the_treatment() -> None:
    units = {"a1": "a", "a2": "a", "c1": "control", "c2": "control"}
    found = shares(units, [("a1", "a2", 1.0), ("a1", "c1", 3.0), ("c1", "c2", 1.0)])
    assert found == {"a1": 0.25, "a2": 1.0, "c1": 0.75, "c2": 0.0}
