"""The benchmark kit at its tiny scale: pipeline, floor and tea-tasting give the same estimates."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def test_the_contestants_agree() -> None:
    """The script exits with the first difference."""
    options = ["--scale", "XS", "--many", "2", "--repeats", "1", "--parts", "many"]
    command = [sys.executable, str(BENCHMARKS / "run.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    values = [line.split("|")[3] for line in done.stdout.splitlines()[2:]]
    assert len(values) == 3
    assert all(float(value) > 0 for value in values)


def test_a_difference_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    run = importlib.import_module("run")
    mine = run.Measured(1.0, 1.0, {"exp_01": {"revenue": (0.5, 0.1)}})
    for other in ({"revenue": (0.5, 0.11)}, {"revenue": (0.51, 0.1)}, {}):
        theirs = run.Measured(1.0, 1.0, {"exp_01": other})
        with pytest.raises(SystemExit, match="exp_01 revenue"):
            run.agree(mine, theirs, 1e-8)
    run.agree(mine, mine, 1e-8)
