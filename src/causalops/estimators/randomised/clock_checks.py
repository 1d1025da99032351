"""Checks on rows that came late or too early, and on plans that were edited afterwards."""

from __future__ import annotations

from causalops.estimators.randomised.inputs import Experiment, count, parsed
from causalops.reasons import REASONS
from causalops.results import Row, check_row


def clock_rows(experiment: Experiment) -> list[Row]:
    """What the clock and the protocol say of one experiment; none of these checks gates."""
    due = experiment.due
    return [
        _rows_check(experiment, "late_rows", due.get("n_late_rows"), "first_version"),
        _rows_check(experiment, "unread_rows", due.get("n_unread_rows"), "not_timed"),
        _rows_check(experiment, "future_rows", due.get("n_future_rows"), "not_timed"),
        _protocol_change(experiment),
    ]


def _rows_check(experiment: Experiment, name: str, found: object, unknown: str) -> Row:
    total = None if found is None else count(found)
    status, reason = ("pass", None) if total == 0 else ("warn", name)
    if total is None:
        status, reason = "not_run", unknown
    return check_row(
        experiment_id=experiment.id, check_name=name, population="all",
        value=None if total is None else float(total), value_name="rows", threshold=0.0,
        n=total, status=status, reason_code=reason,
        message=None if reason is None else REASONS[reason],
    )  # fmt: skip


def _protocol_change(experiment: Experiment) -> Row:
    now = parsed(experiment.due.get("protocol"), {})
    first = parsed(experiment.due.get("first_protocol"), None)
    changed = [] if first is None else _changed(first, now)
    status, reason = ("warn", "protocol_changed") if changed else ("pass", None)
    message = REASONS["protocol_changed"] + f" ({', '.join(changed)})" if changed else None
    if first is None:
        status, reason, message = "not_run", "first_version", REASONS["first_version"]
    return check_row(
        experiment_id=experiment.id, check_name="protocol_change", population="all",
        value=float(len(changed)), value_name="changed_fields", threshold=0.0,
        status=status, reason_code=reason, message=message,
    )  # fmt: skip


def _changed(first: dict[str, object], now: dict[str, object]) -> list[str]:
    return sorted(key for key in {*first, *now} if first.get(key) != now.get(key))
