"""`causalops check`: every problem of every experiment file, without dbt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from causalops.spec.database import known_columns
from causalops.spec.files import all_problems, read_files
from causalops.spec.problems import Problem
from causalops.spec.project import Project, check_project


@click.command(name="check")
@click.option(
    "--project-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The folder of dbt_project.yml.",
)
def command(project_dir: Path) -> None:
    """Read every experiment file and say what is wrong, before dbt runs."""
    if not (project_dir / "dbt_project.yml").is_file():
        raise click.ClickException(f"there is no dbt_project.yml in {project_dir}")
    read = read_files(project_dir, known_columns(project_dir))
    project = check_project(read.source)
    problems = all_problems(read, _problems(project))
    for problem in problems:
        click.echo(str(problem))
    click.echo(f"{len(project.experiments)} experiments, {len(problems)} problems")
    if problems:
        raise SystemExit(1)


def _problems(project: Project) -> Iterator[Problem]:
    yield from project.settings_problems
    for item in project.catalogue.inputs.values():
        for problems in item.problems.values():
            yield from problems
    for checked in project.experiments:
        yield from checked.problems
