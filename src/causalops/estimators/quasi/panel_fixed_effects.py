"""Fixed effects of units and of periods: the within estimator, on rows (Baltagi 2021, chapter 2).

Classic errors have the divisor n - K with every effect counted. Clustered errors, by unit unless
told otherwise, do not count effects that are nested in the clusters (cr1, as pyfixest and Stata's
`xtreg, fe`); `panel_ols_covariance` gives linearmodels' convention.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from causalops.estimators.quasi import gram
from causalops.estimators.quasi.effects import Absorbed, Codes, codes, one_way, two_way
from causalops.estimators.quasi.gram import Combination
from causalops.estimators.quasi.regression import Fit, among, least_squares, no_fit
from causalops.estimators.quasi.residual_moments import Residuals, of_residuals
from causalops.inference import finite
from causalops.moments import Floats

UNIT, PERIOD = "unit", "period"


@dataclass(frozen=True)
class PanelFit:
    """Coefficients of the regressors that vary within the effects; the others are in
    `fit.dropped`. within_r2 is the share of the outcome's variation within the effects that the
    regressors explain; n_duplicates counts rows beyond the first of their unit and period."""

    fit: Fit
    n_units: int
    n_periods: int
    n_incomplete: int = 0
    n_duplicates: int = 0
    within_r2: float | None = None
    effects: tuple[str, ...] = (UNIT,)


def panel_fixed_effects(
    unit: npt.ArrayLike,
    period: npt.ArrayLike,
    outcome: npt.ArrayLike,
    regressors: Mapping[str, npt.ArrayLike],
    effects: tuple[str, ...] = (UNIT,),
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
) -> PanelFit:
    """Within estimator with effects of the unit, the period, or both; one row per unit and period.

    Every row names its unit and its period. Rows with a missing value or without a positive weight
    are left out and counted; two rows of one unit and period are refused. `clusters` default to the
    units.
    """
    columns = {"y": outcome, **regressors}
    names, empty = tuple(regressors), Residuals((), 0, np.zeros((0, 0)))
    use = gram.usable(columns, weights)
    labels = np.asarray(unit)[use], np.asarray(period)[use]
    n_incomplete = int(len(use) - use.sum())
    if not use.any():
        return PanelFit(no_fit(empty, names, "too_few_rows"), 0, 0, n_incomplete)
    units, periods = codes(labels[0]), codes(labels[1])
    sizes = int(units.max()) + 1, int(periods.max()) + 1
    n_duplicates = len(units) - len(np.unique(units * sizes[1] + periods))
    if n_duplicates:
        fit = no_fit(empty, names, "duplicate_unit_periods")
        return PanelFit(fit, *sizes, n_incomplete, n_duplicates)
    kept = {name: np.asarray(values)[use] for name, values in columns.items()}
    rows, weight = gram.complete(kept, None if weights is None else np.asarray(weights)[use])
    groups = units if clusters is None else codes(np.asarray(clusters)[use])
    found = _absorb(rows, units, periods, weight, effects)
    is_lost = _lost(rows, found.columns, weight)
    lost = [Combination(name, (" and ".join(effects) + " effects",))
            for name, is_gone in zip(names, is_lost[1:], strict=True) if is_gone]  # fmt: skip
    residuals = of_residuals(("y", *names), found.columns, groups, weight, found.n_effects,
                             _nested(units, periods, groups, effects))  # fmt: skip
    left = [name for name in names if name not in {item.column for item in lost}]
    inner = residuals.pick(left)
    kept_names = among(residuals, left, residuals.cross(inner, inner)) if left else None
    if kept_names is None or not kept_names.kept:
        return PanelFit(no_fit(residuals, names, "collinear", lost), *sizes, n_incomplete)
    fit = least_squares(residuals, "y", kept_names.kept)
    fit = replace(fit, dropped=(*lost, *kept_names.dropped))
    return PanelFit(fit, *sizes, n_incomplete, 0, _within_r2(fit), effects)


def panel_ols_covariance(panel: PanelFit) -> Floats | str:
    """Clustered covariance as linearmodels' PanelOLS scales it: n / (n - K) without G / (G - 1).

    K counts every effect, or none of them where there is one kind of effect, nested in the
    clusters.
    """
    fit, residuals = panel.fit, panel.fit.residuals
    covariance = fit.covariance("cr0")
    if isinstance(covariance, str):
        return covariance
    is_nested = len(panel.effects) == 1 and residuals.n_nested > 0
    counted = len(fit.names) if is_nested else fit.n_parameters
    return covariance * residuals.n / (residuals.n - counted)


def _absorb(
    rows: Floats, units: Codes, periods: Codes, weight: Floats, effects: tuple[str, ...]
) -> Absorbed:
    centred = rows - weight @ rows / weight.sum()
    if set(effects) == {UNIT, PERIOD}:
        return two_way(centred, units, periods, weight)
    return one_way(centred, units if effects == (UNIT,) else periods, weight)


def _lost(rows: Floats, left: Floats, weight: Floats) -> npt.NDArray[np.bool_]:
    """Which columns do not vary within the effects."""
    spread = weight @ (rows - weight @ rows / weight.sum()) ** 2
    return np.asarray(weight @ left**2 <= gram.TOLERANCE * spread)


def _nested(units: Codes, periods: Codes, groups: Codes, effects: tuple[str, ...]) -> int:
    """Effects, beyond the constant, of levels that lie within one cluster each."""
    nested = 0
    for name, level in ((UNIT, units), (PERIOD, periods)):
        size = int(level.max()) + 1
        if name in effects and len(np.unique(level * (int(groups.max()) + 1) + groups)) == size:
            nested += size - 1
    return nested


def _within_r2(fit: Fit) -> float | None:
    outcome = fit.residuals.pick(["y"])[:, 0]
    total = float(fit.residuals.cross(outcome, outcome))
    if fit.reason_code is not None or total <= 0:
        return None
    return finite(1 - fit.squares / total)
