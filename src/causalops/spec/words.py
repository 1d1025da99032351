"""The closed word lists of the grammar, and the words that are reserved for later."""

from __future__ import annotations

DESIGNS = ("aa_test", "ab_test", "encouragement", "cluster_rct")
LATER_DESIGNS = frozenset(
    {
        "its",
        "did",
        "matched_did",
        "rdd",
        "iv",
        "heckman",
        "synthetic_control",
        "switchback",
        "geo_test",
        "holdout",
        "observational",
        "panel_fe",
        "factorial",
        "mediation",
        "transport",
        "bandit",
        "discovery",
        "fairness",
        "counterfactual",
    }
)
LATER_EXPERIMENT_KEYS = frozenset(
    {
        "weights",
        "effects_by",
        "decided",
        "anchor",
    }
)
LATER_ASSIGNMENT_KEYS = frozenset(
    {
        "hash",
        "salt",
        "layer",
        "traffic",
        "where",
    }
)
DESIGN_OF_KEY = {
    "dataset": "its, did, rdd, iv and heckman",
    "time": "its and did",
    "intervention": "its",
    "seasonality": "its",
    "treated_from": "did",
    "treated": "did",
    "post": "did",
    "comparison": "did",
    "anticipation": "did",
    "donors": "synthetic_control",
    "match_on": "matched_did",
    "exact": "matched_did",
    "score": "rdd",
    "cutoff": "rdd",
    "treated_side": "rdd",
    "treatment": "iv and heckman",
    "instruments": "iv",
    "selected": "heckman",
    "exclusion": "heckman",
}

STATUSES = ("draft", "running", "stopped", "archived")
COMPUTED_STATUSES = ("running", "stopped")
VERDICTS = ("better", "worse", "not_worse", "different", "no_difference_found")
SEQUENTIAL_KINDS = ("always_valid", "group_sequential")
SPENDING = ("obrien_fleming", "pocock")
UNKNOWN_CLUSTER = "unknown"
ROLES = ("primary", "secondary", "guardrail", "placebo")
METHODS = ("cuped", "unadjusted", "lin")
CHECKS = (
    "srm",
    "crossover",
    "unplanned_variants",
    "trigger_balance",
    "balance",
    "missing_by_arm",
    "immature_by_arm",
    "dominance",
    "skewness",
    "protocol_change",
    "late_rows",
    "future_rows",
    "resplit",
    "first_stage_strength",
    "placebo",
    "cluster_unknown",
    "srm_units",
    "cluster_split",
    "cluster_missing",
    "cluster_sizes",
    "icc",
    "edges_cut",
    "neighbour_exposure",
    "spillover",
)
LISTED_ROBUSTNESS = ("unadjusted", "no_winsor", "first_variant", "lin")
MEASURE_TYPES = ("proportion", "count", "count_distinct", "sum", "mean", "retention")
PART_TYPES = ("proportion", "count", "count_distinct", "sum", "retention")
METRIC_TYPES = (*MEASURE_TYPES, "ratio", "quantile")
FILTER_OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte", "in")
METRIC_SET_OPTIONS = (
    "window_days",
    "delay_days",
    "pre_days",
    "maturity",
    "winsorize",
    "missing",
    "margin",
)
SET_KEYS = (
    "alpha",
    "method",
    "covariates",
    "window_days",
    "delay_days",
    "maturity",
    "winsorize",
    "missing",
    "pre_days",
)
MAX_VARIANTS = 50
MAX_METRICS = 200
MAX_QUANTILES = 20
