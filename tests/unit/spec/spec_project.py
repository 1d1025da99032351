"""A small project as the rows of `experiment_specs`, to be bent by each test."""

from __future__ import annotations

import copy
import json
from typing import Any

from causalops.spec.registry import registry_rows

FILE = "models/experiments/cta.sql"
BLOCK = """
design: ab_test
owner: growth
unit: user_id
variants: {control: 1, short: 1}
start: 2026-11-02
end: 2026-11-15
metrics:
  primary: [conversion]
segments: [platform]
"""
COLUMNS = {
    "flags": {
        "user_id": "VARCHAR",
        "flag": "VARCHAR",
        "arm": "VARCHAR",
        "seen_at": "TIMESTAMP WITH TIME ZONE",
        "saw_at": "BOOLEAN",
        "platform": "VARCHAR",
        "country": "VARCHAR",
    },
    "orders": {
        "user_id": "VARCHAR",
        "ordered_at": "TIMESTAMP",
        "amount": "DOUBLE",
        "status": "VARCHAR",
    },
    "visits": {"user_id": "VARCHAR", "visited_on": "DATE", "page": "VARCHAR"},
    "profile": {"user_id": "VARCHAR", "age": "INTEGER"},
}
INPUTS: dict[str, dict[str, Any]] = {
    "flags": {
        "assignment": {
            "key": "flag",
            "units": {"user_id": "user_id"},
            "variant": "arm",
            "timestamp": "seen_at",
            "trigger": "saw_at",
            "segments": ["country", "platform"],
        }
    },
    "orders": {
        "fact": {"units": {"user_id": "user_id"}, "timestamp": "ordered_at"},
        "metrics": {
            "conversion": {"type": "proportion", "window_days": 7, "desired": "increase"},
            "revenue": {
                "type": "sum",
                "value": "amount",
                "window_days": 28,
                "winsorize": 0.999,
                "unit_label": "KRW",
            },
            "order_value": {
                "type": "ratio",
                "numerator": {"type": "sum", "value": "amount"},
                "denominator": {"type": "count"},
            },
            "basket": {"type": "mean", "value": "amount", "filter": {"status": "paid"}},
            "orders_per_visit": {
                "type": "ratio",
                "numerator": {"type": "count"},
                "denominator": "visit_count",
                "window_days": 7,
            },
            "late_return": {"type": "retention", "delay_days": 7, "window_days": 7},
        },
    },
    "visits": {
        "fact": {"units": {"user_id": "user_id"}, "timestamp": "visited_on", "sparse": True},
        "metrics": {"visit_count": {"type": "count", "window_days": 14}},
    },
    "profile": {
        "fact": {"units": {"user_id": "user_id"}},
        "metrics": {"age": {"type": "sum", "value": "age"}},
    },
}
SETTINGS: dict[str, Any] = {
    "timezone": "Asia/Seoul",
    "protocols": {"careful": {"alpha": "0.01", "method": "unadjusted"}},
    "assignment_models": ["flags"],
    "fact_models": ["orders", "visits", "profile"],
    "dataset_models": [],
    "unknown_keys": [],
    "only": [],
    "as_of": None,
    "package_version": "0.1.0",
}


def spec_rows(
    blocks: dict[str, str],
    inputs: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    columns: dict[str, dict[str, str]] | None = None,
) -> list[dict[str, Any]]:
    """Rows for experiments (name -> block text); inputs and settings replace whole entries."""
    rows = [
        _row("experiment", name, f"models/experiments/{name}.sql", {"form": "block", "text": text})
        for name, text in blocks.items()
    ]
    for name, payload in {**INPUTS, **(inputs or {})}.items():
        rows.append(_row("input", name, f"models/{name}.yml", copy.deepcopy(payload)))
    for name, found in {**COLUMNS, **(columns or {})}.items():
        types = [{"name": column, "type": kind} for column, kind in found.items()]
        rows.append(_row("column", name, None, types))
    rows.append(_row("settings", "settings", "dbt_project.yml", SETTINGS | (settings or {})))
    return rows


def _row(kind: str, name: str, file: str | None, payload: Any) -> dict[str, Any]:
    return {"row_kind": kind, "name": name, "file": file, "payload": json.dumps(payload)}


def registry(block: str = BLOCK, name: str = "cta", **changes: Any) -> list[dict[str, Any]]:
    """The registry of one experiment."""
    return registry_rows(spec_rows({name: block}, **changes))


def only(rows: list[dict[str, Any]], kind: str, **where: Any) -> list[dict[str, Any]]:
    """The rows of one kind whose columns equal `where`."""
    return [
        row
        for row in rows
        if row["row_kind"] == kind and all(row[key] == value for key, value in where.items())
    ]


def experiment(rows: list[dict[str, Any]], name: str = "cta") -> dict[str, Any]:
    """The experiment row of `name`."""
    return only(rows, "experiment", experiment_id=name)[0]


def messages(block: str, **changes: Any) -> list[str]:
    """The messages of an experiment, one per problem."""
    text = experiment(registry(block, **changes))["message"]
    return text.split("\n") if text else []


def with_lines(**changes: str | None) -> str:
    """The example block with some of its one-line keys replaced, added or (None) removed."""
    lines = BLOCK.strip("\n").split("\n")
    for key, value in changes.items():
        new = [] if value is None else [f"{key}: {value}"]
        at = next((i for i, line in enumerate(lines) if line.startswith(f"{key}:")), None)
        if key == "metrics" and at is not None:
            lines[at : at + 2] = new
        elif at is not None:
            lines[at : at + 1] = new
        else:
            lines += new
    return "\n".join(["", *lines, ""])
