"""The edge between the warehouse's frames and plain Python: the only module that touches both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy.typing as npt
import pandas as pd

from causalops.results import RESULT_COLUMNS

_SQL_TYPES = {
    "text": "varchar",
    "double": "double",
    "integer": "integer",
    "bigint": "bigint",
    "boolean": "boolean",
    "date": "date",
}


def frame(rel: Any) -> pd.DataFrame:
    """A relation of any adapter as a pandas frame."""
    for name in ("df", "to_pandas", "toPandas"):
        if hasattr(rel, name):
            result: pd.DataFrame = getattr(rel, name)()
            return result
    return pd.DataFrame(rel)


def records(rel: Any) -> list[dict[str, Any]]:
    """A relation as a list of dicts, NULL as None."""
    table = frame(rel)
    names = [str(name) for name in table.columns]
    columns = [_plain(table.iloc[:, index]) for index in range(len(names))]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain(column: pd.Series[Any]) -> list[Any]:
    """One column as Python values, missing ones as None."""
    values = column.tolist()
    if not column.hasnans:
        return values
    missing = column.isna().tolist()
    return [None if gone else value for value, gone in zip(values, missing, strict=True)]


def column_groups(
    rel: Any, keys: Sequence[str], columns: Sequence[str]
) -> dict[tuple[Any, ...], dict[str, npt.NDArray[Any]]]:
    """Columns of a relation as arrays, for each combination of its key columns (never NULL)."""
    table = frame(rel)
    if table.empty:  # of an experiment that is not due, also without its columns
        return {}
    arrays = {name: table[name].to_numpy() for name in columns}
    found: Mapping[Any, Any] = table.groupby(list(keys), sort=False).indices
    return {
        tuple(key): {name: values[rows] for name, values in arrays.items()}
        for key, rows in found.items()
    }


def relation(session: Any, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> Any:
    """Rows as a relation with exactly these columns and types.

    Every value travels as text and is cast by the engine, because the type an engine guesses
    from a pandas column depends on the values in it (an all-NULL column has no type at all).
    """
    types = {name: _SQL_TYPES.get(kind.lower(), kind) for name, kind in columns.items()}
    if not rows:  # hundreds of columns of a frame would be made for nothing
        nulls = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in types.items())
        return session.sql(f"select {nulls} where false")
    typed_rows = pd.DataFrame(  # noqa: F841 - read by name in the query below
        {name: pd.array([_text(row.get(name)) for row in rows], dtype="string") for name in columns}
    )
    casts = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in types.items())
    return session.sql(f"select {casts} from typed_rows")  # noqa: S608 - names are constants of ours


def due_results(
    session: Any, estimator: str, due: Any, designs: Sequence[str], *tables: Any
) -> Any:
    """The result rows of an estimator for the due experiments of these designs, as a relation.

    `estimator` is a module below `causalops.estimators` with `run(due, *tables)`. Without any such
    experiment it is not even imported: the libraries behind it cost more than an empty table.
    Each row gets `run_id`, the run that asked for it, from its due row: a later run that selects
    only part of the models can so never stamp rows it did not compute.
    """
    wanted, *restricted = due_experiments(due, designs, *tables)
    rows: list[dict[str, Any]] = []
    if not wanted.empty:
        run = import_module(f"causalops.estimators.{estimator}").run
        runs = dict(zip(wanted["experiment_id"], wanted["run_id"], strict=True))
        rows = [{**row, "run_id": runs[row["experiment_id"]]} for row in run(wanted, *restricted)]
    return relation(session, rows, {**RESULT_COLUMNS, "run_id": "text"})


def _text(value: Any) -> str | None:
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(float(value)) if isinstance(value, float) else str(value)


def due_experiments(due: Any, designs: Sequence[str], *tables: Any) -> list[pd.DataFrame]:
    """The due experiments of these designs, and each table restricted to them.

    Without any such experiment the other tables are not even read.
    """
    wanted = frame(due)
    wanted = wanted[wanted["is_due"].fillna(False).astype(bool) & wanted["design"].isin(designs)]
    if wanted.empty:
        return [wanted, *(wanted.iloc[:0] for _ in tables)]
    ids = set(wanted["experiment_id"])
    read = [frame(table) for table in tables]
    return [wanted, *(table[table["experiment_id"].isin(ids)] for table in read)]
