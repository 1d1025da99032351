"""`causalops show`: the scorecard of every experiment, or one experiment with its checks first."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

import click

from causalops.scorecard import ABSENT, Row, cut, health_rank, interval, p_text, table
from causalops.sentences import sentence
from causalops.spec.words import RANDOMISED_DESIGNS
from causalops.warehouse import (
    Source,
    WarehouseError,
    database_path,
    open_database,
    open_published,
)

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
_ROLES = ("primary", "guardrail", "secondary", "placebo")


@click.command("show")
@click.argument("name", required=False)
@click.option("--project-dir", type=_FOLDER, default=Path("demo"), show_default=True)
@click.option("--db", type=_FILE, help="DuckDB file to read instead of the published tables.")
@click.option("--published", type=_FOLDER, default=Path("build/published"), show_default=True)
def command(name: str | None, project_dir: Path, db: Path | None, published: Path) -> None:
    """Show the scorecard of all experiments, or everything about one."""
    try:
        source = _open(project_dir, db, published)
        try:
            lines = _one(source, name) if name else _all(source)
        finally:
            source.close()
    except WarehouseError as error:
        raise click.ClickException(str(error)) from error
    click.echo("\n".join([*lines, "", f"Tables: {source.place}"]))


def _open(project_dir: Path, db: Path | None, published: Path) -> Source:
    if db is None and published.is_dir():
        return open_published(published)
    return open_database(db or database_path(project_dir))


def _all(source: Source) -> list[str]:
    """One line per experiment, metric and variant, the experiments in most need of a look first."""
    scores: dict[str, list[Row]] = {}
    for row in source.rows("experiment_scorecard"):
        scores.setdefault(row["experiment_id"], []).append(row)
    experiments = sorted(
        source.rows("experiment_catalog"),
        key=lambda row: (health_rank(row["health"]), row["experiment_id"]),
    )
    if not experiments:
        return ["There are no experiments yet. Write one with causalops new."]
    lines: list[list[str]] = []
    for experiment in experiments:
        start = [experiment["experiment_id"], experiment["health"]]
        rows = sorted(scores.get(experiment["experiment_id"], []), key=_metric_order)
        for row in rows:
            end = [row["verdict"] or row["status"], _count(row)]
            lines.append([*start, row["metric"], row["variant"], *_effect_and_lift(row), *end])
        if not rows:
            note = cut(experiment["message"] or "", 30) or ABSENT
            lines.append([*start, note, "", "", "", "", ""])
    headers = ["experiment", "health", "metric", "variant", "effect", "lift", "verdict", "n"]
    return table(headers, lines)


def _one(source: Source, name: str) -> list[str]:
    experiments = {row["experiment_id"]: row for row in source.rows("experiment_catalog")}
    if name not in experiments:
        near = difflib.get_close_matches(name, experiments, n=1)
        hint = f" Did you mean {near[0]}?" if near else " causalops show lists all of them."
        raise WarehouseError(f"There is no experiment called {name}.{hint}")
    checks = [row for row in source.rows("experiment_checks") if row["experiment_id"] == name]
    estimates = [row for row in source.rows("experiment_estimates") if row["experiment_id"] == name]
    scores = [row for row in source.rows("experiment_scorecard") if row["experiment_id"] == name]
    return [
        *_title(experiments[name]),
        *_word_lines(scores),
        *_check_lines(checks),
        *_effect_lines(scores),
        *_other_lines(estimates),
    ]


def _title(experiment: Row) -> list[str]:
    words = [experiment["design"], experiment["status"] or "removed", experiment["phase"]]
    state = ", ".join(word for word in words if word)
    lines = [f"{experiment['experiment_id']}: {state}; health {experiment['health']}"]
    if experiment["version"] is not None:
        lines.append(f"Version {experiment['version']}, data until {experiment['as_of_date']}")
    if experiment["verdict"] or experiment["verdict_reason"]:
        verdict = experiment["verdict"] or "no verdict"
        lines.append(f"Verdict: {verdict}. {experiment['verdict_reason'] or ''}".rstrip())
    return lines + (experiment["message"] or "").splitlines()


def _check_lines(checks: list[Row]) -> list[str]:
    if not checks:
        return ["", "Checks: none yet"]
    lines = ["", "Checks"]
    for status in ("fail", "warn"):
        for row in (row for row in checks if row["status"] == status):
            what = _joined(row["check_name"], *(row[key] for key in ("metric", "variant")))
            segment = _segment(row)
            reason = row["message"] or row["reason_code"] or f"p {p_text(row['p_value'])}"
            lines.append(f"  {status}  {what}{f', {segment}' if segment else ''}: {reason}")
    for status, word in (("pass", "pass"), ("not_run", "not run")):
        names = sorted({row["check_name"] for row in checks if row["status"] == status})
        if names:
            lines.append(f"  {word}  {', '.join(names)}")
    return lines


def _word_lines(scores: list[Row]) -> list[str]:
    if not scores:
        return []
    rows = sorted(scores, key=_metric_order)
    return ["", "In words", *(f"  {sentence(row)}" for row in rows)]


def _effect_lines(scores: list[Row]) -> list[str]:
    if not scores:
        return []
    lines = ["", "Effects"]
    rows = sorted(scores, key=_metric_order)
    cells = [
        [
            *(row["metric"], row["metric_role"] or ABSENT, row["variant"]),
            *_effect_and_lift(row),
            *(p_text(row["p_adjusted"]), row["verdict"] or row["status"], _count(row)),
        ]
        for row in rows
    ]
    headers = ["metric", "role", "variant", "effect", "lift", "p", "verdict", "n"]
    text = table(headers, cells)
    lines.append("  " + text[0])
    for row, line in zip(rows, text[1:], strict=True):
        lines.append("  " + line)
        if row["message"] and row["status"] != "blocked":  # the head of the page says why
            lines.append("      " + row["message"])
    return lines


def _other_lines(estimates: list[Row]) -> list[str]:
    """Segments, then everything that stands beside the headlines, on the absolute scale."""
    rows = [
        row
        for row in estimates
        if not row["is_headline"]
        and row["scale"] == "absolute"
        and row["window_kind"] == "overall"
        and not _is_level(row)
        and not row["analysis"].startswith("placebo:")  # their check sums them up
    ]
    headlines = {row["metric"]: row["estimand"] for row in estimates if row["is_headline"]}
    lines: list[str] = []
    for title, part in (
        ("Segments", [row for row in rows if row["segment_dim"] != "all"]),
        ("Beside the headlines", [row for row in rows if row["segment_dim"] == "all"]),
    ):
        if not part:
            continue
        part.sort(key=lambda row: (_metric_order(row), _segment(row), row["analysis"]))
        cells = [_cells(row, headlines.get(row["metric"])) for row in part]
        text = table(["metric", "variant", "what", "effect", "p", "status"], cells)
        lines += ["", title, "  " + text[0]]
        for row, line in zip(part, text[1:], strict=True):
            lines.append("  " + line)
            if row["message"] and row["status"] != "blocked":
                lines.append("      " + row["message"])
    return lines


def _is_level(row: Row) -> bool:
    """An arm's own level, such as a share of compliers; instruments have no second arm at all."""
    return row["baseline"] == "none" and row["design"] in RANDOMISED_DESIGNS


def _cells(row: Row, headline: str | None) -> list[str]:
    p_value = row["p_value"] if row["p_adjusted"] is None else row["p_adjusted"]
    effect = interval(row["estimate"], row["ci_low"], row["ci_high"])
    what = _segment(row) or ", ".join(_what(row, headline))
    return [row["metric"], row["variant"], what, effect, p_text(p_value), row["status"]]


def _what(row: Row, headline: str | None) -> Iterator[str]:
    """What tells a row from the headline, whose estimand is `headline`."""
    if row["analysis"] != "main":
        yield row["analysis"]
    if row["estimand"] != headline:
        yield row["estimand"]
    if row["cohort"] != "all":
        yield f"cohort {row['cohort']}"
    if row["period"] != "all":
        yield f"in {row['period']}"
    elif row["parameter_name"] != "none" and row["parameter"] is not None:
        yield f"{row['parameter_name']} {row['parameter']:.6g}"
    if row["term"] != "effect":
        yield row["term"]
    yield row["method"] or ABSENT
    for key, usual in (
        ("test", ("difference",)),
        ("population", ("exposed", "all")),
        ("ci_kind", ("fixed",)),
    ):
        if row[key] not in usual:
            yield row[key]


def _effect_and_lift(row: Row) -> list[str]:
    return [
        interval(row["effect"], row["effect_low"], row["effect_high"]),
        interval(row["lift"], None, None, percent=True),
    ]


def _metric_order(row: Row) -> tuple[int, str, str]:
    role = row["metric_role"]
    return (_ROLES.index(role) if role in _ROLES else 9, row["metric"], row["variant"])


def _count(row: Row) -> str:
    counts = [n for n in (row["n_variant"], row["n_baseline"]) if n is not None]
    return f"{sum(counts):,}" if counts else ABSENT


def _segment(row: Row) -> str:
    return "" if row["segment_dim"] == "all" else f"{row['segment_dim']} {row['segment_value']}"


def _joined(*words: str | None) -> str:
    return " ".join(word for word in words if word and word != "none")
