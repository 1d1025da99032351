"""One outcome's treatment and instruments, after what cannot be used is left out and named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from causalops.estimators.quasi.gram import Combination, independent
from causalops.estimators.quasi.gram_tables import Block, Projection
from causalops.estimators.quasi.inputs import Analysis
from causalops.estimators.quasi.residual_moments import Residuals
from causalops.estimators.quasi.two_stage import System
from causalops.estimators.quasi.weak_instruments import Strength, strength
from causalops.reasons import REASONS


@dataclass(frozen=True)
class Instrumented:
    """A system with what its rows say: the names of its columns, the kind of robust errors, how
    strong it is, what was left out, and why there is no estimate, if there is none."""

    system: System
    kind: str
    columns: dict[str, str]
    dropped: tuple[str, ...] = ()
    reason_code: str | None = None
    message: str | None = None
    strength: Strength | None = None
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def n_instruments(self) -> int:
        """Instruments in use."""
        return len(self.system.instruments)

    @property
    def effective(self) -> float | None:
        """Effective F; with one instrument the robust F."""
        return None if self.strength is None else self.strength.effective

    @property
    def critical(self) -> float | None:
        """What the effective F must exceed for a small bias."""
        return None if self.strength is None else self.strength.critical

    @property
    def facts(self) -> dict[str, Any]:
        """Details of every effect row."""
        return {"f_effective": self.effective, "n_instruments": self.n_instruments,
                "dropped": list(self.dropped) or None}  # fmt: skip


def instrumented(
    analysis: Analysis, block: Block, projection: Projection, residuals: Residuals
) -> Instrumented:
    """The system of one outcome: controls, then instruments, that depend on others are left out;
    a treatment or outcome that does not vary beyond the controls ends it."""
    columns = _columns(analysis)
    controls = projection.controls
    instruments = independent(
        block.gram, [name for name in block.gram.names if name[0] == "z"], controls.kept
    )
    kind = "hc1" if residuals.n_clusters is None else "cr1"
    system = System(residuals, "y", ("x",), instruments.kept)
    dropped = tuple(_said(item, columns) for item in (*controls.dropped, *instruments.dropped))
    values = {"n_variant": block.n, "n_obs_variant": block.n,
              "n_clusters_variant": residuals.n_clusters}  # fmt: skip
    found = Instrumented(system, kind, columns, dropped, values=values)
    if not np.isfinite(block.gram.c).all():
        return _without(found, "not_finite")
    if block.n_duplicates and analysis.settings["cluster"] is None:
        return _without(found, "duplicate_units", f"{block.n_duplicates} rows")
    for name, reason in (("x", "collinear"), ("y", "constant_outcome")):
        alone = independent(block.gram, [name], controls.kept)
        if alone.dropped:
            said = _said(alone.dropped[0], columns)
            if name == "y":
                reason, said = ("perfect_fit", said) if alone.dropped[0].of else (reason, "")
            return _without(found, reason, said)
    reason_code, _ = system.problem
    if reason_code is None and system.residuals.n_clusters == 1:
        reason_code = "one_cluster"
    if reason_code is not None:
        return _without(found, reason_code, "; ".join(dropped))
    return Instrumented(system, kind, columns, dropped, strength=strength(system, "x", kind),
                        values=values)  # fmt: skip


def _without(found: Instrumented, reason_code: str, said: str = "") -> Instrumented:
    return Instrumented(found.system, found.kind, found.columns, found.dropped, reason_code,
                        explained(reason_code, said), values=found.values)  # fmt: skip


def explained(reason_code: str, said: str) -> str:
    """The sentence of a reason, with what it is about in this case."""
    sentence = REASONS[reason_code]
    return f"{sentence.removesuffix('.')}: {said}." if said else sentence


def _columns(analysis: Analysis) -> dict[str, str]:
    """Names of the file for the parts of a block."""
    found = {"y": "the outcome", "x": analysis.names("treatment")[0]}
    for letter, role in (("z", "instrument"), ("w", "covariate")):
        found |= {f"{letter}{i}": name for i, name in enumerate(analysis.names(role), start=1)}
    return found


def _said(item: Combination, columns: dict[str, str]) -> str:
    if columns[item.column] in (columns[name] for name in item.of):
        return f"{columns[item.column]} is a control too"
    return str(Combination(columns[item.column], tuple(columns[name] for name in item.of)))
