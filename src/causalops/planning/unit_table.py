# ruff: noqa: S608 - names are quoted, values are literals
"""The query that turns a project's logs into one row per unit, as an experiment would have seen it.

It repeats the rules of the dbt models for DuckDB: first exposure, whole local days, windows and
pre-periods, filters, flags, zeros for units without events, caps. Every fact is read once. Names
are quoted and values are literals: nothing that a user wrote becomes structure.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from causalops.spec.column_types import time_kind
from causalops.spec.inputs import Filter
from causalops.spec.parts import Measure, Part, Window
from causalops.spec.plan import Plan, PlannedMetric

_OPERATORS = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "in": "in"}


@dataclass(frozen=True)
class Relation:
    """A model's table in the database: its quoted name, and the type of each column."""

    name: str
    columns: Mapping[str, str]

    def kind(self, column: str) -> str:
        """date, timestamp, timestamptz or text."""
        return time_kind(self.columns.get(column, "TIMESTAMP").upper())


@dataclass(frozen=True)
class Population:
    """Which units count: those first seen from `first` to `last`, of one key or of the whole log.

    `through` is the last day of the data, `open_until` where windows without an end close.
    `is_own` means the experiment's own units: then a unit that was seen before `first` or in two
    variants is left out.
    """

    first: dt.date | None
    last: dt.date | None
    through: dt.date | None = None
    open_until: dt.date | None = None
    key: str | None = None
    is_own: bool = False


def literal(value: object) -> str:
    """Any value as one SQL text literal."""
    return "'" + str(value).replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name as one SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def utc(column: str, kind: str) -> str:
    """A user's timestamp in UTC; text may carry its own offset."""
    if kind == "timestamptz":
        return f"({column} at time zone 'UTC')"
    if kind == "text":
        text = f"cast({column} as varchar)"
        offset = "'[0-9:](Z|[+-][0-9]{2}(:?[0-9]{2})?)$'"
        return (f"case when regexp_matches({text}, {offset}) and regexp_matches({text}, ':') "
                f"then try_cast({column} as timestamptz) at time zone 'UTC' "
                f"else try_cast({column} as timestamp) end")  # fmt: skip
    return f"try_cast({column} as timestamp)"


def local_day(at: str, kind: str, zone: str) -> str:
    """The local day of a UTC timestamp; a day-grain column already is one."""
    if kind == "date" or zone == "UTC":
        return f"cast({at} as date)"
    held = f"{at} between timestamp '0002-01-01' and timestamp '9998-12-31'"
    local = f"({at} at time zone 'UTC') at time zone {literal(zone)}"
    return f"case when {held} then cast({local} as date) end"


def unit_table(
    plan: Plan, metrics: Sequence[PlannedMetric], relations: Mapping[str, Relation],
    population: Population, zone: str, units_of: Mapping[str, tuple[str, str | None]],
) -> str:  # fmt: skip
    """One row per unit: unit_id, day, cluster_id, and m<i>_<part> of every metric.

    `units_of` maps a fact to its unit column and its timestamp column (None = untimed).
    """
    facts = list(dict.fromkeys(p.measure.fact for m in metrics for p in m.parts))
    numbered = [(f"m{i}_{part.name}", part) for i, m in enumerate(metrics) for part in m.parts]
    ctes = [f"units as ({_units(plan, relations[plan.assignment_model], population, zone)})"]
    for number, fact in enumerate(facts):
        unit, stamp = units_of[fact]
        own = [(name, part) for name, part in numbered if part.measure.fact == fact]
        ctes.append(f"fact_{number} as ("
                    f"{_fact(relations[fact], unit, stamp, own, population, zone)})")  # fmt: skip
    sources = {fact: f"fact_{number}" for number, fact in enumerate(facts)}
    columns = ", ".join(f"{_value(part, f'{sources[part.measure.fact]}.{name}')} as {name}"
                        for name, part in numbered)  # fmt: skip
    joins = " ".join(f"left join {source} using (unit_id)" for source in sources.values())
    ctes.append(f"filled as (select units.*, {columns} from units {joins})")
    caps = [f"{_capped(name, metrics[int(name[1:].split('_')[0])])} as {name}"
            for name, part in numbered if part.capped]  # fmt: skip
    replaced = f" replace ({', '.join(caps)})" if caps else ""
    return f"with {', '.join(ctes)} select *{replaced} from filled"


def _units(plan: Plan, relation: Relation, population: Population, zone: str) -> str:
    assignment = plan.assignment
    unit = quoted(assignment.units[plan.unit])
    cluster = assignment.clusters.get(plan.spec.cluster or "")
    at = day = "null"
    where = [f"{unit} is not null"]
    if assignment.timestamp is not None:
        kind = relation.kind(assignment.timestamp)
        at = utc(quoted(assignment.timestamp), kind)
        day = local_day(at, kind, zone)
        at = "null" if kind == "date" else at
        start = None if population.is_own else population.first
        where += [f"{day} >= {_date(start)}"] if start else []
        where.append(f"{day} <= {_date(population.through)}")
    if population.key is not None and assignment.key is not None:
        where.append(f"cast({quoted(assignment.key)} as varchar) = {literal(population.key)}")
    having = []
    if population.last is not None:
        having.append(f"min({day}) between {_date(population.first)} and {_date(population.last)}")
    if assignment.exclude is not None:
        having.append(f"not bool_or({_is_true(quoted(assignment.exclude))})")
    if population.is_own:
        variant = f"cast({quoted(assignment.variant)} as varchar)"
        having.append(f"min({variant}) = max({variant})")
    kept = f" having {' and '.join(having)}" if having else ""
    of_cluster = f"cast({quoted(cluster)} as varchar)" if cluster else "cast(null as varchar)"
    return (f"select cast({unit} as varchar) as unit_id, cast(min({day}) as date) as day, "
            f"cast(min({at}) as timestamp) as seen_at, min({of_cluster}) as cluster_id "
            f"from {relation.name} where {' and '.join(where)} group by 1{kept}")  # fmt: skip


def _fact(
    relation: Relation, unit: str, stamp: str | None, parts: Sequence[tuple[str, Part]],
    population: Population, zone: str,
) -> str:  # fmt: skip
    source = f"from {relation.name} as source inner join units on units.unit_id = "
    source += f"cast(source.{quoted(unit)} as varchar)"
    if stamp is None or population.through is None:
        columns = ", ".join(f"{_folded(part, relation, 'true')} as {name}" for name, part in parts)
        return f"select units.unit_id, {columns} {source} group by 1"
    kind = relation.kind(stamp)
    at = utc(f"source.{quoted(stamp)}", kind)
    after = "true" if kind == "date" else f"coalesce({at} >= units.seen_at, true)"
    offset = f"date_diff('day', units.day, {local_day(at, kind, zone)})"
    open_to = f"date_diff('day', units.day, {_date(population.open_until)})"
    columns = ", ".join(f"{_folded(part, relation, _within(part))} as {name}"
                        for name, part in parts)  # fmt: skip
    events = f"select source.*, units.unit_id as unit_id_, {offset} as day_offset_, "
    events += f"{after} as is_after_, {open_to} as open_to_ {source}"
    return f"select unit_id_ as unit_id, {columns} from ({events}) as source group by 1"


def _within(part: Part) -> str:
    """Whether an event lies in the part's window."""
    window: Window = part.window
    if part.phase == "p":
        return f"day_offset_ between {-(window.pre_days or 0)} and -1"
    last = "open_to_" if window.day_to is None else str(window.day_to)
    return f"(day_offset_ between {window.day_from} and {last} and is_after_)"


def _folded(part: Part, relation: Relation, within: str) -> str:
    top = _aggregate(part.measure, relation, within)
    if part.den is None:
        return top
    return f"{top} / nullif({_aggregate(part.den, relation, within)}, 0)"


def _aggregate(measure: Measure, relation: Relation, within: str) -> str:
    passes = " and ".join([within, *(_condition(f, relation) for f in measure.filters)])
    column = f"source.{quoted(measure.value)}" if measure.value else None
    number = f"try_cast({column} as double)"
    is_number = f"coalesce(abs({number}) <= 1e75, false)"
    if measure.agg == "sum":
        return f"sum({number}) filter ({passes} and {is_number})"
    if measure.agg == "distinct":
        return f"count(distinct cast({column} as varchar)) filter ({passes})"
    if measure.agg == "any":
        flag = "1" if column is None else f"case when {number} <> 0 then 1 else 0 end"
        kept = passes if column is None else f"{passes} and {is_number}"
        return f"max({flag}) filter ({kept})"
    kept = passes if column is None else f"{passes} and {is_number}"
    return f"count(*) filter ({kept})"


def _condition(condition: Filter, relation: Relation) -> str:
    kind = relation.columns.get(condition.column)
    values = [f"try_cast({literal(v)} as {kind})" if kind else literal(v) for v in condition.values]
    listed = f"({', '.join(values)})" if condition.op == "in" else values[0]
    return f"source.{quoted(condition.column)} {_OPERATORS[condition.op]} {listed}"


def _value(part: Part, column: str) -> str:
    value = f"cast({column} as double)"
    return f"coalesce({value}, 0)" if part.missing == "zero" else value


def _capped(name: str, metric: PlannedMetric) -> str:
    """Capped at the quantile over all units, unless that is the minimum; missing stays missing."""
    quantile = f"(select quantile_cont({name}, {metric.options.winsorize}) from filled)"
    lowest = f"(select min({name}) from filled)"
    is_above = f"{name} > {quantile} and {quantile} > {lowest}"
    return f"case when {is_above} then {quantile} else {name} end"


def _is_true(column: str) -> str:
    text = f"cast({column} as varchar)"
    words = "('true', 't', 'yes', 'y')"
    return f"coalesce(lower({text}) in {words} or try_cast({text} as double) <> 0, false)"


def _date(day: dt.date | None) -> str:
    return f"date {literal(day)}" if day is not None else "cast(null as date)"
