"""The peak memory of the four flows' test process, above what importing takes."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.memory_plugin import REPORT_VARIABLE
from bench.rows import Row, Target

FLOWS = "tests/integration/test_goal_trading_flow.py"
GROWTH = Target(100, at_least=False, unit=" MB")
MEGABYTE = 1_000_000
OTHERS = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "MASTERTRADE_TESTING")


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory, "report.json")
        environment = {
            name: value for name, value in os.environ.items() if name not in OTHERS
        }
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", FLOWS, "-q"),
                *("-p", "bench.memory_plugin", "-p", "no:cacheprovider"),
            ],
            env={**environment, REPORT_VARIABLE: str(report)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"the flows do not pass:\n{done.stdout[-2000:]}")
        sizes = json.loads(report.read_text())
    growth = (sizes["peak"] - sizes["imported"]) / MEGABYTE
    yield Row(
        "the four flows' test process: peak, against after imports",
        f"{sizes['peak'] / MEGABYTE:.0f} MB (+{growth:.0f} MB)",
        f"{sizes['imported'] / MEGABYTE:.0f} MB",
        sizes["peak"] / sizes["imported"],
        GROWTH,
        growth,
    )
