"""Finds the experiment in a SQL file, and the slips that would stop dbt itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from causalops.spec.problems import Problem

MARK = "causalops.experiment("
_START = re.compile(
    r"(?P<comment>\{#.*?(#\}|\Z))"
    r"|(?P<call>\{%[-+]?\s*call\s*(\(\s*\)\s*)?causalops\.experiment\s*\((?P<given>[^)]*)\)\s*[-+]?%\})"
    r"|(?P<plain>\{\{-?\s*causalops\.experiment\s*\((?P<given_plain>[^)]*)\)\s*-?\}\})",
    re.DOTALL,
)
_END = re.compile(r"\{%[-+]?\s*endcall\s*[-+]?%\}")
_JINJA = re.compile(r"\{\{|\{%|\{#")
_SECRET = re.compile(r"env_var\s*\(\s*['\"](?P<name>DBT_ENV_SECRET\w*)")


@dataclass(frozen=True)
class Block:
    """The text between call and endcall with its first line; text None = properties form."""

    text: str | None
    first_line: int
    problems: tuple[Problem, ...]


def find_block(sql: str, file: str) -> Block:
    """The experiment block of a file that holds `causalops.experiment(`; never raises."""
    problems = [
        Problem(
            file, "{value} must not appear in an experiment", _line(sql, m.start()), (), m["name"]
        )
        for m in _SECRET.finditer(sql)
    ]
    starts = [match for match in _START.finditer(sql) if match["comment"] is None]
    calls = [match for match in starts if match["call"] is not None]
    for match in starts:
        if (match["given"] or match["given_plain"] or "").strip():
            text = (
                "causalops.experiment() takes no arguments: write the keys between call and endcall"
            )
            problems.append(Problem(file, text, _line(sql, match.start())))
    if not starts:
        line = _line(sql, sql.index(MARK))
        text = "write `{% call causalops.experiment() %}` … `{% endcall %}` around the keys"
        return Block(None, line, (*problems, Problem(file, text, line)))
    if len(starts) > 1:
        text = "an experiment file holds one experiment"
        problems.append(Problem(file, text, _line(sql, starts[1].start())))
    if not calls:
        return Block(None, _line(sql, starts[0].start()), tuple(problems))
    begin = calls[0].end()
    end = _END.search(sql, begin)
    if end is None:
        text = "the block is not closed: `{% endcall %}` is missing"
        problems.append(Problem(file, text, _line(sql, calls[0].start())))
    block = sql[begin : end.start() if end else len(sql)]
    problems += [
        Problem(
            file, "{value} is not allowed inside a block", _line(sql, begin + m.start()), (), m[0]
        )
        for m in _JINJA.finditer(block)
    ]
    return Block(block, _line(sql, begin), tuple(problems))


def _line(text: str, position: int) -> int:
    return 1 + text.count("\n", 0, position)
