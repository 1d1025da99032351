"""Columns of a project's DuckDB file, when there is one to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from causalops.spec.yaml_reader import read_yaml

_QUERY = """
select table_name, column_name, data_type, table_schema
from information_schema.columns order by table_schema, table_name, ordinal_position
"""


def known_columns(root: Path) -> dict[str, dict[str, str]]:
    """Model -> column -> type of the database named in `profiles.yml` below `root`.

    Empty when there is no such file, it is not DuckDB, or it cannot be opened (dbt holds it).
    A name that lives in several schemas is left out.
    """
    path = _database(root)
    if path is None:
        return {}
    import duckdb

    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            rows = connection.execute(_QUERY).fetchall()
    except duckdb.Error:
        return {}
    schemas: dict[str, set[str]] = {}
    found: dict[str, dict[str, str]] = {}
    for table, column, kind, schema in rows:
        schemas.setdefault(table, set()).add(schema)
        found.setdefault(table, {})[column] = kind
    return {table: columns for table, columns in found.items() if len(schemas[table]) == 1}


def _database(root: Path) -> Path | None:
    """The DuckDB file of the default target; its path is relative to the caller's directory."""
    profiles = _data(root / "profiles.yml")
    profile = profiles.get(str(_data(root / "dbt_project.yml").get("profile")))
    outputs = profile.get("outputs") if isinstance(profile, dict) else None
    target = profile.get("target", "default") if isinstance(profile, dict) else None
    output = outputs.get(target) if isinstance(outputs, dict) else None
    path = output.get("path") if isinstance(output, dict) else None
    if not isinstance(output, dict) or output.get("type") != "duckdb" or not isinstance(path, str):
        return None
    return next((p for p in (Path(path), root / path) if p.is_file()), None)


def _data(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    data = read_yaml(text, path.name, typed=True).data
    return data if isinstance(data, dict) else {}
