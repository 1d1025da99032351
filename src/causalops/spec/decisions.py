"""The decision rule of an experiment: what it may ask for, and its rows in the registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from causalops.spec.catalogue import Catalogue
from causalops.spec.dataset_experiment import ColumnMetric, DatasetExperiment
from causalops.spec.experiment import Experiment, Fault
from causalops.spec.schema import MetricUse

SIDES = ("ship_if", "do_not_ship_if")
Conditions = Mapping[str, tuple[str, ...]]
Spec = Experiment | DatasetExperiment
Use = MetricUse | ColumnMetric


def conditions(spec: Spec) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Every (side, metric, verdicts) of the rule; what is better is also not worse."""
    for side in SIDES:
        for metric, verdicts in _side(spec, side).items():
            extra = ("better",) if "not_worse" in verdicts else ()
            yield side, metric, tuple(dict.fromkeys((*verdicts, *extra)))


def decision_faults(spec: Spec, catalogue: Catalogue) -> Iterator[Fault]:
    """Rules that name what does not exist, or ask for a verdict that can never come."""
    yield from _margin_faults(spec)
    if spec.decision is None:
        return
    if spec.design == "aa_test":
        yield ("decision",), "design 'aa_test' compares like with like: it decides nothing", None
        return
    if not any(_side(spec, side) for side in SIDES):
        yield ("decision",), "needs ship_if or do_not_ship_if, with at least one metric", None
    elif not _side(spec, "ship_if") and spec.metrics and not spec.metrics.primary:
        yield ("decision",), "needs ship_if, as there is no primary metric to ship for", None
    uses = spec.metrics.by_role() if spec.metrics else []
    found = {use.name: (role, use) for _, role, use in uses}
    for side in SIDES:
        for metric, verdicts in _side(spec, side).items():
            if metric not in found:
                text = f"{{value}} is not a metric of this experiment ({', '.join(found)})"
                yield ("decision", side, metric), text, metric
                continue
            role, use = found[metric]
            for fault in _never(role, use, _desired(use, catalogue), verdicts):
                yield ("decision", side, metric), fault, None
    for metric in set(_side(spec, "ship_if")) & set(_side(spec, "do_not_ship_if")):
        twice = set(_side(spec, "ship_if")[metric]) & set(_side(spec, "do_not_ship_if")[metric])
        for verdict in sorted(twice):
            text = "asks to ship and not to ship when the verdict is {value}"
            yield ("decision", "do_not_ship_if", metric), text, verdict


def _side(spec: Spec, side: str) -> Conditions:
    return (getattr(spec.decision, side) if spec.decision else None) or {}


def _desired(use: Use, catalogue: Catalogue) -> str | None:
    if isinstance(use, ColumnMetric):
        return use.desired
    if use.metric not in catalogue.owners:
        return None
    _, metric = catalogue.metric(use.metric)
    return metric.desired if metric else None


def _never(
    role: str, use: Use, desired: str | None, verdicts: tuple[str, ...]
) -> Iterator[str]:
    """Why this metric can never have one of these verdicts."""
    if not verdicts:
        yield "needs at least one verdict, such as better"
    has_margin = role == "guardrail" and _margin(use) is not None
    if "not_worse" in verdicts and not has_margin:
        yield ("can never be not_worse without a margin: list it as a guardrail, "
               f"{{metric: {use.metric}, margin: 0.02}}")  # fmt: skip
    if "better" in verdicts and has_margin and "not_worse" not in verdicts:
        yield "is a guardrail with a margin, hence not_worse when it is better: ask for not_worse"
    if desired is None and {"better", "worse"} & set(verdicts):
        yield (f"can never be better or worse: metric '{use.metric}' has no `desired`; "
               "declare it, or ask for different")  # fmt: skip
    if desired is not None and "different" in verdicts:
        yield f"can never be different: metric '{use.metric}' has `desired`, so ask for better"


def _margin(use: Use) -> float | None:
    """Columns of a dataset have no margin."""
    return use.margin if isinstance(use, MetricUse) else None


def _margin_faults(spec: Spec) -> Iterator[Fault]:
    """A margin is read for guardrails only."""
    for path, role, use in spec.metrics.by_role() if spec.metrics else ():
        if _margin(use) is not None and role != "guardrail":
            text = f"margin of {{value}} has no effect on a {role} metric: list it as a guardrail"
            yield (*path, "margin"), text, use.name
