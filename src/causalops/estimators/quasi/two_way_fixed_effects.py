"""The two-way fixed-effects regression of the outcome on "is treated now", from cohort moments.

With r the treatment path less its unit and period means, b = sum n r'm / sum n r'd, and the
clustered meat needs each cohort's r' spread r + n (r'e)² only. Under staggered adoption b is a
weighted average with already treated units among the controls (Goodman-Bacon 2021): it is shown
beside the group-time effects, never instead of them.

Errors are clustered by unit or by the moments' clusters, with the factor of pyfixest's CRV1,
G/(G-1) (N-1)/(N-k), k = 1 + (periods - 1) + 1, and t(G - 1); unit effects are nested in the
clusters and do not count. That is too small where few clusters, or units, are treated or
untreated: below ten on the smaller side the test is a warning. Repeated cross-sections (cohort and
period effects) have HC1 errors with t(N - k), k = cohorts + periods, unless they have clusters.
"""

from __future__ import annotations

import numpy as np

from causalops.estimators.quasi.cluster_sides import noted
from causalops.estimators.quasi.linear_effects import (
    LinearEffects,
    cluster_scores,
    covariance,
)
from causalops.estimators.quasi.panel_moments import Floats, PanelMoments
from causalops.inference import Inference, difference, unavailable


def two_way(moments: PanelMoments) -> LinearEffects | None:
    """The coefficient of treatment (K = 1); None where treatment does not vary within."""
    treated = is_treated(moments)
    residual = without_fixed_effects(treated, moments)
    size = (moments.cells * residual * treated).sum()
    if size <= 1e-10 * moments.cells.sum():
        return None
    loads = residual / size
    estimate = (moments.cells * loads * moments.means).sum()
    gaps = without_fixed_effects(moments.means - estimate * treated, moments)
    shifts = loads * gaps
    if moments.is_panel:
        shifts = shifts.sum(axis=1, keepdims=True)
    return LinearEffects(np.array([estimate]), loads[None], shifts[None])


def two_way_inference(moments: PanelMoments, alpha: float) -> tuple[Inference, str]:
    """The coefficient with its test and interval, and the kind of its error (cr1 | hc1)."""
    found = two_way(moments)
    kind = "cr1" if moments.is_panel or moments.clusters is not None else "hc1"
    if found is None:
        return unavailable("no_control"), kind
    rows = float(moments.cells.sum())
    n_cohorts, n_periods = moments.means.shape
    if moments.clusters is not None:
        scores = cluster_scores(found, moments.clusters)
        variance, n_groups = float((scores**2).sum()), scores.shape[1]
    else:
        variance, n_groups = float(covariance(found, moments).matrix[0, 0]), moments.sizes.sum()
    k = n_periods + 1 if moments.is_panel else n_cohorts + n_periods
    estimate = float(found.estimates[0])
    df = n_groups - 1 if kind == "cr1" else rows - k
    if n_groups < 2 or rows <= k:
        return unavailable("too_few_units", estimate), kind
    factor = n_groups / (n_groups - 1) * (rows - 1) if kind == "cr1" else rows
    result = difference(estimate, variance * factor / (rows - k), df, alpha, moments.scale)
    return noted(result, _fewest(moments) if kind == "cr1" else np.inf), kind


def _fewest(moments: PanelMoments) -> float:
    """Clusters, or units, of the smaller side; all sides but the treated may be empty."""
    counts = []
    for side in (moments.treated, moments.untreated):
        held = moments.clusters
        if not side.any():
            continue
        if held is None:
            counts.append(float(moments.sizes[side].sum()))
        else:
            counts.append(float(len(np.unique(held.cluster[side[held.cohort]]))))
    return min(counts)


def is_treated(moments: PanelMoments) -> Floats:
    """1 where a cohort is treated in a period (C, T)."""
    return (moments.times[None, :] >= moments.starts[:, None]).astype(float)


def without_fixed_effects(values: Floats, moments: PanelMoments) -> Floats:
    """Residuals (C, T) of cohort and period effects, weighted by the observations of each cell."""
    n_cohorts, n_periods = values.shape
    root = np.sqrt(moments.cells).ravel()
    dummies = np.hstack([
        np.repeat(np.eye(n_cohorts), n_periods, axis=0),
        np.tile(np.eye(n_periods), (n_cohorts, 1)),
    ])  # fmt: skip
    fitted = np.linalg.lstsq(dummies * root[:, None], values.ravel() * root, rcond=None)[0]
    return values - (dummies @ fitted).reshape(values.shape)
