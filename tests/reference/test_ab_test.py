"""Means, ratios, CUPED, triggering and winsorising against the reference cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from reference_cases import CASES, STATUS, data, near

from causalops.estimators.randomised.contrasts import Contrast, contrast
from causalops.estimators.randomised.counts import srm_test
from causalops.estimators.randomised.dilution import dilute
from causalops.estimators.randomised.effects import inference_of
from causalops.inference import lift_delta, lift_fieller
from causalops.moments import Block, from_rows, winsor_cap

NAN = float("nan")


def arms(table: pd.DataFrame, treated: str, **parts: str) -> tuple[Block, Block]:
    """The treated and the control units, with measures by part name."""
    found = [
        from_rows({p: table.loc[table[treated] == t, c].to_numpy() for p, c in parts.items()})
        for t in (1, 0)
    ]
    return found[0], found[1]


def check_welch(case: dict[str, Any], expected: dict[str, Any], found: Contrast) -> None:
    """Everything a difference in means prints."""
    result = inference_of(found, 0.05)
    assert (found.variant.n, found.baseline.n) == (expected["n_treated"], expected["n_control"])
    assert found.variant.mean == near(case, expected["mean_treated"])
    assert found.baseline.mean == near(case, expected["mean_control"])
    for ours, theirs in {
        "estimate": "estimate", "std_error": "se", "df": "df", "statistic": "t",
        "p_value": "p_value", "ci_low": "ci_lower", "ci_high": "ci_upper",
    }.items():  # fmt: skip
        assert getattr(result, ours) == near(case, expected[theirs]), ours
    assert found.levels is not None
    delta, fieller = lift_delta(found.levels, 0.05), lift_fieller(found.levels, 0.05)
    assert delta.estimate == near(case, expected["rel_lift"])
    assert delta.std_error == near(case, expected["rel_se_delta"])
    assert [delta.ci_low, delta.ci_high] == near(case, expected["rel_ci_delta_z"])
    assert [fieller.ci_low, fieller.ci_high] == near(case, expected["rel_ci_fieller_z"])


def test_difference_in_means() -> None:
    case = CASES["mean_nsw_lalonde"]
    found = inference_of(contrast([arms(data("nsw.csv"), "treat", y="re78")]), 0.05)
    assert found.estimate == near(case, case["expected"]["estimate"])
    assert found.std_error == near(case, case["expected"]["se_hc2"])


def test_ratio_metric() -> None:
    case = CASES["ratio_sessions_sim"]
    want = case["expected"]
    found = contrast([arms(data("ratio_sessions.csv"), "t", y="num", z="den")], ratio=True)
    result = inference_of(found, 0.05)
    assert (found.variant.n, found.baseline.n) == (want["n_treated"], want["n_control"])
    assert found.variant.mean == near(case, want["ratio_treated"])
    assert found.baseline.mean == near(case, want["ratio_control"])
    assert result.estimate == near(case, want["estimate"])
    assert result.std_error == near(case, want["se_delta"])
    assert result.statistic == near(case, want["z"])
    assert result.p_value == near(case, want["p_value"])
    assert result.std_error > 1.2 * want["se_naive_binomial"]
    assert found.levels is not None
    lift = lift_delta(found.levels, 0.05)
    assert [lift.estimate, lift.std_error] == near(case, [want["rel_lift"], want["rel_se"]])


def test_cuped_and_lin() -> None:
    case = CASES["cuped_nsw_re75"]
    want = case["expected"]
    pair = arms(data("nsw.csv"), "treat", y="re78", x1="re75")
    found = contrast([pair], method="cuped", names=["pre"])
    result = inference_of(found, 0.05)
    plain = inference_of(contrast([pair]), 0.05)
    assert found.theta["pre"] == near(case, want["theta_pooled"])
    assert found.rho == near(case, want["rho"])
    assert [result.estimate, result.std_error] == near(case, [want["estimate"], want["se"]])
    assert result.p_value == near(case, want["p_value"])
    assert [result.ci_low, result.ci_high] == near(case, want["ci"])
    assert [plain.estimate, plain.std_error] == near(case, [want["estimate_raw"], want["se_raw"]])
    assert plain.std_error is not None
    assert result.std_error is not None
    ratio = (result.std_error / plain.std_error) ** 2
    # The case's ratio is of the pooled variances of adjusted and raw values; ours is of the SEs.
    assert ratio == pytest.approx(want["variance_ratio"], rel=1e-3)
    lin = inference_of(contrast([pair], method="lin"), 0.05)
    assert lin.estimate == near(case, want["lin_estimate"])
    assert lin.std_error == pytest.approx(668.959, abs=0.001)  # superpopulation, not HC2


def test_triggering() -> None:
    case = CASES["trigger_sim"]
    want = case["expected"]
    table = data("trigger.csv")
    everyone = arms(table, "t", y="y")
    chosen = arms(table[table["triggered"] == 1], "t", y="y")
    found = contrast([chosen])
    check_welch(case, want["triggered"], found)
    check_welch(case, want["all_users"], contrast([everyone]))
    diluted = dilute(found, everyone, chosen, ratio=False, alpha=0.05)
    assert diluted.share == near(case, want["trigger_share"])
    assert diluted.absolute.estimate == near(case, want["diluted_effect"])
    assert diluted.fixed_share_error == near(case, want["diluted_se_fixed_share"])
    observed = dict(zip(("c", "t"), want["n_triggered"], strict=True))
    assert srm_test(observed, {"c": 1, "t": 1}).p_value == near(case, want["srm_triggered_p"])


def test_winsorising() -> None:
    case = CASES["winsor_nsw"]
    table = data("nsw.csv")
    cap = winsor_cap(table["re78"].to_numpy(), 0.99)
    assert cap == near(case, case["expected"]["cap"])
    table["y"] = table["re78"].clip(upper=cap)
    check_welch(case, case["expected"], contrast([arms(table, "treat", y="y")]))


def test_large_offset() -> None:
    case = CASES["numerics_offset_sql"]
    block = from_rows({"y": 1e9 + np.repeat(np.arange(10.0), 100)})
    assert block.c[0, 0] / (block.size - 1) == near(case, case["expected"]["var"])
    assert block.mean_of("y") == near(case, case["expected"]["mean"])


@pytest.mark.parametrize("name", ["edge_zero_variance_both", "edge_empty_arm"])
def test_no_inference(name: str) -> None:
    case = CASES[name]
    values = case["dataset"]
    pair = from_rows({"y": values["treated"]}), from_rows({"y": values["control"]})
    result = inference_of(contrast([pair]), 0.05)
    assert (result.status, result.reason_code) == STATUS[case["expected_status"]]
    assert (result.p_value, result.std_error, result.ci_low) == (None, None, None)


@pytest.mark.parametrize("rule", ["drop", "zero"])
def test_missing_values(rule: str) -> None:
    case = CASES["edge_null_metric"]
    want = case["expected"][rule]
    filler = NAN if rule == "drop" else 0.0
    pair = [
        from_rows({"y": [filler if v is None else v for v in case["dataset"][arm]]})
        for arm in ("treated", "control")
    ]
    found = contrast([(pair[0], pair[1])])
    assert [found.variant.n, found.baseline.n] == want["n"]
    assert inference_of(found, 0.05).estimate == near(case, want["estimate"])


def test_control_mean_zero() -> None:
    case = CASES["edge_control_mean_zero"]
    values = case["dataset"]
    found = contrast([(from_rows({"y": values["treated"]}), from_rows({"y": values["control"]}))])
    assert inference_of(found, 0.05).estimate == near(case, case["expected"]["estimate"])
    assert found.levels is not None
    for lift in (lift_delta(found.levels, 0.05), lift_fieller(found.levels, 0.05)):
        assert (lift.status, lift.reason_code) == STATUS[case["expected_status"]]
        assert lift.estimate is None


def test_constant_covariate() -> None:
    case = CASES["edge_cuped_constant_covariate"]
    rng = np.random.default_rng(1)
    pair = [from_rows({"y": rng.normal(size=50), "x1": np.zeros(50)}) for _ in "vb"]
    found = contrast([(pair[0], pair[1])], method="cuped", names=["pre"])
    assert (found.note, found.dropped) == (case["expected_status"], {"pre": "constant"})
    plain = contrast([(pair[0], pair[1])])
    assert (found.effect, found.variance) == (plain.effect, plain.variance)
