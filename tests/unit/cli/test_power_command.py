"""`causalops power`: declared numbers, and history against arithmetic on the rows."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from causalops.cli import main
from causalops.planning.design import Design, Outcome
from causalops.planning.history import History, MetricHistory, read_history
from causalops.planning.project import _planned, _relation, _tables
from causalops.planning.report import history_lines
from causalops.planning.unit_table import Population, _capped
from causalops.spec.files import read_files
from causalops.spec.project import check_project

FLAGS = {
    "assignment": {
        "key": "flag", "units": {"user_id": "user_id"}, "variant": "arm", "timestamp": "seen_at",
        "clusters": {"team": "team"}, "exclude": "is_bot",
    }
}  # fmt: skip
ORDERS = {
    "fact": {"units": {"user_id": "user_id"}, "timestamp": "at"},
    "metrics": {
        "bought": {"type": "proportion", "filter": {"status": "paid"}, "window_days": 5,
                   "desired": "increase"},
        "revenue": {"type": "sum", "value": "amount", "window_days": 5, "desired": "increase"},
        "capped": {"type": "sum", "value": "amount", "window_days": 5, "winsorize": 0.9},
        "basket": {"type": "mean", "value": "amount", "window_days": 5},
        "price": {"type": "ratio", "numerator": {"type": "sum", "value": "amount"},
                  "denominator": {"type": "count"}, "window_days": 5},
        "never": {"type": "count", "filter": {"status": "lost"}, "window_days": 5},
    },
}  # fmt: skip
DRAFT = """
design: {design}
status: draft
unit: user_id
variants: {{control: 1, short: 3}}
start: 2025-06-01
end: 2025-06-10
metrics: {{primary: [bought, revenue, {{metric: capped, mde: 0.2}}, basket, price, never]}}
{more}
"""
LIVE = """
design: ab_test
status: running
unit: user_id
assignment: {model: flags, key: two}
variants: {control: 1, short: 3}
start: 2025-05-20
end: 2025-06-20
metrics: {primary: [revenue]}
"""
DAYS = pd.date_range("2025-04-01", "2025-05-31")


def logs() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(12)
    n = 900
    users = pd.DataFrame({"user_id": np.arange(n), "team": [f"t{u % 40}" for u in range(n)]})
    level = rng.gamma(2.0, 1.0, n) * np.exp(0.5 * rng.normal(size=40))[np.arange(n) % 40]
    seen = users.loc[rng.integers(0, n, 3_000)].reset_index(drop=True)
    seen["seen_at"] = rng.choice(DAYS, 3_000) + pd.to_timedelta(rng.integers(0, 86_400, 3_000), "s")
    seen["flag"] = rng.choice(["one", "two"], 3_000)
    seen["arm"] = "control"
    seen["is_bot"] = seen["user_id"] % 50 == 0
    buyer = rng.choice(n, 9_000, p=level / level.sum())
    orders = pd.DataFrame({
        "user_id": buyer,
        "at": rng.choice(DAYS, 9_000) + pd.to_timedelta(rng.integers(0, 86_400, 9_000), "s"),
        "amount": rng.lognormal(1, 0.5, 9_000) * level[buyer],
        "status": rng.choice(["paid", "open"], 9_000, p=[0.6, 0.4]),
    })  # fmt: skip
    future = orders.iloc[:1].assign(at=pd.Timestamp("2099-01-01"))
    return seen, pd.concat([orders, future])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("shop")
    models = [{"name": name, "config": {"meta": {"causalops": declared}}}
              for name, declared in (("flags", FLAGS), ("orders", ORDERS))]  # fmt: skip
    settings = {"assignment_models": ["flags"], "fact_models": ["orders"], "timezone": "Asia/Seoul"}
    (root / "models").mkdir()
    text = {"name": "shop", "profile": "shop", "vars": {"causalops": settings}}
    (root / "dbt_project.yml").write_text(yaml.safe_dump(text))
    (root / "models" / "inputs.yml").write_text(yaml.safe_dump({"models": models}))
    cluster = {"design": "cluster_rct", "more": "cluster: team"}
    for name, values in (("idea", {"design": "ab_test", "more": ""}), ("teams", cluster)):
        block = DRAFT.format(**values)
        file = root / "models" / f"{name}.sql"
        file.write_text("{% call causalops.experiment() %}" + block + "{% endcall %}\n")
    (root / "models" / "live.sql").write_text(
        "{% call causalops.experiment() %}" + LIVE + "{% endcall %}\n"
    )
    flags, orders = logs()
    with duckdb.connect(str(root / "shop.duckdb")) as connection:
        connection.execute("set timezone = 'UTC'")
        for name, frame in (("flags", flags), ("orders", orders)):
            connection.register("frame", frame)
            connection.execute(f"create table {name} as select * from frame")
            connection.unregister("frame")
    return root


def power(root: Path | None, *arguments: str) -> str:
    where = ["--project-dir", str(root), "--db", str(root / "shop.duckdb")] if root else []
    result = CliRunner().invoke(main, ["power", *where, *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.output


def history(root: Path, name: str, **options: Any) -> History:
    with duckdb.connect(str(root / "shop.duckdb"), read_only=True) as connection:
        tables = _tables(connection)
        columns = {table: dict(found[0][1]) for table, found in tables.items()}
        checked = check_project(read_files(root, columns).source)
        plan = _planned(checked, name)
        relations = {model: _relation(model, tables) for model in ("flags", "orders")}
        before = options.pop("before", dt.date(2025, 7, 1))
        return read_history(connection, checked, plan, relations, before=before, **options)


def unit_rows(first: str, last: str, key: str | None = None) -> pd.DataFrame:
    """Values per user in pandas: first seen from `first` to `last` (days in Seoul), five days."""
    flags, orders = logs()

    def seoul(stamps: pd.Series) -> pd.Series:
        return (stamps + pd.Timedelta(hours=9)).dt.normalize()

    flags["day"], orders["day"] = seoul(flags["seen_at"]), seoul(orders["at"])
    flags = flags[~flags["is_bot"] & flags["day"].between(first, last)]
    flags = flags if key is None else flags[flags["flag"] == key]
    users = flags.groupby("user_id").agg(seen_at=("seen_at", "min"), start=("day", "min"),
                                         team=("team", "first"))  # fmt: skip
    events = orders.join(users, on="user_id", how="inner")
    offset = (events["day"] - events["start"]).dt.days
    after = events[offset.between(0, 4) & (events["at"] >= events["seen_at"])]
    before = events[offset.between(-14, -1)]
    for phase, part in (("post", after), ("pre", before)):
        group = part.groupby("user_id")
        users[f"amount_{phase}"] = group["amount"].sum().reindex(users.index).fillna(0)
        users[f"n_{phase}"] = group.size().reindex(users.index).fillna(0)
        paid = part.loc[part["status"] == "paid", "user_id"]
        users[f"paid_{phase}"] = users.index.isin(paid).astype(float)
    return users


def left(y: pd.Series, x: pd.Series) -> float:
    return 1 - float(np.corrcoef(y, x)[0, 1]) ** 2


def test_history_is_the_arithmetic_of_the_rows(project: Path) -> None:
    """Ten planned days of enrolment, five-day windows, data to 31 May in UTC (1 June in Seoul,
    the planned start, so the day before counts): first seen 18 to 27 May."""
    found = history(project, "idea")
    users = unit_rows("2025-05-18", "2025-05-27")
    assert (found.population.first, found.population.last) == (
        dt.date(2025, 5, 18), dt.date(2025, 5, 27))  # fmt: skip
    assert found.n == len(users)
    arrivals = users["start"].value_counts().sort_index()
    assert found.arrivals == tuple(arrivals.reindex(pd.date_range("2025-05-18", "2025-05-27"),
                                                    fill_value=0))  # fmt: skip
    by_name = {item.name: item for item in found.metrics}
    linear = {phase: (users[f"amount_{phase}"] - users[f"amount_{phase}"].sum()
                      / users[f"n_{phase}"].sum() * users[f"n_{phase}"])
              / users[f"n_{phase}"].mean() for phase in ("post", "pre")}  # fmt: skip
    capped = {phase: users[f"amount_{phase}"].clip(upper=users[f"amount_{phase}"].quantile(0.9))
              for phase in ("post", "pre")}  # fmt: skip
    some = users[users["n_post"] > 0]
    pre = (some["amount_pre"] / some["n_pre"]).fillna((some["amount_pre"] / some["n_pre"]).mean())
    columns = {
        "bought": (users["paid_post"], users["paid_pre"]),
        "revenue": (users["amount_post"], users["amount_pre"]),
        "capped": (capped["post"], capped["pre"]),
        "basket": (some["amount_post"] / some["n_post"], pre),
        "price": (linear["post"], linear["pre"]),
    }
    for name, (y, x) in columns.items():
        outcome = by_name[name].outcome
        assert outcome is not None
        assert outcome.variance == pytest.approx(y.var(), rel=1e-9)
        assert outcome.kept == pytest.approx(left(y, x), rel=1e-9), name
        if name != "price":
            assert outcome.mean == pytest.approx(y.mean(), rel=1e-9)
        assert (outcome.is_rate, outcome.inflation) == (name == "bought", 1.0)
    ratio = users["amount_post"].sum() / users["n_post"].sum()
    assert by_name["price"].outcome is not None
    assert by_name["price"].outcome.mean == pytest.approx(ratio, rel=1e-9)
    assert by_name["never"].outcome is None
    assert "does not vary" in (by_name["never"].note or "")


def test_clusters_inflate_by_their_totals(project: Path) -> None:
    """Design effect: G / (G - 1) sum of squared residual totals / n, over the unit variance."""
    found = history(project, "teams", days=30)
    users = unit_rows("2025-04-28", "2025-05-27")
    assert found.cluster_size == pytest.approx(len(users) / users["team"].nunique())
    for name, column in (("revenue", "amount"), ("bought", "paid")):
        y, x = users[f"{column}_post"], users[f"{column}_pre"]
        slope = np.cov(y, x)[0, 1] / x.var()
        rest = y - y.mean() - slope * (x - x.mean())
        totals = rest.groupby(users["team"]).sum()
        groups = len(totals)
        by_cluster = (totals**2).sum() * groups / (groups - 1) / len(users)
        outcome = {item.name: item.outcome for item in found.metrics}[name]
        assert outcome is not None
        assert outcome.inflation == pytest.approx(by_cluster / rest.var(), rel=1e-9)


def test_one_key_of_the_log_and_a_day_before(project: Path) -> None:
    found = history(project, "idea", key="two", days=20, before=dt.date(2025, 5, 11))
    users = unit_rows("2025-04-17", "2025-05-06", key="two")
    assert (found.population.last, found.n) == (dt.date(2025, 5, 6), len(users))


def test_too_few_own_units_once_the_table_is_built(project: Path) -> None:
    """At least 100 users have rows of the key in the first days, but most were seen before or are
    bots: the log before the start is used, 32 planned days to 19 May less the window."""
    flags, _ = logs()
    seoul = (flags["seen_at"] + pd.Timedelta(hours=9)).dt.normalize()
    own = flags[(flags["flag"] == "two") & seoul.between("2025-05-20", "2025-05-27")]
    assert own["user_id"].nunique() >= 100
    found = history(project, "live")
    assert not found.population.is_own
    users = unit_rows("2025-04-14", "2025-05-15")
    assert (found.population.first, found.population.last, found.n) == (
        dt.date(2025, 4, 14), dt.date(2025, 5, 15), len(users))  # fmt: skip
    assert found.n >= 100


def test_a_cap_leaves_missing_values_missing() -> None:
    """1, 2, 100 and two units without an outcome: the .9 quantile of the three is 80.4."""
    metric = SimpleNamespace(options=SimpleNamespace(winsorize=0.9))
    sql = f"select {_capped('y', metric)} from filled order by y"  # type: ignore[arg-type]
    with duckdb.connect() as connection:
        for values, expected in (
            ("(1.0), (2.0), (100.0), (null), (null)", [1, 2, 80.4, None, None]),
            ("(1.0), (1.0), (null)", [1, 1, None]),
        ):
            connection.execute("create or replace table filled as "
                               f"select cast(y as double) as y from (values {values}) as t (y)")
            found = [value for (value,) in connection.execute(sql).fetchall()]
            assert [None if v is None else pytest.approx(v) for v in found] == expected


def test_units_and_days_follow_the_arrivals() -> None:
    found = History(Population(None, None), (100, 60, 20, 20, 20, 20, 20, 20, 20), 300, 1.0, ())
    assert found.rate == 20
    assert [found.units_after(days) for days in (0, 1, 3, 9, 14)] == [0, 100, 180, 300, 400]
    assert [found.days_for(units) for units in (50, 161, 300, 301, 420)] == [1, 3, 9, 10, 15]
    still = History(Population(None, None), (5, *[0] * 7), 5, 1.0, ())
    assert still.days_for(6) is None


def test_two_clusters_find_nothing_not_even_of_a_ratio() -> None:
    found = MetricHistory("price", Outcome(1.0, 1.0))
    for n, cell in ((40, "none"), (400, "0.2")):
        past = History(Population(None, None), (), n, 20.0, (found,))
        lines = history_lines("few", past, Design(), {"price": None}, {"price": 0.05},
                              frozenset({"price"}))  # fmt: skip
        assert lines[-1].split()[4].startswith(cell)


def test_what_the_command_prints_of_an_experiment(project: Path) -> None:
    text = power(project, "--experiment", "idea", "--before", "2025-07-01")
    lines = text.splitlines()
    assert lines[0].startswith("idea: ")
    assert "earlier units of the log, first seen 2025-05-18 to 2025-05-27" in lines[0]
    assert lines[1] == "Two-sided test at alpha 0.05, power 0.8, split 1:3"
    capped = next(line for line in lines if line.startswith("capped"))
    assert "(+20.00%)" in capped  # its mde in the file is relative
    revenue = next(line for line in lines if line.startswith("revenue"))
    assert revenue.split()[-3:] == ["-", "-", "-"]
    assert "never: the metric does not vary among these units" in lines
    asked = power(project, "--experiment", "idea", "--mde", "10%", "--split", "1:1")
    assert "split 1:1" in asked
    assert next(line for line in asked.splitlines() if "revenue" in line).count("(+10.00%)") == 1


def test_one_metric_without_an_experiment(project: Path) -> None:
    text = power(project, "--metric", "revenue", "--unit", "user_id")
    assert text.startswith("revenue: ")
    assert "split 1:1" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--experiment", "ide"], "there is no experiment called ide. Did you mean idea?"),
        (["--metric", "revenu", "--unit", "user_id"], "Did you mean revenue?"),
        (["--metric", "revenue"], "--metric needs --unit"),
        (["--metric", "revenue", "--unit", "shop"], "one assignment model should log unit shop"),
        (["--experiment", "idea", "--rate", "0.1"], "--rate describes a metric"),
        (["--experiment", "idea", "--like", "none"], "the log holds 0 units for the period"),
        (["--experiment", "idea", "--like", "none"], "another key with --like, or none"),
        (["--experiment", "idea", "--days", "1", "--before", "2025-04-10"],
         "planning needs 100. Name a longer period with --days, or describe the metric"),
        (["--experiment", "live", "--days", "1"], "Name a longer period with --days, or"),
        (["--experiment", "idea", "--split", "0:1"], "every part of the split must be above 0"),
        (["--experiment", "idea", "--split", "1"], "at least one other arm"),
        (["--experiment", "idea", "--split", "1:inf"], "must be above 0"),
        (["--experiment", "idea", "--before", "2020-01-01"], "has no rows before 2020-01-01"),
        (["--experiment", "idea", "--mde", "much"], "'much' is not an effect"),
    ],
)
def test_history_that_is_not_there(project: Path, arguments: list[str], words: str) -> None:
    assert words in power(project, *arguments)


def test_a_missing_table_or_file(project: Path, tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    arguments = ["--project-dir", str(project), "--experiment", "idea", "--db"]
    assert "Model flags should be a table in one schema, found: none." in power(
        None, *arguments, str(tmp_path / "empty.duckdb")
    )
    assert "There is no database at" in power(None, *arguments, str(tmp_path / "no.duckdb"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--effect-size", "0.1"], ["control  1,571", "arm 1    1,571", "all      3,142"]),
        (["--rate", "0.04", "--mde", "5%", "--split", "1:9"], ["+0.002 (+5.00%)", "split 1:9"]),
        (["--mean", "12", "--sd", "30", "--mde", "0.5", "--rho", "0.6"], ["all      72,3"]),
        (["--mean", "12", "--sd", "30", "--mde", "0.5", "--icc", "0.02", "--cluster-size", "20"],
         ["clusters"]),
        (["--sd", "30", "--n", "20000", "--split", "1:1:1", "--bonferroni"],
         ["alpha 0.05 / 2 tests", "20,000  1.602"]),
        (["--rate", "0.5", "--n", "2"], ["none"]),
        (["--sd", "1", "--n", "2"], ["2      none"]),
    ],
)  # fmt: skip
def test_declared_numbers(arguments: list[str], words: list[str]) -> None:
    text = power(None, *arguments)
    for word in words:
        assert word in text, text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "describe the metric with --mean and --sd, or --rate, or --effect-size"),
        (["--rate", "0.1", "--sd", "2"], "one of them"),
        (["--sd", "2"], "name the effect to find with --mde, or the units with --n"),
        (["--sd", "2", "--mde", "2%"], "'2%' is relative and needs --mean or --rate"),
        (["--sd", "0", "--mde", "1"], "the standard deviation must be above 0"),
        (["--rate", "1.2", "--mde", "0.1"], "the rate must lie between 0 and 1"),
        (["--rate", "0.9", "--mde", "0.2"], "would leave 0 to 1"),
        (["--sd", "2", "--mde", "1", "--split", "half"], "'half' is not a split"),
        (["--sd", "2", "--mde", "1", "--split", "1"], "at least one other arm"),
        (["--sd", "2", "--mde", "1", "--icc", "0.1"], "need --cluster-size"),
        (["--sd", "2", "--mde", "1", "--rho", "1"], "rho between -1 and 1"),
        (["--sd", "2", "--mde", "nan"], "other than 0"),
        (["--effect-size", "0.1", "--mde", "1"], "leave out --mde"),
        (["--sd", "2", "--mde", "1", "--like", "x"], "--like reads history"),
        (["--sd", "2", "--n", "0"], "must be above 0"),
    ],
)
def test_plans_that_make_no_sense(arguments: list[str], words: str) -> None:
    assert words in power(None, *arguments)
