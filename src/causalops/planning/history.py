# ruff: noqa: S608 - names are quoted, values are literals or parameters
"""What a project's own logs say about the units of an experiment: variances, clusters, arrivals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from causalops.estimators.randomised.cluster_totals import Totals, complete, totals
from causalops.estimators.randomised.clusters import linear
from causalops.estimators.randomised.contrasts import Contrast, contrast
from causalops.moments import Block, from_pairs
from causalops.planning.design import Outcome, PlanningError
from causalops.planning.unit_table import Population, Relation, local_day, quoted, unit_table, utc
from causalops.spec.plan import Plan, PlannedMetric
from causalops.spec.project import Project

RECENT_DAYS = 7
MIN_UNITS = 100
_TABLE = "causalops_history"


@dataclass(frozen=True)
class MetricHistory:
    """One metric per unit; `note` says why there is no outcome."""

    name: str
    outcome: Outcome | None
    note: str | None = None


@dataclass(frozen=True)
class History:
    """Units by day of arrival in the period, and each metric over its whole window."""

    population: Population
    arrivals: tuple[int, ...]
    n: int
    cluster_size: float
    metrics: tuple[MetricHistory, ...]

    def units_after(self, days: float) -> float:
        """Units after so many days: as in the period, then at the rate of its last week."""
        if not self.arrivals:
            return float(self.n)
        known = min(int(days), len(self.arrivals))
        return sum(self.arrivals[:known]) + self.rate * max(days - len(self.arrivals), 0.0)

    @property
    def rate(self) -> float:
        """New units per day at the end of the period."""
        recent = self.arrivals[-RECENT_DAYS:]
        return sum(recent) / len(recent) if recent else 0.0

    def days_for(self, units: float) -> int | None:
        """Days until so many units have arrived; None when they never do."""
        total = 0.0
        for day, new in enumerate(self.arrivals, start=1):
            total += new
            if total >= units:
                return day
        if not self.rate:
            return None
        return len(self.arrivals) + int(np.ceil((units - total) / self.rate))


def read_history(
    connection: Any, project: Project, plan: Plan, relations: Mapping[str, Relation],
    *, before: dt.date, days: int | None = None, key: str | None = None,
) -> History:  # fmt: skip
    """The history of `plan`'s units in an open DuckDB connection; nothing is written to the file.

    The period ends where every window is closed before `before`. Units are the experiment's own
    when enough of them count, else all of the assignment log (or those of `key`), in a period of
    `days`. Raises PlanningError when there are too few.
    """
    metrics = [m for m in plan.metrics if m.analysis == "main"]
    usable = [m for m in metrics if m.type != "quantile"]
    zone = project.settings.timezone
    last = _last_day(connection, project, plan, relations, before)
    units_of = {
        fact: (declared.units[plan.unit], declared.timestamp)
        for fact in plan.facts
        if (declared := project.catalogue.inputs[fact].fact) is not None
    }
    for population in _populations(plan, usable, last, days, key):
        sql = unit_table(plan, usable, relations, population, zone, units_of)
        connection.execute(f"create or replace temp table {_TABLE} as {sql}")
        [(n, size)] = connection.execute(
            f"select count(*), count(*) / nullif(count(distinct cluster_id), 0) from {_TABLE}"
        ).fetchall()
        if n >= MIN_UNITS:
            break
    else:
        raise PlanningError(_too_few(n, population))
    found = {m.name: _metric(connection, index, m, plan) for index, m in enumerate(usable)}
    told = "power of quantiles is not offered: plan with the mean, or by simulation"
    return History(
        population, _arrivals(connection, population), n, float(size or 1.0),
        tuple(found.get(m.name, MetricHistory(m.name, None, told)) for m in metrics),
    )  # fmt: skip


def _last_day(
    connection: Any, project: Project, plan: Plan, relations: Mapping[str, Relation],
    before: dt.date,
) -> dt.date | None:  # fmt: skip
    """The last day on which every timed input has rows, before `before`; None without any time."""
    stamps = {plan.assignment_model: plan.assignment.timestamp}
    for fact in plan.facts:
        declared = project.catalogue.inputs[fact].fact
        if declared is not None and not declared.sparse:
            stamps.setdefault(fact, declared.timestamp)
    found: list[dt.date] = []
    for model, stamp in stamps.items():
        if stamp is None:
            continue
        day = _day_of(relations[model], stamp, project.settings.timezone)
        [(last,)] = connection.execute(
            f"select max({day}) from {relations[model].name} where {day} < ?",
            [before],
        ).fetchall()
        if last is None:
            raise PlanningError(f"model {model} has no rows before {before}")
        found.append(last)
    return min(found, default=None)


def _populations(
    plan: Plan, metrics: Sequence[PlannedMetric], last: dt.date | None, days: int | None,
    key: str | None,
) -> list[Population]:  # fmt: skip
    """The units to learn from, and the days on which they were first seen; the best ones first.

    Only the built table tells whether they are enough: exclusions, crossovers and units that the
    log knew before the start do not count.
    """
    if last is None or plan.assignment.timestamp is None:
        return [Population(None, None, key=key)]
    longest = dt.timedelta(days=max((m.mature_days or 0 for m in metrics), default=0))
    closed = last - longest
    start, end = plan.spec.start, plan.spec.end
    own: list[Population] = []
    if start is not None and key is None and plan.spec.status != "draft":
        until = min(closed, end or closed)
        as_of = min(last, end + longest) if end is not None else last
        if start <= until:
            own.append(Population(start, until, as_of, end or as_of, plan.assignment_key,
                                  is_own=True))  # fmt: skip
    if start is not None and start <= last:  # what was planned to start is no history
        closed -= last - (start - dt.timedelta(days=1))
        last = start - dt.timedelta(days=1)
    span = days or ((end - start).days + 1 if start and end else 28)
    return [*own, Population(closed - dt.timedelta(days=span - 1), closed, last, last, key)]


def _too_few(n: int, population: Population) -> str:
    """Says what would find more units, and nothing that would not."""
    ways = ["a longer period with --days"] if population.first is not None else []
    ways += ["another key with --like, or none"] if population.key is not None else []
    period = f" for the period {population.first} to {population.last}" if population.first else ""
    name = f"Name {', '.join(ways)}, or describe" if ways else "Describe"
    return (f"the log holds {n} units{period}; planning needs {MIN_UNITS}. {name} the metric "
            "with --mean and --sd, or --rate, instead of --experiment or --metric")  # fmt: skip


def _day_of(relation: Relation, column: str, zone: str) -> str:
    kind = relation.kind(column)
    return local_day(utc(quoted(column), kind), kind, zone)


def _arrivals(connection: Any, population: Population) -> tuple[int, ...]:
    if population.first is None or population.last is None:
        return ()
    rows = connection.execute(f"select day, count(*) from {_TABLE} group by day")
    counts = dict(rows.fetchall())
    days = (population.last - population.first).days + 1
    return tuple(counts.get(population.first + dt.timedelta(days=k), 0) for k in range(days))


def _metric(connection: Any, index: int, metric: PlannedMetric, plan: Plan) -> MetricHistory:
    names = [part.name for part in metric.parts]
    block = _block(connection, index, names)
    is_ratio = metric.type == "ratio"
    plain = contrast([(block, block)], ratio=is_ratio)
    if plain.reason is not None or not plain.variance or plain.variant.mean is None:
        return MetricHistory(metric.name, None, "the metric does not vary among these units")
    adjusted = plain
    if metric.covariates:
        adjusted = contrast([(block, block)], ratio=is_ratio, method="cuped",
                            names=metric.covariates)  # fmt: skip
    kept = (adjusted.variance or plain.variance) / plain.variance
    return MetricHistory(metric.name, Outcome(
        mean=plain.variant.mean,
        variance=plain.variance * block.size / 2,
        is_rate=metric.type in ("proportion", "retention"),
        kept=min(kept, 1.0),
        inflation=_inflation(connection, index, names, adjusted, float(block.size))
        if plan.spec.cluster in plan.assignment.clusters else 1.0,
    ))  # fmt: skip


def _block(connection: Any, index: int, names: Sequence[str]) -> Block:
    """Moments of the metric's parts; units without the outcome or its denominator are left out."""
    needed = " and ".join(f"m{index}_{name} is not null" for name in names if name in ("y", "z"))
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i:]]
    columns = ", ".join(
        f"regr_count({x}, {y}), regr_avgy({x}, {y}), regr_avgx({x}, {y}), regr_sxy({x}, {y})"
        for x, y in ((f"m{index}_{a}", f"m{index}_{b}") for a, b in pairs)
    )
    row = connection.execute(f"select {columns} from {_TABLE} where {needed}").fetchone()
    return from_pairs(
        {"a": a, "b": b, "n": row[4 * k], "mean_a": row[4 * k + 1], "mean_b": row[4 * k + 2],
         "c_ab": row[4 * k + 3]}
        for k, (a, b) in enumerate(pairs)
    )  # fmt: skip


def _inflation(
    connection: Any, index: int, names: Sequence[str], found: Contrast, n: float
) -> float:
    """Design effect: the variance by clusters over that by units, both after adjustment."""
    needed = " and ".join(f"m{index}_{name} is not null" for name in names if name in ("y", "z"))
    columns = ", ".join(
        f"coalesce(sum(m{index}_{name}), 0), count(m{index}_{name})" for name in names
    )
    cursor = connection.execute(
        f"select cluster_id, count(*), {columns} from {_TABLE} "
        f"where {needed} and cluster_id is not null group by cluster_id"
    )
    table = list(zip(*cursor.fetchall(), strict=True))
    if not table or len(table[0]) < 2 or not found.loadings or not found.variance:
        return 1.0
    parts: dict[str, Any] = {}
    for k, name in enumerate(names):
        parts[name], present = table[2 + 2 * k], table[3 + 2 * k]
        if present != table[1]:
            parts["n_" + name] = present
    arm: Totals = complete(totals(table[0], table[1], parts), found.centres)
    loads = {part: (of[0] - of[1],) for part, of in found.loadings[0].items()}
    square = float(linear(arm, loads).square.sum())
    clusters, units = len(table[0]), float(sum(table[1]))
    # One arm's variance by clusters is square / units²; by units it is half of the contrast's.
    return square * clusters / (clusters - 1) / units**2 / (found.variance / 2 * n / units)
