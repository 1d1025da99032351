"""One way to say what is wrong in a file: where, what, what is allowed, what was meant."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

KeyPath = tuple[str | int, ...]

MAX_VALUE_LENGTH = 80
MAX_ALLOWED_SHOWN = 30


@dataclass(frozen=True)
class Problem:
    """A fault in one file; `{value}` in `message` stands for the quoted offending value."""

    file: str
    message: str
    line: int | None = None
    path: KeyPath = ()
    value: str | None = None
    allowed: tuple[str, ...] = ()
    nearest: str | None = None

    def __str__(self) -> str:
        """The single text form, e.g. `a.sql:7: metrics.primary[0]: unknown metric 'revenu'. …`."""
        where = printable(self.file) + (f":{self.line}" if self.line is not None else "")
        key = path_text(self.path)
        text = self.message.replace("{value}", quoted(self.value))
        if self.nearest is not None:
            text += f". Did you mean {quoted(self.nearest)}?"
        if self.allowed:
            text += f"{'' if self.nearest is not None else '.'} allowed: {_listed(self.allowed)}"
        return ": ".join(part for part in (where, key, text) if part)


def unknown(
    file: str,
    what: str,
    value: str,
    allowed: Iterable[str],
    path: KeyPath,
    line: int | None = None,
) -> Problem:
    """The problem of a name that is not one of `allowed`, with its nearest match."""
    names = tuple(allowed)
    return Problem(
        file, f"unknown {what} {{value}}", line, path, value, names, nearest(value, names)
    )


def nearest(value: str, allowed: Sequence[str]) -> str | None:
    """The closest of `allowed`, ignoring case, or None when nothing is close."""
    folded = {name.casefold(): name for name in reversed(allowed)}
    match = difflib.get_close_matches(value[:200].casefold(), list(folded), n=1, cutoff=0.6)
    return folded[match[0]] if match else None


def printable(text: str) -> str:
    """`text` with control, format and surrogate characters escaped."""
    return "".join(
        char.encode("unicode_escape", "backslashreplace").decode("ascii")
        if unicodedata.category(char).startswith("C")
        else char
        for char in text
    )


def quoted(value: str | None) -> str:
    """`value` in single quotes, escaped, cut at 80 characters."""
    text = "" if value is None else value
    cut = text if len(text) <= MAX_VALUE_LENGTH else text[: MAX_VALUE_LENGTH - 1] + "…"
    return f"'{printable(cut)}'"


def path_text(path: KeyPath) -> str:
    """A key path as people write it: `metrics.primary[0].window_days`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = printable(part[:MAX_VALUE_LENGTH])
            text += f".{key}" if text else key
    return text


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(printable(name) for name in names[:MAX_ALLOWED_SHOWN])
    rest = len(names) - MAX_ALLOWED_SHOWN
    return f"{shown}, … ({rest} more)" if rest > 0 else shown
