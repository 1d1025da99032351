"""Finding and opening the published results: a DuckDB file, or the Parquet files made from it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

VIEWS: tuple[str, ...] = (
    "experiment_scorecard",
    "experiment_estimates",
    "experiment_checks",
    "experiment_curves",
    "experiment_catalog",
    "experiment_scorecard_history",
    "experiment_estimates_history",
    "experiment_checks_history",
    "experiment_curves_history",
)
_ENV_VAR = re.compile(
    r"\{\{\s*env_var\(\s*['\"](\w+)['\"]\s*(?:,\s*['\"]([^'\"]*)['\"]\s*)?\)[^}]*\}\}"
)
_HOLDER = re.compile(r"PID (\d+)")


class WarehouseError(RuntimeError):
    """What keeps a reader from the results, as a sentence that says what to do."""


@dataclass(frozen=True)
class Source:
    """An open connection and the SQL name of each published view."""

    connection: Any
    relations: dict[str, str]
    place: str

    def rows(self, view: str) -> list[dict[str, Any]]:
        """All rows of a view, as dictionaries; KeyError for a view that is not there."""
        cursor = self.connection.execute(f"select * from {self.relations[view]}")  # noqa: S608
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def close(self) -> None:
        """Release the file, so that dbt can write it again."""
        self.connection.close()


def database_path(project_dir: Path) -> Path:
    """The DuckDB file of the project's default target.

    dbt resolves a relative path from the directory it is called in; the project's own directory is
    tried after that. Raises WarehouseError when the profile cannot be read or no such file exists.
    """
    profile_name = str(_yaml(project_dir / "dbt_project.yml").get("profile"))
    profiles_file = _profiles_file(project_dir)
    profile = _yaml(profiles_file).get(profile_name)
    if not isinstance(profile, dict):
        raise WarehouseError(f"{profiles_file} has no profile called {profile_name!r}.")
    target = profile.get("target", "default")
    output = (profile.get("outputs") or {}).get(target) or {}
    path = str(output.get("path", ":memory:"))
    if output.get("type") != "duckdb" or path == ":memory:":
        raise WarehouseError(
            f"Target {target!r} in {profiles_file} is not a DuckDB file. Name one with --db."
        )
    candidates = [Path(path).absolute(), (project_dir / path).absolute()]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    tried = " or ".join(str(candidate) for candidate in dict.fromkeys(candidates))
    raise WarehouseError(f"There is no database at {tried}. Run dbt first, or name it with --db.")


def _profiles_file(project_dir: Path) -> Path:
    folders = [os.environ.get("DBT_PROFILES_DIR"), str(project_dir), str(Path.home() / ".dbt")]
    for folder in folders:
        if folder and (Path(folder) / "profiles.yml").is_file():
            return Path(folder) / "profiles.yml"
    raise WarehouseError(f"There is no profiles.yml in {project_dir}. Name the file with --db.")


def _yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping whose `env_var` calls are replaced by the variable or its default."""
    if not path.is_file():
        raise WarehouseError(f"There is no {path}. Name the project with --project-dir.")
    text = _ENV_VAR.sub(
        lambda found: os.environ.get(found[1], found[2] or ""), path.read_text(encoding="utf-8")
    )
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise WarehouseError(f"{path} is not readable YAML: {error}") from error
    return content if isinstance(content, dict) else {}


def connect(path: Path) -> Any:
    """A connection to a closed DuckDB file, read-only.

    Raises WarehouseError when the file is missing, held by another process, or unreadable.
    """
    if not path.is_file():
        raise WarehouseError(f"There is no database at {path}. Run dbt first.")
    try:
        return duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise WarehouseError(_open_failure(path, str(error))) from error


def open_database(path: Path) -> Source:
    """The views of a closed DuckDB file; raises WarehouseError as `connect`, or without views."""
    connection = connect(path)
    schemas = connection.execute(
        "select table_schema from information_schema.tables"
        " where table_name = 'experiment_scorecard' order by table_schema"
    ).fetchall()
    if len(schemas) != 1:
        connection.close()
        found = ", ".join(schema for (schema,) in schemas) or "none"
        raise WarehouseError(
            f"{path} should hold experiment_scorecard in one schema, but it is in: {found}. "
            "Run the causalops models to their end, or name another file with --db."
        )
    relations = {view: f'"{schemas[0][0]}"."{view}"' for view in VIEWS}
    return Source(connection, relations, f"{path}, schema {schemas[0][0]}")


def _open_failure(path: Path, reason: str) -> str:
    if "lock" not in reason.lower():
        return f"{path} could not be opened: {reason.splitlines()[0]}"
    holder = _HOLDER.search(reason)
    process = f"process {holder[1]}" if holder else "another process"
    return f"{path} is in use by {process}, probably a dbt run. Try again when it has ended."


def open_published(folder: Path) -> Source:
    """The Parquet files that `causalops publish` wrote into a folder."""
    files = {view: folder / f"{view}.parquet" for view in VIEWS}
    missing = [file.name for file in files.values() if not file.is_file()]
    if missing:
        raise WarehouseError(f"{folder} lacks {', '.join(missing)}. Run causalops publish.")
    relations = {
        view: "read_parquet('" + str(file).replace("'", "''") + "')" for view, file in files.items()
    }
    return Source(duckdb.connect(), relations, str(folder))
