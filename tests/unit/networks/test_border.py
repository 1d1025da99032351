"""The comparison of control units on the border against dense matrices over units."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from border_matrices import dense
from border_rows import border_rows

from causalops.estimators.randomised.border import border, border_effect


def control_units(seed: int = 5, n: int = 900, effect: float = 0.0) -> pd.DataFrame:
    """Control units in 60 clusters; outcome and degree go together, as in life."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, 60, n)
    stratum = rng.integers(1, 4, n)
    kind = np.where(rng.random(n) < 1 - 0.5**stratum, "some", "none")
    x = rng.normal(size=n) + stratum
    y = 3 + x + stratum + rng.normal(size=60)[cluster] + rng.normal(size=n)
    y += effect * (kind == "some")
    z = 1 + rng.random(n)
    frame = {"kind": kind, "stratum": stratum, "cluster": cluster, "y": y, "z": z, "x1": x}
    return pd.DataFrame(frame)


@pytest.mark.parametrize("shift", [{}, {"y": 4.0, "x1": -2.0}, {"y": 1e6}])
def test_it_equals_the_dense_regression_without_covariates(shift: dict[str, float]) -> None:
    units = control_units()
    found = border_effect(border(border_rows(units, ["y"], shift)))
    expected = dense(units, units["y"].to_numpy())
    assert (found.test.estimate, found.test.std_error) == pytest.approx(expected, rel=1e-8)
    clusters = units.groupby("kind")["cluster"].nunique()
    assert found.test.df == clusters.min() - 1
    assert (found.n_some, found.n_none) == tuple(
        (units["kind"] == kind).sum() for kind in ("some", "none")
    )


def test_it_equals_the_dense_regression_with_a_covariate() -> None:
    units = control_units()
    found = border_effect(border(border_rows(units, ["y", "x1"], {"x1": 1.0})))
    expected = dense(units, units["y"].to_numpy(), units["x1"].to_numpy())
    assert (found.test.estimate, found.test.std_error) == pytest.approx(expected, rel=1e-8)


def test_a_ratio_is_linearised_at_the_pooled_means() -> None:
    units = control_units()
    ratio = units["y"].sum() / units["z"].sum()
    linear = ((units["y"] - ratio * units["z"]) / units["z"].mean()).to_numpy()
    found = border_effect(border(border_rows(units, ["y", "z"], {"z": 1.0})))
    assert (found.test.estimate, found.test.std_error) == pytest.approx(dense(units, linear))
    assert found.mean == pytest.approx(ratio)


def test_a_missing_covariate_stands_at_its_mean() -> None:
    units = control_units()
    units.loc[units.index % 5 == 0, "x1"] = np.nan
    found = border_effect(border(border_rows(units, ["y", "x1"])))
    filled = units["x1"].fillna(units["x1"].mean()).to_numpy()
    expected = dense(units, units["y"].to_numpy(), filled)
    assert (found.test.estimate, found.test.std_error) == pytest.approx(expected, rel=1e-8)


def test_a_constant_covariate_changes_nothing() -> None:
    units = control_units().assign(x1=7.5)
    plain = border_effect(border(border_rows(units, ["y"])))
    assert border_effect(border(border_rows(units, ["y", "x1"]))).test == plain.test


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("kind == 'none'", "few_border_units"),
        ("cluster == 3", "few_border_units"),
        ("kind == 'none' or index < 12", "few_border_units"),
        ("index < 0", "few_border_units"),
    ],
)
def test_too_little_is_said(query: str, reason: str) -> None:
    found = border_effect(border(border_rows(control_units().query(query), ["y", "x1"])))
    assert (found.reason, found.test) == (reason, None)


def test_a_denominator_of_zero_is_said() -> None:
    units = control_units().assign(z=0.0)
    assert border_effect(border(border_rows(units, ["y", "z"]))).reason == "undefined_ratio"


def test_a_constant_outcome_is_not_tested() -> None:
    found = border_effect(border(border_rows(control_units().assign(y=2.0), ["y"])))
    assert (found.test.p_value, found.test.reason_code) == (None, "zero_variance")
