"""One covariate in plain floats says what the general algebra of contrasts says."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from causalops.estimators.randomised import one_covariate
from causalops.estimators.randomised.contrasts import Contrast, contrast
from causalops.moments import Block, from_rows


def _arm(seed: int, n: int, missing: float) -> Block:
    rng = np.random.default_rng(seed)
    x = rng.gamma(2.0, 3.0, n)
    y = 5 + 0.7 * x + rng.normal(0, 2 + seed, n)
    return from_rows({"y": y, "x1": np.where(rng.uniform(size=n) < missing, np.nan, x)})


def _numbers(found: Contrast) -> list[float]:
    assert found.levels is not None
    loadings = [found.loadings[side][part] for side in (0, 1) for part in ("y", "x1")]
    return [
        found.effect, found.variance, found.df, found.rho, *found.theta.values(),
        *list(asdict(found.levels).values())[:5], *np.ravel(loadings), *found.centres.values(),
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["cuped", "lin"])
@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("ddof", [0, 1])
def test_both_ways_agree(
    method: str, missing: float, ddof: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = [(_arm(1, 300, missing), _arm(2, 900, missing / 2))]
    assert one_covariate.adjusted(*arms[0], method == "lin", ddof) is not None
    fast = contrast(arms, method=method, names=["pre"], ddof=ddof)
    monkeypatch.setattr(one_covariate, "adjusted", lambda *_: None)
    slow = contrast(arms, method=method, names=["pre"], ddof=ddof)
    assert _numbers(fast) == pytest.approx(_numbers(slow), rel=1e-12, abs=1e-15)
    assert (fast.theta.keys(), fast.note, fast.dropped) == (slow.theta.keys(), None, {})


@pytest.mark.parametrize(
    ("x", "reason"), [(np.full(50, 3.0), "constant"), (np.full(50, np.nan), "too_few_units")]
)
def test_an_unusable_covariate_is_left_to_the_general_way(x: np.ndarray, reason: str) -> None:
    y = np.arange(50.0)
    arms = from_rows({"y": y, "x1": x}), from_rows({"y": y + 1, "x1": x})
    assert one_covariate.adjusted(*arms, False, 1) is None
    assert contrast([arms], method="cuped", names=["pre"]).dropped == {"pre": reason}
