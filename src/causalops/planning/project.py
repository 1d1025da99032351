"""Plans from the history in a project's DuckDB file."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb

from causalops.planning.design import Design, PlanningError, check_split
from causalops.planning.history import read_history
from causalops.planning.report import history_lines
from causalops.planning.unit_table import Relation, quoted
from causalops.spec.experiment import Experiment
from causalops.spec.files import read_files
from causalops.spec.parts import Reader
from causalops.spec.plan import Plan, plan_experiment
from causalops.spec.problems import nearest
from causalops.spec.project import Project, check_project
from causalops.warehouse import WarehouseError, database_path

_COLUMNS = """
select table_schema, table_name, column_name, data_type
from information_schema.columns order by all
"""


def project_lines(
    folder: Path, database: Path | None, *, experiment: str | None, metric: str | None,
    unit: str | None, mde: str | None, like: str | None, split: tuple[float, ...] | None,
    days: int | None, before: dt.date | None, alpha: float | None, power: float,
    is_bonferroni: bool,
) -> list[str]:  # fmt: skip
    """The plan of an experiment of the project, or of one metric, as lines of text.

    Raises PlanningError or WarehouseError with what to change.
    """
    if split is not None:
        check_split(split)
    if not (folder / "dbt_project.yml").is_file():
        raise PlanningError(f"there is no dbt_project.yml in {folder}: name the project with "
                            "--project-dir")  # fmt: skip
    connection = _opened(database or database_path(folder))
    try:
        tables = _tables(connection)
        columns = {name: dict(found[0][1]) for name, found in tables.items() if len(found) == 1}
        project = check_project(read_files(folder, columns).source)
        plan = (
            _planned(project, experiment)
            if experiment is not None
            else _of_metric(project, metric or "", unit)
        )
        models = (plan.assignment_model, *plan.facts)
        relations = {model: _relation(model, tables) for model in models}
        history = read_history(
            connection, project, plan, relations, days=days, key=like,
            before=before or dt.datetime.now(dt.UTC).date(),
        )  # fmt: skip
    finally:
        connection.close()
    main = [item for item in plan.metrics if item.analysis == "main"]
    if split is None:
        weights = plan.weights
        control = plan.spec.control_name
        rest = [weight or 1.0 for name, weight in weights.items() if name != control]
        split = (weights.get(control) or 1.0, *rest)
    least = min(split)
    design = Design(
        tuple(part / least for part in split), alpha or plan.spec.alpha or 0.05, power,
        tests=len(split) - 1 if is_bonferroni else 1,
    )  # fmt: skip
    return history_lines(
        plan.experiment_id, history, design,
        {item.name: mde or (f"{100 * item.options.mde:g}%" if item.options.mde else None)
         for item in main},
        {item.name: alpha or item.alpha or 0.05 for item in main},
        frozenset(item.name for item in main if item.type == "ratio"),
    )  # fmt: skip


def _opened(path: Path) -> Any:
    if not path.is_file():
        raise WarehouseError(f"There is no database at {path}. Run dbt first.")
    try:
        connection = duckdb.connect(str(path), read_only=True)
        connection.execute("set enable_progress_bar = false")
        return connection
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        raise WarehouseError(f"{path} could not be opened: {said}. Is dbt running?") from error


def _tables(connection: Any) -> dict[str, list[tuple[str, list[tuple[str, str]]]]]:
    """Table -> its schemas with the columns and types there."""
    found: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for schema, table, column, kind in connection.execute(_COLUMNS).fetchall():
        found.setdefault(table, {}).setdefault(schema, []).append((column, kind))
    return {table: list(schemas.items()) for table, schemas in found.items()}


def _relation(model: str, tables: dict[str, list[tuple[str, list[tuple[str, str]]]]]) -> Relation:
    schemas = tables.get(model, [])
    if len(schemas) != 1:
        where = ", ".join(schema for schema, _ in schemas) or "none"
        raise WarehouseError(f"Model {model} should be a table in one schema, found: {where}. "
                             "Run dbt first, or name another file with --db.")  # fmt: skip
    schema, columns = schemas[0]
    return Relation(f"{quoted(schema)}.{quoted(model)}", dict(columns))


def _planned(project: Project, name: str) -> Plan:
    checked = {item.source.name: item for item in project.experiments}
    if name not in checked:
        close = nearest(name, list(checked))
        hint = f" Did you mean {close}?" if close else ""
        raise PlanningError(f"there is no experiment called {name}.{hint}")
    item = checked[name]
    if item.plan is None:
        said = "\n".join(str(problem) for problem in item.problems)
        raise PlanningError(f"experiment {name} cannot be planned:\n{said}")
    if not isinstance(item.plan, Plan):
        raise PlanningError(f"experiment {name} reads a dataset: no size is to be planned")
    return item.plan


def _of_metric(project: Project, metric: str, unit: str | None) -> Plan:
    """A test of one metric with equal arms, for a unit that an assignment model logs."""
    if unit is None:
        raise PlanningError("--metric needs --unit, the unit that would be randomised")
    if metric not in project.catalogue.owners:
        close = nearest(metric, project.catalogue.metric_names)
        hint = f" Did you mean {close}?" if close else ""
        raise PlanningError(f"there is no metric called {metric}.{hint}")
    logs = [name for name in project.settings.assignment_models
            if (item := project.catalogue.inputs.get(name)) is not None
            and item.assignment is not None and unit in item.assignment.units]  # fmt: skip
    if len(logs) != 1:
        found = ", ".join(logs) or "none"
        raise PlanningError(f"one assignment model should log unit {unit}, found: {found}. "
                            "Write a draft experiment and name it with --experiment")  # fmt: skip
    assignment = project.catalogue.inputs[logs[0]].assignment
    assert assignment is not None  # noqa: S101 - `logs` holds only models with an assignment
    spec = Experiment.model_validate({
        "design": "ab_test", "status": "draft", "unit": unit, "metrics": {"primary": [metric]},
        "variants": {"control": 1, "treatment": 1}, "alpha": project.settings.alpha,
    })  # fmt: skip
    is_timed = assignment.timestamp is not None
    reader = Reader(project.catalogue, unit, is_timed, project.settings.pre_days)
    planned = plan_experiment(metric, spec, logs[0], assignment, reader, project.settings)
    if planned.plan is None:
        said = "; ".join(text.replace("{value}", f"'{value}'") for _, text, value in planned.faults)
        raise PlanningError(f"metric {metric} cannot be planned: {said}")
    return planned.plan
