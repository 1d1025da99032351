"""Inference that stays valid when an experiment is looked at more than once.

- Confidence sequence: an interval that covers at all sample sizes at once, so that it may be read
  after every run. Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2021, arXiv 2103.06476).
- Group-sequential test: a few planned looks share alpha by a spending function of the information
  t = n / planned n. Lan & DeMets (1983); boundaries by the recursive integration of Armitage,
  McPherson & Rowe (1969); repeated intervals and p-values of Jennison & Turnbull (2000, ch. 9).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from causalops.inference import Inference, difference, unavailable
from causalops.moments import Floats

MIN_ARM = 100  # the confidence sequence is asymptotic: none below this many units in an arm
MIN_STEP = 1e-3  # a look with less new information than this repeats the look before it
SPENDING = ("obrien_fleming", "pocock")
P_FLOOR = 1e-12  # repeated p-values are not resolved below this

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_REACH = 10.0  # standard deviations beyond which the density of the statistic is left out
_FAR = 37.0  # no boundary lies beyond: its probability is below the smallest double
_CLOSED_FORM = 1e-14  # below this increment of alpha the (conservative) marginal quantile serves


def always_valid(
    estimate: float, std_error: float, sizes: tuple[int, int], n_planned: int, alpha: float
) -> Inference:
    """Interval and p-value of an estimate at any sample size, for `sizes` units in the two arms.

    With n units in both arms and r = n rho²,
      half width = se sqrt(2 (r + 1) / r log(sqrt(r + 1) / alpha)),
      p          = sqrt(r + 1) exp(-z² r / (2 (r + 1))), the smallest alpha whose interval misses 0.
    rho makes the interval narrowest at the planned size of both arms, 2 `n_planned`. It is fixed
    before any data, which is what the guarantee needs; a wrong plan costs width, not validity.
    """
    if min(sizes) < MIN_ARM:
        return unavailable("too_few_to_look", estimate)
    fixed = difference(estimate, std_error * std_error, None, alpha)
    if fixed.statistic is None:
        return fixed
    r = sum(sizes) * mixing_variance(alpha, 2 * n_planned)
    half = std_error * math.sqrt(2 * (r + 1) / r * (math.log1p(r) / 2 - math.log(alpha)))
    log_p = math.log1p(r) / 2 - fixed.statistic**2 * r / (2 * (r + 1))
    return Inference(
        estimate=estimate, std_error=std_error, statistic=fixed.statistic,
        p_value=max(math.exp(min(log_p, 0.0)), sys.float_info.min),
        ci_low=estimate - half, ci_high=estimate + half, ci_shape="interval",
    )  # fmt: skip


def mixing_variance(alpha: float, n_planned: float) -> float:
    """rho² of the sequence that is narrowest at `n_planned` units (arXiv 2103.06476, appendix)."""
    budget = -2 * math.log(alpha)
    return (budget + math.log(budget + 1)) / n_planned


def spent(spending: str, information: float, alpha: float) -> float:
    """Alpha spent when the share `information` of the planned units is in; all of it from 1 on.

    Both tails together, each with alpha / 2 of its own. obrien_fleming, per tail a: 2 - 2 Phi(z /
    sqrt t) with z = Phi^-1(1 - a / 2). pocock: a log(1 + (e - 1) t). Lan & DeMets (1983). Raises
    ValueError for another name.
    """
    if spending not in SPENDING:
        raise ValueError(f"unknown spending function {spending!r}")
    if information <= 0:
        return 0.0
    if information >= 1:
        return alpha
    if spending == "pocock":
        return alpha * math.log1p((math.e - 1) * information)
    return 4 * float(ndtr(ndtri(alpha / 4) / math.sqrt(information)))


@lru_cache(maxsize=4096)
def boundaries(
    information: tuple[float, ...], alpha: float, spending: str, is_last: bool
) -> tuple[float, ...]:
    """Critical values of |z| at looks with increasing `information`.

    The last entry spends all that is left when it `is_last`, whatever its information. A look that
    finds nothing left to spend has an infinite boundary. Raises ValueError unless the information
    increases from above zero.
    """
    if any(b <= a for a, b in zip((0.0, *information), information, strict=False)):
        raise ValueError("information must increase from look to look")
    budget = [spent(spending, t, alpha) for t in information]
    if is_last and budget:
        budget[-1] = alpha
    return _boundaries(information, np.diff([0.0, *budget]))


def repeated_p(
    statistics: Sequence[float | None], information: tuple[float, ...], spending: str, is_last: bool
) -> float:
    """Smallest alpha at which |z| reaches its boundary at any of the looks so far.

    One z per look, None where a look has none. P(p <= alpha) <= alpha over all looks together,
    and p <= alpha exactly when a boundary at alpha was reached. Between P_FLOOR and 1.
    """

    def excess(log_alpha: float) -> float:
        bounds = boundaries(information, math.exp(log_alpha), spending, is_last)
        reached = [
            abs(z) - min(bound, 2 * _FAR)
            for z, bound in zip(statistics, bounds, strict=True)
            if z is not None
        ]
        return max(reached, default=-math.inf)

    low, high = math.log(P_FLOOR), 0.0
    if excess(low) >= 0:
        return P_FLOOR
    if excess(high) <= 0:
        return 1.0
    return math.exp(float(brentq(excess, low, high, xtol=1e-10)))


def _boundaries(information: tuple[float, ...], increments: Floats) -> tuple[float, ...]:
    """Boundaries whose chance to be reached first at look k is `increments[k]`.

    The score S = z sqrt(t) has independent increments of variance dt. `nodes` carry the density of
    S on its positive half, while no boundary has been reached yet; it is symmetric.
    """
    found: list[float] = []
    nodes, mass = np.zeros(1), np.full(1, 0.5)
    steps = np.diff([0.0, *information])
    for k, (t, step, increment) in enumerate(zip(information, steps, increments, strict=True)):
        bound = _bound(nodes, mass, t, step, max(float(increment), 0.0))
        found.append(bound)
        if k + 1 < len(information):
            scale = math.sqrt(min(step, steps[k + 1]))
            grid, weights = _grid(min(bound, _REACH) * math.sqrt(t), scale)
            nodes, mass = grid, weights * _density(grid, nodes, mass, step)
    return tuple(found)


def _bound(nodes: Floats, mass: Floats, t: float, step: float, increment: float) -> float:
    """The boundary on |z| at information `t` that is reached with probability `increment`."""
    if increment < _CLOSED_FORM:
        return float(-ndtri(increment / 2)) if increment > 0 else math.inf
    sd, root = math.sqrt(step), math.sqrt(t)

    def excess(bound: float) -> float:
        edge = bound * root
        reached = ndtr((nodes - edge) / sd) + ndtr(-(nodes + edge) / sd)
        return math.log(max(2 * float(mass @ reached), 1e-300)) - math.log(increment)

    return 0.0 if excess(0.0) <= 0 else float(brentq(excess, 0.0, _FAR, xtol=1e-12, rtol=1e-12))


def _density(grid: Floats, nodes: Floats, mass: Floats, step: float) -> Floats:
    """Density of S at `grid` after a step, from its mass at `nodes` and their mirror images."""
    kernel = np.exp(-((grid[:, None] - nodes) ** 2) / (2 * step))
    kernel += np.exp(-((grid[:, None] + nodes) ** 2) / (2 * step))
    return np.asarray(kernel @ mass / math.sqrt(2 * math.pi * step))


def _grid(reach: float, scale: float) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights on [0, reach], in panels of twice the density's scale."""
    panels = max(1, math.ceil(reach / (2 * scale)))
    width = reach / panels
    starts = width * np.arange(panels)[:, None]
    nodes = (starts + width * (_NODES + 1) / 2).ravel()
    return nodes, np.tile(_WEIGHTS * width / 2, panels)
