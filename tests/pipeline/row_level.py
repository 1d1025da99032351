"""The same numbers as the pipeline's, from rows: pandas for values, statsmodels for inference.

Written from the documentation of the windows and estimators, not from the SQL. Units are rows with
columns y (and z, a ratio's denominator), x (and w), variant, platform.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shop_log
import statsmodels.api as sm
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW


@dataclass(frozen=True)
class Measure:
    """One number per unit: how to fold its events of one fact, over which days."""

    fact: str
    fold: str
    column: str | None = None
    first: int = 0
    last: int | None = 6
    where: str | None = None


METRICS: dict[str, tuple[Measure, ...]] = {
    "revenue": (Measure("orders", "sum", "amount"),),
    "revenue_capped": (Measure("orders", "sum", "amount"),),
    "paid": (Measure("orders", "any", where="status == 'paid'"),),
    "late_orders": (Measure("orders", "count", first=1, last=4),),
    "products": (Measure("orders", "nunique", "product"),),
    "basket": (Measure("orders", "mean", "amount"),),
    "spent": (Measure("orders", "sum", "amount", last=None, where="amount >= 5"),),
    "visits": (Measure("visits", "count", last=5),),
    "retained": (Measure("visits", "any", first=2, last=4),),
    "revenue_per_visit": (
        Measure("orders", "sum", "amount"),
        Measure("visits", "count", last=5),
    ),
}
CAPPED = {"revenue_capped": 0.95}
PRE_DAYS = 14


def local_day(stamps: pd.Series) -> pd.Series:
    """The day in the project's zone of UTC stamps."""
    local = stamps.dt.tz_localize("UTC").dt.tz_convert(shop_log.ZONE)
    return local.dt.tz_localize(None).dt.normalize()


def first_exposures(flags: pd.DataFrame) -> pd.DataFrame:
    """One row per unit: its first exposure, and what is known from all its rows."""
    frame = flags.assign(day=local_day(flags["seen_at"])).sort_values("seen_at", kind="stable")
    units = frame.groupby("user_id").agg(
        arm=("arm", "first"), seen_at=("seen_at", "first"), day=("day", "first"),
        platform=("platform", "first"), n_arms=("arm", "nunique"),
        is_triggered=("saw_at", lambda stamps: stamps.notna().any()), is_bot=("is_bot", "any"),
    )  # fmt: skip
    is_enrolled = units["day"].between(shop_log.START, shop_log.END) & ~units["is_bot"]
    return units[is_enrolled].assign(is_crossover=lambda frame: frame["n_arms"] > 1)


def unit_values(
    units: pd.DataFrame, facts: dict[str, pd.DataFrame], metric: str, as_of: str
) -> pd.DataFrame:
    """`units` with the values of a metric, only those whose window has closed."""
    result = units.copy()
    measures = METRICS[metric]
    for measure, post, pre in zip(measures, "yz", "xw", strict=False):
        events = facts[measure.fact].join(units[["day", "seen_at"]], on="user_id", how="inner")
        offset = (events["event_day"] - events["day"]).dt.days
        last = measure.last
        if last is None:
            last = (pd.Timestamp(min(shop_log.END, as_of)) - events["day"]).dt.days
        is_after = offset.between(measure.first, last) & ~(events["event_at"] < events["seen_at"])
        result[post] = _fold(events[is_after], measure, units.index)
        result[pre] = _fold(events[offset.between(-PRE_DAYS, -1)], measure, units.index)
    windows = [measure.last for measure in measures if measure.last is not None]
    if windows:
        closes = result["day"] + pd.to_timedelta(max(windows), unit="D")
        result = result[closes <= as_of]
    if metric in CAPPED:
        analysed = result[~result["is_crossover"]]
        for part in ("y", "x"):
            result[part] = result[part].clip(upper=analysed[part].quantile(CAPPED[metric]))
    return result


def _fold(events: pd.DataFrame, measure: Measure, units: pd.Index) -> pd.Series:
    kept = events.query(measure.where) if measure.where else events
    grouped = kept.groupby("user_id")
    if measure.fold == "mean":
        return grouped[measure.column].mean().reindex(units)
    if measure.fold in ("count", "any"):
        values = grouped.size().clip(upper=1 if measure.fold == "any" else None)
    else:
        values = grouped[measure.column].agg(measure.fold)
    return values.reindex(units).fillna(0).astype(float)


def contrast(
    units: pd.DataFrame, variant: str, method: str, covariates: tuple[str, ...] = ("x",)
) -> tuple[float, float]:
    """Estimate and standard error of `variant` against control."""
    sample = units[units["arm"].isin([variant, "control"]) & units["y"].notna()].copy()
    treated = sample["arm"] == variant
    if "z" in sample:
        return _ratio(sample, treated, adjusted=method == "cuped")
    x = sample[list(covariates)].fillna(sample[list(covariates)].mean())
    x = x - x.mean()
    if method == "difference_in_means":
        adjusted = sample["y"]
    elif method == "cuped":
        adjusted = sample["y"] - x @ sm.OLS(sample["y"], sm.add_constant(x)).fit().params[x.columns]
    else:
        return _lin(sample["y"], x, treated)
    return welch(adjusted[treated], adjusted[~treated])


def welch(variant: pd.Series, baseline: pd.Series) -> tuple[float, float]:
    """Difference in means with its unequal-variance standard error."""
    compared = CompareMeans(DescrStatsW(variant), DescrStatsW(baseline))
    return float(variant.mean() - baseline.mean()), float(compared.std_meandiff_separatevar)


def _lin(y: pd.Series, x: pd.DataFrame, treated: pd.Series) -> tuple[float, float]:
    """Lin (2013): OLS with interactions; its residual variances and that of the covariate mean."""
    dummy = treated.astype(float).rename("treated")
    design = pd.concat([dummy, x, x.mul(dummy, axis=0).add_suffix("_treated")], axis=1)
    effect = sm.OLS(y, sm.add_constant(design)).fit().params["treated"]
    slopes = [sm.OLS(y[side], sm.add_constant(x[side])).fit().params[x.columns]
              for side in (treated, ~treated)]  # fmt: skip
    share = treated.mean()
    theta = (1 - share) * slopes[0] + share * slopes[1]
    _, std_error = welch((y - x @ theta)[treated], (y - x @ theta)[~treated])
    return float(effect), std_error


def _ratio(sample: pd.DataFrame, treated: pd.Series, adjusted: bool) -> tuple[float, float]:
    """Delta method; adjusted by the linearised pre-period ratio."""

    def linear(frame: pd.DataFrame, top: str, bottom: str) -> tuple[float, pd.Series]:
        level = frame[top].mean() / frame[bottom].mean()
        return level, (frame[top] - level * frame[bottom]) / frame[bottom].mean()

    theta = 0.0
    if adjusted:
        below, above = linear(sample, "x", "w")[1], linear(sample, "y", "z")[1]
        theta = np.cov(above, below)[0, 1] / below.var()
    effect, variance = 0.0, 0.0
    for side, sign in ((treated, 1), (~treated, -1)):
        level, values = linear(sample[side], "y", "z")
        pre_level, pre_values = linear(sample[side], "x", "w")
        effect += sign * (level - theta * pre_level)
        variance += (values - theta * pre_values).var() / side.sum()
    return float(effect), float(np.sqrt(variance))


def stratified(units: pd.DataFrame, variant: str) -> tuple[float, float]:
    """Post-stratified difference in means over platforms (Miratrix, Sekhon & Yu 2013)."""
    sample = units[units["arm"].isin([variant, "control"])]
    rows = []
    for _, stratum in sample.groupby("platform"):
        treated = stratum["arm"] == variant
        rows.append((len(stratum), *welch(stratum["y"][treated], stratum["y"][~treated])))
    size, effects, errors = (np.array(column) for column in zip(*rows, strict=True))
    share = size / size.sum()
    effect = share @ effects
    between = share @ (effects - effect) ** 2 / size.sum()
    return float(effect), float(np.sqrt(share**2 @ errors**2 + between))
