"""Checks of a selected sample, as rows."""

from __future__ import annotations

from collections.abc import Mapping

from causalops.estimators.quasi.analysis import check
from causalops.estimators.quasi.inputs import Analysis, Metric, Rows
from causalops.estimators.quasi.row_quality import duplicates, missing_values, repeated_units
from causalops.estimators.quasi.selection import ILL_CONDITIONED, Selection
from causalops.estimators.quasi.selection_likelihood import LikelihoodRatio
from causalops.estimators.quasi.selection_sample import SelectionSample
from causalops.reasons import REASONS
from causalops.results import Row

LEVEL = 0.05
_NOT_SEPARATED = ("nobody_selected", "everybody_selected", "duplicate_units")


def quality_rows(
    analysis: Analysis, metric: Metric, rows: Rows, sample: SelectionSample
) -> list[Row]:
    """Rows left out, units that come twice, columns that say nothing of their own."""
    made = [missing_values(analysis, metric, sample.n_dropped, len(rows))]
    if analysis.settings["unit"]:
        made.append(duplicates(analysis, metric, repeated_units(analysis, rows)))
    left_out = {**sample.z.left_out, **sample.x.left_out}
    row = check(
        analysis, metric, "collinearity", "warn" if left_out else "pass",
        "covariate_dropped" if left_out else None, dict(left_out), value=float(len(left_out)),
        value_name="columns", n=len(sample.selected),
    )  # fmt: skip
    if left_out:
        named = ", ".join(f"{name}: {why}" for name, why in sorted(left_out.items()))
        row["message"] = f"{REASONS['covariate_dropped']} ({named})"
    return [*made, row]


def check_rows(
    analysis: Analysis, metric: Metric, sample: SelectionSample,
    found: Mapping[str, Selection], ratio: LikelihoodRatio | None,
) -> list[Row]:  # fmt: skip
    """Separation, exclusion, condition of the second step, and whether selection matters."""
    main = found["two_step"]
    return [
        _separation(analysis, metric, main),
        _exclusion(analysis, metric, sample, main),
        _condition(analysis, metric, main),
        _selection(analysis, metric, main, ratio),
    ]


def _separation(analysis: Analysis, metric: Metric, main: Selection) -> Row:
    is_off = main.reason == "perfect_separation"
    status = "fail" if is_off else "not_run" if main.reason in _NOT_SEPARATED else "pass"
    reason = main.reason if status != "pass" else None
    share = main.n_selected / main.n if main.n else None
    return check(
        analysis, metric, "separation", status, reason, {"column": main.column}, value=share,
        value_name="share_selected", n=main.n,
    )  # fmt: skip


def _exclusion(
    analysis: Analysis, metric: Metric, sample: SelectionSample, main: Selection
) -> Row:
    """Whether something moves selection alone, and how strongly (largest |z| of the probit)."""
    if not sample.exclusions:
        return check(analysis, metric, "exclusion", "warn", "no_exclusion", value=0.0,
                     value_name="columns")  # fmt: skip
    strengths = {
        name: term.statistic for name, term in main.selection.items()
        if name in sample.exclusions and term.statistic is not None
    }  # fmt: skip
    largest = max((abs(value) for value in strengths.values()), default=None)
    return check(
        analysis, metric, "exclusion", "not_run" if largest is None else "pass",
        main.reason if largest is None else None, {"z": strengths or None}, statistic=largest,
        value=float(len(sample.exclusions)), value_name="columns", n=main.n,
    )  # fmt: skip


def _condition(analysis: Analysis, metric: Metric, main: Selection) -> Row:
    number = main.condition_number
    is_off = "lambda_nearly_collinear" in main.warnings
    return check(
        analysis, metric, "condition_number",
        "not_run" if number is None else "warn" if is_off else "pass",
        "lambda_nearly_collinear" if is_off else main.reason,
        {"variance_inflation_of_lambda": main.inflation, "inflation_threshold": ILL_CONDITIONED},
        value=number, value_name="condition_number", n=main.n_selected,
    )  # fmt: skip


def _selection(
    analysis: Analysis, metric: Metric, main: Selection, ratio: LikelihoodRatio | None
) -> Row:
    """Is there selection on the error? Informative: it fails nothing."""
    if ratio is None:
        p = main.lambda_.p_value
        return check(
            analysis, metric, "selection", "not_run" if p is None else "pass",
            main.reason if p is None else None, {"test": "wald of lambda"},
            statistic=main.lambda_.statistic, p_value=p, value=main.rho.estimate,
            value_name="rho", threshold=LEVEL, n=main.n,
        )  # fmt: skip
    return check(
        analysis, metric, "selection", "pass", None, {"test": "likelihood ratio"},
        statistic=ratio.statistic, df=1.0, p_value=ratio.p_value, value=main.rho.estimate,
        value_name="rho", threshold=LEVEL, n=main.n,
    )  # fmt: skip
