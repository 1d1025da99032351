"""Tables kept by day: daily runs over rows that arrive late publish what one build publishes.

One project is lived through. Every row arrives within the look-back in an order drawn by a seed;
on the way a run fails and a day loses its rows. Then rows come too late, a settled day is purged,
an experiment goes, another one with a new metric comes, and a full refresh reads all again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import arriving_shop as shop
import duckdb
import pandas as pd
import pytest
from harness import Project
from sameness import assert_same_numbers

SEED = 20250303
RUN_DAYS = ("2025-03-06", "2025-03-07", "2025-03-08", "2025-03-15")
FAILING_DAY, RETRACTING_DAY = "2025-03-07", "2025-03-08"
RETRACTED_DAY = "2025-03-07"
LATE_DAY, PURGED_DAY = "2025-03-04", "2025-03-03"
STATE = {
    "exposures": "experiment_exposure_days",
    "fact": "experiment_fact_days",
    "first_days": "experiment_first_days",
}
# Only what these experiments need; the first run of a database builds all models.
NEEDED = (
    *("-s", "flags", "orders", "visits", "causalops.registry", "causalops.exposures"),
    *("causalops.values", "causalops.moments", "srm", "ab_test"),
    *("experiment_results", "experiment_versions"),
)
UNREAD = (
    "select input_model, assignment_key, cast(day as varchar), n_unread_rows "
    "from experiment_clock where n_unread_rows <> 0 order by all"
)
DATA_CHECKS = "check_name not in ('late_rows', 'unread_rows', 'protocol_change')"
"""The checks that speak of the data alone, not of the versions before."""


def settle(project: Project) -> None:
    """Write what the last command left in the log beside the database into the database."""
    with duckdb.connect(str(project.database)) as connection:
        connection.execute("checkpoint")


def snapshot(project: Project, name: str) -> Project:
    """The database as it is now, to be queried later."""
    settle(project)
    kept = Project(project.root / name, project.settings)
    kept.root.mkdir()
    shutil.copy(project.database, kept.database)
    return kept


def fresh(project: Project, name: str) -> Project:
    """What one build of the project's present inputs writes; the project's database stays."""
    settle(project)
    aside = project.database.with_suffix(".aside")
    project.database.rename(aside)
    project.dbt("run")
    built = snapshot(project, name)
    aside.replace(project.database)
    return built


def breaks_once_exposures_are_in(project: Project, day: str) -> str:
    """Visits that raise as soon as the exposures of `day` are kept: the run fails midway."""
    path = project.root / "data" / "visits.parquet"
    return (
        f"select * from read_parquet('{path}') as rows where case when exists "
        f"(select 1 from main_causalops.experiment_exposure_days where day >= '{day}') "
        "then error('down ' || user_id) is null else true end"
    )


def tamper(database: Path) -> None:
    """Mark settled rows of alpha, so that reading them again would show."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("set search_path = 'main_causalops'")
        connection.execute(
            "update experiment_exposure_days set seg_1 = 'marked' "
            f"where experiment_id = 'alpha' and day = '{LATE_DAY}'"
        )
        connection.execute(
            f"update experiment_fact_days set n_nonfinite = 77 where day = '{LATE_DAY}' "
            "and source_key in (select source_key from experiment_sources "
            "where kind = 'fact' and input_model = 'orders')"
        )


@pytest.fixture(scope="module")
def life(new_project: Callable[..., Project]) -> dict[str, Project]:
    """The database after every step, in the order in which they happen."""
    steps: dict[str, Project] = {}
    project = new_project("daily", **shop.SETTINGS)
    for name in ("alpha", "beta"):
        project.experiment(name, shop.EXPERIMENTS[name])
    tables = shop.log(SEED)
    for day in RUN_DAYS:
        if day == RETRACTING_DAY:
            visits = tables["visits"]
            tables["visits"] = visits[visits["day"] != RETRACTED_DAY]
        shop.add_inputs(project, shop.on(tables, day))
        if day == FAILING_DAY:
            project.table("visits", breaks_once_exposures_are_in(project, day))
            project.dbt("run", *NEEDED, fails=True)
            steps["failed"] = snapshot(project, "failed")
            shop.add_inputs(project, shop.on(tables, day))
        project.dbt("run", *(NEEDED if day != RUN_DAYS[0] else ()))
        steps[day] = snapshot(project, day)
    steps["replayed"] = steps[day]
    steps["built"] = fresh(project, "built")

    project.dbt("run", *NEEDED)
    steps["unchanged"] = snapshot(project, "unchanged")

    tables = too_late(tables)
    shop.add_inputs(project, tables)
    project.dbt("run", *NEEDED)
    steps["too_late"] = snapshot(project, "too_late")

    shop.add_inputs(project, tables, with_pages=True)
    (project.root / "models" / "experiments" / "beta.sql").unlink()
    project.experiment("gamma", shop.EXPERIMENTS["gamma"])
    tamper(project.database)
    project.dbt("run", *NEEDED, "--vars", json.dumps({"causalops_only": ["gamma"]}))
    steps["gamma_only"] = snapshot(project, "gamma_only")
    # Alpha is computed again, over the same rows.
    project.experiment("alpha", shop.EXPERIMENTS["alpha"] + "alpha: 0.1\n")
    project.dbt("run", *NEEDED)
    steps["gamma_added"] = snapshot(project, "gamma_added")

    project.dbt("run", *NEEDED, "--full-refresh")
    steps["refreshed"] = snapshot(project, "refreshed")
    return steps


def too_late(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Forty exposures and orders more of a day long settled; no orders of another one any more."""
    flags, orders = tables["flags"], tables["orders"]
    late = pd.Timestamp(f"{LATE_DAY} 12:00")
    more = flags[flags["flag"] == "alpha"].head(40)
    more = more.assign(seen_at=late, user_id="new" + more["user_id"], day=late.normalize())
    gamma = more.assign(flag="gamma")
    again = orders.head(40).assign(ordered_at=late, day=late.normalize())
    kept = orders[orders["day"] != PURGED_DAY]
    return {
        "flags": pd.concat([flags, more, gamma], ignore_index=True),
        "orders": pd.concat([kept, again], ignore_index=True),
        "visits": tables["visits"],
    }


def state(project: Project, kind: str, columns: str = "*") -> pd.DataFrame:
    """The rows of one table kept by day."""
    return project.query(f"select {columns} from {STATE[kind]} order by all")


def keys(project: Project, kind: str) -> set[int]:
    return {key for (key,) in project.rows(f"select distinct source_key from {STATE[kind]}")}


def sources(project: Project, kind: str, where: str) -> set[int]:
    found = project.rows(
        f"select source_key from experiment_sources where kind = '{kind}' and {where}"
    )
    return {key for (key,) in found}


def assert_same_table(one: Project, other: Project, name: str) -> None:
    """Texts, days and counts equal; floats within 1e-12 of their size, or the rounding of sums."""
    query = f"select * from {name} order by all"
    frames = [project.query(query) for project in (one, other)]
    assert len(frames[0]), name
    pd.testing.assert_frame_equal(*(frame.select_dtypes(exclude="float") for frame in frames))
    for column in frames[0].select_dtypes("float"):
        left, right = (frame[column] for frame in frames)
        # A third moment of one unit is zero up to the rounding of the cubes it is made of.
        rounding = 1e-15 * left.abs().max() if column == "m3" else 0.0
        pd.testing.assert_series_equal(left, right, rtol=1e-12, atol=rounding)


@pytest.mark.parametrize(
    "table",
    [
        *STATE.values(),
        "experiment_exposures",
        "experiment_exposure_counts",
        "experiment_unit_values",
        "experiment_offset_moments",
        "experiment_moments",
    ],
)
def test_daily_runs_hold_what_one_build_holds(life: dict[str, Project], table: str) -> None:
    assert_same_table(life["replayed"], life["built"], table)


def test_daily_runs_publish_what_one_build_publishes(life: dict[str, Project]) -> None:
    replayed = life["replayed"]
    assert replayed.rows("select max(version) >= 4 from experiment_versions") == [(True,)]
    assert_same_numbers(replayed, life["built"], checks=DATA_CHECKS, unlike=("version",))


def test_the_shop_holds_what_makes_days_hard_to_add_up(life: dict[str, Project]) -> None:
    """Without it the equality above says little."""
    replayed = life["replayed"]
    [(n, n_crossovers)] = replayed.rows(
        "select count(*), count(*) filter (is_crossover) from experiment_exposures"
    )
    assert 8 <= n_crossovers < n / 4
    # First exposures that an earlier run took for later ones, as their rows had not come yet.
    life_before = life["2025-03-08"].query("select * from experiment_exposures")
    both = life_before.merge(
        replayed.query("select * from experiment_exposures"), on=["experiment_id", "unit_id"]
    )
    assert (both["exposed_at_y"] < both["exposed_at_x"]).any()
    assert not (both["exposed_at_y"] > both["exposed_at_x"]).any()


def test_a_run_that_fails_midway_keeps_what_it_read(life: dict[str, Project]) -> None:
    """Exposures of the day are in, visits are not; the next run reads what is missing."""
    last = "select max(day) from {}"
    failed, good = life["failed"], life[FAILING_DAY]
    kept = last.format("experiment_exposure_days")
    assert failed.rows(kept) == good.rows(kept)
    offsets = last.format("experiment_first_days")
    assert failed.rows(offsets) < good.rows(offsets)
    versions = "select count(*) from experiment_versions"
    assert failed.rows(versions) < good.rows(versions)


def test_a_day_that_loses_its_rows_within_the_look_back_is_gone(life: dict[str, Project]) -> None:
    n_visits = (
        "select count(*) from experiment_fact_days "
        "inner join experiment_sources using (source_key) "
        f"where input_model = 'visits' and day = '{RETRACTED_DAY}'"
    )
    assert life[FAILING_DAY].rows(n_visits)[0][0] > 0
    assert life[RETRACTING_DAY].rows(n_visits) == [(0,)]


@pytest.mark.parametrize("kind", list(STATE))
def test_a_run_with_nothing_new_leaves_every_row(life: dict[str, Project], kind: str) -> None:
    pd.testing.assert_frame_equal(state(life["replayed"], kind), state(life["unchanged"], kind))


def test_a_run_with_nothing_new_publishes_nothing(life: dict[str, Project]) -> None:
    before, after = life["replayed"], life["unchanged"]
    assert after.published(history=True) == before.published(history=True)
    assert after.rows("select count(*) from experiment_due where is_due") == [(0,)]


@pytest.mark.parametrize("kind", list(STATE))
def test_rows_later_than_the_look_back_are_not_read(life: dict[str, Project], kind: str) -> None:
    """Nor are those forgotten that the source no longer has."""
    pd.testing.assert_frame_equal(state(life["unchanged"], kind), state(life["too_late"], kind))
    before, after = life["unchanged"], life["too_late"]
    assert after.published(history=True) == before.published(history=True)


def test_rows_later_than_the_look_back_are_counted(life: dict[str, Project]) -> None:
    """By day, as are rows that went."""
    assert life["unchanged"].rows(UNREAD) == []
    [(n_purged,)] = life["unchanged"].rows(
        "select sum(n_rows) from experiment_clock "
        f"where input_model = 'orders' and day = '{PURGED_DAY}'"
    )
    assert life["too_late"].rows(UNREAD) == [
        ("flags", "alpha", LATE_DAY, 40),
        ("flags", "gamma", LATE_DAY, 40),
        ("orders", None, PURGED_DAY, -n_purged),
        ("orders", None, LATE_DAY, 40),
    ]


def test_rows_later_than_the_look_back_are_reported(life: dict[str, Project]) -> None:
    """In the next version, whatever its reason: exposures of its flag and orders that came."""
    check = (
        "select status, n from experiment_checks "
        "where experiment_id = 'alpha' and check_name = 'unread_rows'"
    )
    assert life["replayed"].rows(check) == [("pass", 0)]
    assert life["gamma_added"].rows(check) == [("warn", 80)]
    assert life["refreshed"].rows(check) == [("pass", 0)]


def test_under_causalops_only_nothing_of_the_others_is_dropped(life: dict[str, Project]) -> None:
    before, after = life["too_late"], life["gamma_only"]
    for kind in STATE:
        assert keys(before, kind) < keys(after, kind)
    counted = (
        "select input_model, assignment_key, day, n_rows, n_unread_rows from experiment_clock "
        "where input_model <> 'visits' order by all"
    )
    assert before.rows(counted) == life["gamma_added"].rows(counted)


def test_a_removed_experiment_leaves_the_tables(life: dict[str, Project]) -> None:
    for kind in ("exposures", "first_days"):
        beta = sources(life["too_late"], kind, "experiment_id = 'beta'")
        assert beta
        assert beta <= keys(life["gamma_only"], kind)
        assert not beta & keys(life["gamma_added"], kind)
    assert keys(life["gamma_added"], "fact") <= sources(life["gamma_added"], "fact", "true")


def test_a_new_experiment_and_metric_read_their_history(life: dict[str, Project]) -> None:
    """All of it, also the rows that came too late for the others."""
    added, refreshed = life["gamma_added"], life["refreshed"]
    [(n_late,)] = added.rows(
        "select count(*) from experiment_exposure_days "
        "where experiment_id = 'gamma' and starts_with(unit_id, 'new')"
    )
    assert n_late == 40
    own = "experiment_id = 'gamma'"
    assert_same_numbers(added, refreshed, own, DATA_CHECKS, unlike=("version",))


def test_a_new_experiment_leaves_the_settled_days_of_the_others(life: dict[str, Project]) -> None:
    """What was marked there before has not been read again."""
    exposures = (
        "select bool_and(seg_1 = 'marked'), count(*) from experiment_exposure_days "
        f"where experiment_id = 'alpha' and day = '{LATE_DAY}'"
    )
    orders = "select count(*) from experiment_fact_days where n_nonfinite = 77"
    for name in ("gamma_only", "gamma_added"):
        [(is_marked, n)] = life[name].rows(exposures)
        assert is_marked
        assert n > 0
        assert life[name].rows(orders)[0][0] > 0
    assert life["refreshed"].rows(orders) == [(0,)]


def test_a_full_refresh_reads_everything_again(life: dict[str, Project]) -> None:
    refreshed = life["refreshed"]
    assert refreshed.rows(UNREAD) == []
    [(n,)] = refreshed.rows("select count(*) from experiment_exposures where unit_id like 'new%'")
    assert n > 0
