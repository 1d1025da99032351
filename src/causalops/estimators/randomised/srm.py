"""Is the assignment believable? Checks on counts and on the clock, for every randomised design."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from causalops.estimators.randomised.clock_checks import clock_rows
from causalops.estimators.randomised.cluster_checks import ClusterCounts, cluster_rows
from causalops.estimators.randomised.counts import CountTest, rate_test, srm_test
from causalops.estimators.randomised.exposure_curve import exposure_curve
from causalops.estimators.randomised.inputs import Experiment, Record, count, day, experiments
from causalops.estimators.randomised.progress import size_rows
from causalops.estimators.rulings import ruled
from causalops.frames import records
from causalops.multiplicity import holm
from causalops.reasons import REASONS
from causalops.results import Row, as_json, check_row
from causalops.spec.words import UNKNOWN_CLUSTER

CLUSTER_RCT = "cluster_rct"
DESIGNS = ("ab_test", "aa_test", "encouragement", CLUSTER_RCT)
THRESHOLD = 0.001
SMALL_DEVIATION = 0.001  # of the arm's expected count: visible only in huge experiments
CROSSOVER_WARN, CROSSOVER_FAIL = 0.01, 0.10
_POPULATIONS = {"first_exposed": "n_enrolled", "analysed": "n_analysed", "triggered": "n_triggered"}
_COUNTS = (*_POPULATIONS.values(), "n_crossover", "n_unplanned", "n_unclustered")


def run(due: Any, registry: Any, counts: Any, clusters: Any = ()) -> list[Row]:
    """Check and curve rows of every due randomised experiment from its exposure counts."""
    by_id: dict[str, list[Record]] = defaultdict(list)
    for row in records(counts):
        by_id[row["experiment_id"]].append(row)
    held: dict[str, dict[str, Record]] = defaultdict(dict)
    for row in records(clusters):
        held[row["experiment_id"]][row["variant"]] = row
    rows: list[Row] = []
    for experiment in experiments(due, registry, DESIGNS):
        try:
            rows += _experiment_rows(experiment, by_id[experiment.id], held[experiment.id])
        except Exception as error:
            message = f"{REASONS['internal_error']} ({type(error).__name__}: {error})"
            rows.append(check_row(
                experiment_id=experiment.id, check_name="srm", status="fail", gates=True,
                reason_code="internal_error", message=message,
            ))  # fmt: skip
    return rows


def _experiment_rows(
    experiment: Experiment, counts: list[Record], clusters: ClusterCounts
) -> list[Row]:
    overall = [row for row in counts if row["segment_dim"] == "all"]
    sums = _sums(overall)
    rows = _srm_rows(experiment, sums)
    is_clustered = experiment.cluster is not None
    if not is_clustered:
        rows += _segment_rows(experiment, counts) + _worst_day(experiment, overall)
    rows.append(_crossover(experiment, sums))
    if any(arm["n_triggered"] for arm in sums.values()):
        rows.append(_trigger_balance(experiment, sums))
    if is_clustered:
        rows = _srm_of_clusters(experiment, clusters) + [_of_units(row) for row in rows]
    rows += [_unplanned(experiment, overall), *cluster_rows(experiment, sums, clusters)]
    rows += clock_rows(experiment) + size_rows(experiment, overall)
    return [ruled(experiment, row) for row in rows] + exposure_curve(experiment, overall)


def _srm_rows(experiment: Experiment, sums: Mapping[str, Mapping[str, int]]) -> list[Row]:
    rows = []
    for population, column in _POPULATIONS.items():
        observed = {name: sums.get(name, {}).get(column, 0) for name in experiment.weights}
        if population == "triggered" and not any(observed.values()):
            continue
        gates = population != "triggered"
        rows.append(_srm_row(experiment, observed, population=population, gates=gates))
    return rows


def _srm_of_clusters(experiment: Experiment, clusters: ClusterCounts) -> list[Row]:
    """Where clusters were randomised they are counted, by the arm that holds most of each.

    An encouragement names clusters whether they or units within them were assigned: counts of
    clusters fit the first only, of units the second only. So neither gates, whatever the data show.
    """
    if experiment.design != CLUSTER_RCT:
        is_unknown = experiment.cluster == UNKNOWN_CLUSTER
        reason = "cluster_unknown" if is_unknown else "units_not_independent"
        return [check_row(
            experiment_id=experiment.id, check_name="srm", population="first_exposed",
            status="not_run", reason_code=reason, message=REASONS[reason],
        )]  # fmt: skip
    return [
        _srm_row(experiment, {name: count(clusters.get(name, {}).get(column))
                              for name in experiment.weights},
                 population=population, gates=True, counted="Clusters")
        for population, column in _POPULATIONS.items() if population != "triggered"
    ]  # fmt: skip


def _of_units(row: Row) -> Row:
    """A test of units that may have been randomised in clusters and move together: it only warns.

    A share that is too large by itself (crossovers) still fails.
    """
    if row["check_name"] == "srm":
        row = row | {"check_name": "srm_units", "gates": False}
    if row["status"] == "fail" and row["reason_code"] != "crossover_share":
        reason = "units_move_together"
        row = row | {"status": "warn", "reason_code": reason, "message": REASONS[reason]}
    return row


def _srm_row(
    experiment: Experiment, observed: Mapping[str, int], counted: str = "Units", **key: Any
) -> Row:
    shares = experiment.known_weights
    test = (
        CountTest(reason="weights_unknown")
        if shares is None
        else srm_test(observed, shares, experiment.seed)
    )
    status, reason = _srm_status(test, THRESHOLD)
    total = sum(observed.values())
    details: dict[str, Any] = {"observed": dict(observed), "test": test.method}
    if counted != "Units":
        details["counted"] = counted.lower()
    if shares is not None:
        details["expected"] = {name: total * share for name, share in shares.items()}
    return _count_row(
        experiment, "srm", test, status, reason, value=test.deviation,
        value_name="largest_relative_deviation", n=total, details=details, **key,
    )  # fmt: skip


def _srm_status(test: CountTest, threshold: float) -> tuple[str, str | None]:
    if test.p_value is None:
        return "not_run", test.reason
    if test.p_value >= threshold:
        return "pass", None
    if test.deviation is not None and test.deviation < SMALL_DEVIATION:
        return "warn", "small_deviation"
    return "fail", "sample_ratio_mismatch"


def _segment_rows(experiment: Experiment, counts: list[Record]) -> list[Row]:
    """SRM within each segment value: evidence, never a gate; Holm over each dimension."""
    cells: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for row in counts:
        if row["segment_dim"] != "all":
            cells[row["segment_dim"]][row["segment_value"]].append(row)
    rows: list[Row] = []
    if experiment.known_weights is None:
        return rows
    for dim, values in sorted(cells.items()):
        found = []
        for value, part in sorted(values.items()):
            sums = _sums(part)
            observed = {
                name: sums.get(name, {}).get("n_enrolled", 0) for name in experiment.weights
            }
            found.append(_srm_row(experiment, observed, population="first_exposed",
                                  segment_dim=dim, segment_value=value))  # fmt: skip
        for row, adjusted in zip(found, holm([row["p_value"] for row in found]), strict=True):
            row["p_adjusted"] = adjusted
            if row["status"] == "fail" and (adjusted or 0) >= THRESHOLD:
                row |= {"status": "pass", "reason_code": None, "message": None}
        rows += found
    return rows


def _worst_day(experiment: Experiment, overall: list[Record]) -> list[Row]:
    """The day whose first exposures fit the plan worst, Bonferroni over the days."""
    by_day: dict[dt.date, list[Record]] = defaultdict(list)
    for row in overall:
        when = day(row["exposure_day"])
        if when is not None and row["variant"] in experiment.weights:
            by_day[when].append(row)
    if experiment.known_weights is None or len(by_day) < 2:
        return []
    found = []
    for when, part in sorted(by_day.items()):
        sums = _sums(part)
        observed = {name: sums.get(name, {}).get("n_enrolled", 0) for name in experiment.weights}
        row = _srm_row(experiment, observed, population="first_exposed", day=when)
        if row["p_value"] is not None:
            found.append(row)
    if not found:
        return []
    worst = min(found, key=lambda row: row["p_value"])
    adjusted = min(1.0, worst["p_value"] * len(found))
    row = worst | {"check_name": "srm_worst_day", "p_adjusted": adjusted}
    if row["status"] == "fail" and adjusted >= THRESHOLD:
        row |= {"status": "pass", "reason_code": None, "message": None}
    return [row]


def _unplanned(experiment: Experiment, overall: list[Record]) -> Row:
    found: dict[str, int] = defaultdict(int)
    for row in overall:
        if count(row["n_unplanned"]):
            found[str(row["variant"])] += count(row["n_unplanned"])
    total = sum(found.values())
    message = None
    if found:
        listed = ", ".join(f"{name}: {n}" for name, n in sorted(found.items())[:10])
        message = f"{REASONS['unplanned_variant']} ({listed})"
    return check_row(
        experiment_id=experiment.id, check_name="unplanned_variants", population="all",
        value=float(total), value_name="units", threshold=0.0, n=total, gates=True,
        status="fail" if found else "pass", reason_code="unplanned_variant" if found else None,
        message=message,
    )  # fmt: skip


def _crossover(experiment: Experiment, sums: Mapping[str, Mapping[str, int]]) -> Row:
    """Units seen in several variants: by first arm the share must be the same, and small."""
    units = {name: sums.get(name, {}).get("n_enrolled", 0) for name in experiment.weights}
    crossed = {name: sums.get(name, {}).get("n_crossover", 0) for name in experiment.weights}
    test = rate_test(crossed, units, experiment.seed)
    total = sum(units.values())
    share = sum(crossed.values()) / total if total else None
    status, reason = "pass", None
    if share is None:
        status, reason = "not_run", "no_units"
    elif share > CROSSOVER_FAIL:
        status, reason = "fail", "crossover_share"
    elif test.p_value is not None and test.p_value < THRESHOLD:
        status, reason = "fail", "crossover_by_arm"
    elif share > CROSSOVER_WARN:
        status, reason = "warn", "crossover_share"
    return _count_row(
        experiment, "crossover", test, status, reason, value=share, value_name="share", n=total,
        gates=True, population="first_exposed", details={"crossed": crossed, "units": units},
    )  # fmt: skip


def _trigger_balance(experiment: Experiment, sums: Mapping[str, Mapping[str, int]]) -> Row:
    units = {name: sums.get(name, {}).get("n_analysed", 0) for name in experiment.weights}
    hits = {name: sums.get(name, {}).get("n_triggered", 0) for name in experiment.weights}
    test = rate_test(hits, units, experiment.seed)
    is_off = test.p_value is not None and test.p_value < THRESHOLD
    total = sum(units.values())
    return _count_row(
        experiment, "trigger_balance", test, "fail" if is_off else "pass",
        "rates_differ" if is_off else None, value=sum(hits.values()) / total if total else None,
        value_name="share", n=total, population="analysed",
        details={"triggered": hits, "units": units},
    )  # fmt: skip


def _count_row(
    experiment: Experiment, name: str, test: CountTest, status: str, reason: str | None,
    *, details: Mapping[str, Any], **values: Any,
) -> Row:  # fmt: skip
    return check_row(
        experiment_id=experiment.id, check_name=name, statistic=test.statistic, df=test.df,
        p_value=test.p_value, threshold=THRESHOLD, status=status, reason_code=reason,
        message=None if reason is None else REASONS[reason] + _sizes(details, test),
        details=as_json(details), **values,
    )  # fmt: skip


def _sizes(details: Mapping[str, Any], test: CountTest) -> str:
    """The counts behind a ratio that does not fit, for the reader of the message."""
    if "observed" not in details or test.p_value is None:
        return ""
    arms = ", ".join(f"{name} {count:,}" for name, count in details["observed"].items())
    counted = str(details.get("counted", "units")).capitalize()
    return f" {counted}: {arms} (p = {test.p_value:.2g})."


def _sums(rows: list[Record]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        sums = found.setdefault(row["variant"], dict.fromkeys(_COUNTS, 0))
        for name in _COUNTS:
            sums[name] += count(row.get(name))
    return found
