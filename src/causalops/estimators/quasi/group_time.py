"""Group-time average treatment effects, ATT(g, t), of Callaway & Sant'Anna (2021).

ATT(g, t) is the change of cohort g from its base period to t, minus the change of the comparison
units: those never treated, or all that are not yet treated in either period. No covariates.
Conventions of R's `did`: a varying base compares a pre-period with the period before it, a
universal base compares every period with the last one before treatment (less the anticipation);
without a never treated cohort, `not_yet` uses the last cohort only as a comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from causalops.estimators.quasi.linear_effects import LinearEffects
from causalops.estimators.quasi.panel_moments import Floats, Ints, PanelMoments

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class GroupTime:
    """K effects of a cohort in a period, against a base period (indices), jointly."""

    moments: PanelMoments
    cohort: Ints  # (K)
    period: Ints  # (K)
    base: Ints  # (K); equal to `period` in the reference period of a universal base
    pools: Mask  # (K, C) comparison cohorts
    effects: LinearEffects
    missing: tuple[tuple[int, int, str], ...]  # cohort, period and reason where there is none

    @property
    def starts(self) -> Floats:
        """First treated time (K)."""
        return self.moments.starts[self.cohort]

    @property
    def times(self) -> Floats:
        """Time of the effect (K)."""
        return self.moments.times[self.period]

    @property
    def event_times(self) -> Floats:
        """Time since treatment began (K); negative before it."""
        return self.times - self.starts

    @property
    def is_post(self) -> Mask:
        """Effects at or after the start of treatment (K)."""
        return np.asarray(self.event_times >= 0)

    @property
    def is_reference(self) -> Mask:
        """Zero by definition (K)."""
        return np.asarray(self.period == self.base)


def group_time(
    moments: PanelMoments, comparison: str = "never", base: str = "varying",
    anticipation: float = 0.0,
) -> GroupTime:  # fmt: skip
    """Every ATT(g, t); `comparison` never | not_yet, `base` varying | universal."""
    times, cells = moments.times, moments.cells
    found: list[tuple[int, int, int]] = []
    pools: list[Mask] = []
    missing: list[tuple[int, int, str]] = []
    for cohort in targets(moments, comparison):
        start = moments.starts[cohort]
        before = np.flatnonzero(times + anticipation < start)
        if not before.size:
            missing += [
                (cohort, t, "no_pre_period") for t in range(len(times)) if times[t] >= start
            ]
            continue
        for period in range(len(times)):
            is_long = base == "universal" or times[period] >= start
            against = int(before[-1]) if is_long else period - 1
            if against < 0:
                continue
            last = max(times[period], times[against]) + anticipation
            pool = moments.untreated | ((comparison == "not_yet") & (moments.starts > last))
            # A comparison cohort counts only where it is seen in both periods.
            both = cells[:, period] * cells[:, against] > 0
            pool &= both
            pool[cohort] = False
            reason = "no_units" if not both[cohort] else None if pool.any() else "no_control"
            if reason is not None and period != against:
                missing.append((cohort, period, reason))
            else:
                found.append((cohort, period, against))
                pools.append(pool)
    index = np.array(found, dtype=np.intp).reshape(-1, 3)
    pooled = np.array(pools, dtype=bool).reshape(len(found), len(moments.starts))
    effects = _effects(moments, index, pooled)
    return GroupTime(moments, index[:, 0], index[:, 1], index[:, 2], pooled, effects,
                     tuple(missing))  # fmt: skip


def targets(moments: PanelMoments, comparison: str) -> list[int]:
    """Cohorts whose effects are estimated, in order of their start."""
    treated = np.flatnonzero(moments.treated).tolist()
    if comparison == "not_yet" and not moments.untreated.any():
        return treated[:-1]
    return list(treated)


def _effects(moments: PanelMoments, index: Ints, pools: Mask) -> LinearEffects:
    """Estimates with their loads; a pooled comparison also shifts by its cohorts' differences.

    `index` (K, 3): cohort, period, base; `pools` (K, C): the comparison cohorts.
    """
    cohort, period, base = index.T
    shape = len(index), *moments.means.shape
    estimates, loads, shifts = np.zeros(shape[0]), np.zeros(shape), np.zeros(shape)
    live = np.flatnonzero(period != base)  # the reference period stays zero
    treated, pool = cohort[live], pools[live]
    for when, sign in ((period[live], 1.0), (base[live], -1.0)):
        counts, means = moments.cells.T[when], moments.means.T[when]
        total = (counts * pool).sum(axis=1, keepdims=True)
        level = (counts * pool * means).sum(axis=1, keepdims=True) / total
        rows = np.arange(live.size)
        estimates[live] += sign * (means[rows, treated] - level[:, 0])
        load = -sign * pool / total
        shifts[live, :, when] = load * (means - level)
        load[rows, treated] = sign / counts[rows, treated]
        loads[live, :, when] = load
    if moments.is_panel:
        shifts = shifts.sum(axis=2, keepdims=True)
    return LinearEffects(estimates, loads, shifts)
