"""What the data say about instruments: strength, exogeneity, agreement, and what was left out."""

from __future__ import annotations

from causalops.estimators.quasi.analysis import check
from causalops.estimators.quasi.exogeneity import wu_hausman
from causalops.estimators.quasi.gram_tables import Block
from causalops.estimators.quasi.inputs import Analysis, Metric
from causalops.estimators.quasi.iv_system import Instrumented, explained
from causalops.estimators.quasi.joint_tests import JointTest
from causalops.estimators.quasi.overidentification import hansen_j, sargan
from causalops.estimators.quasi.regression import CLASSIC
from causalops.estimators.quasi.row_quality import missing_values
from causalops.estimators.randomised.compliance import T_TEST_F, WEAK_F
from causalops.results import Row

_LEVEL = 0.05


def check_rows(
    analysis: Analysis, metric: Metric, block: Block | None, found: Instrumented | None
) -> list[Row]:
    """Every check of one outcome; those without an answer say so."""
    n_rows = 0 if block is None else block.n_rows
    n_lost = 0 if block is None else block.n_rows - block.n
    rows = [missing_values(analysis, metric, n_lost, n_rows)]
    if found is None:
        return rows
    rows.append(_collinearity(analysis, metric, found))
    if found.reason_code is not None:
        names = ("first_stage_strength", "endogeneity", "overidentification")
        reason = found.reason_code
        return rows + [check(analysis, metric, name, "not_run", reason) for name in names]
    return [*rows, _strength(analysis, metric, found), _endogeneity(analysis, metric, found),
            _agreement(analysis, metric, found)]  # fmt: skip


def _collinearity(analysis: Analysis, metric: Metric, found: Instrumented) -> Row:
    """Controls and instruments that others determine are named."""
    reason = "columns_dropped" if found.dropped else None
    row = check(
        analysis, metric, "collinearity", "warn" if found.dropped else "pass", reason,
        value=float(len(found.dropped)), value_name="columns_dropped",
    )  # fmt: skip
    return row if reason is None else row | {"message": explained(reason, "; ".join(found.dropped))}


def _strength(analysis: Analysis, metric: Metric, found: Instrumented) -> Row:
    """Effective F of the first stage; the usual F, the partial R2 and thresholds in details."""
    power = found.strength
    if power is None or power.effective is None:
        reason = None if power is None else power.robust.reason_code
        return check(analysis, metric, "first_stage_strength", "not_run", reason)
    is_weak = power.effective < WEAK_F
    return check(
        analysis, metric, "first_stage_strength", "warn" if is_weak else "pass",
        "weak_instrument" if is_weak else None,
        {"f_classic": power.classic.statistic, "f_robust": power.robust.statistic,
         "partial_r2": power.partial_r2, "critical_value": power.critical,
         "t_test_threshold": T_TEST_F},
        statistic=power.robust.statistic, df=power.robust.df1, p_value=power.robust.p_value,
        value=power.effective, value_name="f_effective", threshold=WEAK_F,
        n=found.system.residuals.n,
    )  # fmt: skip


def _endogeneity(analysis: Analysis, metric: Metric, found: Instrumented) -> Row:
    """Wu-Hausman: whether least squares differs. Both answers are fine, so it never fails."""
    test, classic = (wu_hausman(found.system, kind) for kind in (found.kind, CLASSIC))
    details = {"statistic_classic": classic.statistic, "p_value_classic": classic.p_value}
    return _tested(analysis, metric, "endogeneity", test, None, details)


def _agreement(analysis: Analysis, metric: Metric, found: Instrumented) -> Row:
    """Hansen's J, with Sargan's statistic in details: whether the instruments agree."""
    test, classic = hansen_j(found.system), sargan(found.system)
    details = {"sargan": classic.statistic, "sargan_p_value": classic.p_value}
    reason = "instruments_disagree"
    return _tested(analysis, metric, "overidentification", test, reason, details)


def _tested(
    analysis: Analysis, metric: Metric, name: str, test: JointTest, failure: str | None,
    details: dict[str, float | None],
) -> Row:  # fmt: skip
    if test.p_value is None:
        return check(analysis, metric, name, "not_run", test.reason_code)
    is_off = failure is not None and test.p_value < _LEVEL
    return check(
        analysis, metric, name, "fail" if is_off else "pass", failure if is_off else None, details,
        statistic=test.statistic, df=test.df1, p_value=test.p_value,
        threshold=None if failure is None else _LEVEL,
    )  # fmt: skip
