"""Three variants, through the whole path: each against the configured control, adjusted p."""

from __future__ import annotations

import numpy as np
import pandas as pd
import stats_tables as st
from reference_cases import CASES, STATUS

from causalops.estimators.randomised import ab_test


def test_three_variants() -> None:
    case = CASES["edge_three_variants"]
    counts = case["dataset"]["counts"]
    rng = np.random.default_rng(3)
    units = pd.DataFrame({"variant": np.repeat(list(counts), list(counts.values()))})
    units["y"] = rng.normal(size=len(units)) + 0.2 * (units["variant"] == "b")
    weights: dict[str, float | None] = dict.fromkeys(counts, 1 / 3)
    rows = ab_test.run(
        st.due(), st.registry([{"metric": "y"}], weights), st.moments(units),
        st.NO_PROFILE, st.NO_CAPS, st.NO_DAILY,
        st.counts({name: {"enrolled": n} for name, n in counts.items()}),
    )  # fmt: skip
    heads = [row for row in rows if row.get("is_headline") and row["scale"] == "absolute"]
    assert {(row["variant"], row["baseline"]) for row in heads} == {
        ("a", "control"),
        ("b", "control"),
    }
    assert all(
        (row["status"], row["reason_code"]) == STATUS[case["expected_status"]] for row in heads
    )
    by_variant = {row["variant"]: row for row in heads}
    assert by_variant["b"]["p_adjusted"] == 2 * by_variant["b"]["p_value"]
    assert by_variant["b"]["verdict"] == "better"
