"""Complier effects against the vitamin A trial and, on rows, against linearmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from linearmodels.iv import IV2SLS
from reference_cases import CASES, near

from causalops.estimators.randomised import compliance as cp
from causalops.estimators.randomised.contrasts import contrast
from causalops.estimators.randomised.effects import inference_of
from causalops.moments import EMPTY, Block, from_rows


def survival(units: int, deaths: int) -> Block:
    """Children of one cell: 1 survived, 0 died."""
    return from_rows({"y": np.repeat([0.0, 1.0], [deaths, units - deaths])})


def test_vitamin_a() -> None:
    case = CASES["cace_vitamin_a"]
    want, cells = case["expected"], case["dataset"]["cells"]
    blocks = {name: survival(cell["n"], cell["deaths"]) for name, cell in cells.items()}
    control, refused, took = blocks["z0"], blocks["z1_d0"], blocks["z1_d1"]
    measure = cp.from_halves([((refused, took), (control, EMPTY))], "unadjusted")
    itt, first = measure(cp.OUTCOME), measure(cp.RECEIVED)
    assert itt.variance is not None
    assert first.variance is not None
    assert itt.variant.n + itt.baseline.n == want["n"]
    assert [itt.effect, itt.variance**0.5] == near(case, [want["itt"], want["itt_se_hc0"]])
    assert [first.effect, first.variance**0.5] == near(
        case, [want["first_stage"], want["first_stage_se_hc0"]]
    )
    assert cp.strength(measure) == near(case, want["first_stage_F_hc0"])
    wald = inference_of(cp.wald(measure), 0.05)
    assert [wald.estimate, wald.std_error] == near(case, [want["estimate"], want["se"]])
    assert [wald.ci_low, wald.ci_high] == near(case, want["ci"])
    assert wald.p_value == near(case, want["p_value"])
    robust = cp.anderson_rubin(measure, 0.05)
    assert [robust.estimate, robust.std_error] == near(case, [want["estimate"], want["se"]])
    # A strong first stage: both intervals agree in three digits.
    assert [robust.ci_low, robust.ci_high] == pytest.approx(want["ci"], rel=1e-3)
    found = cp.terms(measure)
    assert found["never_taker_mean"].estimate == near(case, want["never_taker_survival"])
    assert found["share_always_takers"].estimate == 0
    # What a naive comparison would have said.
    as_treated = inference_of(contrast([(took, control.merge(refused))]), 0.05).estimate
    per_protocol = inference_of(contrast([(took, control)]), 0.05).estimate
    assert [as_treated, per_protocol] == near(case, [want["as_treated"], want["per_protocol"]])
    assert min(abs(as_treated or 0.0), abs(per_protocol or 0.0)) > 1.5 * (robust.estimate or 1.0)


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """Users who follow an invitation or not; the outcome shares a cause with compliance."""
    rng = np.random.default_rng(21)
    n = 4_000
    cause, before = rng.normal(size=n), rng.normal(size=n)
    z = (rng.random(n) < 0.35).astype(float)
    d = (cause + 0.8 * z + rng.normal(size=n) > 0.4).astype(float)
    y = 3 + 0.5 * d + cause + before + rng.normal(size=n)
    return pd.DataFrame({"y": y, "d": d, "z": z, "x": before})


def measured(log: pd.DataFrame, method: str) -> cp.Measure:
    arms = []
    for z in (1, 0):
        pair = [log[(log["z"] == z) & (log["d"] == d)] for d in (0, 1)]
        blocks = [from_rows({"y": part["y"], "x1": part["x"]}) for part in pair]
        arms.append((blocks[0], blocks[1]))
    return cp.from_halves([(arms[0], arms[1])], method, ["before"])


def iv(frame: pd.DataFrame, y: str, d: str, z: str = "z"):  # type: ignore[no-untyped-def]
    """2SLS with an intercept and heteroskedasticity-robust errors: divisor n, no correction."""
    return IV2SLS(frame[y], np.ones((len(frame), 1)), frame[d], frame[z]).fit(cov_type="robust")


def test_rows_against_linearmodels(log: pd.DataFrame) -> None:
    measure = measured(log, "unadjusted")
    frame = log.assign(yd=log["y"] * log["d"], yu=log["y"] * (1 - log["d"]), u=1 - log["d"])
    pairs = {
        "cace": (cp.wald(measure), iv(frame, "y", "d")),
        "treated": (cp.wald(measure, cp.OUTCOME_TREATED, cp.RECEIVED), iv(frame, "yd", "d")),
        "untreated": (
            cp.wald(measure, cp.OUTCOME_UNTREATED, cp.NOT_RECEIVED), iv(frame, "yu", "u"),
        ),
        "first stage": (measure(cp.RECEIVED), iv(frame, "d", "z")),
        "itt": (measure(cp.OUTCOME), iv(frame, "y", "z")),
    }  # fmt: skip
    for name, (ours, theirs) in pairs.items():
        assert ours.variance is not None
        assert ours.effect == pytest.approx(theirs.params.iloc[-1], rel=1e-8), name
        assert ours.variance**0.5 == pytest.approx(theirs.std_errors.iloc[-1], rel=1e-6), name


def test_adjusted_rows_against_linearmodels(log: pd.DataFrame) -> None:
    """CUPED is 2SLS of the outcome and the treatment, both less their slope on the covariate."""
    centred = log["x"] - log["x"].mean()
    slopes = {name: np.cov(log[name], centred)[0, 1] / centred.var() for name in ("y", "d")}
    frame = log.assign(**{name: log[name] - slope * centred for name, slope in slopes.items()})
    theirs = iv(frame, "y", "d")
    found = cp.wald(measured(log, "cuped"))
    assert found.variance is not None
    assert found.effect == pytest.approx(theirs.params.iloc[-1], rel=1e-8)
    assert found.variance**0.5 == pytest.approx(theirs.std_errors.iloc[-1], rel=1e-6)
    plain = cp.wald(measured(log, "unadjusted"))
    assert plain.variance is not None
    assert found.variance < 0.85 * plain.variance
