"""A design without a due experiment starts no work: no table is read, no library is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODELS = sorted(
    path for path in ROOT.glob("python_models/**/*.py") if '"experiment_due"' in path.read_text()
)
HEAVY = ("scipy", "statsmodels", "rdrobust", "rddensity", "matplotlib", "pydantic")

# As dbt calls a model: `ref` gives relations. Nothing is due, and only the due list can be read.
PROGRAM = """
import runpy
import sys

import duckdb
import pandas as pd

path, *heavy = sys.argv[1:]
session = duckdb.connect()


class Unread:
    def df(self):
        raise AssertionError("read although nothing is due")


class Dbt:
    def config(self, **values):
        pass

    def ref(self, package, name):
        if name != "experiment_due":
            return Unread()
        row = {"experiment_id": "a", "design": "ab_test", "is_due": False, "run_id": "r"}
        due = pd.DataFrame([row])
        return session.from_df(due)


found = runpy.run_path(path)["model"](Dbt(), session)
assert found.fetchall() == [], "rows of nothing"
print(*(name for name in heavy if name in sys.modules))
"""


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_nothing_due_loads_no_heavy_library(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), *HEAVY],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
