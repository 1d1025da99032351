"""Rows of a difference-in-differences: who they count, what is refused, what the checks say."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from causalops.estimators.quasi.analysis import study_rows
from causalops.estimators.quasi.did import metric_rows
from causalops.estimators.quasi.did_rows import ESTIMAND
from causalops.estimators.quasi.inputs import Analysis, Metric, Study
from causalops.estimators.quasi.panel_moments import NEVER, moments_of_panel
from causalops.estimators.quasi.panel_problems import PanelCounts
from causalops.estimators.quasi.panel_tables import Panel
from causalops.results import Row

SETTINGS = {"alpha": 0.05, "method": "group_time", "variant": "treated", "baseline": "untreated"}
SIZES = {2.0: 11, 4.0: 14, NEVER: 20}


def panel(
    sizes: dict[float, int], per_cluster: int | None = None, periods: Any = None, n_periods: int = 6
) -> Panel:
    """Noise, unit effects and an effect of one since treatment; levels are the mean paths."""
    rng = np.random.default_rng(6)
    start = np.repeat(list(sizes), list(sizes.values()))
    y = rng.normal(size=(len(start), n_periods)) + (np.arange(n_periods) >= start[:, None])
    times = np.arange(n_periods, dtype=float) if periods is None else np.array(periods, dtype=float)
    first = np.array([times[int(s)] if np.isfinite(s) else NEVER for s in start])
    cluster = None if per_cluster is None else np.arange(len(start)) // per_cluster
    moments = moments_of_panel(y, first, times, cluster)
    alone = moments_of_panel(y, first, times, np.arange(len(start))).clusters
    is_lone = cluster is None and (start < NEVER).sum() == 1
    return Panel(times, PanelCounts(len(start), len(start)), y.size, 0, moments, moments.means,
                 alone if is_lone else None)  # fmt: skip


def rows_of(data: Panel, *alternatives: str, **settings: Any) -> list[Row]:
    values: dict[str, Any] = {"id": "s", "design": "did", "seed": 1, "on_fail": {},
                              "metrics": (Metric("y", "primary", "increase"),),
                              "alternatives": frozenset(alternatives)}  # fmt: skip
    analysis = Analysis(Study(**values), "main", SETTINGS | settings)
    study = Study(**values, analyses=(analysis,))
    return study_rows(study, metric_rows, lambda analysis: {"y": data}, ESTIMAND)


def some(rows: list[Row], **where: Any) -> list[Row]:
    return [row for row in rows if all(row[key] == value for key, value in where.items())]


def only(rows: list[Row], **where: Any) -> Row:
    [row] = some(rows, **where)
    return row


def test_a_row_counts_its_own_cohorts() -> None:
    data = panel(SIZES)
    rows = rows_of(data, comparison="not_yet_treated")
    head = only(rows, is_headline=True)
    assert (head["n_variant"], head["n_baseline"]) == (25, 34)
    for cohort, n in (("2", 11), ("4", 14)):
        own = some(rows, estimand="att_gt", cohort=cohort)
        assert {row["n_variant"] for row in own} == {n}
    early = only(rows, estimand="att_gt", cohort="2", period="3")
    late = only(rows, estimand="att_gt", cohort="2", period="5")
    assert (early["n_baseline"], late["n_baseline"]) == (34, 20)
    assert (early["n_obs_variant"], early["n_obs_baseline"]) == (11 * 6, 34 * 6)
    means = data.moments.means
    assert early["mean_variant"] == pytest.approx(means[0, 3])
    assert early["mean_baseline"] == pytest.approx((14 * means[1, 3] + 20 * means[2, 3]) / 34)
    # Only the earlier cohort is treated three periods long.
    far = only(rows, parameter_name="event_time", parameter=3.0)
    assert (far["n_variant"], far["n_baseline"]) == (11, 20)


def test_the_last_cohort_is_a_comparison_where_nobody_is_never_treated() -> None:
    rows = rows_of(panel({2.0: 11, 4.0: 14}), "twfe", comparison="not_yet_treated")
    head = only(rows, is_headline=True)
    assert (head["n_variant"], head["n_baseline"]) == (11, 14)
    assert head["mean_baseline"] is not None
    two = only(rows, analysis="robustness:twfe")
    assert (two["n_variant"], two["n_baseline"]) == (25, 14)


def test_clusters_of_a_row() -> None:
    rows = rows_of(panel({2.0: 12, 4.0: 16, NEVER: 20}, per_cluster=2))
    own = some(rows, estimand="att_gt", cohort="4")
    assert {(row["n_clusters_variant"], row["n_clusters_baseline"]) for row in own} == {(8, 10)}


def test_a_rank_that_cannot_reject_is_no_test() -> None:
    few, many = rows_of(panel({3.0: 1, NEVER: 9})), rows_of(panel({3.0: 1, NEVER: 30}))
    head = only(few, is_headline=True)
    assert (head["status"], head["reason_code"]) == ("warning", "few_placebos")
    assert (head["p_value"], head["ci_kind"], head["verdict"]) == (None, "none", "not_evaluated")
    details = json.loads(head["details"])
    assert details["p_floor"] == pytest.approx(0.1)
    assert details["p_floor"] <= details["p_rank"] <= 1
    head = only(many, is_headline=True)
    assert (head["reason_code"], head["ci_kind"]) == ("one_treated_unit", "permutation")
    assert head["p_value"] >= json.loads(head["details"])["p_floor"]


LISTED = ("twfe", "not_yet_treated", "universal_base", "leave_one_cohort_out")


@pytest.mark.parametrize(
    ("sizes", "per_cluster", "reason"),
    [({3.0: 1, NEVER: 30}, None, "one_treated_unit"),
     ({3.0: 5, NEVER: 30}, 5, "one_treated_cluster")],
)  # fmt: skip
def test_alternatives_say_why_they_are_not_there(
    sizes: dict[float, int], per_cluster: int | None, reason: str
) -> None:
    rows = rows_of(panel(sizes, per_cluster), *LISTED)
    for name in LISTED:
        row = only(rows, analysis=f"robustness:{name}")
        assert (row["status"], row["reason_code"], row["estimate"]) == ("skipped", reason, None)
        assert not row["is_headline"]


def test_without_a_cohort_nothing_may_be_left() -> None:
    lone = rows_of(panel({3.0: 9, NEVER: 9}), "leave_one_cohort_out")
    row = only(lone, analysis="robustness:leave_one_cohort_out")
    assert (row["reason_code"], row["parameter"], row["estimate"]) == ("no_treated", 3.0, None)
    # Without the last cohort no control is left.
    rows = rows_of(panel({2.0: 9, 4.0: 9}), "leave_one_cohort_out", comparison="not_yet_treated")
    made = some(rows, analysis="robustness:leave_one_cohort_out")
    assert [row["parameter"] for row in made] == [2.0, 4.0]
    assert {row["status"] for row in made} == {"skipped"}
    # What was estimated comes first, as the specification curve reads the first.
    three = rows_of(panel({2.0: 9, 3.0: 9, 5.0: 9}), "leave_one_cohort_out",
                    comparison="not_yet_treated")  # fmt: skip
    first = some(three, analysis="robustness:leave_one_cohort_out")[0]
    assert first["estimate"] is not None


def test_methods_without_anticipation_are_refused() -> None:
    rows = rows_of(panel({3.0: 12, NEVER: 15}), "twfe", anticipation=1)
    for name, where in (("two_way_fixed_effects", "robustness:twfe"), ("two_by_two", "main")):
        row = only(rows, method=name, analysis=where)
        assert (row["status"], row["reason_code"]) == ("skipped", "anticipation_not_modelled")
        assert row["estimate"] is None
    assert only(rows, is_headline=True)["status"] == "ok"


def test_pretrends_and_their_power_have_one_level() -> None:
    power = [only(rows_of(panel(SIZES), alpha=alpha), check_name="pretrend_power")["value"]
             for alpha in (0.05, 0.2)]  # fmt: skip
    assert power[0] == power[1]


@pytest.mark.parametrize(
    ("periods", "kind", "status"),
    [
        (range(2000, 2006), "number", "pass"),
        (range(2000, 2012, 2), "number", "pass"),
        ([202410, 202411, 202412, 202501, 202502, 202503], "number", "warn"),
        ([2000.25, 2000.5, 2000.75, 2001.0, 2001.25, 2001.5], "number", "warn"),
        ([19723, 19754, 19783, 19814, 19844, 19875], "date", "pass"),  # months from 2024-01
        ([19723, 19754, 19783, 19814, 19844, 19905], "date", "warn"),
    ],
)
def test_event_time_counts_periods_where_they_are_even(
    periods: Any, kind: str, status: str
) -> None:
    rows = rows_of(panel({3.0: 12, NEVER: 15}, periods=periods), time_kind=kind)
    row = only(rows, check_name="calendar")
    assert (row["status"], row["reason_code"]) == (
        (status, "uneven_periods" if status == "warn" else None)
    )
