"""Were the arms alike before the experiment? Differences of covariates from a metric's block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from causalops.estimators.randomised.cluster_totals import part_totals
from causalops.estimators.randomised.clustered import Arms, clustered
from causalops.estimators.randomised.contrasts import Strata, contrast
from causalops.estimators.randomised.covariates import MIN_UNITS, Covariate, covariates_of
from causalops.inference import Inference, difference
from causalops.moments import Block, merge_all, united


@dataclass(frozen=True)
class Difference:
    """Difference of one covariate; `smd` is in units of the arms' root mean variance."""

    covariate: str
    smd: float | None
    test: Inference
    n: int


@dataclass(frozen=True)
class JointTest:
    """Wald test that all covariates are alike, chi-square with `df` degrees of freedom."""

    statistic: float
    df: int
    p_value: float


def differences(
    strata: Strata, names: Sequence[str], alpha: float, clusters: Arms | None = None
) -> list[Difference]:
    """Each covariate of the block, variant minus baseline, over the units that have it."""
    variant, baseline = (merge_all(pair[side] for pair in strata) for side in (0, 1))
    both = united((variant, baseline))
    variant, baseline = variant.expand(both), baseline.expand(both)
    if not both:
        return []
    items = covariates_of(variant, names)
    return [_difference(variant, baseline, item, alpha, clusters) for item in items]


def joint_test(strata: Strata, names: Sequence[str]) -> JointTest | None:
    """All covariates of a block together; None with fewer than one usable covariate.

    The outcome is replaced by each covariate's own linearised values, complete by the mean of the
    two arms: d' (S_v / n_v + S_b / n_b)^-1 d.
    """
    variant, baseline = (merge_all(pair[side] for pair in strata) for side in (0, 1))
    both = united((variant, baseline))
    variant, baseline = variant.expand(both), baseline.expand(both)
    if not both or min(variant.size, baseline.size) < MIN_UNITS:
        return None
    usable = covariates_of(variant, names)
    gaps, variance = _gaps(variant, baseline, usable)
    scale = np.sqrt(np.diag(variance))
    keep = np.isfinite(gaps) & (scale > 0)
    if not keep.any():
        return None
    gaps, scale = gaps[keep] / scale[keep], scale[keep]
    corr = variance[np.ix_(keep, keep)] / np.outer(scale, scale)
    rank = int(np.linalg.matrix_rank(corr, tol=1e-9))
    statistic = float(gaps @ np.linalg.pinv(corr, rcond=1e-9, hermitian=True) @ gaps)
    return JointTest(statistic, rank, float(chdtrc(rank, statistic)))


def _gaps(
    variant: Block, baseline: Block, covariates: Sequence[Covariate]
) -> tuple[
    np.ndarray[tuple[int], np.dtype[np.float64]], np.ndarray[tuple[int, int], np.dtype[np.float64]]
]:
    centres = {name: merge_all((variant, baseline)).mean_of(name) for name in variant.names}
    levels, parts = [], []
    for block in (variant, baseline):
        moments = block.complete(centres)
        rows, level = [], []
        for covariate in covariates:
            row = np.zeros(len(moments.names))
            where = [moments.names.index(part) for part in covariate.parts]
            top = moments.mean[where[0]]
            row[where[0]] = 1.0
            if len(where) == 2:
                bottom = moments.mean[where[1]]
                row[where[0]] = 1 / bottom if bottom else math.nan
                row[where[1]] = -top / bottom**2 if bottom else math.nan
                top = top / bottom if bottom else math.nan
            rows.append(row)
            level.append(top)
        linear = np.array(rows)
        levels.append(np.array(level))
        parts.append(linear @ moments.c @ linear.T / (moments.n - 1) / moments.n)
    return levels[0] - levels[1], np.nan_to_num(parts[0] + parts[1])


def _difference(
    variant: Block, baseline: Block, item: Covariate, alpha: float, clusters: Arms | None
) -> Difference:
    arms = [_outcome(block, item) for block in (variant, baseline)]
    found = contrast([(arms[0], arms[1])], ratio=len(item.parts) == 2)
    if clusters is not None:
        totals = [part_totals(arm, item.parts) for arm in clusters]
        if [arm.n_units for arm in totals] != [arm.size for arm in arms]:
            skipped = Inference(status="skipped", reason_code="units_not_independent")
            return Difference(item.name, None, skipped, found.variant.n + found.baseline.n)
        found = clustered(found, (totals[0], totals[1]))
    n = found.variant.n + found.baseline.n
    if found.reason is not None or found.effect is None or found.variance is None:
        return Difference(item.name, None, Inference(status="skipped", reason_code=found.reason), n)
    scale = max(abs(found.variant.mean or 0), abs(found.baseline.mean or 0))
    test = difference(found.effect, found.variance, found.df, alpha, scale)
    spread = math.sqrt(((found.variant.sd or 0) ** 2 + (found.baseline.sd or 0) ** 2) / 2)
    return Difference(item.name, found.effect / spread if spread > 0 else None, test, n)


def _outcome(block: Block, item: Covariate) -> Block:
    """A covariate in the outcome's place, over the units that have it."""
    size = len(item.parts)  # in block order a denominator follows its measure
    start = block.names.index(item.parts[0])
    grid = slice(start, start + size), slice(start, start + size)
    return Block(("y", "z")[:size], block.n[grid], block.mean[grid], block.c[grid])
