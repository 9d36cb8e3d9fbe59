"""The memory and the CPU time of a process, as the kernel counts them."""

import os
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident bytes, and the share of them that is this process's own."""

    resident: int
    proportional: int


def memory_of(pid: int) -> Memory:
    """RSS and PSS now, from /proc."""
    figures = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        figures[name] = int(rest.split()[0]) * 1024
    return Memory(figures["Rss"], figures["Pss"])


def peak_of() -> int:
    """The most resident bytes of this process so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise LookupError("VmHWM")


def cpu_of(pid: int) -> float:
    """Seconds of CPU that it has used, its threads' together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / float(os.sysconf("SC_CLK_TCK"))
