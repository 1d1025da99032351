"""The public result row: one table, three kinds of row (estimate, check, curve).

The column lists follow the public contract. A Python model returns rows made here; the SQL model
`experiment_results` stamps them with version, run and hashes and appends them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

Row = dict[str, Any]

_KEY: dict[str, str] = {
    "row_kind": "text",
    "experiment_id": "text",
    "analysis": "text",
    "metric": "text",
    "variant": "text",
    "baseline": "text",
    "population": "text",
    "segment_dim": "text",
    "segment_value": "text",
}
_ESTIMATE: dict[str, str] = {
    "estimand": "text",
    "method": "text",
    "term": "text",
    "cohort": "text",
    "period": "text",
    "parameter_name": "text",
    "parameter": "double",
    "window_kind": "text",
    "window_start": "integer",
    "window_end": "integer",
    "scale": "text",
    "test": "text",
    "ci_kind": "text",
    "ci_level": "double",
    "design": "text",
    "metric_role": "text",
    "is_headline": "boolean",
    "n_variant": "bigint",
    "n_baseline": "bigint",
    "n_obs_variant": "bigint",
    "n_obs_baseline": "bigint",
    "n_clusters_variant": "bigint",
    "n_clusters_baseline": "bigint",
    "mean_variant": "double",
    "mean_baseline": "double",
    "sd_variant": "double",
    "sd_baseline": "double",
    "estimate": "double",
    "std_error": "double",
    "se_kind": "text",
    "df": "double",
    "statistic": "double",
    "p_value": "double",
    "alternative": "text",
    "null_value": "double",
    "p_adjusted": "double",
    "p_family": "text",
    "ci_low": "double",
    "ci_high": "double",
    "ci_shape": "text",
    "prob_better": "double",
    "expected_loss": "double",
    "variance_reduction": "double",
    "mde": "double",
    "info_fraction": "double",
    "verdict": "text",
    "status": "text",
    "reason_code": "text",
    "message": "text",
    "details": "text",
}
_CHECK: dict[str, str] = {
    "check_name": "text",
    "day": "date",
    "covariate": "text",
    "donor": "text",
    "cutoff": "double",
    "value": "double",
    "value_name": "text",
    "threshold": "double",
    "n": "bigint",
    "gates": "boolean",
}
_CURVE: dict[str, str] = {
    "curve": "text",
    "series": "text",
    "seq": "integer",
    "x": "double",
    "x_date": "date",
    "x_label": "text",
    "y": "double",
    "y_low": "double",
    "y_high": "double",
    "band_kind": "text",
}
RESULT_COLUMNS: dict[str, str] = {**_KEY, **_ESTIMATE, **_CHECK, **_CURVE}

# A reader may join on every key column: none of them is ever NULL.
_KEY_DEFAULTS: Row = {
    "analysis": "main",
    "metric": "none",
    "variant": "none",
    "baseline": "none",
    "population": "exposed",
    "segment_dim": "all",
    "segment_value": "all",
}
_ESTIMATE_DEFAULTS: Row = {
    "estimand": "ate",
    "term": "effect",
    "cohort": "all",
    "period": "all",
    "parameter_name": "none",
    "window_kind": "overall",
    "scale": "absolute",
    "test": "difference",
    "ci_kind": "fixed",
    "is_headline": False,
    "se_kind": "none",
    "ci_shape": "none",
    "status": "ok",
}


def _template(kind: str, **defaults: Any) -> Row:
    return {**dict.fromkeys(RESULT_COLUMNS), **_KEY_DEFAULTS, "row_kind": kind, **defaults}


_TEMPLATES: dict[str, Row] = {
    "estimate": _template("estimate", **_ESTIMATE_DEFAULTS),
    "check": _template("check", covariate="none", donor="none", gates=False),
    "curve": _template("curve", series="effect", band_kind="none"),
}


# Made once: an encoder costs as much as its use.
_encode = json.JSONEncoder(sort_keys=True).encode


def as_json(details: Mapping[str, Any]) -> str:
    """Details as text, keys in order."""
    return _encode(details)


def changed(base: Row, /, **values: Any) -> Row:
    """A copy of a row with these values; NaN and infinities become NULL.

    Raises TypeError on a column that is not part of the contract.
    """
    row = base | values
    if len(row) > len(RESULT_COLUMNS):
        unknown = ", ".join(sorted(set(values) - set(RESULT_COLUMNS)))
        raise TypeError(f"unknown result column(s): {unknown}")
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            row[name] = None
    return row


def estimate_row(**values: Any) -> Row:
    """One row of `experiment_estimates`; key columns default to `'none'`/`'all'`.

    Raises TypeError on a column that is not part of the contract.
    """
    return changed(_TEMPLATES["estimate"], **values)


def check_row(**values: Any) -> Row:
    """One row of `experiment_checks`; `covariate`, `donor` and `day` belong to its key."""
    return changed(_TEMPLATES["check"], **values)


def curve_row(**values: Any) -> Row:
    """One point of `experiment_curves`; `seq` is the order of points within a series."""
    return changed(_TEMPLATES["curve"], **values)
