"""Cluster-randomised trials through dbt: row-level arithmetic, and what broken clusters do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from harness import Project

FLAGS: dict[str, Any] = {
    "assignment": {
        "key": "flag", "units": {"user_id": "user_id"}, "variant": "arm", "timestamp": "seen_at",
        "trigger": "saw_it", "segments": ["platform"], "clusters": {"team": "team_id"},
    }
}  # fmt: skip
ORDERS: dict[str, Any] = {
    "fact": {"units": {"user_id": "user_id"}, "timestamp": "ordered_at"},
    "metrics": {
        "revenue": {"type": "sum", "value": "amount", "window_days": 7, "desired": "increase"},
        "basket": {"type": "mean", "value": "amount", "window_days": 7, "desired": "increase"},
        "order_value": {
            "type": "ratio", "numerator": {"type": "sum", "value": "amount"},
            "denominator": {"type": "count"}, "window_days": 7, "desired": "increase",
        },
    },
}  # fmt: skip
PROFILES: dict[str, Any] = {
    "fact": {"units": {"user_id": "user_id"}},
    "metrics": {
        "age": {"type": "sum", "value": "age"},
        "height": {"type": "sum", "value": "height"},
    },
}
BLOCK = """
unit: user_id
variants: {control: 1, t: 1}
start: 2025-03-03
end: 2025-03-09
"""
CLUSTERED = "design: cluster_rct\ncluster: team\n" + BLOCK
METRICS = "metrics: {primary: [revenue], secondary: [order_value, basket]}"
EXPERIMENTS = {
    "few": CLUSTERED + "segments: [platform]\n" + METRICS,
    "many": CLUSTERED + METRICS,
    "split": CLUSTERED + METRICS,
    "lonely": CLUSTERED + METRICS,
    "holes": CLUSTERED + METRICS,
    "plain": "design: ab_test\n" + BLOCK + METRICS,
    "few_age": CLUSTERED + "assignment: {key: few}\ncovariates: [age]\n" + METRICS,
    "many_age": CLUSTERED + "assignment: {key: many}\ncovariates: [age]\n" + METRICS,
    "few_height": CLUSTERED + "assignment: {key: few}\ncovariates: [height]\n" + METRICS,
    "many_height": CLUSTERED + "assignment: {key: many}\ncovariates: [height]\n" + METRICS,
}


def flags() -> pd.DataFrame:
    """Six experiments: teams of unequal size, assigned whole unless the experiment is `split`."""
    rng = np.random.default_rng(3)
    frames = []
    teams = {"few": 10, "many": 20_050, "split": 12, "lonely": 2, "holes": 14, "plain": 30}
    for name, clusters in teams.items():
        sizes = rng.integers(1, 4, clusters) if name == "many" else rng.integers(15, 60, clusters)
        team = np.repeat(np.arange(clusters), sizes)
        arm = np.where(team % 2 == 1, "t", "control")
        if name == "split":
            arm[:5] = "t"
        if name == "plain":
            arm = np.where(np.arange(len(team)) % 2 == 1, "t", "control")
        frame = pd.DataFrame({"flag": name, "team_id": [f"{name}-{t}" for t in team], "arm": arm})
        frame["user_id"] = [f"{name}-u{k}" for k in range(len(frame))]
        frame["platform"] = np.where(rng.random(len(frame)) < 0.5, "web", "app")
        if name == "holes":
            frame.loc[frame.index % 20 == 0, "team_id"] = None
        frame["level"] = rng.normal(size=clusters)[team]
        frame["age"] = np.where(rng.random(len(frame)) < 0.3, np.nan, 40 + 5 * frame["level"])
        frame["height"] = 170 + 9 * frame["level"]
        frame.loc[team % 10 == 7, ["age", "height"]] = np.nan
        frame["saw_it"] = rng.random(len(frame)) < 0.6
        frames.append(frame)
    table = pd.concat(frames, ignore_index=True)
    seconds = rng.integers(0, 7 * 86_400, len(table))
    return table.assign(seen_at=pd.Timestamp("2025-03-03") + pd.to_timedelta(seconds, unit="s"))


def orders(units: pd.DataFrame) -> pd.DataFrame:
    """Orders before and after exposure whose amounts depend on the team; some users have none.

    Teams without a height are silent: no fact has a row of them.
    """
    rng = np.random.default_rng(4)
    units = units[units["height"].notna()]
    buyers = units.loc[np.repeat(units.index, rng.integers(0, 4, len(units)))]
    days = rng.integers(-14, 20, len(buyers))
    stamp = buyers["seen_at"] + pd.to_timedelta(days, unit="D") + pd.Timedelta(minutes=5)
    amount = np.exp(2 + 0.3 * buyers["level"] + 0.5 * rng.normal(size=len(buyers))).round(2)
    return pd.DataFrame({"user_id": buyers["user_id"], "ordered_at": stamp, "amount": amount})


def unit_values(units: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Sum and count of the week from exposure and of the fortnight before it, per user."""
    joined = events.merge(units[["user_id", "seen_at"]], on="user_id")
    days = (joined["ordered_at"].dt.normalize() - joined["seen_at"].dt.normalize()).dt.days
    post = joined[(joined["ordered_at"] >= joined["seen_at"]) & (days < 7)]
    pre = joined[(days < 0) & (days >= -14)]
    result = units.set_index("user_id")
    for name, part in (("", post), ("pre_", pre)):
        folded = part.groupby("user_id")["amount"]
        result[name + "sum"] = folded.sum().reindex(result.index).fillna(0.0)
        result[name + "count"] = folded.count().reindex(result.index).fillna(0)
    return result


def regression(values: pd.Series, units: pd.DataFrame) -> Any:
    """The arm's coefficient with CR1 errors of teams."""
    is_treated = sm.add_constant((units["arm"] == "t").astype(float).to_numpy())
    groups = pd.factorize(units["team_id"])[0]
    return sm.OLS(values.to_numpy(), is_treated).fit(
        cov_type="cluster", cov_kwds={"groups": groups}, use_t=True
    )


def adjusted(units: pd.DataFrame) -> pd.Series:
    """Revenue less its slope on the fortnight before, over the total sample."""
    pre = units["pre_sum"] - units["pre_sum"].mean()
    return units["sum"] - pre * (pre @ units["sum"]) / (pre @ pre)


def linearised(units: pd.DataFrame) -> pd.Series:
    """Order value as (sum - R count) / mean count + R at each arm's own levels."""
    parts = []
    for _, arm in units.groupby("arm"):
        ratio = arm["sum"].sum() / arm["count"].sum()
        parts.append((arm["sum"] - ratio * arm["count"]) / arm["count"].mean() + ratio)
    return pd.concat(parts).reindex(units.index)


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return flags()


@pytest.fixture(scope="module")
def values(log: pd.DataFrame) -> pd.DataFrame:
    return unit_values(log, orders(log))


@pytest.fixture(scope="module")
def built(new_project: Callable[..., Project], log: pd.DataFrame) -> Project:
    facts = ["orders", "profiles"]
    project = new_project("clusters", assignment_models=["flags"], fact_models=facts)
    again = log[log["flag"] == "holes"].tail(3)  # three users are seen in the other arm later
    again = again.assign(arm=again["arm"].map({"t": "control", "control": "t"}),
                         seen_at=again["seen_at"] + pd.Timedelta(hours=1))  # fmt: skip
    seen = pd.concat([log, again], ignore_index=True).drop(columns=["level", "age", "height"])
    project.table("flags", seen, {"seen_at": "timestamp"}, **FLAGS)
    profiles = log.loc[log["height"].notna(), ["user_id", "age", "height"]]
    project.table("profiles", profiles, **PROFILES)
    project.table("orders", orders(log), {"ordered_at": "timestamp"}, **ORDERS)
    for name, block in EXPERIMENTS.items():
        project.experiment(name, block)
    project.build()
    return project


def one(project: Project, where: str, view: str = "estimates") -> pd.Series:
    found = project.query(f"select * from experiment_{view} where {where}")
    assert len(found) == 1, found
    return found.iloc[0]


def analysed(values: pd.DataFrame, name: str) -> pd.DataFrame:
    """Units with a team, seen in one arm."""
    units = values[(values["flag"] == name) & values["team_id"].notna()]
    return units[~units.index.isin(values[values["flag"] == "holes"].tail(3).index)]


HEADLINE = "is_headline and scale = 'absolute' and experiment_id = "
CR1 = "analysis = 'robustness:cr1' and experiment_id = "


@pytest.mark.parametrize("name", ["few", "many", "holes"])
@pytest.mark.parametrize("metric", ["revenue", "order_value"])
def test_rows_give_the_same_numbers(
    built: Project, values: pd.DataFrame, name: str, metric: str
) -> None:
    outcome = {"revenue": adjusted, "order_value": linearised}[metric]
    units = analysed(values, name)
    if metric == "order_value":  # unadjusted beside the adjusted headline
        where = f"experiment_id = '{name}' and metric = '{metric}' and method = 'ratio'"
        where += " and scale = 'absolute' and analysis = 'main' and population = 'exposed'"
        found = one(built, where)
    else:
        found = one(built, f"{HEADLINE}'{name}' and metric = '{metric}'")
        usual = one(built, f"{CR1}'{name}' and metric = '{metric}'")
        fit = regression(outcome(units), units)
        assert usual["std_error"] == pytest.approx(fit.bse[1], rel=1e-9)
        assert usual["p_value"] == pytest.approx(fit.pvalues[1], rel=1e-6)
        assert (usual["df"], usual["se_kind"]) == (units["team_id"].nunique() - 1, "cr1")
    fit = regression(outcome(units), units)
    assert found["estimate"] == pytest.approx(fit.params[1], rel=1e-9)
    assert found["se_kind"] == "cr2"
    assert found["n_clusters_variant"] == units.loc[units["arm"] == "t", "team_id"].nunique()
    # CR2 from the teams' residual totals, each arm's teams corrected by their share of it.
    residual = pd.Series(fit.resid, units.index).groupby([units["arm"], units["team_id"]]).sum()
    size = units.groupby(["arm", "team_id"]).size()
    n = size.groupby("arm").transform("sum")
    assert found["std_error"] ** 2 == pytest.approx(
        (residual**2 / (1 - size / n) / n**2).sum(), rel=1e-8
    )


def test_few_clusters_have_their_own_rows(built: Project, values: pd.DataFrame) -> None:
    few = built.query("select * from experiment_estimates where experiment_id = 'few' "
                      "and metric = 'revenue' and segment_dim = 'all'")  # fmt: skip
    kinds = set(few.loc[few["analysis"] == "main", "ci_kind"])
    assert kinds >= {"fixed", "bootstrap", "permutation", "delta", "fieller"}
    looks = few["ci_kind"] == "sequential"
    assert set(few.loc[looks, "reason_code"]) == {"too_few_to_look"}
    assert (few.loc[~looks, "status"] == "ok").all()
    lift = few[few["is_headline"] & (few["scale"] == "relative")].iloc[0]
    head = few[few["is_headline"] & (few["scale"] == "absolute")].iloc[0]
    assert lift["df"] == head["df"] < 10
    average = few[few["estimand"] == "ate_cluster_average"].iloc[0]
    means = values[values["flag"] == "few"].groupby(["arm", "team_id"])["sum"].mean()
    assert average["estimate"] == pytest.approx(means["t"].mean() - means["control"].mean())
    spread = np.sqrt(means["t"].var() / 5 + means["control"].var() / 5)
    assert average["std_error"] == pytest.approx(spread)
    many = built.query("select distinct ci_kind from experiment_estimates "
                       "where experiment_id = 'many'")["ci_kind"]  # fmt: skip
    assert not {"bootstrap", "permutation"} & set(many)


def test_segments_have_errors_of_clusters(built: Project, values: pd.DataFrame) -> None:
    found = one(built, "experiment_id = 'few' and metric = 'revenue' and segment_value = 'web'"
                " and scale = 'absolute' and analysis = 'main'")  # fmt: skip
    units = values[(values["flag"] == "few") & (values["platform"] == "web")]
    assert found["estimate"] == pytest.approx(regression(adjusted(units), units).params[1])
    assert (found["se_kind"], found["n_clusters_variant"]) == ("cr2", 5)


@pytest.mark.parametrize("name", ["few", "many"])
@pytest.mark.parametrize("covariate", ["age", "height"])
def test_a_covariate_that_some_units_or_whole_clusters_miss(
    built: Project, values: pd.DataFrame, name: str, covariate: str
) -> None:
    """Missing values count as the mean; also where clusters are grouped by size."""
    units = values[values["flag"] == name]
    filled = units[covariate].fillna(units[covariate].mean())
    covariates = np.column_stack([units["pre_sum"], filled])
    covariates -= covariates.mean(axis=0)
    slopes = np.linalg.lstsq(covariates, units["sum"] - units["sum"].mean(), rcond=None)[0]
    fit = regression(units["sum"] - covariates @ slopes, units)
    usual = one(built, f"{CR1}'{name}_{covariate}' and metric = 'revenue'")
    assert usual["estimate"] == pytest.approx(fit.params[1], rel=1e-9)
    assert usual["std_error"] == pytest.approx(fit.bse[1], rel=1e-9)


def test_a_cluster_without_a_part_is_a_row_of_zeros(built: Project, values: pd.DataFrame) -> None:
    units = values[(values["flag"] == "few") & (values["arm"] == "t")]  # the silent team's arm
    parts = built.query(
        "select label, a, max(sum_a) as total from experiment_cluster_moments "
        "where experiment_id = 'few_height' and analysis = 'main' and metric = 'revenue' "
        "and population = 'exposed' and segment_dim = 'all' and variant = 't' group by label, a"
    ).pivot(index="label", columns="a", values="total")
    assert not parts.isna().any(axis=None)
    (counted,) = [name for name in parts if name.startswith("n_")]
    has_height = units.groupby("team_id")["height"].count()
    assert parts[counted].to_dict() == has_height.to_dict()
    assert (parts.loc[has_height == 0, counted.removeprefix("n_")] == 0).all()


def test_triggered_units_and_crossovers_have_errors_of_clusters(
    built: Project, values: pd.DataFrame
) -> None:
    where = "metric = 'revenue' and method = 'difference_in_means' and scale = 'absolute'"
    triggered = one(built, f"{where} and experiment_id = 'few' and population = 'triggered'"
                    " and analysis = 'main'")  # fmt: skip
    units = values[(values["flag"] == "few") & values["saw_it"]]
    assert triggered["estimate"] == pytest.approx(regression(units["sum"], units).params[1])
    assert triggered["se_kind"] == "cr2"
    first = one(built, "experiment_id = 'holes' and metric = 'revenue' and scale = 'absolute'"
                " and analysis = 'robustness:first_variant'")  # fmt: skip
    units = values[(values["flag"] == "holes") & values["team_id"].notna()]
    assert (first["se_kind"], first["n_clusters_variant"]) == ("cr2", 7)
    assert first["n_variant"] + first["n_baseline"] == len(units)
    assert first["estimate"] == pytest.approx(regression(adjusted(units), units).params[1])


def test_large_experiments_leave_by_cluster_size(built: Project) -> None:
    counts = dict(built.rows("select experiment_id, count(distinct label) "
                             "from experiment_cluster_moments group by experiment_id"))  # fmt: skip
    assert counts["many"] == 6  # sizes 1, 2, 3 of two arms
    assert counts["few"] == 10


def test_split_clusters_block(built: Project) -> None:
    check = one(built, "experiment_id = 'split' and check_name = 'cluster_split'", "checks")
    assert (check["status"], check["gates"]) == ("fail", True)
    assert check["value"] == pytest.approx(1 / 12)
    found = one(built, f"{HEADLINE}'split' and metric = 'revenue'")
    assert found["status"] == "blocked"
    assert found["std_error"] > 0
    assert pd.isna(found["verdict"])


def test_one_cluster_per_arm_has_no_error(built: Project) -> None:
    found = one(built, f"{HEADLINE}'lonely' and metric = 'revenue'")
    assert (found["status"], found["reason_code"]) == ("skipped", "too_few_clusters")
    assert abs(found["estimate"]) > 0
    rows = built.query("select std_error, p_value, ci_low from experiment_estimates "
                       "where experiment_id = 'lonely'")  # fmt: skip
    assert rows.isna().all(axis=None)


def test_units_without_a_cluster_are_left_out_and_counted(
    built: Project, log: pd.DataFrame
) -> None:
    check = one(built, "experiment_id = 'holes' and check_name = 'cluster_missing'", "checks")
    units = log[log["flag"] == "holes"]
    assert check["value"] == pytest.approx(units["team_id"].isna().mean())
    assert (check["status"], check["reason_code"]) == ("warn", "cluster_missing")
    found = one(built, f"{HEADLINE}'holes' and metric = 'revenue'")
    assert found["n_variant"] + found["n_baseline"] == units["team_id"].iloc[:-3].notna().sum()


def test_clusters_are_what_is_counted(built: Project) -> None:
    for name, clusters in (("few", (5, 5)), ("many", (10_025, 10_025))):
        rows = built.query(f"select * from experiment_checks where experiment_id = '{name}'")
        srm = rows[rows["check_name"] == "srm"]
        assert set(srm["population"]) == {"first_exposed", "analysed"}
        assert json.loads(srm.iloc[0]["details"])["observed"] == dict(
            zip(("control", "t"), clusters, strict=True)
        )
        assert srm["gates"].all()
        assert not rows.loc[rows["check_name"] == "srm_units", "gates"].any()


@pytest.mark.parametrize("name", ["few", "many"])
def test_intraclass_correlation_and_design_effect(
    built: Project, values: pd.DataFrame, name: str
) -> None:
    units = values[values["flag"] == name]
    arm, team = units.groupby("arm")["sum"], units.groupby(["arm", "team_id"])["sum"]
    n, k, g = len(units), team.size(), team.ngroups
    between = ((team.transform("mean") - arm.transform("mean")) ** 2).sum() / (g - 2)
    within = ((units["sum"] - team.transform("mean")) ** 2).sum() / (n - g)
    typical = (n - (k**2).groupby("arm").sum().div(arm.size()).sum()) / (g - 2)
    icc = (between - within) / (between + (typical - 1) * within)
    where = f"experiment_id = '{name}' and metric = 'revenue'"
    found = one(built, where + " and check_name = 'icc'", "checks")
    assert found["value"] == pytest.approx(icc, rel=1e-8)
    where += " and segment_dim = 'all' and population = 'exposed' and scale = 'absolute'"
    plain = one(built, where + " and analysis = 'main' and method = 'difference_in_means'")
    welch = plain["std_error"] ** 2 / (arm.var() / arm.size()).sum()
    design_effect = json.loads(found["details"])["design_effect"]["t"]
    assert design_effect == pytest.approx(welch, rel=1e-8)


def test_an_ab_test_beside_them_is_untouched(built: Project, values: pd.DataFrame) -> None:
    found = one(built, f"{HEADLINE}'plain' and metric = 'revenue'")
    units = values[values["flag"] == "plain"]
    y = adjusted(units)
    arms = [y[units["arm"] == name] for name in ("t", "control")]
    assert found["estimate"] == pytest.approx(arms[0].mean() - arms[1].mean(), rel=1e-9)
    assert (found["se_kind"], found["status"]) == ("welch", "ok")
    assert pd.isna(found["n_clusters_variant"])
