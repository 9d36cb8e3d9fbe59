"""The peak memory of the four flows' test process, above what collecting them takes."""

import os
import subprocess
import sys
from collections.abc import Iterator

from bench.processes import MEGABYTE
from bench.rows import Row, Target

FLOWS = "tests/integration/test_goal_trading_flow.py"
GROWTH = Target(100, at_least=False, unit=" MB")
OTHERS = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "MASTERTRADE_TESTING")
# pytest in a process that says last what it took at the most.
RUN = """
import sys, pytest
from bench.processes import peak_of
failed = pytest.main(sys.argv[1:])
print(peak_of())
sys.exit(failed)
"""


def measure() -> Iterator[Row]:
    imported, peak = _peak("--collect-only"), _peak()
    growth = (peak - imported) / MEGABYTE
    yield Row(
        "the four flows' test process: peak, against only collecting them",
        f"{peak / MEGABYTE:.0f} MB (+{growth:.0f} MB)",
        f"{imported / MEGABYTE:.0f} MB",
        peak / imported,
        GROWTH,
        growth,
    )


def _peak(*options: str) -> int:
    done = subprocess.run(
        [
            *(sys.executable, "-c", RUN, FLOWS, "-q", "-p", "no:cacheprovider"),
            *options,
        ],
        env={name: value for name, value in os.environ.items() if name not in OTHERS},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the flows do not pass:\n{done.stdout[-2000:]}")
    return int(done.stdout.split()[-1])
