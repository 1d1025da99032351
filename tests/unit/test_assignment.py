"""The twin of the SQL macro: known digests, exact shares, independence between salts.

That SQL gives the same variant is shown by tests/pipeline/test_networks.py.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy.stats import chi2, chisquare

from causalops.assignment import SCALE, assigned_variant, cut_points, draw

HALVES = {"control": 1, "treatment": 1}


def test_the_draw_is_sha256_of_the_utf8_bytes() -> None:
    """'abc' is the first example of FIPS 180-2: ba7816bf 8f01cfea 4141…."""
    assert hashlib.sha256(b"abc").hexdigest()[:15] == "ba7816bf8f01cfe"
    for unit in ("7", "한글", "🧪", "e\u0301"):
        digest = hashlib.sha256(b"feed:" + unit.encode()).hexdigest()
        assert draw(unit, "feed") == int(digest[:15], 16)


def test_an_integer_is_its_text_and_text_is_taken_as_it_stands() -> None:
    assert draw(7, "s") == draw("7", "s")
    assert len({draw(text, "s") for text in ("é", "e\u0301", "É", " é")}) == 4


def test_cut_points_are_cumulative_shares_and_leave_nothing_over() -> None:
    assert cut_points(HALVES) == {"control": SCALE // 2, "treatment": SCALE}
    thirds = cut_points({"a": 1, "b": 1, "c": 1})
    assert list(thirds.values()) == sorted(thirds.values())
    assert thirds["c"] == SCALE
    assert cut_points({"a": 0.1, "b": 0.2, "c": 0.7})["c"] == SCALE


def test_shares_fit_the_weights_and_salts_are_independent() -> None:
    n = 20_000
    weights = {"a": 1, "b": 2, "c": 7}
    first = [assigned_variant(i, "one", weights) for i in range(n)]
    counts = [first.count(name) for name in weights]
    assert chisquare(counts, [n * w / 10 for w in weights.values()]).pvalue > 0.001
    second = [assigned_variant(i, "two", weights) for i in range(n)]
    table = np.array([[sum(p == (a, b) for p in zip(first, second, strict=True)) for b in weights]
                      for a in weights])  # fmt: skip
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / n
    assert chi2.sf(((table - expected) ** 2 / expected).sum(), 4) > 0.001


def test_draws_are_uniform() -> None:
    draws = np.array([draw(f"사용자-{i}", "salt") for i in range(20_000)], dtype=float) / SCALE
    assert chisquare(np.histogram(draws, bins=50, range=(0, 1))[0]).pvalue > 0.001


@pytest.mark.parametrize("weights", [{}, {"a": 0}, {"a": -1, "b": 2}, {"a": float("inf")},
                                     {"a": float("nan")}])  # fmt: skip
def test_unusable_weights_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="positive number"):
        assigned_variant("1", "s", weights)
