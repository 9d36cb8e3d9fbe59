"""Processes that a run started: finding their children, ending them for good."""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

LONGEST_DEATH_SECONDS = 20.0


def children_of(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [int(child) for child in path.read_text().split()]
    except OSError:
        return []


def is_running(pid: int) -> bool:
    """Whether it still does something; a process that waits to be buried does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def kill_family(pid: int) -> None:
    """SIGKILL to a process of ours, then to the children it had; waits until dead."""
    # Stopped first, so that it starts no child after its children were counted.
    _signal(pid, signal.SIGSTOP)
    family = [pid, *children_of(pid)]
    for one in family:
        _signal(one, signal.SIGKILL)
    await_end(family)


def kill(pid: int) -> None:
    """SIGKILL to one process of ours."""
    _signal(pid, signal.SIGKILL)
    await_end([pid])


def await_end(pids: Iterable[int]) -> None:
    end = time.monotonic() + LONGEST_DEATH_SECONDS
    for pid in pids:
        while is_running(pid):
            if time.monotonic() > end:
                raise RuntimeError(f"process {pid} does not end")
            time.sleep(0.005)


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
