"""`causalops new`: a commented experiment file to fill in."""

from __future__ import annotations

from pathlib import Path

import click

from causalops.cli.templates import template
from causalops.spec import words
from causalops.spec.project import NAME


@click.command(name="new")
@click.argument("name")
@click.option("--design", required=True, help="One of " + ", ".join(words.DESIGNS) + ".")
@click.option(
    "--project-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The folder of dbt_project.yml.",
)
def command(name: str, design: str, project_dir: Path) -> None:
    """Write models/experiments/NAME.sql, a commented experiment file."""
    if design not in words.DESIGNS:
        later = design in words.LATER_DESIGNS
        why = "is not available yet" if later else "is not a design"
        raise click.ClickException(f"'{design}' {why}. allowed: {', '.join(words.DESIGNS)}")
    if not NAME.fullmatch(name) or name.startswith("experiment_"):
        raise click.ClickException(
            f"'{name}' cannot be a name: use 2 to 63 lower-case letters, digits or _, starting "
            "with a letter, and not with experiment_"
        )
    path = project_dir / "models" / "experiments" / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(template(design))
    except FileExistsError:
        raise click.ClickException(f"{path} exists already; nothing was written") from None
    click.echo(f"wrote {path}")
