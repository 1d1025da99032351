"""`causalops new`: with every comment taken off, the file of each design is a valid experiment."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from spec_project import COLUMNS, INPUTS, messages

from causalops.cli import main
from causalops.spec import words

FLAGS = copy.deepcopy(INPUTS["flags"])
FLAGS["assignment"] |= {"clusters": {"account_id": "country"}}
EDGES = {"graph": {"unit": "user_id", "source": "one", "target": "two"}}
METRICS = {
    "my_metric": {"type": "sum", "value": "amount", "window_days": 7, "desired": "increase"},
    "another_metric": {"type": "count", "window_days": 7},
    "a_third_metric": {"type": "count", "window_days": 7, "desired": "decrease"},
    "my_flag": {"type": "proportion", "window_days": 7},
}
ORDERS = INPUTS["orders"] | {"metrics": METRICS}
NUMBERS = (
    "my_outcome another_outcome age income time year first_year points enrolled years_of_school "
    "college_nearby works small_children schooling state person region sex"
)
DATASET = {**dict.fromkeys(NUMBERS.split(), "DOUBLE"), "month": "DATE"}


@pytest.mark.parametrize("design", words.DESIGNS)
def test_every_line_of_the_file_is_valid(design: str, tmp_path: Path) -> None:
    arguments = ["new", "banner", "--design", design, "--project-dir", str(tmp_path)]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    text = (tmp_path / "models" / "experiments" / "banner.sql").read_text(encoding="utf-8")
    block = text.partition("%}\n")[2].partition("{% endcall")[0]
    bare = re.sub(r"^( *)# (?=\w+:)", r"\1", block, flags=re.MULTILINE)
    found = messages(
        bare.replace("my_assignments", "flags"),
        inputs={"flags": FLAGS, "my_edges": EDGES, "orders": ORDERS},
        columns=COLUMNS | {"my_edges": {"one": "VARCHAR", "two": "VARCHAR"}, "my_dataset": DATASET},
        settings={"dataset_models": ["my_edges", "my_dataset"], "fact_models": ["orders"]},
    )
    assert found == []
