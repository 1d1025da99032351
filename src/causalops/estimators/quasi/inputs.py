"""A due experiment on a dataset, and the rows of each of its analyses, as typed Python values."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalops.frames import frame, records

MAIN = "main"
SEED = 20260101
EPOCH = dt.date(1970, 1, 1)
Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]
Record = dict[str, Any]


@dataclass(frozen=True)
class Metric:
    """An outcome column: `name` in the results, `role` in the experiment."""

    name: str
    role: str
    desired: str | None


@dataclass(frozen=True)
class Study:
    """A due experiment on a dataset as validated.

    `alternatives` are the listed names under `robustness`; analyses with keys set differently
    stand in `analyses` beside `main`.
    """

    id: str
    design: str
    seed: int
    metrics: tuple[Metric, ...]
    on_fail: Mapping[str, str]
    alternatives: frozenset[str]
    analyses: tuple[Analysis, ...] = ()


@dataclass(frozen=True)
class Analysis:
    """One way to analyse a study: the keys of its file, resolved.

    `columns` maps (role, name) to the generic column of the rows that holds it.
    """

    study: Study
    name: str
    settings: Mapping[str, Any]
    columns: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def alpha(self) -> float:
        return float(self.settings["alpha"])

    @property
    def is_main(self) -> bool:
        return self.name == MAIN

    @property
    def method(self) -> str:
        """The method of the headline."""
        return str(self.settings["method"])

    @property
    def variant(self) -> str:
        return str(self.settings["variant"])

    @property
    def baseline(self) -> str:
        return str(self.settings["baseline"])

    def names(self, role: str) -> list[str]:
        """Columns with this role, in the file's order."""
        return [name for held, name in self.columns if held == role]

    def moment(self, period: float) -> str:
        """A point on the axis of `period` as people write it."""
        if self.settings.get("time_kind", "number") == "number":
            return f"{period:.12g}"
        return (EPOCH + dt.timedelta(days=round(period))).isoformat()


@dataclass(frozen=True)
class Rows:
    """Rows of one analysis, in an order that depends on their values alone.

    Every array has one element per row: `unit` and `cluster` are None where the dataset names
    none, numbers are NaN where a value is missing or not finite.
    """

    unit: Texts
    cluster: Texts
    period: Floats
    treated_from: Floats
    numbers: Mapping[tuple[str, str], Floats]
    labels: tuple[Texts, ...] = ()

    def __len__(self) -> int:
        return len(self.unit)

    def metric(self, name: str) -> Floats:
        return self.numbers["metric", name]

    def role(self, role: str) -> Floats | None:
        """The only column with this role, None where the analysis names none."""
        return next((values for (held, _), values in self.numbers.items() if held == role), None)

    def matrix(self, role: str) -> Floats:
        """All columns with this role side by side (rows, columns), in the file's order."""
        found = [values for (held, _), values in self.numbers.items() if held == role]
        return np.column_stack(found) if found else np.empty((len(self), 0))


def studies(due: Any, registry: Any, design: str) -> list[Study]:
    """Due experiments of this design with their metrics and analyses."""
    parts: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for row in records(registry):
        parts[row["experiment_id"], row["row_kind"]].append(row)
    return [
        _study(row, parts[row["experiment_id"], "experiment"][0],
               parts[row["experiment_id"], "metric"], parts[row["experiment_id"], "dataset"])
        for row in records(due)
        if row["design"] == design and parts[row["experiment_id"], "experiment"]
    ]  # fmt: skip


def _study(due: Record, spec: Record, metrics: list[Record], datasets: list[Record]) -> Study:
    payload = json.loads(spec["payload"])
    checks = json.loads(spec.get("checks") or "{}")
    bare = Study(
        id=due["experiment_id"],
        design=due["design"],
        seed=int(payload.get("seed", SEED)),
        metrics=tuple(
            Metric(row["metric"], row["metric_role"], row.get("desired"))
            for row in sorted(metrics, key=lambda row: row["position"] or 0)
        ),
        on_fail={name: rule["on_fail"] for name, rule in checks.items() if rule.get("on_fail")},
        alternatives=frozenset(json.loads(spec.get("robustness") or "[]")),
    )
    analyses = [_analysis(bare, json.loads(row["payload"])) for row in datasets]
    ordered = sorted(analyses, key=lambda item: (not item.is_main, item.name))
    return Study(**{**vars(bare), "analyses": tuple(ordered)})


def _analysis(study: Study, payload: Record) -> Analysis:
    columns = {
        (item["role"], item["name"]): f"v_{item['slot']}" for item in payload["columns"]
    }
    return Analysis(study, payload["analysis"], payload["settings"], columns)


class DatasetRows:
    """The table `experiment_dataset_rows`, by study and analysis."""

    def __init__(self, table: Any) -> None:
        self._table = frame(table)

    def of(self, analysis: Analysis) -> Rows:
        """The rows of one analysis."""
        table = self._table
        own = (table["experiment_id"] == analysis.study.id) & (table["analysis"] == analysis.name)
        part = table[own]
        part = part.sort_values([str(n) for n in part if part[n].notna().any()], kind="stable")
        labels = [f"label_{i}" for i, _ in enumerate(analysis.settings.get("exact") or (), 1)]
        return Rows(
            unit=_texts(part["unit_id"]),
            cluster=_texts(part["cluster_id"]),
            period=_floats(part["period"]),
            treated_from=_floats(part["treated_from"]),
            numbers={key: _floats(part[name]) for key, name in analysis.columns.items()},
            labels=tuple(_texts(part[name]) for name in labels),
        )


def _floats(column: pd.Series[Any]) -> Floats:
    return column.to_numpy(dtype=float, na_value=np.nan)


def _texts(column: pd.Series[Any]) -> Texts:
    values = column.astype(object)
    return values.where(column.notna(), None).to_numpy()
