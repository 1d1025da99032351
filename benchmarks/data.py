"""The rows of the benchmarks, drawn by hashing in DuckDB: the same rows for the same scale.

60 days, 20 overlapping experiments of two arms. `events` is one fact: its units differ in activity
with a heavy tail, and its rows come in order of time. `exposures` is one log: every experiment
exposes 60 % of the units between its start and the last day, early days more than late ones, with
1.5 rows per unit; 0.1 % of the repeated rows name the other arm. The treatment of `exp_01` adds 5 %
to revenue.
"""

from __future__ import annotations

import datetime as dt
import zlib
from dataclasses import dataclass
from pathlib import Path

import duckdb

BUILD = Path(__file__).resolve().parents[1] / "build" / "bench"
DAYS = 60
FIRST_DAY = dt.date(2025, 1, 1)
METRICS = ("revenue", "orders", "conversion", "duration")


@dataclass(frozen=True)
class Scale:
    """How many rows of each kind."""

    units: int
    events: int
    experiments: int = 20


SCALES = {
    "XS": Scale(2_000, 20_000),
    "S": Scale(1_000_000, 10_000_000),
    "M": Scale(5_000_000, 50_000_000),
    "L": Scale(20_000_000, 200_000_000, experiments=3),
}
MACROS = f"""
create temp macro uniform(a, b) as hash(hash(a, b)) / 18446744073709551616.0;
create temp macro at_day(day) as
    timestamp '{FIRST_DAY}' + to_microseconds(cast(86400000000 * day as bigint));
create temp macro start_day(k) as 15 + k % 5;
create temp macro exposed_at(unit, k) as
    at_day(start_day(k) + ({DAYS} - start_day(k)) * uniform(unit, k) ** 2);
create temp macro is_exposed(unit, k) as uniform(unit, 100 + k) < 0.6;
create temp macro is_treated(unit, k) as uniform(unit, 200 + k) < 0.5;
create temp macro lift(unit, moment) as
    case when is_exposed(unit, 1) and is_treated(unit, 1) and moment >= exposed_at(unit, 1)
        then 1.05 else 1.0 end;
"""
EXPOSURES = """
create table exposures as
select
    'exp_' || lpad(cast(k as varchar), 2, '0') as experiment,
    unit as unit_id,
    case when is_treated(unit, k) <> (repeat > 0 and uniform(unit, 500 + 10 * k + repeat) < 0.001)
        then 'treatment' else 'control' end as variant,
    exposed_at(unit, k) + to_seconds(repeat * 86400 * uniform(unit, 300 + k)) as ts
from range(1, {experiments} + 1) as experiments(k), range({units}) as units(unit),
    (values (0, 1.0), (1, 0.4), (2, 0.1)) as repeats(repeat, share)
where is_exposed(unit, k) and uniform(unit, 400 + k) < share and ts < at_day({days})
order by ts;
"""
EVENTS = """
create table events as
select
    unit as unit_id,
    ts,
    is_order,
    case when is_order
        then round(-20 * ln(1 - uniform(i, 3)) * (0.5 + uniform(unit, 0)) * lift(unit, ts), 2)
        else 0 end as revenue,
    round(-60 * ln(1 - uniform(i, 4)), 1) as duration
from (
    select
        i,
        cast(floor({units} * uniform(i, 1) ** 1.5) as bigint) * 7919 % {units} as unit,
        at_day(i * {days} / {events}) as ts,
        uniform(i, 2) < 0.1 as is_order
    from range({events}) as events(i)
);
"""


def dataset(scale: str, folder: Path = BUILD) -> Path:
    """The DuckDB file of a scale, drawn when it is not there yet."""
    size = SCALES[scale]
    text = MACROS + (EXPOSURES + EVENTS).format(**vars(size), days=DAYS)
    path = folder / f"{scale}-{zlib.crc32(text.encode()):08x}.duckdb"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        with duckdb.connect(str(unfinished)) as connection:
            connection.execute(text)
        unfinished.rename(path)
    return path


def opened(path: Path) -> duckdb.DuckDBPyConnection:
    """A session with room for views over the rows, which stay read-only."""
    connection = duckdb.connect()
    connection.execute(f"attach '{path}' as data (read_only)")
    connection.execute("set search_path = 'memory.main,data.main'")
    return connection
