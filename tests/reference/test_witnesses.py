"""The same numbers from independent libraries, from the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
import tea_tasting as tt
from reference_cases import data
from scipy import stats

from causalops.estimators.randomised.contrasts import contrast
from causalops.estimators.randomised.effects import inference_of
from causalops.inference import Inference, Levels, lift_fieller
from causalops.moments import Block, from_rows

EXACT = 1e-9


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """Users with clicks and views, before and after; the arms differ in size and effect."""
    rng = np.random.default_rng(11)
    n = 3000
    taste = rng.gamma(2, 0.3, n)
    frame = pd.DataFrame({"variant": (rng.random(n) < 0.35).astype(int)})
    for when, lift in (("pre", 0.0), ("post", 0.1)):
        views = 1 + rng.poisson(4 * taste)
        rate = np.clip(0.2 * taste * (1 + lift * frame["variant"]), 0, 1)
        frame[f"views_{when}"], frame[f"clicks_{when}"] = views, rng.binomial(views, rate)
    return frame


def blocks(frame: pd.DataFrame, **parts: str) -> list[tuple[Block, Block]]:
    column = "variant" if "variant" in frame else "treat"
    found = [
        from_rows({p: frame.loc[frame[column] == t, c].to_numpy() for p, c in parts.items()})
        for t in (1, 0)
    ]
    return [(found[0], found[1])]


def same(ours: Inference, theirs: object, is_ratio: bool = False) -> None:
    names = {"estimate": "effect_size", "statistic": "statistic"}
    if not is_ratio:  # tea-tasting uses t for ratios
        names |= {"p_value": "pvalue", "ci_low": "effect_size_ci_lower",
                  "ci_high": "effect_size_ci_upper"}  # fmt: skip
    for mine, other in names.items():
        assert getattr(ours, mine) == pytest.approx(getattr(theirs, other), rel=EXACT), mine
    assert ours.estimate is not None
    error = theirs.effect_size / theirs.statistic  # type: ignore[attr-defined]
    assert ours.std_error == pytest.approx(error, rel=EXACT)


def test_tea_tasting_means(log: pd.DataFrame) -> None:
    experiment = tt.Experiment(
        plain=tt.Mean("clicks_post"), cuped=tt.Mean("clicks_post", "clicks_pre")
    )
    theirs = experiment.analyze(log)
    plain = contrast(blocks(log, y="clicks_post"))
    cuped = contrast(blocks(log, y="clicks_post", x1="clicks_pre"), method="cuped")
    same(inference_of(plain, 0.05), theirs["plain"])
    same(inference_of(cuped, 0.05), theirs["cuped"])


def test_tea_tasting_ratios(log: pd.DataFrame) -> None:
    experiment = tt.Experiment(
        plain=tt.RatioOfMeans("clicks_post", "views_post"),
        cuped=tt.RatioOfMeans("clicks_post", "views_post", "clicks_pre", "views_pre"),
    )
    theirs = experiment.analyze(log)
    plain = contrast(blocks(log, y="clicks_post", z="views_post"), ratio=True)
    parts = {"y": "clicks_post", "z": "views_post", "x1": "clicks_pre", "w1": "views_pre"}
    cuped = contrast(blocks(log, **parts), ratio=True, method="cuped")
    same(inference_of(plain, 0.05), theirs["plain"], is_ratio=True)
    same(inference_of(cuped, 0.05), theirs["cuped"], is_ratio=True)


def test_statsmodels_welch_is_hc2() -> None:
    table = data("nsw.csv")
    fit = smf.ols("re78 ~ treat", table).fit(cov_type="HC2")
    ours = inference_of(contrast(blocks(table, y="re78")), 0.05)
    assert ours.estimate == pytest.approx(fit.params["treat"], rel=EXACT)
    assert ours.std_error == pytest.approx(fit.bse["treat"], rel=EXACT)
    welch = stats.ttest_ind(
        table.query("treat == 1").re78, table.query("treat == 0").re78, equal_var=False
    )
    assert ours.p_value == pytest.approx(welch.pvalue, rel=EXACT)


def test_statsmodels_lin_is_the_interacted_regression() -> None:
    """Point estimate equal; the standard error is the superpopulation one, built from the fit:
    HC0-like residual variances (n - 1) plus the variance of the pooled covariate means."""
    table = data("nsw.csv")
    names = ["re75", "re74", "age"]
    for name in names:
        table[f"d_{name}"] = table[name] - table[name].mean()
    terms = " + ".join(f"d_{name} + treat:d_{name}" for name in names)
    fit = smf.ols(f"re78 ~ treat + {terms}", table).fit()
    parts = {"y": "re78"} | {f"x{i + 1}": name for i, name in enumerate(names)}
    ours = inference_of(contrast(blocks(table, **parts), method="lin"), 0.05)
    assert ours.estimate == pytest.approx(fit.params["treat"], rel=EXACT)
    slope = fit.params[[f"treat:d_{name}" for name in names]].to_numpy()
    variance = 0.0
    for t in (0, 1):
        arm = table["treat"] == t
        n, share = arm.sum(), 1 - arm.mean()
        variance += (fit.resid[arm] ** 2).sum() / (n - 1) / n
        spread = np.cov(table.loc[arm, names].T)
        variance += (1 - share) * slope @ spread @ slope / len(table)
    assert ours.std_error == pytest.approx(np.sqrt(variance), rel=EXACT)


def test_statsmodels_post_stratification() -> None:
    """Stratum dummies fully interacted: the point estimate of the saturated regression."""
    table = data("nsw.csv")
    table["stratum"] = table["black"].astype(str) + table["nodegree"].astype(str)
    strata = [blocks(part, y="re78")[0] for _, part in table.groupby("stratum")]
    ours = inference_of(contrast(strata), 0.05)
    dummies = pd.get_dummies(table["stratum"], drop_first=True, dtype=float)
    centred = dummies - dummies.mean()
    design = np.column_stack(
        [np.ones(len(table)), table["treat"], centred, centred.mul(table["treat"], axis=0)]
    )
    beta = np.linalg.lstsq(design, table["re78"].to_numpy(), rcond=None)[0]
    assert ours.estimate == pytest.approx(beta[1], rel=1e-8)
    naive = inference_of(contrast(blocks(table, y="re78")), 0.05)
    assert ours.std_error == pytest.approx(naive.std_error, rel=0.1)


def test_fieller_is_the_inverted_test() -> None:
    """At each bound r the test of mv - r mb = 0 has exactly p = .05."""
    levels = Levels(5.0, 4.0, 0.4, 0.5, 0.1)
    found = lift_fieller(levels, 0.05)
    for bound in (found.ci_low, found.ci_high):
        assert bound is not None
        r = 1 + bound
        z = (5 - r * 4) / np.sqrt(0.4 + r * r * 0.5 - 2 * r * 0.1)
        assert 2 * stats.norm.sf(abs(z)) == pytest.approx(0.05, rel=EXACT)


@pytest.mark.parametrize(
    ("levels", "shape"),
    [
        (Levels(5.0, 4.0, 0.1, 0.1), "interval"),
        (Levels(5.0, 0.1, 0.1, 0.1), "disjoint"),
        (Levels(0.1, 0.1, 0.1, 0.1), "whole_line"),
        (Levels(5.0, 0.0, 0.1, 0.1), "disjoint"),
        (Levels(-5.0, -4.0, 0.1, 0.1), "interval"),
    ],
)
def test_fieller_shapes(levels: Levels, shape: str) -> None:
    found = lift_fieller(levels, 0.05)
    assert found.ci_shape == shape
    assert bool(found.pieces) == (shape == "disjoint")
    if shape == "interval":
        assert found.ci_low is not None
        assert found.ci_high is not None
        assert found.ci_low < (found.estimate or 0) < found.ci_high
