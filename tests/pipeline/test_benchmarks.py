"""The benchmark kit refuses what does not agree; test_memory.py runs its contestants."""

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


def test_a_difference_is_refused(run: Any) -> None:
    mine = run.Measured(1.0, 1.0, {"exp_01": {"revenue": (0.5, 0.1)}})
    for other in ({"revenue": (0.5, 0.11)}, {"revenue": (0.51, 0.1)}, {}):
        theirs = run.Measured(1.0, 1.0, {"exp_01": other})
        with pytest.raises(SystemExit, match="exp_01 revenue"):
            run.agree(mine, theirs, 1e-8)
    run.agree(mine, mine, 1e-8)
