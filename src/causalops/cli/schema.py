"""`causalops schema`: the JSON schema of an experiment, for editors."""

from __future__ import annotations

import json

import click
from pydantic import TypeAdapter

from causalops.spec.dataset_experiment import DatasetExperiment
from causalops.spec.experiment import Experiment


@click.command(name="schema")
def command() -> None:
    """Print the JSON schema of an experiment, for editors."""
    kinds: TypeAdapter[Experiment | DatasetExperiment] = TypeAdapter(Experiment | DatasetExperiment)
    click.echo(json.dumps(kinds.json_schema(by_alias=True), indent=2))
