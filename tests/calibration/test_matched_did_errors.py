"""Matching and doubly robust differences keep 95 %; pairs taken as independent do not.

Design: two covariates, x normal. The score's index is `a + .7 x1 - .5 x2`; the untreated's change
is `2 x1 + x2 + noise` with a spread of exp(.3 x2), the effect `1 + .7 x1`, so that it differs
between units and correlates with the score. The truth is the population's ATT, by quadrature.
R is small by default and 20,000 under `-m full`; bands as in `test_randomised.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from causalops.estimators.quasi import doubly_robust as dr
from causalops.estimators.quasi import matching, matching_errors, propensity
from causalops.moments import Floats

Q = 1.959963984540054
SIZES = [250, pytest.param(20_000, marks=pytest.mark.full)]
Draw = tuple[Floats, propensity.Bools, Floats]


def chance(x: Floats, a: float) -> Floats:
    return 1 / (1 + np.exp(-(a + 0.7 * x[:, 0] - 0.5 * x[:, 1])))


def truth(a: float) -> float:
    """ATT: the effect averaged with the score as weight, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    grid = np.array([(u, v) for u in nodes for v in nodes])
    p = np.outer(weights, weights).ravel() * chance(grid, a)
    return float(p @ (1 + 0.7 * grid[:, 0]) / p.sum())


def draws(size: int, n: int, a: float) -> Iterator[Draw]:
    rng = np.random.default_rng(20260101)
    for _ in range(size):
        x = rng.normal(size=(n, 2))
        treated = rng.random(n) < chance(x, a)
        noise = rng.normal(size=n) * np.exp(0.3 * x[:, 1])
        yield x @ [2.0, 1.0] + treated * (1 + 0.7 * x[:, 0]) + noise, treated, x


def floor(size: int) -> float:
    return 0.94 - 3 * float(np.sqrt(0.94 * 0.06 / size))


def matched(size: int, n: int, a: float, corrected: bool) -> dict[str, Floats]:
    """Errors of the estimate, and coverage by each variance, without a caliper."""
    columns: dict[str, list[float]] = {"gap": [], "se": [], "ai": [], "known": [], "iid": []}
    att = truth(a)
    for y, treated, x in draws(size, n, a):
        score = propensity.fit(x, treated, ["x1", "x2"])
        matches = matching.match(score.index, treated, caliper=None)
        found = matching_errors.effect(y, matches, score, x if corrected else None)
        assert isinstance(found, matching_errors.Matched)
        assert found.adjusted is not None
        gap = found.estimate - att
        iid = found.effects.var(ddof=1) / len(found.effects)
        for name, variance in (("ai", found.adjusted), ("known", found.variance), ("iid", iid)):
            columns[name].append(abs(gap) <= Q * np.sqrt(variance))
        columns["gap"].append(gap)
        columns["se"].append(np.sqrt(found.adjusted))
    return {name: np.array(values, dtype=float) for name, values in columns.items()}


@pytest.mark.parametrize("size", SIZES)
def test_matching_on_an_estimated_score(size: int) -> None:
    """n 1,000, 29 % treated: the error counts that the score was estimated; without that, 99 %."""
    found = matched(size, 1_000, -1.0, corrected=False)
    assert found["ai"].mean() >= floor(size)
    assert found["ai"].mean() <= 0.975
    assert found["known"].mean() > 0.98
    assert found["se"].mean() == pytest.approx(found["gap"].std(), rel=0.15)


@pytest.mark.parametrize("size", SIZES)
def test_bias_correction_and_pairs_as_if_independent(size: int) -> None:
    """n 800, 61 % treated, so that untreated units serve many: pairs as independent cover 80 %."""
    found = matched(size, 800, 0.5, corrected=True)
    assert found["ai"].mean() >= floor(size)
    assert found["se"].mean() == pytest.approx(found["gap"].std(), rel=0.1)
    assert found["iid"].mean() < 0.85
    assert abs(found["gap"].mean()) < 4 * found["gap"].std() / np.sqrt(size) + 0.01


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("wrong", "single"), [("score", "std_ipw"), ("outcome", "reg")])
def test_one_wrong_model_is_allowed(size: int, wrong: str, single: str) -> None:
    """n 1,000. Both models see u; the truth of one of them bends. Both doubly robust estimators
    keep 95 %; the estimator that rests on the wrong model alone is off."""
    rng = np.random.default_rng(7)
    methods = ["dr", "dr_improved", single]
    gaps, covered = np.zeros((size, 3)), np.zeros((size, 3))
    for draw in range(size):
        u = rng.normal(size=(1_000, 1))
        bent = np.exp(u / 2) + 0.3 * u**2
        of_score, of_change = (bent, u) if wrong == "score" else (u, bent)
        p = 1 / (1 + np.exp(1.2 - 0.7 * (of_score[:, 0] - of_score.mean())))
        treated = rng.random(1_000) < p
        y = 3 * of_change[:, 0] + treated + rng.normal(size=1_000)
        what = dr.study(y, treated, u, ["u"])
        for place, method in enumerate(methods):
            result = dr.estimate(what, method).inference(0.05)
            assert result.estimate is not None
            assert result.std_error is not None
            gaps[draw, place] = result.estimate - 1
            covered[draw, place] = abs(gaps[draw, place]) <= Q * result.std_error
    bias, spread = gaps.mean(axis=0), gaps.std(axis=0) / np.sqrt(size)
    assert min(covered[:, :2].mean(axis=0)) >= floor(size)
    assert covered[:, 2].mean() < floor(size)
    assert abs(bias[2]) > 8 * spread[2]
    assert max(abs(bias[:2])) < abs(bias[2]) / 4
