"""Group-sequential tests: which planned looks were taken, what they saw, what alpha they spend.

A planned look counts as taken at the first version published from its date until the day before
the next look's, else at the current one. What was known then is recomputed from the cohorts whose
window had closed by that day, so that neither the number of runs nor their days change anything.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr, ndtri

from causalops.estimators.randomised.cohorts import arms_on, grown
from causalops.estimators.randomised.contrasts import Contrast
from causalops.estimators.randomised.effects import compare, headline_method, inference_of
from causalops.estimators.randomised.inputs import Experiment, Metric, Record, day
from causalops.inference import Inference, lift_delta, unavailable
from causalops.sequential import MIN_STEP, boundaries, repeated_p, spent

if TYPE_CHECKING:
    from causalops.estimators.randomised.analysis import Tables

@dataclass(frozen=True)
class Look:
    """A planned look of one metric and variant.

    `as_of` is the day of the data it saw; None while it is not taken. `bound` is its critical
    value and `spent` the alpha spent so far; None, with a `reason`, where it could not be used.
    """

    number: int
    planned: dt.date
    as_of: dt.date | None
    reason: str | None = None
    contrast: Contrast | None = None
    information: float = 0.0
    bound: float | None = None
    spent: float | None = None


@dataclass(frozen=True)
class Course:
    """All planned looks of one metric and variant."""

    looks: tuple[Look, ...]
    spending: str
    alpha: float

    @property
    def used(self) -> tuple[Look, ...]:
        """The looks that were taken and have a boundary."""
        return tuple(look for look in self.looks if look.bound is not None)

    @property
    def is_over(self) -> bool:
        """Whether all of alpha is spent."""
        return bool(self.used) and self.used[-1].spent == self.alpha

    def repeated(self, results: Sequence[Inference]) -> float:
        """Smallest alpha at which one of the used looks rejects; `results` are theirs."""
        information = tuple(look.information for look in self.used)
        scores = [score(result) for result in results]
        return repeated_p(scores, information, self.spending, self.is_over)


def score(result: Inference) -> float | None:
    """The normal deviate with the p-value and the sign of a two-sided test."""
    if result.p_value is None or result.statistic is None:
        return None
    size = -float(ndtri(result.p_value / 2))
    return size if result.statistic >= 0 else -size


def schedule(
    planned: Sequence[dt.date], versions: Iterable[Record], as_of: dt.date
) -> tuple[Look, ...]:
    """Which planned looks were taken, and on which data; `versions` were published earlier.

    A look stays with the version that was published first, also when an earlier day is computed
    again later. Days after `as_of` are not seen.
    """
    dated = [(int(row["version"]), day(row["as_of_date"]) or dt.date.max) for row in versions]
    seen = [when for _, when in sorted(dated) if when <= as_of]
    looks = []
    for number, start in enumerate(planned, start=1):
        end = planned[number] if number < len(planned) else dt.date.max
        taken = [when for when in (*seen, as_of) if start <= when < end]
        reason = None if taken else "look_ahead" if as_of < start else "look_skipped"
        looks.append(Look(number, start, taken[0] if taken else None, reason))
    return tuple(looks)


def course(experiment: Experiment, metric: Metric, variant: str, tables: Tables) -> Course:
    """The looks of a metric and variant, with what they saw and their boundaries."""
    said: Mapping[str, Any] = experiment.sequential or {}
    spending = str(said.get("spending"))
    planned = [when for text in said.get("looks", ()) if (when := day(text)) is not None]
    looks = schedule(planned, tables.published.get(experiment.id, ()), experiment.as_of)
    arms = grown(experiment, metric, variant, tables)
    method = headline_method(experiment, metric, variant)
    seen: list[Look] = []
    for look in looks:
        if look.as_of is None:
            seen.append(look)
            continue
        found = compare([arms_on(arms, look.as_of)], metric, method)
        share = (found.variant.n + found.baseline.n) / (2 * experiment.n_planned)
        test = inference_of(found, metric.alpha)
        reason = test.reason_code if test.p_value is None else None
        seen.append(replace(look, contrast=found, information=share, reason=reason))
    return Course(_bounded(seen, spending, metric.alpha), spending, metric.alpha)


def _bounded(seen: Sequence[Look], spending: str, alpha: float) -> tuple[Look, ...]:
    """The looks with their critical values.

    A look without new information repeats the one before it; when it is the last one, what is
    left is spent there. After the planned number of units nothing is left for later looks.
    """
    looks = list(seen)
    used: list[int] = []
    is_last = False
    for index, look in enumerate(looks):
        if look.contrast is None or look.reason is not None:
            continue
        before = looks[used[-1]].information if used else 0.0
        is_final = index + 1 == len(looks)
        if before >= 1:
            looks[index] = replace(look, reason="alpha_spent")
        elif look.information < before + MIN_STEP:
            looks[index] = replace(look, reason="no_new_information")
            is_last = is_last or (is_final and bool(used))
        else:
            used.append(index)
            is_last = is_last or is_final
    information = tuple(looks[index].information for index in used)
    bounds = boundaries(information, alpha, spending, is_last)
    for position, (index, bound) in enumerate(zip(used, bounds, strict=True), start=1):
        whole = is_last and position == len(used)
        share = alpha if whole else spent(spending, looks[index].information, alpha)
        looks[index] = (
            replace(looks[index], bound=bound, spent=share)
            if math.isfinite(bound)
            else replace(looks[index], reason="no_new_information")
        )
    return tuple(looks)


def at_look(look: Look, scale: str) -> Inference:
    """Test of a look that has a boundary, with its repeated confidence interval."""
    if look.contrast is None or look.bound is None:
        return unavailable(look.reason or "no_units")
    level = 2 * float(ndtr(-look.bound))
    if scale == "absolute":
        return inference_of(look.contrast, level)
    if look.contrast.levels is None:
        return unavailable(look.contrast.reason or "no_units")
    return lift_delta(look.contrast.levels, level)


def state_of(course: Course, scale: str) -> Inference:
    """What the looks say so far, on the data of the last one that was taken.

    The interval is the repeated one of that look. p is the smallest alpha at which any look so far
    rejects, so that a boundary once reached stays reached.
    """
    results = [at_look(look, scale) for look in course.used]
    if not results:
        return unavailable("before_first_look")
    if results[-1].p_value is None:
        return results[-1]
    return replace(results[-1], p_value=course.repeated(results), reason_code=None)


def direction(course: Course) -> float:
    """Sign of the effect at the look that went farthest beyond its boundary, 0 without a look."""
    reached = [
        (abs(z) - look.bound, z)
        for look in course.used
        if look.bound is not None and (z := score(at_look(look, "absolute"))) is not None
    ]
    return float(np.sign(max(reached)[1])) if reached else 0.0
