"""Writing the published views as Parquet files that readers may hold open while dbt writes."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from causalops.warehouse import VIEWS, Source, WarehouseError


def publish(source: Source, folder: Path) -> list[Path]:
    """Write every view to `<folder>/<view>.parquet` and return the paths.

    All files are written aside first and renamed last, so a failure leaves the previous set as it
    was, and a reader sees the old file or the new one, never half a file. Raises WarehouseError
    when a view is missing or the folder cannot be written.
    """
    written: list[tuple[Path, Path]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for view in VIEWS:
            aside = folder / f".{view}.{os.getpid()}.tmp"
            written.append((aside, folder / f"{view}.parquet"))
            _write(source, view, aside)
        for aside, final in written:
            os.replace(aside, final)
        _sync(folder)
    except (duckdb.Error, OSError) as error:
        reason = str(error).splitlines()[0]
        raise WarehouseError(f"Nothing was published from {source.place}: {reason}") from error
    finally:
        for aside, _ in written:
            aside.unlink(missing_ok=True)
    return [final for _, final in written]


def _write(source: Source, view: str, path: Path) -> None:
    target = str(path).replace("'", "''")
    source.connection.execute(
        f"copy (select * from {source.relations[view]} order by all)"  # noqa: S608
        f" to '{target}' (format parquet)"
    )
    _sync(path)


def _sync(path: Path) -> None:
    """Force a file or a folder's entries to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
