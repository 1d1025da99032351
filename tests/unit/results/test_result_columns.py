"""The SQL macro and the Python module must declare the same result columns, in the same order."""

import re
from pathlib import Path

import yaml

from causalops.results import RESULT_COLUMNS
from causalops.warehouse import VIEWS

ROOT = Path(__file__).parents[3]


def test_macro_equals_python() -> None:
    text = (ROOT / "macros" / "result_columns.sql").read_text(encoding="utf-8")
    first_macro = text.split("{%- endmacro %}")[0]
    declared = re.findall(r"'(\w+)': '(\w+)'", first_macro)
    assert declared == list(RESULT_COLUMNS.items())


def test_contract_columns_have_the_types_of_the_result_row() -> None:
    for kind in ("estimates", "checks", "curves"):
        path = ROOT / "models" / "results" / f"experiment_{kind}.yml"
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]:
            for column in model["columns"]:
                expected = RESULT_COLUMNS.get(column["name"], column["data_type"])
                assert column["data_type"] == expected.replace("text", "varchar"), column["name"]


def test_every_published_view_is_a_model_with_a_contract() -> None:
    contracted = set()
    for path in (ROOT / "models" / "results").glob("*.yml"):
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]:
            if model.get("config", {}).get("contract", {}).get("enforced"):
                contracted.add(model["name"])
    assert contracted == set(VIEWS)
