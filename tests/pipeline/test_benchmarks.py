"""The benchmark kit at its tiny scale: pipeline, floor and tea-tasting give the same estimates."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("run")


def test_the_contestants_agree(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The kit exits with the first difference. What dbt itself costs is left out here."""
    nothing = run.Measured(0.0, 0.0)
    monkeypatch.setattr(run, "empty_project", lambda folder: lambda: nothing)
    rows = run.many(run.Bench("XS", many=2, repeats=1, folder=tmp_path))
    assert len(rows) == 3
    assert all(row.value > 0 for row in rows)


def test_a_difference_is_refused(run: Any) -> None:
    mine = run.Measured(1.0, 1.0, {"exp_01": {"revenue": (0.5, 0.1)}})
    for other in ({"revenue": (0.5, 0.11)}, {"revenue": (0.51, 0.1)}, {}):
        theirs = run.Measured(1.0, 1.0, {"exp_01": other})
        with pytest.raises(SystemExit, match="exp_01 revenue"):
            run.agree(mine, theirs, 1e-8)
    run.agree(mine, mine, 1e-8)
