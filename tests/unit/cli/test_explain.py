"""`causalops explain` on artifacts written by hand: costs, shares, and what is missing."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner, Result

from causalops.cli import main

RUN = "11111111-aaaa-bbbb-cccc-000000000000"
LATER = "22222222-aaaa-bbbb-cccc-000000000000"
SCORECARD = "model.causalops.experiment_scorecard"
# unique id -> (path, materialized, parents, seconds, status)
NODES: dict[str, tuple[str, str, list[str], float, str]] = {
    "model.shop.stg_orders": ("stg_orders.sql", "table", [], 1.0, "success"),
    "model.shop.orders": ("orders.sql", "table", ["model.shop.stg_orders"], 2.0, "success"),
    "model.causalops.registry": ("registry.py", "table", [], 0.5, "success"),
    "model.causalops.experiment_due": ("registry/experiment_due.sql", "table", [], 0.5, "success"),
    "model.causalops.experiment_moments": ("moments/m.sql", "table", [], 8.0, "success"),
    "model.causalops.did": ("quasi/did.py", "table", [], 3.0, "error"),
    "model.causalops.experiment_results": ("results/r.sql", "incremental", [], 1.0, "success"),
    "model.causalops.experiment_versions": ("results/v.sql", "incremental", [], 0.5, "success"),
    SCORECARD: ("results/experiment_scorecard.sql", "view", [], 0.2, "success"),
    "model.shop.alpha": ("experiments/alpha.sql", "view", [SCORECARD], 0.1, "skipped"),
    "test.causalops.not_null_x.1f": ("x.sql", "test", [], 0.2, "pass"),
    "operation.causalops.causalops-on-run-end-0": ("", "", [], 0.1, "success"),
}
TABLES = f"""
create schema main_causalops;
set search_path = 'main_causalops';
create table main.stg_orders as from range(7);
create table main.orders as from range(5);
create table experiment_registry as
select * from (values ('input', 'alpha', 'orders'), ('input', 'beta', 'other'),
                      ('experiment', 'gamma', null)) as r(row_kind, experiment_id, input_model);
create table experiment_due as
select * from (values ('alpha', 'ab_test', true), ('beta', 'did', true), ('gamma', 'did', false))
    as d(experiment_id, design, is_due), (select '{RUN}' as run_id);
create table experiment_moments as
select unnest(['alpha', 'alpha', 'alpha', 'beta', 'gamma', 'gamma', null, null]) as experiment_id;
create table experiment_did as select 'beta' as experiment_id from range(99);
create table experiment_results as
select * from (values ('alpha', '{RUN}'), ('alpha', '{RUN}'), ('alpha', 'of before'))
    as r(experiment_id, run_id);
create table experiment_versions as
select 'alpha' as experiment_id, 'ab_test' as design, 4 as version, '{RUN}' as run_id;
create view experiment_scorecard as from experiment_results;
"""


def artifacts(folder: Path, run_id: str = RUN, which: str = "build") -> Path:
    """Both files of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    results: list[dict[str, Any]] = []
    nodes: dict[str, Any] = {}
    for unique_id, (path, materialized, parents, seconds, status) in NODES.items():
        kind, package, name = unique_id.split(".")[:3]
        spans = {"compile": ("00", "01"), "execute": ("01", "02")}
        results.append({
            "unique_id": unique_id, "status": status, "execution_time": seconds,
            "timing": [] if status == "skipped" or which == "compile" else [
                {"name": span, "started_at": f"2026-01-01T00:00:{start}Z",
                 "completed_at": f"2026-01-01T00:00:{end}Z"}
                for span, (start, end) in spans.items()],
            "adapter_response": {}, "message": "Runtime Error\n  no space" * (status == "error"),
        })  # fmt: skip
        if kind == "operation":
            continue
        own = package == "causalops"
        alias = name if name.startswith("experiment_") or not own else f"experiment_{name}"
        nodes[unique_id] = {
            "resource_type": kind, "path": path, "depends_on": {"nodes": parents},
            "relation_name": alias if kind == "model" else None, "database": "shop",
            "schema": "main_causalops" if own else "main", "alias": alias,
            "language": "python" if path.endswith(".py") else "sql",
            "tags": ["experiment"] if "experiments/" in path else [],
            "config": {"materialized": materialized},
        }  # fmt: skip
    metadata = {"invocation_id": run_id, "invocation_started_at": "2026-01-01T00:00:00Z",
                "generated_at": "2026-01-01T00:00:30Z"}  # fmt: skip
    write(folder / "run_results.json", {"metadata": metadata, "elapsed_time": 20.0,
                                        "args": {"which": which}, "results": results})  # fmt: skip
    parents = {name: node["depends_on"]["nodes"] for name, node in nodes.items()}
    write(folder / "manifest.json", {"metadata": metadata, "nodes": nodes, "parent_map": parents})
    return folder


def write(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DBT_TARGET_PATH", "DBT_PROFILES_DIR"):
        monkeypatch.delenv(name, raising=False)
    output = {"type": "duckdb", "path": str(tmp_path / "shop.duckdb")}
    profile = {"shop": {"target": "dev", "outputs": {"dev": output}}}
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump(profile))
    (tmp_path / "dbt_project.yml").write_text("profile: shop\n")
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(TABLES)
    artifacts(tmp_path / "target")
    return tmp_path


def invoke(project: Path, *arguments: str) -> Result:
    result = CliRunner().invoke(main, ["explain", "--project-dir", str(project), *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def said(project: Path, *arguments: str) -> str:
    result = invoke(project, *arguments)
    assert result.exit_code == 0, result.output
    return result.output


def document(project: Path, *arguments: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(said(project, *arguments, "--format", "json"))
    return content


def by_node(project: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    return {node["node"]: node for node in document(project, *arguments)["nodes"]}


def test_rows_are_counted_where_this_run_built_a_table(project: Path) -> None:
    nodes = by_node(project)
    rows = {name: node["rows"] for name, node in nodes.items() if node["rows"] is not None}
    assert rows == {
        "stg_orders": 7, "orders": 5, "registry": 3, "experiment_due": 3, "experiment_moments": 8,
        "experiment_results": 2, "experiment_versions": 1,
    }  # fmt: skip
    assert nodes["did"]["rows"] is None  # 99 rows are there, of a run before the failure
    assert {nodes[name]["rows_from"] for name in rows} == {"warehouse"}
    assert nodes["experiment_moments"]["bytes"] == 262_144  # one block of DuckDB


def test_seconds_are_divided_by_rows_and_add_up(project: Path) -> None:
    """8 s of moments: alpha 3 rows of 8, beta 1; gamma was not due, two rows are nobody's."""
    content = document(project)
    nodes = {node["node"]: node for node in content["nodes"]}
    divided = nodes["experiment_moments"]["seconds_by_experiment_estimated"]
    assert divided == {"alpha": 3.0, "beta": 1.0}
    assert (nodes["did"]["compile_seconds"], nodes["did"]["execute_seconds"]) == (1.0, 1.0)
    found = {item["name"]: item for item in content["experiments"]}
    assert (found["alpha"]["version"], found["beta"]["version"]) == (4, None)
    # alpha: moments 3, results 1, versions 0.5, its view 0.1, a third of registry and of due
    assert found["alpha"]["seconds"] == pytest.approx(3 + 1 + 0.5 + 0.1 + 0.5 / 3 + 0.5 / 3)
    total = sum(item[3] for item in NODES.values())
    assert sum(item["seconds"] for item in content["experiments"]) == pytest.approx(total)
    assert sum(item["seconds"] for item in content["folders"]) == pytest.approx(total)
    seconds = {item["name"]: item["seconds"] for item in content["folders"]}
    assert seconds["python"] == 3.5
    assert set(seconds) == {"python", "registry", "moments", "results", "project", "experiments",
                            "tests", "hooks"}  # fmt: skip


def test_inputs_views_and_designs_know_whom_they_serve(project: Path) -> None:
    serves = {name: node["serves"] for name, node in by_node(project).items()}
    assert serves["orders"] == serves["stg_orders"] == serves["alpha"] == ["alpha"]
    assert serves["did"] == ["beta"]  # it failed, so its design tells
    assert serves["experiment_scorecard"] == []


def test_text_names_failures_and_is_cut(project: Path) -> None:
    text = said(project)
    assert f"Run {RUN}: dbt build, 2026-01-01 00:00:00 UTC" in text
    assert "30.0 s: 10.0 s to start and parse, 20.0 s for 12 nodes" in text
    assert "error  did: Runtime Error no space" in text
    assert "skipped  alpha" in text
    lines = [line.split()[0] for line in text.splitlines() if line]
    assert lines.index("experiment_moments") < lines.index("did") < lines.index("orders")
    assert "none committed" in text
    assert "more: --all" not in text


def test_only_the_slowest_nodes_unless_all(project: Path) -> None:
    for number in range(30):
        NODES[f"model.shop.m{number}"] = ("m.sql", "view", [], 0.0, "success")
    try:
        artifacts(project / "target")
    finally:
        for number in range(30):
            del NODES[f"model.shop.m{number}"]
    assert "(22 more: --all)" in said(project)
    assert "m29" not in said(project)
    assert "m29" in said(project, "--all")
    assert len(list(csv.DictReader(io.StringIO(said(project, "--format", "csv"))))) == 42


def test_a_run_is_found_by_id_prefix_folder_and_file(project: Path) -> None:
    kept = artifacts(project / "runs" / "monday", LATER)
    (artifacts(project / "runs" / "broken") / "run_results.json").write_text("{")
    for arguments in ((RUN,), (RUN[:8],), (str(project / "target"),)):
        assert document(project, *arguments)["run_id"] == RUN
    for arguments in ((LATER, "--artifacts", str(project / "runs")),
                      (LATER[:8], "--target-path", str(kept)),
                      (str(kept / "run_results.json"),)):  # fmt: skip
        assert document(project, *arguments)["run_id"] == LATER


@pytest.mark.parametrize("asked", [LATER, RUN[:7], "alpha"])
def test_another_run_is_named_with_a_remedy(project: Path, asked: str) -> None:
    result = invoke(project, asked)
    assert result.exit_code == 2
    assert f"is of run {RUN}" in result.output
    assert "--artifacts" in result.output


def test_a_later_run_leaves_only_what_was_appended(project: Path) -> None:
    with duckdb.connect(str(project / "shop.duckdb")) as connection:
        connection.execute(f"update main_causalops.experiment_due set run_id = '{LATER}'")
    content = document(project)
    rows = {node["node"]: node["rows"] for node in content["nodes"] if node["rows"] is not None}
    assert rows == {"experiment_results": 2, "experiment_versions": 1}
    assert [item["name"] for item in content["experiments"]] == ["alpha", "(shared)"]
    assert any(f"Run {LATER} has rebuilt" in note for note in content["notes"])


def test_a_command_that_ran_nothing_and_a_newer_manifest_are_noted(project: Path) -> None:
    artifacts(project / "target", LATER, which="compile")
    assert "executed nothing" in said(project)
    artifacts(project / "target")
    manifest = json.loads((project / "target" / "manifest.json").read_text())
    manifest["metadata"]["invocation_id"] = LATER
    write(project / "target" / "manifest.json", manifest)
    assert "manifest.json is of a later command" in said(project)


def test_without_a_warehouse_the_artifacts_still_speak(project: Path) -> None:
    results = json.loads((project / "target" / "run_results.json").read_text())
    for item in results["results"][:2]:
        item["adapter_response"] = {"rows_affected": 12, "bytes_processed": 2**20}
    results["results"][1]["adapter_response"]["rows_affected"] = -1
    write(project / "target" / "run_results.json", results)
    (project / "shop.duckdb").unlink()
    text = said(project)
    assert "Without the warehouse: There is no database" in text
    assert "By experiment: not known without the warehouse" in text
    nodes = by_node(project)
    assert (nodes["stg_orders"]["rows"], nodes["stg_orders"]["rows_from"]) == (12, "adapter")
    assert (nodes["orders"]["rows"], nodes["orders"]["bytes"]) == (None, 2**20)
    assert nodes["alpha"]["serves"] == ["alpha"]
    assert document(project)["experiments"] is None


def test_a_held_database_names_the_process(project: Path) -> None:
    file = str(project / "shop.duckdb")
    code = f"import duckdb; c = duckdb.connect({file!r}); print('open', flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    text = said(project)
    holder.communicate(b"\n")
    assert f"in use by process {holder.pid}" in text
    assert "experiment_moments" in text


def test_a_database_of_another_target_is_not_counted(project: Path) -> None:
    (project / "shop.duckdb").rename(project / "other.duckdb")
    text = (project / "profiles.yml").read_text().replace("shop.duckdb", "other.duckdb")
    (project / "profiles.yml").write_text(text)
    assert "The run wrote to database shop" in said(project)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("run_results.json", None, "Run dbt first"),
        ("manifest.json", None, "Run dbt first"),
        ("run_results.json", '{"metadata": {', "not readable JSON"),
        ("run_results.json", "[]", "not results of dbt"),
        ("run_results.json", '{"metadata": {}, "results": []}', "not results of dbt"),
        ("manifest.json", "{}", "not results of dbt"),
        ("manifest.json", '{"metadata": {}, "nodes": {"model.a.b": {}}}', "without the package"),
    ],
)
def test_artifacts_that_cannot_be_read_say_so(
    project: Path, file: str, content: str | None, message: str
) -> None:
    (project / "target" / file).unlink()
    if content is not None:
        (project / "target" / file).write_text(content)
    for arguments in ((), (RUN,)):
        result = invoke(project, *arguments)
        assert result.exit_code == 1
        assert message in result.output


def test_without_a_target_folder(project: Path) -> None:
    result = invoke(project, "--artifacts", str(project / "nowhere"))
    assert result.exit_code == 1
    assert "--artifacts" in result.output
