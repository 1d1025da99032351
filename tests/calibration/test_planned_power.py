"""Does a planned size find the planned effect as often as promised?

With R replications |share - .8| <= .01 + 3 sqrt(.8 .2 / R); R 2,000, or 20,000 under `-m full`.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from causalops.estimators.randomised.contrasts import contrast
from causalops.estimators.randomised.effects import inference_of
from causalops.moments import from_rows
from causalops.planning.design import Design, Outcome, design_effect, units_needed

SIZES = [1_000, pytest.param(20_000, marks=pytest.mark.full)]


def holds(found: float, size: int) -> bool:
    return abs(found - 0.8) <= 0.01 + 3 * math.sqrt(0.16 / size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("split", [(1.0, 1.0), (1.0, 3.0)])
def test_adjusted_means(split: tuple[float, float], size: int) -> None:
    """CUPED with rho .7, effect .25 sd: the analysis as it runs, with the planned units."""
    rho, effect = 0.7, 0.25
    outcome = Outcome(None, 1.0, kept=1 - rho * rho)
    total = units_needed(outcome, Design(split), effect)
    n = [math.ceil(total * part / sum(split)) for part in split]
    rng = np.random.default_rng(20260101)
    rejected = 0
    for _ in range(size):
        arms = []
        for units, shift in ((n[1], effect), (n[0], 0.0)):
            before = rng.normal(size=units)
            y = rho * before + math.sqrt(1 - rho * rho) * rng.normal(size=units) + shift
            arms.append(from_rows({"y": y, "x1": before}))
        found = inference_of(contrast([(arms[0], arms[1])], method="cuped", names=("pre",)), 0.05)
        rejected += (found.p_value or 1.0) <= 0.05
    assert holds(rejected / size, size), rejected / size


@pytest.mark.parametrize("size", SIZES)
def test_rates(size: int) -> None:
    """From 5 % to 6.5 %, one in four treated: Welch's t on the counts."""
    rate, effect = 0.05, 0.015
    total = units_needed(Outcome(rate, 0.0, is_rate=True), Design((3, 1)), effect)
    n = np.array([math.ceil(total * 0.75), math.ceil(total * 0.25)])
    rng = np.random.default_rng(5)
    p = rng.binomial(n, [rate, rate + effect], (size, 2)) / n
    errors = np.sqrt((p * (1 - p) / (n - 1)).sum(axis=1))
    t = np.abs(p[:, 1] - p[:, 0]) / errors
    assert holds(float((t > stats.norm.isf(0.025)).mean()), size)


@pytest.mark.parametrize("size", SIZES)
def test_clusters(size: int) -> None:
    """Clusters of 30 with ICC .05 and an effect of .3 sd: t test on the cluster means."""
    icc, units, effect = 0.05, 30, 0.3
    outcome = Outcome(None, 1.0, inflation=design_effect(icc, units))
    total = units_needed(outcome, Design(cluster_size=units), effect)
    groups = math.ceil(total / 2 / units)
    rng = np.random.default_rng(6)
    sd = math.sqrt(icc + (1 - icc) / units)
    arms = sd * rng.normal(size=(2, size, groups))
    arms[1] += effect
    p_value = stats.ttest_ind(arms[1], arms[0], axis=1).pvalue
    # Whole clusters are a little more than planned.
    planned = groups * 2 * units / total
    assert planned < 1.1
    assert -0.01 - 3 * math.sqrt(0.16 / size) <= (p_value <= 0.05).mean() - 0.8 <= 0.06
