"""`causalops init` writes files that `causalops check` accepts, and overwrites nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from causalops.cli import main

ANSWERS = {
    "assignment": "raw.flags",
    "unit": "user_id",
    "variant": "arm",
    "exposed-at": "seen_at",
    "key": "flag",
    "fact": "data/orders.csv",
    "fact-unit": "buyer",
    "fact-time": "ordered_at",
    "metric-type": "sum",
    "value": "amount",
    "metric": "revenue",
    "desired": "increase",
    "experiment": "checkout_cta",
    "variants": "control, short",
    "control": "control",
    "start": "2026-01-05",
    "end": "2026-01-18",
    "package": "../causalops",
}


def init(project: Path, **changed: str) -> Result:
    answers = ANSWERS | {key.replace("_", "-"): value for key, value in changed.items()}
    options = [part for key, value in answers.items() for part in (f"--{key}", value)]
    return CliRunner().invoke(main, ["init", "--project-dir", str(project), *options])


def check(project: Path) -> str:
    return CliRunner().invoke(main, ["check", "--project-dir", str(project)]).output


def files(project: Path) -> dict[str, str]:
    return {str(p.relative_to(project)): p.read_text() for p in project.rglob("*") if p.is_file()}


def test_an_empty_folder_becomes_a_project_that_passes_the_check(tmp_path: Path) -> None:
    result = init(tmp_path / "shop")
    assert result.exit_code == 0, result.output
    written = files(tmp_path / "shop")
    assert set(written) == {
        "dbt_project.yml",
        "profiles.yml",
        "packages.yml",
        "models/causalops_inputs.yml",
        "models/staging/stg_flags.sql",
        "models/staging/stg_orders.sql",
        "models/experiments/checkout_cta.sql",
    }
    assert written["models/staging/stg_flags.sql"] == "select * from {{ source('raw', 'flags') }}\n"
    assert "read_csv('data/orders.csv')" in written["models/staging/stg_orders.sql"]
    assert yaml.safe_load(written["packages.yml"]) == {"packages": [{"local": "../causalops"}]}
    assert check(tmp_path / "shop") == "1 experiments, 0 problems\n"


def test_prompts_give_the_same_files_as_options(tmp_path: Path) -> None:
    init(tmp_path / "a" / "shop")
    asked = "\n".join(value for key, value in ANSWERS.items() if key != "package") + "\n"
    place = ["--project-dir", str(tmp_path / "b" / "shop"), "--package", "../causalops"]
    result = CliRunner().invoke(main, ["init", *place], input=asked)
    assert result.exit_code == 0, result.output
    assert files(tmp_path / "b" / "shop") == files(tmp_path / "a" / "shop")


def test_one_flat_table_without_time_is_assignment_and_fact(tmp_path: Path) -> None:
    trial = {"assignment": "trial.parquet", "fact": "trial.parquet", "fact_unit": "user_id"}
    result = init(tmp_path, **trial, exposed_at="none", fact_time="none", key="none")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "models" / "causalops_inputs.yml").read_text()
    (model,) = yaml.safe_load(text)["models"]
    assert set(model["config"]["meta"]["causalops"]) == {"assignment", "fact", "metrics"}
    assert "window_days" not in text
    assert check(tmp_path) == "1 experiments, 0 problems\n"


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path) -> None:
    target = tmp_path / "models" / "experiments" / "checkout_cta.sql"
    target.parent.mkdir(parents=True)
    target.write_text("mine")
    result = init(tmp_path)
    assert result.exit_code == 1
    assert "models/experiments/checkout_cta.sql exist already; nothing was written" in result.output
    assert files(tmp_path) == {"models/experiments/checkout_cta.sql": "mine"}


@pytest.mark.parametrize("has_vars", [False, True])
def test_the_users_project_file_is_only_added_to(tmp_path: Path, has_vars: bool) -> None:
    before = "name:   shop   # mine" + ("\nvars: {x: 1}\n" if has_vars else "")
    (tmp_path / "dbt_project.yml").write_text(before)
    result = init(tmp_path)
    after = (tmp_path / "dbt_project.yml").read_text()
    assert after == before if has_vars else after.startswith(before)
    assert ("assignment_models" in result.output) is has_vars
    assert ("assignment_models" in after) is not has_vars


def test_a_described_model_is_not_described_twice(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "dbt_project.yml").write_text("name: shop\n")
    (tmp_path / "seeds" / "orders.csv").write_text("buyer\n")
    (tmp_path / "models" / "flags.sql").write_text("select 1")
    (tmp_path / "models" / "flags.yml").write_text("models:\n  - name: flags\n")
    result = init(tmp_path, assignment="flags", fact="orders")
    assert result.exit_code == 0, result.output
    assert "add below '- name: flags' in its properties file" in result.output
    written = yaml.safe_load((tmp_path / "models" / "causalops_inputs.yml").read_text())
    assert [item["name"] for item in written["seeds"]] == ["orders"]
    assert "models" not in written


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"assignment": "a b"}, "'a b' is neither a dbt model, nor schema.table"),
        ({"fact": "missing_model"}, "no model, seed or snapshot 'missing_model'"),
        ({"fact": "{{ x }}.csv"}, "holds a template mark"),
        ({"metric_type": "median"}, "'median' is not one of proportion, count, sum, mean"),
        ({"value": "none"}, "a metric of type sum needs a value column"),
        ({"experiment": "experiment_x"}, "'experiment_x' cannot be a name"),
    ],
)
def test_a_wrong_answer_writes_nothing(
    tmp_path: Path, changed: dict[str, str], message: str
) -> None:
    result = init(tmp_path, **changed)
    assert result.exit_code == 1
    assert message in result.output
    assert files(tmp_path) == {}
