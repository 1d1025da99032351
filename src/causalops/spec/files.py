"""A dbt project read from its files alone: no dbt, no database needed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from causalops.spec.blocks import MARK, find_block
from causalops.spec.problems import Problem
from causalops.spec.project import ExperimentSource, ProjectSource
from causalops.spec.schema import folded
from causalops.spec.settings import PATH, PROJECT_FILE, Settings
from causalops.spec.yaml_reader import Document, read_yaml

_MAX_PROPERTIES_BYTES = 5_000_000
_SKIPPED = frozenset({"dbt_packages", "target", "logs", "node_modules"})
_RESOURCES = ("models", "seeds", "snapshots")
_MODEL_FILES = (".sql", ".py", ".csv")
_SETTINGS = tuple(name for name in Settings.model_fields if name not in ("as_of", "only"))


@dataclass(frozen=True)
class FilesRead:
    """What was found, and the problems that concern no single experiment or input."""

    source: ProjectSource
    problems: tuple[Problem, ...] = ()


@dataclass
class _Found:
    """Collects while walking."""

    models: dict[str, list[str]] = field(default_factory=dict)
    sql: dict[str, tuple[str, str]] = field(default_factory=dict)
    properties: dict[str, Document] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_files(root: Path, columns: Mapping[str, Mapping[str, str]] | None = None) -> FilesRead:
    """Read the project below `root`; `columns` maps a model to its columns where known."""
    found = _Found()
    project = _yaml(root / PROJECT_FILE, PROJECT_FILE, found)
    data = project.data if isinstance(project.data, dict) else {}
    for key, default in (("model", "models"), ("seed", "seeds"), ("snapshot", "snapshots")):
        paths = data.get(f"{key}-paths", [default])
        for path in paths if isinstance(paths, list) else []:
            _walk(root, root / str(path), found)
    _same_names(found)
    experiments = [_experiment(name, *found.sql[name], found) for name in found.sql]
    inputs = {name: doc for name, doc in found.properties.items() if name not in found.sql}
    settings, document = _settings(project)
    listed = [name for key in _SETTINGS[-3:] for name in settings.get(key) or ()]
    found.problems += [_unlisted(name, doc) for name, doc in inputs.items() if name not in listed]
    source = ProjectSource(tuple(experiments), inputs, columns or {}, settings, document)
    return FilesRead(source, tuple(found.problems))


def _settings(project: Document) -> tuple[dict[str, Any], Document]:
    """Settings as dbt resolves them: under `vars.causalops`, else at the top of `vars`."""
    all_vars = project.at("vars").data
    everywhere = all_vars if isinstance(all_vars, dict) else {}
    document = project.at(*PATH)
    own = document.data if isinstance(document.data, dict) else {}
    merged = {**everywhere, **own}
    settings: dict[str, Any] = {key: merged[key] for key in _SETTINGS if key in merged}
    settings["unknown_keys"] = [str(key) for key in own if key not in _SETTINGS]
    return settings, document


def _walk(root: Path, folder: Path, found: _Found) -> None:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f not in _SKIPPED and not f.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            file = path.relative_to(root).as_posix()
            if path.suffix in (".yml", ".yaml"):
                _properties(_yaml(path, file, found), found)
            elif path.suffix in _MODEL_FILES:
                found.models.setdefault(path.stem, []).append(file)
                text = _text(path, file, found) if path.suffix == ".sql" else ""
                if MARK in text:
                    found.sql[path.stem] = (file, text)


def _text(path: Path, file: str, found: _Found) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        found.problems.append(Problem(file, "the file is not UTF-8 text"))
    except OSError as error:
        found.problems.append(Problem(file, f"the file cannot be read: {error.strerror}"))
    return ""


def _yaml(path: Path, file: str, found: _Found) -> Document:
    text = _text(path, file, found)
    document = read_yaml(text, file, typed=True, max_bytes=_MAX_PROPERTIES_BYTES)
    found.problems += document.problems
    return document


def _properties(document: Document, found: _Found) -> None:
    """Every `config.meta.causalops` (or `meta.causalops`) of a properties file."""
    data = document.data if isinstance(document.data, dict) else {}
    for resource in _RESOURCES:
        entries = data.get(resource)
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            name = entry.get("name") if isinstance(entry, dict) else None
            if not isinstance(name, str):
                continue
            for path in (("config", "meta", "causalops"), ("meta", "causalops")):
                if _holds(entry, path):
                    declared = document.at(resource, index, *path)
                    found.properties.setdefault(name, declared)


def _holds(entry: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if not isinstance(entry, dict) or key not in entry:
            return False
        entry = entry[key]
    return True


def _same_names(found: _Found) -> None:
    """dbt refuses two models of one name; case alone does not make a difference in a database."""
    likeness: dict[str, list[str]] = {}
    for name, files in found.models.items():
        likeness.setdefault(folded(name), []).extend(files)
    for files in likeness.values():
        if len(files) > 1 and not any(Path(file).stem in found.sql for file in files):
            others = ", ".join(files[1:])
            text = f"another model has this name, case ignored ({others})"
            found.problems.append(Problem(files[0], text))


def _experiment(name: str, file: str, sql: str, found: _Found) -> ExperimentSource:
    block = find_block(sql, file)
    declared = found.properties.get(name)
    files = [other for other in found.models[name] if other != file]
    twins = [Problem(file, f"another model has this name ({other})") for other in files]
    if block.text is None:
        document = declared or Document(file, None, {(): block.first_line})
        form = "properties" if declared else "none"
        problems = (*block.problems, *twins)
        return ExperimentSource(name, file, form, replace(document, problems=problems))
    document = read_yaml(block.text, file, block.first_line)
    problems = (*block.problems, *twins, *(() if block.problems else document.problems))
    form = "both" if declared else "block"
    return ExperimentSource(name, file, form, replace(document, problems=problems))


def _unlisted(name: str, document: Document) -> Problem:
    sections = document.data if isinstance(document.data, dict) else {}
    lists = " and ".join(
        f"{kind}_models" for kind in ("assignment", "fact") if sections.get(kind) is not None
    )
    text = f"model {{value}} is not in {lists or 'a list'} under vars.causalops in dbt_project.yml"
    return Problem(document.file, text, document.line(()), (), name)


def all_problems(read: FilesRead, checked: Iterator[Problem]) -> list[Problem]:
    """Every problem once, by file and line."""
    found = dict.fromkeys([*read.problems, *checked])
    return sorted(found, key=lambda problem: (problem.file, problem.line or 0, problem.path != ()))
