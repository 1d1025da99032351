"""The command line; each command is a module that is loaded only when it is called."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "check": "Read every experiment file and say what is wrong, before dbt runs.",
    "explain": "What a run cost: seconds, rows and bytes, by model and by experiment.",
    "init": "Ask for tables and columns, and write the first files.",
    "new": "Write a commented experiment file.",
    "power": "Plan an experiment: units, days, detectable effects.",
    "publish": "Write the result views as Parquet files.",
    "schema": "Print the JSON schema of an experiment, for editors.",
    "show": "Show one experiment: checks first, then effects.",
}


class LazyGroup(click.Group):
    """A group whose commands are modules of this package, each with a click command `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"causalops.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LazyGroup)
@click.version_option(package_name="dbt-causalops")
def main() -> None:
    """Experiments in your warehouse, with dbt."""
