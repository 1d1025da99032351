"""One treated unit against a weighted average of untreated ones (Abadie & Gardeazabal 2003;
Abadie, Diamond & Hainmueller 2010), on pre-period outcomes alone.

One treated unit gives no standard error. The treated unit is ranked among the donors, each taken
as if it had been treated: p is its rank by post over pre root mean squared prediction error
(RMSPE), and never below 1 / (donors + 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from causalops.estimators.quasi.convex_weights import convex_weights
from causalops.moments import Floats

MIN_DONORS = 2
MIN_BEFORE = 3
PERFECT = 1e-9  # pre RMSPE as a share of the outcome's size: nothing is left to compare with
TIED = 1e-9


@dataclass(frozen=True)
class Panel:
    """Outcomes (periods, units) of one treated unit and its donors, complete and in time order.

    `start` is the index of the first treated period. Donors are never treated.
    """

    treated: Floats
    donors: Floats
    names: tuple[str, ...]
    start: int

    @property
    def problem(self) -> str | None:
        """Why nothing can be estimated, as a reason code."""
        if len(self.names) < MIN_DONORS:
            return "too_few_donors"
        if self.start == 0:
            return "no_pre_period"
        if self.start < MIN_BEFORE or self.start >= len(self.treated):
            return "insufficient_data"
        finite = np.isfinite(self.treated).all() and np.isfinite(self.donors).all()
        return None if finite else "not_finite"

    def ordered(self) -> Panel:
        """The same panel with its donors in the order of their names."""
        order = sorted(range(len(self.names)), key=self.names.__getitem__)
        names = tuple(self.names[index] for index in order)
        return Panel(self.treated, self.donors[:, order], names, self.start)

    def without(self, name: str) -> Panel:
        """The panel without one donor."""
        keep = [index for index, other in enumerate(self.names) if other != name]
        names = tuple(self.names[index] for index in keep)
        return Panel(self.treated, self.donors[:, keep], names, self.start)

    def as_treated(self, name: str) -> Panel:
        """A donor in the place of the treated unit, which is left out."""
        rest = self.without(name)
        return Panel(self.donors[:, self.names.index(name)], rest.donors, rest.names, self.start)

    def moved(self, start: int) -> Panel:
        """The periods before the treatment, as if it had come at index `start` already."""
        end = self.start
        return Panel(self.treated[:end], self.donors[:end], self.names, start)


@dataclass(frozen=True)
class Fit:
    """The treated unit, its synthetic control, and the gap between them, by period."""

    names: tuple[str, ...]
    weights: Floats
    is_unique: bool
    synthetic: Floats
    gap: Floats
    start: int
    size: float  # of the outcome, for what counts as a perfect fit

    @property
    def pre_rmspe(self) -> float:
        return _rms(self.gap[: self.start])

    @property
    def post_rmspe(self) -> float:
        return _rms(self.gap[self.start :])

    @property
    def mean_gap(self) -> float:
        """The average effect over the treated periods."""
        return float(self.gap[self.start :].mean())

    @property
    def level(self) -> float:
        """The synthetic control's average over the treated periods."""
        return float(self.synthetic[self.start :].mean())

    @property
    def is_perfect(self) -> bool:
        """Whether the pre-period is fitted to rounding: the ratio then compares nothing."""
        return self.pre_rmspe <= PERFECT * self.size

    @property
    def ratio(self) -> float:
        """Post over pre RMSPE; infinite where the pre-period is fitted perfectly."""
        return math.inf if self.is_perfect else self.post_rmspe / self.pre_rmspe


@dataclass(frozen=True)
class Rank:
    """Place of the treated unit among itself and the placebos, the largest ratio first."""

    rank: int
    units: int

    @property
    def p_value(self) -> float:
        return self.rank / self.units

    @property
    def floor(self) -> float:
        """The smallest p that so few units can give."""
        return 1 / self.units


@dataclass(frozen=True)
class GapSet:
    """Constant effects that the ranking does not reject: interval, whole_line or empty."""

    shape: str
    low: float | None = None
    high: float | None = None


def fit(panel: Panel) -> Fit | None:
    """The synthetic control of a panel without a problem; None if the solver gives up."""
    panel = panel.ordered()
    found = convex_weights(panel.donors[: panel.start], panel.treated[: panel.start])
    if found is None:
        return None
    synthetic = panel.donors @ found.values
    size = float(max(np.abs(panel.treated).max(), np.abs(panel.donors).max()))
    return Fit(panel.names, found.values, found.is_unique, synthetic, panel.treated - synthetic,
               panel.start, size)  # fmt: skip


def placebos(panel: Panel) -> dict[str, Fit]:
    """Every donor fitted by the other donors, by name; none where a single donor would be left."""
    if len(panel.names) <= MIN_DONORS:
        return {}
    found = {name: fit(panel.as_treated(name)) for name in sorted(panel.names)}
    return {name: one for name, one in found.items() if one is not None}


def rank(main: Fit, others: Sequence[Fit], limit: float = math.inf) -> Rank | None:
    """Rank p of the treated unit; ties count against it. None without placebos or where its
    pre-period is fitted perfectly.

    `limit` leaves out placebos whose pre-period mean squared error exceeds that many times the
    treated unit's (20, 5 and 2 in Abadie, Diamond & Hainmueller 2010).
    """
    kept = [one for one in others if one.pre_rmspe**2 <= limit * main.pre_rmspe**2]
    if not kept or main.is_perfect:
        return None
    as_large = sum(one.ratio >= main.ratio * (1 - TIED) for one in kept)
    return Rank(1 + as_large, 1 + len(kept))


def gap_set(main: Fit, others: Sequence[Fit], alpha: float) -> GapSet | None:
    """Constant effects c whose removal from the treated periods leaves p above alpha (Firpo &
    Possebom 2018). With gaps g the ratio is below a bound R where mean((g - c)²) <= R² pre²."""
    if not others or main.is_perfect:
        return None
    allowed = math.floor(alpha * (len(others) + 1) + TIED)
    if allowed == 0:
        return GapSet("whole_line")
    bound = sorted((one.ratio for one in others), reverse=True)[allowed - 1] * (1 + TIED)
    if math.isinf(bound):
        return GapSet("whole_line")
    after = main.gap[main.start :]
    reach = (bound * main.pre_rmspe) ** 2 - float(np.var(after))
    if reach < 0:
        return GapSet("empty")
    half = math.sqrt(reach)
    return GapSet("interval", main.mean_gap - half, main.mean_gap + half)


def leave_one_out(panel: Panel, main: Fit) -> dict[str, Fit]:
    """The fit without each donor that has a weight, by the donor's name."""
    if len(panel.names) <= MIN_DONORS:
        return {}
    used = [name for name, weight in zip(main.names, main.weights, strict=True) if weight > 0]
    found = {name: fit(panel.without(name)) for name in used}
    return {name: one for name, one in found.items() if one is not None}


def earlier_start(panel: Panel) -> int | None:
    """Where an in-time placebo puts the treatment: two thirds into the pre-period.

    None where less than three periods would be left to fit, or one to look at.
    """
    start = 2 * panel.start // 3
    return start if start >= MIN_BEFORE and panel.start - start >= 1 else None


def difference_in_differences(panel: Panel) -> float:
    """The plain change of the treated unit less the average change of all donors."""
    def change(values: Floats) -> float:
        return float(values[panel.start :].mean() - values[: panel.start].mean())

    return change(panel.treated) - change(panel.donors.mean(axis=1))


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))
