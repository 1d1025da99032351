"""What an experiment refers to: clusters, treatment received, networks, metrics to decide by."""

from __future__ import annotations

from collections.abc import Iterator

from causalops.spec import words
from causalops.spec.catalogue import Catalogue, Input
from causalops.spec.decisions import decision_faults
from causalops.spec.experiment import Experiment, Fault


def reference_faults(spec: Experiment, item: Input, catalogue: Catalogue) -> Iterator[Fault]:
    """Names in `spec` that neither its assignment `item` nor the catalogue know."""
    yield from _cluster_faults(spec, item)
    yield from _received_faults(spec, item, catalogue)
    yield from _network_faults(spec, catalogue)
    yield from decision_faults(spec, catalogue)


def _cluster_faults(spec: Experiment, item: Input) -> Iterator[Fault]:
    known = item.assignment.clusters if item.assignment else {}
    is_asked = spec.cluster is not None and spec.design in ("encouragement", "cluster_rct")
    if not is_asked or spec.cluster in (*known, words.UNKNOWN_CLUSTER):
        return
    names = ", ".join(known) or "none"
    text = f"{{value}} is not one of the clusters that assignment '{item.name}' declares ({names})"
    yield ("cluster",), text, spec.cluster


def _received_faults(spec: Experiment, item: Input, catalogue: Catalogue) -> Iterator[Fault]:
    """Treatment received is the assignment's own column, or a metric."""
    if spec.design != "encouragement":
        return
    column = item.assignment.received if item.assignment else None
    if spec.received is None and column is None:
        yield ("received",), f"is required: assignment '{item.name}' declares no `received`", None
    elif spec.received not in (None, column, *catalogue.owners):
        text = "{value} is neither a metric nor the column that the assignment calls `received`"
        yield ("received",), text, spec.received


def _network_faults(spec: Experiment, catalogue: Catalogue) -> Iterator[Fault]:
    if spec.network is None:
        return
    item = catalogue.inputs.get(spec.network)
    if item is None or item.graph is None:
        graphs = ", ".join(name for name, found in catalogue.inputs.items() if found.graph)
        text = f"{{value}} is no model with `graph` in its meta.causalops ({graphs or 'none'})"
        yield ("network",), text, spec.network
    elif item.spoiled("graph"):
        said = "; ".join(str(problem) for problem in item.spoiled("graph"))
        yield ("network",), f"{{value}} cannot be used: {said}", spec.network
    elif "dataset_models" not in item.lists:
        text = "{value} must be listed under dataset_models in dbt_project.yml"
        yield ("network",), text, spec.network
    elif item.graph.unit != spec.unit:
        text = f"{{value}} joins units '{item.graph.unit}', the experiment's unit is '{spec.unit}'"
        yield ("network",), text, spec.network
