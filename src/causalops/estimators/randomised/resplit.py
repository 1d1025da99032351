"""Random re-splits of hash buckets: does a test of nothing reject 5 % of the time?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtr

from causalops.moments import Block, Floats

REPLICATIONS = 1000
LEVEL = 0.05
BUCKET_NOISE = 0.005  # the share moves this much between data sets with 1,024 buckets
MIN_UNITS = 200


@dataclass(frozen=True)
class Resplit:
    """Share of re-splits with p below .05, and the band it should lie in."""

    share: float
    low: float
    high: float
    n: int


def band(replications: int) -> tuple[float, float]:
    """.05 +- 3 sqrt(.0475 / R + .005^2)."""
    half = 3 * float(np.sqrt(LEVEL * (1 - LEVEL) / replications + BUCKET_NOISE**2))
    return max(LEVEL - half, 0.0), LEVEL + half


def resplit(
    buckets: list[Block], share: float, seed: int, ratio: bool, replications: int = REPLICATIONS
) -> Resplit | None:
    """Assign buckets to two arms at random, `share` of them to the first, and test each time.

    None with fewer than 200 units or a constant metric.
    """
    sums = _centred_sums(buckets, ratio)
    units = int(sums[:, 0].sum())
    if units < MIN_UNITS or len(buckets) < 4:
        return None
    size = min(max(round(share * len(buckets)), 2), len(buckets) - 2)
    order = np.random.default_rng(seed).random((replications, len(buckets))).argsort(axis=1)
    chosen = (order < size).astype(float)
    first = chosen @ sums
    second = sums.sum(axis=0) - first
    with np.errstate(all="ignore"):
        p_values = _p_values(first, second, ratio)
    if not np.isfinite(p_values).all():
        return None
    low, high = band(replications)
    return Resplit(float((p_values < LEVEL).mean()), low, high, units)


def _centred_sums(buckets: list[Block], ratio: bool) -> Floats:
    """n, sums of y (and z) about the pooled means, squares (and products) per bucket;
    for a ratio also n times the pooled means, to get the levels back."""
    parts = 2 if ratio else 1
    n = np.array([block.n[0, 0] for block in buckets])
    means = np.array([[block.mean[k, k] for k in range(parts)] for block in buckets])
    pooled = n @ means / max(n.sum(), 1)
    gap = means - pooled
    columns = [n, *(n * gap[:, k] for k in range(parts))]
    for a in range(parts):
        for b in range(a, parts):
            c = np.array([block.c[a, b] for block in buckets])
            columns.append(c + n * gap[:, a] * gap[:, b])
    if ratio:
        columns += list(np.outer(pooled, n))
    return np.column_stack(columns)


def _p_values(first: Floats, second: Floats, ratio: bool) -> Floats:
    if ratio:
        (r1, v1), (r2, v2) = _ratio_arm(first), _ratio_arm(second)
        return np.asarray(2 * ndtr(-np.abs((r1 - r2) / np.sqrt(v1 + v2))))
    (m1, v1, n1), (m2, v2, n2) = _mean_arm(first), _mean_arm(second)
    total = v1 + v2
    df = total**2 / (v1**2 / (n1 - 1) + v2**2 / (n2 - 1))
    return np.asarray(2 * stdtr(df, -np.abs((m1 - m2) / np.sqrt(total))))


def _mean_arm(sums: Floats) -> tuple[Floats, Floats, Floats]:
    n, total, squares = sums.T
    mean = total / n
    return mean, (squares - n * mean**2) / (n - 1) / n, n


def _ratio_arm(sums: Floats) -> tuple[Floats, Floats]:
    """Ratio of means with its delta-method variance."""
    n, y, z, yy, yz, zz, y0, z0 = sums.T
    s_yy, s_yz, s_zz = yy - y * y / n, yz - y * z / n, zz - z * z / n
    below = (z + z0) / n
    ratio = ((y + y0) / n) / below
    return ratio, (s_yy - 2 * ratio * s_yz + ratio**2 * s_zz) / (n - 1) / n / below**2
