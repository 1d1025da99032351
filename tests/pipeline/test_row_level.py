"""Through dbt or from rows: the same numbers, to 1e-9."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import row_level
import shop_log
from harness import Project
from sameness import assert_same_numbers

CLOSE = 1e-9
VARIANTS = ("short", "long")
UNADJUSTED = "difference_in_means"
BLOCK = f"""
design: ab_test
assignment: {{key: shop}}
unit: user_id
variants: {{control: 1, short: 1, long: 1}}
start: {shop_log.START}
end: {shop_log.END}
"""
ALL_METRICS = """
segments: [platform]
metrics:
  primary: [revenue, revenue_capped, paid, late_orders, products]
  secondary: [basket, spent, visits, retained, revenue_per_visit]
"""
EXPERIMENTS = {
    "shop": ALL_METRICS,
    "shop_lin": "method: lin\nmetrics: {primary: [revenue]}",
    "shop_strata": "strata: platform\nmethod: unadjusted\nmetrics: {primary: [revenue]}",
    "shop_age": "covariates: [age]\nmetrics: {primary: [revenue]}",
    "shop_everyone": "metrics: {primary: [{metric: revenue, maturity: all}]}",
}

Frames = dict[str, pd.DataFrame]


def frames() -> Frames:
    rng = np.random.default_rng(7)
    flags = shop_log.flags(rng)
    return {
        "flags": flags,
        "orders": shop_log.orders(rng, flags),
        "visits": shop_log.visits(rng, flags),
        "profiles": shop_log.profiles(rng, flags),
    }


def project_with(new_project: Callable[..., Project], name: str, data: Frames) -> Project:
    project = new_project(
        name, timezone=shop_log.ZONE, late_data_days=3650,
        assignment_models=["flags"], fact_models=["orders", "visits", "profiles"],
    )  # fmt: skip
    stamps = {"seen_at": "timestamp", "saw_at": "timestamp"}
    project.table("flags", data["flags"], stamps, **shop_log.FLAGS)
    project.table("orders", data["orders"], {"ordered_at": "timestamptz"}, **shop_log.ORDERS)
    project.table("visits", data["visits"], {"visited_on": "date"}, **shop_log.VISITS)
    project.table("profiles", data["profiles"], **shop_log.PROFILES)
    for experiment, block in EXPERIMENTS.items():
        project.experiment(experiment, BLOCK + block)
    return project


@pytest.fixture(scope="module")
def data() -> Frames:
    return frames()


@pytest.fixture(scope="module")
def built(new_project: Callable[..., Project], data: Frames) -> Project:
    project = project_with(new_project, "row_level", data)
    project.build()
    return project


@pytest.fixture(scope="module")
def units(data: Frames) -> pd.DataFrame:
    return row_level.first_exposures(data["flags"])


@pytest.fixture(scope="module")
def facts(data: Frames) -> Frames:
    """The events with the columns that folding needs."""
    at = data["orders"]["ordered_at"]
    orders = data["orders"].rename(columns={"buyer": "user_id"})
    visits = data["visits"]
    return {
        "orders": orders.assign(event_at=at, event_day=row_level.local_day(at)),
        "visits": visits.assign(event_at=pd.NaT, event_day=visits["visited_on"]),
    }


@pytest.fixture(scope="module")
def values(units: pd.DataFrame, facts: Frames) -> Frames:
    """Mature units with the values of every metric, crossovers included."""
    return {
        metric: row_level.unit_values(units, facts, metric, as_of(facts))
        for metric in row_level.METRICS
    }


def as_of(facts: Frames) -> str:
    """The last day with rows in every fact (windows are still open then)."""
    return str(min(fact["event_day"].max() for fact in facts.values()).date())


@pytest.fixture(scope="module")
def estimates(built: Project) -> pd.DataFrame:
    return built.query(
        "select * from experiment_estimates where scale = 'absolute' and term = 'effect' "
        "and test = 'difference' and ci_kind not in ('sequential', 'fieller', 'log')"
    )


def published(
    estimates: pd.DataFrame,
    metric: str,
    variant: str,
    method: str,
    experiment: str = "shop",
    **keys: str,
) -> tuple[float, float]:
    """Estimate and standard error of exactly one published row."""
    keys = {
        "experiment_id": experiment, "metric": metric, "variant": variant, "method": method,
        "analysis": "main", "population": "exposed", "segment_dim": "all", "segment_value": "all",
    } | keys  # fmt: skip
    found = estimates
    for column, value in keys.items():
        found = found[found[column] == value]
    assert len(found) == 1, (keys, found[["method", "population", "ci_kind"]])
    return found.iloc[0]["estimate"], found.iloc[0]["std_error"]


def analysed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[~frame["is_crossover"]]


def unadjusted(metric: str) -> str:
    return "ratio" if metric == "revenue_per_visit" else UNADJUSTED


def test_the_log_holds_what_it_should(values: Frames, units: pd.DataFrame, facts: Frames) -> None:
    """Otherwise the comparisons below prove little."""
    assert units["is_crossover"].sum() > 5
    assert units["day"].max() == pd.Timestamp(shop_log.END)
    assert len(values["revenue"]) < len(values["spent"])
    assert (facts["orders"]["event_at"].dt.normalize() != facts["orders"]["event_day"]).mean() > 0.3
    assert as_of(facts) == shop_log.LAST_DAY


def test_as_of_date_is_the_last_complete_day(built: Project, facts: Frames) -> None:
    days = built.rows("select distinct cast(as_of_date as varchar) from experiment_versions")
    assert days == [(as_of(facts),)]


@pytest.mark.parametrize("metric", row_level.METRICS)
def test_unit_values(built: Project, values: Frames, metric: str) -> None:
    """Every slot of `experiment_unit_values` against the folded events of each unit."""
    rows = built.query("select * from experiment_unit_values where experiment_id = 'shop'")
    [(payload,)] = built.rows(
        "select b.payload from experiment_registry m join experiment_registry b "
        "on b.row_kind = 'block' and b.block_id = m.block_id where m.row_kind = 'metric' and "
        f"m.experiment_id = 'shop' and m.analysis = 'main' and m.metric = '{metric}'"
    )
    expected = values[metric]
    names = {"y": "y", "z": "z", "x1": "x", "w1": "w"}
    for part in json.loads(payload)["parts"]:
        fact = rows[rows["fact"] == part["fact"]].set_index("unit_id")
        found = fact[f"{part['phase']}_{part['slot']}"]
        if part["den_slot"]:
            found = found / fact[f"{part['phase']}_{part['den_slot']}"].replace(0, np.nan)
        found = found.reindex(expected.index)
        found = found.fillna(0) if part["missing"] == "zero" else found
        if metric in row_level.CAPPED:
            kept = found[~expected["is_crossover"]]
            found = found.clip(upper=kept.quantile(row_level.CAPPED[metric]))
        np.testing.assert_allclose(found, expected[names[part["name"]]], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("metric", row_level.METRICS)
@pytest.mark.parametrize("method", ["plain", "cuped"])
def test_overall(
    estimates: pd.DataFrame, values: Frames, metric: str, variant: str, method: str
) -> None:
    name = unadjusted(metric) if method == "plain" else method
    expected = row_level.contrast(analysed(values[metric]), variant, name)
    assert published(estimates, metric, variant, name) == pytest.approx(expected, rel=CLOSE)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("platform", ["web", "ios", "android"])
@pytest.mark.parametrize("metric", ["revenue", "paid", "revenue_per_visit"])
def test_segments(
    estimates: pd.DataFrame, values: Frames, metric: str, platform: str, variant: str
) -> None:
    sample = analysed(values[metric])
    sample = sample[sample["platform"] == platform]
    where = {"segment_dim": "platform", "segment_value": platform}
    found = estimates[estimates["segment_value"] == platform]
    method = found[found["metric"] == metric]["method"].iloc[0]
    expected = row_level.contrast(sample, variant, method)
    got = published(found, metric, variant, method, **where)
    assert got == pytest.approx(expected, rel=CLOSE)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("metric", ["revenue", "retained", "revenue_per_visit"])
def test_triggered(estimates: pd.DataFrame, values: Frames, metric: str, variant: str) -> None:
    sample = analysed(values[metric])
    found = estimates[estimates["population"] == "triggered"]
    method = found[found["metric"] == metric]["method"].iloc[0]
    expected = row_level.contrast(sample[sample["is_triggered"]], variant, method)
    got = published(found, metric, variant, method, population="triggered")
    assert got == pytest.approx(expected, rel=CLOSE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_lin(estimates: pd.DataFrame, values: Frames, variant: str) -> None:
    expected = row_level.contrast(analysed(values["revenue"]), variant, "lin")
    got = published(estimates, "revenue", variant, "lin", "shop_lin")
    assert got == pytest.approx(expected, rel=CLOSE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_strata(estimates: pd.DataFrame, values: Frames, variant: str) -> None:
    expected = row_level.stratified(analysed(values["revenue"]), variant)
    got = published(estimates, "revenue", variant, UNADJUSTED, "shop_strata")
    assert got == pytest.approx(expected, rel=CLOSE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_declared_covariate_of_a_fact_without_time(
    estimates: pd.DataFrame, values: Frames, data: Frames, variant: str
) -> None:
    """Two covariates at once: the own pre-period, and an age that is missing for some."""
    age = data["profiles"].set_index("user_id")["age"]
    sample = analysed(values["revenue"]).join(age)
    expected = row_level.contrast(sample, variant, "cuped", ("x", "age"))
    got = published(estimates, "revenue", variant, "cuped", "shop_age")
    assert got == pytest.approx(expected, rel=CLOSE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_first_variant_analysis_counts_crossovers(
    estimates: pd.DataFrame, values: Frames, variant: str
) -> None:
    found = estimates[estimates["analysis"] == "robustness:first_variant"]
    method = found[found["metric"] == "revenue"]["method"].iloc[0]
    expected = row_level.contrast(values["revenue"], variant, method)
    got = published(found, "revenue", variant, method, analysis="robustness:first_variant")
    assert got == pytest.approx(expected, rel=CLOSE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_winsorising(estimates: pd.DataFrame, values: Frames, variant: str) -> None:
    found = estimates[estimates["analysis"] == "robustness:no_winsor"]
    method = found[found["metric"] == "revenue_capped"]["method"].iloc[0]
    expected = row_level.contrast(analysed(values["revenue"]), variant, method)
    got = published(found, "revenue_capped", variant, method, analysis="robustness:no_winsor")
    assert got == pytest.approx(expected, rel=CLOSE)


def test_maturity_all_takes_every_unit(built: Project, units: pd.DataFrame, values: Frames) -> None:
    everyone = units[~units["is_crossover"]].groupby("arm").size()
    mature = analysed(values["revenue"]).groupby("arm").size()
    for experiment, sizes in (("shop_everyone", everyone), ("shop", mature)):
        rows = built.rows(
            "select variant, n_variant, n_baseline from experiment_scorecard "
            f"where experiment_id = '{experiment}' and metric = 'revenue' order by variant"
        )
        expected = [(name, sizes[name], sizes["control"]) for name in sorted(VARIANTS)]
        assert rows == expected


def test_time_zone_order_and_repetition_of_exposures_do_not_matter(
    new_project: Callable[..., Project], built: Project, data: Frames
) -> None:
    flags = pd.concat([data["flags"], data["flags"].sample(300, random_state=3)])
    shuffled = data | {"flags": flags.sample(frac=1, random_state=4, ignore_index=True)}
    project = project_with(new_project, "row_level_shuffled", shuffled)
    project.dbt("run", TZ="Asia/Seoul")
    assert_same_numbers(project, built)
