"""Quantiles of two arms from rows: numpy for order statistics, the paper's formula for events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

Z = norm.ppf(0.975)
FLOOR = 0.05


@dataclass(frozen=True)
class Expected:
    """What a published row must say of two arms at one quantile."""

    estimate: float
    std_error: float | None
    reason: str | None
    n: tuple[int, int]
    n_obs: tuple[int, int]


def of_units(values: pd.Series, quantile: float) -> tuple[float, float | None, str | None]:
    """Quantile, standard error and reason of one value per unit (NaN is missing)."""
    present = values.dropna().to_numpy()
    sigma = np.sqrt(quantile * (1 - quantile) / len(present))
    return _arm(present, quantile, sigma)


def of_events(events: pd.DataFrame, quantile: float) -> tuple[float, float | None, str | None]:
    """The same of events with columns user_id and value: Deng, Knoblich & Lu (2018).

    The share of events at or below the quantile is a ratio of two means over users, numerator S
    and denominator N: its variance is (var S - 2 p cov(S, N) + p^2 var N) / (k mean(N)^2).
    """
    cut = np.quantile(events["value"], quantile)
    users = events.assign(is_below=events["value"] <= cut).groupby("user_id")["is_below"]
    s, n = users.sum().to_numpy(float), users.count().to_numpy(float)
    p = s.sum() / n.sum()
    covariance = np.cov(s, n)
    numerator = covariance[0, 0] - 2 * p * covariance[0, 1] + p * p * covariance[1, 1]
    sigma = np.sqrt(numerator / len(n)) / n.mean()
    return _arm(events["value"].to_numpy(), quantile, sigma)


def _arm(
    values: np.ndarray, quantile: float, sigma: float
) -> tuple[float, float | None, str | None]:
    value = float(np.quantile(values, quantile))
    ranks = [quantile - Z * sigma, quantile, quantile + Z * sigma]
    counts = pd.Series(values).value_counts(normalize=True)
    counts = counts[counts * len(values) > 1.5]
    inside = [rank for rank in ranks if 0 <= rank <= 1]
    around = np.concatenate([np.quantile(values, inside, method=h) for h in ("lower", "higher")])
    if counts.reindex(around).max() > FLOOR:
        return value, None, "mass_point"
    if len(inside) < 3:
        return value, None, "few_beyond"
    low, high = np.quantile(values, ranks[0]), np.quantile(values, ranks[2])
    return (value, (high - low) / (2 * Z), None) if high > low else (value, None, "mass_point")


def expected(
    variant: pd.DataFrame, baseline: pd.DataFrame, quantile: float, is_event: bool
) -> Expected:
    """Two arms: frames of events (user_id, value), or of units (value)."""
    arms = [
        of_events(arm, quantile) if is_event else of_units(arm["value"], quantile)
        for arm in (variant, baseline)
    ]
    reasons = [reason for _, _, reason in arms if reason]
    reason = "mass_point" if "mass_point" in reasons else next(iter(reasons), None)
    errors = [error for _, error, _ in arms if error is not None]
    kept = [arm.dropna(subset="value") for arm in (variant, baseline)]
    sizes = [len(arm) for arm in kept]
    users = [arm["user_id"].nunique() for arm in kept]
    return Expected(
        arms[0][0] - arms[1][0],
        None if reason else float(np.hypot(*errors)),
        reason,
        (users[0], users[1]),
        (sizes[0], sizes[1]),
    )
