"""`causalops init`: ask for tables and columns, write the first files, overwrite nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml

import causalops
from causalops.spec.project import NAME

_MODEL = re.compile(r"[A-Za-z_]\w*")
_SOURCE = re.compile(r"([A-Za-z_]\w*)\.([A-Za-z_]\w*)")
_FILES = {".csv": "read_csv", ".parquet": "read_parquet"}
_FOLDERS = {"models": "models", "seeds": "seeds", "snapshots": "snapshots"}
_NEEDS_VALUE = ("sum", "mean")
_TYPES = ("proportion", "count", *_NEEDS_VALUE)
_INPUTS = "causalops_inputs.yml"
_FROM = "select * from {}\n"

Answers = Mapping[str, str]
Files = dict[str, str]


def table_name(table: str) -> str:
    """The dbt model behind an answer: itself, or the staging model of a file or `schema.table`."""
    if Path(table).suffix.lower() in _FILES:
        return "stg_" + re.sub(r"\W+", "_", Path(table).stem).lower()
    if source := _SOURCE.fullmatch(table):
        return f"stg_{source[2]}".lower()
    if _MODEL.fullmatch(table):
        return table
    raise click.ClickException(
        f"'{table}' is neither a dbt model, nor schema.table, nor a .csv or .parquet file"
    )


def _staging(table: str) -> str | None:
    """The SQL of a staging model; None when the table is a dbt model already."""
    if reader := _FILES.get(Path(table).suffix.lower()):
        if any(mark in table for mark in ("{{", "{%", "{#")):
            raise click.ClickException(f"'{table}' holds a template mark, which dbt would run")
        return _FROM.format(f"{reader}('{table.replace(chr(39), chr(39) * 2)}')")
    if source := _SOURCE.fullmatch(table):
        return _FROM.format(f"{{{{ source('{source[1]}', '{source[2]}') }}}}")
    return None


def _yaml(data: Any) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=1000)


def _flow(data: Any) -> str:
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=True)
    return text.strip()


def declarations(answers: Answers) -> dict[str, dict[str, Any]]:
    """`meta.causalops` of each input model; one model may be assignment and fact at once."""
    unit = answers["unit"]
    assignment = {
        "key": answers["key"],
        "units": {unit: unit},
        "variant": answers["variant"],
        "timestamp": answers["exposed_at"],
    }
    fact = {"units": {unit: answers["fact_unit"]}, "timestamp": answers["fact_time"]}
    metric: dict[str, Any] = {"type": answers["metric_type"], "value": answers["value"]}
    if answers["exposed_at"] and answers["fact_time"]:
        metric["window_days"] = 14
    metric["desired"] = answers["desired"]
    models: dict[str, dict[str, Any]] = {}
    models.setdefault(table_name(answers["assignment"]), {})["assignment"] = _given(assignment)
    fact_model = models.setdefault(table_name(answers["fact"]), {})
    fact_model |= {"fact": _given(fact), "metrics": {answers["metric"]: _given(metric)}}
    return models


def _given(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if value != ""}


def settings_lines(answers: Answers) -> str:
    """The block of dbt_project.yml that names the inputs."""
    lists = {
        "assignment_models": [table_name(answers["assignment"])],
        "fact_models": [table_name(answers["fact"])],
    }
    return _yaml({"vars": {"causalops": lists}})


def experiment_text(answers: Answers) -> str:
    """The first experiment file."""
    lines = [
        "{% call causalops.experiment() %}",
        "design: ab_test",
        "owner: my_team",
        "hypothesis: What should change, in which direction, and why",
        f"assignment: {_flow({'model': table_name(answers['assignment'])})}",
        f"unit: {_flow([answers['unit']])[1:-1]}",
        f"variants: {_flow([arm.strip() for arm in answers['variants'].split(',')])}",
        f"control: {_flow([answers['control']])[1:-1]}",
        *(f"{day}: {answers[day]}" for day in ("start", "end") if answers[day]),
        f"metrics: {_flow({'primary': [answers['metric']]})}",
        "{% endcall %}",
    ]
    return "\n".join(lines) + "\n"


def _folder_of(project: Path, model: str) -> str | None:
    """Where the project keeps a model: models, seeds or snapshots; None when it has none."""
    for folder, key in _FOLDERS.items():
        if any((project / folder).rglob(f"{model}.*")):
            return key
    return None


def _declared(project: Path) -> set[str]:
    """Names that a properties file describes already (dbt refuses a second description)."""
    names: set[str] = set()
    for path in (item for folder in _FOLDERS for item in (project / folder).rglob("*.y*ml")):
        names |= set(re.findall(r"^\s*-\s*name:\s*['\"]?(\w+)", path.read_text(), re.MULTILINE))
    return names


def plan_files(project: Path, answers: Answers) -> tuple[Files, list[str]]:
    """Texts of the files to write by path, and what the user has to add by hand."""
    files: Files = {}
    by_hand: list[str] = []
    properties: dict[str, Any] = {}
    known = _declared(project)
    raw = {table_name(answers[role]): answers[role] for role in ("assignment", "fact")}
    for model, declared in declarations(answers).items():
        meta = {"meta": {"causalops": declared}}
        folder: str | None = "models"
        if sql := _staging(raw[model]):
            files[f"models/staging/{model}.sql"] = sql
        else:
            folder = _folder_of(project, model)
        if folder is None:
            raise click.ClickException(f"the project has no model, seed or snapshot '{model}'")
        if model in known:
            by_hand.append(
                f"below '- name: {model}' in its properties file:\n{_yaml({'config': meta})}"
            )
        else:
            properties.setdefault(folder, []).append({"name": model, "config": meta})
        if source := _SOURCE.fullmatch(raw[model]):
            entry = {"name": source[1], "tables": [{"name": source[2]}]}
            _add_source(properties.setdefault("sources", []), entry)
    if properties:
        files[f"models/{_INPUTS}"] = _yaml(properties)
    files[f"models/experiments/{answers['experiment']}.sql"] = experiment_text(answers)
    return files, by_hand


def _add_source(sources: list[dict[str, Any]], entry: dict[str, Any]) -> None:
    for present in sources:
        if present["name"] == entry["name"]:
            present["tables"] += [t for t in entry["tables"] if t not in present["tables"]]
            return
    sources.append(entry)


def project_files(project: Path, answers: Answers) -> Files:
    """A minimal dbt project around the first experiment."""
    name = re.sub(r"\W+", "_", project.resolve().name).lower().lstrip("_0123456789") or "project"
    settings = f"name: {name}\nversion: 0.1.0\nconfig-version: 2\nprofile: {name}\n\n"
    output = {"type": "duckdb", "path": "warehouse.duckdb", "threads": 4}
    return {
        "dbt_project.yml": settings + settings_lines(answers),
        "profiles.yml": _yaml({name: {"target": "dev", "outputs": {"dev": output}}}),
        "packages.yml": package_lines(answers["package"]),
    }


def package_lines(address: str) -> str:
    """The entry of packages.yml: a git address with this version, or a folder."""
    if re.match(r"(https?|ssh)://|git@", address):
        entry = {"git": address, "revision": f"v{causalops.__version__}"}
    else:
        entry = {"local": address}
    return _yaml({"packages": [entry]})


def _ask_all(given: dict[str, str | None]) -> dict[str, str]:
    """Every answer, from an option or else from a prompt. 'none' means: there is no such column."""

    def ask(key: str, question: str, default: str | None = None) -> str:
        value = given[key]
        if value is None:
            value = str(click.prompt(question, default=default))
        answers[key] = "" if value.strip().lower() == "none" else value.strip()
        return answers[key]

    answers: dict[str, str] = {"package": str(given["package"])}
    ask("assignment", "Table of exposures (dbt model, schema.table, .csv or .parquet file)")
    ask("unit", "  its unit column", "user_id")
    ask("variant", "  its variant column", "variant")
    ask("exposed_at", "  its exposure timestamp column, or none", "none")
    ask("key", "  its column with the experiment's name, or none", "none")
    ask("fact", "Table of outcomes")
    ask("fact_unit", "  its unit column", answers["unit"])
    ask("fact_time", "  its timestamp column, or none", "none")
    metric_type = ask("metric_type", f"First metric: type ({', '.join(_TYPES)})", "proportion")
    if metric_type not in _TYPES:
        raise click.ClickException(f"'{metric_type}' is not one of {', '.join(_TYPES)}")
    needed = metric_type in _NEEDS_VALUE
    if not ask("value", "  its value column, or none", None if needed else "none") and needed:
        raise click.ClickException(f"a metric of type {metric_type} needs a value column")
    ask("metric", "  its name", "conversion")
    ask("desired", "  desired direction (increase, decrease)", "increase")
    experiment = ask("experiment", "First experiment: name (its value in the name column)")
    if not NAME.fullmatch(experiment) or experiment.startswith("experiment_"):
        raise click.ClickException(f"'{experiment}' cannot be a name: see `causalops new`")
    variants = ask("variants", "  its variants, with commas", "control,treatment")
    ask("control", "  which of them is the control", variants.split(",")[0])
    answers["start"] = answers["end"] = ""
    if answers["exposed_at"]:
        ask("start", "  first day (YYYY-MM-DD)")
        ask("end", "  last day of enrolment (YYYY-MM-DD), or none while it runs", "none")
    return answers


def _package_folder() -> str:
    """The checkout this command runs from; a wheel has none, then the folder beside the project."""
    root = Path(causalops.__file__).resolve().parents[2]
    return str(root) if (root / "dbt_project.yml").is_file() else "../causalops"


def _write(project: Path, files: Files) -> None:
    present = [path for path in files if (project / path).exists()]
    if present:
        raise click.ClickException(f"{', '.join(present)} exist already; nothing was written")
    for path, text in files.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        with (project / path).open("x", encoding="utf-8") as file:
            file.write(text)
        click.echo(f"wrote {project / path}")


@click.command(name="init")
@click.option("--project-dir", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option("--assignment", help="Exposures: a dbt model, schema.table, .csv or .parquet file.")
@click.option("--unit", help="Unit column of the exposures.")
@click.option("--variant", help="Variant column of the exposures.")
@click.option("--exposed-at", help="Timestamp column of the exposures, or none.")
@click.option("--key", help="Column with the experiment's name, or none.")
@click.option("--fact", help="Outcomes: a dbt model, schema.table, .csv or .parquet file.")
@click.option("--fact-unit", help="Unit column of the outcomes.")
@click.option("--fact-time", help="Timestamp column of the outcomes, or none.")
@click.option("--metric-type", help="One of " + ", ".join(_TYPES) + ".")
@click.option("--value", help="Value column, or none.")
@click.option("--metric", help="Name of the first metric.")
@click.option("--desired", help="increase or decrease.")
@click.option("--experiment", help="Name of the first experiment.")
@click.option("--variants", help="Its variants, with commas.")
@click.option("--control", help="Which of them is the control.")
@click.option("--start", help="First day, YYYY-MM-DD, when exposures have a timestamp.")
@click.option("--end", help="Last day of enrolment, or none while it runs.")
@click.option("--package", default=_package_folder, help="Folder or git address of the package.")
def command(project_dir: Path, **given: str | None) -> None:
    """Ask for tables and columns, and write the first files. No file is ever overwritten."""
    answers = _ask_all(given)
    settings = project_dir / "dbt_project.yml"
    is_new = not settings.exists()
    files, by_hand = plan_files(project_dir, answers)
    _write(project_dir, (project_files(project_dir, answers) if is_new else {}) | files)
    if not is_new:
        text = settings.read_text(encoding="utf-8")
        if re.search(r"^vars\s*:", text, re.MULTILINE):
            by_hand.append(f"to dbt_project.yml:\n{settings_lines(answers)}")
        else:
            with settings.open("a", encoding="utf-8") as file:
                file.write(("" if text.endswith("\n") else "\n") + "\n" + settings_lines(answers))
            click.echo(f"added vars to {settings}")
        by_hand.append(f"to packages.yml, if missing:\n{package_lines(answers['package'])}")
    for lines in by_hand:
        click.echo(f"\nadd {lines}")
    click.echo("next: causalops check, dbt deps, dbt build")
