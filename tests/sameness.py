"""When two projects have published the same."""

from __future__ import annotations

import re

import pandas as pd
from harness import PUBLIC_VIEWS, RUN_COLUMNS, Project


def assert_same_numbers(
    one: Project,
    other: Project,
    where: str = "true",
    checks: str = "true",
    unlike: tuple[str, ...] = (),
) -> None:
    """The same rows and numbers up to rounding: what stands beside a row may change its last bits.

    Sums of floats depend on the order of rows, which other experiments and facts can change.
    `checks` is a further condition on the rows of checks; columns named in `unlike` may differ.
    """
    run = [*RUN_COLUMNS, "data_fingerprint", *unlike]
    for view in PUBLIC_VIEWS:
        shown = f"({where}) and ({checks if view == 'checks' else 'true'})"
        frames = [
            project.query(
                f"select columns(name -> name not in {tuple(run)}) "
                f"from experiment_{view} where {shown} order by all"
            )
            for project in (one, other)
        ]
        assert len(frames[0]), view
        for frame in frames:
            for column in frame.columns.intersection(["details", "message"]):
                frame[column] = frame[column].map(_rounded, na_action="ignore")
        pd.testing.assert_frame_equal(*frames, check_exact=False, rtol=1e-9, atol=1e-12)


def _rounded(text: str) -> str:
    """`text` with 9 significant digits in every decimal number."""
    return re.sub(r"\d+\.\d+(e-?\d+)?", lambda match: f"{float(match.group()):.9g}", text)
