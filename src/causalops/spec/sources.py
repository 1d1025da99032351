"""The rows of `experiment_specs` as a project source."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from causalops.spec.project import ExperimentSource, ProjectSource
from causalops.spec.yaml_reader import Document, read_yaml


def project_source(rows: Iterable[Mapping[str, Any]]) -> ProjectSource:
    """Sort the rows by kind; `payload` is JSON text or already plain data."""
    experiments: list[ExperimentSource] = []
    inputs: dict[str, Document] = {}
    columns: dict[str, dict[str, str]] = {}
    settings: Mapping[str, Any] = {}
    for row in rows:
        payload = row["payload"]
        data = json.loads(payload) if isinstance(payload, str) else payload
        name, file = row["name"], row["file"] or row["name"]
        if row["row_kind"] == "experiment":
            experiments.append(_experiment(name, file, data))
        elif row["row_kind"] == "input":
            inputs[name] = Document(file, data)
        elif row["row_kind"] == "column":
            columns[name] = {item["name"]: str(item["type"]) for item in data or ()}
        elif row["row_kind"] == "settings":
            settings = data
    return ProjectSource(tuple(experiments), inputs, columns, settings)


def _experiment(name: str, file: str, payload: Any) -> ExperimentSource:
    form = payload.get("form") or "none"
    if form == "block":
        document = read_yaml(payload.get("text") or "", file, int(payload.get("line") or 1))
    else:
        document = Document(file, payload.get("spec"))
    return ExperimentSource(name, file, form, document)
