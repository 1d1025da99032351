"""What a command costs: CPU seconds of its whole process tree, and its peak memory.

`measured` starts each command from a small process of its own: a child inherits the peak memory of
the process that starts it, and would otherwise report that of a test run or a notebook. A command
may print a JSON object as its last line; its key `cpu`, CPU seconds without imports, then stands
for those of the process.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LAUNCHER = """
import json, os, sys
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(process, 0)
cpu = usage.ru_utime + usage.ru_stime
print()
print(json.dumps([os.waitstatus_to_exitcode(status), cpu, usage.ru_maxrss]))
"""


@dataclass(frozen=True)
class Measured:
    """CPU seconds (user and system), peak resident MiB, and what the command said it found."""

    cpu: float
    peak: float
    found: dict[str, Any] = field(default_factory=dict)


def measured(command: Sequence[str], **environment: str) -> Measured:
    """Run a command whose first word is a path. Exits with its output when it fails."""
    own = os.environ | {"PYTHONPATH": str(ROOT / "src")} | environment
    launcher = [sys.executable, "-S", "-c", LAUNCHER, *command]
    done = subprocess.run(launcher, capture_output=True, text=True, env=own)  # noqa: S603
    *output, last = done.stdout.splitlines()
    code, cpu, peak = json.loads(last)
    if code:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    lines = [line for line in output if line]
    found = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    return Measured(found.pop("cpu", cpu), peak / 1024, found)


def report(work: Callable[[], Mapping[str, Any]]) -> None:
    """Print what `work` finds and its CPU seconds, for `measured` to read."""
    started = time.process_time()
    found = work()
    print(json.dumps({**found, "cpu": time.process_time() - started}))


def interleaved(
    sides: Mapping[str, Callable[[], Measured]], repeats: int = 3
) -> dict[str, Measured]:
    """Every side in turn, `repeats` times; medians of CPU and memory, and the last finding."""
    runs = [{name: side() for name, side in sides.items()} for _ in range(repeats)]
    return {
        name: Measured(
            statistics.median(run[name].cpu for run in runs),
            statistics.median(run[name].peak for run in runs),
            runs[-1][name].found,
        )
        for name in sides
    }
