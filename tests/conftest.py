"""Projects for whole runs: each test file builds its own once, so files can run side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Project

WHOLE_RUNS = {"pipeline", "faults", "consumer"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole runs first: with two workers a long file then never comes last and alone."""
    items.sort(key=lambda item: item.path.parent.name not in WHOLE_RUNS)


@pytest.fixture(scope="session")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Project]:
    """A maker of empty dbt projects that have the package installed."""

    def make(name: str, **settings: object) -> Project:
        return Project.create(Path(tmp_path_factory.mktemp(name)), **settings)

    return make
