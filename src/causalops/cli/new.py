"""`causalops new`: a commented experiment file to fill in."""

from __future__ import annotations

from pathlib import Path

import click

from causalops.spec import words
from causalops.spec.project import NAME

_TEMPLATE = """\
{{% call causalops.experiment() %}}
design: {design}
status: draft                 # draft is checked and never computed; then running, stopped, archived
owner: my_team
hypothesis: What should change, in which direction, and why
# assignment: {{model: my_assignments}}   # may be left out when only one is listed
unit: user_id                 # a unit that the assignment and the facts declare
{own}variants: {{control: 1, treatment: 1}}    # weights; a list when they are unknown
start: 2026-01-05
# end: 2026-01-18             # last day of enrolment; outcomes run on to each unit's window end
metrics:
  primary: [my_metric]
  # secondary: [another_metric]
  # guardrail: [{{metric: a_third_metric, margin: 0.02}}]
# segments: [platform]
{more}{{% endcall %}}
"""
_OWN = {
    "encouragement": """\
received: my_flag             # the assignment's `received` column, or a proportion of a fact
# cluster: account_id         # when whole clusters were offered the treatment
""",
    "cluster_rct": """\
cluster: account_id           # a key under `clusters` of the assignment: what was randomised
# network: my_edges           # a model with `graph`: shows how far treatment leaks between clusters
""",
}
_MORE = {
    "ab_test": """\
# n_planned: 20000            # units per arm; scales the always-valid interval and planned looks
# sequential: {kind: group_sequential, looks: [2026-01-12, 2026-01-25]}   # metrics with windows
# bayesian: true
""",
}
_DECISION = "# decision: {ship_if: {my_metric: better, a_third_metric: not_worse}}\n"


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
            own = _OWN.get(design, "")
            more = _MORE.get(design, "") + (_DECISION if design != "aa_test" else "")
            file.write(_TEMPLATE.format(design=design, own=own, more=more))
    except FileExistsError:
        raise click.ClickException(f"{path} exists already; nothing was written") from None
    click.echo(f"wrote {path}")
