"""Weights, ranks and sets of a synthetic control at the edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from causalops.estimators.quasi import synthetic_fit as sf
from causalops.estimators.quasi.convex_weights import convex_weights
from causalops.estimators.quasi.synthetic_control import inference


def panel(donors: int = 8, periods: int = 16, start: int = 10, effect: float = 0.0,
          seed: int = 8) -> sf.Panel:  # fmt: skip
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(periods, donors + 1)).cumsum(axis=0) + 50
    values[start:, 0] += effect
    names = tuple(f"unit {index:02}" for index in range(donors))
    return sf.Panel(values[:, 0], values[:, 1:], names, start)


def fitted(of: sf.Panel) -> sf.Fit:
    found = sf.fit(of)
    assert found is not None
    return found


def others(of: sf.Panel) -> list[sf.Fit]:
    return list(sf.placebos(of).values())


def test_a_known_mixture_is_found() -> None:
    rng = np.random.default_rng(1)
    donors = rng.normal(size=(12, 5)) + 1e6
    found = convex_weights(donors, donors @ np.array([0.5, 0, 0.2, 0.3, 0]))
    assert found is not None
    assert found.is_unique
    assert found.values == pytest.approx([0.5, 0, 0.2, 0.3, 0], abs=1e-6)


def test_a_target_outside_the_hull_takes_the_nearest_point() -> None:
    found = convex_weights(np.array([[0.0, 1.0, 5.0]]), np.array([-2.0]))
    assert found is not None
    assert found.values.tolist() == [1, 0, 0]
    corner = convex_weights(np.array([[0.0, 2.0], [2.0, 0.0]]), np.array([3.0, 3.0]))
    assert corner is not None
    assert corner.values == pytest.approx([0.5, 0.5], abs=1e-12)


def test_weights_that_are_not_unique_are_said_so_and_do_not_depend_on_the_order() -> None:
    donors = np.array([[0.0, 1.0, 2.0, 3.0]])
    found = convex_weights(donors, np.array([1.5]))
    assert found is not None
    assert not found.is_unique
    assert donors @ found.values == pytest.approx([1.5], abs=1e-6)
    assert found.values == pytest.approx([0.25] * 4, abs=1e-3)
    twin = convex_weights(np.array([[0.0, 0.0, 9.0], [1.0, 1.0, 9.0]]), np.array([-1.0, 1.0]))
    assert twin is not None
    assert not twin.is_unique
    assert twin.values == pytest.approx([0.5, 0.5, 0], abs=1e-6)


def test_equal_donors() -> None:
    found = convex_weights(np.ones((4, 3)), np.ones(4))
    assert found is not None
    assert not found.is_unique
    assert found.values.tolist() == [1 / 3] * 3


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_the_unit_of_the_outcome_does_not_matter(scale: float) -> None:
    base, plain = panel(), fitted(panel())
    scaled = fitted(replace(base, treated=scale * base.treated, donors=scale * base.donors))
    assert scaled.weights == pytest.approx(plain.weights, abs=1e-7)
    assert scaled.ratio == pytest.approx(plain.ratio, rel=1e-6)


def test_the_order_of_donors_does_not_matter() -> None:
    base = panel()
    order = np.random.default_rng(3).permutation(len(base.names))
    moved = sf.Panel(base.treated, base.donors[:, order],
                     tuple(base.names[index] for index in order), base.start)  # fmt: skip
    assert fitted(moved).gap.tolist() == fitted(base).gap.tolist()
    assert [one.ratio for one in others(moved)] == [one.ratio for one in others(base)]


@pytest.mark.parametrize(
    ("donors", "start", "problem"),
    [(1, 10, "too_few_donors"), (8, 2, "insufficient_data"), (8, 16, "insufficient_data"),
     (2, 3, None)],
)  # fmt: skip
def test_panels_without_an_answer(donors: int, start: int, problem: str | None) -> None:
    assert panel(donors, 16, start).problem == problem


def test_a_panel_with_a_hole() -> None:
    base = panel()
    base.donors[3, 2] = np.nan
    assert base.problem == "not_finite"


def test_a_large_effect_has_the_smallest_p_there_can_be() -> None:
    base = panel(donors=12, effect=40.0)
    place = sf.rank(fitted(base), others(base))
    assert place is not None
    assert (place.rank, place.p_value) == (1, place.floor)
    assert place.floor == 1 / 13


def test_a_rank_that_cannot_reject_is_no_test() -> None:
    base = panel(donors=12, effect=40.0)
    mute = inference(fitted(base), others(base), 0.05)
    assert (mute.p_value, mute.status, mute.reason_code) == (None, "warning", "few_placebos")
    assert mute.estimate is not None
    assert inference(fitted(base), others(base), 0.1).p_value == 1 / 13


def test_two_donors_leave_no_placebo() -> None:
    small = panel(donors=2)
    main = fitted(small)
    assert sf.placebos(small) == {}
    assert sf.leave_one_out(small, main) == {}
    assert sf.rank(main, []) is None
    assert sf.gap_set(main, [], 0.05) is None


def test_a_perfect_pre_period_has_no_rank() -> None:
    base = panel()
    copy = replace(base, treated=base.donors[:, 0] + np.where(np.arange(16) >= 10, 3.0, 0.0))
    main = fitted(copy)
    assert main.is_perfect
    assert main.mean_gap == pytest.approx(3)
    assert sf.rank(main, others(copy)) is None
    assert sf.gap_set(main, others(copy), 0.05) is None


def test_a_placebo_with_a_perfect_fit_counts_against_the_effect() -> None:
    base = panel(effect=40.0)
    donors = base.donors.copy()
    donors[:, 1] = donors[:, 0]
    main, placebos = fitted(replace(base, donors=donors)), others(replace(base, donors=donors))
    place = sf.rank(main, placebos)
    assert place is not None
    assert place.rank == 3


def test_the_set_is_what_the_rank_does_not_reject() -> None:
    """Subtracting a constant effect inside the set leaves p above alpha, outside it does not."""
    base = panel(donors=24, effect=6.0)
    main, placebos = fitted(base), others(base)
    found = sf.gap_set(main, placebos, 0.1)
    assert found is not None
    assert found.shape == "interval"
    assert found.low is not None
    assert found.high is not None
    width = found.high - found.low
    for effect, inside in ((found.low - 1e-4 * width, False), (found.low + 1e-4 * width, True),
                           (found.high - 1e-4 * width, True),
                           (found.high + 1e-4 * width, False)):  # fmt: skip
        gap = main.gap.copy()
        gap[main.start :] -= effect
        place = sf.rank(replace(main, gap=gap), placebos)
        assert place is not None
        assert (place.p_value > 0.1) == inside


def test_few_donors_cannot_reject_anything() -> None:
    base = panel(donors=8, effect=40.0)
    assert sf.gap_set(fitted(base), others(base), 0.05) == sf.GapSet("whole_line")


def test_an_effect_that_is_far_from_constant_has_an_empty_set() -> None:
    base = panel(donors=24)
    swing = base.treated + 1e4 * np.where(np.arange(16) >= 10, (-1.0) ** np.arange(16), 0.0)
    swung = replace(base, treated=swing)
    assert sf.gap_set(fitted(swung), others(swung), 0.1) == sf.GapSet("empty")


def test_placebos_with_a_poor_fit_can_be_left_out() -> None:
    base = panel(donors=12, effect=6.0)
    base.donors[:, 5] += 1e3 * np.sin(np.arange(16))
    main, placebos = fitted(base), others(base)
    kept, place = sf.rank(main, placebos, 20), sf.rank(main, placebos)
    assert kept is not None
    assert place is not None
    assert kept.units < place.units == 13


def test_in_time_placebo_reads_nothing_after_the_treatment() -> None:
    base = panel(effect=40.0)
    start = sf.earlier_start(base)
    assert start == 6
    moved = base.moved(start)
    assert len(moved.treated) == base.start
    assert fitted(moved).gap.tolist() == fitted(panel(effect=-5.0).moved(start)).gap.tolist()
    assert sf.earlier_start(panel(start=4)) is None


def test_leave_one_out_names_the_donors_with_a_weight() -> None:
    base = panel()
    main = fitted(base)
    left = sf.leave_one_out(base, main)
    used = {name for name, weight in zip(main.names, main.weights, strict=True) if weight > 0}
    assert set(left) == used
    assert all(name not in fit.names for name, fit in left.items())
    assert all(fit.pre_rmspe >= main.pre_rmspe * (1 - 1e-9) for fit in left.values())
