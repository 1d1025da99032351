"""Looking early: the always-valid companion, planned looks and their rows, the Bayesian rows."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import stats_tables as st

from causalops.estimators.randomised import ab_test
from causalops.estimators.randomised.planned_looks import schedule
from causalops.moments import from_rows
from causalops.results import Row
from causalops.sequential import always_valid, boundaries, spent

HALF: dict[str, float | None] = {"control": 0.5, "t": 0.5}
DAYS = 20  # of enrolment; windows close six days later
WINDOW = 6
METRIC = {"metric": "y", "mature_days": WINDOW}
LOOKS = [st.START + dt.timedelta(days=WINDOW + k) for k in (4, 9, 14, 19)]
GROUP = {"kind": "group_sequential", "looks": [str(d) for d in LOOKS], "spending": "pocock"}


def log(n: int = 4000, effect: float = 0.0, seed: int = 1) -> pd.DataFrame:
    """n units, the same number in each arm on each of the days of enrolment."""
    rng = np.random.default_rng(seed)
    units = pd.DataFrame({"variant": np.where(np.arange(n) % 2, "t", "control")})
    units["y"] = 10 + rng.normal(size=n) + effect * (units["variant"] == "t")
    units["day"] = [st.START + dt.timedelta(days=k * DAYS // n) for k in range(n)]
    return units


def seen(units: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    """The units whose window had closed."""
    return units[units["day"] <= as_of - dt.timedelta(days=WINDOW)]


def daily(units: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (day, variant), part in units.groupby(["day", "variant"]):
        key = {"experiment_id": "exp", "metric": "y", "day_kind": "cohort", "variant": variant,
               "day": day, "day_offset": None}  # fmt: skip
        rows += [key | row for row in st.pair_rows(from_rows({"y": part["y"].to_numpy()}))]
    return pd.DataFrame(rows)


def run(
    units: pd.DataFrame, as_of: dt.date, *, published: list[dt.date] | None = None,
    sequential: dict[str, Any] | None = None, metric: dict[str, Any] = METRIC,
    n_planned: int = 2000, phase: str = "enrolling", bayesian: dict[str, Any] | None = None,
    parts: tuple[str, ...] = ("y",),
) -> list[Row]:  # fmt: skip
    known = seen(units, as_of)
    versions = pd.DataFrame(
        [{"experiment_id": "exp", "version": k + 1, "as_of_date": day}
         for k, day in enumerate(published or [])],
        columns=["experiment_id", "version", "as_of_date"],
    )  # fmt: skip
    payload = json.dumps({"seed": 7, "sequential": sequential, "bayesian": bayesian})
    return ab_test.run(
        st.due(phase=phase, as_of_date=as_of),
        st.registry([metric], HALF, payload=payload, n_planned=n_planned),
        st.moments(known, parts=parts), st.NO_PROFILE, st.NO_CAPS, daily(known),
        st.counts({"control": {"enrolled": 1000}, "t": {"enrolled": 1000}}), published=versions,
    )  # fmt: skip


def pick(rows: list[Row], **wanted: Any) -> list[Row]:
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def one(rows: list[Row], **wanted: Any) -> Row:
    found = pick(rows, **wanted)
    assert len(found) == 1, found
    return found[0]


def head(rows: list[Row], scale: str = "absolute") -> Row:
    return one(rows, is_headline=True, scale=scale)


# The always-valid companion.


def test_the_companion_repeats_the_headline_with_another_interval() -> None:
    rows = run(log(effect=0.05), LOOKS[1])
    row, fixed = one(rows, ci_kind="sequential", row_kind="estimate"), head(rows)
    expected = always_valid(fixed["estimate"], fixed["std_error"], (1000, 1000), 2000, 0.05)
    for name in ("estimate", "std_error", "p_value", "ci_low", "ci_high"):
        assert row[name] == pytest.approx(getattr(expected, name))
    assert row["ci_high"] - row["ci_low"] > fixed["ci_high"] - fixed["ci_low"]
    assert (row["analysis"], row["method"], row["verdict"]) == ("main", fixed["method"], None)
    assert row["info_fraction"] == 0.5
    assert (row["p_family"], row["p_adjusted"], row["mde"]) == (None, None, None)


@pytest.mark.parametrize(
    ("effect", "desired", "word"),
    [
        (-0.5, "increase", "worse"),
        (0.5, "increase", "too_early"),
        (0.5, "decrease", "worse"),
        (-0.5, "decrease", "too_early"),
        (-0.5, None, "too_early"),
        (-0.02, "increase", "too_early"),
    ],
)
def test_early_only_harm_may_be_said(effect: float, desired: str | None, word: str) -> None:
    rows = run(log(effect=effect), LOOKS[0], metric=METRIC | {"desired": desired})
    assert (head(rows)["verdict"], head(rows, "relative")["verdict"]) == (word, word)
    companion = one(rows, ci_kind="sequential", row_kind="estimate")
    assert companion["verdict"] == ("worse" if word == "worse" else None)
    done = run(log(effect=effect), LOOKS[3], metric=METRIC | {"desired": desired}, phase="complete")
    assert head(done)["verdict"] != "too_early"


def test_placebo_metrics_are_never_harmful_early() -> None:
    metric = METRIC | {"metric_role": "placebo"}
    assert head(run(log(effect=-0.5), LOOKS[0], metric=metric))["verdict"] == "too_early"


def test_too_few_units_for_a_companion() -> None:
    rows = run(log(n=400), LOOKS[0])
    row = one(rows, ci_kind="sequential", row_kind="estimate")
    assert (row["status"], row["reason_code"]) == ("skipped", "too_few_to_look")
    assert row["ci_low"] is None
    assert head(rows)["status"] == "ok"
    nobody = run(log(), st.START)
    row = one(nobody, ci_kind="sequential", row_kind="estimate")
    assert (row["status"], row["reason_code"]) == ("skipped", "no_units")


def test_the_curve_has_both_bands() -> None:
    rows = run(log(), LOOKS[1])
    fixed = pick(rows, curve="cumulative_effect", series="effect")
    always = pick(rows, curve="cumulative_effect", series="always_valid")
    assert [row["x_date"] for row in always] == [row["x_date"] for row in fixed]
    assert {row["band_kind"] for row in always} == {"sequential"}
    companion = one(rows, ci_kind="sequential", row_kind="estimate")
    assert (always[-1]["y_low"], always[-1]["y_high"]) == pytest.approx(
        (companion["ci_low"], companion["ci_high"])
    )


# Planned looks.


def versions(*days: dt.date) -> list[dict[str, Any]]:
    return [{"version": k + 1, "as_of_date": day} for k, day in enumerate(days)]


def test_schedule() -> None:
    day = LOOKS[0]
    later = day + dt.timedelta(days=2)

    def taken(as_of: dt.date, *days: dt.date) -> list[dt.date | None]:
        return [look.as_of for look in schedule(LOOKS, versions(*days), as_of)]

    assert taken(day - dt.timedelta(days=1)) == [None] * 4
    assert taken(day) == [day, None, None, None]
    assert taken(later, day) == [day, None, None, None]
    # Late: nothing was published on the day itself; a backfill of it changes nothing any more.
    assert taken(LOOKS[1], later) == [later, LOOKS[1], None, None]
    assert taken(LOOKS[1], later, day) == [later, LOOKS[1], None, None]
    # Skipped: published before the first and after the second look only.
    assert taken(LOOKS[2], st.START, LOOKS[1]) == [None, LOOKS[1], LOOKS[2], None]
    # Days after the one that is computed again are not seen.
    assert taken(day, day, LOOKS[3]) == [day, None, None, None]
    assert taken(LOOKS[3] + dt.timedelta(days=90), day)[3] == LOOKS[3] + dt.timedelta(days=90)
    assert [look.reason for look in schedule(LOOKS, versions(LOOKS[1]), LOOKS[2])] == [
        "look_skipped", None, None, "look_ahead",
    ]  # fmt: skip


def test_headline_at_the_second_look() -> None:
    units = log()
    rows = run(units, LOOKS[2] - dt.timedelta(days=1), published=LOOKS[:2], sequential=GROUP)
    row = head(rows)
    at = run(units, LOOKS[1], phase="complete")
    bounds = boundaries((0.25, 0.5), 0.05, "pocock", False)
    fixed = head(at)
    assert row["estimate"] == pytest.approx(fixed["estimate"])
    assert row["ci_kind"] == "sequential"
    half = (fixed["ci_high"] - fixed["ci_low"]) / 2
    assert (row["ci_high"] - row["ci_low"]) / 2 == pytest.approx(half * bounds[1] / 1.96, rel=2e-3)
    assert (row["n_variant"], row["info_fraction"]) == (1000, 0.5)
    assert row["verdict"] == "too_early"
    assert "Look 2 of 4" in row["message"]
    assert str(LOOKS[2]) in row["message"]
    assert json.loads(row["details"])["boundary"] == pytest.approx(bounds[1])
    assert json.loads(row["details"])["alpha_spent"] == pytest.approx(spent("pocock", 0.5, 0.05))
    today = one(rows, ci_kind="fixed", scale="absolute", analysis="main")
    assert (today["is_headline"], today["n_variant"]) == (False, 1400)
    companion = one(rows, analysis="robustness:always_valid")
    assert companion["ci_kind"] == "sequential"
    assert head(rows, "relative")["ci_kind"] == "sequential"


def test_before_the_first_look() -> None:
    rows = run(log(effect=1.0), LOOKS[0] - dt.timedelta(days=1), sequential=GROUP)
    row = head(rows)
    assert (row["status"], row["reason_code"]) == ("skipped", "before_first_look")
    assert (row["verdict"], row["estimate"], row["mean_variant"]) == ("too_early", None, None)
    assert str(LOOKS[0]) in row["message"]
    assert one(rows, ci_kind="fixed", scale="absolute")["estimate"] == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(("effect", "word"), [(0.4, "better"), (-0.4, "worse")])
def test_a_boundary_that_was_reached_decides(effect: float, word: str) -> None:
    """At once, and for good: the effect vanishes after the first look."""
    units = log(effect=effect)
    rows = run(units, LOOKS[0], sequential=GROUP)
    assert head(rows)["verdict"] == word
    assert head(rows)["p_value"] < 1e-3
    late = (units["day"] > LOOKS[0] - dt.timedelta(days=WINDOW)) & (units["variant"] == "t")
    units.loc[late, "y"] -= 2 * effect
    rows = run(units, LOOKS[3], published=LOOKS[:3], sequential=GROUP, phase="complete")
    assert np.sign(head(rows)["estimate"]) == -np.sign(effect)
    first = run(units, LOOKS[0], sequential=GROUP)
    assert head(rows)["p_value"] <= head(first)["p_value"]


def test_the_last_look_decides_without_a_crossing() -> None:
    rows = run(log(), LOOKS[3], published=LOOKS[:3], sequential=GROUP)
    assert head(rows)["verdict"] == "no_difference_found"
    assert json.loads(head(rows)["details"])["alpha_spent"] == 0.05
    early = run(log(), LOOKS[2], published=LOOKS[:2], sequential=GROUP)
    assert head(early)["verdict"] == "too_early"
    stopped = run(log(), LOOKS[2], published=LOOKS[:2], sequential=GROUP, phase="complete")
    assert head(stopped)["verdict"] == "no_difference_found"


def test_runs_between_looks_change_nothing() -> None:
    """Daily, weekly: the same looks, hence the same numbers."""
    units = log(effect=0.03)
    every = [st.START + dt.timedelta(days=k) for k in range(WINDOW, WINDOW + 16)]
    daily_runs = run(units, LOOKS[2], published=every, sequential=GROUP)
    weekly_runs = run(units, LOOKS[2], published=LOOKS[:2], sequential=GROUP)
    assert head(daily_runs) == head(weekly_runs)
    assert pick(daily_runs, check_name="look") == pick(weekly_runs, check_name="look")


def test_a_skipped_look_gives_its_alpha_to_the_next() -> None:
    units = log()
    rows = run(units, LOOKS[1], published=[st.START], sequential=GROUP)
    checks = pick(rows, check_name="look")
    assert [row["day"] for row in checks] == LOOKS
    assert [row["reason_code"] for row in checks] == [
        "look_skipped", None, "look_ahead", "look_ahead",
    ]  # fmt: skip
    assert checks[1]["threshold"] == pytest.approx(boundaries((0.5,), 0.05, "pocock", False)[0])
    assert checks[1]["value"] == 0.5
    assert json.loads(checks[1]["details"])["alpha_spent"] == pytest.approx(
        spent("pocock", 0.5, 0.05)
    )


def test_more_units_than_planned() -> None:
    """All of alpha is spent when the planned units are in; later looks have none."""
    rows = run(log(), LOOKS[3], published=LOOKS[:3], sequential=GROUP, n_planned=1000)
    reasons = [row["reason_code"] for row in pick(rows, check_name="look")]
    assert reasons == [None, None, "alpha_spent", "alpha_spent"]
    assert "Look 2 of 4" in head(rows)["message"]
    early = run(log(), LOOKS[1], published=LOOKS[:1], sequential=GROUP, n_planned=1000)
    assert head(early)["verdict"] == "no_difference_found"


def test_a_last_look_without_new_units_spends_what_is_left_at_the_one_before() -> None:
    looks = [*LOOKS[:3], LOOKS[2] + dt.timedelta(days=1)]
    units = log()
    units = units[units["day"] <= LOOKS[2] - dt.timedelta(days=WINDOW)]
    plan = GROUP | {"looks": [str(d) for d in looks]}
    rows = run(units, looks[3], published=looks[:3], sequential=plan)
    checks = pick(rows, check_name="look")
    assert checks[3]["reason_code"] == "no_new_information"
    assert json.loads(checks[2]["details"])["alpha_spent"] == 0.05
    assert head(rows)["verdict"] == "no_difference_found"


def test_the_looks_are_a_series_of_the_curve() -> None:
    rows = run(log(), LOOKS[3], published=LOOKS[:3], sequential=GROUP)
    points = pick(rows, curve="cumulative_effect", series="looks")
    assert [row["x_date"] for row in points] == LOOKS
    assert points[-1]["y_low"] == pytest.approx(head(rows)["ci_low"])
    assert {row["band_kind"] for row in points} == {"sequential"}


def test_an_unexpected_error_leaves_a_failed_headline(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("causalops.estimators.randomised.look_rows.course", broken)
    rows = run(log(), LOOKS[1], sequential=GROUP)
    assert (head(rows)["status"], head(rows)["reason_code"]) == ("failed", "internal_error")
    assert "boom" in head(rows)["message"]
    assert head(rows, "relative")["status"] == "failed"


# The Bayesian rows.


def test_bayesian_rows_of_a_proportion() -> None:
    units = log()
    units["y"] = (units["y"] > 10.5).astype(float)
    metric = METRIC | {"metric_type": "proportion"}
    prior = {"beta_prior": [2, 3], "effect_sd": None}
    rows = run(units, LOOKS[3], metric=metric, bayesian=prior, phase="complete")
    row, fixed = one(rows, ci_kind="credible"), head(rows)
    assert (row["method"], row["p_value"], row["std_error"]) == ("beta_binomial", None, None)
    assert (row["is_headline"], row["verdict"], row["status"]) == (False, None, "ok")
    assert row["prob_better"] == pytest.approx(1 - fixed["p_value"] / 2, abs=0.01) or row[
        "prob_better"
    ] == pytest.approx(fixed["p_value"] / 2, abs=0.01)
    said = json.loads(row["details"])
    assert (said["beta_prior"], said["better"]) == ([2, 3], "higher")
    less = run(units, LOOKS[3], metric=metric | {"desired": "decrease"}, bayesian=prior)
    other = one(less, ci_kind="credible")
    assert other["prob_better"] == pytest.approx(1 - row["prob_better"])
    assert other["expected_loss"] == pytest.approx(said["expected_loss_of_baseline"])
    assert not pick(run(units, LOOKS[3], metric=metric), ci_kind="credible")


def test_bayesian_rows_of_a_mean_and_of_a_ratio() -> None:
    units = log(effect=0.05)
    flat = one(run(units, LOOKS[3], bayesian={}), ci_kind="credible")
    fixed = head(run(units, LOOKS[3]))
    assert flat["estimate"] == fixed["estimate"]
    assert (flat["method"], flat["ci_shape"]) == ("normal", "interval")
    assert flat["ci_low"] == pytest.approx(fixed["ci_low"], abs=1e-3)
    shrunk = one(run(units, LOOKS[3], bayesian={"effect_sd": 0.01}), ci_kind="credible")
    assert 0 < shrunk["estimate"] < flat["estimate"]
    ratio = METRIC | {"metric_type": "ratio", "method": "ratio"}
    rows = run(units.assign(z=1.0), LOOKS[3], bayesian={}, metric=ratio, parts=("y", "z"))
    row = one(rows, ci_kind="credible")
    assert (row["status"], row["reason_code"]) == ("skipped", "no_posterior")
    nobody = one(run(units, st.START, bayesian={}), ci_kind="credible")
    assert (nobody["status"], nobody["reason_code"]) == ("skipped", "no_units")
