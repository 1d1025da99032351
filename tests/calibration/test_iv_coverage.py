"""Anderson-Rubin sets keep 95 % however weak the instruments are; Wald, and Wald unless F < 10, do
not. Robust tests keep 5 % where the errors' variance depends on the instrument; classic do not.

Design: y = x + cause + noise, x = push (z1 + ... + zm) + cause, with z, cause, noise normal; or
the errors multiplied by |z1|. n, m and push stand with each test; R is 200 by default and 20,000
under `-m full`; bands: size within .005 + 3 sqrt(.05 .95 / R), coverage at least
.94 - 3 sqrt(.94 .06 / R).
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from causalops.estimators.quasi import anderson_rubin as ar
from causalops.estimators.quasi.exogeneity import wu_hausman
from causalops.estimators.quasi.overidentification import hansen_j, sargan
from causalops.estimators.quasi.regression import CLASSIC
from causalops.estimators.quasi.residual_moments import of_residuals
from causalops.estimators.quasi.two_stage import System, liml, two_stage
from causalops.estimators.quasi.weak_instruments import strength

SIZES = [200, pytest.param(20_000, marks=pytest.mark.full)]
TRUTH = 1.0
Shares = dict[str, float]


def draw(
    rng: np.random.Generator, n: int, m: int, push: float, endogenous: float = 1.0,
    uneven: bool = False, groups: int = 0,
) -> System:  # fmt: skip
    """One sample; with `groups`, instrument and errors share a part within each group."""
    z, cause, noise = rng.normal(size=(n, m)), rng.normal(size=n), rng.normal(size=n)
    clusters = None
    if groups:
        clusters = np.arange(n) % groups
        z[:, 0] += rng.normal(size=groups)[clusters]
        noise = noise + rng.normal(size=groups)[clusters]
    if uneven:
        cause, noise = cause * np.abs(z[:, 0]), noise * np.abs(z[:, 0])
    x = push * z.sum(axis=1) + cause
    y = TRUTH * x + endogenous * cause + 0.5 * noise
    columns = np.column_stack([y, x, z])
    names = ("y", "x", *(f"z{j}" for j in range(m)))
    residuals = of_residuals(names, columns - columns.mean(axis=0), clusters)
    return System(residuals, "y", ("x",), names[2:])


def size_band(size: int) -> float:
    return 0.005 + 3 * float(np.sqrt(0.05 * 0.95 / size))


def floor(size: int) -> float:
    return 0.94 - 3 * float(np.sqrt(0.94 * 0.06 / size))


def replicate(size: int, kind: str, n: int, m: int, push: float, **options: float) -> Shares:
    """Coverage by the Anderson-Rubin test (by its set in every 20th sample too), Wald, LIML, and
    Wald unless F < 10; mean F; rejections of the tests of exogeneity and of the instruments."""
    rng = np.random.default_rng(20260101)
    columns: dict[str, list[float]] = defaultdict(list)
    for index in range(size):
        this = draw(rng, n, m, push, **options)  # type: ignore[arg-type]
        found = two_stage(this).inference("x", kind, 0.05)
        test = ar.joint_test(this, kind, [TRUTH])
        f = strength(this, "x", kind).robust.statistic
        assert found.ci_low is not None
        assert found.ci_high is not None
        assert test.p_value is not None
        assert f is not None
        by_ar, by_wald = test.p_value > 0.05, found.ci_low <= TRUTH <= found.ci_high
        if index % 20 == 0:
            ends = ar.confidence_set(this, kind, 0.05)
            assert isinstance(ends, ar.Region)
            is_in = any((low is None or low <= TRUTH) and (high is None or high >= TRUTH)
                        for low, high in ends.pieces)  # fmt: skip
            assert is_in == by_ar
        other = liml(this).fit.inference("x", kind, 0.05)
        assert other.ci_low is not None
        assert other.ci_high is not None
        columns["ar"].append(by_ar)
        columns["wald"].append(by_wald)
        columns["liml"].append(other.ci_low <= TRUTH <= other.ci_high)
        columns["switch"].append(by_wald if f >= 10 else by_ar)
        columns["f"].append(f)
        columns["hausman"].append((wu_hausman(this, kind).p_value or 1.0) < 0.05)
        if m > 1:
            over = sargan(this) if kind == CLASSIC else hansen_j(this)
            columns["over"].append((over.p_value or 1.0) < 0.05)
    return {name: float(np.mean(values)) for name, values in columns.items()}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", [CLASSIC, "hc1"])
def test_strong_instruments(size: int, kind: str) -> None:
    """n 500, m 3, push .5 (mean F above 100): everything covers, the instruments agree."""
    found = replicate(size, kind, 500, 3, 0.5)
    assert found["f"] > 100
    for name in ("ar", "wald", "liml"):
        assert found[name] >= floor(size), name
    assert abs(1 - found["ar"] - 0.05) <= size_band(size)
    assert abs(found["over"] - 0.05) <= size_band(size)
    assert found["hausman"] > 0.9  # the treatment is endogenous


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("m", "push", "low", "high"), [(1, 0.13, 4, 10), (3, 0.08, 2, 5)])
def test_weak_instruments(size: int, m: int, push: float, low: float, high: float) -> None:
    """n 400, strong endogeneity: the set keeps 95 %; with three instruments Wald covers about 74 %,
    with one instrument Wald unless F < 10 about 87 %."""
    found = replicate(size, "hc1", 400, m, push, endogenous=4.0)
    assert low < found["f"] < high
    assert abs(1 - found["ar"] - 0.05) <= size_band(size)
    assert found["wald" if m > 1 else "switch"] < 0.91


@pytest.mark.parametrize("size", SIZES)
def test_errors_whose_variance_depends_on_the_instrument(size: int) -> None:
    """n 500, m 2, push .5, exogenous treatment: robust tests hold 5 %, classic ones do not."""
    options = {"endogenous": 0.0, "uneven": True}
    robust = replicate(size, "hc1", 500, 2, 0.5, **options)
    classic = replicate(size, CLASSIC, 500, 2, 0.5, **options)
    assert abs(1 - robust["ar"] - 0.05) <= size_band(size)
    assert abs(robust["over"] - 0.05) <= size_band(size)
    assert abs(robust["hausman"] - 0.05) <= size_band(size)
    assert robust["wald"] >= floor(size)
    assert 1 - classic["ar"] > 0.15
    assert classic["wald"] < 0.88


@pytest.mark.parametrize("size", SIZES)
def test_clusters(size: int) -> None:
    """n 600 in 120 groups, m 1, push .5: clustered errors hold where plain robust ones do not."""
    found = replicate(size, "cr1", 600, 1, 0.5, groups=120)
    assert abs(1 - found["ar"] - 0.05) <= size_band(size)
    assert found["wald"] >= floor(size)
