"""Discontinuities at their edges, and what the checks find in data made to break a rule."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from causalops.estimators.quasi import cutoff_checks as checks
from causalops.estimators.quasi.cutoff_sample import Sample, sample
from causalops.estimators.quasi.fuzzy_cutoff import fuzzy_jump
from causalops.estimators.quasi.local_polynomial import Jump, jump
from causalops.inference import Inference
from causalops.moments import Floats

N = 600


def score(seed: int = 1) -> Floats:
    return np.random.default_rng(seed).uniform(-1, 1, N)


def outcome(x: Floats, effect: float = 1.0, seed: int = 2) -> Floats:
    return x + effect * (x >= 0) + 0.3 * np.random.default_rng(seed).normal(size=len(x))


def numbers(found: Inference) -> list[float | None]:
    return [found.std_error, found.statistic, found.p_value, found.ci_low, found.ci_high]


def refused(found: Jump, reason: str) -> bool:
    """A reason and no number of inference."""
    rows = (found.conventional, found.bias_corrected, found.robust)
    return all(
        row.status == "skipped" and row.reason_code == reason and set(numbers(row)) == {None}
        for row in rows
    )


def test_no_jump_without_units_values_or_variation() -> None:
    x = score()
    assert refused(jump(sample([], [], 0.0)), "no_units")
    assert refused(jump(sample([1.0], [1.0], 0.0)), "no_units_one_side")
    assert refused(jump(sample(x, x, -2.0)), "no_units_one_side")
    assert refused(jump(sample(x, np.where(x < 0, -1.0, x), 0.0)), "few_score_values")
    assert refused(jump(sample(np.full(N, 1e9), x, 0.0)), "zero_variance")
    assert refused(jump(sample(x, x, 0.0, clusters=["a"] * N)), "too_few_clusters")
    assert refused(jump(sample(np.full(N, np.nan), x, 0.0)), "no_units")


def test_what_rdrobust_cannot_fit_is_a_reason() -> None:
    """Three distinct scores a side pass the count, and leave no room for a bandwidth."""
    x = np.repeat([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0], 20)
    found = jump(sample(outcome(x), x, 0.0))
    assert refused(found, "local_fit_failed")
    assert found.message


def test_values_too_large_for_a_variance() -> None:
    x = score()
    found = jump(sample(outcome(x) * 1e300, x, 0.0)).headline
    assert found.status in ("skipped", "failed")
    assert set(numbers(found)) == {None}


def test_missing_values_are_counted_and_order_does_not_matter() -> None:
    x = score()
    y, z = outcome(x), np.random.default_rng(3).normal(size=N)
    y[:5], x[5:8], z[8] = np.nan, np.inf, np.nan
    groups = [None if i == 9 else f"g{i % 40}" for i in range(N)]
    rows = sample(y, x, 0.0, covariates=z, clusters=groups)
    assert rows.n_dropped == 10
    order = np.random.default_rng(4).permutation(N)
    other = sample(y[order], x[order], 0.0, covariates=z[order],
                   clusters=[groups[i] for i in order])  # fmt: skip
    assert jump(other) == jump(rows)


def test_shifted_scores_and_the_unit_at_the_cutoff() -> None:
    """Scores of the size of a timestamp lose nothing; x = cutoff is above."""
    x = np.round(score() * 1024) / 1024
    x[0] = 0.0
    y = outcome(x)
    here, there = jump(sample(y, x, 0.0)), jump(sample(y, x + 2.0**30, 2.0**30))
    assert there == here
    assert here.n[1] == (x >= 0).sum()


def test_useless_covariates_change_nothing() -> None:
    x = score()
    y, z = outcome(x), np.random.default_rng(3).normal(size=N)
    plain = jump(sample(y, x, 0.0))
    assert jump(sample(y, x, 0.0, covariates=np.full((N, 2), 7.0))) == plain
    once, twice = (
        jump(sample(y, x, 0.0, covariates=columns)).robust.estimate
        for columns in (z, np.column_stack([z, 2 * z]))
    )
    assert once != plain.robust.estimate
    assert once == pytest.approx(twice, rel=1e-9)


def test_few_units_near_the_cutoff_are_said() -> None:
    x = score()[:40]
    found = jump(sample(outcome(x), x, 0.0))
    assert found.warning == "few_near_cutoff"
    x = score()
    few = jump(sample(outcome(x), x, 0.0, clusters=[i % 8 for i in range(N)]))
    assert few.warning == "few_clusters"
    assert few.n_clusters == (8, 8)
    ties = np.round(score() * 12) / 12
    assert jump(sample(outcome(ties), ties, 0.0)).warning == "few_score_values"
    assert jump(sample(outcome(x), x, 0.0)).warning is None


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rdrobust", None)
    monkeypatch.setitem(sys.modules, "rddensity", None)
    x = score()
    assert refused(jump(sample(outcome(x), x, 0.0)), "missing_dependency")
    assert checks.density(x).test.reason_code == "missing_dependency"


def fuzzy_rows(push: float, seed: int = 5) -> Sample:
    x = score(seed)
    d = (np.random.default_rng(seed + 1).random(N) < 0.3 + push * (x >= 0)).astype(float)
    return sample(x + d + outcome(x, 0.0), x, 0.0, received=d)


def test_fuzzy_without_a_first_stage() -> None:
    x = score()
    for received, reason in ((np.ones(N), "no_variation_received"),):
        found = fuzzy_jump(sample(outcome(x), x, 0.0, received=received))
        assert refused(found.late, reason)
        assert found.anderson_rubin.reason_code == reason
    # Received varies far from the cutoff only, on both sides alike.
    far = (np.abs(x) > 0.95).astype(float)
    found = fuzzy_jump(sample(outcome(x), x, 0.0, received=far))
    assert found.late.headline.estimate is None
    assert set(numbers(found.anderson_rubin)) == {None}


def test_fuzzy_with_a_weak_first_stage_has_an_unbounded_set() -> None:
    found = fuzzy_jump(fuzzy_rows(0.02))
    assert found.strength is not None
    assert found.strength < 3.84
    assert found.anderson_rubin.ci_shape in ("whole_line", "disjoint", "below_only", "above_only")
    strong = fuzzy_jump(fuzzy_rows(0.65))
    assert strong.strength is not None
    assert strong.strength > 10
    assert strong.anderson_rubin.ci_shape == "interval"


def test_full_compliance_is_the_sharp_design() -> None:
    x = score()
    rows = sample(outcome(x), x, 0.0, received=(x >= 0).astype(float))
    found, sharp = fuzzy_jump(rows), jump(rows)
    first = found.first_stage.headline
    assert (first.status, first.reason_code) == ("ok", "full_compliance")
    assert first.estimate == pytest.approx(1.0, rel=1e-12)
    assert found.strength is None
    assert found.late.robust.estimate == pytest.approx(sharp.robust.estimate, rel=1e-9)
    bounds = [found.anderson_rubin.ci_low, found.anderson_rubin.ci_high]
    assert bounds == pytest.approx([sharp.robust.ci_low, sharp.robust.ci_high], rel=1e-6)


def test_density_sees_units_that_moved_over_the_cutoff() -> None:
    x = np.random.default_rng(6).uniform(-1, 1, 2_000)
    clean = checks.density(x)
    assert clean.test.p_value is not None
    assert clean.test.p_value > 0.05
    moves = (np.random.default_rng(7).random(len(x)) < 0.6) & (x < 0) & (x > -0.2)
    moved = np.where(moves, -x, x)
    sorted_in = checks.density(moved)
    assert sorted_in.test.p_value is not None
    assert sorted_in.test.p_value < 1e-3
    assert sorted_in.levels is not None
    assert sorted_in.levels[1] > sorted_in.levels[0]
    assert sorted_in.test.estimate == pytest.approx(sorted_in.levels[1] - sorted_in.levels[0])
    assert checks.density(np.append(x, np.nan)) == clean


def test_density_at_its_edges() -> None:
    assert checks.density(np.array([])).test.reason_code == "no_units"
    assert checks.density(score() + 2).test.reason_code == "no_units_one_side"
    assert checks.density(np.repeat([-1.0, 1.0], 50)).test.reason_code == "few_score_values"


def test_placebo_cutoffs_stay_on_their_side() -> None:
    """A jump of 5 at the cutoff does not leak into the placebos; a second jump is found."""
    x = np.random.default_rng(7).uniform(-1, 1, 2_000)
    rows = sample(outcome(x, 5.0), x, 0.0)
    found = checks.placebo_cutoffs(rows, quantiles=(0.4, 0.6))
    assert [place.side for place in found] == ["below"] * 2 + ["above"] * 2
    for place in found:
        assert (place.cutoff < 0) == (place.side == "below")
        assert sum(place.jump.n) == rows.n[place.side == "above"]
        assert (place.jump.robust.p_value or 0) > 0.01
    other_rule = replace(rows, y=rows.y + 2 * (rows.x >= 0.5))
    at = checks.placebo_cutoffs(other_rule)[1]
    assert at.side == "above"
    assert at.cutoff == pytest.approx(0.5, abs=0.05)
    assert (at.jump.robust.p_value or 1) < 0.01


def test_donuts_and_other_bandwidths() -> None:
    x = np.round(score() * 256) / 256
    x[:3] = 0.0
    y = outcome(x)
    y[:3] += 50  # a heap of unusual units at the cutoff
    rows = sample(y, x, 0.0)
    full = jump(rows)
    assert full.bandwidths is not None
    holes = checks.donuts(rows, full.bandwidths)
    assert next(iter(holes)) == 0.0
    assert len(holes) == 3
    assert holes[0.0].n[1] == full.n[1] - (x == 0).sum()
    for hole in holes.values():
        assert hole.conventional.estimate == pytest.approx(1.0, abs=0.3)
    assert abs((full.conventional.estimate or 0) - 1) > 1
    others = checks.sensitivity(rows, full.bandwidths, factors=(1.0, 2.0))
    assert others[1.0].robust.estimate == pytest.approx(full.robust.estimate, rel=1e-9)
    assert others[2.0].bandwidths == full.bandwidths.scaled(2.0)
    assert sum(others[2.0].n_h) > sum(full.n_h)


def test_the_support_counts_ties_and_units_at_the_cutoff() -> None:
    seen = checks.support(np.array([-2.0, -1.0, -1.0, 0.0, 0.0, 3.0]))
    assert (seen.n, seen.n_distinct, seen.n_at_cutoff) == ((3, 3), (2, 2), 2)
    assert seen.ties == pytest.approx(1 / 3)
