"""The top level of an experiment, and the rules that hold between its keys."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict

from causalops.spec import words
from causalops.spec.base import Part
from causalops.spec.problems import KeyPath
from causalops.spec.reading import BayesianItem, Decision, Sequential
from causalops.spec.scalars import Alpha, Count, Date, Name, OneOf, Prose, wrong
from causalops.spec.schema import (
    AssignmentRef,
    Check,
    ListOf,
    Method,
    MetricLists,
    MetricName,
    RobustnessItem,
    Variants,
    alike,
    folded,
)

Fault = tuple[KeyPath, str, str | None]
"""A key path, a message (may hold `{value}`), and the offending value."""

CONTROL = "control"


def _design(value: Any) -> Any:
    if isinstance(value, str) and value in words.LATER_DESIGNS:
        raise wrong("design {value} is not available yet", allowed=words.DESIGNS)
    return value


Design = Annotated[str, OneOf(words.DESIGNS), BeforeValidator(_design)]
CheckName = Annotated[str, OneOf(words.CHECKS)]


class Described(Part):
    """What every experiment may say of itself, whatever its design."""

    design: Design | None = None
    status: Annotated[str, OneOf(words.STATUSES)] | None = None
    owner: Prose | None = None
    hypothesis: Prose | None = None
    assumption_note: Prose | None = None
    protocol: Name | None = None


class Experiment(Described):
    """One experiment. Every key is optional here; `faults` says which ones a design requires."""

    model_config = ConfigDict(
        title="causalops experiment",
        json_schema_extra={"required": ["design", "unit", "variants", "metrics"]},
    )

    assignment: AssignmentRef | None = None
    unit: Name | None = None
    variants: Variants | None = None
    control: Name | None = None
    start: Date | None = None
    end: Date | None = None
    metrics: MetricLists | None = None
    segments: Annotated[tuple[Name, ...], ListOf] | None = None
    strata: Name | None = None
    covariates: Annotated[tuple[MetricName, ...], ListOf] | None = None
    method: Method | None = None
    robustness: Annotated[tuple[RobustnessItem, ...], ListOf] | None = None
    checks: dict[CheckName, Check] | None = None
    alpha: Alpha | None = None
    n_planned: Count | None = None
    received: Name | None = None
    cluster: Name | None = None
    network: Name | None = None
    sequential: Sequential | None = None
    bayesian: BayesianItem = None
    decision: Decision | None = None

    @property
    def control_name(self) -> str:
        """The variant that the others are compared with."""
        return self.control or CONTROL


def faults(spec: Experiment, broken: frozenset[str]) -> list[Fault]:
    """What is wrong between the keys of `spec`; keys in `broken` were already reported."""
    found: list[Fault] = []
    for key in ("design", "unit", "variants", "metrics"):
        if getattr(spec, key) is None and key not in broken:
            found.append(((key,), "is required", None))
    if spec.variants is not None and "control" not in broken:
        found += _control_faults(spec)
    if spec.start and spec.end and spec.end < spec.start:
        found.append((("end",), f"{{value}} lies before start, {spec.start}", str(spec.end)))
    if spec.status == "stopped" and spec.end is None and "end" not in broken:
        found.append((("end",), "is required when status is 'stopped'", None))
    found += _design_faults(spec, broken) + _metric_faults(spec) + _robustness_faults(spec)
    for key in ("segments", "covariates"):
        twin = alike(getattr(spec, key) or ())
        if twin is not None:
            found.append(((key,), "{value} is listed twice", twin))
    return found


def _control_faults(spec: Experiment) -> list[Fault]:
    names = ", ".join(spec.variants or {})
    if spec.control is None and CONTROL not in (spec.variants or {}):
        return [(("control",), f"is required: no variant is called 'control' ({names})", None)]
    if spec.control_name not in (spec.variants or {}):
        return [(("control",), f"{{value}} is not one of the variants ({names})", spec.control)]
    return []


_CLUSTER_ADVICE = "design 'cluster_rct' randomises clusters, design '{}' randomises units"


def _design_faults(spec: Experiment, broken: frozenset[str]) -> list[Fault]:
    """Keys that belong to some of the randomised designs only."""
    found: list[Fault] = []
    if spec.design == "cluster_rct" and spec.cluster is None and "cluster" not in broken:
        found.append((("cluster",), "is required: the unit that was randomised", None))
    if spec.design in ("ab_test", "aa_test") and spec.cluster is not None:
        found.append((("cluster",), _CLUSTER_ADVICE.format(spec.design), None))
    if spec.design == "cluster_rct" and spec.cluster == words.UNKNOWN_CLUSTER:
        text = "must be known in design 'cluster_rct': its errors are those of clusters"
        found.append((("cluster",), text, None))
    if spec.strata is not None and spec.design == "cluster_rct":
        text = "is not available in design 'cluster_rct' yet: its arms are compared as a whole"
        found.append((("strata",), text, None))
    is_clustered = spec.cluster not in (None, words.UNKNOWN_CLUSTER)
    if spec.strata is not None and spec.design == "encouragement" and is_clustered:
        text = "is not available together with `cluster`: its arms are compared as a whole"
        found.append((("strata",), text, None))
    for key, design in (("received", "encouragement"), ("network", "cluster_rct")):
        if getattr(spec, key) is not None and spec.design not in (design, None):
            text = f"belongs to design '{design}', not to '{spec.design}'"
            found.append(((key,), text, None))
    if spec.sequential is not None and spec.sequential.is_planned and spec.design != "ab_test":
        text = "group_sequential is for design 'ab_test'; always-valid intervals come by themselves"
        found.append((("sequential", "kind"), text, None))
    return found


def _metric_faults(spec: Experiment) -> list[Fault]:
    uses = spec.metrics.by_role() if spec.metrics else []
    if spec.metrics and not uses:
        return [(("metrics",), "must name at least one metric", None)]
    if len(uses) > words.MAX_METRICS:
        text = f"names {len(uses)} metrics; the limit is {words.MAX_METRICS}"
        return [(("metrics",), text, None)]
    seen: set[str] = set()
    found: list[Fault] = []
    for path, _, use in spec.metrics.by_role() if spec.metrics else ():
        if folded(use.name) in seen:
            text = "metric {value} is listed twice: give one of them a name of its own with `as`"
            found.append((path, text, use.name))
        seen.add(folded(use.name))
    return found


def _robustness_faults(spec: Experiment) -> list[Fault]:
    items = spec.robustness or ()
    names = {use.name for _, _, use in spec.metrics.by_role()} if spec.metrics else set()
    found: list[Fault] = []
    for index, item in enumerate(items):
        path: KeyPath = ("robustness", index)
        if item.set and item.name in words.LISTED_ROBUSTNESS:
            found.append((path, "{value} is a listed name: choose another one", item.name))
        if not item.set and item.name not in words.LISTED_ROBUSTNESS:
            found.append((path, "{value} needs `set`, the keys to change", item.name))
        for key in item.set:
            metric = key.removeprefix("metrics.").rpartition(".")[0]
            if key.startswith("metrics.") and names and metric not in names:
                allowed = ", ".join(sorted(names))
                text = f"{{value}} is not a metric of this experiment ({allowed})"
                found.append(((*path, "set", key), text, metric))
    twin = alike(item.name for item in items)
    if twin is not None:
        found.append((("robustness",), "{value} is listed twice", twin))
    return found
