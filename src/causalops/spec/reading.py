"""How results may be read: looks before the end, a prior, and the rule behind a decision."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from causalops.spec import words
from causalops.spec.base import Part
from causalops.spec.scalars import Date, Name, OneOf, Positive, wrong

MAX_LOOKS = 50
MIN_PRIOR = 0.1  # as in causalops.bayesian, which is too heavy to import here


def _list(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return value
    raise wrong("must be a list, such as [a, b]")


class Sequential(Part):
    """Looks before the end: an interval valid at any time, or planned looks that spend alpha."""

    kind: Annotated[str, OneOf(words.SEQUENTIAL_KINDS)] = "always_valid"
    looks: Annotated[tuple[Date, ...], BeforeValidator(_list)] = ()
    spending: Annotated[str, OneOf(words.SPENDING)] = "obrien_fleming"

    @property
    def is_planned(self) -> bool:
        """Whether alpha is spent at planned looks."""
        return self.kind == "group_sequential"


def _pair(value: Any) -> Any:
    listed = _list(value)
    if len(listed) != 2:
        raise wrong("must hold the two numbers of a Beta distribution, such as [1, 1]")
    return listed


def _resolved(value: tuple[float, float]) -> tuple[float, float]:
    if min(value) < MIN_PRIOR:
        raise wrong(f"must hold numbers of at least {MIN_PRIOR}")
    return value


class Bayesian(Part):
    """The prior of the Bayesian rows: Beta for proportions, normal around zero for means."""

    beta_prior: Annotated[
        tuple[Positive, Positive], BeforeValidator(_pair), AfterValidator(_resolved)
    ] = (1.0, 1.0)
    effect_sd: Positive | None = None


def _switch(value: Any) -> Any:
    """`bayesian: true` asks for the default priors."""
    if value is True or value == "true":
        return {}
    if value is False or value == "false":
        return None
    return value


BayesianItem = Annotated[
    Bayesian | None,
    BeforeValidator(_switch),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "object"}]}, mode="validation"),
]


def _verdicts(value: Any) -> Any:
    """One verdict, or a list of verdicts any of which will do."""
    return value if isinstance(value, list | tuple) else [value]


Verdicts = Annotated[
    tuple[Annotated[str, OneOf(words.VERDICTS)], ...],
    BeforeValidator(_verdicts),
    WithJsonSchema(
        {"anyOf": [{"enum": list(words.VERDICTS)}, {"type": "array"}]}, mode="validation"
    ),
]


class Decision(Part):
    """The rule of one experiment: metrics with the verdicts that an arm must (or must not) have."""

    ship_if: dict[Name, Verdicts] | None = None
    do_not_ship_if: dict[Name, Verdicts] | None = None
