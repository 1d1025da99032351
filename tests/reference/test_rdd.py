"""Jumps at a cutoff: the published extract, and rdrobust itself on rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rdrobust import rdrobust
from reference_cases import CASES, STATUS, data, near

from causalops.estimators.quasi.cutoff_sample import Sample, sample
from causalops.estimators.quasi.fuzzy_cutoff import fuzzy_jump
from causalops.estimators.quasi.local_polynomial import Bandwidths, Options, jump


@pytest.fixture(scope="module")
def transfers() -> pd.DataFrame:
    return data("gov_transfers.csv")


def test_government_transfers(transfers: pd.DataFrame) -> None:
    """Manacorda, Miguel & Vigorito (2011): treated below the cutoff, so the sign turns."""
    want = CASES["rd_gov_transfers"]["expected"]

    def case(expected: object) -> object:
        return near(CASES["rd_gov_transfers"], expected)

    found = jump(sample(transfers["Support"], transfers["Income_Centered"], 0.0, False))
    assert found.bandwidths is not None
    assert found.conventional.estimate == case(-want["conventional"])
    assert found.conventional.std_error == case(want["se_conventional"])
    assert found.conventional.p_value == case(want["p_conventional"])
    assert found.bias_corrected.estimate == case(-want["bias_corrected"])
    assert found.robust.std_error == case(want["se_robust"])
    assert found.robust.p_value == case(want["p_robust"])
    low, high = want["ci_robust"]
    assert [found.robust.ci_low, found.robust.ci_high] == case([-high, -low])
    assert list(found.bandwidths.h) == case(want["h"])
    assert list(found.bandwidths.b) == case(want["b"])
    assert (list(found.n_h), list(found.n)) == (want["n_h"], want["n"])
    # The published row: conventional point, everything else robust and bias-corrected.
    headline = found.headline
    assert headline.estimate == found.conventional.estimate
    assert (headline.p_value, headline.ci_low) == (found.robust.p_value, found.robust.ci_low)


def test_fixed_bandwidths_need_only_the_rows_within(transfers: pd.DataFrame) -> None:
    """The bandwidths come from all rows: selected on rows nearby they give another answer."""
    rows = sample(transfers["Support"], transfers["Income_Centered"], 0.0)
    full = jump(rows)
    assert full.bandwidths is not None
    again = jump(rows, bandwidths=full.bandwidths)
    assert again.robust.estimate == pytest.approx(full.robust.estimate, rel=1e-11)
    assert again.robust.std_error == pytest.approx(full.robust.std_error, rel=1e-11)
    assert (again.n, again.n_h, again.n_b) == (full.n, full.n_h, full.n_b)
    nearby = rows.only(np.abs(rows.x) <= 2 * full.bandwidths.h[0])
    assert jump(nearby).conventional.estimate == pytest.approx(0.2926, abs=5e-4)


def test_one_side_only() -> None:
    case = CASES["edge_rdd_one_side"]
    x = np.random.default_rng(1).uniform(0, 1, 300)
    found = jump(sample(x + 1, x, 0.0)).headline
    assert (found.status, found.reason_code) == STATUS[case["expected_status"]]
    for value in (found.estimate, found.std_error, found.p_value, found.ci_low, found.ci_high):
        assert value is None


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Treatment is likelier above a cutoff at 2; a covariate, and clusters of about 15."""
    rng = np.random.default_rng(8)
    n = 1_500
    x, z, group = rng.normal(2, 1, n), rng.normal(size=n), rng.integers(0, 100, n)
    d = (rng.random(n) < 0.2 + 0.5 * (x >= 2)).astype(float)
    y = 1 + 0.4 * x + d + z + rng.normal(size=100)[group] * 0.3 + rng.normal(size=n)
    return pd.DataFrame({"y": y, "x": x, "z": z, "d": d, "group": group})


def held(rows: pd.DataFrame, **kept: object) -> Sample:
    return sample(rows["y"], rows["x"], 2.0, **kept)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kept", "theirs", "options"),
    [
        ({}, {}, Options()),
        ({"covariates": "z"}, {"covs": "z"}, Options()),
        ({"clusters": "group"}, {"cluster": "group"}, Options()),
        ({}, {"p": 2, "kernel": "uniform"}, Options(order=2, kernel="uniform")),
    ],
    ids=["plain", "covariate", "clusters", "quadratic uniform"],
)
def test_sharp_rows_against_rdrobust(
    rows: pd.DataFrame, kept: dict[str, str], theirs: dict[str, str], options: Options
) -> None:
    ours = jump(held(rows, **{k: rows[v] for k, v in kept.items()}), options=options)
    passed = {k: rows[v] if k in ("covs", "cluster") else v for k, v in theirs.items()}
    want = rdrobust(rows["y"], rows["x"], c=2.0, **passed)
    found = (ours.conventional, ours.bias_corrected, ours.robust)
    for row, name in zip(found, want.coef.index, strict=True):
        assert row.estimate == pytest.approx(want.coef.loc[name].item(), rel=1e-8), name
        assert row.std_error == pytest.approx(want.se.loc[name].item(), rel=1e-6), name
        assert row.p_value == pytest.approx(want.pv.loc[name].item(), rel=1e-6), name
        assert row.ci_low == pytest.approx(want.ci.loc[name].iloc[0], rel=1e-6), name
    assert ours.levels == pytest.approx(tuple(map(float, want.tau_cl)), rel=1e-8)


def test_fuzzy_rows_against_rdrobust(rows: pd.DataFrame) -> None:
    ours = fuzzy_jump(held(rows, received=rows["d"]))
    want = rdrobust(rows["y"], rows["x"], c=2.0, fuzzy=rows["d"])
    for found, coefficient, error in (
        (ours.late, want.coef, want.se),
        (ours.first_stage, want.tau_T, want.se_T),
    ):
        estimates = [found.conventional.estimate, found.robust.estimate]
        errors = [found.conventional.std_error, found.robust.std_error]
        assert estimates == pytest.approx(coefficient.iloc[[0, 2], 0].to_list(), rel=1e-8)
        assert errors == pytest.approx(error.iloc[[0, 2], 0].to_list(), rel=1e-6)
    widths = [list(map(float, want.bws.loc[name])) for name in ("h", "b")]
    itt = rdrobust(rows["y"], rows["x"], c=2.0, h=widths[0], b=widths[1])
    assert ours.itt.robust.estimate == pytest.approx(itt.coef.iloc[2, 0], rel=1e-8)
    assert ours.itt.robust.std_error == pytest.approx(itt.se.iloc[2, 0], rel=1e-6)
    parts = [part.conventional.estimate or 0.0 for part in (ours.itt, ours.first_stage)]
    assert parts[0] / parts[1] == pytest.approx(ours.late.conventional.estimate, rel=1e-8)


def test_the_anderson_rubin_bounds_invert_the_robust_test(rows: pd.DataFrame) -> None:
    """At a bound b, the robust test of the jump of y - b d is exactly at its critical value."""
    held_rows = held(rows, received=rows["d"])
    found = fuzzy_jump(held_rows)
    bounds = (found.anderson_rubin.ci_low, found.anderson_rubin.ci_high)
    assert found.anderson_rubin.ci_shape == "interval"
    assert found.late.bandwidths is not None
    for bound in bounds:
        assert bound is not None
        at = sample(rows["y"] - bound * rows["d"], rows["x"], 2.0)
        tested = jump(at, bandwidths=found.late.bandwidths).robust
        assert abs(tested.statistic or 0.0) == pytest.approx(1.959963984540054, rel=1e-6)


def test_treated_below_turns_every_sign(rows: pd.DataFrame) -> None:
    """The mirrored score with treatment below says the same of the same units."""
    above = fuzzy_jump(held(rows, received=rows["d"]))
    mirrored = rows.assign(x=4 - rows["x"])
    below = fuzzy_jump(held(mirrored, received=rows["d"], treated_above=False))
    for name in ("late", "itt", "first_stage"):
        one, other = getattr(above, name), getattr(below, name)
        assert one.robust.estimate == pytest.approx(other.robust.estimate, rel=1e-8), name
        assert one.robust.std_error == pytest.approx(other.robust.std_error, rel=1e-8), name
        assert one.n_h == other.n_h[::-1], name
    assert isinstance(above.late.bandwidths, Bandwidths)
