"""Segmented regression of one time series with a known intervention (Wagner et al. 2002).

    y_t = intercept + trend t + level post_t + slope since_t + seasons + controls + u_t

t counts periods from 0; post_t is 1 from the intervention on; since_t = max(0, t - intervention),
so `level` is the change at the intervention itself and `slope` the change of slope per period.
Here: the design matrix, ordinary least squares, and its HAC errors. The errors of the headline
are in `autoregression`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from causalops.moments import Floats

MIN_SIDE = 3  # periods with a value before, and after
SPARE = 3  # more periods than coefficients
COLLINEAR = 1e-9  # share of a column's variation that earlier columns leave unexplained


@dataclass(frozen=True)
class Series:
    """One value a period (n), without holes; the intervention is at index `start`.

    `season` is a number of periods (12, 7, 4), as dummies. `missing` are the indices of periods
    without a value; their `y` is any finite number.
    """

    y: Floats
    start: int
    season: int | None = None
    controls: Mapping[str, Floats] = field(default_factory=dict)
    missing: tuple[int, ...] = ()

    def cut(self, end: int, start: int) -> Series:
        """The periods before index `end`, with the intervention moved to index `start`."""
        controls = {name: values[:end] for name, values in self.controls.items()}
        missing = tuple(index for index in self.missing if index < end)
        return replace(self, y=self.y[:end], start=start, controls=controls, missing=missing)


@dataclass(frozen=True)
class Design:
    """Columns (n, k) of a regression; `problem` is a reason code, `columns` whom it concerns."""

    names: tuple[str, ...]
    matrix: Floats
    start: int
    problem: str | None = None
    columns: tuple[str, ...] = ()

    @property
    def observations(self) -> int:
        """Periods with a value: each gap takes its own row and column."""
        return len(self.matrix) - sum(name.startswith("gap_") for name in self.names)


@dataclass(frozen=True)
class Regression:
    """Coefficients (k) with their covariance (k, k), and residuals (n).

    `theta_covariance` (q, q) and `derivatives` (q, k, k) belong to the estimated parameters of the
    error process: how sure they are, and how `covariance` moves with them.
    """

    names: tuple[str, ...]
    beta: Floats
    covariance: Floats
    residual_df: float
    residuals: Floats
    innovations: Floats
    se_kind: str
    coefficients: tuple[float, ...] = ()
    theta_covariance: Floats | None = None
    derivatives: Floats | None = None

    def weights(self, terms: Mapping[str, float]) -> Floats:
        """A linear combination of named coefficients as a vector (k)."""
        return np.array([terms.get(name, 0.0) for name in self.names])

    def estimate(self, weights: Floats) -> float:
        """Value of a linear combination."""
        return float(weights @ self.beta)

    def variance(self, weights: Floats) -> float:
        """Variance of a linear combination."""
        return float(weights @ self.covariance @ weights)

    def df(self, weights: Floats) -> float:
        """Degrees of freedom of a combination's t test: residual ones, or Satterthwaite's, which
        follow from how uncertain the variance is (Satterthwaite 1946; Giesbrecht & Burns 1985)."""
        if self.theta_covariance is None or self.derivatives is None:
            return self.residual_df
        gradient = np.einsum("a,qab,b->q", weights, self.derivatives, weights)
        spread = float(gradient @ self.theta_covariance @ gradient)
        variance = self.variance(weights)
        if not spread > 0:
            return self.residual_df
        # Below one degree of freedom the quadratic approximation itself is void.
        return float(np.clip(2 * variance * variance / spread, 1.0, self.residual_df))


def design(series: Series, has_slope: bool = True) -> Design:
    """Design of a series; a problem is said, never raised.

    A period without a value gets a dummy of its own: it then takes part in nothing, and every
    other period keeps its place in time. REML and OLS are those of the periods with values.
    """
    n, start = len(series.y), series.start
    t = np.arange(n, dtype=float)
    columns: dict[str, Floats] = {"intercept": np.ones(n), "trend": t}
    columns["level"] = (t >= start).astype(float)
    if has_slope:
        columns["slope"] = np.maximum(0.0, t - start)
    for phase in range(1, series.season or 1):
        columns[f"season_{phase + 1}"] = (t % (series.season or 1) == phase).astype(float)
    columns.update({f"control_{name}": values for name, values in series.controls.items()})
    columns.update({f"gap_{index}": (t == index).astype(float) for index in series.missing})
    names, matrix = tuple(columns), np.column_stack(list(columns.values()))
    plan = Design(names, matrix, start)
    before = sum(index not in series.missing for index in range(start))
    sides = before, n - len(series.missing) - before
    # A season seen less than twice cannot be told from the trend and the intervention.
    is_short = n < len(names) + SPARE or plan.observations < 2 * (series.season or 1)
    if min(sides) < MIN_SIDE or is_short:
        return _refused(plan, "insufficient_data")
    if not np.isfinite(series.y).all():
        return _refused(plan, "not_finite")
    bad = [name for name, column in columns.items() if not np.isfinite(column).all()]
    if bad:
        return _refused(plan, "not_finite", bad)
    twins = dependent(names, matrix)
    return _refused(plan, "collinear", twins) if twins else plan


def _refused(plan: Design, problem: str, columns: Sequence[str] = ()) -> Design:
    return Design(plan.names, plan.matrix, plan.start, problem, tuple(columns))


def dependent(names: Sequence[str], matrix: Floats) -> list[str]:
    """Columns that are a linear combination of the ones before them; the first is a constant."""
    found: list[str] = []
    basis = [matrix[:, 0] / np.linalg.norm(matrix[:, 0])]
    for name, column in zip(names[1:], matrix[:, 1:].T, strict=True):
        rest = column - column.mean()
        size = float(np.linalg.norm(rest))
        if size <= 1e-12 * float(np.linalg.norm(column)):
            found.append(name)
            continue
        for _ in range(2):  # once more: one pass loses orthogonality
            for direction in basis:
                rest = rest - (direction @ rest) * direction
        left = float(np.linalg.norm(rest))
        if left <= COLLINEAR * size:
            found.append(name)
        else:
            basis.append(rest / left)
    return found


def is_exact(y: Floats, residuals: Floats) -> bool:
    """Whether the regression leaves nothing but rounding: no test exists."""
    size = float(np.linalg.norm(y))
    return float(np.linalg.norm(residuals)) <= 1e-10 * size


def ols(y: Floats, plan: Design) -> Regression:
    """Ordinary least squares with the classical covariance and n - k degrees of freedom."""
    n, k = plan.matrix.shape
    q, r = np.linalg.qr(plan.matrix)
    beta = np.linalg.solve(r, q.T @ y)
    residuals = y - plan.matrix @ beta
    inverse = np.linalg.inv(r)
    covariance = float(residuals @ residuals) / (n - k) * inverse @ inverse.T
    return Regression(plan.names, beta, covariance, n - k, residuals, residuals, "ols")


def newey_west(y: Floats, plan: Design, lags: int | None = None) -> Regression:
    """OLS with Bartlett-kernel HAC errors (Newey & West 1987), factor n / (n - k), t(n - k).

    n counts periods with a value, k coefficients without the gaps' dummies. `lags` defaults to
    floor(4 (n / 100)^(2/9)) (Newey & West 1994).
    """
    base = ols(y, plan)
    n = plan.observations
    lags = newey_west_lags(n) if lags is None else lags
    scores = plan.matrix * base.residuals[:, None]
    meat = scores.T @ scores
    for lag in range(1, lags + 1):
        cross = scores[lag:].T @ scores[:-lag]
        meat = meat + (1 - lag / (lags + 1)) * (cross + cross.T)
    inverse = np.linalg.inv(np.linalg.qr(plan.matrix)[1])
    bread = inverse @ inverse.T
    covariance = n / base.residual_df * bread @ meat @ bread
    return Regression(plan.names, base.beta, covariance, base.residual_df, base.residuals,
                      base.residuals, "hac")  # fmt: skip


def newey_west_lags(n: int) -> int:
    """Lags of the Bartlett kernel for n observations."""
    return int(4 * (n / 100) ** (2 / 9))
