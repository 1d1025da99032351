"""The Bayesian reading against a published case, exact sums, adaptive quadrature and draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from reference_cases import CASES, near
from scipy import stats
from scipy.integrate import quad

from causalops.bayesian import FLAT, beta_binomial, normal


def test_case_beta_binomial() -> None:
    case = CASES["bayes_beta_binomial"]
    (x_a, x_b), (n_a, n_b), prior = (case["dataset"][key] for key in ("x", "n", "prior"))
    found = beta_binomial((x_b, x_a), (n_b, n_a), tuple(prior), 0.05)
    expected = case["expected"]
    assert found.chance == near(case, expected["chance_to_beat"])
    assert found.loss_variant == near(case, expected["risk_of_shipping_b"])
    assert found.loss_baseline == near(case, expected["risk_of_keeping_a"])
    assert found.mean == near(case, expected["mean_b"] - expected["mean_a"])


def _exact_chance(a: tuple[int, int], b: tuple[int, int]) -> float:
    """P(B > A) for whole-number parameters: Miller (2015), Formulas for Bayesian A/B testing."""
    from scipy.special import betaln

    return sum(
        math.exp(betaln(a[0] + i, a[1] + b[1]) - math.log(b[1] + i)
                 - betaln(1 + i, b[1]) - betaln(a[0], a[1]))
        for i in range(b[0])
    )  # fmt: skip


@pytest.mark.parametrize(
    ("variant", "baseline"),
    [((12, 40), (7, 35)), ((0, 10), (0, 10)), ((3, 4000), (900, 2000)), ((70, 71), (60, 75))],
)
def test_chance_to_win_is_the_exact_sum(
    variant: tuple[int, int], baseline: tuple[int, int]
) -> None:
    found = beta_binomial(
        (variant[0], baseline[0]), (variant[1], baseline[1]), FLAT, 0.05
    )
    a, b = ((1 + x, 1 + n - x) for x, n in (baseline, variant))
    assert found.chance == pytest.approx(_exact_chance(a, b), rel=1e-9, abs=1e-13)


@pytest.mark.parametrize(
    ("successes", "sizes", "prior"),
    [
        ((0, 3), (50, 10), (0.5, 0.5)),
        ((90_000, 8), (1_000_000, 100), (1, 1)),
        ((5, 40_000), (50, 400_000), (2, 3)),
        ((9, 200), (10, 200), (0.1, 0.1)),
    ],
)
def test_losses_and_interval_against_draws(
    successes: tuple[int, int], sizes: tuple[int, int], prior: tuple[float, float]
) -> None:
    """2 million draws: means within 5 standard errors, 2.5 % beyond either bound within 5."""
    rng = np.random.default_rng(2)
    draws = 2_000_000
    effect = np.subtract(*(
        rng.beta(prior[0] + x, prior[1] + n - x, draws)
        for x, n in zip(successes, sizes, strict=True)
    ))  # fmt: skip
    found = beta_binomial(successes, sizes, prior, 0.05)
    for value, sample in (
        (found.mean, effect),
        (found.chance, effect > 0),
        (found.loss_variant, np.maximum(-effect, 0)),
        (found.loss_baseline, np.maximum(effect, 0)),
        (0.025, effect < found.low),
        (0.025, effect > found.high),
    ):
        error = max(sample.std() / math.sqrt(draws), 1e-9)
        assert abs(sample.mean() - value) <= 5 * error
    assert found.sd == pytest.approx(effect.std(), rel=0.01)


def test_swapping_arms_mirrors_everything() -> None:
    one = beta_binomial((30, 45), (300, 250), (2, 5), 0.1)
    two = beta_binomial((45, 30), (250, 300), (2, 5), 0.1)
    assert (one.chance, one.low, one.high) == pytest.approx((1 - two.chance, -two.high, -two.low))
    assert (one.loss_variant, one.loss_baseline) == pytest.approx(
        (two.loss_baseline, two.loss_variant)
    )


@pytest.mark.parametrize("effect_sd", [None, 0.3])
def test_normal_posterior_against_quadrature(effect_sd: float | None) -> None:
    found = normal(0.4, 0.25, 0.1, effect_sd)
    weight = 1 / 0.25**2
    prior = 0 if effect_sd is None else 1 / effect_sd**2
    posterior = stats.norm(0.4 * weight / (weight + prior), (weight + prior) ** -0.5)
    assert (found.mean, found.sd) == pytest.approx((posterior.mean(), posterior.std()))
    assert found.chance == pytest.approx(posterior.sf(0))
    assert (found.low, found.high) == pytest.approx(posterior.ppf([0.05, 0.95]))
    bad, _ = quad(lambda x: -x * posterior.pdf(x), -5, 0)
    good, _ = quad(lambda x: x * posterior.pdf(x), 0, 5)
    assert (found.loss_variant, found.loss_baseline) == pytest.approx((bad, good), rel=1e-7)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="successes"):
        beta_binomial((5, 1), (4, 4), FLAT, 0.05)
    with pytest.raises(ValueError, match="prior"):
        beta_binomial((1, 1), (4, 4), (0.0, 1.0), 0.05)
    with pytest.raises(ValueError, match="positive"):
        normal(1.0, 0.0, 0.05)
    with pytest.raises(ValueError, match="positive"):
        normal(1.0, 1.0, 0.05, -1.0)
