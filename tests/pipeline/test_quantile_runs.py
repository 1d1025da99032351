"""Quantiles through dbt and from rows: the same numbers, to 1e-9."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import row_level
import row_quantiles
import shop_log
from harness import Project

CLOSE = 1e-9
VARIANTS = ("short", "long")
QUANTILE = {"type": "quantile", "desired": "decrease"}
ORDERS = {
    "fact": shop_log.ORDERS["fact"],
    "metrics": {
        "price": QUANTILE | {"value": "amount", "level": "event", "window_days": 7,
                             "quantiles": [0.9, 0.5, 0.25]},
        "late_paid": QUANTILE | {"value": "amount", "level": "event", "window_days": 4,
                                 "delay_days": 1, "filter": {"status": "paid"}},
        "any_price": QUANTILE | {"value": "amount", "level": "event", "quantiles": [0.75]},
        "grade": QUANTILE | {"value": "product", "level": "event", "window_days": 7},
        "spend": QUANTILE | {"value": "amount", "window_days": 7,
                             "quantiles": [0.5, 0.25, 0.75, 0.9, 0.995]},
        "spend_zero": QUANTILE | {"value": "amount", "window_days": 7, "missing": "zero",
                                  "quantiles": [0.7, 0.05, 0.9]},
        "gain": QUANTILE | {"value": "gain", "window_days": 2, "missing": "zero",
                            "quantiles": [0.1, 0.5, 0.95]},
    },
}  # fmt: skip
VISITS = {
    "fact": shop_log.VISITS["fact"],
    "metrics": {"stay": QUANTILE | {"value": "seconds", "level": "event", "window_days": 6,
                                    "quantiles": [0.5, 0.95]}},
}  # fmt: skip
PROFILES = {
    "fact": shop_log.PROFILES["fact"],
    "metrics": {
        "age": QUANTILE | {"value": "age", "quantiles": [0.5, 0.9]},
        "age_events": QUANTILE | {"value": "age", "level": "event", "quantiles": [0.5]},
    },
}
BLOCK = f"""
design: ab_test
assignment: {{key: shop}}
unit: user_id
variants: {{control: 1, short: 1, long: 1}}
start: {shop_log.START}
end: {shop_log.END}
segments: [platform]
metrics:
  primary: [spend, spend_zero, gain]
  secondary: [stay, late_paid, any_price, grade, age, age_events]
  guardrail: [{{metric: price, margin: 0.3}}]
robustness: [unadjusted, {{name: short, set: {{metrics.price.window_days: 3}}}}]
"""


@dataclass(frozen=True)
class Measure:
    """How a metric reads its events: days after exposure, and what silent units are."""

    fact: str
    column: str
    is_event: bool
    first: int = 0
    last: int | None = 6
    where: str | None = None
    is_zero_filled: bool = False


METRICS = {
    "price": Measure("orders", "amount", True),
    "late_paid": Measure("orders", "amount", True, 1, 4, "status == 'paid'"),
    "any_price": Measure("orders", "amount", True, last=None),
    "grade": Measure("orders", "product", True),
    "spend": Measure("orders", "amount", False),
    "spend_zero": Measure("orders", "amount", False, is_zero_filled=True),
    "gain": Measure("orders", "gain", False, last=1, is_zero_filled=True),
    "stay": Measure("visits", "seconds", True, last=5),
    "age": Measure("profiles", "age", False),
    "age_events": Measure("profiles", "age", True),
}
Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def data() -> Frames:
    """The shop log with hostile values, ties, negative values and zeros of both signs."""
    rng = np.random.default_rng(7)
    flags = shop_log.flags(rng)
    orders = shop_log.orders(rng, flags)
    orders["gain"] = (orders["amount"] - 7).round(1)
    orders.loc[rng.choice(len(orders), 90, replace=False), "gain"] = -0.0
    bad = rng.choice(len(orders), 60, replace=False)
    orders.loc[bad, "amount"] = np.resize([np.nan, np.inf, -np.inf, 1e300], len(bad))
    visits = shop_log.visits(rng, flags)
    visits["seconds"] = rng.lognormal(3, 1, len(visits)).round(1)
    return {"flags": flags, "orders": orders, "visits": visits,
            "profiles": shop_log.profiles(rng, flags)}  # fmt: skip


def project_with(new_project: Callable[..., Project], name: str, data: Frames) -> Project:
    project = new_project(
        name, timezone=shop_log.ZONE, late_data_days=3650,
        assignment_models=["flags"], fact_models=["orders", "visits", "profiles"],
    )  # fmt: skip
    stamps = {"seen_at": "timestamp", "saw_at": "timestamp"}
    project.table("flags", data["flags"], stamps, **shop_log.FLAGS)
    project.table("orders", data["orders"], {"ordered_at": "timestamptz"}, **ORDERS)
    project.table("visits", data["visits"], {"visited_on": "date"}, **VISITS)
    project.table("profiles", data["profiles"], **PROFILES)
    project.experiment("shop", BLOCK)
    return project


@pytest.fixture(scope="module")
def built(new_project: Callable[..., Project], data: Frames) -> Project:
    project = project_with(new_project, "quantiles", data)
    project.build()
    return project


@pytest.fixture(scope="module")
def estimates(built: Project) -> pd.DataFrame:
    return built.query("select * from experiment_estimates")


@pytest.fixture(scope="module")
def units(data: Frames) -> pd.DataFrame:
    return row_level.first_exposures(data["flags"])


@pytest.fixture(scope="module")
def facts(data: Frames) -> Frames:
    at = data["orders"]["ordered_at"]
    orders = data["orders"].rename(columns={"buyer": "user_id"})
    visits, profiles = data["visits"], data["profiles"]
    return {
        "orders": orders.assign(event_at=at, event_day=row_level.local_day(at)),
        "visits": visits.assign(event_at=pd.NaT, event_day=visits["visited_on"]),
        "profiles": profiles.assign(event_at=pd.NaT, event_day=pd.NaT),
    }


def values(units: pd.DataFrame, facts: Frames, name: str, last: int | None = None) -> pd.DataFrame:
    """One row per event, or per unit, of the mature units: user_id, value, the unit's columns."""
    measure = METRICS[name]
    last = measure.last if last is None else last
    events = facts[measure.fact].merge(units, left_on="user_id", right_index=True)
    if measure.fact != "profiles":
        offset = (events["event_day"] - events["day"]).dt.days
        open_to = (pd.Timestamp(shop_log.END) - events["day"]).dt.days
        is_after = offset.between(measure.first, open_to if last is None else last)
        events = events[is_after & ~(events["event_at"] < events["seen_at"])]
        if last is not None:
            closes = pd.Timestamp(shop_log.LAST_DAY) - pd.Timedelta(days=last)
            events = events[events["day"] <= closes]
            units = units[units["day"] <= closes]
    events = events.query(measure.where) if measure.where else events
    value = pd.to_numeric(events[measure.column])
    events = events.assign(value=value.where(value.abs() <= 1e75)).dropna(subset="value")
    if measure.is_event:
        return events
    summed = events.groupby("user_id")["value"].sum().reindex(units.index)
    summed = summed.fillna(0.0) if measure.is_zero_filled else summed
    return units.assign(value=summed).reset_index(names="user_id").dropna(subset="value")


def check(estimates: pd.DataFrame, sample: pd.DataFrame, name: str, quantiles: list[float],
          **keys: str) -> set[str | None]:  # fmt: skip
    """Every published absolute effect of a metric against rows; the reasons that were met."""
    keys = {"analysis": "main", "population": "exposed", "segment_dim": "all",
            "segment_value": "all"} | keys  # fmt: skip
    found = estimates[(estimates["metric"] == name) & (estimates["scale"] == "absolute")
                      & (estimates["ci_kind"] == "fixed")]  # fmt: skip
    for column, value in keys.items():
        found = found[found[column] == value]
    assert set(found["parameter"]) == set(quantiles)
    assert len(found) == len(quantiles) * len(VARIANTS)
    reasons: set[str | None] = set()
    for row in found.itertuples():
        arms = [sample[sample["arm"] == arm] for arm in (row.variant, "control")]
        want = row_quantiles.expected(
            arms[0], arms[1], row.parameter, METRICS[name].is_event
        )  # fmt: skip
        reasons.add(want.reason)
        assert row.estimate == pytest.approx(want.estimate, rel=CLOSE, abs=1e-12)
        assert (row.n_variant, row.n_baseline) == want.n
        assert (row.n_obs_variant, row.n_obs_baseline) == want.n_obs
        assert (row.method, row.estimand, row.parameter_name) == (
            "event_quantile" if METRICS[name].is_event else "quantile", "qte", "quantile",
        )  # fmt: skip
        if want.reason:
            assert (row.status, row.reason_code) == ("skipped", want.reason)
            assert pd.isna(row.std_error)
            assert pd.isna(row.p_value)
        else:
            assert row.std_error == pytest.approx(want.std_error, rel=CLOSE)
    return reasons


def analysed(sample: pd.DataFrame) -> pd.DataFrame:
    return sample[~sample["is_crossover"]]


ASKED = {name: metric.get("quantiles", [0.5])
         for fact in (ORDERS, VISITS, PROFILES)
         for name, metric in fact["metrics"].items()}  # fmt: skip
MET = {"grade": {"mass_point"}, "spend": {None, "few_beyond"}, "spend_zero": {None, "mass_point"},
       "gain": {None, "mass_point"}}  # fmt: skip


@pytest.mark.parametrize("name", METRICS)
def test_every_quantile_of_all_units(
    estimates: pd.DataFrame, units: pd.DataFrame, facts: Frames, name: str
) -> None:
    sample = analysed(values(units, facts, name))
    assert check(estimates, sample, name, ASKED[name]) == MET.get(name, {None})


@pytest.mark.parametrize("platform", ["web", "ios", "android"])
@pytest.mark.parametrize("name", ["price", "spend", "gain"])
def test_segments_have_the_headline_quantile(
    estimates: pd.DataFrame, units: pd.DataFrame, facts: Frames, name: str, platform: str
) -> None:
    sample = analysed(values(units, facts, name))
    sample = sample[sample["platform"] == platform]
    check(estimates, sample, name, ASKED[name][:1], segment_dim="platform", segment_value=platform)


@pytest.mark.parametrize("name", ["price", "spend", "gain", "stay"])
def test_triggered_units(
    estimates: pd.DataFrame, units: pd.DataFrame, facts: Frames, name: str
) -> None:
    sample = analysed(values(units, facts, name))
    sample = sample[sample["is_triggered"]]
    check(estimates, sample, name, ASKED[name], population="triggered")


@pytest.mark.parametrize("name", ["price", "spend", "gain"])
def test_crossovers_by_their_first_variant(
    estimates: pd.DataFrame, units: pd.DataFrame, facts: Frames, name: str
) -> None:
    sample = values(units, facts, name)
    check(estimates, sample, name, ASKED[name], analysis="robustness:first_variant")


def test_another_window_is_another_analysis(
    estimates: pd.DataFrame, units: pd.DataFrame, facts: Frames
) -> None:
    sample = analysed(values(units, facts, "price", last=2))
    check(estimates, sample, "price", ASKED["price"], analysis="robustness:short")
    assert set(estimates["analysis"]) == {"main", "robustness:first_variant", "robustness:short"}


def test_headlines_margin_band_and_curve(built: Project, estimates: pd.DataFrame) -> None:
    """The first listed quantile is the headline, on both scales, and alone carries the margin."""
    price = estimates[(estimates["metric"] == "price") & (estimates["analysis"] == "main")]
    heads = price[price["is_headline"]]
    assert sorted(zip(heads["variant"], heads["scale"], heads["parameter"], strict=True)) == [
        (v, s, 0.9) for v in sorted(VARIANTS) for s in ("absolute", "relative")
    ]
    margins = price[price["test"] == "non_inferiority"]
    assert list(margins["parameter"]) == [0.9, 0.9]
    assert list(margins["null_value"]) == [0.3, 0.3]
    assert set(margins["alternative"]) == {"less"}
    whole = price[(price["segment_dim"] == "all") & (price["population"] == "exposed")]
    fixed = whole[(whole["ci_kind"] == "fixed")].set_index(["variant", "parameter"])
    uniform = price[price["ci_kind"] == "uniform"].set_index(["variant", "parameter"])
    assert len(uniform) == 6
    half = {kind: (frame["ci_high"] - frame["ci_low"]) / 2 / frame["std_error"]
            for kind, frame in (("fixed", fixed), ("uniform", uniform))}  # fmt: skip
    np.testing.assert_allclose(half["fixed"], row_quantiles.Z)
    assert half["uniform"].between(2.1, 2.4).all()
    curve = built.query("select * from experiment_curves where curve = 'quantile_effect' and "
                        "metric = 'price' and variant = 'short' order by seq")  # fmt: skip
    assert list(curve["x"]) == [0.25, 0.5, 0.9]
    assert set(curve["band_kind"]) == {"uniform"}
    row = uniform.loc[("short", 0.5)]
    assert tuple(curve.loc[1, ["y", "y_low", "y_high"]]) == pytest.approx(
        (row["estimate"], row["ci_low"], row["ci_high"]), rel=1e-12
    )


def test_the_correlation_of_event_quantiles_is_measured(
    built: Project, units: pd.DataFrame, facts: Frames
) -> None:
    sample = analysed(values(units, facts, "price"))
    arm = sample[sample["arm"] == "control"]
    counts = arm.groupby("user_id")["value"].count()
    below = {q: (arm["value"] <= np.quantile(arm["value"], q)).groupby(arm["user_id"]).sum()
             for q in (0.25, 0.9)}  # fmt: skip
    e = [s - s.sum() / counts.sum() * counts for s in below.values()]
    expected = len(counts) / (len(counts) - 1) * (e[0] @ e[1]) / counts.sum() ** 2
    [(found,)] = built.rows(
        "select covariance from experiment_event_quantiles where metric = 'price' and analysis = "
        "'main' and variant = 'control' and population = 'exposed' and segment_dim = 'all' and "
        "quantile_a = 0.25 and quantile_b = 0.9"
    )
    assert found == pytest.approx(expected, rel=CLOSE)


def test_checks_about_means_are_silent_and_missing_units_are_compared(built: Project) -> None:
    found = built.rows("select distinct metric, check_name from experiment_checks")
    names = {check for metric, check in found if metric in METRICS}
    assert names == {"missing_by_arm", "immature_by_arm", "nonfinite", "effect_by_segment"}
    assert {metric for metric, check in found if check == "nonfinite"} >= {"price", "spend"}
    curves = built.rows("select distinct curve from experiment_curves where metric <> 'none'")
    assert set(curves) == {("quantile_effect",), ("power",)}


def test_order_and_repetition_do_not_matter(
    new_project: Callable[..., Project], built: Project, data: Frames
) -> None:
    """Shuffled rows: no order statistic of events differs by a bit (sums may)."""
    shuffled = {name: frame.sample(frac=1, random_state=5, ignore_index=True)
                for name, frame in data.items()}  # fmt: skip
    project = project_with(new_project, "quantiles_shuffled", shuffled)
    project.dbt("run")
    query = (
        "select * exclude (share_error, low, high) from experiment_order_stats "
        "where metric not in ('spend', 'spend_zero', 'gain') order by all"
    )
    assert len(built.rows(query)) > 100
    assert project.rows(query) == built.rows(query)
