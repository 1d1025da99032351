"""A contrast of two arms with the variance of clusters, and the average over clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from causalops.estimators.randomised.cluster_totals import Totals, complete
from causalops.estimators.randomised.clusters import (
    MIN_CLUSTERS,
    Linear,
    cluster_variance,
    intraclass,
    linear,
)
from causalops.estimators.randomised.contrasts import Arm, Contrast
from causalops.inference import Levels, satterthwaite
from causalops.moments import Floats

Arms = tuple[Totals, Totals]  # (variant, baseline)
MIN_DF = 4  # below it CR2 does not hold its level (Tipton 2015)


def clustered(found: Contrast, arms: Arms, kind: str = "cr2") -> Contrast:
    """The same effect with its variance, df and levels' covariance from the clusters' totals.

    Slopes of covariates and the denominators of ratios enter as in the unclustered contrast, by
    its loadings. `reason` is too_few_clusters with fewer than two clusters in an arm. Raises
    ValueError when the totals hold other units than the contrast.
    """
    n_clusters = (arms[0].n_clusters, arms[1].n_clusters)
    bare = replace(found, variance=None, df=None, levels=None, loadings=(), se_kind=kind,
                   n_clusters=n_clusters)  # fmt: skip
    if found.effect is None or found.reason is not None:
        return replace(bare, reason=found.reason or "no_units")
    if min(n_clusters) < MIN_CLUSTERS:
        return replace(bare, reason="too_few_clusters")
    if [arm.n_units for arm in arms] != [found.variant.n, found.baseline.n]:
        raise ValueError("the totals of clusters hold other units than the moments")
    if found.levels is None or len(found.loadings) != 2:
        raise ValueError("a contrast over strata has no cluster variance")
    sides = [linear(complete(arm, found.centres), loadings)
             for arm, loadings in zip(arms, found.loadings, strict=True)]  # fmt: skip
    result = cluster_variance(sides[0], sides[1], kind)
    if result.covariance is None or result.df is None:
        return replace(bare, reason=result.reason)
    (var_v, cov), (_, var_b) = result.covariance.tolist()
    levels = replace(found.levels, var_variant=var_v, var_baseline=var_b, covariance=cov,
                     df=result.df)  # fmt: skip
    note = "few_clusters" if result.df < MIN_DF else found.note
    return replace(found, variance=max(var_v + var_b - 2 * cov, 0.0), df=result.df, levels=levels,
                   se_kind=kind, n_clusters=n_clusters, note=note)  # fmt: skip


def effect_residuals(found: Contrast, arms: Arms) -> tuple[Linear, Linear]:
    """Signed residual totals of the effect, one estimate: what few-cluster methods take."""
    sides = [
        linear(complete(arm, found.centres), {part: (v - b,) for part, (v, b) in loadings.items()})
        for arm, loadings in zip(arms, found.loadings, strict=True)
    ]
    return sides[0], sides[1]


def cluster_means(arms: Arms, ratio: bool) -> Contrast:
    """Difference between the arms' averages over clusters of each cluster's mean, Welch.

    Every cluster counts once, however large: another estimand than the average over units when
    clusters of different size have different effects. A ratio is that of each cluster, and needs
    single clusters whose denominators are not zero.
    """
    n_clusters = (arms[0].n_clusters, arms[1].n_clusters)
    result = Contrast(Arm(round(arms[0].n_units)), Arm(round(arms[1].n_units)), se_kind="welch",
                      n_clusters=n_clusters)  # fmt: skip
    if min(n_clusters) == 0:
        return replace(result, reason="no_units" if max(n_clusters) == 0 else "empty_arm")
    if ratio and not all(arm.is_single for arm in arms):
        return replace(result, reason="method_not_available")
    stats = [_ratio_of_clusters(arm) if ratio else _mean_of_clusters(arm) for arm in arms]
    if not all(np.isfinite(mean) for mean, _ in stats):
        return replace(result, reason="undefined_ratio")
    (mean_v, square_v), (mean_b, square_b) = stats
    result = replace(result, effect=mean_v - mean_b)
    if min(n_clusters) < MIN_CLUSTERS:
        return replace(result, reason="too_few_clusters")
    spread = [square / (g - 1) for square, g in zip((square_v, square_b), n_clusters, strict=True)]
    parts = [(variance / g, g - 1.0) for variance, g in zip(spread, n_clusters, strict=True)]
    arms_of = [Arm(round(arm.n_units), mean, float(np.sqrt(variance)))
               for arm, (mean, _), variance in zip(arms, stats, spread, strict=True)]  # fmt: skip
    df = satterthwaite(parts)
    levels = Levels(mean_v, mean_b, parts[0][0], parts[1][0], df=df)
    return replace(result, variant=arms_of[0], baseline=arms_of[1], levels=levels, df=df,
                   variance=parts[0][0] + parts[1][0])  # fmt: skip


def correlation(
    arms: Mapping[str, tuple[Totals, float]], ratio: bool
) -> tuple[float | None, str | None]:
    """Intraclass correlation of a metric within arms, from each arm's totals and unit-level sd.

    Ratios are linearised as (y - R z) / mean z at the arm's own levels, and so is their sd.
    Without a correlation the second value is the reason.
    """
    listed, scale = [], 0.0
    for arm, sd in arms.values():
        top, bottom = (
            float(arm.column(p).sum() / arm.n_units + arm.shift[arm.parts.index(p)])
            for p in ("yz" if ratio else "yy")
        )
        loadings = {"y": (1 / bottom,), "z": (-top / bottom**2,)} if ratio else {"y": (1.0,)}
        scale = max(scale, abs(top / bottom if ratio else top))
        listed.append((linear(arm, loadings), sd * sd * (arm.n_units - 1)))
    return intraclass(listed, scale)


def _mean_of_clusters(arm: Totals) -> tuple[float, float]:
    """Mean over clusters of the cluster means of y, and the sum of squares about it."""
    at = arm.parts.index("y")
    centre = float((arm.column("y") / arm.size).sum() / arm.n_clusters)
    squares = arm.cross[:, at, at] / arm.size**2 - 2 * centre * arm.column("y") / arm.size
    whole = float((squares + arm.count * centre**2).sum())
    return centre + float(arm.shift[at]), max(whole, 0.0)


def _ratio_of_clusters(arm: Totals) -> tuple[float, float]:
    """The same for the ratio y / z of each cluster."""
    with np.errstate(all="ignore"):
        top, bottom = (arm.column(p) + arm.size * arm.shift[arm.parts.index(p)] for p in "yz")
        ratio: Floats = top / bottom
    return float(ratio.mean()), float(((ratio - ratio.mean()) ** 2).sum())
