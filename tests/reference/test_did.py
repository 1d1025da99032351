"""Difference-in-differences against cases, published numbers, and regressions on rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from linearmodels.panel import PanelOLS
from reference_cases import CASES, data, near

from causalops.estimators.quasi import aggregation as ag
from causalops.estimators.quasi import two_by_two as tb
from causalops.estimators.quasi.group_time import GroupTime, group_time
from causalops.estimators.quasi.linear_effects import LinearEffects, covariance, inferences
from causalops.estimators.quasi.panel_moments import (
    NEVER,
    Floats,
    PanelMoments,
    moments_of_panel,
    moments_of_rows,
)
from causalops.estimators.quasi.pretrends import pretrend
from causalops.estimators.quasi.two_way_fixed_effects import two_way_inference

ALPHA = 0.05


def panel(frame: pd.DataFrame, unit: str, time: str, y: str, start: str) -> PanelMoments:
    wide = frame.pivot(index=unit, columns=time, values=y)
    first = frame.groupby(unit)[start].first().loc[wide.index]
    return moments_of_panel(wide.to_numpy(), first, wide.columns.to_numpy())


@pytest.fixture(scope="module")
def mpdta() -> PanelMoments:
    frame = data("mpdta.csv").replace({"first_treat": {0: NEVER}})
    return panel(frame, "countyreal", "year", "lemp", "first_treat")


@pytest.fixture(scope="module")
def castle_rows() -> pd.DataFrame:
    frame = data("castle.csv")
    start = frame[frame["post"] == 1].groupby("sid")["year"].min()
    return frame.assign(start=frame["sid"].map(start).fillna(NEVER))


@pytest.fixture(scope="module")
def castle(castle_rows: pd.DataFrame) -> PanelMoments:
    return panel(castle_rows, "sid", "year", "l_homicide", "start")


def errors(effects: LinearEffects, moments: PanelMoments) -> Floats:
    return np.sqrt(np.diag(covariance(effects, moments).matrix))


def overall(found: GroupTime) -> dict[str, tuple[float, float]]:
    """Estimate and standard error of each overall number."""
    simple = ag.simple(found)
    assert simple is not None
    effects = {"simple": simple}
    for name, made in (
        ("group", ag.by_group(found)),
        ("dynamic", ag.by_event_time(found)),
        ("calendar", ag.by_calendar_time(found)),
    ):
        assert made.overall is not None
        effects[name] = made.overall
    return {
        name: (float(e.estimates[0]), float(errors(e, found.moments)[0]))
        for name, e in effects.items()
    }


def injury_rows() -> pd.DataFrame:
    frame = data("injury.csv")
    return frame[frame["ky"] == 1].reset_index(drop=True)


def test_injury() -> None:
    case, frame = CASES["did_injury_ky"], injury_rows()
    want = case["expected"]
    start = np.where(frame["highearn"] == 1, 1.0, NEVER)
    cells = tb.two_by_two(moments_of_rows(frame["ldurat"], start, frame["afchnge"]))
    assert isinstance(cells, tb.TwoByTwo)
    assert cells.counts.sum() == want["n"]
    classic = tb.inference(cells, "classic", ALPHA)
    assert [classic.estimate, classic.std_error] == near(case, [want["estimate"], want["se"]])
    assert [classic.ci_low, classic.ci_high] == near(case, want["ci"])
    assert classic.p_value == near(case, want["p_value"])
    assert tb.inference(cells, "hc1", ALPHA).std_error == near(case, want["se_hc1"])
    assert round(classic.estimate or 0, 3) == case["published"]["estimate"]
    assert round(classic.std_error or 0, 3) == case["published"]["se"]


def test_repeated_cross_sections_by_cluster_on_rows() -> None:
    """CR1 with clusters that span all four cells, against statsmodels."""
    frame = injury_rows()
    cluster = np.arange(len(frame)) * 7919 % 41
    start = np.where(frame["highearn"] == 1, 1.0, NEVER)
    moments = moments_of_rows(frame["ldurat"], start, frame["afchnge"], cluster)
    cells = tb.two_by_two(moments)
    assert isinstance(cells, tb.TwoByTwo)
    ours = tb.inference(cells, "cr1", ALPHA)
    theirs = smf.ols("ldurat ~ afchnge * highearn", frame).fit(
        cov_type="cluster", cov_kwds={"groups": cluster}, use_t=True
    )
    name = "afchnge:highearn"
    assert ours.estimate == pytest.approx(theirs.params[name], rel=1e-8)
    assert ours.std_error == pytest.approx(theirs.bse[name], rel=1e-6)
    assert ours.p_value == pytest.approx(theirs.pvalues[name], rel=1e-6)
    # The same number again as a two-way regression of four cells.
    again, kind = two_way_inference(moments, ALPHA)
    assert kind == "cr1"
    assert again.estimate == pytest.approx(theirs.params[name], rel=1e-8)
    assert again.std_error == pytest.approx(theirs.bse[name], rel=1e-6)


def test_castle_two_way(castle: PanelMoments, castle_rows: pd.DataFrame) -> None:
    case = CASES["did_castle_twfe"]
    want = case["expected"]
    ours, kind = two_way_inference(castle, ALPHA)
    assert kind == "cr1"
    assert castle.cells.sum() == want["n"]
    assert [ours.estimate, ours.std_error] == near(case, [want["estimate"], want["se"]])
    assert ours.p_value == near(case, want["p_value"])
    # On rows: dummies, whose factor counts all 61 columns instead of 12.
    dummies = smf.ols("l_homicide ~ post + C(sid) + C(year)", castle_rows).fit(
        cov_type="cluster", cov_kwds={"groups": castle_rows["sid"]}
    )
    rows = len(castle_rows)
    factor = np.sqrt((rows - 61) / (rows - 12))
    assert ours.estimate == pytest.approx(dummies.params["post"], rel=1e-8)
    assert ours.std_error == pytest.approx(dummies.bse["post"] * factor, rel=1e-6)
    within = PanelOLS.from_formula(
        "l_homicide ~ post + EntityEffects + TimeEffects", castle_rows.set_index(["sid", "year"])
    ).fit()
    assert ours.estimate == pytest.approx(within.params["post"], rel=1e-8)


def test_mpdta_group_time(mpdta: PanelMoments) -> None:
    case = CASES["cs_mpdta_nocov"]
    want = case["expected"]
    found = group_time(mpdta)
    names = [f"{g:.0f}_{t:.0f}" for g, t in zip(found.starts, found.times, strict=True)]
    assert mpdta.sizes.sum() == want["n_units"]
    assert dict(zip(names, found.effects.estimates, strict=True)) == near(case, want["att_gt"])
    found_errors = errors(found.effects, mpdta)
    assert dict(zip(names, found_errors, strict=True)) == near(case, want["se_gt"])


def test_mpdta_aggregates(mpdta: PanelMoments) -> None:
    case = CASES["cs_mpdta_nocov"]
    want, found = case["expected"], group_time(mpdta)
    numbers = overall(found)
    assert list(numbers["simple"]) == near(case, [want["simple"]["estimate"], want["simple"]["se"]])
    assert numbers["dynamic"][0] == near(case, want["event_overall"])
    assert numbers["group"][0] == near(case, want["group_overall"])
    dynamic = ag.by_event_time(found)
    made = zip(dynamic.parameter, dynamic.effects.estimates, errors(dynamic.effects, mpdta),
               strict=True)  # fmt: skip
    for event_time, estimate, error in made:
        event = want["event"][f"{event_time:.0f}"]
        assert [estimate, error] == near(case, [event["estimate"], event["se"]])
    group = ag.by_group(found)
    names = [f"{start:.0f}" for start in group.parameter]
    assert dict(zip(names, group.effects.estimates, strict=True)) == near(case, want["group"])


def test_mpdta_pretrend_as_published(mpdta: PanelMoments) -> None:
    """The p-value that R's `did` prints for these data without covariates."""
    found = pretrend(group_time(mpdta))
    assert found.df == 5
    assert found.p_value == pytest.approx(0.16812, abs=5e-6)


# Estimates and standard errors (simple, group, dynamic, calendar) by csdid 0.4.3, est_method reg,
# no covariates, analytic errors.
CSDID = {
    ("mpdta", "never", "varying", 1.0): (
        (-0.045205540684, 0.016683131272),
        (-0.049777513241, 0.017385060989),
        (-0.044734304424, 0.018611707604),
        (-0.030703566817, 0.017020651343),
    ),
    ("mpdta", "not_yet", "varying", 0.0): (
        (-0.039763625623, 0.012052424787),
        (-0.030462228113, 0.012575120132),
        (-0.077399313971, 0.019560176946),
        (-0.044267083476, 0.015570904421),
    ),
    ("castle", "never", "universal", 0.0): (
        (0.019402816185, 0.038388646048),
        (0.011527828643, 0.039618385615),
        (0.059054180236, 0.034329367818),
        (0.058993111793, 0.029138993996),
    ),
    ("castle", "not_yet", "varying", 0.0): (
        (0.017412055111, 0.039620467197),
        (0.009362650520, 0.041349543203),
        (0.057470974405, 0.034937379454),
        (0.052696122143, 0.030121606611),
    ),
    ("all_treated", "not_yet", "varying", 0.0): (
        (-0.041790714948, 0.020454315073),
        (-0.011442613888, 0.017978048145),
        (-0.073559193881, 0.024969635548),
        (-0.051658445508, 0.020913367640),
    ),
}


@pytest.mark.parametrize("key", CSDID, ids=lambda key: "-".join(map(str, key)))
def test_options_against_csdid(
    key: tuple[str, str, str, float], mpdta: PanelMoments, castle: PanelMoments
) -> None:
    name, comparison, base, anticipation = key
    moments = {"mpdta": mpdta, "castle": castle, "all_treated": mpdta.keep(mpdta.treated)}[name]
    numbers = overall(group_time(moments, comparison, base, anticipation))
    for (kind, ours), theirs in zip(numbers.items(), CSDID[key], strict=True):
        assert ours[0] == pytest.approx(theirs[0], abs=1e-10), kind
        assert ours[1] == pytest.approx(theirs[1], rel=1e-8), kind


@pytest.fixture(scope="module")
def clustered_units() -> dict[str, Floats]:
    """240 units in 24 clusters over six periods; 10 clusters are treated from period 3 on."""
    rng = np.random.default_rng(8)
    cluster = np.repeat(np.arange(24), 10)
    shocks = rng.normal(size=(24, 6)).cumsum(axis=1)
    values = shocks[cluster] + rng.normal(size=(240, 6)) + 3 * rng.normal(size=(240, 1))
    start = np.where(cluster < 10, 3.0, NEVER)
    return {"y": values, "start": start, "cluster": cluster.astype(float)}


def test_group_time_by_cluster_on_rows(clustered_units: dict[str, Floats]) -> None:
    """Each group's mean change has statsmodels' CR1 error; the two groups are independent."""
    y, start, cluster = (clustered_units[name] for name in ("y", "start", "cluster"))
    moments = moments_of_panel(y, start, range(6), cluster)
    found = group_time(moments, base="universal")
    ours = inferences(found.effects, covariance(found.effects, moments), moments, ALPHA)
    for k in np.flatnonzero(~found.is_reference):
        change = y[:, found.period[k]] - y[:, found.base[k]]
        level, variance, parts = [], [], []
        for group in (np.isfinite(start), ~np.isfinite(start)):
            fit = sm.OLS(change[group], np.ones(group.sum())).fit(
                cov_type="cluster", cov_kwds={"groups": cluster[group]}
            )
            level.append(fit.params[0])
            variance.append(fit.bse[0] ** 2)
            parts.append(len(np.unique(cluster[group])) - 1)
        assert ours[k].estimate == pytest.approx(level[0] - level[1], rel=1e-8)
        assert ours[k].std_error == pytest.approx(np.sqrt(sum(variance)), rel=1e-6)
        below = sum(v * v / n for v, n in zip(variance, parts, strict=True))
        assert ours[k].df == pytest.approx(sum(variance) ** 2 / below, rel=1e-6)


def test_two_way_by_cluster_on_rows(clustered_units: dict[str, Floats]) -> None:
    y, start, cluster = (clustered_units[name] for name in ("y", "start", "cluster"))
    ours, _ = two_way_inference(moments_of_panel(y, start, range(6), cluster), ALPHA)
    long = pd.DataFrame({
        "y": y.ravel(), "t": np.tile(np.arange(6), 240), "unit": np.repeat(np.arange(240), 6),
        "cluster": np.repeat(cluster, 6),
    })  # fmt: skip
    long["d"] = (long["t"] >= np.repeat(start, 6)).astype(float)
    # Within-transformed by hand; statsmodels then counts one parameter instead of seven.
    for name in ("y", "d"):
        column = long[name] - long.groupby("unit")[name].transform("mean")
        long[name] = column - column.groupby(long["t"]).transform("mean")
    fit = sm.OLS(long["y"], long["d"]).fit(
        cov_type="cluster", cov_kwds={"groups": long["cluster"]}, use_t=True
    )
    factor = np.sqrt((len(long) - 1) / (len(long) - 7))
    assert ours.estimate == pytest.approx(fit.params["d"], rel=1e-8)
    assert ours.std_error == pytest.approx(fit.bse["d"] * factor, rel=1e-6)
    assert ours.df == 23


def test_collapsed_panel_on_rows(clustered_units: dict[str, Floats]) -> None:
    """The change of each unit's mean on `treated`, with all three errors of OLS."""
    y, start, cluster = (clustered_units[name] for name in ("y", "start", "cluster"))
    cells = tb.two_by_two(moments_of_panel(y, start, range(6), cluster))
    assert isinstance(cells, tb.TwoByTwo)
    change = y[:, 3:].mean(axis=1) - y[:, :3].mean(axis=1)
    model = sm.OLS(change, sm.add_constant(np.isfinite(start).astype(float)))
    fits = {
        "classic": model.fit(),
        "hc1": model.fit(cov_type="HC1", use_t=True),
        "cr1": model.fit(cov_type="cluster", cov_kwds={"groups": cluster}, use_t=True),
    }
    for error, fit in fits.items():
        ours = tb.inference(cells, error, ALPHA)
        assert ours.estimate == pytest.approx(fit.params[1], rel=1e-8), error
        assert ours.std_error == pytest.approx(fit.bse[1], rel=1e-6), error
        assert ours.p_value == pytest.approx(fit.pvalues[1], rel=1e-6), error
    # By side: statsmodels' CR1 error of each group's mean, which are independent.
    parts = []
    for group in (np.isfinite(start), ~np.isfinite(start)):
        alone = sm.OLS(change[group], np.ones(group.sum())).fit(
            cov_type="cluster", cov_kwds={"groups": cluster[group]}
        )
        parts.append((alone.bse[0] ** 2, len(np.unique(cluster[group])) - 1))
    total = sum(variance for variance, _ in parts)
    ours = tb.inference(cells, "influence", ALPHA)
    assert ours.std_error == pytest.approx(np.sqrt(total), rel=1e-6)
    assert ours.df == pytest.approx(total**2 / sum(v * v / n for v, n in parts), rel=1e-6)


def test_no_control_is_refused() -> None:
    case = CASES["edge_did_no_control"]
    assert case["expected_status"] == "no_control"
    rng = np.random.default_rng(1)
    moments = moments_of_panel(rng.normal(size=(50, 4)), np.full(50, 2.0), range(4))
    found = group_time(moments)
    assert not found.effects.estimates.size
    assert {reason for *_, reason in found.missing} == {"no_control"}
    assert tb.two_by_two(moments) == "no_control"
    ours, _ = two_way_inference(moments, ALPHA)
    assert (ours.status, ours.reason_code, ours.p_value) == ("skipped", "no_control", None)
