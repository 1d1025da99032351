"""The demo as a newcomer runs it: published numbers on real data, and the truth that was planted.

The shop log is one fixed draw, so what is asserted of it is a regression check. How often such
statements hold is simulated in tests/calibration.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from border_matrices import dense
from forked_dbt import start
from harness import REPOSITORY
from row_level import welch

ZONE = "Asia/Seoul"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    folder: Path = tmp_path_factory.mktemp("demo")
    packages = REPOSITORY / "demo" / "dbt_packages"
    packages.mkdir(exist_ok=True)
    if not (packages / "causalops").exists():
        (packages / "causalops").symlink_to(Path("..") / "..")
    project = str(REPOSITORY / "demo")
    code, output = start(
        ["build", "--project-dir", project, "--profiles-dir", project,
         "--target-path", str(folder / "target"), "--log-path", str(folder / "logs")],
        folder, {"CAUSALOPS_DB": str(folder / "demo.duckdb")},
    ).finished()  # fmt: skip
    assert code == 0, output[-3000:]
    return duckdb.connect(str(folder / "demo.duckdb"), read_only=True)


def one(demo: duckdb.DuckDBPyConnection, where: str) -> pd.Series:
    """The only estimate that fits."""
    found = demo.sql(f"select * from main_causalops.experiment_estimates where {where}").df()
    assert len(found) == 1, found[["metric", "method", "scale", "population", "analysis"]]
    return found.iloc[0]


MAIN = "analysis = 'main' and segment_dim = 'all' and ci_kind = 'fixed' and scale = 'absolute'"


def test_nsw_gives_the_published_effect(demo: duckdb.DuckDBPyConnection) -> None:
    """LaLonde (1986), Dehejia & Wahba (1999): 1,794; CUPED from tea-tasting and the closed form."""
    where = f"experiment_id = 'nsw_training' and metric = 'earnings_1978' and {MAIN}"
    raw = one(demo, f"{where} and not is_headline")
    assert (raw["estimate"], raw["std_error"]) == pytest.approx((1794.342404, 670.996546), rel=1e-8)
    cuped = one(demo, f"{where} and is_headline")
    assert (cuped["estimate"], cuped["std_error"]) == pytest.approx(
        (1747.134008, 668.961909), rel=1e-8
    )


CACE = "estimand = 'cace' and term = 'effect' and is_headline and scale = 'absolute'"


def test_vitamin_a_gives_the_published_complier_effect(demo: duckdb.DuckDBPyConnection) -> None:
    """Sommer & Zeger (1991); Imbens & Rubin (1997): 3.2 children of 1,000 that took it."""
    found = one(demo, f"experiment_id = 'vitamin_a' and {CACE}")
    assert (found["estimate"], found["std_error"]) == pytest.approx(
        (0.00322803862859, 0.00115916292843), rel=1e-6
    )
    assert (found["ci_kind"], found["ci_shape"]) == ("anderson_rubin", "interval")
    assert (found["status"], found["reason_code"]) == ("warning", "cluster_unknown")
    never = one(demo, "experiment_id = 'vitamin_a' and term = 'never_taker_mean'")
    assert never["estimate"] == pytest.approx(0.985944605209, rel=1e-6)


def test_thornton_has_clustered_errors_and_a_placebo_that_moves(
    demo: duckdb.DuckDBPyConnection,
) -> None:
    """First stage as in statsmodels with 119 villages (CR1); age cannot depend on a voucher."""
    where = "experiment_id = 'thornton_incentive' and metric = 'km_to_results'"
    first = one(demo, f"{where} and estimand = 'first_stage'")
    assert (first["estimate"], first["std_error"]) == pytest.approx(
        (0.451982274406, 0.0226860143589), rel=1e-6
    )
    assert (first["se_kind"], first["df"]) == ("cr1", 118)
    assert (first["ci_low"], first["ci_high"]) == pytest.approx(
        (0.407057789725, 0.496906759088), rel=1e-6
    )
    age = one(demo, f"experiment_id = 'thornton_incentive' and metric = 'age' and {CACE}")
    assert age["estimate"] == pytest.approx(3.6011850479, rel=1e-8)
    checks = demo.sql(
        "select metric, status from main_causalops.experiment_checks "
        "where experiment_id = 'thornton_incentive' and check_name = 'placebo'"
    ).fetchall()
    assert dict(checks) == {"age": "warn", "km_to_results": "pass", "hiv_positive": "pass"}


def test_the_planted_effect_lies_in_the_headline_interval(demo: duckdb.DuckDBPyConnection) -> None:
    """+8 % among the triggered 60 % of users dilutes to +4.65 % of all exposed users' orders."""
    card = demo.sql(
        "select * from main_causalops.experiment_scorecard "
        "where experiment_id = 'checkout_cta' and metric = 'conversion'"
    ).df().iloc[0]  # fmt: skip
    diluted = 1 / (0.6 / 1.08 + 0.4) - 1
    assert card["lift_low"] < diluted < card["lift_high"]
    assert card["effect_low"] < diluted * card["mean_baseline"] < card["effect_high"]
    triggered = demo.sql(
        "select ci_low, ci_high from main_causalops.experiment_estimates where experiment_id = "
        "'checkout_cta' and metric = 'conversion' and population = 'triggered' and analysis = "
        "'main' and scale = 'relative' and ci_kind = 'delta' and method = 'cuped'"
    ).fetchone()
    assert triggered is not None
    assert triggered[0] < 0.08 < triggered[1]


def test_the_aa_test_finds_nothing_and_its_resplits_stay_in_band(
    demo: duckdb.DuckDBPyConnection,
) -> None:
    primary = one(
        demo, f"experiment_id = 'aa_search' and metric_role = 'primary' and is_headline and {MAIN}"
    )
    assert primary["p_adjusted"] > 0.05
    resplits = demo.sql(
        "select metric, value, status, details from main_causalops.experiment_checks "
        "where experiment_id = 'aa_search' and check_name = 'resplit'"
    ).df()
    assert len(resplits) == 4
    assert set(resplits["status"]) == {"pass"}
    half_width = 3 * np.sqrt(0.0475 / 1000 + 0.005**2)
    assert (np.abs(resplits["value"] - 0.05) <= half_width).all()


def test_a_broken_split_blocks_every_verdict(demo: duckdb.DuckDBPyConnection) -> None:
    rows = demo.sql(
        "select status, verdict, reason_code, effect from main_causalops.experiment_scorecard "
        "where experiment_id = 'new_ranker'"
    ).df()
    assert set(rows["status"]) == {"blocked"}
    assert rows["verdict"].isna().all()
    assert rows["effect"].notna().all()
    srm = demo.sql(
        "select p_value, status, gates from main_causalops.experiment_checks where experiment_id = "
        "'new_ranker' and check_name = 'srm' and population = 'first_exposed' "
        "and segment_dim = 'all'"
    ).fetchall()
    assert len(srm) == 1
    assert srm[0][0] < 1e-6
    assert srm[0][1:] == ("fail", True)


def test_the_decision_rule_of_checkout_cta(demo: duckdb.DuckDBPyConnection) -> None:
    """Better conversion and a guardrail inside its margin of 10 %: ship, in words with lifts."""
    [(verdict, reason)] = demo.sql(
        "select verdict, verdict_reason from main_causalops.experiment_catalog "
        "where experiment_id = 'checkout_cta'"
    ).fetchall()
    assert verdict == "ship"
    assert reason.startswith("short: ship, because conversion is better (+")
    assert "refund_rate is not worse than its margin allows (" in reason
    assert "order_value" not in reason


def test_a_draft_is_in_the_catalog_and_nowhere_else(demo: duckdb.DuckDBPyConnection) -> None:
    catalog = demo.sql(
        "select status, spec_status from main_causalops.experiment_catalog "
        "where experiment_id = 'draft_idea'"
    ).fetchall()
    assert catalog == [("draft", "valid")]
    for view in ("estimates", "checks", "curves", "scorecard"):
        relation = f"main_causalops.experiment_{view}"
        query = f"select count(*) from {relation} where experiment_id = 'draft_idea'"
        assert demo.sql(query).fetchall() == [(0,)]


@pytest.fixture(scope="module")
def checkout(demo: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The users of checkout_cta with their values, from rows and in pandas alone."""
    flags = demo.sql("select * from main.fct_flags where flag = 'checkout_cta'").df()
    flags = flags.sort_values("seen_at", kind="stable")
    flags["day"] = _local_day(flags["seen_at"])
    flags = flags[flags["day"] <= "2025-03-22"]  # the last day on which a window can change
    users = flags.groupby("user_id").agg(
        arm=("arm", "first"), seen_at=("seen_at", "first"), day=("day", "first"),
        country=("country", "first"), n_arms=("arm", "nunique"), is_bot=("is_bot", "any"),
        is_triggered=("saw_at", lambda stamps: stamps.notna().any()),
    )  # fmt: skip
    users = users[users["day"].between("2025-03-03", "2025-03-16")]
    users = users[(users["n_arms"] == 1) & ~users["is_bot"].astype(bool)]
    orders = demo.sql("select * from main.fct_orders where ordered_at < '2026-01-01'").df()
    orders = orders.join(users[["day", "seen_at"]], on="user_id", how="inner")
    offset = (_local_day(orders["ordered_at"]) - orders["day"]).dt.days
    seen = orders["seen_at"].dt.tz_convert("UTC").dt.tz_localize(None)
    after = orders[offset.between(0, 6) & (orders["ordered_at"] >= seen)]
    before = orders[offset.between(-14, -1)]
    for name, events in (("post", after), ("pre", before)):
        paid = events[events["status"] == "paid"]
        grouped = events.groupby("user_id")
        users[f"conversion_{name}"] = users.index.isin(paid["user_id"]).astype(float)
        users[f"amount_{name}"] = grouped["amount"].sum().reindex(users.index).fillna(0.0)
        users[f"orders_{name}"] = grouped.size().reindex(users.index).fillna(0.0)
    return users


def _local_day(stamps: pd.Series) -> pd.Series:
    aware = stamps if stamps.dt.tz is not None else stamps.dt.tz_localize("UTC")
    return aware.dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize()


def _cuped(users: pd.DataFrame) -> tuple[float, float]:
    slope = sm.OLS(
        users["conversion_post"], sm.add_constant(users["conversion_pre"])
    ).fit().params["conversion_pre"]  # fmt: skip
    adjusted = users["conversion_post"] - slope * users["conversion_pre"]
    return welch(adjusted[users["arm"] == "short"], adjusted[users["arm"] == "control"])


@pytest.mark.parametrize(
    ("where", "query"),
    [
        ("population = 'exposed' and segment_dim = 'all'", None),
        ("population = 'triggered' and segment_dim = 'all'", "is_triggered"),
        ("population = 'exposed' and segment_value = 'JP'", "country == 'JP'"),
    ],
)
def test_cuped_triggered_and_segment_agree_with_rows(
    demo: duckdb.DuckDBPyConnection, checkout: pd.DataFrame, where: str, query: str | None
) -> None:
    found = one(
        demo, "experiment_id = 'checkout_cta' and metric = 'conversion' and method = 'cuped' and "
        f"analysis = 'main' and scale = 'absolute' and ci_kind = 'fixed' and {where}",
    )  # fmt: skip
    expected = _cuped(checkout.query(query) if query else checkout)
    assert (found["estimate"], found["std_error"]) == pytest.approx(expected, rel=1e-9)


def test_the_ratio_agrees_with_rows(
    demo: duckdb.DuckDBPyConnection, checkout: pd.DataFrame
) -> None:
    found = one(
        demo,
        "experiment_id = 'checkout_cta' and metric = 'order_value' and method = 'ratio' "
        f"and population = 'exposed' and {MAIN}",
    )
    ratios, variances = [], []
    for arm in ("short", "control"):
        users = checkout[checkout["arm"] == arm]
        ratio = users["amount_post"].sum() / users["orders_post"].sum()
        linear = (users["amount_post"] - ratio * users["orders_post"]) / users["orders_post"].mean()
        ratios.append(ratio)
        variances.append(linear.var(ddof=1) / len(users))
    expected = (ratios[0] - ratios[1], np.sqrt(sum(variances)))
    assert (found["estimate"], found["std_error"]) == pytest.approx(expected, rel=1e-9)


def test_faster_pages_are_found_at_every_quantile(demo: duckdb.DuckDBPyConnection) -> None:
    """Every page load of the lazy arm takes 0.9 of its time; loads of one user move together."""
    rows = demo.sql(
        "select * from main_causalops.experiment_estimates where experiment_id = 'lazy_images' "
        "and metric = 'page_ms' and analysis = 'main' and population = 'exposed' and segment_dim = "
        "'all' and scale = 'relative' and ci_kind = 'delta' order by parameter"
    ).df()
    assert list(rows["parameter"]) == [0.5, 0.75, 0.95]
    assert list(rows["is_headline"]) == [False, False, True]
    assert ((rows["ci_low"] < -0.1) & (rows["ci_high"] > -0.1)).all()
    assert (rows["n_obs_variant"] > 5 * rows["n_variant"]).all()
    head = one(demo, f"experiment_id = 'lazy_images' and metric = 'page_ms' and {MAIN} and "
               "population = 'exposed' and is_headline")  # fmt: skip
    assert head["verdict"] == "better"
    [(events, error)] = demo.sql(
        "select n, (high - low) / 2 / 1.96 from main_causalops.experiment_order_stats where metric "
        "= 'page_ms' and variant = 'lazy' and population = 'exposed' and quantile = 0.95 and "
        "segment_dim = 'all'"
    ).fetchall()
    loads = demo.sql(
        "select ms from main.fct_pages as pages join main_causalops.experiment_exposures as e on "
        "e.experiment_id = 'lazy_images' and e.variant = 'lazy' and e.exclusion_reason is null "
        "and e.unit_id = cast(pages.user_id as varchar) and pages.loaded_at >= e.exposed_at "
        "and datediff('day', e.exposure_day, cast(pages.loaded_at + interval 9 hour as date)) <= 6"
    ).df()["ms"]
    assert len(loads) == events
    reach = 1.96 * np.sqrt(0.95 * 0.05 / events)
    naive = np.diff(loads.quantile([0.95 - reach, 0.95 + reach]))[0] / 2 / 1.96
    assert error > 2 * naive


def test_the_zeros_of_nsw_are_a_mass_point(demo: duckdb.DuckDBPyConnection) -> None:
    rows = demo.sql(
        "select parameter, estimate, std_error, reason_code from main_causalops."
        "experiment_estimates where experiment_id = 'nsw_quantiles' and ci_kind = 'fixed' "
        "order by parameter"
    ).df().set_index("parameter")  # fmt: skip
    assert rows.loc[0.25, "reason_code"] == "mass_point"
    assert rows["std_error"].notna().to_dict() == {0.25: False, 0.5: True, 0.75: True, 0.9: True}
    assert rows.loc[0.75, "estimate"] == pytest.approx(2354.579, rel=1e-9)


FEED = "experiment_id = 'feed_ranking'"


def test_whole_circles_show_most_of_an_effect_that_friends_pass_on(
    demo: duckdb.DuckDBPyConnection,
) -> None:
    """The truth is +60 %; a split by user would show 1.6 / 1.3 - 1 = +23 %."""
    found = one(demo, f"{FEED} and metric = 'posts' and scale = 'relative' and is_headline")
    assert 1.6 / 1.3 - 1 < found["ci_low"] < found["ci_high"] < 0.6
    absolute = one(demo, f"{FEED} and metric = 'posts' and scale = 'absolute' and is_headline")
    assert (absolute["se_kind"], absolute["design"]) == ("cr2", "cluster_rct")
    assert min(absolute["n_clusters_variant"], absolute["n_clusters_baseline"]) > 50


def test_the_network_checks_show_the_spill_over(demo: duckdb.DuckDBPyConnection) -> None:
    checks = demo.sql(
        "select check_name, metric, variant, value, p_adjusted, status from "
        f"main_causalops.experiment_checks where {FEED} and analysis = 'main'"
    ).df().set_index(["check_name", "metric", "variant"])  # fmt: skip
    cut = checks.loc["edges_cut", "none", "none"]
    assert 0.05 < cut["value"] < 0.15
    assert cut["status"] == "pass"
    for arm, low, high in (("control", 0, 0.1), ("learned", 0.9, 1)):
        exposure = checks.loc["neighbour_exposure", "none", arm]
        assert low < exposure["value"] < high
        assert exposure["status"] == "pass"
    spillover = checks.loc["spillover", "posts", "control"]
    assert spillover["status"] == "warn"
    assert spillover["value"] > 0
    assert spillover["p_adjusted"] < 0.01


def test_the_spill_over_agrees_with_rows(demo: duckdb.DuckDBPyConnection) -> None:
    """From the exposures, the named friends and the posts alone, by matrices over units."""
    units = demo.sql(
        "select unit_id, variant, cluster_id, exposure_day, exposed_at "
        f"from main_causalops.experiment_exposures where {FEED} and exclusion_reason is null"
    ).df().set_index("unit_id")  # fmt: skip
    named = demo.sql("select user_id::varchar as a, friend_id::varchar as b "
                     "from main.feed_friends").df()  # fmt: skip
    pairs = pd.concat([named, named.rename(columns={"a": "b", "b": "a"})]).drop_duplicates()
    pairs = pairs[(pairs["a"] != pairs["b"])].join(units, on="a", how="inner")
    pairs = pairs.join(units.add_suffix("_friend"), on="b", how="inner")
    pairs["other"] = pairs["cluster_id_friend"].where(
        pairs["cluster_id_friend"] != pairs["cluster_id"]
    )
    pairs["is_treated"] = pairs["variant_friend"] == "learned"
    units = units.join(pairs.groupby("a").agg(
        stratum=("other", "nunique"), is_touched=("is_treated", "any")), how="inner")  # fmt: skip
    units = units[(units["variant"] == "control") & units["stratum"].between(1, 5)].copy()
    units["kind"] = np.where(units["is_touched"].astype(bool), "some", "none")
    units["cluster"] = [int(hashlib.md5(name.encode()).hexdigest()[:8], 16) % 4096
                        for name in units["cluster_id"]]  # fmt: skip
    posts = demo.sql("select user_id::varchar as unit_id, posted_at from main.fct_posts").df()
    posts = posts.join(units[["exposure_day", "exposed_at"]], on="unit_id", how="inner")
    offset = (_local_day(posts["posted_at"]) - posts["exposure_day"]).dt.days
    after = posts[offset.between(0, 6) & (posts["posted_at"] >= posts["exposed_at"])]
    before = posts[offset.between(-14, -1)]
    units["y"], units["x"] = (
        events.groupby("unit_id").size().reindex(units.index).fillna(0.0)
        for events in (after, before)
    )
    usable = units.groupby("stratum")["cluster"].transform(
        lambda own: units.loc[own.index].groupby("kind")["cluster"].nunique().reindex(
            ["some", "none"], fill_value=0).min() >= 2)  # fmt: skip
    units = units[usable.astype(bool)]
    expected = dense(units, units["y"].to_numpy(), units["x"].to_numpy())
    found = demo.sql(
        "select value, details::json ->> 'std_error' from main_causalops.experiment_checks "
        f"where {FEED} and check_name = 'spillover' and metric = 'posts'"
    ).fetchall()
    assert [(value, float(error)) for value, error in found] == [pytest.approx(expected, rel=1e-8)]
