"""Numbers and tables on the screen."""

import pytest

from causalops.scorecard import cut, health_rank, interval, p_text, table, width


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0.0123, 0.0083, 0.0163), "0.0123 [0.0083, 0.0163]"),
        ((1234.5, 1034.2, 1434.8), "1,234 [1,034, 1,435]"),
        ((0.5, None, 0.7), "0.500 [-inf, 0.700]"),
        ((0.5, 0.2, None), "0.500 [0.200, inf]"),
        ((0.00012, None, None), "0.000120"),
        ((0.0, 0.0, 0.0), "0 [0, 0]"),
        ((None, None, None), "-"),
    ],
)
def test_interval(numbers: tuple[float | None, float | None, float | None], text: str) -> None:
    assert interval(*numbers) == text


def test_lift_is_a_signed_percentage() -> None:
    assert interval(0.032, None, None, percent=True) == "+3.20%"


def test_p_value() -> None:
    assert [p_text(value) for value in (None, 0.0001, 0.04)] == ["-", "<0.001", "0.040"]


def test_columns_align_by_terminal_width() -> None:
    lines = table(["name", "n"], [["한국", "1"], ["plain", "2"]])
    assert {width(line.rsplit(" ", 1)[0]) for line in lines} == {6}


def test_cut_counts_terminal_columns() -> None:
    assert cut("한국어 전환율", 8) == "한국..."
    assert width(cut("가" * 50, 30)) <= 30


def test_worst_health_comes_first() -> None:
    ranks = [health_rank(word) for word in ("new word", "invalid", "blocked", "ok")]
    assert ranks == sorted(ranks)
