"""The closed word lists of the grammar, and the words that are reserved for later."""

from __future__ import annotations

RANDOMISED_DESIGNS = ("aa_test", "ab_test", "encouragement", "cluster_rct")
DATASET_DESIGNS = ("its", "did", "matched_did", "synthetic_control", "rdd", "iv", "heckman")
DESIGNS = (*RANDOMISED_DESIGNS, *DATASET_DESIGNS)
LATER_DESIGNS = frozenset(
    {
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
RANDOMISED_KEYS = frozenset(
    {
        "assignment",
        "variants",
        "control",
        "start",
        "end",
        "segments",
        "strata",
        "n_planned",
        "network",
        "sequential",
        "bayesian",
    }
)
DATASET_KEYS = {
    "its": ("time", "intervention", "seasonality", "gaps"),
    "did": ("time", "treated_from", "treated", "post", "comparison", "anticipation"),
    "matched_did": ("time", "treated_from", "treated", "post", "match_on", "exact"),
    "synthetic_control": ("time", "treated_from", "treated", "post", "donors"),
    "rdd": ("score", "cutoff", "treated_side", "received"),
    "iv": ("treatment", "instruments"),
    "heckman": ("selected", "exclusion", "treatment", "randomised"),
}
"""The keys that belong to each design that reads a dataset."""
SHARED_KEYS = {
    "its": ("covariates",),
    "did": ("unit", "cluster"),
    "matched_did": ("unit", "cluster"),
    "synthetic_control": ("unit",),
    "rdd": ("unit", "cluster", "covariates"),
    "iv": ("unit", "cluster", "covariates"),
    "heckman": ("unit", "cluster", "covariates"),
}
"""Which of `unit`, `cluster` and `covariates` a design reads."""
REQUIRED_KEYS = {
    "its": ("time", "intervention"),
    "did": (),
    "matched_did": ("unit", "match_on"),
    "synthetic_control": ("unit", "time"),
    "rdd": ("score", "cutoff"),
    "iv": ("treatment", "instruments"),
    "heckman": ("selected", "covariates"),
}
TREATMENT_PATH_DESIGNS = ("did", "matched_did", "synthetic_control")
"""Designs in which units become treated at some time: `treated_from`, or `treated` and `post`."""
DATASET_METHODS = {
    "its": ("ar1", "ar2", "hac"),
    "did": ("group_time", "two_by_two"),
    "matched_did": ("matching", "doubly_robust"),
    "synthetic_control": ("convex_weights",),
    "rdd": ("local_linear",),
    "iv": ("two_stage_least_squares", "liml"),
    "heckman": ("two_step", "maximum_likelihood"),
}
"""Methods of each design, the default first; the configuration alone says which is the headline."""
DATASET_ROBUSTNESS = {
    "its": ("ar2", "hac", "no_covariates", "no_seasonality", "level_only"),
    "did": ("twfe", "not_yet_treated", "universal_base", "leave_one_cohort_out"),
    "matched_did": (
        *("matching", "bias_corrected", "no_caliper", "unmatched"),
        *("doubly_robust", "doubly_robust_traditional", "outcome_regression", "ipw"),
    ),
    "synthetic_control": ("leave_one_out", "did"),
    "rdd": ("donut", "half_bandwidth", "double_bandwidth", "local_quadratic", "uniform_kernel"),
    "iv": ("ols", "liml"),
    "heckman": ("ols", "maximum_likelihood", "lee_bounds"),
}
"""Alternatives that a design offers by name under `robustness`."""
ARMS = {
    "its": ("after", "projected"),
    "did": ("treated", "untreated"),
    "matched_did": ("treated", "untreated"),
    "synthetic_control": ("treated", "untreated"),
}
"""Variant and baseline in the results, where the design alone says what they are called."""

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
    "unread_rows",
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
_EVERYWHERE = ("placebo", "specification", "missing_values", "duplicates")
CHECKS_OF = {
    "its": (*_EVERYWHERE, "calendar", "autocorrelation", "placebo_date", "collinearity"),
    "did": (*_EVERYWHERE, "calendar", "treatment_path", "balanced_panel", "pretrends",
            "pretrend_power", "honest_did", "bacon_weights"),
    "matched_did": (*_EVERYWHERE, "treatment_path", "balanced_panel", "collinearity", "separation",
                    "overlap", "balance_after", "matched_share", "pretrends", "rosenbaum",
                    "evalue"),
    "synthetic_control": (*_EVERYWHERE, "treatment_path", "balanced_panel", "pre_fit",
                          "placebo_in_space", "placebo_in_time", "leave_one_out"),
    "rdd": (*_EVERYWHERE, "density", "continuity", "placebo_cutoff", "donut",
            "bandwidth_sensitivity", "mass_points", "effective_n", "first_stage_strength"),
    "iv": (*_EVERYWHERE, "collinearity", "first_stage_strength", "endogeneity",
           "overidentification"),
    "heckman": (*_EVERYWHERE, "collinearity", "separation", "exclusion", "condition_number",
                "selection"),
}  # fmt: skip
"""The checks of each design that reads a dataset."""
DATASET_CHECKS = tuple(dict.fromkeys(name for names in CHECKS_OF.values() for name in names))
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
