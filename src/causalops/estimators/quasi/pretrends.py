"""What the periods before treatment say about parallel trends, and what they could have said.

The joint Wald test of all effects before treatment: chi-square(q) by unit as in R's `did`,
F(q, G - q) after Hotelling's scaling with G clusters. Where a cohort has too few units for that,
the averages by event time are tested, with G the units (clusters) of the smaller side.

A pass proves little without power, so the slope of a linear difference in trends that this test
finds with 80 % power stands beside it (Roth 2022).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtrc, chdtri, chndtr, fdtrc, fdtri, ncfdtr

from causalops.estimators.quasi.aggregation import by_event_time
from causalops.estimators.quasi.group_time import GroupTime, Mask
from causalops.estimators.quasi.linear_effects import covariance
from causalops.estimators.quasi.panel_moments import Floats, PanelMoments
from causalops.inference import POWER, finite

PER_EFFECT = 5  # units that a cohort needs for each of its effects before treatment
TINY = 1e-10  # eigenvalues below this share of the largest are zero


@dataclass(frozen=True)
class Pretrend:
    """Joint test of `df` directions; `df_rest` None = chi-square; `slope` per unit of time."""

    statistic: float | None = None
    df: int | None = None
    df_rest: int | None = None
    p_value: float | None = None
    slope: float | None = None
    reason_code: str | None = None


def pretrend(found: GroupTime, anticipation: float = 0.0, alpha: float = 0.05) -> Pretrend:
    """Test that every effect before `start - anticipation` is zero."""
    moments = found.moments
    early = (found.event_times < -anticipation) & ~found.is_reference
    if not early.any():
        return Pretrend(reason_code="no_pre_period")
    effects, spans = found.effects.take(np.flatnonzero(early)), _spans(found)[early]
    n, is_thin = _groups(moments), _is_thin(found, early)
    if is_thin:
        events = by_event_time(found)
        weights = np.array([(found.event_times == e) & early for e in events.parameter])
        kept = np.flatnonzero(weights.any(axis=1))
        effects, n = events.effects.take(kept), min(n, _fewest(moments))
        sizes = weights[kept] * moments.sizes[found.cohort]
        spans = sizes @ _spans(found) / sizes.sum(axis=1)
    known = covariance(effects, moments)
    used = np.flatnonzero(known.supported)
    return joint_test(
        effects.estimates[used], known.matrix[np.ix_(used, used)], spans[used], n,
        is_thin or moments.clusters is not None, alpha,
    )  # fmt: skip


def _spans(found: GroupTime) -> Floats:
    """Time from base to period (K)."""
    return found.times - found.moments.times[found.base]


def _by_cohort(moments: PanelMoments) -> Floats:
    """Units, or clusters, of each cohort (C)."""
    if moments.clusters is None:
        return moments.sizes
    held = moments.clusters
    return np.bincount(held.cohort, minlength=len(moments.starts)).astype(float)


def _groups(moments: PanelMoments) -> int:
    clusters = moments.clusters
    return int(moments.sizes.sum()) if clusters is None else clusters.n_clusters


def _fewest(moments: PanelMoments) -> int:
    """Units, or clusters, of the smaller side."""
    sizes = _by_cohort(moments)
    return int(min(sizes[moments.treated].sum(), sizes[~moments.treated].sum() or np.inf))


def _is_thin(found: GroupTime, early: Mask) -> bool:
    """Whether a cohort has too few units for the covariance of all its early effects."""
    tested = np.bincount(found.cohort[early], minlength=len(found.moments.starts))
    return bool((_by_cohort(found.moments) < PER_EFFECT * tested).any())


def joint_test(
    estimates: Floats, matrix: Floats, spans: Floats, n: int, is_small: bool, alpha: float
) -> Pretrend:
    """Wald test of `estimates` (K) = 0 with covariance (K, K) from n units or clusters.

    `is_small`: Hotelling's scaling and F instead of chi-square.

    `spans` (K): time from base to period, what a slope of one would add to each estimate.
    """
    few = "too_few_units"
    if not estimates.size:
        return Pretrend(reason_code=few)
    errors = np.sqrt(np.clip(np.diag(matrix), 0.0, None))
    if not (np.isfinite(errors).all() and errors.all() and np.isfinite(estimates).all()):
        return Pretrend(reason_code="zero_variance")
    values, vectors = np.linalg.eigh(matrix / np.outer(errors, errors))
    kept = values > TINY * values[-1]
    df = int(kept.sum())
    if df >= n - 1:
        return Pretrend(df=df, reason_code=few)
    root = vectors[:, kept] / np.sqrt(values[kept])
    statistic = float((((estimates / errors) @ root) ** 2).sum())
    per_slope = float((((spans / errors) @ root) ** 2).sum())
    rest = n - df if is_small else None
    if rest is not None:
        shrink = rest / (df * (n - 1))
        p_value, limit = fdtrc(df, rest, statistic * shrink), fdtri(df, rest, 1 - alpha)
    else:
        p_value, limit = chdtrc(df, statistic), chdtri(df, alpha)

    def missed(noncentrality: float) -> float:
        """Chance that the test does not find a departure of this size."""
        if rest is None:
            return float(chndtr(limit, df, noncentrality))
        return float(ncfdtr(df, rest, noncentrality, limit))

    largest = 1.0
    while missed(largest) > 1 - POWER and largest < 1e6:
        largest *= 2
    if not missed(largest) <= 1 - POWER:
        return Pretrend(statistic, df, rest, float(p_value))
    noncentrality = brentq(lambda size: missed(size) - (1 - POWER), 1e-9, largest)
    slope = np.sqrt(noncentrality / per_slope) if per_slope > 0 else np.nan
    return Pretrend(statistic, df, rest, float(p_value), finite(float(slope)))
