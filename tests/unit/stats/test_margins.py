"""Non-inferiority rows: the sign follows `desired`, the margin is relative, the test one-sided."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import stats_tables as st
from scipy import stats

from causalops.estimators.randomised import ab_test
from causalops.results import Row

HALF: dict[str, float | None] = {"control": 0.5, "t": 0.5}


def guardrail(effect: float, desired: str, margin: float = 0.02, sign: float = 1.0) -> list[Row]:
    """Headline (absolute, relative) and non-inferiority row of 4,000 units around 10, sd 1."""
    rng = np.random.default_rng(11)
    units = pd.DataFrame({"variant": np.resize(["control", "t"], 4_000)})
    units["y"] = sign * (10 + rng.normal(size=4_000) + effect * (units["variant"] == "t"))
    metric = {"metric": "y", "metric_role": "guardrail", "desired": desired, "margin": margin}
    rows = ab_test.run(
        st.due(), st.registry([metric], HALF), st.moments(units), st.NO_PROFILE, st.NO_CAPS,
        st.NO_DAILY, st.counts({"control": {"enrolled": 2_000}, "t": {"enrolled": 2_000}}),
    )  # fmt: skip
    heads = {row["scale"]: row for row in rows if row.get("is_headline")}
    [margins] = [row for row in rows if row.get("test") == "non_inferiority"]
    return [heads["absolute"], heads["relative"], margins]


@pytest.mark.parametrize("desired", ["increase", "decrease"])
def test_one_sided_test_of_the_lift(desired: str) -> None:
    """Increase: (lift + margin) / se, upper tail; decrease: (lift - margin) / se, lower tail."""
    _, lift, row = guardrail(0.05, desired)
    z = stats.norm.isf(0.05)
    if desired == "increase":
        null, p_value = -0.02, stats.norm.sf((lift["estimate"] + 0.02) / lift["std_error"])
        bounds = (lift["estimate"] - z * lift["std_error"], None, "above_only")
    else:
        null, p_value = 0.02, stats.norm.cdf((lift["estimate"] - 0.02) / lift["std_error"])
        bounds = (None, lift["estimate"] + z * lift["std_error"], "below_only")
    assert (row["null_value"], row["alternative"]) == (
        null, "greater" if desired == "increase" else "less")  # fmt: skip
    assert row["p_value"] == pytest.approx(float(p_value), rel=1e-9)
    assert (row["ci_low"], row["ci_high"], row["ci_shape"]) == pytest.approx(bounds)
    assert row["p_family"] == "guardrail"


@pytest.mark.parametrize(
    ("effect", "desired", "word"),
    [
        (0.0, "increase", "not_worse"), (0.0, "decrease", "not_worse"),
        (0.4, "increase", "not_worse"), (-0.4, "decrease", "not_worse"),  # better is not worse
        (-0.4, "increase", "worse"), (0.4, "decrease", "worse"),
        (-0.18, "increase", "worse"), (0.18, "decrease", "worse"),  # within 2 %, not provably
    ],
)  # fmt: skip
def test_words(effect: float, desired: str, word: str) -> None:
    head, lift, row = guardrail(effect, desired)
    assert (head["verdict"], lift["verdict"]) == (word, word)
    assert (row["p_value"] <= 0.05) == (word == "not_worse")


@pytest.mark.parametrize("effect", [0.0, 0.12, -0.3])
def test_turning_the_metric_round_changes_nothing(effect: float) -> None:
    """-y with the other desired direction is the same question, also below zero."""
    plain, mirrored = (guardrail(effect, "increase"), guardrail(effect, "decrease", sign=-1.0))
    assert mirrored[2]["p_value"] == pytest.approx(plain[2]["p_value"], rel=1e-9)
    assert mirrored[2]["null_value"] == -plain[2]["null_value"]
    assert mirrored[0]["verdict"] == plain[0]["verdict"]


def test_without_a_margin_nothing_is_called_safe() -> None:
    rng = np.random.default_rng(2)
    units = pd.DataFrame({"variant": np.resize(["control", "t"], 2_000),
                          "y": 10 + rng.normal(size=2_000)})  # fmt: skip
    metric = {"metric": "y", "metric_role": "guardrail", "desired": "increase"}
    rows = ab_test.run(st.due(), st.registry([metric], HALF), st.moments(units), st.NO_PROFILE,
                       st.NO_CAPS, st.NO_DAILY, st.counts({"t": {"enrolled": 9}}))  # fmt: skip
    assert not [row for row in rows if row.get("test") == "non_inferiority"]
    assert {row["verdict"] for row in rows if row.get("is_headline")} == {"no_difference_found"}
