"""Synthetic control against California's tobacco programme and, on two panels, against SLSQP."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reference_cases import CASES, data, near
from scipy.optimize import minimize

from causalops.estimators.quasi import synthetic_fit as sf
from causalops.moments import Floats


@pytest.fixture(scope="module")
def california() -> sf.Panel:
    table = data("prop99.csv").set_index("Year")
    donors = table.drop(columns="California")
    start = int((table.index < 1989).sum())
    return sf.Panel(table["California"].to_numpy(), donors.to_numpy(), tuple(donors.columns), start)


@pytest.fixture(scope="module")
def basque() -> sf.Panel:
    table = data("basque.csv").pivot_table(index="year", columns="regionname", values="gdpcap")
    treated = "Basque Country (Pais Vasco)"
    donors = table.drop(columns=[treated, "Spain (Espana)"])
    start = int((table.index < 1970).sum())
    return sf.Panel(table[treated].to_numpy(), donors.to_numpy(), tuple(donors.columns), start)


def test_california(california: sf.Panel) -> None:
    case = CASES["synth_prop99_outcomes_only"]
    want, found = case["expected"], sf.fit(california)
    assert found is not None
    assert len(california.names) == want["donors"]
    assert [found.mean_gap, found.gap[-1]] == near(case, [want["mean_gap"], want["gap_2000"]])
    assert [found.pre_rmspe, found.ratio] == near(case, [want["pre_rmspe"], want["rmspe_ratio"]])
    weights = dict(zip(found.names, found.weights.tolist(), strict=True))
    assert {name: value for name, value in weights.items() if value > 1e-6} == near(
        case, want["weights"]
    )
    assert found.is_unique
    place = sf.rank(found, list(sf.placebos(california).values()))
    assert place is not None
    assert place.rank == want["rank"]
    assert place.p_value == near(case, want["p_placebo"])
    assert place.floor == 1 / 39
    did = sf.difference_in_differences(california)
    assert did == near(case, want["did"])
    assert round(did, 1) == case["published"]["did"]


@pytest.mark.parametrize("name", ["california", "basque"])
def test_no_other_weights_fit_better(name: str, request: pytest.FixtureRequest) -> None:
    """A general constrained optimiser, started at ours and at equal weights, finds nothing less;
    and the conditions of an optimum (Karush, Kuhn, Tucker) hold."""
    panel: sf.Panel = request.getfixturevalue(name)
    found = sf.fit(panel)
    assert found is not None
    panel = panel.ordered()
    scale = np.abs(panel.treated).max()
    panel = replace(panel, treated=panel.treated / scale, donors=panel.donors / scale)
    before, target = panel.donors[: panel.start], panel.treated[: panel.start]

    def loss(weights: Floats) -> float:
        return float(np.sum((target - before @ weights) ** 2))

    ours = loss(found.weights)
    assert found.weights.min() >= 0
    assert found.weights.sum() == pytest.approx(1, abs=1e-12)
    gradient = before.T @ (before @ found.weights - target)
    slack = gradient - found.weights @ gradient
    assert slack.min() > -1e-8 * np.abs(gradient).max()
    assert np.abs(slack[found.weights > 0]).max() < 1e-8 * np.abs(gradient).max()
    size = len(panel.names)
    for start in (np.full(size, 1 / size), found.weights):
        other = minimize(
            loss, start, jac=lambda w: 2 * before.T @ (before @ w - target), method="SLSQP",
            bounds=[(0, 1)] * size, constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
            options={"ftol": 1e-15, "maxiter": 2000},
        )  # fmt: skip
        assert ours <= other.fun * (1 + 1e-9)
        assert other.fun == pytest.approx(ours, rel=2e-3)
