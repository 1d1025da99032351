"""The benchmark kit on a million events, within a memory limit that its largest queries exceed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
LIMIT = "64MB"


@pytest.fixture
def kit(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmarks' modules, with a scale of a million events."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    run = importlib.import_module("run")
    data = importlib.import_module("data")
    monkeypatch.setitem(data.SCALES, "spill", data.Scale(100_000, 1_000_000, experiments=1))
    return run


def test_a_run_spills_and_agrees_with_floor_and_peer(kit: Any, tmp_path: Path) -> None:
    data = kit.dataset("spill", tmp_path)
    limited = kit.Pipeline.create(
        tmp_path / "limited", data, memory_limit=LIMIT, threads="1",
        temp_directory=str(tmp_path / "spilled"),
    )  # fmt: skip
    found = limited.refresh()
    floor = kit.measured([sys.executable, str(BENCHMARKS / "floor.py"), str(data)])
    peer = kit.measured([sys.executable, str(BENCHMARKS / "peers.py"), "tea-tasting", str(data)])
    kit.agree(floor, found, kit.TOLERANCES["pipeline"])
    kit.agree(floor, peer, kit.TOLERANCES["tea-tasting"])
    # Without a place to spill to, the same query does not fit: the limit was in force.
    [path] = limited.project.root.glob("target/compiled/**/experiment_fact_days.sql")
    with duckdb.connect(str(limited.project.database), read_only=True) as connection:
        connection.execute(f"attach '{data}' as data (read_only)")
        connection.execute(f"set memory_limit = '{LIMIT}'; set threads = 1")
        connection.execute("set temp_directory = ''")
        with pytest.raises(duckdb.OutOfMemoryException):
            connection.execute(f"create temp table kept as {path.read_text()}")
