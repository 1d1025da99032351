"""What a column can be used as, from the type name that a database gives it."""

from __future__ import annotations

_NUMERIC = ("BOOL", "TINYINT", "SMALLINT", "INT", "BIGINT", "HUGEINT", "UINT", "UTINY", "USMALL",
            "UBIG", "NUMBER", "DOUBLE", "FLOAT", "REAL", "DECIMAL", "NUMERIC")  # fmt: skip
_NUMBER = "number"


def is_numeric(type_name: str) -> bool:
    """Whether values are numbers or booleans. An interval only starts like an integer."""
    name = type_name.upper()
    return name.startswith(_NUMERIC) and not name.startswith("INTERVAL")


def is_integer(type_name: str) -> bool:
    """Whether every value is a whole number that a double holds, so that no cast can fail."""
    sizes = ("TINYINT", "SMALLINT", "INTEGER", "INT", "BIGINT")
    return type_name.upper() in sizes


def time_kind(type_name: str) -> str:
    """date, timestamptz, timestamp or text."""
    name = type_name.upper()
    if name == "DATE":
        return "date"
    if "WITH TIME ZONE" in name or name.startswith(("TIMESTAMPTZ", "TIMESTAMP_TZ")):
        return "timestamptz"
    return "timestamp" if name.startswith(("TIMESTAMP", "DATETIME")) else "text"


def axis_kind(type_name: str) -> str:
    """How a dataset counts time: as a number (also where the type is not known), or a time kind."""
    return _NUMBER if not type_name or is_numeric(type_name) else time_kind(type_name)
