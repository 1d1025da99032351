"""Who is matched to whom, and with what error: against brute force and written-out formulas."""

from __future__ import annotations

import time

import numpy as np
import pytest

from causalops.estimators.quasi import matching_errors, propensity
from causalops.estimators.quasi.covariate_balance import balance
from causalops.estimators.quasi.matching import Matches, caliper_width, match, pairs
from causalops.estimators.quasi.neighbours import Ints
from causalops.inference import Inference
from causalops.moments import Floats

Bools = propensity.Bools


def sample(n: int = 240, digits: int = 1) -> tuple[Floats, Bools, Ints, Floats]:
    """Rounded scores have ties; digits 9 has none."""
    rng = np.random.default_rng(8)
    score = np.round(rng.normal(size=n), digits)
    treated = rng.random(n) < 1 / (1 + np.exp(1 - score))
    return score, treated, rng.integers(0, 4, n), score + rng.normal(size=n)


def sets(
    score: Floats, treated: Bools, cells: Ints, neighbours: int, width: float | None
) -> dict[int, list[int]]:
    """Each treated unit's set, by looking at every pair."""
    found = {}
    for i in np.flatnonzero(treated):
        same = [j for j in np.flatnonzero(~treated) if cells[j] == cells[i]]
        gaps = {j: abs(score[i] - score[j]) for j in same}
        near = sorted(gap for gap in gaps.values() if width is None or gap <= width + 1e-9)
        if near:
            reach = near[min(neighbours, len(near)) - 1]
            found[int(i)] = [j for j, gap in gaps.items() if gap <= reach + 1e-9]
    return found


@pytest.mark.parametrize("digits", [1, 9])
@pytest.mark.parametrize("neighbours", [1, 3])
@pytest.mark.parametrize("caliper", [None, 0.05, 0.2])
@pytest.mark.parametrize("by_cell", [False, True])
def test_sets_against_brute_force(
    digits: int, neighbours: int, caliper: float | None, by_cell: bool
) -> None:
    score, treated, cells, y = sample(digits=digits)
    cells = cells if by_cell else np.zeros_like(cells)
    want = sets(score, treated, cells, neighbours, caliper_width(score, treated, caliper))
    found = match(score, treated, cells, neighbours, caliper)
    ours = found.treated[found.matched]
    assert ours.tolist() == list(want)
    assert found.n_dropped == treated.sum() - len(want)
    mean = [y[members].mean() for members in want.values()]
    assert found.counterfactual(y) == pytest.approx(mean, rel=1e-10)
    weight, square, uses = np.zeros((3, len(score)))
    for members in want.values():
        weight[members] += 1 / len(members)
        square[members] += 1 / len(members) ** 2
        uses[members] += 1
    assert found.weight[~treated] == pytest.approx(weight[~treated], abs=1e-12)
    assert found.square[~treated] == pytest.approx(square[~treated], abs=1e-12)
    assert (found.n_used, found.n_reused, found.max_uses) == (
        (uses > 0).sum(), (uses > 1).sum(), uses.max(),
    )  # fmt: skip
    assert caliper is None or by_cell or found.n_dropped < len(treated)


def written_out(y: Floats, found: Matches, cells: Ints, score: Floats, c: bool) -> Floats:
    """Own means (c) or own variances of the untreated in `order`, one unit at a time."""
    values = []
    for j in found.order:
        others = [k for k in found.order if k != j and cells[k] == cells[j]]
        gaps = np.array([abs(score[k] - score[j]) for k in others])
        near = np.array(others)[gaps <= np.sort(gaps)[: matching_errors.OWN].max() + 1e-9]
        # A tie with the unit itself leaves one slot less for others at a distance.
        m = len(near)
        gap = y[j] - y[near].mean()
        values.append(gap if c else gap**2 * m / (m + 1))
    return np.array(values)


@pytest.mark.parametrize("digits", [1, 9])
def test_the_variance_written_out(digits: int) -> None:
    """Abadie & Imbens (2006), unit by unit, with the shares of sets as K."""
    score, treated, cells, y = sample(digits=digits)
    want = sets(score, treated, cells, 2, None)
    found = match(score, treated, cells, 2, None)
    result = matching_errors.effect(y, found)
    assert isinstance(result, matching_errors.Matched)
    effects = np.array([y[i] - y[members].mean() for i, members in want.items()])
    own = written_out(y, found, cells, score, c=False)
    k = np.zeros(len(y))
    squares = np.zeros(len(y))
    for members in want.values():
        k[members] += 1 / len(members)
        squares[members] += 1 / len(members) ** 2
    total = ((effects - effects.mean()) ** 2).sum()
    total += sum((k[j] ** 2 - squares[j]) * v for j, v in zip(found.order, own, strict=True))
    assert result.estimate == pytest.approx(effects.mean(), rel=1e-10)
    assert result.variance == pytest.approx(total / len(effects) ** 2, rel=1e-8)
    assert result.adjusted is None


def test_the_estimated_score_written_out() -> None:
    """Abadie & Imbens (2016): -c' V c + d' V d, unit by unit."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 2))
    treated = rng.random(300) < 1 / (1 + np.exp(0.5 - x[:, 0]))
    y = x @ [1.0, 2.0] + treated * x[:, 1] + rng.normal(size=300)
    score = propensity.fit(x, treated, ["a", "b"])
    found = match(score.index, treated, caliper=None)
    result = matching_errors.effect(y, found, score)
    assert isinstance(result, matching_errors.Matched)
    design = np.column_stack([np.ones(300), x])  # any basis of the same space will do
    p = score.probability
    covariance = np.linalg.inv(design.T @ (design * (p * (1 - p))[:, None]))
    want = sets(score.index, treated, np.zeros(300, dtype=int), 1, None)
    effects = {i: y[i] - y[members].mean() for i, members in want.items()}
    att = np.mean(list(effects.values()))
    c, d = np.zeros(3), np.zeros(3)
    betas = [np.linalg.lstsq(design[rows], y[rows], rcond=None)[0] for rows in (treated, ~treated)]
    for i, effect in effects.items():
        c += (1 - p[i]) * design[i] * (effect - att)
        d += (1 - p[i]) * design[i] * (design[i] @ (betas[0] - betas[1]) - att)
    own = written_out(y, found, np.zeros(300, dtype=int), score.index, c=True)
    for j, gap in zip(found.order, own, strict=True):
        c += found.weight[j] * p[j] * design[j] * gap
    shift = (d @ covariance @ d - c @ covariance @ c) / len(effects) ** 2
    assert result.adjusted is not None
    assert result.adjusted - result.variance == pytest.approx(shift, rel=1e-8)
    assert shift < 0


def test_the_order_of_rows_changes_nothing() -> None:
    score, treated, cells, y = sample()
    plain = matching_errors.effect(y, match(score, treated, cells))
    turn = np.random.default_rng(1).permutation(len(score))
    turned = matching_errors.effect(y[turn], match(score[turn], treated[turn], cells[turn]))
    assert isinstance(plain, matching_errors.Matched)
    assert isinstance(turned, matching_errors.Matched)
    assert turned.estimate == pytest.approx(plain.estimate, rel=1e-12)
    assert turned.variance == pytest.approx(plain.variance, rel=1e-12)


def test_everybody_matched_to_one_unit() -> None:
    """One untreated unit near, one far: the near one serves all; it has no error of its own left
    when nobody else was used."""
    score = np.array([1.0, 1.1, 1.2, 1.3, 1.25, 9.0])
    treated = np.array([True, True, True, True, False, False])
    found = match(score, treated, caliper=None)
    assert (found.n_matched, found.n_used, found.n_reused, found.max_uses) == (4, 1, 1, 4)
    result = matching_errors.effect(np.arange(6.0), found)
    assert isinstance(result, Inference)
    assert (result.status, result.reason_code) == ("skipped", "too_few_units")
    assert result.estimate == pytest.approx(1.5 - 4)
    assert result.std_error is None


def test_nobody_within_the_caliper() -> None:
    rng = np.random.default_rng(4)
    score = np.concatenate([rng.normal(20, 1, 30), rng.normal(0, 1, 30)])
    treated = np.arange(60) < 30
    found = match(score, treated)
    assert (found.reason, found.n_matched, found.n_dropped) == ("no_match", 0, 30)
    result = matching_errors.effect(score, found)
    assert isinstance(result, Inference)
    assert (result.estimate, result.reason_code) == (None, "no_match")


def test_cells_without_untreated_units() -> None:
    score, treated, cells, _ = sample()
    cells = np.where(treated, cells, np.minimum(cells, 1))
    found = match(score, treated, cells, caliper=None)
    assert found.n_dropped == (treated & (cells > 1)).sum() > 0
    assert not found.weight[treated & (cells > 1)].any()


@pytest.mark.parametrize("arm", [True, False])
def test_one_arm_only(arm: bool) -> None:
    score = np.arange(5.0)
    found = match(score, np.full(5, arm))
    assert found.reason == "empty_arm"
    result = matching_errors.effect(score, found)
    assert isinstance(result, Inference)
    assert result.reason_code == "empty_arm"


def test_equal_scores_and_constant_outcomes() -> None:
    """All scores equal: every untreated unit serves; a constant outcome has no variance."""
    treated = np.arange(40) < 10
    found = match(np.zeros(40), treated)
    assert (found.n_matched, found.n_used, found.max_uses) == (10, 30, 10)
    result = matching_errors.effect(np.full(40, 3.0), found)
    assert isinstance(result, matching_errors.Matched)
    assert result.inference(0.05).reason_code == "zero_variance"


def test_missing_outcomes_are_refused() -> None:
    score, treated, _, y = sample()
    result = matching_errors.effect(np.where(y > 2, np.nan, y), match(score, treated))
    assert isinstance(result, Inference)
    assert (result.status, result.reason_code) == ("failed", "not_finite")


def test_bias_correction_is_exact_for_a_linear_outcome() -> None:
    """Without noise, what the sets differ in the covariate is taken out to the last digit."""
    score, treated, _, _ = sample(digits=9)
    y = 3 + 2 * score + 1.5 * treated
    found = match(score, treated, caliper=None)
    plain = matching_errors.effect(y, found)
    corrected = matching_errors.effect(y, found, correct=score[:, None])
    assert isinstance(plain, matching_errors.Matched)
    assert isinstance(corrected, matching_errors.Matched)
    assert corrected.estimate == pytest.approx(1.5, abs=1e-12)
    assert abs(plain.estimate - 1.5) > 1e-4


@pytest.mark.parametrize("digits", [1, 9])
def test_pairs_are_disjoint_and_within_the_caliper(digits: int) -> None:
    score, treated, _, _ = sample(digits=digits)
    found = match(score, treated, caliper=0.1)
    ours, theirs = pairs(found)
    assert len(set(ours)) == len(ours) == len(set(theirs)) <= found.n_matched
    assert treated[ours].all()
    assert not treated[theirs].any()
    assert found.caliper is not None
    assert np.abs(score[ours] - score[theirs]).max() <= found.caliper + 1e-9
    # Whoever has no pair has nobody left within the caliper.
    left = np.setdiff1d(np.flatnonzero(~treated), theirs)
    for unit in np.setdiff1d(np.flatnonzero(treated), ours):
        assert np.abs(score[unit] - score[left]).min(initial=np.inf) > found.caliper - 1e-9


def test_pairs_take_the_nearest_that_is_free() -> None:
    score = np.array([5.0, 5.0, 5.0, 4.9, 5.2, 1.0])
    treated = np.array([True, True, True, False, False, False])
    ours, theirs = pairs(match(score, treated, caliper=None))
    assert (ours.tolist(), theirs.tolist()) == ([0, 1, 2], [3, 4, 5])


def test_balance_before_and_after() -> None:
    """Weights that copy the treated make both differences vanish; the denominator stays."""
    x = np.array([[0.0], [2.0], [4.0], [0.0], [2.0], [4.0], [10.0]])
    treated = np.array([True, True, True, False, False, False, False])
    weight = np.array([1.0, 1, 1, 1, 1, 1, 0])
    (found,) = balance(x, ["x"], treated, weight)
    spread = np.sqrt((4 + x[3:].var(ddof=1)) / 2)
    assert found.smd_before == pytest.approx(-2 / spread)
    assert found.variance_ratio_before == pytest.approx(4 / x[3:].var(ddof=1))
    assert found.smd_after == pytest.approx(0)
    assert found.variance_ratio_after == pytest.approx(1)


def test_balance_of_a_constant_or_of_nobody() -> None:
    x, treated = np.ones((6, 1)), np.arange(6) < 3
    (found,) = balance(x, ["one"], treated, np.ones(6))
    assert found.smd_before is found.smd_after is found.variance_ratio_before is None
    (found,) = balance(np.arange(6.0)[:, None], ["x"], treated, np.zeros(6))
    assert found.smd_before is not None
    assert found.smd_after is found.variance_ratio_after is None


def test_matching_grows_with_n_log_n() -> None:
    """A million untreated units, twenty thousand treated."""
    rng = np.random.default_rng(6)
    score = rng.normal(size=1_020_000)
    treated = np.arange(len(score)) < 20_000
    start = time.process_time()
    found = match(score, treated, rng.integers(0, 50, len(score)))
    assert time.process_time() - start < 4
    assert found.n_matched > 19_900
