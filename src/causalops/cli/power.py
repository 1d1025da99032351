"""`causalops power`: units, days and detectable effects before an experiment runs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from causalops.planning.design import Design, Outcome, PlanningError, design_effect
from causalops.planning.report import declared_lines, effect_of
from causalops.warehouse import WarehouseError

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
_DECLARED = ("mean", "sd", "rate", "effect_size", "rho", "icc", "cluster_size", "cluster_cv", "n")


@click.command("power")
@click.option("--mean", type=float, help="Mean of the metric in the control arm.")
@click.option("--sd", type=float, help="Its standard deviation over units.")
@click.option("--rate", type=float, help="Share of units with the event, instead of mean and sd.")
@click.option("--effect-size", type=float, help="The effect in standard deviations, instead.")
@click.option("--mde", help="The effect to find: 0.5, or 2% of the mean.")
@click.option("--n", type=float, help="Units over all arms.")
@click.option("--split", help="Shares of the arms, control first: 1:9. Default: equal arms.")
@click.option("--rho", type=float, default=0.0, help="Correlation with the pre-period (CUPED).")
@click.option("--icc", type=float, default=0.0, help="Intra-cluster correlation.")
@click.option("--cluster-size", type=float, help="Mean units per cluster.")
@click.option("--cluster-cv", type=float, default=0.0, help="Variation of the cluster sizes.")
@click.option("--alpha", type=float, help="Level of the two-sided test.  [default: 0.05]")
@click.option("--power", type=float, default=0.8, show_default=True)
@click.option("--test", type=click.Choice(["t", "z"]), help="Default: t; z for a rate.")
@click.option("--bonferroni", is_flag=True, help="Divide alpha by the number of arms compared.")
@click.option("--experiment", help="Plan this experiment of the project from its history.")
@click.option("--metric", help="Plan this metric from history, for --unit.")
@click.option("--unit", help="The unit to randomise, with --metric.")
@click.option("--like", help="Learn from the units of this key of the assignment log.")
@click.option("--days", type=int, help="Length of the period to learn from.")
@click.option("--before", type=click.DateTime(["%Y-%m-%d"]), help="Use data before this day.")
@click.option("--project-dir", type=_FOLDER, default=Path(), show_default=True)
@click.option("--db", type=_FILE, help="DuckDB file; default: the one in the project's profile.")
@click.pass_context
def command(context: click.Context, /, **options: object) -> None:
    """Units, days and detectable effects: from declared numbers, or from the project's history."""
    given = {name for name, value in options.items()
             if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
             and value is not None}  # fmt: skip
    try:
        if given & {"experiment", "metric"}:
            lines = _from_history(given, options)
        else:
            lines = _declared(given, options)
    except (PlanningError, WarehouseError) as error:
        raise click.ClickException(str(error)) from error
    click.echo("\n".join(lines))


def _declared(given: set[str], options: dict[str, object]) -> list[str]:
    wrong = sorted(given & {"unit", "like", "days", "before", "db"})
    if wrong:
        raise PlanningError(f"--{wrong[0]} reads history: name --experiment or --metric as well")
    outcome, effect = _outcome(given, options)
    size = _number(options, "cluster_size")
    if (options["icc"] or options["cluster_cv"]) and size is None:
        raise PlanningError("--icc and --cluster-cv need --cluster-size")
    inflation = 1.0
    if size is not None:
        inflation = design_effect(_number(options, "icc") or 0.0, size,
                                  _number(options, "cluster_cv") or 0.0)  # fmt: skip
    rho = _number(options, "rho") or 0.0
    outcome = Outcome(outcome.mean, outcome.variance, outcome.is_rate, 1 - rho * rho, inflation)
    split = split_of(options["split"])
    is_t = options["test"] == "t" if options["test"] else not outcome.is_rate
    design = Design(split, _number(options, "alpha") or 0.05, _number(options, "power") or 0.8,
                    is_t, size or 1.0, len(split) - 1 if options["bonferroni"] else 1)  # fmt: skip
    return declared_lines(outcome, design, effect, _number(options, "n"))


def _outcome(given: set[str], options: dict[str, object]) -> tuple[Outcome, float | None]:
    """The metric and the effect to find, from one of the three ways to describe them."""
    kinds = [kind for kind in ("sd", "rate", "effect_size") if kind in given]
    if len(kinds) != 1:
        raise PlanningError(
            "describe the metric with --mean and --sd, or --rate, or --effect-size (one of them), "
            "or learn it from history with --experiment or --metric"
        )
    mde = options["mde"]
    if kinds == ["effect_size"]:
        if mde is not None:
            raise PlanningError("--effect-size is the effect: leave out --mde")
        return Outcome(None, 1.0), _number(options, "effect_size")
    if kinds == ["rate"]:
        rate = _number(options, "rate")
        outcome = Outcome(rate, 0.0, is_rate=True)
    else:
        deviation = _number(options, "sd") or 0.0
        outcome = Outcome(_number(options, "mean"), deviation * deviation)
    return outcome, None if mde is None else effect_of(str(mde), outcome.mean)


def _from_history(given: set[str], options: dict[str, object]) -> list[str]:
    from causalops.planning.project import project_lines

    wrong = sorted(name for name in given if name in _DECLARED)
    if wrong:
        flag = wrong[0].replace("_", "-")
        raise PlanningError(f"--{flag} describes a metric: history is measured, leave it out")
    before = options["before"]
    return project_lines(
        options["project_dir"] if isinstance(options["project_dir"], Path) else Path(),
        options["db"] if isinstance(options["db"], Path) else None,
        experiment=_text(options, "experiment"), metric=_text(options, "metric"),
        unit=_text(options, "unit"), mde=_text(options, "mde"), like=_text(options, "like"),
        split=None if options["split"] is None else split_of(options["split"]),
        days=options["days"] if isinstance(options["days"], int) else None,
        before=before.date() if isinstance(before, dt.datetime) else None,
        alpha=_number(options, "alpha"), power=_number(options, "power") or 0.8,
        is_bonferroni=bool(options["bonferroni"]),
    )  # fmt: skip


def split_of(text: object) -> tuple[float, ...]:
    """`1:9` as shares, control first. Raises PlanningError for anything else."""
    if text is None:
        return (1.0, 1.0)
    try:
        return tuple(float(part) for part in str(text).split(":"))
    except ValueError:
        raise PlanningError(f"'{text}' is not a split: write 1:1 or 1:9") from None


def _number(options: dict[str, object], name: str) -> float | None:
    value = options[name]
    return float(value) if isinstance(value, int | float) else None


def _text(options: dict[str, object], name: str) -> str | None:
    value = options[name]
    return None if value is None else str(value)
