"""The small tables of the warehouse as typed, indexed Python values."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

from causalops.frames import records
from causalops.moments import EMPTY, Block, from_pairs, merge_all
from causalops.spec.words import UNKNOWN_CLUSTER

SEED = 20260101
N_PLANNED = 10_000
ENCOURAGEMENT = "encouragement"
Record = dict[str, Any]
_COMPLETE = "complete"
_Cell = tuple[str, str, bool]  # stratum, variant, whether the units received the treatment


@dataclass(frozen=True)
class Metric:
    """One metric of one analysis; `mature_days` None means it has no window."""

    analysis: str
    name: str
    role: str
    type: str
    desired: str | None
    mature_days: int | None
    window_start: int | None
    is_all_ages: bool
    winsorize: float | None
    margin: float | None
    alpha: float
    method: str
    is_default_method: bool
    covariates: tuple[str, ...]
    level: str | None = None
    quantiles: tuple[float, ...] = ()

    @property
    def is_ratio(self) -> bool:
        return self.type == "ratio"

    @property
    def is_quantile(self) -> bool:
        return self.type == "quantile"

    @property
    def plain_method(self) -> str:
        """The method without adjustment."""
        return "ratio" if self.is_ratio else "difference_in_means"


@dataclass(frozen=True)
class Experiment:
    """A due experiment as validated; `weights` holds None for unknown planned shares."""

    id: str
    design: str
    phase: str
    as_of: dt.date
    alpha: float
    control: str
    weights: Mapping[str, float | None]
    metrics: tuple[Metric, ...]
    on_fail: Mapping[str, str]
    robustness: frozenset[str]
    seed: int
    due: Mapping[str, Any]
    n_planned: int = N_PLANNED
    cluster: str | None = None
    network: str | None = None
    sequential: Mapping[str, Any] | None = None
    bayesian: Mapping[str, Any] | None = None
    strata: str | None = None

    @property
    def is_complete(self) -> bool:
        return self.phase == _COMPLETE

    @property
    def has_clusters(self) -> bool:
        """Whether the errors are those of clusters: they are named, and known."""
        return self.cluster not in (None, UNKNOWN_CLUSTER)

    @property
    def treatments(self) -> list[str]:
        """Variants that are compared with the control, in the file's order."""
        return [name for name in self.weights if name != self.control]

    @property
    def known_weights(self) -> dict[str, float] | None:
        """Planned shares, or None when any is unknown."""
        known = {name: w for name, w in self.weights.items() if w is not None}
        return known if len(known) == len(self.weights) and known else None

    def main(self) -> list[Metric]:
        """Metrics of the main analysis."""
        return [metric for metric in self.metrics if metric.analysis == "main"]

    @cached_property
    def main_by_name(self) -> dict[str, Metric]:
        """Metrics of the main analysis by name."""
        return {metric.name: metric for metric in self.main()}


def experiments(due: Any, registry: Any, designs: Iterable[str]) -> list[Experiment]:
    """Due experiments of these designs with their variants and metrics."""
    parts: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for row in records(registry):
        parts[row["experiment_id"], row["row_kind"]].append(row)
    wanted = set(designs)
    return [
        _experiment(row, parts[row["experiment_id"], "experiment"][0],
                    parts[row["experiment_id"], "variant"], parts[row["experiment_id"], "metric"])
        for row in records(due)
        if row["design"] in wanted and parts[row["experiment_id"], "experiment"]
    ]  # fmt: skip


def _experiment(
    due: Record, spec: Record, variants: list[Record], metrics: list[Record]
) -> Experiment:
    by_position = {row["name"]: row for row in sorted(variants, key=lambda r: r["position"] or 0)}
    payload = parsed(spec.get("payload"), {})
    return Experiment(
        id=due["experiment_id"],
        design=due["design"],
        phase=due["phase"],
        as_of=day(due["as_of_date"]) or dt.date.min,
        alpha=float(spec.get("alpha") or 0.05),
        control=spec["control"],
        weights={name: row.get("weight") for name, row in by_position.items()},
        metrics=tuple(_metric(row) for row in sorted(metrics, key=lambda r: r["position"] or 0)),
        on_fail={
            name: check["on_fail"]
            for name, check in parsed(spec.get("checks"), {}).items()
            if check and check.get("on_fail")
        },
        robustness=frozenset(item["name"] for item in parsed(spec.get("robustness"), [])),
        seed=int(payload.get("seed") or SEED),
        due=due,
        n_planned=int(spec.get("n_planned") or N_PLANNED),
        **{key: payload.get(key) for key in ("cluster", "network", "sequential", "bayesian",
                                                "strata")},
    )


def _metric(row: Record) -> Metric:
    mature = row.get("mature_days")
    payload = parsed(row.get("payload"), {})
    start = None if mature is None else int(payload.get("delay_days") or 0)
    return Metric(
        analysis=row["analysis"],
        name=row["metric"],
        role=row["metric_role"],
        type=row["metric_type"],
        desired=row.get("desired"),
        mature_days=None if mature is None else int(mature),
        window_start=start,
        is_all_ages=row.get("maturity") == "all",
        winsorize=row.get("winsorize"),
        margin=row.get("margin"),
        alpha=float(row.get("alpha") or 0.05),
        method=row["method"],
        is_default_method=bool(row.get("is_default_method")),
        covariates=tuple(parsed(row.get("covariates"), [])),
        level=payload.get("level"),
        quantiles=tuple(payload.get("quantiles") or ()),
    )


class Cells:
    """Moment blocks by any key columns, stratum and variant; rows become blocks when asked.

    Where the table tells units that received the treatment from the others (`is_received`), each
    arm is two blocks, which `arm` merges.
    """

    def __init__(self, table: Any, *keys: str) -> None:
        self._rows: dict[tuple[Any, ...], dict[_Cell, list[Record]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self._by_prefix: dict[int, Mapping[tuple[Any, ...], list[tuple[Any, ...]]]] = {}
        self._arms: dict[tuple[str, tuple[Any, ...]], dict[str, Block]] = {}
        key_of = itemgetter(*keys)
        for row in records(table):
            key = key_of(row)
            cell = row.get("stratum") or "all", row["variant"], bool(row.get("is_received"))
            self._rows[key][cell].append(row)

    def has(self, *key: Any) -> bool:
        """Whether any unit stands behind this key."""
        return key in self._rows

    def keys(self, *prefix: Any) -> list[tuple[Any, ...]]:
        """Keys that start with `prefix`, without it."""
        size = len(prefix)
        if size not in self._by_prefix:
            found: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
            for key in self._rows:
                found[key[:size]].append(key[size:])
            self._by_prefix[size] = found
        return self._by_prefix[size].get(prefix, [])

    def arm(self, variant: str, *key: Any) -> dict[str, Block]:
        """Block of each stratum for one variant."""
        found = self._arms.get((variant, key))
        if found is None:
            halves = self.halves(variant, *key)
            found = {stratum: merge_all(blocks) for stratum, blocks in halves.items()}
            self._arms[variant, key] = found
        return found

    def halves(self, variant: str, *key: Any) -> dict[str, tuple[Block, Block]]:
        """For each stratum of one variant the units that did not, and that did, receive."""
        found: dict[str, list[Block]] = {}
        for (stratum, name, is_received), rows in self._rows.get(key, {}).items():
            if name == variant:
                found.setdefault(stratum, [EMPTY, EMPTY])[is_received] = from_pairs(rows)
        return {stratum: (blocks[0], blocks[1]) for stratum, blocks in found.items()}


def strata_of(
    variant: Mapping[str, Block], baseline: Mapping[str, Block]
) -> list[tuple[Block, Block]]:
    """The two arms side by side, stratum by stratum; an absent arm is an empty block."""
    names = sorted({*variant, *baseline}) or ["all"]
    return [(variant.get(name, EMPTY), baseline.get(name, EMPTY)) for name in names]


def indexed(table: Any, *keys: str) -> dict[tuple[Any, ...], Record]:
    """Rows of a table by their key columns."""
    key_of = itemgetter(*keys)
    return {key_of(row): row for row in records(table)}


def parsed(text: Any, default: Any) -> Any:
    """A JSON column; `default` where it is NULL."""
    value = json.loads(text) if isinstance(text, str) and text else text
    return default if value is None else value


def day(value: Any) -> dt.date | None:
    """A calendar day from whatever the frame holds."""
    if value is None:
        return None
    if isinstance(value, dt.datetime):
        return value.date()
    return value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value)[:10])


def count(value: Any) -> int:
    """A count; NULL is zero."""
    return 0 if value is None else int(value)
