"""dbt commands as processes forked from one that has imported dbt and the statistics already.

Importing them costs more than the work of a small project. Every command is still a process of
its own: it shares nothing with the next one, and it can be killed.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import mkstemp

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["dbt.cli.main", "dbt.adapters.duckdb.impl", "pandas", "scipy.stats", "statsmodels.api"]
)


@dataclass(frozen=True)
class Command:
    """A dbt command under way; its output goes to a file."""

    process: BaseProcess
    log: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def finished(self) -> tuple[int, str]:
        """Wait for the exit code and everything it printed."""
        self.process.join()
        output = self.log.read_text(encoding="utf-8", errors="replace")
        self.log.unlink()
        assert self.process.exitcode is not None
        return self.process.exitcode, output


def start(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Command:
    """Start `dbt <arguments>` in `folder`, with `environment` on top of ours."""
    handle, name = mkstemp(suffix=".log")
    os.close(handle)
    own = {"DO_NOT_TRACK": "1", **environment}
    process = _SERVER.Process(target=_run, args=(list(arguments), str(folder), own, name))
    process.start()
    return Command(process, Path(name))


def _run(arguments: list[str], folder: str, environment: dict[str, str], log: str) -> None:
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    from dbt.cli.main import cli

    sys.argv = ["dbt", *arguments]
    cli()
