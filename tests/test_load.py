"""The load benchmark runs; how fast is not asked here."""

import os
import subprocess
import sys

import pytest

from tests.faults.stand import NOT_OURS, ROOT

SMALL = {
    "--seconds": "1",
    "--warm-up": "0",
    "--trades": "100",
    "--portfolios": "3",
    "--processes": "1",
    "--fills": "100",
    "--rate": "10",
    "--rates": "1",
    "--jobs": "1",
}


@pytest.mark.slow
def test_a_small_load_is_measured_and_reported_as_the_page_has_it() -> None:
    arguments = [word for pair in SMALL.items() for word in pair]
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", *arguments],
        cwd=ROOT,
        env={name: text for name, text in os.environ.items() if name not in NOT_OURS},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line[:2] == "| "]
    loads = {row[0]: row for row in rows}
    for load in (
        "| 3 portfolios",
        "| one portfolio of 100 trades",
        "| 1 web process",
        "| raising the rate",
        "| half the knee",
        "| half the knee, importing 100 fills",
    ):
        assert int(loads[load][2]) > 0
    assert "The import took" in done.stdout
