"""Lee's bounds by hand, at their edges, and turned around."""

from __future__ import annotations

import numpy as np
import pytest

from causalops.estimators.quasi.lee_bounds import LeeBounds, lee_bounds
from causalops.inference import welch
from causalops.moments import Floats

# Treated: 4 of 5 selected (1, 2, 3, 6); untreated: 2 of 5 selected (1, 3). Half is cut.
Y = np.array([1.0, 2.0, 3.0, 6.0, 99.0, 1.0, 3.0, 99.0, 99.0, 99.0])
SELECTED = np.array([1, 1, 1, 1, 0, 1, 1, 0, 0, 0], dtype=bool)
TREATED = np.repeat([True, False], 5)


def test_by_hand() -> None:
    found = lee_bounds(Y, SELECTED, TREATED)
    assert (found.trimmed, found.trimmed_arm, found.shares) == (0.5, "treated", (0.8, 0.4))
    assert found.low == pytest.approx(1.5 - 2)
    assert found.high == pytest.approx(4.5 - 2)
    # Lower: within .25 / 2, edge (2 - 1.5)² .5 / 2, share 1² .25 (.6 / .4 / 5 + .2 / .8 / 5);
    # the other arm 2 / 2.
    noise = 0.25 * (0.6 / 0.4 / 5 + 0.2 / 0.8 / 5)
    want = np.sqrt([0.125 + 0.0625 + noise + 1, 1.125 + 0.5625 + 9 * noise + 1])
    assert found.errors == pytest.approx(tuple(want))
    assert found.interval.estimate is None


def test_turned_around() -> None:
    """Swapping the arms turns the bounds; values of units that are not selected are not read."""
    found = lee_bounds(Y, SELECTED, TREATED)
    other = lee_bounds(np.where(SELECTED, Y, np.nan), SELECTED, ~TREATED)
    assert other.trimmed_arm == "untreated"
    assert (other.low, other.high) == pytest.approx((-(found.high or 0), -(found.low or 0)))
    assert other.errors is not None
    assert found.errors is not None
    assert other.errors[::-1] == pytest.approx(found.errors)
    assert other.interval.ci_low == pytest.approx(-(found.interval.ci_high or 0))


def test_a_part_of_one_value_is_cut() -> None:
    """3 of 4 against 2 of 4 selected: a third of 3 values goes; of 2 in 5 a fraction would."""
    y = np.array([1.0, 2.0, 4.0, 9.0, 5.0, 5.0, 5.0, 9.0, 9.0, 9.0, 9.0])
    selected = np.array([1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0], dtype=bool)
    treated = np.repeat([True, False], [4, 7])  # kept 3/7 over 3/4 = 4/7 of 3 values: 12/7
    found = lee_bounds(y, selected, treated)
    assert found.low == pytest.approx((1 + 2 * 5 / 7) / (12 / 7) - 5)
    assert found.high == pytest.approx((4 + 2 * 5 / 7) / (12 / 7) - 5)


def test_equal_shares_are_the_plain_difference() -> None:
    rng = np.random.default_rng(1)
    y, treated = rng.normal(size=400), np.arange(400) % 2 == 0
    selected = np.arange(400) % 4 < 2
    found = lee_bounds(y, selected, treated)
    arms = y[selected & treated], y[selected & ~treated]
    want = welch((100, 100), (arms[0].mean(), arms[1].mean()),
                 (arms[0].var(ddof=1), arms[1].var(ddof=1)))  # fmt: skip
    assert (found.low, found.high) == pytest.approx((want.estimate, want.estimate))
    assert found.trimmed_arm == "none"
    assert found.errors is not None
    assert found.errors[0] == pytest.approx(want.std_error)
    # Bounds that meet: the usual two-sided interval.
    reach = (found.interval.ci_high or 0) - (found.high or 0)
    assert reach == pytest.approx(1.959963984540054 * found.errors[0])


def test_wide_bounds_need_a_one_sided_reach() -> None:
    y = np.concatenate([np.linspace(0, 100, 800), np.linspace(0, 1, 500)])
    treated = np.repeat([True, False], [800, 500])
    selected = np.ones(1300, dtype=bool)
    selected[900:] = False
    found = lee_bounds(y, selected, treated)
    assert found.errors is not None
    reach = ((found.interval.ci_high or 0) - (found.high or 0)) / found.errors[1]
    assert reach == pytest.approx(1.6448536269514722, rel=1e-6)


def test_clusters_of_one_unit_agree_and_copies_do_not_add_information() -> None:
    rng = np.random.default_rng(8)
    n = 2_000
    y, treated = rng.normal(size=n), np.arange(n) % 2 == 0
    selected = rng.random(n) < 0.5 + 0.2 * treated
    plain, alone = (lee_bounds(y, selected, treated, clusters=c) for c in (None, np.arange(n)))
    assert plain.errors is not None
    assert alone.errors == pytest.approx(plain.errors, rel=2e-3)
    again = [np.tile(part, 3) for part in (y, selected, treated, np.arange(n))]
    thrice = lee_bounds(again[0], again[1], again[2], clusters=again[3])
    assert thrice.errors == pytest.approx(alone.errors, rel=1e-3)
    assert (thrice.interval.ci_low or 0) < (thrice.low or 0)
    turned = lee_bounds(y, selected, ~treated, clusters=np.arange(n))
    assert turned.errors is not None
    assert turned.errors[::-1] == pytest.approx(alone.errors)


def test_tied_values_of_several_clusters_have_no_order() -> None:
    rng = np.random.default_rng(9)
    y, treated, selected = rng.integers(0, 3, 300) * 1.0, np.arange(300) % 2 == 0, rng.random(300)
    chosen, groups = selected < 0.5 + 0.2 * treated, rng.integers(0, 20, 300)
    order = rng.permutation(300)
    one = lee_bounds(y, chosen, treated, clusters=groups)
    other = lee_bounds(y[order], chosen[order], treated[order], clusters=groups[order])
    assert other.errors == pytest.approx(one.errors, rel=1e-12)


def test_one_cluster_in_an_arm_leaves_the_bounds_without_errors() -> None:
    groups = np.array(["a"] * 5 + ["b", "c"] * 2 + ["c"])
    found = lee_bounds(Y, SELECTED, TREATED, clusters=groups)
    assert (found.low, found.high) == (pytest.approx(-0.5), pytest.approx(2.5))
    assert found.errors is None
    assert found.interval.reason_code == "too_few_clusters"
    assert found.interval.ci_low is None


@pytest.mark.parametrize(
    ("y", "selected", "treated", "reason"),
    [
        (Y, SELECTED, np.ones(10, dtype=bool), "empty_arm"),
        (Y, TREATED, TREATED, "too_few_units"),
        (np.ones(10), SELECTED, TREATED, "zero_variance"),
        (Y * 1e300, SELECTED, TREATED, "not_finite"),
    ],
)
def test_no_bounds(y: Floats, selected: Floats, treated: Floats, reason: str) -> None:
    found: LeeBounds = lee_bounds(y, selected.astype(bool), treated.astype(bool))
    assert found.interval.reason_code == reason
    assert found.interval.ci_low is None
    assert found.interval.ci_high is None
