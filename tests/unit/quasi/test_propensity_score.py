"""Scores that exist, scores that do not, and the columns that are to blame."""

from __future__ import annotations

import numpy as np
import pytest

from causalops.estimators.quasi import propensity
from causalops.estimators.quasi.overlap import TRIM, odds, overlap
from causalops.moments import Floats
from causalops.reasons import REASONS


def sample(n: int = 400) -> tuple[Floats, propensity.Bools]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, 2))
    return x, rng.random(n) < 1 / (1 + np.exp(-x[:, 0]))


def test_a_likelihood_at_its_maximum() -> None:
    x, treated = sample()
    for link in ("logit", "probit"):
        found = propensity.fit(x, treated, ["a", "b"], link)
        assert found.reason is None
        assert np.abs(found.score.sum(axis=0)).max() < 1e-7
        assert ((found.probability > 0) & (found.probability < 1)).all()


def test_the_score_does_not_depend_on_units_of_measurement() -> None:
    x, treated = sample()
    plain = propensity.fit(x, treated, ["a", "b"])
    scaled = propensity.fit(1e9 + 1e3 * x, treated, ["a", "b"])
    assert scaled.probability == pytest.approx(plain.probability, rel=1e-6)


def test_constants_and_combinations_are_left_out_by_name() -> None:
    x, treated = sample()
    wide = np.column_stack([x, np.full(len(x), 7.0), x[:, 0] - 2 * x[:, 1] + 5])
    found = propensity.fit(wide, treated, ["a", "b", "same", "both"])
    assert found.columns.names == ("a", "b")
    assert found.columns.left_out == {"same": "constant", "both": "collinear"}
    plain = propensity.fit(x, treated, ["a", "b"])
    assert found.probability == pytest.approx(plain.probability, rel=1e-10)


def test_separation_of_some_units_names_the_column() -> None:
    """Nobody with the flag was treated: the coefficient has no maximum."""
    x, treated = sample()
    flag = np.where(treated, 0.0, np.arange(len(x)) % 3 == 0)
    found = propensity.fit(np.column_stack([x, flag]), treated, ["a", "b", "flag"])
    assert (found.reason, found.separating) == ("perfect_separation", "flag")
    assert np.isnan(found.probability).all()


@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize("gap", [1e-6, 0.1, 10.0])
def test_complete_separation_is_no_overlap(link: str, gap: float) -> None:
    x, _ = sample()
    treated = x[:, 0] > 0
    moved = x + np.column_stack([np.where(treated, gap, 0.0), np.zeros(len(x))])
    found = propensity.fit(moved, treated, ["a", "b"], link)
    assert (found.reason, found.separating) == ("no_overlap", "a")


def test_nearly_separated_units_still_have_a_score() -> None:
    """One exception among 400 is enough for a maximum."""
    x, _ = sample()
    treated = x[:, 0] > 0
    treated[np.argmax(x[:, 0])] = False
    assert propensity.fit(x, treated, ["a", "b"]).reason is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda x, d: (x, d & False), "empty_arm"),
        (lambda x, d: (x, d | True), "empty_arm"),
        (lambda x, d: (0 * x, d), "no_covariate"),
        (lambda x, d: (x[:, :0], d), "no_covariate"),
        (lambda x, d: (np.where(x > 2, np.nan, x), d), "not_finite"),
        (lambda x, d: (x[:0], d[:0]), "empty_arm"),
    ],
)
def test_no_score(change, reason: str) -> None:  # type: ignore[no-untyped-def]
    x, treated = change(*sample())
    found = propensity.fit(x, treated, ["a", "b"][: x.shape[1]])
    assert found.reason == reason
    assert reason in REASONS
    assert found.probability.shape == treated.shape


def test_rows_with_missing_covariates_are_counted_by_column() -> None:
    x = np.array([[1.0, np.nan], [2.0, 3.0], [np.inf, np.nan], [4.0, 5.0]])
    rows, missing = propensity.complete(x, ["a", "b"])
    assert rows.tolist() == [False, True, False, True]
    assert missing == {"a": 1, "b": 2}


def test_overlap_and_trimming() -> None:
    p = np.array([0.1, 0.5, 0.9, 0.5, 0.2, 0.05, 0.999])
    treated = np.array([True, True, True, False, False, False, False])
    weights = odds(p, treated)
    assert weights == pytest.approx([1, 1, 1, 1, 0.25, 0.05 / 0.95, 0])
    found = overlap(p, treated)
    assert found is not None
    kept = np.array([1, 0.25, 0.05 / 0.95])
    assert (found.n_outside, found.n_trimmed) == (1, 1)  # 0.9 is above every kept untreated unit
    assert found.ess == pytest.approx(kept.sum() ** 2 / (kept**2).sum())
    assert found.max_share == pytest.approx(1 / kept.sum())
    assert found.reason is None
    assert TRIM < 0.999


def test_no_overlap_at_all() -> None:
    treated = np.array([True, True, False, False])
    apart = overlap(np.array([0.8, 0.9, 0.1, 0.2]), treated)
    assert apart is not None
    assert apart.reason == "no_overlap"
    trimmed = overlap(np.array([0.8, 0.9, 0.999, 0.998]), treated)
    assert trimmed is not None
    assert (trimmed.reason, trimmed.n_trimmed, trimmed.ess) == ("no_overlap", 2, 0.0)
    assert overlap(np.array([0.5]), np.array([True])) is None
