"""Rows travel to the engine with the declared type, whatever their values."""

from __future__ import annotations

import datetime as dt

import duckdb
import pandas as pd

from causalops.frames import column_groups, due_experiments, records, relation

COLUMNS = {
    "name": "text",
    "share": "double",
    "n": "bigint",
    "position": "integer",
    "is_on": "boolean",
    "day": "date",
}


def test_types_hold_without_rows_and_with_nulls() -> None:
    session = duckdb.connect()
    expected = ["VARCHAR", "DOUBLE", "BIGINT", "INTEGER", "BOOLEAN", "DATE"]
    for rows in ([], [{}]):
        assert [str(kind) for kind in relation(session, rows, COLUMNS).types] == expected


def test_values_survive_the_round_trip() -> None:
    session = duckdb.connect()
    row = {
        "name": "O'Brien; 한국어 \n {{ x }}",
        "share": 0.1 + 0.2,
        "n": 2**62,
        "position": 0,
        "is_on": False,
        "day": dt.date(2025, 3, 1),
    }
    found = records(relation(session, [row, {"share": 1e-300}], COLUMNS))
    assert found[0]["name"] == row["name"]
    assert found[0]["share"] == row["share"]
    assert (found[0]["n"], found[0]["position"], found[0]["is_on"]) == (2**62, 0, False)
    assert pd.Timestamp(found[0]["day"]) == pd.Timestamp("2025-03-01")
    assert found[1]["share"] == 1e-300
    assert found[1]["name"] is None


def test_without_a_due_experiment_no_table_is_read() -> None:
    class Unreadable:
        def df(self) -> pd.DataFrame:
            raise AssertionError("read although nothing is due")

    due = pd.DataFrame({"experiment_id": ["a"], "design": ["ab_test"], "is_due": [False]})
    tables = due_experiments(due, ("ab_test",), Unreadable())
    assert [len(table) for table in tables] == [0, 0]


def test_column_groups_of_nothing() -> None:
    """What `due_experiments` gives when no experiment of a design is due: other columns, no row."""
    assert column_groups(pd.DataFrame(columns=["experiment_id"]), ["variant"], ["label"]) == {}
