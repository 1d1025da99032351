"""Cohort moments, and what is refused or left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from causalops.estimators.quasi import aggregation as ag
from causalops.estimators.quasi import two_by_two as tb
from causalops.estimators.quasi.goodman_bacon import LATER, decompose
from causalops.estimators.quasi.group_time import group_time
from causalops.estimators.quasi.linear_effects import covariance, inferences
from causalops.estimators.quasi.panel_moments import (
    NEVER,
    Floats,
    PanelMoments,
    moments_of_panel,
    moments_of_rows,
)
from causalops.estimators.quasi.panel_problems import (
    PanelCounts,
    lone_cohorts,
    problem,
    single,
    warnings,
)
from causalops.estimators.quasi.two_way_fixed_effects import two_way, two_way_inference


def staggered(sizes: dict[float, int], n_periods: int = 6, seed: int = 3) -> tuple[Floats, Floats]:
    """Paths with noise and an effect of 1 per treated period, and the first treated times."""
    rng = np.random.default_rng(seed)
    start = np.repeat(list(sizes), list(sizes.values()))
    values = rng.normal(size=(len(start), n_periods)) + rng.normal(size=(len(start), 1))
    return values + np.maximum(np.arange(n_periods) - start[:, None] + 1, 0), start


SIZES = {2.0: 12, 4.0: 15, NEVER: 20}


def numbers(moments: PanelMoments) -> Floats:
    """Estimates and errors of everything."""
    found = group_time(moments, "not_yet")
    simple = ag.simple(found)
    assert simple is not None
    parts = [found.effects, simple, ag.by_event_time(found).effects, ag.by_group(found).effects]
    made = [v for e in parts for v in (e.estimates, np.diag(covariance(e, moments).matrix))]
    two, _ = two_way_inference(moments, 0.05)
    assert two.estimate is not None
    assert two.std_error is not None
    return np.concatenate([*made, [two.estimate, two.std_error]])


@pytest.mark.parametrize("is_clustered", [False, True])
def test_row_order_and_offset_do_not_matter(is_clustered: bool) -> None:
    values, start = staggered(SIZES)
    cluster = np.arange(len(start)) // 3 if is_clustered else None
    base = numbers(moments_of_panel(values, start, range(6), cluster))
    order = np.random.default_rng(0).permutation(len(start))
    mixed = None if cluster is None else cluster[order]
    again = numbers(moments_of_panel(values[order], start[order], range(6), mixed))
    assert again == pytest.approx(base, rel=1e-9, abs=1e-12)
    far = numbers(moments_of_panel(values + 1e9, start, range(6), cluster))
    assert far == pytest.approx(base, rel=1e-5, abs=1e-5)


def test_clusters_of_one_unit_only_add_the_small_sample_factor() -> None:
    values, start = staggered({3.0: 10, NEVER: 25})
    plain = moments_of_panel(values, start, range(6))
    alone = moments_of_panel(values, start, range(6), np.arange(35))
    found = group_time(plain)
    ours = np.diag(covariance(found.effects, alone).matrix)
    parts = np.zeros(len(ours))
    for cohort, n in enumerate((10, 25)):
        mine = replace(plain, spread=plain.spread * (np.arange(2) == cohort)[:, None, None])
        parts += np.diag(covariance(found.effects, mine).matrix) * n / (n - 1)
    assert ours == pytest.approx(parts, rel=1e-10)


def test_influence_by_hand() -> None:
    """Not-yet-treated controls pool two cohorts: each unit's influence, summed by cluster."""
    values, start = staggered(SIZES)
    cluster = np.arange(len(start)) % 7  # spans the cohorts
    moments = moments_of_panel(values, start, range(6), cluster)
    found = group_time(moments, "not_yet")
    k = int(np.flatnonzero((found.starts == 2) & (found.times == 3))[0])
    change = values[:, 3] - values[:, 1]
    treated, control = start == 2, start > 3
    score = np.where(treated, (change - change[treated].mean()) / treated.sum(), 0.0)
    score -= np.where(control, (change - change[control].mean()) / control.sum(), 0.0)
    by_unit = covariance(found.effects, replace(moments, clusters=None))
    assert by_unit.matrix[k, k] == pytest.approx((score**2).sum(), rel=1e-10)
    sums = np.bincount(cluster, score)
    by_cluster = covariance(found.effects, moments)
    assert by_cluster.matrix[k, k] == pytest.approx((sums**2).sum() * 7 / 6, rel=1e-10)
    assert by_cluster.df[k] == pytest.approx(6)


def test_rows_of_a_panel_give_its_estimates() -> None:
    """Repeated cross-sections forget who is who: same effects, other errors."""
    values, start = staggered(SIZES)
    wide = moments_of_panel(values, start, range(6))
    when = np.tile(np.arange(6), len(start))
    long = moments_of_rows(values.ravel(), np.repeat(start, 6), when, np.arange(values.size))
    one, other = group_time(wide), group_time(long)
    assert other.effects.estimates == pytest.approx(one.effects.estimates, rel=1e-9)
    # Unit effects stay in the rows' variance and cancel in the panel's.
    by_rows = np.diag(covariance(other.effects, replace(long, clusters=None)).matrix)
    assert by_rows.mean() > 1.3 * np.diag(covariance(one.effects, wide).matrix).mean()
    k = int(np.flatnonzero((other.starts == 4) & (other.times == 5))[0])
    cells = [values[mask, t] for mask in (start == 4, start == NEVER) for t in (3, 5)]
    assert by_rows[k] == pytest.approx(sum(c.var() / len(c) for c in cells), rel=1e-9)


def test_an_empty_cell_of_rows_is_missing_not_wrong() -> None:
    values, start = staggered(SIZES)
    when = np.tile(np.arange(6), len(start))
    first = np.repeat(start, 6)
    keep = ~((first == 4) & (when == 5))
    moments = moments_of_rows(values.ravel()[keep], first[keep], when[keep])
    found = group_time(moments)
    assert ("no_units") in {reason for cohort, t, reason in found.missing if (cohort, t) == (1, 5)}
    assert np.isfinite(found.effects.estimates).all()
    assert (found.starts == 4).sum() == 4


def test_bacon_weights_make_the_two_way_number() -> None:
    values, start = staggered({0.0: 5, **SIZES})
    moments = moments_of_panel(values, start, range(6))
    found, number = decompose(moments), two_way(moments)
    assert number is not None
    assert sum(item.weight for item in found) == pytest.approx(1, rel=1e-12)
    assert min(item.weight for item in found) > 0
    mean = sum(item.weight * item.estimate for item in found)
    assert mean == pytest.approx(number.estimates[0], rel=1e-10)
    # Growing effects in early cohorts drag the comparisons that use them as controls.
    late = [item.estimate for item in found if item.kind == LATER]
    assert len(late) == 1
    assert late[0] < 0.5


def test_without_a_cohort() -> None:
    values, start = staggered(SIZES)
    cluster = np.arange(len(start)) // 3
    whole = moments_of_panel(values, start, range(6), cluster)
    part = whole.keep(whole.starts != 2)
    rest = start != 2
    again = moments_of_panel(values[rest], start[rest], range(6), cluster[rest])
    assert numbers(part) == pytest.approx(numbers(again), rel=1e-10)


def test_lone_units() -> None:
    """A single unit has no error; a large cohort's share makes an aggregate readable again."""
    values, start = staggered({2.0: 1, 4.0: 30, NEVER: 40})
    moments = moments_of_panel(values, start, range(6))
    found = group_time(moments)
    results = inferences(found.effects, covariance(found.effects, moments), moments, 0.05)
    lone = found.starts == 2
    assert {r.reason_code for r, alone in zip(results, lone, strict=True) if alone} == {
        "too_few_units"
    }
    assert {r.status for r, alone in zip(results, lone, strict=True) if not alone} == {"ok"}
    assert lone_cohorts(moments) == (2.0,)
    assert single(moments) is None
    group = ag.by_group(found).overall
    assert group is not None
    assert covariance(group, moments).supported.all()
    # Event time 3 exists for the lone unit only.
    dynamic = ag.by_event_time(found)
    held = covariance(dynamic.effects, moments).supported
    assert held[dynamic.parameter == 0].all()
    assert not held[dynamic.parameter == 3].any()


def test_one_treated_unit_or_cluster() -> None:
    values, start = staggered({3.0: 1, NEVER: 30})
    moments = moments_of_panel(values, start, range(6))
    assert single(moments) == "one_treated_unit"
    cells = tb.two_by_two(moments)
    assert isinstance(cells, tb.TwoByTwo)
    for error in ("classic", "hc1"):
        result = tb.inference(cells, error, 0.05)
        assert (result.p_value, result.reason_code) == (None, "too_few_units")
        assert result.estimate is not None
    values, start = staggered({3.0: 5, NEVER: 30})
    moments = moments_of_panel(values, start, range(6), np.arange(35) // 5)
    assert single(moments) == "one_treated_cluster"
    cells = tb.two_by_two(moments)
    assert isinstance(cells, tb.TwoByTwo)
    assert tb.inference(cells, "cr1", 0.05).reason_code == "too_few_clusters"
    simple = ag.simple(group_time(moments))
    assert simple is not None
    [result] = inferences(simple, covariance(simple, moments), moments, 0.05)
    assert (result.std_error, result.reason_code) == (None, "too_few_clusters")


def test_few_treated_clusters() -> None:
    """CR1 keeps its number but is a warning; by side the treated clusters have their own factor."""
    values, start = staggered({3.0: 12, NEVER: 108})
    moments = moments_of_panel(values, start, range(6), np.arange(120) // 4)
    cells = tb.two_by_two(moments)
    assert isinstance(cells, tb.TwoByTwo)
    usual, ours = (tb.inference(cells, error, 0.05) for error in ("cr1", "influence"))
    assert (usual.status, usual.reason_code, usual.df) == ("warning", "few_clusters", 29)
    assert ours.status == "ok"
    assert ours.df is not None
    assert ours.df < 5
    change = values[:, 3:].mean(axis=1) - values[:, :3].mean(axis=1)
    parts = []
    for side in (start == 3, start == NEVER):
        means = change[side].reshape(-1, 4).mean(axis=1)
        parts.append(means.var(ddof=1) / len(means))
    assert ours.std_error == pytest.approx(np.sqrt(sum(parts)))
    for held in (moments, moments_of_panel(values[::4], start[::4], range(6))):
        assert two_way_inference(held, 0.05)[0].reason_code == "few_clusters"
    # Clusters with units of both sides carry no such imbalance of their own, but few are few.
    mixed = tb.two_by_two(moments_of_panel(values, start, range(6), np.arange(120) % 5))
    assert isinstance(mixed, tb.TwoByTwo)
    both = [tb.inference(mixed, error, 0.05) for error in ("influence", "cr1")]
    assert {found.reason_code for found in both} == {"few_clusters"}
    assert both[0].df == 4
    # One cluster alone in its group: all are one.
    odd = np.r_[np.zeros(6), np.ones(6), np.ones(1), 2 + np.arange(107) // 4].astype(int)
    lone = tb.two_by_two(moments_of_panel(values, start, range(6), odd))
    assert isinstance(lone, tb.TwoByTwo)
    found = tb.inference(lone, "influence", 0.05)
    assert (found.df, found.reason_code) == (28, "few_clusters")


def test_constant_outcome_has_no_test() -> None:
    _, start = staggered(SIZES)
    moments = moments_of_panel(np.full((len(start), 6), 7.3), start, range(6), np.arange(47) // 4)
    for held in (moments, replace(moments, clusters=None)):
        simple = ag.simple(group_time(held))
        assert simple is not None
        [result] = inferences(simple, covariance(simple, held), held, 0.05)
        assert (result.p_value, result.reason_code) == (None, "zero_variance")
        assert two_way_inference(held, 0.05)[0].reason_code == "zero_variance"


GOOD = PanelCounts(n_units=47, n_complete=47)


@pytest.mark.parametrize(
    ("sizes", "counts", "reason"),
    [
        (SIZES, GOOD, None),
        (SIZES, replace(GOOD, n_units=0), "no_units"),
        (SIZES, replace(GOOD, n_duplicates=1), "duplicate_unit_periods"),
        (SIZES, replace(GOOD, n_switched_off=1), "treatment_switches_off"),
        (SIZES, replace(GOOD, n_units=95), "unbalanced_panel"),
        (SIZES, replace(GOOD, n_units=94), None),
        ({2.0: 9}, GOOD, "no_control"),
        ({2.0: 9, 4.0: 9}, GOOD, "no_control"),
        ({NEVER: 9}, GOOD, "no_treated"),
        ({7.0: 9, NEVER: 3}, GOOD, "no_treated"),
        ({0.0: 9, NEVER: 9}, replace(GOOD, n_always_treated=9), "always_treated"),
    ],
)
def test_problems(sizes: dict[float, int], counts: PanelCounts, reason: str | None) -> None:
    values, start = staggered(sizes)
    assert problem(counts, moments_of_panel(values, start, range(6)), "never") == reason


def test_problems_of_the_configuration() -> None:
    values, start = staggered({2.0: 9, 4.0: 9})
    moments = moments_of_panel(values, start, range(6))
    assert problem(GOOD, moments, "not_yet") is None
    assert problem(GOOD, moments, "not_yet", anticipation=2) == "no_pre_period"
    found = group_time(moments, "not_yet")
    assert set(found.starts) == {2.0}
    assert found.times.max() == 3
    values, start = staggered({1.0: 9, NEVER: 9}, n_periods=2)
    moments = moments_of_panel(values, start, range(2))
    assert problem(GOOD, moments, "never", anticipation=1) == "no_pre_period"
    assert group_time(moments, anticipation=1).missing == ((0, 1, "no_pre_period"),)
    several = tb.two_by_two(moments_of_panel(*staggered(SIZES), range(6)))
    assert several == "several_cohorts"


def test_what_was_left_out_is_counted() -> None:
    values, start = staggered({2.0: 1, 4.0: 30, NEVER: 40})
    moments = moments_of_panel(values, start, range(6))
    counts = PanelCounts(n_units=80, n_complete=71, n_always_treated=4, n_moved=2)
    assert warnings(counts, moments) == [
        ("incomplete_units_dropped", 9),
        ("unit_changes_cluster", 2),
        ("always_treated_dropped", 4),
        ("single_unit_cohort", 1),
    ]
    clustered = moments_of_panel(values, start, range(6), np.repeat([0, 1, 2], [1, 30, 40]))
    assert lone_cohorts(clustered) == (2.0, 4.0)
    # A cluster that a cohort shares with others is not its own.
    mixed = moments_of_panel(values, start, range(6), np.repeat([0, 1, 2], [2, 29, 40]))
    assert lone_cohorts(mixed) == ()


def test_event_time_is_measured_in_time() -> None:
    """Every second year: event times are 0, 2, 4; a start between two periods is kept."""
    values, start = staggered(SIZES)
    years = 2000 + 2 * np.arange(6)
    first = np.where(np.isinf(start), NEVER, 2000 + 2 * start)
    found = group_time(moments_of_panel(values, first, years))
    assert set(found.event_times[found.is_post]) == {0.0, 2.0, 4.0, 6.0}
    between = group_time(moments_of_panel(values, first - 1, years))
    assert between.effects.estimates == pytest.approx(found.effects.estimates)
    assert set(between.event_times[between.is_post]) == {1.0, 3.0, 5.0, 7.0}
