"""Planned looks through whole runs: how often dbt runs changes nothing, a run that is missed does.

Four experiments over the same log: one runs daily, one on the days of its looks, one is late for
its first look, one runs only once. A fifth one shows harm long before its end.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import small_shop as shop
from harness import OTHER_DESIGNS, Project

from causalops.sequential import boundaries, spent

SIZE = 600
PLANNED = 250  # units per arm; 300 come in the end
LOOKS = ("2025-03-05", "2025-03-07", "2025-03-10")
GROUP = ("daily", "weekly", "late", "once")
RUNS = (
    (LOOKS[0], ("daily", "weekly")),
    ("2025-03-06", ("daily", "late")),
    (LOOKS[1], ("daily", "weekly", "harm")),
    (LOOKS[2], (*GROUP, "harm")),
)
SEQUENTIAL = f"""\
n_planned: {PLANNED}
sequential: {{kind: group_sequential, looks: [{", ".join(LOOKS)}], spending: pocock}}
metrics: {{primary: [visits]}}
"""
CHECKS = """
    select cast(day as varchar) as day, round(value * 2 * 250) as n, statistic, threshold, status,
        reason_code, details
    from experiment_checks_history
    where check_name = 'look' and experiment_id = '{}' and cast(as_of_date as varchar) = '{}'
    order by day
"""
HEADS = """
    select cast(as_of_date as varchar) as as_of, verdict, ci_kind, n_variant, p_value, status,
        estimate, ci_low, ci_high, message
    from experiment_estimates_history
    where experiment_id = '{}' and is_headline and scale = 'absolute'
    order by as_of_date
"""


@pytest.fixture(scope="module")
def project(new_project: Callable[..., Project]) -> Project:
    """The project after its four runs."""
    keys = (*GROUP, "harm")
    made = new_project("looks", assignment_models=["flags"], fact_models=["visits", "orders"])
    made.table("flags", shop.flags(keys, size=SIZE), **shop.FLAGS)
    made.table("visits", visits(), **shop.VISITS)
    made.table("orders", orders(), **shop.ORDERS)
    for name in GROUP:
        made.experiment(name, shop.BLOCK + SEQUENTIAL)
    made.experiment("harm", f"{shop.BLOCK}n_planned: 300\nmetrics: {{primary: [revenue]}}\n")
    for number, (day, names) in enumerate(RUNS):
        asked = {"causalops_as_of": day, "causalops_only": list(names)}
        made.dbt("run", "--vars", json.dumps(asked), *(OTHER_DESIGNS if number else ()))
    return made


def visits() -> pd.DataFrame:
    """Visits that know nothing of the arms, on every day."""
    rng = np.random.default_rng(3)
    users = rng.integers(0, SIZE, 12_000)
    seconds = rng.integers(0, 20 * 86_400, len(users))
    stamps = pd.Timestamp("2025-02-25") + pd.to_timedelta(seconds, unit="s")
    return pd.DataFrame({"user_id": [f"u{k}" for k in users], "visited_at": stamps})


def orders() -> pd.DataFrame:
    """Orders of every user before the experiment, of the control's users only from then on."""
    rng = np.random.default_rng(4)
    number = rng.integers(0, SIZE, 9_000)
    seconds = rng.integers(0, 24 * 86_400, len(number))
    stamps = pd.Timestamp("2025-02-20") + pd.to_timedelta(seconds, unit="s")
    amount = rng.lognormal(2, 0.5, len(number)).round(2)
    frame = pd.DataFrame({"user_id": [f"u{k}" for k in number], "ordered_at": stamps,
                          "amount": amount})  # fmt: skip
    return frame[(number % 2 == 0) | (stamps < pd.Timestamp("2025-03-03"))]


def looks(project: Project, name: str, as_of: str = LOOKS[2]) -> pd.DataFrame:
    return project.query(CHECKS.format(name, as_of))


def closed(day: str) -> int:
    """Units whose two days had passed by the end of `day`, from the log itself."""
    seen = shop.flags(("x",), size=SIZE)["seen_at"].dt.normalize()
    return int((seen <= pd.Timestamp(day) - pd.Timedelta(days=1)).sum())


def test_daily_and_weekly_runs_have_the_same_looks(project: Project) -> None:
    daily, weekly = looks(project, "daily"), looks(project, "weekly")
    pd.testing.assert_frame_equal(daily, weekly)
    assert list(daily["day"]) == list(LOOKS)
    assert list(daily["n"]) == [closed(day) for day in LOOKS]
    shares = tuple(closed(day) / (2 * PLANNED) for day in LOOKS)
    assert list(daily["threshold"]) == pytest.approx(boundaries(shares, 0.05, "pocock", True))
    heads = [project.query(HEADS.format(name)) for name in ("daily", "weekly")]
    numbers = ["verdict", "n_variant", "p_value", "estimate", "ci_low", "ci_high"]
    last = [frame[numbers].iloc[-1] for frame in heads]
    pd.testing.assert_series_equal(last[0], last[1], check_names=False)


def test_between_looks_the_last_one_stands(project: Project) -> None:
    heads = project.query(HEADS.format("daily")).set_index("as_of")
    assert list(heads.index) == [day for day, _ in RUNS]
    kept = ["estimate", "ci_low", "ci_high", "n_variant", "p_value"]
    between, at_look = (heads.loc[day] for day in ("2025-03-06", LOOKS[0]))
    assert list(between[kept]) == pytest.approx(list(at_look[kept]), rel=1e-12)
    assert between["message"] == at_look["message"]
    assert heads.loc[LOOKS[1], "n_variant"] > heads.loc[LOOKS[0], "n_variant"]
    assert list(heads["verdict"]) == ["too_early"] * 3 + ["no_difference_found"]
    assert set(heads["ci_kind"]) == {"sequential"}


def test_a_late_look_has_the_information_of_its_day(project: Project) -> None:
    late = looks(project, "late")
    assert list(late["n"].fillna(0)) == [closed("2025-03-06"), 0, closed(LOOKS[2])]
    assert late["reason_code"][1] == "look_skipped"
    share = closed("2025-03-06") / (2 * PLANNED)
    first = json.loads(late["details"][0])
    assert first["as_of_date"] == "2025-03-06"
    assert first["alpha_spent"] == pytest.approx(spent("pocock", share, 0.05))
    assert late["threshold"][0] == pytest.approx(boundaries((share,), 0.05, "pocock", False)[0])


def test_one_run_spends_everything_at_its_only_look(project: Project) -> None:
    once = looks(project, "once")
    assert list(once["reason_code"][:2]) == ["look_skipped", "look_skipped"]
    assert once["threshold"][2] == pytest.approx(1.959964, abs=1e-6)


def test_harm_is_said_early_and_success_is_not(project: Project) -> None:
    harm = project.query(HEADS.format("harm")).set_index("as_of")
    assert harm.loc[LOOKS[1], ["verdict", "ci_kind"]].tolist() == ["worse", "fixed"]
    [(low, high, verdict)] = project.rows(
        "select ci_low, ci_high, verdict from experiment_estimates_history where experiment_id = "
        f"'harm' and ci_kind = 'sequential' and cast(as_of_date as varchar) = '{LOOKS[1]}'"
    )
    assert low < high < 0
    assert verdict == "worse"
    [(said,)] = project.rows("select verdict from experiment_catalog where experiment_id = 'harm'")
    assert said == "do_not_ship"


def test_every_row_keeps_the_contract(project: Project) -> None:
    """The package's own tests of the tables: keys, headlines, closed lists, reasons."""
    run = project.dbt("test")
    assert set(run.statuses.values()) <= {"pass", "success"}
