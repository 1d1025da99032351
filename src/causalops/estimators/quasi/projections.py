"""Coefficients of outcome, treatment and instruments on the controls, for the second scan."""

from __future__ import annotations

from typing import Any

COLUMNS = {
    "experiment_id": "text", "analysis": "text", "metric": "text", "part": "text",
    "number_kind": "text", "number_value": "double",
}  # fmt: skip


def run(due: Any, gram: Any) -> list[dict[str, Any]]:
    """Rows (part, number_kind, number_value): mean and scale of each part, and its slope on each
    control (0 where the control is left out). `due` has been applied to `gram` already."""
    if due.empty:
        return []
    # Only now: SciPy is behind it, and most projects have no instrument.
    from causalops.estimators.quasi.gram_tables import CONTROL, blocks, project

    rows: list[dict[str, Any]] = []
    for (experiment_id, analysis, metric), block in sorted(blocks(gram).items()):
        key = {"experiment_id": experiment_id, "analysis": analysis, "metric": metric}
        if block.n == 0:
            continue
        found = project(block.gram)
        for part, mean in zip(block.gram.names, block.gram.mean, strict=True):
            numbers = {"mean": float(mean)}
            if part in found.targets:
                index = found.targets.index(part)
                numbers["scale"] = float(found.scales[index])
                kept = dict(zip(found.controls.kept, found.slopes[:, index], strict=True))
                numbers |= {name: float(kept.get(name, 0.0)) for name in block.gram.names
                            if name.startswith(CONTROL)}  # fmt: skip
            rows += [{**key, "part": part, "number_kind": kind, "number_value": value}
                     for kind, value in numbers.items()]  # fmt: skip
    return rows
