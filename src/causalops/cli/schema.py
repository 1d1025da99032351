"""`causalops schema`: the JSON schema of an experiment, for editors."""

from __future__ import annotations

import json

import click

from causalops.spec.experiment import Experiment


@click.command(name="schema")
def command() -> None:
    """Print the JSON schema of an experiment, for editors."""
    click.echo(json.dumps(Experiment.model_json_schema(by_alias=True), indent=2))
