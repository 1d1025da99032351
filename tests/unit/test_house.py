"""Rules of the house that a reader could otherwise break without noticing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SQL = sorted([*ROOT.glob("models/**/*.sql"), *ROOT.glob("macros/**/*.sql")])
PYTHON_MODELS = sorted(ROOT.glob("python_models/**/*.py"))
ENGINES = ("duckdb", "snowflake", "bigquery", "spark", "databricks", "redshift", "postgres")


def _code(path: Path) -> str:
    text = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    return re.sub(r"--(?! depends_on).*", "", text)


@pytest.mark.parametrize("path", SQL, ids=lambda path: path.name)
def test_refs_to_the_package_have_two_arguments(path: Path) -> None:
    """A consumer's model of the same name would otherwise replace ours in silence."""
    literal = re.findall(r"\bref\(\s*['\"](\w+)['\"]\s*\)", _code(path))
    assert literal == []


@pytest.mark.parametrize("path", SQL, ids=lambda path: path.name)
def test_only_the_adapters_name_an_engine(path: Path) -> None:
    if path.parent.name == "adapters":
        return
    words = set(re.findall(r"[a-z_]+", _code(path).lower()))
    assert not {word for word in words if word.split("__")[0] in ENGINES}


@pytest.mark.parametrize("path", SQL, ids=lambda path: path.name)
def test_no_32_bit_floats_no_unsafe_casts_no_stray_queries(path: Path) -> None:
    code = _code(path)
    assert "type_float" not in code
    assert "current_date" not in code
    if path.name != "safe_cast.sql":
        assert "dbt.safe_cast" not in code
    # The run summary only reads, at the very end, and may fail without harm.
    if path.name not in ("registry_rows.sql", "run_summary.sql"):
        assert "run_query" not in code


@pytest.mark.parametrize("path", PYTHON_MODELS, ids=lambda path: path.name)
def test_python_models_are_thin(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 25
    assert re.findall(r"dbt\.ref\((?!\"causalops\", \")", text) == []


def test_every_design_is_in_the_results() -> None:
    """A model that makes result rows and is left out of the union would be computed for nothing."""
    union = (ROOT / "models/results/experiment_results.sql").read_text()
    makers = [path.stem for path in PYTHON_MODELS if "due_results(" in path.read_text()]
    assert [name for name in makers if f"ref('causalops', '{name}')" not in union] == []


def test_every_package_relation_is_called_experiment() -> None:
    names = [path.stem for path in ROOT.glob("models/**/*.sql")]
    assert [name for name in names if not name.startswith("experiment_")] == []
    aliases = [re.search(r'alias="(experiment_\w+)"', path.read_text()) for path in PYTHON_MODELS]
    assert all(aliases)


def test_every_test_module_has_a_name_of_its_own() -> None:
    """pytest imports test modules by their bare names: a second one of a name stops every run."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
