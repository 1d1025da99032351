"""The alternatives of a difference-in-differences that a file lists by name.

Each is at least one row of `robustness:<name>`: one that cannot be computed says why.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from causalops.estimators.quasi import aggregation as ag
from causalops.estimators.quasi.did_rows import (
    TWO_WAY,
    Question,
    event_rows,
    row_of,
    simple_rows,
    without_estimate,
)
from causalops.estimators.quasi.did_sides import of_panel
from causalops.estimators.quasi.panel_problems import single
from causalops.estimators.quasi.two_way_fixed_effects import two_way_inference
from causalops.results import Row

_LEAVE_ONE_OUT = "leave_one_cohort_out"
_NAMES = ("twfe", "not_yet_treated", "universal_base", _LEAVE_ONE_OUT)


def alternatives(what: Question) -> list[Row]:
    """Rows of every listed alternative; none in a second analysis."""
    if not what.analysis.is_main:
        return []
    lone = single(what.panel.moments)
    rows: list[Row] = []
    for name in _NAMES:
        if name in what.analysis.study.alternatives:
            made = [without_estimate(what, lone)] if lone is not None else _rows(what, name)
            rows += [row | {"analysis": f"robustness:{name}"} for row in made]
    return rows


def _rows(what: Question, name: str) -> list[Row]:
    if name == "twfe":
        return [_two_way(what)]
    if name == _LEAVE_ONE_OUT:
        return _without_each_cohort(what)
    if name == "not_yet_treated":
        other = replace(what, comparison="not_yet")
        return simple_rows(other, other.group_time())
    other = replace(what, base="universal")
    found = other.group_time()
    return simple_rows(other, found) + event_rows(other, found)


def _two_way(what: Question) -> Row:
    if what.anticipation > 0:
        return without_estimate(what, "anticipation_not_modelled", TWO_WAY)
    result, kind = two_way_inference(what.panel.moments, what.analysis.alpha)
    return row_of(what, result, TWO_WAY, of_panel(what.panel.moments), kind)


def _without_each_cohort(what: Question) -> list[Row]:
    """The headline without each treated cohort, the largest change first."""
    moments = what.panel.moments
    cohorts = np.flatnonzero(moments.treated)
    rows: list[Row] = []
    for cohort in cohorts:
        kept = np.arange(len(moments.starts)) != cohort
        part = replace(what, panel=replace(what.panel, moments=moments.keep(kept),
                                           levels=what.panel.levels[kept]))  # fmt: skip
        made = [without_estimate(what, "no_treated")]
        if len(cohorts) > 1:
            made = simple_rows(part, part.group_time())
        position = int(np.searchsorted(moments.times, moments.starts[cohort]))
        period = float(what.panel.periods[position])
        rows += [row | {"parameter_name": "left_out", "parameter": period} for row in made]
    whole = ag.simple(what.group_time())
    centre = 0.0 if whole is None else float(whole.estimates[0])

    def order(row: Row) -> tuple[float, float]:
        found = row["estimate"]
        return np.inf if found is None else -abs(found - centre), row["parameter"]

    return sorted(rows, key=order)
