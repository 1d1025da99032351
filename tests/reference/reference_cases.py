"""The cases with known answers, and their data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

HERE = Path(__file__).parent
CASES: dict[str, dict[str, Any]] = {
    case["id"]: case for case in json.loads((HERE / "cases.json").read_text())["cases"]
}

# What our rows say where a case names a status in its own words: (status, reason_code).
STATUS = {
    "zero_variance": ("skipped", "zero_variance"),
    "empty_arm": ("skipped", "empty_arm"),
    "relative_undefined": ("skipped", "relative_undefined"),
    "no_adjustment": ("warning", "no_adjustment"),
    "srm": ("fail", "sample_ratio_mismatch"),
    "mass_point": ("skipped", "mass_point"),
    "no_units_one_side": ("skipped", "no_units_one_side"),
    "ok_with_warning": ("warning", "no_exclusion"),
    "ok": ("ok", None),
}


def data(name: str) -> pd.DataFrame:
    """A reference table."""
    return pd.read_csv(HERE / "data" / name)


def near(case: dict[str, Any], expected: Any) -> Any:
    """`expected` under the tolerance of its case."""
    return pytest.approx(expected, rel=case["tolerance"]["rtol"], abs=case["tolerance"]["atol"])
