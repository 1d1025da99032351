"""Fuzzy discontinuity: a cutoff that changes who is treated, not everybody.

At the cutoff rd_late = rd_itt / first_stage, all three in the bandwidths that rdrobust selects for
the ratio (Calonico, Cattaneo & Titiunik 2014). The Anderson-Rubin set of rd_late holds every b for
which the robust bias-corrected jump of y - b d cannot be told from zero; it keeps its level however
small the first stage is (Feir, Lemieux & Marmer 2016). Jumps are linear and their variances
quadratic in the outcome, so a few fits in fixed bandwidths give the whole set.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from causalops.estimators.quasi.cutoff_sample import Sample, problem
from causalops.estimators.quasi.local_polynomial import (
    DEFAULT,
    Bandwidths,
    Jump,
    Options,
    jump,
    local_fit,
    made,
    missing,
)
from causalops.inference import CONSTANT, Inference, critical, ratio_set, unavailable

WEAK_F = 10.0  # Staiger & Stock 1997


@dataclass(frozen=True)
class FuzzyJump:
    """Effect on units that the cutoff moves into treatment, and its parts.

    `strength` is the robust F of the first stage, None where everybody does as the cutoff says.
    """

    late: Jump
    itt: Jump
    first_stage: Jump
    anderson_rubin: Inference
    strength: float | None = None


def fuzzy_jump(
    rows: Sample,
    alpha: float = 0.05,
    bandwidths: Bandwidths | None = None,
    options: Options = DEFAULT,
) -> FuzzyJump:
    """Jump of the outcome over jump of the treatment received, which `rows` must hold.

    Reasons besides those of `jump`: `no_variation_received`, `no_compliers`.
    """
    found = _reason(rows, options) or local_fit(rows, bandwidths, options, is_fuzzy=True)
    if isinstance(found, str):
        none = missing(rows, found)
        return FuzzyJump(none, none, none, none.robust)
    late = made(rows, found, 1.0, alpha)  # of a ratio the sides cancel
    fixed = found.bandwidths
    itt = jump(rows, alpha, fixed, options)
    treatment = replace(rows, y=_received(rows))
    first = _first_stage(jump(treatment, alpha, fixed, options))
    if abs(first.conventional.estimate or 0.0) <= CONSTANT:
        none = missing(rows, "no_compliers")
        return FuzzyJump(none, itt, first, none.robust)
    error = first.robust.std_error
    strength = None if error is None else ((first.robust.estimate or 0.0) / error) ** 2
    parts = FuzzyJump(late, itt, first, unavailable("no_compliers"), strength)
    return replace(parts, anderson_rubin=_anderson_rubin(rows, parts, alpha, options))


def _received(rows: Sample) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    assert rows.received is not None  # noqa: S101 - a mistake of the caller, not of the data
    return rows.received


def _reason(rows: Sample, options: Options) -> str | None:
    reason = problem(rows, options.order)
    if reason is not None:
        return reason
    received, above = _received(rows), rows.x >= 0
    if np.ptp(received) == 0:
        return "no_variation_received"
    means = [float(received[side].mean()) for side in (above, ~above)]
    spread = max(float(np.ptp(received[side])) for side in (above, ~above))
    return "no_compliers" if spread == 0 and means[0] == means[1] else None


def _first_stage(found: Jump) -> Jump:
    """Where everybody does as the cutoff says, the first stage is known without error."""
    if found.robust.reason_code != "zero_variance" or found.robust.estimate is None:
        return found
    exact = replace(found.robust, status="ok", reason_code="full_compliance")
    return replace(found, conventional=exact, bias_corrected=exact, robust=exact)


def _anderson_rubin(rows: Sample, parts: FuzzyJump, alpha: float, options: Options) -> Inference:
    itt, first, fixed = parts.itt.robust, parts.first_stage.robust, parts.late.bandwidths
    estimate = parts.late.conventional.estimate
    if itt.estimate is None or itt.std_error is None or first.estimate is None:
        return unavailable(itt.reason_code or first.reason_code or "no_compliers", estimate)
    v_y, v_d = itt.std_error**2, (first.std_error or 0.0) ** 2
    unit = max(abs(itt.estimate), itt.std_error) / max(abs(first.estimate), v_d**0.5)
    variances = []
    for side in (1.0, -1.0):
        mixed = replace(rows, y=rows.y + side * unit * _received(rows))
        found = local_fit(mixed, fixed, options)
        if isinstance(found, str):
            return unavailable(found.partition(": ")[0], estimate)
        variances.append(found.errors[1] ** 2)
    covariance = (variances[0] - variances[1]) / (4 * unit)
    square = critical(1 - alpha / 2, None) ** 2
    shape, low, high = ratio_set(itt.estimate, first.estimate, (v_y, v_d, covariance), square)
    is_split = shape == "disjoint"
    return replace(
        itt,
        estimate=estimate,
        std_error=parts.late.robust.std_error,
        ci_low=None if is_split else low,
        ci_high=None if is_split else high,
        ci_shape=shape,
        pieces=((None, low), (high, None)) if is_split else (),
    )
