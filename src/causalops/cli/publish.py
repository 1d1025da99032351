"""`causalops publish`: the views as Parquet files, for readers that cannot open the database."""

from __future__ import annotations

from pathlib import Path

import click

from causalops.publishing import publish
from causalops.warehouse import WarehouseError, database_path, open_database

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("publish")
@click.option("--project-dir", type=_FOLDER, default=Path("demo"), show_default=True)
@click.option("--db", type=_FILE, help="DuckDB file; default: the one in the project's profile.")
@click.option("--out", type=_FOLDER, default=Path("build/published"), show_default=True)
def command(project_dir: Path, db: Path | None, out: Path) -> None:
    """Write every published view as a Parquet file."""
    try:
        source = open_database(db or database_path(project_dir))
        try:
            files = publish(source, out)
        finally:
            source.close()
    except WarehouseError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Published {len(files)} tables to {out}")
