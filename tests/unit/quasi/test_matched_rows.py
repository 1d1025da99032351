"""From rows of a panel to units and result rows: paths, gaps, covariates before treatment."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from causalops.estimators.quasi import matched_did
from causalops.estimators.quasi.analysis import study_rows
from causalops.estimators.quasi.inputs import Analysis, Metric, Rows, Study
from causalops.estimators.quasi.matched_units import Refusal, Units, units_of

SETTINGS: dict[str, Any] = {
    "alpha": 0.05, "method": "matching", "variant": "treated", "baseline": "untreated",
    "unit": "id", "cluster": None, "exact": None,
}  # fmt: skip
METRIC = Metric("y", "primary", "increase")


def analysis(**settings: Any) -> Analysis:
    bare = Study("e", "matched_did", 1, (METRIC,), {}, frozenset({"bias_corrected", "ipw"}))
    columns = {("metric", "y"): "v_1", ("match", "x"): "v_2"}
    made = Analysis(bare, "main", SETTINGS | settings, columns)
    study = replace(bare, analyses=(made,))
    return replace(made, study=study)


def rows(n: int = 120, periods: int = 2, exact: bool = False, **changed: Any) -> Rows:
    """Units 0, 3, 6, ... are treated from the last period on; their change is 1 higher."""
    rng = np.random.default_rng(3)
    unit, period = np.repeat(np.arange(n), periods), np.tile(np.arange(periods, dtype=float), n)
    x = rng.normal(size=n)[unit]
    treated = unit % 3 == 0
    y = x * period + (treated & (period == periods - 1)) + 0.1 * rng.normal(size=len(unit))
    values: dict[str, Any] = {
        "unit": unit.astype(str).astype(object),
        "cluster": (unit // 2).astype(str).astype(object),
        "period": period,
        "treated_from": np.where(treated, periods - 1.0, np.nan),
        "numbers": {("metric", "y"): y, ("match", "x"): x},
        "labels": ((unit % 2).astype(str).astype(object),) if exact else (),
    }
    return Rows(**(values | changed))


def units(data: Rows, **settings: Any) -> Units:
    found = units_of(data, analysis(**settings), "y")
    assert isinstance(found, Units)
    return found


def refusal(data: Rows, **settings: Any) -> Refusal:
    found = units_of(data, analysis(**settings), "y")
    assert isinstance(found, Refusal)
    return found


def with_numbers(data: Rows, **values: Any) -> Rows:
    named = {("metric" if key == "y" else "match" if key == "x" else key, key): value
             for key, value in values.items()}  # fmt: skip
    return replace(data, numbers={**data.numbers, **named})


def test_changes_are_means_after_less_means_before() -> None:
    data = rows(periods=4)
    found = units(data)
    y = data.metric("y").reshape(120, 4)
    order = [int(name) for name in np.unique(np.arange(120).astype(str))]
    assert found.change == pytest.approx((y[:, 3] - y[:, :3].mean(axis=1))[order])
    assert found.earlier == pytest.approx((y[:, 2] - y[:, 0])[order])
    assert found.treated.sum() == 40
    assert units(rows()).earlier is None


def test_two_columns_say_the_same_as_one() -> None:
    data = rows()
    want = units(data)
    group, post = (data.treated_from == 1).astype(float), (data.period == 1).astype(float)
    bare = replace(data, treated_from=np.full(len(data), np.nan))
    for treated in (group, group * post):  # a group, or on while it lasts
        for period in (data.period, np.full(len(data), np.nan)):
            timed = replace(with_numbers(bare, treated=treated, post=post), period=period)
            found = units(timed)
            assert found.change == pytest.approx(want.change)
            assert (found.treated == want.treated).all()


def test_covariates_are_read_before_treatment_only() -> None:
    data = rows(periods=3)
    x = data.numbers["match", "x"] + 100 * (data.period == 2)
    assert units(with_numbers(data, x=x)).x == pytest.approx(units(data).x)


def test_what_is_lost_is_counted() -> None:
    data = rows(exact=True)
    y, x = data.metric("y").copy(), data.numbers["match", "x"].copy()
    y[0], x[2:4], x[8] = np.nan, np.nan, np.nan  # x of unit 4 is missing before treatment
    labels = data.labels[0].copy()
    labels[12:14] = None
    data = replace(with_numbers(data, y=y, x=x), labels=(labels,))
    keep = np.arange(len(data)) != 20  # unit 10 lacks a period
    part = {name: getattr(data, name)[keep]
            for name in ("unit", "cluster", "period", "treated_from")}  # fmt: skip
    numbers = {key: values[keep] for key, values in data.numbers.items()}
    found = units(Rows(**part, numbers=numbers, labels=(labels[keep],)), exact=("side",))
    assert found.counts.n_units == 120
    assert (found.counts.n_incomplete, found.counts.n_missing) == (1, 4)
    assert found.counts.by_column == {"y": 1, "x": 2, "side": 1}
    assert len(found) == 115


def test_refusals() -> None:
    data = rows()
    start, period = data.treated_from, data.period
    is_treated = np.isfinite(start)
    cases = {
        "no_treated": replace(data, treated_from=start + 5),
        "no_control": replace(data, treated_from=np.ones(len(data))),
        "no_pre_period": replace(data, treated_from=start - 1),
        "treatment_switches_off": replace(data, treated_from=np.where(period == 1, start, np.nan)),
        "duplicate_unit_periods": replace(data, period=np.where(data.unit == "5", 0.0, period)),
        "no_units": replace(data, unit=np.full(len(data), None, dtype=object)),
        "unbalanced_panel": replace(
            data, unit=(data.unit + period.astype(str).astype(object)),
        ),
    }  # fmt: skip
    for reason, bad in cases.items():
        assert refusal(bad).reason == reason
    three = rows(periods=3)
    early = np.where(three.unit == "0", 1.0, three.treated_from)
    assert refusal(replace(three, treated_from=early)).reason == "several_cohorts"
    post = (period == 1).astype(float)
    bare = replace(data, treated_from=np.full(len(data), np.nan))
    for treated, reason in ((is_treated * 2.0, "not_binary"), (0 * post, "no_treated")):
        assert refusal(with_numbers(bare, treated=treated, post=post)).reason == reason
    with_off = with_numbers(bare, treated=is_treated * (1 - post), post=post)
    assert refusal(with_off).reason == "treatment_switches_off"
    all_after = with_numbers(bare, treated=is_treated * 1.0, post=post * 0 + 1)
    assert refusal(all_after).reason == "no_pre_period"


def made(data: Rows, **settings: Any) -> list[dict[str, Any]]:
    one = analysis(**settings)
    return study_rows(one.study, matched_did._metric_rows, lambda _: data, "att")


def test_rows_of_a_study() -> None:
    found = made(rows(400))
    estimates = [row for row in found if row["row_kind"] == "estimate"]
    heads = [row for row in estimates if row["is_headline"]]
    assert [row["method"] for row in heads] == ["matching"]
    assert {row["analysis"] for row in estimates} == {
        "main", "robustness:bias_corrected", "robustness:ipw",
    }  # fmt: skip
    assert {row["method"] for row in estimates if row["analysis"] == "main"} == {
        "matching", "doubly_robust",
    }  # fmt: skip
    for row in estimates:
        assert abs(row["estimate"] - 1) < 4 * row["std_error"]
    assert heads[0]["verdict"] == "better"


def test_exact_columns_keep_cells_apart() -> None:
    """Half of the treated sit where nobody is untreated: they are dropped and counted."""
    data = rows(exact=True)
    is_treated = np.isfinite(data.treated_from)
    lone = np.where(is_treated & (data.labels[0] == "0"), "lone", data.labels[0]).astype(object)
    found = made(replace(data, labels=(lone,)), exact=("side",))
    share = next(row for row in found if row["check_name"] == "matched_share")
    assert json.loads(share["details"])["n_outside_cells"] == 20
    assert 20 <= share["n"] <= 24  # the caliper drops some more
    head = next(row for row in found if row["is_headline"])
    assert head["n_variant"] == 40 - share["n"]


def test_a_column_that_settles_treatment_is_named() -> None:
    data = rows()
    flag = np.where(np.isfinite(data.treated_from), 1.0, 0.0) + 0.01 * data.numbers["match", "x"]
    found = made(with_numbers(data, x=flag))
    head = next(row for row in found if row["is_headline"])
    assert (head["status"], head["reason_code"]) == ("skipped", "no_overlap")
    named = next(row for row in found if row["check_name"] == "separation")
    assert (named["status"], named["covariate"]) == ("fail", "x")


def test_earlier_trends_speak() -> None:
    """Treated units grew faster before treatment too."""
    data = rows(400, periods=3)
    y = data.metric("y") + np.isfinite(data.treated_from) * data.period
    found = made(with_numbers(data, y=y))
    trend = next(row for row in found if row["check_name"] == "pretrends")
    assert (trend["status"], trend["reason_code"]) == ("fail", "trends_differ")
    head = next(row for row in found if row["is_headline"])
    assert (head["status"], head["reason_code"]) == ("warning", "trends_differ")


def test_clusters_need_the_doubly_robust_headline() -> None:
    lone = made(rows(), cluster="team")
    head = next(row for row in lone if row["is_headline"])
    assert (head["status"], head["reason_code"]) == ("skipped", "no_clustered_error")
    assert head["estimate"] is not None
    assert head["std_error"] is None
    other = made(rows(), cluster="team", method="doubly_robust")
    head = next(row for row in other if row["is_headline"])
    assert (head["se_kind"], head["n_clusters_variant"]) == ("cr1", 40)
    # Satterthwaite's over 40 treated and 20 untreated clusters.
    assert 19 < head["df"] < 58
    alone = made(rows(), cluster="id", method="doubly_robust")
    assert next(row for row in alone if row["is_headline"])["se_kind"] == "influence"


@pytest.mark.parametrize("n", [3, 4, 6, 9, 15])
def test_small_panels_never_raise(n: int) -> None:
    for method in ("matching", "doubly_robust"):
        found = made(rows(n), method=method)
        heads = [row for row in found if row["row_kind"] == "estimate" and row["is_headline"]]
        assert len(heads) == 1
        assert heads[0]["status"] != "failed", heads[0]["message"]
