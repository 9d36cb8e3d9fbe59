"""A pytest plugin: this process's memory once the tests are imported, and its peak."""

import json
import os
from pathlib import Path

REPORT_VARIABLE = "BENCH_MEMORY_REPORT"

_sizes: dict[str, int] = {}


def pytest_collection_finish() -> None:
    _sizes["imported"] = read_status("VmRSS")


def pytest_sessionfinish() -> None:
    _sizes["peak"] = read_status("VmHWM")
    Path(os.environ[REPORT_VARIABLE]).write_text(json.dumps(_sizes))


def read_status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)
