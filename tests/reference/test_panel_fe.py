"""Fixed effects against the textbook panels, linearmodels, and pyfixest's published case."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from linearmodels.panel import PanelOLS
from linearmodels.panel import RandomEffects as TheirRandomEffects
from reference_cases import CASES, data, near

from causalops.estimators.quasi.effects import codes
from causalops.estimators.quasi.hausman import RandomEffects, hausman, random_effects
from causalops.estimators.quasi.panel_fixed_effects import (
    PERIOD,
    UNIT,
    PanelFit,
    panel_fixed_effects,
    panel_ols_covariance,
)
from causalops.estimators.quasi.regression import CLASSIC

X = ["value", "capital"]


def errors(covariance: Any) -> list[float]:
    assert not isinstance(covariance, str), covariance
    return [float(value) for value in np.sqrt(np.diag(covariance))]


def grunfeld(firms: str = "firms10") -> pd.DataFrame:
    rows = data("grunfeld.csv")
    return rows[rows["firm"] != "American Steel"] if firms == "firms10" else rows


def fitted(rows: pd.DataFrame, *effects: str, **options: Any) -> PanelFit:
    return panel_fixed_effects(rows["firm"], rows["year"], rows["invest"],
                               {name: rows[name] for name in X}, effects, **options)  # fmt: skip


@pytest.mark.parametrize("firms", ["firms10", "firms11"])
def test_grunfeld(firms: str) -> None:
    """Clustered errors of this case are linearmodels': n / (n - 2), no G / (G - 1)."""
    case = CASES["panel_fe_grunfeld"]
    want = case["expected"][firms]
    panel = fitted(grunfeld(firms), UNIT)
    fit = panel.fit
    assert (fit.residuals.n, panel.n_units, panel.n_periods) == (want["n"], want["n"] // 20, 20)
    assert dict(zip(X, fit.coefficients, strict=True)) == near(case, want["params"])
    assert dict(zip(X, errors(fit.covariance(CLASSIC)), strict=True)) == near(case, want["se"])
    clustered = errors(panel_ols_covariance(panel))
    assert dict(zip(X, clustered, strict=True)) == near(case, want["se_cluster"])
    # Ours, as pyfixest's and Stata's: G / (G - 1) (n - 1) / (n - 3).
    n, groups = want["n"], panel.n_units
    factor = groups / (groups - 1) * (n - 1) / (n - 3) / (n / (n - 2))
    assert errors(fit.covariance("cr1")) == pytest.approx(np.array(clustered) * factor**0.5)


def test_castle_two_way() -> None:
    """pyfixest's CRV1 by state: state effects are nested in the clusters and not counted."""
    case = CASES["did_castle_twfe"]
    want, rows = case["expected"], data("castle.csv")
    for prefix, weights in (("", None), ("weighted_", rows["popwt"])):
        panel = panel_fixed_effects(rows["sid"], rows["year"], rows["l_homicide"],
                                    {"post": rows["post"]}, (UNIT, PERIOD), weights)  # fmt: skip
        found = panel.fit.inference("post", "cr1", 0.05)
        assert panel.fit.residuals.n == want["n"]
        assert [found.estimate, found.std_error] == near(
            case, [want[f"{prefix}estimate"], want[f"{prefix}se"]]
        )
        assert prefix or found.p_value == near(case, want["p_value"])


@pytest.mark.parametrize("effects", [(UNIT,), (PERIOD,), (UNIT, PERIOD)], ids="+".join)
@pytest.mark.parametrize("is_weighted", [False, True])
def test_unbalanced_rows_against_linearmodels(effects: tuple[str, ...], is_weighted: bool) -> None:
    rows = grunfeld().sample(frac=0.8, random_state=3)
    weights = pd.Series(np.random.default_rng(2).random(len(rows)) + 0.1, rows.index)
    panel = fitted(rows, *effects, weights=weights if is_weighted else None)
    indexed = rows.assign(year=rows["year"].astype(int), weights=weights)
    indexed = indexed.set_index(["firm", "year"])
    model = PanelOLS(indexed["invest"], indexed[X], entity_effects=UNIT in effects,
                     time_effects=PERIOD in effects,
                     weights=indexed["weights"] if is_weighted else None)  # fmt: skip
    plain, clustered = model.fit(), model.fit(cov_type="clustered", cluster_entity=True)
    assert panel.fit.coefficients == pytest.approx(plain.params.to_numpy(), rel=1e-8)
    assert errors(panel.fit.covariance(CLASSIC)) == pytest.approx(
        plain.std_errors.to_numpy(), rel=1e-6
    )
    assert errors(panel_ols_covariance(panel)) == pytest.approx(
        clustered.std_errors.to_numpy(), rel=1e-6
    )
    if effects == (UNIT,) and not is_weighted:
        assert panel.within_r2 == pytest.approx(plain.rsquared_within, rel=1e-8)


def test_hausman() -> None:
    """The published test of the R package plm on 10 firms: chi-square 2.3304, df 2, p .3119; its
    variances 2784.46 and 7089.80 (Croissant & Millo 2008)."""
    rows = grunfeld()
    outcome = rows["invest"].to_numpy()
    columns = {name: rows[name].to_numpy() for name in X}
    test = hausman(rows["firm"], rows["year"], outcome, columns)
    assert (test.df1, test.statistic) == (2, pytest.approx(2.3304, abs=5e-5))
    assert test.p_value == pytest.approx(0.3119, abs=5e-5)
    random = random_effects(fitted(rows, UNIT), codes(rows["firm"]), outcome,
                            list(columns.values()))  # fmt: skip
    assert isinstance(random, RandomEffects)
    assert [random.variance_error, random.variance_unit] == pytest.approx(
        [2784.46, 7089.80], abs=5e-3
    )


def test_random_effects_of_an_unbalanced_panel() -> None:
    rows = grunfeld().sample(frac=0.8, random_state=3)
    random = random_effects(fitted(rows, UNIT), codes(rows["firm"]), rows["invest"].to_numpy(),
                            [rows[name].to_numpy() for name in X])  # fmt: skip
    assert isinstance(random, RandomEffects)
    indexed = rows.assign(year=rows["year"].astype(int), const=1.0).set_index(["firm", "year"])
    their = TheirRandomEffects(indexed["invest"], indexed[["const", *X]]).fit()
    assert random.coefficients == pytest.approx(their.params[X].to_numpy(), rel=1e-8)
    assert errors(random.covariance) == pytest.approx(their.std_errors[X].to_numpy(), rel=1e-6)
