"""Full-size simulations run only when asked for with `-m full`."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip full-size simulations unless an expression of `-m` was given."""
    if config.getoption("markexpr"):
        return
    skip = pytest.mark.skip(reason="full-size simulation: run with -m full")
    for item in items:
        if item.get_closest_marker("full"):
            item.add_marker(skip)
