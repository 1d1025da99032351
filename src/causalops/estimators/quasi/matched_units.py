"""From rows of a panel to units: one change, one set of covariates, one cell, before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from causalops.estimators.quasi.inputs import Analysis, Floats, Rows, Texts
from causalops.estimators.quasi.neighbours import Ints
from causalops.estimators.quasi.propensity import Bools


@dataclass(frozen=True)
class Units:
    """The n usable units of one metric.

    `change` (n) is the mean outcome after treatment minus the mean before; `earlier` (n) the
    change between the first and the last period before, None with one such period. `x` (n, k) are
    means of covariates before treatment; `cells` (n) codes the exact columns, `indicators` (n, m)
    are their values without the first of each. `cluster` (n) is None where units are the clusters.
    """

    treated: Bools
    change: Floats
    earlier: Floats | None
    x: Floats
    names: tuple[str, ...]
    cells: Ints
    indicators: Floats
    cluster: Ints | None
    n_periods: int
    counts: Counts

    def __len__(self) -> int:
        return len(self.change)

    def keep(self, rows: Bools) -> Units:
        """Only these units."""
        return replace(
            self, treated=self.treated[rows], change=self.change[rows],
            earlier=None if self.earlier is None else self.earlier[rows], x=self.x[rows],
            cells=self.cells[rows], indicators=self.indicators[rows],
            cluster=None if self.cluster is None else self.cluster[rows],
        )  # fmt: skip


@dataclass(frozen=True)
class Counts:
    """Units in the data, those without a row in every period, those with missing values."""

    n_units: int
    n_incomplete: int = 0
    n_missing: int = 0
    by_column: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """Why there are no units to compare, and how many rows or units say so."""

    reason: str
    n: int | None = None


@dataclass(frozen=True)
class _Paths:
    """Codes of unit and period (rows), who is treated (units), which periods come after."""

    unit: Ints
    period: Ints
    treated: Bools
    after: Bools


def units_of(rows: Rows, analysis: Analysis, metric: str) -> Units | Refusal:
    """Units with every period and every column; refused: no panel with a before and an after."""
    paths = _paths(rows)
    if isinstance(paths, Refusal):
        return paths
    n, width = len(paths.treated), len(paths.after)
    kept, place = paths.unit >= 0, paths.unit * width + paths.period
    twice = int(kept.sum()) - len(np.unique(place[kept]))
    if twice:
        return Refusal("duplicate_unit_periods", twice)
    flat, present = np.full(n * width, np.nan), np.zeros(n * width, dtype=bool)
    flat[place[kept]], present[place[kept]] = rows.metric(metric)[kept], True
    outcome, is_complete = flat.reshape(n, width), present.reshape(n, width).all(axis=1)
    before = kept & ~paths.after[paths.period]
    columns = {
        name: rows.numbers[role, name]
        for role in ("match", "covariate") for name in analysis.names(role)
    }  # fmt: skip
    names = tuple(columns)
    x = np.column_stack([_means(values, paths.unit, before, n) for values in columns.values()])
    last = np.zeros(n, dtype=np.int64)
    order = np.flatnonzero(before)[np.argsort(paths.period[before], kind="stable")]
    last[paths.unit[order]] = order
    labels = [column[last] for column in rows.labels]
    clusters = rows.cluster[last]
    is_clustered = analysis.settings.get("cluster") not in (None, analysis.settings.get("unit"))
    lacking = {
        metric: ~np.isfinite(outcome).all(axis=1) & is_complete,
        **{name: ~np.isfinite(values) for name, values in zip(names, x.T, strict=True)},
        **{name: _empty(values)
           for name, values in zip(analysis.settings.get("exact") or (), labels, strict=True)},
    }  # fmt: skip
    if is_clustered:
        lacking[analysis.settings["cluster"]] = _empty(clusters)
    gaps = {name: missing & is_complete for name, missing in lacking.items()}
    is_missing = np.logical_or.reduce(list(gaps.values()))
    by_column = {name: int(gap.sum()) for name, gap in gaps.items() if gap.any()}
    counts = Counts(n, int((~is_complete).sum()), int(is_missing.sum()), by_column)
    usable = is_complete & ~is_missing
    if not usable.any():
        return Refusal("unbalanced_panel" if not is_complete.any() else "no_units", n)
    labels = [column[usable] for column in labels]
    after, history = outcome[:, paths.after][usable], outcome[:, ~paths.after][usable]
    found = Units(
        treated=paths.treated[usable],
        change=after.mean(axis=1) - history.mean(axis=1),
        earlier=history[:, -1] - history[:, 0] if history.shape[1] > 1 else None,
        x=x[usable], names=names,
        cells=_cells(labels, int(usable.sum())), indicators=_indicators(labels, int(usable.sum())),
        cluster=_codes(clusters[usable]) if is_clustered else None,
        n_periods=width, counts=counts,
    )  # fmt: skip
    arms = found.treated.any(), (~found.treated).any()
    return found if all(arms) else Refusal("no_control" if arms[0] else "no_treated")


def _paths(rows: Rows) -> _Paths | Refusal:
    """Who is treated since when, from one column or from two."""
    treated, post = rows.role("treated"), rows.role("post")
    is_timed = post is None or np.isfinite(rows.period).any()
    moment = rows.period if is_timed or post is None else post
    placed = np.array([unit is not None for unit in rows.unit], dtype=bool) & np.isfinite(moment)
    if treated is not None and post is not None:
        placed &= np.isfinite(treated) & np.isfinite(post)
        if not (np.isin(treated[placed], (0, 1)).all() and np.isin(post[placed], (0, 1)).all()):
            return Refusal("not_binary")
    if not placed.any():
        return Refusal("no_units")
    unit = np.full(len(rows), -1, dtype=np.int64)
    unit[placed] = _codes(rows.unit[placed])
    moments, period = np.unique(np.where(placed, moment, moment[placed][0]), return_inverse=True)
    n = int(unit.max()) + 1
    if treated is None or post is None:
        return _since(rows.treated_from, moments, unit, period, n)
    return _group(treated > 0, post > 0, unit, period, n, len(moments))


def _since(
    since: Floats, moments: Floats, unit: Ints, period: Ints, n: int
) -> _Paths | Refusal:  # fmt: skip
    placed = unit >= 0
    start = np.where(np.isfinite(since), since, np.inf)
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(low, unit[placed], start[placed])
    np.maximum.at(high, unit[placed], start[placed])
    if (low != high).any():
        return Refusal("treatment_switches_off", int((low != high).sum()))
    starts = np.unique(low[np.isfinite(low) & (low <= moments[-1])])
    if not len(starts):
        return Refusal("no_treated")
    if len(starts) > 1:
        return Refusal("several_cohorts", len(starts))
    if starts[0] <= moments[0]:
        return Refusal("no_pre_period")
    return _Paths(unit, period, low == starts[0], moments >= starts[0])


def _group(
    treated: Bools, post: Bools, unit: Ints, period: Ints, n: int, width: int
) -> _Paths | Refusal:  # fmt: skip
    """A treated group and a time after; `treated` may also be on only while it lasts."""
    placed = unit >= 0
    after = np.zeros(width, dtype=bool)
    after[period[placed & post]] = True
    if (after[period] != post)[placed].any():
        return Refusal("several_cohorts", int((after[period] != post)[placed].sum()))
    ever = np.zeros(n, dtype=bool)
    ever[unit[placed & treated]] = True
    expected = ever[unit] if (treated & ~post & placed).any() else ever[unit] & post
    odd = placed & (treated != expected)
    if odd.any():
        return Refusal("treatment_switches_off", len(np.unique(unit[odd])))
    if after.all():
        return Refusal("no_pre_period")
    if not after.any() or not ever.any():
        return Refusal("no_treated")
    return _Paths(unit, period, ever, after)


def _means(values: Floats, unit: Ints, rows: Bools, n: int) -> Floats:
    """Mean of each unit's finite values in these rows; NaN without any."""
    used = rows & np.isfinite(values)
    count = np.bincount(unit[used], minlength=n)
    centre = values[used].mean() if used.any() else 0.0
    total = np.bincount(unit[used], values[used] - centre, minlength=n)
    found: Floats = np.where(count > 0, total / np.maximum(count, 1) + centre, np.nan)
    return found


def _empty(values: Texts) -> Bools:
    return np.array([value is None for value in values], dtype=bool)


def _codes(values: Texts) -> Ints:
    found: Ints = np.unique(values.astype(str), return_inverse=True)[1].astype(np.int64)
    return found


def _cells(labels: list[Texts], n: int) -> Ints:
    """One code per combination of values."""
    found = np.zeros(n, dtype=np.int64)
    for column in labels:
        found = found * (n + 1) + _codes(column)
        found = np.unique(found, return_inverse=True)[1].astype(np.int64)
    return found


def _indicators(labels: list[Texts], n: int) -> Floats:
    """An indicator of each value but the first, column by column."""
    parts = [np.zeros((n, 0))]
    for column in labels:
        codes = _codes(column)
        parts.append((codes[:, None] == np.arange(1, codes.max(initial=0) + 1)).astype(float))
    return np.column_stack(parts)
