"""Result rows of discontinuities and selected samples where pipelines are too slow to go."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalops.estimators.quasi import heckman, rdd
from causalops.estimators.quasi.analysis import study_rows
from causalops.estimators.quasi.inputs import Analysis, Metric, Rows, Study
from causalops.estimators.quasi.rdd_checks import Scores
from causalops.results import Row

METRIC = Metric("y", "primary", "increase")
N = 600


def analysis(
    design: str, numbers: dict[tuple[str, str], Any], *listed: str, **own: Any
) -> Analysis:
    settings = {"alpha": 0.05, "method": own.pop("method"), "variant": "above", "baseline": "below",
                "unit": None, "cluster": None, "covariates": None} | own  # fmt: skip
    bare = Study("e", design, 1, (METRIC,), {}, frozenset(listed))
    columns = {key: f"v_{i}" for i, key in enumerate(numbers, 1)}
    made = Analysis(bare, "main", settings, columns)
    return replace(made, study=replace(bare, analyses=(made,)))


def table(numbers: dict[tuple[str, str], Any], cluster: Any = None, unit: Any = None) -> Rows:
    n = len(next(iter(numbers.values())))
    nothing = np.full(n, None, dtype=object)
    return Rows(unit=np.full(n, unit, dtype=object),
                cluster=nothing if cluster is None else cluster, numbers=numbers,
                period=np.full(n, np.nan), treated_from=np.full(n, np.nan))  # fmt: skip


def cutoff_rows(
    push: float | None = None, groups: Any = None, x: Any = None, listed: Any = ("donut",),
    **own: Any,
) -> list[Row]:  # fmt: skip
    """A jump of 1 at zero; with `push` the chance of treatment moves by so much."""
    rng = np.random.default_rng(4)
    drawn = rng.uniform(-1, 1, N)
    x = drawn if x is None else x
    y = x + (x >= 0) + 0.3 * rng.normal(size=len(x))
    numbers: dict[tuple[str, str], Any] = {("metric", "y"): y, ("score", "x"): x}
    if push is not None:
        share = 0.5 + push * np.where(x >= 0, 0.5, -0.5)
        numbers["received", "d"] = (rng.random(len(x)) < share).astype(float)
    settings = {"cutoff": 0.0, "treated_side": "above", "method": "local_linear",
                "received": None if push is None else "d"} | own  # fmt: skip
    made = analysis("rdd", numbers, *listed, **settings)
    data = Scores(table(numbers, groups, own.get("unit")), pd.DataFrame())
    return study_rows(made.study, rdd._metric_rows, lambda _: data, "rd_effect")


def headline(rows: list[Row]) -> Row:
    [row] = [row for row in rows if row["is_headline"]]
    return row


def checked(rows: list[Row], name: str) -> Row:
    [row] = [row for row in rows if row["row_kind"] == "check" and row["check_name"] == name]
    return row


def test_without_the_extra_the_row_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("rdrobust", "rddensity"):
        monkeypatch.setitem(sys.modules, name, None)
    rows = cutoff_rows()
    head = headline(rows)
    assert (head["status"], head["reason_code"]) == ("skipped", "missing_dependency")
    assert head["message"].endswith("pip install 'dbt-causalops[rdd]'")
    assert head["estimate"] is None
    density = checked(rows, "density")
    assert density["status"] == "not_run"
    assert density["message"] == head["message"]


def test_clusters_are_counted_by_side() -> None:
    groups = np.array([f"g{i % 60}" for i in range(N)], dtype=object)
    head = headline(cutoff_rows(groups=groups, cluster="g"))
    assert head["se_kind"] == "cr1"
    assert 30 < head["n_clusters_variant"] <= 60
    assert 30 < head["n_clusters_baseline"] <= 60


def test_sorting_at_the_cutoff_turns_the_estimate_into_a_warning() -> None:
    rng = np.random.default_rng(6)
    x = rng.uniform(-1, 1, 2_000)
    moves = (rng.random(len(x)) < 0.7) & (x < 0) & (x > -0.2)
    rows = cutoff_rows(x=np.where(moves, -x, x))
    assert checked(rows, "density")["status"] == "fail"
    head = headline(rows)
    assert (head["status"], head["reason_code"]) == ("warning", "density_jump")
    assert head["estimate"] is not None


@pytest.mark.parametrize(
    ("push", "status", "reason", "check_status"),
    [
        (0.9, "ok", None, "pass"),
        (0.1, "warning", "weak_instrument", "warn"),
        (-0.9, "blocked", "negative_first_stage", "fail"),
    ],
)
def test_the_first_stage_decides_what_can_be_read(
    push: float, status: str, reason: str | None, check_status: str
) -> None:
    rows = cutoff_rows(push)
    head = headline(rows)
    assert (head["estimand"], head["status"], head["reason_code"]) == ("rd_late", status, reason)
    assert checked(rows, "first_stage_strength")["status"] == check_status
    assert (head["verdict"] is None) == (status == "blocked")
    kinds = {row["ci_kind"] for row in rows if row["estimand"] == "rd_late"}
    assert "anderson_rubin" in kinds
    found = {row["estimand"]: row for row in rows if row["estimand"] != "rd_late"}
    for name in ("rd_itt", "first_stage"):
        assert found[name]["reason_code"] != "weak_instrument"
    first, itt = found["first_stage"], found["rd_itt"]
    assert 0 < first["mean_variant"] < 1
    assert first["mean_variant"] - first["mean_baseline"] == pytest.approx(push, abs=0.25)
    assert itt["mean_variant"] == head["mean_variant"] != first["mean_variant"]


NEED = ("donut", "half_bandwidth", "double_bandwidth")


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ({"x": np.linspace(0.1, 1, N)}, "no_units_one_side"),
        ({"unit": "u"}, "duplicate_units"),
    ],
)
def test_alternatives_without_a_bandwidth_are_rows_with_the_reason(
    own: dict[str, Any], reason: str
) -> None:
    rows = cutoff_rows(listed=(*NEED, "uniform_kernel"), **own)
    found = {
        row["analysis"]: row for row in rows
        if row["row_kind"] == "estimate" and row["ci_kind"] == "robust_bias_corrected"
    }  # fmt: skip
    assert set(found) == {"main", *(f"robustness:{name}" for name in (*NEED, "uniform_kernel"))}
    assert {row["reason_code"] for row in found.values()} == {reason}
    assert {row["status"] for row in found.values()} == {"skipped"}
    assert [name for name, row in found.items() if row["is_headline"]] == ["main"]


def test_a_donut_describes_the_units_outside_its_hole() -> None:
    rows = cutoff_rows()
    donut = next(row for row in rows if row["analysis"] == "robustness:donut")
    main = headline(rows)
    assert donut["n_variant"] < main["n_variant"]
    assert donut["mean_variant"] > main["mean_variant"]


def selection_rows(*listed: str, groups: Any = None, **own: Any) -> list[Row]:
    rng = np.random.default_rng(7)
    x, w, u, e = rng.normal(size=(4, N))
    d = (np.arange(N) % 2).astype(float) + own.pop("shift", 0.0)
    numbers: dict[tuple[str, str], Any] = {
        ("metric", "y"): x + d + u + e, ("selected", "s"): (x + w + u > 0).astype(float),
        ("treatment", "d"): d, ("covariate", "x"): x, ("exclusion", "w"): w,
    }  # fmt: skip
    settings = {"treatment": "d", "randomised": None, "method": "two_step"} | own
    made = analysis("heckman", numbers, *listed, **settings)
    data = table(numbers, groups, own.get("unit"))
    return study_rows(made.study, heckman._metric_rows, lambda _: data, "corrected_effect")


def test_the_method_of_the_file_is_the_headline() -> None:
    for method in ("two_step", "maximum_likelihood"):
        rows = selection_rows(method=method)
        head = headline(rows)
        assert (head["method"], head["term"]) == (method, "effect")
        effects = [row for row in rows if row["term"] == "effect" and row["analysis"] == "main"]
        assert {row["method"] for row in effects} == {"two_step", "maximum_likelihood", "ols"}


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ({"randomised": None}, "not_randomised"),
        ({"randomised": True, "shift": 1.0}, "treatment_not_binary"),
        ({"randomised": True}, None),
    ],
)
def test_bounds_need_a_drawn_treatment_of_two_values(
    own: dict[str, Any], reason: str | None
) -> None:
    rows = selection_rows("lee_bounds", **own)
    found = [row for row in rows if row["method"] == "lee_bounds"]
    assert found[0]["reason_code"] == reason
    assert len(found) == (3 if reason is None else 1)
    assert json.loads(found[0]["details"])["trimmed_arm"] in ("treated", "untreated", "none")


@pytest.mark.parametrize(
    ("own", "reason"),
    [({"treatment": None}, "no_treatment"), ({"unit": "u"}, "duplicate_units")],
)
def test_alternatives_that_cannot_be_had_are_rows_with_a_reason(
    own: dict[str, Any], reason: str
) -> None:
    rows = selection_rows("ols", "lee_bounds", "maximum_likelihood", **own)
    found = {
        row["analysis"]: row for row in rows
        if row["row_kind"] == "estimate" and row["analysis"] != "main"
    }  # fmt: skip
    assert set(found) == {f"robustness:{n}" for n in ("ols", "lee_bounds", "maximum_likelihood")}
    least_squares = found["robustness:ols"]
    assert (least_squares["status"], least_squares["reason_code"]) == ("skipped", reason)
    assert (least_squares["method"], least_squares["is_headline"]) == ("ols", False)


@pytest.mark.parametrize(("count", "reason"), [(30, None), (1, "too_few_clusters")])
def test_bounds_have_the_errors_of_clusters(count: int, reason: str | None) -> None:
    """With one cluster in an arm the bounds stand without errors."""
    d = np.arange(N) % 2
    groups = np.array([f"{a}{i % count}" for i, a in enumerate(d)], dtype=object)
    rows = selection_rows("lee_bounds", groups=groups, cluster="g", randomised=True)
    found = {row["term"]: row for row in rows if row["method"] == "lee_bounds"}
    assert {row["reason_code"] for row in found.values()} == {reason}
    assert found["bound_low"]["estimate"] < found["bound_high"]["estimate"]
    assert found["bound_low"]["se_kind"] == ("cr1" if reason is None else "none")
    assert (found["effect"]["ci_low"] is None) == (reason is not None)
    assert found["effect"]["n_clusters_variant"] == (15 if count == 30 else 1)
