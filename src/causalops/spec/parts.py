"""From a metric's definition to the parts of its block: outcome, denominator, covariates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from causalops.spec.catalogue import Catalogue, Input
from causalops.spec.inputs import Filter, Metric, RatioPart

_AGGREGATES = {
    "sum": "sum",
    "mean": "sum",
    "quantile": "sum",
    "count": "count",
    "count_distinct": "distinct",
    "proportion": "any",
    "retention": "any",
}


class PlanError(ValueError):
    """A metric cannot be computed as asked; the message may hold `{value}`."""

    def __init__(self, message: str, value: str | None = None) -> None:
        super().__init__(message)
        self.message, self.value = message, value


@dataclass(frozen=True)
class Measure:
    """One number per unit and day, read from one fact."""

    fact: str
    agg: str
    value: str | None
    filters: tuple[Filter, ...]


@dataclass(frozen=True)
class Window:
    """Days from the exposure day; `day_to` None is open, `pre_days` None is no pre-period."""

    day_from: int
    day_to: int | None
    pre_days: int | None


@dataclass(frozen=True)
class Part:
    """One column of a metric's block. `phase` is v (after exposure) or p (before it)."""

    name: str
    measure: Measure
    den: Measure | None
    window: Window
    phase: str
    missing: str
    capped: bool


@dataclass(frozen=True)
class Options:
    """The options of a metric after every layer; None = not said."""

    window_days: int | None = None
    delay_days: int | None = None
    pre_days: int | None = None
    maturity: str = "complete"
    winsorize: float | None = None
    missing: str | None = None
    margin: float | None = None
    mde: float | None = None

    def updated(self, source: Any) -> Options:
        """These options with what `source` (a declaration or a use) says on top."""
        said = {f.name: getattr(source, f.name, None) for f in fields(self)}
        return replace(self, **{key: value for key, value in said.items() if value is not None})


@dataclass(frozen=True)
class Source:
    """A measure with what its fact and its declaration say about it."""

    measure: Measure
    den: Measure | None
    is_timed: bool
    missing: str
    own: Options


@dataclass(frozen=True)
class Reader:
    """Turns metric names into parts, for one unit and for exposures with or without time."""

    catalogue: Catalogue
    unit: str
    is_timed: bool
    pre_days: int

    def metric(self, name: str) -> tuple[Input, Metric]:
        """The declaration of `name`, usable for this unit, or a PlanError saying why not."""
        if name not in self.catalogue.owners:
            raise PlanError("unknown metric {value}", name)
        owner, metric = self.catalogue.metric(name)
        spoiled = owner.spoiled("fact") + owner.spoiled("metrics", name)
        if spoiled or metric is None or owner.fact is None:
            reasons = "; ".join(dict.fromkeys(str(problem) for problem in spoiled))
            raise PlanError(f"metric {{value}} cannot be used: {reasons}", name)
        if "fact_models" not in owner.lists:
            text = f"metric {{value}} needs model '{owner.name}' in fact_models, in dbt_project.yml"
            raise PlanError(text, name)
        if self.unit not in owner.fact.units:
            units = ", ".join(owner.fact.units)
            text = f"metric {{value}} has no unit '{self.unit}': fact '{owner.name}' has {units}"
            raise PlanError(text, name)
        return owner, metric

    def sources(self, name: str) -> tuple[Source, ...]:
        """One source, or numerator and denominator."""
        owner, metric = self.metric(name)
        if metric.type != "ratio":
            return (self._source(owner, metric, metric.type, Options().updated(metric)),)
        parts = [part for part in (metric.numerator, metric.denominator) if part is not None]
        return tuple(self._ratio_part(owner, part, name) for part in parts)

    def _ratio_part(self, owner: Input, part: RatioPart, ratio: str) -> Source:
        if part.metric is None:
            return self._source(owner, part, part.type or "sum", Options())
        other_owner, other = self.metric(part.metric)
        if other.type in ("ratio", "mean", "quantile"):
            text = f"a part of ratio {{value}} is metric '{part.metric}' of type '{other.type}'"
            raise PlanError(f"{text}: use one that adds up", ratio)
        return self._source(other_owner, other, other.type, Options().updated(other))

    def _source(self, owner: Input, measure: Any, kind: str, own: Options) -> Source:
        is_timed = owner.fact is not None and owner.fact.timestamp is not None
        filters = tuple(measure.filter)
        read = Measure(owner.name, _AGGREGATES[kind], measure.value, filters)
        den = Measure(owner.name, "count", measure.value, filters) if kind == "mean" else None
        missing = "drop" if kind in ("mean", "quantile") or not is_timed else "zero"
        return Source(read, den, is_timed, missing, own)

    def outcome(self, name: str, options: Options, adjusted: bool) -> tuple[Part, ...]:
        """Parts y (and z), then x1 (and w1) of the metric's own pre-period where there is one."""
        sources = self.sources(name)
        pre = self._pre_days(options)
        has_pre = adjusted and pre > 0 and all(self.is_timed and s.is_timed for s in sources)
        found: list[Part] = []
        for phase, names in (("v", ("y", "z")), ("p", ("x1", "w1"))):
            for part_name, source in zip(names, sources, strict=False):
                window = self._window(source, options, pre if has_pre else None)
                capped = part_name in ("y", "x1") and options.winsorize is not None
                missing = options.missing or source.missing
                found.append(
                    Part(part_name, source.measure, source.den, window, phase, missing, capped)
                )
            if not has_pre:
                break
        return tuple(found)

    def received(self, name: str) -> Part:
        """The flag of one metric: whether a unit took the treatment in that metric's window."""
        _, metric = self.metric(name)
        if metric.type not in ("proportion", "retention"):
            text = f"received {{value}} is a metric of type '{metric.type}': use a proportion"
            raise PlanError(f"{text} or a retention", name)
        (source,) = self.sources(name)
        window = self._window(source, Options().updated(metric), None)
        return Part("d", source.measure, None, window, "v", "zero", False)

    def covariate(self, name: str, number: int, pre_days: int | None) -> tuple[Part, ...]:
        """Parts xk (and wk): pre-period values of a timed fact, plain values of an untimed one."""
        _, metric = self.metric(name)
        if metric.type == "quantile":
            raise PlanError("covariate {value} is a quantile: name a sum, count or mean", name)
        options = Options().updated(metric)
        options = options if pre_days is None else replace(options, pre_days=pre_days)
        return tuple(
            self._covariate_part(f"{letter}{number}", name, source, options)
            for letter, source in zip("xw", self.sources(name), strict=False)
        )

    def _covariate_part(self, part: str, name: str, source: Source, options: Options) -> Part:
        pre = self._pre_days(options)
        if source.is_timed and not (self.is_timed and pre > 0):
            why = "pre_days is 0" if self.is_timed else "the assignment has no timestamp"
            raise PlanError(f"covariate {{value}} has no pre-period: {why}", name)
        window = self._window(source, options, pre)
        phase = "p" if source.is_timed else "v"
        missing = options.missing or source.missing
        return Part(part, source.measure, source.den, window, phase, missing, False)

    def _pre_days(self, options: Options) -> int:
        return self.pre_days if options.pre_days is None else options.pre_days

    def _window(self, source: Source, options: Options, pre_days: int | None) -> Window:
        if not (self.is_timed and source.is_timed):
            return Window(0, None, None)
        own = source.own
        days = own.window_days if options.window_days is None else options.window_days
        delay = own.delay_days if options.delay_days is None else options.delay_days
        start = delay or 0
        return Window(start, None if days is None else start + days - 1, pre_days)


def windows_of(parts: tuple[Part, ...]) -> Iterator[Window]:
    """The windows of the outcome itself, without covariates."""
    return (part.window for part in parts if part.name in ("y", "z"))
