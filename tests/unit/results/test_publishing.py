"""Finding the database, publishing it, and what is said when that is impossible."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from causalops.publishing import publish
from causalops.warehouse import (
    VIEWS,
    WarehouseError,
    database_path,
    open_database,
    open_published,
)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "it's.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema results")
        for view in VIEWS:
            connection.execute(f"create table results.{view} as select 'a' as experiment_id")
    return path


def test_publish_writes_every_view_and_leaves_nothing_aside(database: Path, tmp_path: Path) -> None:
    source = open_database(database)
    publish(source, tmp_path / "out")
    source.close()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"{v}.parquet" for v in VIEWS}
    assert open_published(tmp_path / "out").rows("experiment_catalog") == [{"experiment_id": "a"}]


def test_a_failure_keeps_the_previous_files(database: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    source = open_database(database)
    publish(source, out)
    source.close()
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with duckdb.connect(str(database)) as connection:
        connection.execute("drop table results.experiment_curves_history")
    source = open_database(database)
    with pytest.raises(WarehouseError, match="experiment_curves_history"):
        publish(source, out)
    source.close()
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_missing_database_and_views(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="no database"):
        open_database(tmp_path / "none.duckdb")
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    with pytest.raises(WarehouseError, match="experiment_scorecard"):
        open_database(tmp_path / "empty.duckdb")


def test_a_held_database_names_the_process(database: Path) -> None:
    code = (
        f"import duckdb; c = duckdb.connect({str(database)!r}); print('open', flush=True); input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(WarehouseError, match=f"in use by process {holder.pid}"):
        open_database(database)
    holder.communicate(b"\n")


def test_the_path_comes_from_the_profile(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: p\nprofile: p\n")
    (tmp_path / "profiles.yml").write_text(
        "p: {target: dev, outputs: {dev: {type: duckdb,"
        " path: \"{{ env_var('TEST_DB_PATH', 'absent.duckdb') }}\"}}}\n"
    )
    monkeypatch.delenv("DBT_PROFILES_DIR", raising=False)
    with pytest.raises(WarehouseError, match=r"absent\.duckdb"):
        database_path(tmp_path)
    monkeypatch.setenv("TEST_DB_PATH", database.name)
    assert database_path(tmp_path) == database
