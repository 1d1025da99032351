"""Instruments through dbt: the textbook cases, clusters against rows, and what cannot be done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from harness import Project
from linearmodels.iv import IV2SLS

DATA = Path(__file__).parents[1] / "reference" / "data"
CASES = {
    case["id"]: case["expected"]
    for case in json.loads((DATA.parent / "cases.json").read_text())["cases"]
}
CONTROLS = ["exper", "expersq", "black", "smsa", "south", "smsa66"]
REGIONS = [f"reg66{number}" for number in range(2, 10)]
NOTE = "assumption_note: The instrument moves the outcome only by the treatment\n"
CARD = f"""
design: iv
dataset: card
treatment: educ
instruments: [nearc4]
covariates: [{", ".join(CONTROLS + REGIONS)}]
metrics: {{primary: [lwage]}}
{NOTE}"""
MROZ = f"""
design: iv
dataset: mroz
treatment: educ
instruments: [motheduc, fatheduc]
covariates: [exper, expersq]
metrics: {{primary: [{{metric: lwage, desired: increase}}]}}
robustness: [ols, liml, {{name: mother_only, set: {{instruments: [motheduc]}}}}]
{NOTE}"""
DRAWN = f"""
design: iv
dataset: drawn
unit: id
cluster: team
treatment: x
instruments: [z1, z2]
covariates: [w]
metrics: {{primary: [y], secondary: [sparse]}}
method: liml
{NOTE}"""


def variant(**changes: str) -> str:
    """The drawn experiment with other keys; an empty one is left out."""
    lines = [line for line in DRAWN.splitlines() if line.split(":")[0] not in changes]
    return "\n".join([*lines, *(f"{key}: {value}" for key, value in changes.items() if value)])


BAD = {
    "constant_instrument": (variant(instruments="[one]"), "under_identified"),
    "instrument_is_control": (variant(instruments="[w]"), "under_identified"),
    "treatment_is_control": (variant(treatment="w", covariates="[w2, w]"), "collinear"),
    "no_first_stage": (variant(instruments="[zero]", covariates=""), "no_first_stage"),
    "constant_outcome": (variant(metrics="{primary: [one]}"), "constant_outcome"),
    "explained_outcome": (variant(metrics="{primary: [w2]}"), "perfect_fit"),
    "exact": (variant(metrics="{primary: [twice]}"), "perfect_fit"),
    "too_few": (variant(metrics="{primary: [few]}"), "too_few_rows"),
    "no_rows": (variant(metrics="{primary: [none_at_all]}"), "too_few_rows"),
    "repeated": (variant(unit="pair", cluster=""), "duplicate_units"),
    "one_team": (variant(cluster="one"), "one_cluster"),
    "huge": (variant(metrics="{primary: [huge]}"), None),
}


def drawn() -> pd.DataFrame:
    """600 rows in 40 teams, far from zero, with missing values and useless columns."""
    rng = np.random.default_rng(12)
    n = 600
    team = np.arange(n) % 40
    shared = rng.normal(size=(40, 2))[team]
    z, w, cause = rng.normal(size=(n, 2)) + shared[:, :1], rng.normal(size=n), rng.normal(size=n)
    x = z @ [0.6, 0.4] + 0.5 * w + cause
    y = 1e6 + x + w + cause + shared[:, 1] + rng.normal(size=n)
    table = pd.DataFrame({"id": np.arange(n), "pair": np.arange(n) // 2, "team": team, "one": 1,
                          "y": y, "x": x, "z1": z[:, 0], "z2": z[:, 1], "w": w})  # fmt: skip
    table["sparse"] = np.where(rng.random(n) < 0.6, np.nan, y)
    table["few"] = np.where(np.arange(n) < 4, y, np.nan)
    table["none_at_all"] = np.nan
    table["w2"], table["twice"], table["huge"] = 5 - 2 * w, 3 * x - 1, y * 1e68
    # Orthogonal to the treatment: each value of it stands at 1 and at -1.
    table["zero"] = np.where(np.arange(n) < n // 2, 1.0, -1.0)
    return table


@pytest.fixture(scope="module")
def built(new_project: Callable[..., Project]) -> Project:
    table = drawn()
    mirrored = table.assign(x=np.tile(table["x"][:300], 2))
    project = new_project("instruments", dataset_models=["card", "mroz", "drawn", "mirrored"])
    project.table("card", pd.read_csv(DATA / "card.csv"))
    mroz = pd.read_csv(DATA / "mroz.csv")
    project.table("mroz", mroz[mroz["inlf"] == 1])
    project.table("drawn", table)
    project.table("mirrored", mirrored)
    for name, block in {"card_iv": CARD, "mroz_iv": MROZ, "drawn_iv": DRAWN}.items():
        project.experiment(name, block)
    for name, (block, _) in BAD.items():
        text = block.replace("dataset: drawn", "dataset: mirrored") if "zero" in block else block
        project.experiment(name, text)
    project.build()
    return project


def one(project: Project, name: str, where: str) -> pd.Series:
    found = project.estimates(name, where)
    assert len(found) == 1, (where, found[["analysis", "method", "term", "ci_kind"]])
    return found.iloc[0]


def check(project: Project, name: str, check_name: str, metric: str) -> pd.Series:
    with project.opened() as connection:
        found = connection.sql(
            f"select * from experiment_checks where experiment_id = '{name}' "
            f"and check_name = '{check_name}' and metric = '{metric}'"
        ).df()
    assert len(found) == 1
    return found.iloc[0]


@pytest.mark.parametrize(("name", "case"), [("card_iv", "iv_card_nearc4"), ("mroz_iv", "iv_mroz")])
def test_textbook_cases(built: Project, name: str, case: str) -> None:
    want = CASES[case]
    main = "analysis = 'main' and metric = 'lwage' and estimand = 'late'"
    classic = one(built, name, f"{main} and method like '%_classic' and se_kind = 'classic' "
                  "and method like 'two%' and ci_kind = 'fixed'")  # fmt: skip
    tsls = want["tsls"]
    numbers = [classic[c] for c in ("estimate", "std_error", "p_value", "ci_low", "ci_high")]
    assert numbers == pytest.approx(
        [tsls["estimate"], tsls["se_classic"], tsls["p_value"], *tsls["ci"]], rel=1e-6
    )
    region = one(built, name, f"{main} and se_kind = 'classic' and ci_kind = 'anderson_rubin'")
    assert [region["ci_low"], region["ci_high"]] == pytest.approx(
        want["anderson_rubin_ci"], rel=1e-6
    )
    wald = one(built, name, f"{main} and method = 'two_stage_least_squares' and ci_kind = 'fixed'")
    assert wald["std_error"] == pytest.approx(tsls["se_robust_hc1"], rel=1e-6)
    assert (wald["n_variant"], wald["variant"], wald["baseline"]) == (want["n"], "educ", "none")
    liml = one(built, name, f"{main} and method = 'liml_classic'")
    assert [liml["estimate"], liml["std_error"]] == pytest.approx(
        [want["liml"]["estimate"], want["liml"]["se_classic"]], rel=1e-6
    )
    ols = one(built, name, "analysis = 'main' and metric = 'lwage' and method = 'ols_classic' "
              "and estimand = 'association'")  # fmt: skip
    assert [ols["estimate"], ols["std_error"]] == pytest.approx(
        [want["ols"]["estimate"], want["ols"]["se"]], rel=1e-6
    )
    stage = built.estimates(name, "metric = 'lwage' and estimand = 'first_stage' "
                      "and se_kind = 'classic'")  # fmt: skip
    assert dict(zip(stage["term"], stage["estimate"], strict=True)) == pytest.approx(
        want["first_stage"]["coef"], rel=1e-6
    )
    power = check(built, name, "first_stage_strength", "lwage")
    details = json.loads(power["details"])
    first = want["first_stage"]
    assert [power["value"], power["statistic"], details["f_classic"], details["partial_r2"]] == (
        pytest.approx(
            [first["effective_F"], first["F_hc1"], first["F"], first["partial_r2"]], rel=1e-6
        )
    )
    hausman = json.loads(check(built, name, "endogeneity", "lwage")["details"])
    assert hausman["p_value_classic"] == pytest.approx(want["wu_hausman_p"], rel=1e-6)


def test_headlines_are_fixed_by_the_file(built: Project) -> None:
    """One instrument: the Anderson-Rubin set. Several: the Wald interval, the set beside."""
    kinds = {"card_iv": ("anderson_rubin", "ok"), "mroz_iv": ("fixed", "ok"),
             "drawn_iv": ("fixed", "ok")}  # fmt: skip
    for name, (kind, status) in kinds.items():
        for metric in built.estimates(name)["metric"].unique():
            row = one(built, name, f"is_headline and metric = '{metric}'")
            assert row["ci_kind"] == kind
            # Most rows of the secondary outcome are incomplete, and say so.
            expected = status if row["metric_role"] == "primary" else "warning"
            assert row["status"] == expected
    wald = one(built, "card_iv", "metric = 'lwage' and ci_kind = 'fixed' and se_kind = 'hc1' "
               "and method = 'two_stage_least_squares'")  # fmt: skip
    assert (wald["status"], wald["reason_code"]) == ("warning", "wald_unreliable")


def test_alternatives_and_instruments_that_agree(built: Project) -> None:
    over = check(built, "mroz_iv", "overidentification", "lwage")
    want = CASES["iv_mroz"]["sargan"]
    details = json.loads(over["details"])
    assert [details["sargan"], details["sargan_p_value"]] == pytest.approx(
        [want["stat"], want["p"]], rel=1e-6
    )
    assert over["status"] == "pass"
    assert check(built, "card_iv", "overidentification", "lwage")["reason_code"] == (
        "just_identified"
    )
    found = built.estimates("mroz_iv", "analysis like 'robustness:%' and estimand = 'late' "
                      "and metric = 'lwage' and se_kind = 'hc1'")  # fmt: skip
    assert set(found["analysis"]) == {
        "robustness:ols", "robustness:liml", "robustness:mother_only"
    }  # fmt: skip
    specification = check(built, "mroz_iv", "specification", "lwage")
    assert (specification["value"], specification["n"]) == (1.0, 4)


@pytest.mark.parametrize("metric", ["y", "sparse"])
def test_clusters_against_rows(built: Project, metric: str) -> None:
    table = drawn().dropna(subset=[metric]).assign(const=1.0)
    their = IV2SLS(table[metric], table[["const", "w"]], table["x"], table[["z1", "z2"]]).fit(
        cov_type="clustered", clusters=table["team"], debiased=True
    )
    row = one(built, "drawn_iv", f"metric = '{metric}' and ci_kind = 'fixed' "
              "and method = 'two_stage_least_squares'")  # fmt: skip
    assert row["se_kind"] == "cr1"
    assert row["estimate"] == pytest.approx(their.params["x"], rel=1e-8)
    assert row["std_error"] == pytest.approx(their.std_errors["x"], rel=1e-6)
    assert (row["n_variant"], row["n_clusters_variant"], row["df"]) == (len(table), 40, 39)
    missing = check(built, "drawn_iv", "missing_values", metric)
    assert missing["n"] == 600 - len(table)
    assert missing["status"] == ("pass" if metric == "y" else "fail")


@pytest.mark.parametrize("name", list(BAD))
def test_what_cannot_be_done_says_why(built: Project, name: str) -> None:
    row = one(built, name, "is_headline and metric_role = 'primary'")
    reason = BAD[name][1]
    if reason is None:  # large values are no hindrance
        usual = one(built, "drawn_iv", "is_headline and metric = 'y'")
        for column in ("estimate", "std_error", "ci_low", "ci_high"):
            assert row[column] == pytest.approx(usual[column] * 1e68, rel=1e-9)
        return
    assert (row["status"], row["reason_code"]) == ("skipped", reason)
    assert row["message"]
    if reason != "perfect_fit":
        assert pd.isna(row["estimate"])
    assert pd.isna(row["std_error"])
    assert pd.isna(row["p_value"])
    assert pd.isna(row["ci_low"])


def test_columns_left_out_are_named(built: Project) -> None:
    for name, column in (("constant_instrument", "one is constant"),
                         ("instrument_is_control", "w is a control too"),
                         ("treatment_is_control", "w is a combination of w2")):  # fmt: skip
        row = check(built, name, "collinearity", "y")
        assert column in row["message"]
        assert row["status"] == "warn"
