"""A valid experiment as a plan: every metric of every analysis with its parts, and its hash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from causalops.spec.experiment import Experiment
from causalops.spec.hashes import analysis_hash
from causalops.spec.inputs import Assignment, Metric
from causalops.spec.looks import require_cohorts
from causalops.spec.parts import Options, Part, PlanError, Reader, windows_of
from causalops.spec.problems import KeyPath
from causalops.spec.schema import MetricUse
from causalops.spec.settings import Settings

MAIN = "main"
LIN_BELOW_SHARE = 0.3
"""Below this smaller share of a contrast the pooled CUPED slope loses to separate slopes."""
DEFAULT_QUANTILES = (0.5,)


@dataclass(frozen=True)
class PlannedMetric:
    """One metric in one analysis."""

    analysis: str
    name: str
    metric: str
    position: int
    role: str
    type: str
    desired: str | None
    unit_label: str | None
    options: Options
    alpha: float | None
    method: str
    is_default_method: bool
    covariates: tuple[str, ...]
    parts: tuple[Part, ...]
    level: str | None = None
    quantiles: tuple[float, ...] = ()

    @property
    def mature_days(self) -> int | None:
        """Days after exposure when the longer window closes; None without a window."""
        ends = [window.day_to for window in windows_of(self.parts) if window.day_to is not None]
        return max(ends, default=None)


@dataclass(frozen=True)
class Plan:
    """Everything the warehouse and the statistics need to know about one experiment."""

    experiment_id: str
    spec: Experiment
    assignment_model: str
    assignment: Assignment
    assignment_key: str | None
    metrics: tuple[PlannedMetric, ...]
    robustness: tuple[Mapping[str, Any], ...]
    hash: str
    received: Part | None = None

    @property
    def unit(self) -> str:
        return self.spec.unit or ""

    @property
    def weights(self) -> dict[str, float | None]:
        return shares(self.spec.variants or {})

    @property
    def facts(self) -> tuple[str, ...]:
        """Every fact model the experiment reads, in order of first use."""
        parts = [part for metric in self.metrics for part in metric.parts]
        parts += [] if self.received is None else [self.received]
        return tuple(dict.fromkeys(part.measure.fact for part in parts))


@dataclass(frozen=True)
class Planned:
    """A plan, or the reasons why there is none (key path, message, value)."""

    plan: Plan | None
    faults: tuple[tuple[KeyPath, str, str | None], ...]


@dataclass(frozen=True)
class _Analysis:
    name: str
    set: Mapping[str, Any]
    path: KeyPath

    def overrides(self, metric: str) -> dict[str, Any]:
        """What this analysis sets for the metric called `metric`."""
        plain = {key: value for key, value in self.set.items() if not key.startswith("metrics.")}
        prefix = f"metrics.{metric}."
        return plain | {
            key.removeprefix(prefix): value
            for key, value in self.set.items()
            if key.startswith(prefix) and "." not in key.removeprefix(prefix)
        }


def shares(variants: Mapping[str, float | None]) -> dict[str, float | None]:
    """Weights as shares that add up to 1; None when they were not declared."""
    weights = [weight for weight in variants.values() if weight is not None]
    total = sum(weights)
    return {name: None if w is None else w / total for name, w in variants.items()}


def default_method(spec: Experiment) -> str:
    """`lin` when a contrast is declared lopsided, else `cuped`; never decided by the data."""
    weights = shares(spec.variants or {})
    control = weights.get(spec.control_name)
    for name, weight in weights.items():
        if name == spec.control_name or weight is None or control is None:
            continue
        if min(weight, control) / (weight + control) < LIN_BELOW_SHARE:
            return "lin"
    return "cuped"


def plan_experiment(
    experiment_id: str, spec: Experiment, model: str, assignment: Assignment, reader: Reader,
    settings: Settings,
) -> Planned:  # fmt: skip
    """Plan the metrics of `spec` in every analysis; never raises for what users wrote."""
    found: list[PlannedMetric] = []
    faults: list[tuple[KeyPath, str, str | None]] = []
    uses = spec.metrics.by_role() if spec.metrics else []
    for position, (path, role, use) in enumerate(uses, start=1):
        try:
            _check_windows(use, reader)
            found.append(_planned(spec, use, role, position, reader, _Analysis(MAIN, {}, ())))
        except PlanError as error:
            faults.append((path, error.message, error.value))
    main = {metric.name: metric for metric in found}
    for analysis in _analyses(spec, found) if not faults else ():
        for position, (_, role, use) in enumerate(uses, start=1):
            if not _applies(analysis, main[use.name]):
                continue
            try:
                found.append(_planned(spec, use, role, position, reader, analysis))
            except PlanError as error:
                faults.append((analysis.path, error.message, error.value))
    received = None
    if spec.design == "encouragement" and (spec.received or "") in reader.catalogue.owners:
        try:
            received = reader.received(spec.received or "")
        except PlanError as error:
            faults.append((("received",), error.message, error.value))
    if faults:
        return Planned(None, tuple(dict.fromkeys(faults)))
    key = (spec.assignment.key if spec.assignment else None) or experiment_id
    plan = Plan(
        experiment_id, spec, model, assignment, key if assignment.key else None,
        tuple(found), _robustness(spec, found), "", received,
    )  # fmt: skip
    return Planned(replace(plan, hash=analysis_hash(resolved(plan, settings))), ())


def _check_windows(use: MetricUse, reader: Reader) -> None:
    """A window that this experiment asks for by itself must be possible."""
    asked = [key for key in ("window_days", "delay_days") if getattr(use, key) is not None]
    if asked and not (reader.is_timed and all(s.is_timed for s in reader.sources(use.metric))):
        raise PlanError(
            f"`{asked[0]}` of {{value}} needs a timestamp in assignment and fact", use.name
        )


def _planned(
    spec: Experiment, use: MetricUse, role: str, position: int, reader: Reader, analysis: _Analysis
) -> PlannedMetric:
    _, metric = reader.metric(use.metric)
    if role == "guardrail" and metric.desired is None:
        raise PlanError("guardrail {value} needs `desired` (increase or decrease)", use.metric)
    set_here = analysis.overrides(use.name)
    options = Options().updated(metric).updated(use)
    own = {key: value for key, value in set_here.items() if key in Options.__dataclass_fields__}
    options = replace(options, **own)
    level, quantiles = _quantiles(use, metric, options)
    asked = set_here.get("method", spec.method)
    method = asked or default_method(spec)
    adjusted = method != "unadjusted" and level is None
    parts = reader.outcome(use.metric, options, adjusted)
    covariates = ["pre"] if any(part.name == "x1" for part in parts) else []
    declared: tuple[str, ...] = set_here.get("covariates", spec.covariates) or ()
    for name in declared:
        if adjusted and name != use.metric:
            covariates.append(name)
            parts += reader.covariate(name, len(covariates), set_here.get("pre_days"))
    planned = PlannedMetric(
        analysis.name, use.name, use.metric, position, role, metric.type, metric.desired,
        metric.unit_label, options, set_here.get("alpha", spec.alpha),
        _headline(metric.type, level, method, bool(covariates)), asked is None,
        tuple(covariates), parts, level, quantiles,
    )  # fmt: skip
    if analysis.name == MAIN and spec.sequential is not None and spec.sequential.is_planned:
        require_cohorts(metric.type, planned.mature_days, options.maturity, use.name)
    return planned


def _quantiles(
    use: MetricUse, metric: Metric, options: Options
) -> tuple[str | None, tuple[float, ...]]:
    """Level and quantiles of a quantile metric; (None, ()) for every other type."""
    if metric.type != "quantile":
        return None, ()
    level = metric.level or "unit"
    if options.winsorize is not None:
        raise PlanError("quantile {value} takes no `winsorize`", use.name)
    if level == "event" and options.missing == "zero":
        raise PlanError("quantile {value} of events takes no `missing: zero`", use.name)
    return level, metric.quantiles or DEFAULT_QUANTILES


def _headline(metric_type: str, level: str | None, method: str, is_adjusted: bool) -> str:
    if level is not None:
        return "quantile" if level == "unit" else "event_quantile"
    if metric_type == "ratio":
        return "cuped" if is_adjusted else "ratio"
    return method if is_adjusted else "difference_in_means"


def _analyses(spec: Experiment, main: list[PlannedMetric]) -> Iterator[_Analysis]:
    """The analyses that need rows of their own; `no_winsor` comes by itself with winsorising."""
    if any(metric.options.winsorize is not None for metric in main):
        yield _Analysis("robustness:no_winsor", {"winsorize": None}, ("robustness",))
    for index, item in enumerate(spec.robustness or ()):
        path: KeyPath = ("robustness", index)
        if item.name == "lin":
            yield _Analysis("robustness:lin", {"method": "lin"}, path)
        elif item.set:
            yield _Analysis(f"robustness:{item.name}", item.set, path)


def _applies(analysis: _Analysis, main: PlannedMetric) -> bool:
    """Whether the analysis says something about this metric that its main row does not."""
    if analysis.name == "robustness:no_winsor":
        return main.options.winsorize is not None
    if analysis.name == "robustness:lin":
        return main.type != "ratio" and bool(main.covariates) and main.method != "lin"
    # A quantile is never adjusted, so it has nothing to say about a method.
    moot = {"method", "covariates"} if main.level is not None else set()
    return bool(analysis.overrides(main.name).keys() - moot)


def _robustness(spec: Experiment, metrics: list[PlannedMetric]) -> tuple[Mapping[str, Any], ...]:
    items = {item.name: dict(item.set) for item in spec.robustness or ()}
    if any(metric.analysis == "robustness:no_winsor" for metric in metrics):
        items.setdefault("no_winsor", {})
    return tuple({"name": name, "set": keys} for name, keys in items.items())


def resolved(plan: Plan, settings: Settings) -> dict[str, Any]:
    """Exactly the fields that change numbers, as plain data (the input of `analysis_hash`)."""
    spec = plan.spec
    names = ["variant", "key", "timestamp", "trigger", "exclude", "segments"]
    if spec.design == "encouragement":
        names.append("received")
    reading = ("cluster", "network", "sequential", "bayesian", "decision")
    said = {key: getattr(spec, key) for key in reading}
    return {
        "design": spec.design,
        "unit": spec.unit,
        "assignment": {name: getattr(plan.assignment, name) for name in names}
        | {"model": plan.assignment_model, "value": plan.assignment_key}
        | {"unit": plan.assignment.units.get(plan.unit)},
        "variants": sorted(plan.weights.items()),
        "control": spec.control_name,
        "start": spec.start,
        "end": spec.end,
        "segments": sorted(spec.segments or ()),
        "strata": spec.strata,
        "alpha": spec.alpha,
        "n_planned": spec.n_planned,
        "received": None if plan.received is None else asdict(plan.received),
        **{key: value.model_dump() if hasattr(value, "model_dump") else value
           for key, value in said.items()},
        "checks": {name: check.model_dump() for name, check in (spec.checks or {}).items()},
        "robustness": sorted(plan.robustness, key=lambda item: str(item["name"])),
        "metrics": sorted(
            (_resolved_metric(metric) for metric in plan.metrics),
            key=lambda item: (str(item["analysis"]), str(item["name"])),
        ),
        "timezone": settings.timezone,
        "seed": settings.seed,
        "max_segment_values": settings.max_segment_values,
    }


def _resolved_metric(metric: PlannedMetric) -> dict[str, Any]:
    plain = asdict(metric)
    del plain["position"], plain["unit_label"]
    if metric.level is None:
        del plain["level"], plain["quantiles"]
    return plain
