"""Jumps at a cutoff: local polynomials with robust bias-corrected inference.

The fits and bandwidths are those of rdrobust (Calonico, Cattaneo & Titiunik 2014; with covariates
and clusters Calonico, Cattaneo, Farrell & Titiunik 2019), imported only when a jump is asked for.
A jump is treated minus untreated, whichever side of the cutoff is treated.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from causalops.estimators.quasi.cutoff_sample import Sample, Sides, problem
from causalops.inference import Inference, difference, finite, unavailable

FEW_NEAR = 20  # effective units of a side: rddensity's and rdrobust's own minimum
FEW_CLUSTERS = 10  # of a side: below it rdrobust calls its clustered error unreliable
FEW_VALUES = 10  # distinct scores of a side within the bandwidth, as rdrobust's `bwcheck`


@dataclass(frozen=True)
class Options:
    """How the regression is fitted: order of the polynomial, kernel, bandwidth selector."""

    order: int = 1
    kernel: str = "triangular"
    selector: str = "mserd"


DEFAULT = Options()


@dataclass(frozen=True)
class Bandwidths:
    """In units of the score, each (below, above): `h` of the fit, `b` of its bias correction."""

    h: tuple[float, float]
    b: tuple[float, float]

    def scaled(self, factor: float) -> Bandwidths:
        """Both bandwidths times a factor, which keeps their ratio."""
        return Bandwidths(
            (self.h[0] * factor, self.h[1] * factor), (self.b[0] * factor, self.b[1] * factor)
        )


@dataclass(frozen=True)
class Jump:
    """A jump at the cutoff; pairs are (below, above).

    The three rows of rdrobust: `conventional`; `bias_corrected` with the conventional error;
    `robust`, bias-corrected with its own error. `levels` are the fitted outcomes at the cutoff,
    `n_h` and `n_b` count units within h and b. `warning` is a reason code.
    """

    conventional: Inference
    bias_corrected: Inference
    robust: Inference
    n: Sides
    bandwidths: Bandwidths | None = None
    n_h: Sides = (0, 0)
    n_b: Sides = (0, 0)
    n_clusters: Sides | None = None
    levels: tuple[float | None, float | None] = (None, None)
    warning: str | None = None
    message: str | None = None

    @property
    def headline(self) -> Inference:
        """Conventional point; error, test and interval are the robust bias-corrected ones."""
        return replace(self.robust, estimate=self.conventional.estimate)


@dataclass(frozen=True)
class Raw:
    """What one call of rdrobust says: estimates (conventional, corrected), their errors."""

    estimates: tuple[float, float]
    errors: tuple[float, float]
    bandwidths: Bandwidths
    n_h: Sides
    n_b: Sides
    n_clusters: Sides | None
    levels: tuple[float, float]


def jump(
    rows: Sample,
    alpha: float = 0.05,
    bandwidths: Bandwidths | None = None,
    options: Options = DEFAULT,
) -> Jump:
    """The jump of the outcome at zero, sharp; without `bandwidths` they are selected on all rows.

    With fixed bandwidths only the rows within them are read, which changes nothing.
    Reasons: `no_units`, `no_units_one_side`, `few_score_values`, `zero_variance`,
    `too_few_clusters`, `missing_dependency`, `local_fit_failed`.
    """
    found = problem(rows, options.order) or local_fit(rows, bandwidths, options)
    if isinstance(found, str):
        return missing(rows, found)
    return made(rows, found, rows.sign, alpha)


def made(rows: Sample, raw: Raw, sign: float, alpha: float) -> Jump:
    """The three rows of a jump, treated minus untreated."""
    scale = max(abs(value) for value in (*raw.levels, 0.0))
    estimates, errors = raw.estimates, raw.errors
    pairs = ((estimates[0], errors[0]), (estimates[1], errors[0]), (estimates[1], errors[1]))
    plain, corrected, robust = (
        difference(sign * estimate, error * error, None, alpha, scale) for estimate, error in pairs
    )
    return Jump(
        plain, corrected, robust, rows.n, raw.bandwidths, raw.n_h, raw.n_b, raw.n_clusters,
        (finite(raw.levels[0]), finite(raw.levels[1])), _warning(rows, raw),
    )  # fmt: skip


def missing(rows: Sample, reason: str) -> Jump:
    """No jump: NULLs with a reason; a message after a colon is what rdrobust said."""
    code, _, said = reason.partition(": ")
    none = unavailable(code)
    return Jump(none, none, none, rows.n, message=said or None)


def _warning(rows: Sample, raw: Raw) -> str | None:
    if min(raw.n_h) < FEW_NEAR:
        return "few_near_cutoff"
    if raw.n_clusters is not None and min(raw.n_clusters) < FEW_CLUSTERS:
        return "few_clusters"
    within = (rows.x > -raw.bandwidths.h[0]) & (rows.x < raw.bandwidths.h[1])
    near = rows.x[within]
    if min(len(np.unique(near[near < 0])), len(np.unique(near[near >= 0]))) < FEW_VALUES:
        return "few_score_values"
    return None


def local_fit(
    rows: Sample, bandwidths: Bandwidths | None, options: Options, is_fuzzy: bool = False
) -> Raw | str:
    """One call of rdrobust, or a reason code."""
    try:
        from rdrobust import rdrobust
    except ImportError:
        return "missing_dependency"
    if bandwidths is not None:
        reach = [max(pair) for pair in zip(bandwidths.h, bandwidths.b, strict=True)]
        rows = rows.only((rows.x >= -reach[0]) & (rows.x <= reach[1]))
    try:
        # It prints about mass points and warns about few clusters: both are read from the counts.
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = rdrobust(
                rows.y, rows.x, c=0.0, p=options.order, kernel=options.kernel,
                bwselect=options.selector, covs=rows.covariates, cluster=rows.clusters,
                fuzzy=rows.received if is_fuzzy else None,
                h=None if bandwidths is None else list(bandwidths.h),
                b=None if bandwidths is None else list(bandwidths.b),
            )  # fmt: skip
    except Exception as error:  # it raises plain exceptions about the data it gets
        return f"local_fit_failed: {error}"
    return _read(rows, found)


def _read(rows: Sample, found: Any) -> Raw:
    coefficients, errors = (np.asarray(part)[:, 0] for part in (found.coef, found.se))
    widths = np.asarray(found.bws)
    bandwidths = Bandwidths(
        (float(widths[0, 0]), float(widths[0, 1])), (float(widths[1, 0]), float(widths[1, 1]))
    )
    clusters = None
    if rows.clusters is not None:
        inside = (rows.x > -bandwidths.h[0]) & (rows.x < bandwidths.h[1])
        sides = (rows.clusters[inside & (rows.x < 0)], rows.clusters[inside & (rows.x >= 0)])
        clusters = len(np.unique(sides[0])), len(np.unique(sides[1]))
    return Raw(
        estimates=(float(coefficients[0]), float(coefficients[1])),
        errors=(float(errors[0]), float(errors[2])),
        bandwidths=bandwidths,
        n_h=(int(found.N_h[0]), int(found.N_h[1])),
        n_b=(int(found.N_b[0]), int(found.N_b[1])),
        n_clusters=clusters,
        levels=(float(found.tau_cl[0]), float(found.tau_cl[1])),
    )
