"""check, schema and new on projects written to disk."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml
from click.testing import CliRunner
from spec_project import BLOCK, COLUMNS, INPUTS

from causalops.cli import main
from causalops.spec import words
from causalops.spec.dataset_experiment import DatasetExperiment
from causalops.spec.experiment import Experiment

VARS = {"assignment_models": ["flags"], "fact_models": ["orders", "visits", "profile"]}


def sql(block: str) -> str:
    return "{% call causalops.experiment() %}" + block + "{% endcall %}\n"


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def project(tmp_path):
    models = [
        {"name": name, "config": {"meta": {"causalops": declared}}}
        for name, declared in INPUTS.items()
    ]
    settings = {"name": "shop", "profile": "shop", "vars": {"causalops": VARS}}
    write(
        tmp_path,
        {
            "dbt_project.yml": yaml.safe_dump(settings),
            "models/inputs.yml": yaml.safe_dump({"models": models}),
            "models/experiments/cta.sql": sql(BLOCK),
        },
    )
    return tmp_path


def check(root):
    result = CliRunner().invoke(main, ["check", "--project-dir", str(root)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output.splitlines()


def test_a_good_project_passes(project):
    assert check(project) == (0, ["1 experiments, 0 problems"])


SLIPS = [
    (sql(BLOCK.replace("owner: growth", "owner: {{ me }}")), "3: '{{' is not allowed inside"),
    (sql(BLOCK.replace("owner: growth", "owner: {% if x %}")), "3: '{%' is not allowed inside"),
    (sql(BLOCK.replace("owner: growth", "owner: {# x #}")), "3: '{#' is not allowed inside"),
    ("{% call causalops.experiment() %}" + BLOCK, "1: the block is not closed: `{% endcall %}`"),
    ("-- {{ causalops.experiment(design='ab_test') }}", "1: causalops.experiment() takes no arg"),
    ("select causalops.experiment(", "1: write `{% call causalops.experiment() %}` … `{% endcal"),
    (sql(BLOCK) + sql(BLOCK), "12: an experiment file holds one experiment"),
    (
        sql(BLOCK) + "{{ env_var('DBT_ENV_SECRET_KEY') }}",
        "12: 'DBT_ENV_SECRET_KEY' must not appear",
    ),
    ("\n\n" + sql(BLOCK.replace("unit: user_id", "unit: acount")), "6: unit: unknown unit of 'fl"),
    (sql(BLOCK.replace("design: ab_test", "design: ]")), "2: this is not valid YAML"),
    ("{{ causalops.experiment() }}", "1: has no keys: write them in the block or under"),
]


@pytest.mark.parametrize(("text", "said"), SLIPS, ids=range(len(SLIPS)))
def test_slips_in_a_file_are_named_by_line(project, text, said):
    write(project, {"models/experiments/cta.sql": text})
    code, lines = check(project)
    assert code == 1
    assert any(line.startswith(f"models/experiments/cta.sql:{said}") for line in lines)


def test_names_are_checked(project):
    write(
        project,
        {
            "models/a/CTA.sql": sql(BLOCK),
            "models/experiment_x.sql": sql(BLOCK),
            "models/b/orders.sql": "select 1",
            "models/c/Orders.sql": "select 1",
        },
    )
    code, lines = check(project)
    assert code == 1
    text = "\n".join(lines)
    assert "used by another experiment, case ignored (models/a/CTA.sql)" in text
    assert "names that start with experiment_ belong to the package" in text
    assert "models/b/orders.sql: another model has this name, case ignored" in text


def test_properties_are_read_as_dbt_reads_them(project):
    form = (
        "models:\n  - name: cta\n    config:\n      meta:\n        causalops:\n"
        "          design: ab_test\n          unit: user_id\n"
        "          variants: [control, on]\n          alpha: 0.1\n          start: 2026-11-02\n"
        "          metrics: {primary: [conversion]}\n"
    )
    write(
        project,
        {
            "models/experiments/cta.sql": "{{ causalops.experiment() }}",
            "models/experiments/cta.yml": form,
        },
    )
    code, lines = check(project)
    assert (code, len(lines)) == (1, 2)
    assert lines[0].startswith(
        "models/experiments/cta.yml:8: variants: variant 'True' is read by YAML as something other"
    )
    write(project, {"models/experiments/cta.yml": form.replace(" on]", " 'on']")})
    assert check(project)[0] == 0
    write(project, {"models/experiments/cta.sql": sql(BLOCK)})
    assert "keep one of them" in check(project)[1][0]


def test_broken_properties_and_settings_are_named(project):
    settings = {"vars": {"causalops": VARS | {"alpa": 0.1, "timezone": "Mars"}}}
    write(
        project,
        {"models/bad.yml": "models: [\n", "dbt_project.yml": yaml.safe_dump(settings)},
    )
    code, lines = check(project)
    text = "\n".join(lines)
    assert code == 1
    assert "models/bad.yml:2: this is not valid YAML" in text
    assert "dbt_project.yml:3: vars.causalops.alpa: unknown key 'alpa'. Did you mean" in text
    assert "vars.causalops.timezone: 'Mars' is not a time zone" in text


def test_unlisted_and_unreadable_files(project):
    write(project, {"dbt_project.yml": "vars: {causalops: {assignment_models: [flags]}}"})
    (project / "models" / "odd.sql").write_bytes(b"\xff\xfe causalops")
    text = "\n".join(check(project)[1])
    assert "models/odd.sql: the file is not UTF-8 text" in text
    assert "model 'orders' is not in fact_models under vars.causalops in dbt_project.yml" in text


def test_columns_come_from_a_built_database(project):
    import duckdb

    path = project / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        for table, columns in COLUMNS.items():
            listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
            connection.execute(f"create table {table} ({listed})")
        connection.execute("alter table flags rename arm to variant")
    profiles = "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb}}}"
    write(project, {"profiles.yml": profiles})
    code, lines = check(project)
    assert code == 1
    assert "models/inputs.yml:" in lines[0] + lines[1]
    assert any("assignment.variant: unknown column of 'flags', 'arm'" in line for line in lines)


def test_check_without_a_project(tmp_path):
    code, lines = check(tmp_path)
    assert code == 1
    assert lines == [f"Error: there is no dbt_project.yml in {tmp_path}"]


def test_schema_covers_every_key():
    result = CliRunner().invoke(main, ["schema"])
    schema = json.loads(result.output)
    for model in (Experiment, DatasetExperiment):
        own = schema["$defs"][model.__name__]
        assert {"$ref": f"#/$defs/{model.__name__}"} in schema["anyOf"]
        assert set(own["properties"]) == set(model.model_fields)
        assert own["additionalProperties"] is False
        assert own["properties"]["design"]["anyOf"][0]["enum"] == list(words.DESIGNS)


def test_new_writes_once_and_checks(project):
    arguments = ["new", "banner", "--design", "ab_test", "--project-dir", str(project)]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    code, lines = check(project)
    assert code == 1
    assert "unknown metric 'my_metric'" in lines[0]
    assert len(lines) == 2
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 1
    assert "exists already; nothing was written" in again.output


@pytest.mark.parametrize(
    ("name", "design", "said"),
    [
        ("a_b", "bandit", "'bandit' is not available yet. allowed: aa_test, ab_test"),
        ("a_b", "abtest", "'abtest' is not a design. allowed: aa_test, ab_test"),
        ("../x", "ab_test", "'../x' cannot be a name"),
        ("experiment_x", "ab_test", "'experiment_x' cannot be a name"),
    ],
)
def test_new_refuses(project, name, design, said):
    arguments = ["new", name, "--design", design, "--project-dir", str(project)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert said in result.output


def test_check_loads_nothing_heavy(project):
    code = (
        "import sys; from click.testing import CliRunner; from causalops.cli import main; "
        f"CliRunner().invoke(main, ['check', '--project-dir', {str(project)!r}]); "
        "print([name for name in ('dbt', 'pandas', 'numpy', 'duckdb') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
