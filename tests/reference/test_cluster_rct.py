"""Clusters against the reference cases: errors, correlation, design effect, and no clusters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from reference_cases import CASES, data, near

from causalops.estimators.randomised.cluster_totals import totals_of_units
from causalops.estimators.randomised.clustered import Arms, clustered
from causalops.estimators.randomised.clusters import intraclass, linear
from causalops.estimators.randomised.contrasts import Contrast, contrast
from causalops.estimators.randomised.effects import inference_of
from causalops.moments import from_rows


def arms(table: pd.DataFrame, ddof: int = 1) -> tuple[Contrast, Arms]:
    """Units with columns cluster, treated and y as contrast and totals (variant, baseline)."""
    sides = [table[table["treated"] == side] for side in (1, 0)]
    blocks = [from_rows({"y": side["y"].to_numpy()}) for side in sides]
    totals = [totals_of_units(side["cluster"], {"y": side["y"]}) for side in sides]
    return contrast([(blocks[0], blocks[1])], ddof=ddof), (totals[0], totals[1])


def test_thornton_villages() -> None:
    """Most villages hold both arms, so that a cluster's two totals must be joined."""
    case = CASES["cluster_thornton_village"]
    want = case["expected"]
    table = data("thornton_hiv.csv").dropna(subset=["got", "any", "villnum"])
    table = table.rename(columns={"villnum": "cluster", "any": "treated", "got": "y"})
    assert (len(table), table["cluster"].nunique()) == (want["n"], want["n_clusters"])
    plain, totals = arms(table, ddof=0)
    found = clustered(plain, totals, "cr1")
    result = inference_of(found, 0.05)
    assert result.estimate == near(case, want["estimate"])
    assert result.std_error == near(case, want["se_cr1"])
    assert result.df == want["n_clusters"] - 1
    assert result.p_value == pytest.approx(want["p_t_gminus1"], rel=1e-4)
    assert [result.ci_low, result.ci_high] == near(case, want["ci"])
    # Without the clusters: HC1 of the same regression, and the ratio of the two variances.
    assert plain.variance is not None
    assert found.variance is not None
    hc1 = plain.variance * want["n"] / (want["n"] - 2)
    assert np.sqrt(hc1) == near(case, want["se_hc1"])
    assert found.variance / hc1 == near(case, want["deff_var_ratio"])
    whole = linear(totals_of_units(table["cluster"], {"y": table["y"]}), {"y": (1.0,)})
    scatter = float(((table["y"] - table["y"].mean()) ** 2).sum())
    assert intraclass([(whole, scatter)])[0] == near(case, want["icc_anova"])


def test_one_cluster_an_arm() -> None:
    case = CASES["edge_single_cluster"]
    shape = case["dataset"]
    assert (shape["clusters_treated"], shape["clusters_control"]) == (1, 1)
    table = pd.DataFrame({"cluster": ["a"] * 30 + ["b"] * 30, "treated": [1] * 30 + [0] * 30})
    table["y"] = np.arange(60.0) + 500 * table["treated"]
    plain, totals = arms(table)
    for kind in ("cr1", "cr2"):
        result = inference_of(clustered(plain, totals, kind), 0.05)
        assert (result.status, result.reason_code) == ("skipped", case["expected_status"])
        assert (result.std_error, result.p_value, result.ci_low) == (None, None, None)
        assert result.estimate == pytest.approx(470)
