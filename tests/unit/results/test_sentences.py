"""A sentence per headline, for people who read no p-values."""

from __future__ import annotations

from typing import Any

import pytest

from causalops.sentences import sentence

BASE: dict[str, Any] = {
    "metric": "conversion", "variant": "short", "baseline": "control", "status": "ok",
    "message": None, "effect": 0.01, "effect_low": 0.002, "effect_high": 0.018,
    "lift": 0.05, "lift_low": 0.01, "lift_high": 0.09,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"verdict": "better"},
         "conversion: short is better than control: +5.0% [+1.0, +9.0]."),
        ({"verdict": "worse", "lift": None, "lift_low": None, "lift_high": None},
         "conversion: short is worse than control: 0.010 [0.002, 0.018]."),
        ({"verdict": "different"},
         "conversion: short is different from control: +5.0% [+1.0, +9.0]."),
        ({"verdict": "not_worse"},
         "conversion: short is not worse than the margin allows: +5.0% [+1.0, +9.0]."),
        ({"verdict": "no_difference_found"},
         "conversion: no clear difference between short and control: +5.0% [+1.0, +9.0]. That "
         "is not proof of no effect: anything in the brackets remains possible."),
        ({"verdict": "too_early"}, "conversion: too early to judge short; so far +5.0% "
         "[+1.0, +9.0], which may still change."),
        ({"verdict": "not_evaluated", "message": "No unit yet."}, "conversion: No unit yet."),
        ({"verdict": None, "message": None}, "conversion: no result."),
        ({"verdict": None, "status": "blocked", "message": "Blocked by the check srm."},
         "conversion: nothing can be said while the experiment is blocked."),
    ],
)  # fmt: skip
def test_sentence(changes: dict[str, Any], text: str) -> None:
    assert sentence(BASE | changes) == text


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        ("better", "wage: schooling moves it for the better: 0.010 [0.002, 0.018]."),
        ("worse", "wage: schooling moves it for the worse: 0.010 [0.002, 0.018]."),
        ("different", "wage: schooling moves it: 0.010 [0.002, 0.018]."),
        ("no_difference_found", "wage: no clear effect of schooling: 0.010 [0.002, 0.018]. That is "
         "not proof of no effect: anything in the brackets remains possible."),
    ],
)  # fmt: skip
def test_a_cause_without_a_second_arm(verdict: str, text: str) -> None:
    cause = {"metric": "wage", "variant": "schooling", "baseline": "none", "lift": None}
    assert sentence(BASE | cause | {"verdict": verdict}) == text


def test_a_blocked_row_never_shows_an_effect() -> None:
    assert not any(char.isdigit() for char in sentence(BASE | {"verdict": None,
                                                               "status": "blocked"}))  # fmt: skip
