"""Do segments differ: Cochran's Q, who stands out, families, and segments without an error."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import stats_tables as st
from scipy import stats

from causalops.estimators.randomised import ab_test
from causalops.estimators.randomised.heterogeneity import Part, deviations, heterogeneity
from causalops.multiplicity import benjamini_hochberg
from causalops.results import Row

HALF: dict[str, float | None] = {"control": 0.5, "t": 0.5}
PARTS = [Part("a", 1.0, 0.5), Part("b", 2.0, 0.25), Part("c", 0.0, 1.0)]


def run(units: pd.DataFrame, *roles: str, weights: dict[str, float | None] = HALF) -> list[Row]:
    names = [f"m{k}" for k in range(len(roles))]
    metrics = [{"metric": n, "metric_role": r} for n, r in zip(names, roles, strict=True)]
    moments = pd.concat([st.moments(units, metric=name) for name in names])
    counts = st.counts({name: {"enrolled": 1000} for name in weights})
    rows = ab_test.run(st.due(), st.registry(metrics, weights), moments, st.NO_PROFILE,
                       st.NO_CAPS, st.NO_DAILY, counts)  # fmt: skip
    return [row for row in rows if row["row_kind"] == "check"
            and row["check_name"] == "effect_by_segment"]  # fmt: skip


def users(effects: dict[str, float], n: int = 600, noise: float = 1.0) -> pd.DataFrame:
    """n users of each country, half of them treated, with that country's effect."""
    rng = np.random.default_rng(5)
    country = np.repeat(list(effects), n)
    variant = np.resize(["control", "t"], len(country))
    y = noise * rng.normal(size=len(country))
    y += np.repeat(list(effects.values()), n) * (variant == "t")
    return pd.DataFrame({"variant": variant, "y": y, "seg_country": country})


def test_q_by_hand() -> None:
    """Weights 4, 16, 1: mean 36 / 21, Q = 6.2857..., I² = 1 - 2 / Q; chi-square of 2."""
    found = heterogeneity(PARTS)
    assert found is not None
    assert (found.pooled, found.df) == (pytest.approx(36 / 21), 2)
    q = 4 * (1 - 36 / 21) ** 2 + 16 * (2 - 36 / 21) ** 2 + (36 / 21) ** 2
    assert found.q == pytest.approx(q, rel=1e-12)
    assert found.i_squared == pytest.approx(1 - 2 / q)
    assert found.p_value == pytest.approx(float(stats.chi2.sf(q, 2)), rel=1e-12)


def test_two_segments_are_a_welch_test() -> None:
    """k = 2: Q = t², and Welch's F is the t test with the Satterthwaite df of the difference."""
    parts = [Part("a", 1.0, 0.5, 7.0), Part("b", 2.0, 0.25, 30.0)]
    found = heterogeneity(parts)
    assert found is not None
    variances = [part.std_error**2 for part in parts]
    df = sum(variances) ** 2 / (variances[0] ** 2 / 7 + variances[1] ** 2 / 30)
    t = -1.0 / np.sqrt(sum(variances))
    assert found.q == pytest.approx(t * t)
    assert found.p_value == pytest.approx(2 * float(stats.t.sf(abs(t), df)), rel=1e-10)
    both = deviations(parts, 0.05)
    assert [item.p_value for item in both] == [pytest.approx(found.p_value)] * 2


def test_p_matches_welchs_anova() -> None:
    """Groups instead of effects: Welch's F is the ANOVA for unequal variances of statsmodels."""
    from statsmodels.stats.oneway import anova_oneway

    rng = np.random.default_rng(1)
    groups = [rng.normal(0.3 * k, 1 + k, 8 + 3 * k) for k in range(4)]
    parts = [Part(str(k), float(g.mean()), float(g.std(ddof=1) / np.sqrt(len(g))), len(g) - 1.0)
             for k, g in enumerate(groups)]  # fmt: skip
    found = heterogeneity(parts)
    assert found is not None
    expected = anova_oneway(groups, use_var="unequal").pvalue
    assert found.p_value == pytest.approx(float(expected), rel=1e-10)


def test_deviation_is_from_the_others() -> None:
    """b against a and c pooled with weights 4 and 1: 2 - 0.8, variance 1 / 16 + 1 / 5."""
    items = {item.name: item for item in deviations(PARTS, 0.05)}
    assert items["b"].gap == pytest.approx(1.2)
    p = 2 * float(stats.norm.sf(1.2 / np.sqrt(1 / 16 + 1 / 5)))
    assert items["b"].p_value == pytest.approx(p)
    raw = [items[name].p_value for name in "abc"]
    assert [items[name].p_adjusted for name in "abc"] == benjamini_hochberg(raw)


def test_a_planted_difference_is_named() -> None:
    [row] = run(users({"KR": 0.0, "JP": 0.0, "US": 1.0, "DE": -1.0}), "primary")
    assert (row["status"], row["reason_code"], row["segment_dim"]) == (
        "warn", "effect_differs", "country")  # fmt: skip
    assert (row["df"], row["segment_value"], row["value_name"]) == (3.0, "all", "i_squared")
    assert row["message"] == (
        "The effect differs between the segments of country: higher in US and lower in DE "
        "than in the others together."
    )
    assert row["n"] == 2400
    told = json.loads(row["details"])["segments"]
    assert told["US"]["p_adjusted"] < 1e-6


def test_significant_here_and_not_there_is_no_difference() -> None:
    """The same effect everywhere, one segment too small to see it."""
    units = pd.concat([users({"big": 0.3}, 4000), users({"small": 0.3}, 40)])
    [row] = run(units, "primary")
    assert (row["status"], row["reason_code"]) == ("pass", None)
    assert "No evidence that the effect differs" in row["message"]
    assert "country" in row["message"]


def test_families_by_role() -> None:
    """Three primary tests (one variant, one dimension) are one family; placebo stands alone."""
    rows = run(users({"KR": 0.0, "JP": 0.4}), "primary", "primary", "secondary", "placebo")
    by_metric = {row["metric"]: row for row in rows}
    primary = [by_metric[name]["p_value"] for name in ("m0", "m1")]
    assert [by_metric[n]["p_adjusted"] for n in ("m0", "m1")] == benjamini_hochberg(primary)
    assert by_metric["m2"]["p_adjusted"] == by_metric["m2"]["p_value"]
    assert by_metric["m3"]["p_adjusted"] is None
    assert by_metric["m3"]["status"] == "warn"


@pytest.mark.parametrize("case", ["one segment", "one arm each", "constant"])
def test_nothing_to_compare(case: str) -> None:
    units = users({"KR": 0.0, "JP": 0.0}, 20, noise=0.0 if case == "constant" else 1.0)
    if case == "one segment":
        units = units[units["seg_country"] == "KR"]
    if case == "one arm each":
        units = units[(units["seg_country"] == "KR") == (units["variant"] == "t")]
    [row] = run(units, "primary")
    assert (row["status"], row["reason_code"]) == ("not_run", "too_few_segments")
    assert (row["statistic"], row["p_value"], row["p_adjusted"]) == (None, None, None)


def test_clustered_segments_are_not_independent() -> None:
    """Users of one cluster lie in several segments: no test is better than a wrong one."""
    units = users({"KR": 0.0, "JP": 2.0})
    spec = st.registry([{"metric": "m0"}], HALF, payload=json.dumps({"cluster": "village"}))
    rows = ab_test.run(st.due(), spec, st.moments(units, "m0"), st.NO_PROFILE, st.NO_CAPS,
                       st.NO_DAILY, st.counts({"control": {"enrolled": 9}}))  # fmt: skip
    [row] = [row for row in rows if row["row_kind"] == "check"
             and row["check_name"] == "effect_by_segment"]  # fmt: skip
    assert (row["status"], row["reason_code"]) == ("not_run", "segments_share_clusters")
    assert row["p_value"] is None


def test_segments_are_adjusted_within_their_dimension() -> None:
    """Benjamini-Hochberg over the segment rows of one dimension, all metrics and variants."""
    units = users({"KR": 0.1, "JP": 0.3}).assign(seg_os=lambda t: np.resize(list("xyz"), len(t)))
    counts = st.counts({name: {"enrolled": 1000} for name in HALF})
    rows = ab_test.run(st.due(), st.registry([{"metric": "m0"}], HALF), st.moments(units, "m0"),
                       st.NO_PROFILE, st.NO_CAPS, st.NO_DAILY, counts)  # fmt: skip
    for dim in ("country", "os"):
        family = [row for row in rows if row["p_family"] == f"segment:{dim}"]
        assert {row["segment_dim"] for row in family} == {dim}
        raw = [row["p_value"] for row in family]
        assert [row["p_adjusted"] for row in family] == benjamini_hochberg(raw)
