"""Two-stage least squares, LIML, and the regressions beside them, from residual moments.

With x treatments, z instruments and y the outcome, all after the controls: first stage
P = Szz^-1 Szx, fitted treatments x^ = z P, and the k-class (Theil 1958)

  b = ((1 - k) Sxx + k Sx^x)^-1 ((1 - k) Sxy + k Sx^y),  k = 1: 2SLS,  k = kappa: LIML

with kappa the smallest root of |S - kappa W| = 0, S the cross-products of (y, x) and W those of
their first-stage residuals (Anderson & Rubin 1949). Robust covariances use the scores x^ (y - x b)
in both cases, as linearmodels does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import eigvalsh

from causalops.estimators.quasi.gram import Combination, solve
from causalops.estimators.quasi.regression import Fit, among, least_squares, no_fit
from causalops.estimators.quasi.residual_moments import Residuals
from causalops.moments import Floats

_IDENTIFIED = 1e-13  # share of a treatment's variance that rounding alone may explain


@dataclass(frozen=True)
class System:
    """One outcome, p treatments and m instruments among the residual columns."""

    residuals: Residuals
    outcome: str
    treatments: tuple[str, ...]
    instruments: tuple[str, ...]

    @cached_property
    def y(self) -> Floats:
        """Selector (q,) of the outcome."""
        return np.asarray(self.residuals.pick([self.outcome])[:, 0])

    @cached_property
    def x(self) -> Floats:
        """Selector (q, p) of the treatments."""
        return self.residuals.pick(self.treatments)

    @cached_property
    def z(self) -> Floats:
        """Selector (q, m) of the instruments."""
        return self.residuals.pick(self.instruments)

    @property
    def n_first(self) -> int:
        """Parameters of a first stage: constant, controls and instruments."""
        return self.residuals.n_absorbed + len(self.instruments)

    @cached_property
    def problem(self) -> tuple[str | None, tuple[Combination, ...]]:
        """Why the effects of the treatments are not identified, with the columns at fault."""
        return _problem(self)

    def on_instruments(self, columns: Floats) -> Floats:
        """Coefficients (m, any) of columns on the instruments."""
        inner = self.residuals.cross(self.z, self.z)
        return solve(inner, self.residuals.cross(self.z, columns))


@dataclass(frozen=True)
class Liml:
    """Limited-information maximum likelihood with its kappa (1 when just identified)."""

    fit: Fit
    kappa: float | None = None


def two_stage(system: System) -> Fit:
    """2SLS of the outcome on the treatments (Theil 1953)."""
    reason, dropped = system.problem
    if reason is not None:
        return no_fit(system.residuals, system.treatments, reason, dropped)
    return _k_class(system, 1.0)


def liml(system: System) -> Liml:
    """LIML; with as many instruments as treatments it is 2SLS."""
    reason, dropped = system.problem
    if reason is not None:
        return Liml(no_fit(system.residuals, system.treatments, reason, dropped))
    if len(system.instruments) == len(system.treatments):
        return Liml(_k_class(system, 1.0), 1.0)
    both = np.column_stack([system.y, system.x])
    total = system.residuals.cross(both, both)
    left = both - system.z @ system.on_instruments(both)
    unexplained = system.residuals.cross(left, left)
    found = among(system.residuals, (system.outcome, *system.treatments), unexplained)
    if found.dropped:
        return Liml(no_fit(system.residuals, system.treatments, "perfect_fit", found.dropped))
    scale = 1 / np.sqrt(np.diag(unexplained))
    roots = eigvalsh(total * np.outer(scale, scale), unexplained * np.outer(scale, scale))
    kappa = float(roots[0])
    return Liml(_k_class(system, kappa), kappa)


def ordinary(system: System) -> Fit:
    """Least squares of the outcome on the treatments: what endogeneity would bias."""
    return least_squares(system.residuals, system.outcome, system.treatments)


def reduced_form(system: System) -> Fit:
    """Least squares of the outcome on the instruments."""
    return least_squares(system.residuals, system.outcome, system.instruments)


def first_stage(system: System, treatment: str) -> Fit:
    """Least squares of one treatment on the instruments."""
    return least_squares(system.residuals, treatment, system.instruments)


def _k_class(system: System, kappa: float) -> Fit:
    residuals, x, y = system.residuals, system.x, system.y
    fitted = system.z @ system.on_instruments(x)
    inner = (1 - kappa) * residuals.cross(x, x) + kappa * residuals.cross(fitted, x)
    right = (1 - kappa) * residuals.cross(x, y) + kappa * residuals.cross(fitted, y)
    inner = (inner + inner.T) / 2
    coefficients = solve(inner, right)
    return Fit(
        residuals, system.treatments, coefficients, solve(inner, np.eye(len(right))), fitted,
        y - x @ coefficients, residuals.n_absorbed + len(right),
    )  # fmt: skip


def _problem(system: System) -> tuple[str | None, tuple[Combination, ...]]:
    residuals, p, m = system.residuals, len(system.treatments), len(system.instruments)
    if m < p:
        return "under_identified", ()
    if not residuals.is_finite:
        return "not_finite", ()
    if residuals.n <= system.n_first or residuals.n <= residuals.n_absorbed + p:
        return "too_few_rows", ()
    for names in (system.treatments, system.instruments):
        columns = residuals.pick(names)
        found = among(residuals, names, residuals.cross(columns, columns))
        if found.dropped:
            return "collinear", found.dropped
    scale = np.sqrt(np.diag(residuals.cross(system.x, system.x)))
    explained = residuals.cross(system.z, system.x).T @ system.on_instruments(system.x)
    if np.linalg.eigvalsh(explained / np.outer(scale, scale))[0] <= _IDENTIFIED:
        return "no_first_stage", ()
    return None, ()
