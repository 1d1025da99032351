"""Cluster totals give what dense matrices give: CR1, CR2, df, mixed and grouped clusters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from causalops.estimators.randomised.cluster_totals import (
    Totals,
    by_size,
    complete,
    totals_of_columns,
    totals_of_units,
)
from causalops.estimators.randomised.clusters import cluster_variance, intraclass, linear
from causalops.moments import Floats

Names = npt.NDArray[np.str_]
LOADINGS = ({"y": (1.0,)}, {"y": (-1.0,)})


def units(seed: int, clusters: int = 9, mixed: bool = False) -> tuple[Names, Floats, Floats]:
    """Cluster, arm and outcome of units in clusters of unequal size."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(clusters), rng.integers(2, 40, clusters))
    arm = (label % 2).astype(float)
    if mixed:
        arm = np.where(label < clusters - 4, rng.integers(0, 2, len(label)), arm)
    y = 50 + rng.normal(size=clusters)[label] + rng.normal(size=len(label)) + arm
    return label.astype(str), arm, y


def sides(label: Names, arm: Floats, y: Floats) -> tuple[Totals, Totals]:
    return tuple(totals_of_units(label[arm == a], {"y": y[arm == a]}, {"y": 49.0}) for a in (1, 0))  # type: ignore[return-value]


def power(matrix: Floats, exponent: float) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * np.maximum(values, 1e-300) ** exponent @ vectors.T)


def dense_cr2(label: Names, arm: Floats, y: Floats) -> tuple[float, float]:
    """Variance and df of the arm's coefficient by the matrices themselves."""
    x = np.column_stack([np.ones(len(y)), arm])
    bread = np.linalg.inv(x.T @ x)
    annihilator = np.eye(len(y)) - x @ bread @ x.T
    residual = annihilator @ y
    weights = []
    for name in np.unique(label):
        own = label == name
        adjust = power(annihilator[np.ix_(own, own)], -0.5)
        weight = np.zeros(len(y))
        weight[own] = adjust @ x[own] @ bread[1]
        weights.append(weight)
    stacked = np.array(weights)
    product = stacked @ annihilator @ stacked.T
    return float(((stacked @ residual) ** 2).sum()), float(
        np.trace(product) ** 2 / (product**2).sum()
    )


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_cr2_and_df_equal_the_dense_matrices(seed: int, mixed: bool) -> None:
    label, arm, y = units(seed, mixed=mixed)
    assert mixed == any(len(set(arm[label == name])) == 2 for name in label)
    found = cluster_variance(*map(linear, sides(label, arm, y), LOADINGS))
    variance, df = dense_cr2(label, arm, y)
    assert found.covariance is not None
    assert found.covariance[0, 0] == pytest.approx(variance, rel=1e-10)
    assert found.df == pytest.approx(df, rel=1e-10)


@pytest.mark.parametrize("mixed", [False, True])
def test_cr1_equals_statsmodels(mixed: bool) -> None:
    import statsmodels.api as sm

    label, arm, y = units(4, mixed=mixed)
    fit = sm.OLS(y, sm.add_constant(arm)).fit(
        cov_type="cluster", cov_kwds={"groups": label.astype(int)}, use_t=True
    )
    found = cluster_variance(*map(linear, sides(label, arm, y), LOADINGS), kind="cr1")
    assert found.covariance is not None
    assert np.sqrt(found.covariance[0, 0]) == pytest.approx(fit.bse[1], rel=1e-10)
    assert found.df == len(set(label)) - 1


def test_groups_of_equal_size_lose_nothing() -> None:
    rng = np.random.default_rng(5)
    label = np.repeat(np.arange(300), rng.integers(1, 6, 300))
    arm = (label % 2).astype(float)
    y = rng.normal(size=300)[label] + rng.normal(size=len(label))
    x = np.where(rng.random(len(label)) < 0.2, np.nan, y + rng.normal(size=len(label)))
    single = [
        totals_of_units(label[arm == a], {"y": y[arm == a], "x1": x[arm == a]}, {"x1": 0.3})
        for a in (1, 0)
    ]
    loadings = [{"y": (s, 0.5), "x1": (-0.4 * s, 0.0)} for s in (1.0, -1.0)]
    centres = {"x1": 0.7}
    found = [
        cluster_variance(*(linear(complete(arm, centres), load)
                           for arm, load in zip(arms, loadings, strict=True)), kind=kind)
        for kind in ("cr2", "cr1")
        for arms in (single, [by_size(arm, name) for arm, name in zip(single, "tc", strict=True)])
    ]  # fmt: skip
    assert len(by_size(single[0], "t").labels) == 5
    for alone, together in (found[:2], found[2:]):
        np.testing.assert_allclose(together.covariance, alone.covariance, rtol=1e-11)  # type: ignore[arg-type]
        assert together.df == pytest.approx(alone.df, rel=1e-12)
        assert together.n_clusters == alone.n_clusters == (150, 150)


def test_a_missing_covariate_is_its_centre() -> None:
    label, _, y = units(6)
    x = np.where(np.arange(len(y)) % 3 == 0, np.nan, y * 2)
    load = {"y": (1.0,), "x1": (-0.3,)}
    centred = totals_of_units(label, {"y": y, "x1": np.where(np.isnan(x), 90.0, x)})
    missing = complete(totals_of_units(label, {"y": y, "x1": x}, {"y": 40, "x1": 80}), {"x1": 90.0})
    np.testing.assert_allclose(
        linear(missing, load).total, linear(centred, load).total, atol=1e-9
    )
    with pytest.raises(KeyError, match="x2"):
        linear(missing, {"x2": (1.0,)})


def test_two_estimates_give_their_covariance() -> None:
    label, arm, y = units(7, mixed=True)
    d = (np.arange(len(y)) % 3 < 1 + arm).astype(float)
    both = [
        totals_of_units(label[arm == a], {"y": y[arm == a], "d": d[arm == a]}) for a in (1, 0)
    ]
    loadings = [{"y": (s, 0.0), "d": (0.0, s)} for s in (1.0, -1.0)]
    pair = cluster_variance(*map(linear, both, loadings)).covariance
    b = 2.5
    lone = [totals_of_units(label[arm == a], {"r": (y - b * d)[arm == a]}) for a in (1, 0)]
    direct = cluster_variance(*map(linear, lone, ({"r": (1.0,)}, {"r": (-1.0,)}))).covariance
    assert pair is not None
    assert direct is not None
    assert np.array([1, -b]) @ pair @ np.array([1, -b]) == pytest.approx(direct[0, 0], rel=1e-10)


def test_far_from_zero_no_digit_is_lost() -> None:
    label, arm, y = units(8)
    y = np.round(y * 1024) / 1024
    near = cluster_variance(*map(linear, sides(label, arm, y), LOADINGS)).covariance
    far = [totals_of_units(label[arm == a], {"y": (y + 2.0**30)[arm == a]}, {"y": 2.0**30 + 49})
           for a in (1, 0)]  # fmt: skip
    np.testing.assert_allclose(
        cluster_variance(*map(linear, far, LOADINGS)).covariance, near, rtol=1e-9  # type: ignore[arg-type]
    )


def test_fewer_than_two_clusters_in_an_arm() -> None:
    label, arm, y = units(9, clusters=3)
    found = cluster_variance(*map(linear, sides(label, arm, y), LOADINGS))
    assert (found.reason, found.covariance, found.df) == ("too_few_clusters", None, None)
    assert found.n_clusters == (1, 2)


def test_rows_of_the_warehouse() -> None:
    label, arm, y = units(10)
    single = sides(label, arm, y)[0]
    rows = {"label": np.array(single.labels), "n_units": single.size, "n_clusters": single.count,
            "a": np.full(len(single.labels), "y"), "b": np.full(len(single.labels), "y"),
            "sum_a": single.total[:, 0], "sum_ab": np.full(len(single.labels), None),
            "shift_a": np.full(len(single.labels), 49.0)}  # fmt: skip
    read = totals_of_columns(rows)
    np.testing.assert_array_equal(read.total, single.total)
    np.testing.assert_array_equal(read.cross, single.cross)
    assert (read.labels, read.shift.tolist()) == (single.labels, [49.0])


def test_intraclass_correlation_of_nothing_and_of_everything() -> None:
    label, _, y = units(11)
    alike = np.unique(label, return_inverse=True)[1].astype(float)
    nothing = (None, "zero_variance")
    for values, expected in ((alike, (1.0, None)), (np.zeros(len(y)), nothing)):
        arm = linear(totals_of_units(label, {"y": values}), {"y": (1.0,)})
        scatter = float(((values - values.mean()) ** 2).sum())
        assert intraclass([(arm, scatter)]) == expected
    lonely = replace(arm, size=np.ones(len(arm.size)))
    assert intraclass([(lonely, 1.0)]) == (None, "one_unit_per_cluster")
    single = linear(totals_of_units(np.zeros(5), {"y": np.arange(5.0)}), {"y": (1.0,)})
    assert intraclass([(single, 10.0), (single, 10.0)]) == (None, "too_few_clusters")
    constant = linear(totals_of_units(label, {"y": 0 * y + 0.1}), {"y": (1.0,)})
    assert constant.square.max() > 0  # rounding, which without the scale has a correlation
    assert intraclass([(constant, 1e-30)], scale=0.1) == nothing
    assert intraclass([(constant, 1e-30)])[0] is not None
