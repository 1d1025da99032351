"""Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57(1), section 4.1: 15 ordered p-values.

The paper: Bonferroni rejects the 3 smallest at .05, the new procedure the 4 smallest.
"""

from __future__ import annotations

import pytest
from statsmodels.stats.multitest import multipletests

from causalops.multiplicity import benjamini_hochberg, bonferroni, holm

P_1995 = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
          0.5719, 0.6528, 0.7590, 1.0000]  # fmt: skip


def rejected(adjusted: list[float | None]) -> int:
    return sum(p is not None and p <= 0.05 for p in adjusted)


def test_published_numbers() -> None:
    assert rejected(benjamini_hochberg(P_1995)) == 4
    assert rejected(bonferroni(P_1995)) == 3
    assert rejected(holm(P_1995)) == 3


@pytest.mark.parametrize(
    ("ours", "name"), [(benjamini_hochberg, "fdr_bh"), (holm, "holm"), (bonferroni, "bonferroni")]
)
def test_statsmodels_agrees(ours, name) -> None:  # type: ignore[no-untyped-def]
    assert ours(P_1995[::-1]) == pytest.approx(
        multipletests(P_1995[::-1], method=name)[1], rel=1e-12
    )


def test_missing_is_not_counted() -> None:
    assert holm([0.01, None, 0.04]) == [0.02, None, 0.04]
    assert benjamini_hochberg([None]) == [None]
