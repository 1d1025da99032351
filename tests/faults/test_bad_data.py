"""Data that should not exist: each asks for a row with a reason, and spoils nothing beside it."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import small_shop as shop
from harness import Project
from sameness import assert_same_numbers

BLOCK = """\
design: ab_test
unit: user_id
variants: {control: 1, short: 1}
start: 2025-03-03
end: 2025-03-09
metrics:
"""
ODD_ARM = "arm'; drop table main.canary; --"
ODD_KEY = 'key "x" O\'Brien; {} $$ 한국어 🎉'
ODD_SEGMENT = "웹\n'\"; \\ {} 👩‍👩‍👧 \u202e -- /* */"
ODD_VALUE = "paid'); drop table main.canary; -- {} 완료 🎉"

# Experiment -> (metrics, reasons that its primary rows may carry).
CASES: dict[str, tuple[str, tuple[str, ...]]] = {
    "nobody": ("[visits]", ("no_data", "no_units")),
    "one_arm": ("[visits]", ("empty_arm",)),
    "one_each": ("[visits]", ("too_few_units",)),
    "constant": ("[one]", ("zero_variance",)),
    "never": ("[nothing_paid]", ("zero_variance",)),
    "no_denominator": ("[per_nothing]", ("undefined_ratio",)),
    "no_values": ("[mean_of_nothing]", ("no_units", "empty_arm")),
    "only_wrong_values": ("[only_wrong]", ("zero_variance",)),
    "no_events": ("[quiet]", ("no_data", "zero_variance", "immature")),
}
NUMBERS = ("estimate", "std_error", "p_value", "ci_low", "ci_high")


def flags() -> pd.DataFrame:
    keys = ("healthy", "constant", "never", "no_denominator", "no_values", "no_events", "broken",
            "only_wrong_values", ODD_KEY)  # fmt: skip
    frame = shop.flags(keys)
    rows = [("one_arm", number, "control", f"u{number}") for number in range(20)] + [
        ("one_each", 0, "control", "u0"),
        ("one_each", 1, "short", "u1"),
    ]
    few = pd.DataFrame({
        "user_id": [user for *_, user in rows],
        "arm": [arm for _, _, arm, _ in rows],
        "seen_at": pd.Timestamp("2025-03-04"),
        "platform": "web",
        "flag": [key for key, *_ in rows],
    })  # fmt: skip
    odd = frame["flag"] == ODD_KEY
    frame.loc[odd & (frame["arm"] == "short"), "arm"] = ODD_ARM
    frame.loc[odd & (frame["platform"] == "app"), "platform"] = ODD_SEGMENT
    return pd.concat([frame, few], ignore_index=True)


def broken_events() -> pd.DataFrame:
    """Like the healthy events, with impossible amounts in some rows and a row in 2099."""
    frame = shop.events("ordered_at")
    frame["tag"] = np.where(np.arange(len(frame)) % 3 == 0, ODD_VALUE, "open")
    # As text, which the table casts: pandas and DuckDB would make NULL of a NaN.
    impossible = [None, "nan", "inf", "-inf", "1e308", "-1e308"]
    amounts: list[str | None] = [repr(amount) for amount in frame["amount"].tolist()]
    amounts[::20] = list(np.resize(np.array(impossible, dtype=object), len(amounts[::20])))
    frame["amount"] = amounts
    frame["wrong"] = np.resize(impossible[1:5], len(frame))
    future = frame.iloc[:1].assign(ordered_at=pd.Timestamp("2099-01-01"), amount="5.0")
    return pd.concat([frame, future], ignore_index=True)


def project_with(new_project: Callable[..., Project], name: str, broken: bool) -> Project:
    project = new_project(name, late_data_days=3650)
    project.configure(
        assignment_models=["flags"],
        fact_models=["visits", "orders", "empty"] if broken else ["visits"],
    )
    project.table("flags", flags(), **shop.FLAGS)
    visits = {"fact": shop.VISITS["fact"], "metrics": dict(shop.VISITS["metrics"])}
    project.table("visits", shop.events("visited_at", seed=2), **visits)
    project.experiment("healthy", BLOCK + "  primary: [visits]\nsegments: [platform]\n")
    if not broken:
        return project
    stamps = {"fact": shop.ORDERS["fact"]}
    window = {"window_days": 3}
    declared = stamps | {
        "metrics": {
            "amount": {"type": "sum", "value": "amount", **window},
            "only_wrong": {"type": "sum", "value": "wrong", **window},
            "one": {"type": "sum", "value": "one", "missing": "drop", **window},
            "nothing_paid": {"type": "proportion", "filter": {"tag": "nothing"}, **window},
            "odd_orders": {"type": "count", "filter": {"tag": ODD_VALUE}, **window},
            "mean_of_nothing": {
                "type": "mean", "value": "amount", "filter": {"tag": "nothing"}, **window,
            },
            "per_nothing": {
                "type": "ratio",
                "numerator": {"type": "count"},
                "denominator": {"type": "count", "filter": {"tag": "nothing"}},
                **window,
            },
        }
    }  # fmt: skip
    events = broken_events()
    # One event per unit with the value one, the day after exposure: a constant metric.
    ones = shop.flags(("constant",))[["user_id", "seen_at"]].assign(one=1.0)
    ones["ordered_at"] = ones.pop("seen_at").dt.normalize() + pd.Timedelta("1 day")
    events = pd.concat([events, ones], ignore_index=True)
    project.table("orders", events, {"amount": "double", "wrong": "double"}, **declared)
    quiet = stamps | {"metrics": {"quiet": {"type": "count", **window}}}
    columns = "select 'u' as user_id, timestamp '2025-03-03' as ordered_at where false"
    project.table("empty", columns, **quiet)
    for experiment, (metrics, _) in CASES.items():
        project.experiment(experiment, BLOCK + f"  primary: {metrics}\n")
    project.experiment("broken", BLOCK + "  primary: [amount]\n")
    odd = {
        "design": "ab_test", "unit": "user_id", "start": "2025-03-03", "end": "2025-03-09",
        "assignment": {"key": ODD_KEY}, "variants": {"control": 1, ODD_ARM: 1},
        "metrics": {"primary": [{"metric": "visits", "as": f"{ODD_SEGMENT} metric"}, "odd_orders"]},
        "segments": ["platform"], "owner": ODD_VALUE, "hypothesis": ODD_SEGMENT,
    }  # fmt: skip
    # JSON is YAML; two braces in a row would be Jinja, which `check` refuses (test_bad_config).
    text = json.dumps(odd, ensure_ascii=False, indent=1)
    assert not any(mark in text for mark in ("{{", "{%", "{#"))
    project.experiment("odd_words", text)
    project.write("models/canary.sql", "{{ config(materialized='table') }} select 1 as alive\n")
    return project


@pytest.fixture(scope="module")
def built(new_project: Callable[..., Project]) -> Project:
    project = project_with(new_project, "bad_data", broken=True)
    project.build()
    return project


@pytest.fixture(scope="module")
def alone(new_project: Callable[..., Project]) -> Project:
    project = project_with(new_project, "good_data", broken=False)
    project.dbt("run")
    return project


@pytest.mark.parametrize("experiment", CASES)
def test_a_row_with_a_reason_instead_of_a_number(built: Project, experiment: str) -> None:
    rows = built.rows(
        "select effect, effect_low, effect_high, p_adjusted, status, reason_code, message, verdict "
        f"from experiment_scorecard where experiment_id = '{experiment}'"
    )
    assert len(rows) == 1
    effect, low, high, p_adjusted, status, reason, message, verdict = rows[0]
    assert reason in CASES[experiment][1], rows
    assert (low, high, p_adjusted) == (None, None, None)
    assert effect in (None, 0.0) or reason == "too_few_units"
    assert status in ("skipped", "warning", "failed", "blocked")
    assert message
    assert verdict in (None, "not_evaluated", "too_early")


def test_every_requested_number_has_exactly_one_headline_row(built: Project) -> None:
    wanted = built.rows(
        "select m.experiment_id, m.metric, v.name from experiment_registry m "
        "join experiment_registry v on v.experiment_id = m.experiment_id "
        "and v.row_kind = 'variant' and not v.is_control "
        "where m.row_kind = 'metric' and m.analysis = 'main' order by all"
    )
    found = built.rows(
        "select experiment_id, metric, variant from experiment_scorecard order by all"
    )
    assert found == wanted
    assert len(found) == len(CASES) + 4


def test_no_number_is_nan_or_infinite(built: Project) -> None:
    frame = built.query("select * from experiment_results")
    for column in frame.select_dtypes("floating"):
        infinite = built.rows(
            f"select count(*) from experiment_results where not isfinite({column})"
        )
        assert infinite == [(0,)], column


def test_impossible_values_are_dropped_and_counted(built: Project) -> None:
    """The rest of the metric is computed; the loss and the row of 2099 are reported."""
    [(status, effect)] = built.rows(
        "select status, effect from experiment_scorecard where experiment_id = 'broken'"
    )
    assert status == "warning" or effect is not None
    messages = built.rows(
        "select reason_code from experiment_estimates where experiment_id = 'broken' union all "
        "select reason_code from experiment_checks where experiment_id = 'broken'"
    )
    assert ("nonfinite_dropped",) in messages
    assert ("future_rows",) in messages


def test_impossible_values_leave_the_same_number_as_without_them(built: Project) -> None:
    events = broken_events()
    events["amount"] = pd.to_numeric(events["amount"], errors="coerce")
    events = events[events["amount"].abs() <= 1e75]
    exposed = flags().query("flag == 'broken'").set_index("user_id")
    events = events.join(exposed, on="user_id")
    days = (events["ordered_at"].dt.normalize() - events["seen_at"].dt.normalize()).dt.days
    kept = events[(events["ordered_at"] >= events["seen_at"]) & days.between(0, 2)]
    values = kept.groupby("user_id")["amount"].sum().reindex(exposed.index).fillna(0)
    means = values.groupby(exposed["arm"]).mean()
    [found] = built.rows(
        "select mean_variant, mean_baseline from experiment_scorecard "
        "where experiment_id = 'broken'"
    )
    assert found == pytest.approx((means["short"], means["control"]), rel=1e-9)


def test_odd_text_arrives_verbatim(built: Project) -> None:
    rows = built.rows(
        "select metric, variant, status from experiment_scorecard "
        "where experiment_id = 'odd_words' order by metric"
    )
    assert {(metric, variant) for metric, variant, _ in rows} == {
        ("odd_orders", ODD_ARM), (f"{ODD_SEGMENT} metric", ODD_ARM),
    }  # fmt: skip
    assert all(status in ("ok", "warning") for *_, status in rows), rows
    segments = built.rows(
        "select distinct segment_value from experiment_estimates "
        "where experiment_id = 'odd_words' and segment_dim = 'platform'"
    )
    assert (ODD_SEGMENT,) in segments
    assert built.rows(
        "select owner, hypothesis from experiment_catalog where experiment_id = 'odd_words'"
    ) == [(ODD_VALUE, ODD_SEGMENT)]


def test_odd_filter_values_select_their_rows(built: Project) -> None:
    [(count,)] = built.rows(
        "select sum(n_variant * mean_variant + n_baseline * mean_baseline) "
        "from experiment_scorecard where metric = 'odd_orders'"
    )
    assert count > 10


def test_the_canary_lives(built: Project) -> None:
    assert built.rows("select alive from main.canary") == [(1,)]


def test_the_healthy_experiment_does_not_notice(built: Project, alone: Project) -> None:
    assert_same_numbers(built, alone, "experiment_id = 'healthy'")
