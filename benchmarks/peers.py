"""The same answer by two peers, from raw rows.

    python benchmarks/peers.py {tea-tasting,pandas} DATA [the options of floor.py]

tea-tasting aggregates a view of the floor's unit values in DuckDB, one experiment after the other.
pandas loads the rows, folds them to units, and leaves the regression to statsmodels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from data import DAYS, FIRST_DAY, METRICS, dataset, opened
from floor import PRE_DAYS, Estimates, asked, unit_values
from measure import report


def tea_tasting(data: Path, experiments: Iterable[int], window: int, days: int) -> Estimates:
    import ibis
    import tea_tasting as tt

    metrics = {name: tt.Mean(name, f"pre_{name}") for name in METRICS}
    found: Estimates = {}
    with opened(data) as connection:
        backend = ibis.duckdb.from_connection(connection)
        for k in experiments:
            view = f"units_{k:02}"
            connection.execute(f"create view {view} as {unit_values([k], window, days)}")
            result = tt.Experiment(**metrics).analyze(backend.table(view))
            found[f"exp_{k:02}"] = {
                name: (result[name].effect_size, result[name].effect_size / result[name].statistic)
                for name in METRICS
            }
    return found


def pandas(data: Path, experiments: Iterable[int], window: int, days: int) -> Estimates:
    import pandas as pd
    import statsmodels.api as sm

    [k] = experiments
    until = pd.Timestamp(FIRST_DAY) + pd.Timedelta(days=days)
    with opened(data) as connection:
        log, events = (
            connection.execute(f"from {name} where ts < $1 {and_also}", [until]).df()
            for name, and_also in (
                ("exposures", f"and experiment = 'exp_{k:02}'"),
                ("events", ""),
            )
        )
    units = log.sort_values("ts").groupby("unit_id").agg(
        variant=("variant", "first"), variants=("variant", "nunique"), exposed_at=("ts", "first")
    )  # fmt: skip
    units["exposure_day"] = units["exposed_at"].dt.floor("D")
    is_mature = units["exposure_day"] + pd.Timedelta(days=window) <= until
    units = units[(units["variants"] == 1) & is_mature]
    rows = events.merge(units, left_on="unit_id", right_index=True)
    offset = (rows["ts"].dt.floor("D") - rows["exposure_day"]).dt.days
    after = (rows["ts"] >= rows["exposed_at"]) & (offset < window)
    before = offset.between(-PRE_DAYS, -1)
    values = {
        prefix: rows[part].groupby("unit_id").agg(
            revenue=("revenue", "sum"), orders=("is_order", "sum"),
            conversion=("is_order", "max"), duration=("duration", "sum"),
        ).reindex(units.index).astype(float).fillna(0.0)
        for prefix, part in (("y", after), ("x", before))
    }  # fmt: skip
    treated = (units["variant"] == "treatment").astype(float)
    found = {}
    for name in METRICS:
        design = sm.add_constant(pd.DataFrame({"treated": treated, "x": values["x"][name]}))
        fit = sm.OLS(values["y"][name], design).fit(cov_type="HC1")
        found[name] = (float(fit.params["treated"]), float(fit.bse["treated"]))
    return {f"exp_{k:02}": found}


SIDES: dict[str, Callable[[Path, Iterable[int], int, int], Estimates]] = {
    "tea-tasting": tea_tasting,
    "pandas": pandas,
}


if __name__ == "__main__":
    options = asked(__doc__, *SIDES)
    side, chosen = SIDES[options.side], range(1, options.experiments + 1)
    # Once on a few rows: the libraries import parts of themselves when they are first used.
    side(dataset("XS"), [1], options.window, DAYS)
    report(lambda: side(options.data, chosen, options.window, options.days))
