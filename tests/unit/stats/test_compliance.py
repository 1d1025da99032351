"""Complier effects from cell moments: algebra, shapes of the Anderson-Rubin set, edges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from causalops.estimators.randomised import compliance as cp
from causalops.estimators.randomised.contrasts import Arm, Contrast, contrast
from causalops.moments import EMPTY, from_rows

Floats = npt.NDArray[np.float64]
ARRAYS = ("y", "x1")


def halves(units: dict[str, Floats], keep: npt.NDArray[np.bool_]) -> cp.Halves:
    """The kept units that did not, and that did, receive the treatment."""
    found = []
    for taken in (0, 1):
        part = keep & (units["d"] == taken)
        names = [name for name in ARRAYS if name in units]
        found.append(from_rows({n: units[n][part] for n in names}) if part.any() else EMPTY)
    return found[0], found[1]


def measured(units: dict[str, Floats], method: str = "unadjusted", by: Any = None) -> cp.Measure:
    """The contrasts of units with columns y, d, z (and x1), in strata when `by` says so."""
    groups = np.zeros(len(units["y"])) if by is None else np.asarray(by)
    strata = [
        (halves(units, (groups == g) & (units["z"] == 1)),
         halves(units, (groups == g) & (units["z"] == 0)))
        for g in np.unique(groups)
    ]  # fmt: skip
    return cp.from_halves(strata, method, ["pre"])


def draw(seed: int = 1, n: int = 400, push: float = 1.0, offset: float = 0.0) -> dict[str, Floats]:
    """Compliance and outcome share a cause; the treatment adds 1."""
    rng = np.random.default_rng(seed)
    cause, x1 = rng.normal(size=n), rng.normal(size=n)
    z = (rng.random(n) < 0.4).astype(float)
    d = (cause + push * z + rng.normal(size=n) > 0.5).astype(float)
    return {"y": offset + 1 + d + cause + x1 + rng.normal(size=n), "d": d, "z": z, "x1": x1}


def moments(values: Floats, z: Floats) -> tuple[float, float]:
    """Difference of the arms' means and its variance with divisor n, from rows."""
    arms = values[z == 1], values[z == 0]
    return float(arms[0].mean() - arms[1].mean()), sum(a.var() / len(a) for a in arms)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_a_mix_is_the_variable_it_names(offset: float) -> None:
    units = draw(offset=offset)
    measure = measured(units)
    y, d, z = units["y"], units["d"], units["z"]
    mixes = {
        cp.OUTCOME: y, cp.RECEIVED: d, cp.NOT_RECEIVED: 1 - d, cp.OUTCOME_TREATED: y * d,
        cp.OUTCOME_UNTREATED: y * (1 - d), cp.OUTCOME.plus(-2.5, cp.RECEIVED): y - 2.5 * d,
    }  # fmt: skip
    for mix, values in mixes.items():
        found = measure(mix)
        assert (found.effect, found.variance) == pytest.approx(moments(values, z), rel=2e-9)
        assert found.variant.mean == pytest.approx(values[z == 1].mean(), rel=1e-12)


@pytest.mark.parametrize("method", ["unadjusted", "cuped", "lin"])
def test_adjusted_and_stratified_mixes_are_contrasts_of_their_rows(method: str) -> None:
    units = draw()
    by = units["x1"] > 0.3
    mixed = units["y"] - 0.7 * units["d"]
    strata = [
        tuple(from_rows({"y": mixed[keep], "x1": units["x1"][keep]})
              for keep in ((by == g) & (units["z"] == 1), (by == g) & (units["z"] == 0)))
        for g in (False, True)
    ]  # fmt: skip
    direct = contrast([(v, b) for v, b in strata], method=method, ddof=0)
    found = measured(units, method, by)(cp.OUTCOME.plus(-0.7, cp.RECEIVED))
    assert found.effect == pytest.approx(direct.effect, rel=1e-10)
    assert found.variance == pytest.approx(direct.variance, rel=1e-10)


@pytest.mark.parametrize("push", [1.2, 0.35, 0.15, 0.02])
@pytest.mark.parametrize("method", ["unadjusted", "cuped"])
def test_the_set_inverts_the_test_at_every_value(push: float, method: str) -> None:
    """A value is inside exactly when the test of y - b d does not reject it."""
    for seed in range(12):
        measure = measured(draw(seed, n=300, push=push), method)
        found = cp.anderson_rubin(measure, 0.05)
        assert push < 1 or found.ci_shape == "interval"
        for b in [*np.linspace(-12, 12, 49), found.estimate or 0.0, 1e4, -1e4]:
            tested = measure(cp.OUTCOME.plus(-float(b), cp.RECEIVED))
            assert tested.effect is not None
            assert tested.variance is not None
            is_in = tested.effect**2 <= 1.959963984540054**2 * tested.variance
            assert inside(found, float(b)) == is_in, (seed, b, found)


def inside(found: Any, b: float) -> bool:
    """Whether a value lies in the set of a row."""
    if found.ci_shape == "disjoint":
        return bool(b <= found.pieces[0][1] or b >= found.pieces[1][0])
    assert found.ci_shape in ("interval", "whole_line", "above_only", "below_only")
    return (found.ci_low is None or b >= found.ci_low) and (
        found.ci_high is None or b <= found.ci_high
    )


def test_unbounded_sets_have_every_shape() -> None:
    shapes = {
        cp.anderson_rubin(measured(draw(seed, n=200, push=0.1)), 0.05).ci_shape
        for seed in range(40)
    }
    assert shapes == {"interval", "disjoint", "whole_line"}


def test_a_set_on_the_edge_is_a_half_line() -> None:
    """first stage² = q² V(d): the quadratic term is zero, and the set has one end."""
    square = 1.959963984540054**2

    def measure(mix: cp.Mix) -> Contrast:
        """c(y) = 3, c(d) = 1, V(y) = 1, V(d) = 1 / q², no covariance."""
        y, d = mix.scale[1], mix.shift[1]
        return Contrast(Arm(10, 1.0), Arm(10, 0.0), effect=3 * y + d,
                        variance=y * y + d * d / square)  # fmt: skip

    found = cp.anderson_rubin(measure, 0.05)
    assert (found.ci_shape, found.ci_high) == ("above_only", None)
    assert found.ci_low == pytest.approx((9 - square) / 6)


def test_no_units_at_all() -> None:
    assert cp.problem(cp.from_halves([], "unadjusted")) == "no_units"


def test_units_do_not_matter() -> None:
    """In cents instead of thousands everything scales, shapes included."""
    units = draw(3, push=0.5)
    scaled = units | {"y": units["y"] * 1e5}
    small, large = (cp.anderson_rubin(measured(u), 0.05) for u in (units, scaled))
    assert large.ci_shape == small.ci_shape
    for name in ("estimate", "std_error", "ci_low", "ci_high"):
        one, other = getattr(small, name), getattr(large, name)
        assert other == (None if one is None else pytest.approx(1e5 * one, rel=1e-9))
    assert large.p_value == pytest.approx(small.p_value)


def test_groups_by_compliance_add_up() -> None:
    units = draw()
    y, d, z = units["y"], units["d"], units["z"]
    measure = measured(units)
    found = cp.terms(measure)
    shares = [found[f"share_{group}s"].estimate for group in
              ("complier", "always_taker", "never_taker")]  # fmt: skip
    assert sum(shares) == pytest.approx(1)
    always, never = y[(z == 0) & (d == 1)], y[(z == 1) & (d == 0)]
    assert found["always_taker_mean"].estimate == pytest.approx(always.mean())
    assert found["always_taker_mean"].variance == pytest.approx(always.var() / len(always))
    assert found["never_taker_mean"].estimate == pytest.approx(never.mean())
    assert found["never_taker_mean"].variance == pytest.approx(never.var() / len(never))
    gap = found["complier_mean_treated"].estimate - found["complier_mean_untreated"].estimate
    cace = cp.wald(measure)
    assert gap == pytest.approx(cace.effect)
    # The control's mean is the mean of its three groups without and with treatment.
    level = (shares[0] * found["complier_mean_untreated"].estimate + shares[1] * always.mean()
             + shares[2] * never.mean())  # fmt: skip
    assert level == pytest.approx(y[z == 0].mean())
    lift = cp.relative(measure, 0.05)
    assert lift.estimate == pytest.approx(gap / abs(found["complier_mean_untreated"].estimate))


def test_the_relative_error_is_that_of_the_delta_method() -> None:
    """By numerical derivative in the four means of (y, y (1 - d)) by arm."""
    units = draw(2, offset=5)
    y, u, z = units["y"], units["y"] * (1 - units["d"]), units["z"]
    means = np.array([v[z == a].mean() for a in (1, 0) for v in (y, u)])
    cov = np.zeros((4, 4))
    for row, a in enumerate((1, 0)):
        block = np.cov(y[z == a], u[z == a], ddof=0) / (z == a).sum()
        cov[2 * row : 2 * row + 2, 2 * row : 2 * row + 2] = block

    def ratio(m: Floats) -> float:
        return float((m[0] - m[2]) / (m[3] - m[1]))

    steps = [(ratio(means + h) - ratio(means - h)) / 2e-6 for h in np.eye(4) * 1e-6]
    found = cp.relative(measured(units), 0.05)
    assert found.std_error == pytest.approx(math.sqrt(steps @ cov @ np.array(steps)), rel=1e-6)


def cells(*counts: tuple[int, int, float]) -> cp.Measure:
    """Two arms from (units not received, units received, mean of the outcome) each; sd 1."""
    arms = []
    for none, some, mean in counts:
        rng = np.random.default_rng(none + some)
        arms.append(tuple(from_rows({"y": mean + rng.normal(size=k)}) if k else EMPTY
                          for k in (none, some)))  # fmt: skip
    return cp.from_halves([((arms[0][0], arms[0][1]), (arms[1][0], arms[1][1]))], "unadjusted")


@pytest.mark.parametrize(
    ("variant", "control", "reason"),
    [
        ((50, 0, 0), (50, 0, 0), "no_variation_received"),
        ((0, 50, 0), (0, 50, 0), "no_variation_received"),
        ((25, 25, 0), (30, 30, 0), "no_compliers"),
        ((50, 0, 0), (0, 0, 0), "empty_arm"),
        ((0, 1, 0), (40, 0, 0), "too_few_units"),
    ],
)
def test_no_complier_effect(variant: Any, control: Any, reason: str) -> None:
    measure = cells(variant, control)
    assert cp.problem(measure) == reason
    assert cp.wald(measure).variance is None
    found = cp.anderson_rubin(measure, 0.05)
    assert (found.std_error, found.p_value, found.status) == (None, None, "skipped")


def test_full_compliance_is_the_difference_in_means() -> None:
    measure = cells((0, 60, 1.0), (80, 0, 0.0))
    assert cp.problem(measure) is None
    assert cp.strength(measure) is None
    found, itt = cp.anderson_rubin(measure, 0.05), measure(cp.OUTCOME)
    assert found.estimate == pytest.approx(itt.effect)
    assert itt.variance is not None
    assert found.std_error == pytest.approx(math.sqrt(itt.variance))
    assert found.ci_high == pytest.approx(itt.effect + 1.959963984540054 * math.sqrt(itt.variance))
    found_terms = cp.terms(measure)
    assert found_terms["share_compliers"].estimate == 1
    assert "never_taker_mean" not in found_terms


def test_one_sided_non_compliance_has_no_always_takers() -> None:
    found = cp.terms(cells((30, 30, 0.0), (60, 0, 0.0)))
    assert (found["share_always_takers"].estimate, found["share_always_takers"].variance) == (0, 0)
    assert "always_taker_mean" not in found
    assert found["share_never_takers"].estimate == 0.5


def test_fewer_treated_in_the_variant_turns_the_sign() -> None:
    measure = cells((40, 20, 0.5), (20, 40, 0.0))
    assert measure(cp.RECEIVED).effect == pytest.approx(-1 / 3)
    itt, found = measure(cp.OUTCOME).effect, cp.wald(measure)
    assert itt is not None
    assert found.effect == pytest.approx(-3 * itt)


def test_an_outcome_that_never_varies_cannot_be_tested() -> None:
    same = from_rows({"y": np.full(30, 7.0)})
    measure = cp.from_halves([((same, same), (same, EMPTY))], "unadjusted")
    found = cp.anderson_rubin(measure, 0.05)
    assert (found.reason_code, found.p_value) == ("zero_variance", None)
    assert cp.relative(measure, 0.05).p_value is None
