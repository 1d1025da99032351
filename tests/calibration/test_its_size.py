"""Size of the interrupted time series test without any effect, under autocorrelated errors.

Design: y is AR(1) noise with coefficient .6, n = 120, the intervention half way, terms level and
slope; R is 1,000 by default and 20,000 under `-m full`. Level, slope and cumulative effect keep
|size - .05| <= .005 + 3 sqrt(.05 .95 / R); what OLS and Newey-West with 8 lags do on the same
draws is the counter-example.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from causalops.estimators.quasi.autoregression import reml
from causalops.estimators.quasi.projection import at_period, effect, summed
from causalops.estimators.quasi.segmented import Regression, Series, design, newey_west, ols
from causalops.moments import Floats

SIZES = [1_000, pytest.param(20_000, marks=pytest.mark.full)]
SEED = 20260101


def noise(rng: np.random.Generator, n: int, phi: float) -> Floats:
    """A stationary AR(1): the first 200 values are thrown away."""
    return np.asarray(lfilter([1.0], [1.0, -phi], rng.standard_normal(n + 200))[200:])


def rejects(fit: Regression, weights: Floats) -> bool:
    found = effect(fit, weights, 0.05)
    assert found.p_value is not None
    return found.p_value < 0.05


def shares(
    size: int, n: int, phi: float, season: int | None = None, order: int = 1
) -> dict[str, float]:
    """Shares of series without an effect on which each test rejects at 5 %."""
    rng = np.random.default_rng(SEED)
    plan = design(Series(np.zeros(n), n // 2, season))
    counts: dict[str, list[bool]] = {}
    for _ in range(size):
        y = noise(rng, n, phi)
        fit = reml(y, plan, order)
        asked = {"level": at_period(fit, 0), "slope": fit.weights({"slope": 1.0}),
                 "cumulative": summed(fit, n - n // 2)}  # fmt: skip
        for name, weights in asked.items():
            counts.setdefault(name, []).append(rejects(fit, weights))
        counts.setdefault("ols", []).append(rejects(ols(y, plan), asked["level"]))
        counts.setdefault("hac", []).append(rejects(newey_west(y, plan, 8), asked["level"]))
    return {name: float(np.mean(values)) for name, values in counts.items()}


def band(size: int) -> float:
    return 0.005 + 3 * float(np.sqrt(0.05 * 0.95 / size))


@pytest.mark.parametrize("size", SIZES)
def test_size_at_autocorrelation_of_6_tenths(size: int) -> None:
    found = shares(size, 120, 0.6)
    for name in ("level", "slope", "cumulative"):
        assert abs(found[name] - 0.05) <= band(size), name
    assert found["ols"] > 0.22
    assert found["hac"] > 0.15


@pytest.mark.full
@pytest.mark.parametrize(
    ("n", "phi", "season", "order", "limit"),
    [(48, 0.0, None, 1, 0.055), (48, 0.6, None, 1, 0.085), (60, 0.4, 12, 1, 0.065),
     (120, 0.3, None, 2, 0.065)],
)  # fmt: skip
def test_size_elsewhere(n: int, phi: float, season: int | None, order: int, limit: float) -> None:
    """Short, seasonal and over-fitted series; the limits are what was measured, rounded up."""
    found = shares(20_000, n, phi, season, order)
    assert max(found["level"], found["slope"], found["cumulative"]) <= limit
