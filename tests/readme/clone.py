"""A fresh clone: the files of this checkout, and nothing that was made in it."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.attack.site import LOOPBACK, free_port
from tests.faults.stand import ROOT

# Of this process's environment: what would make a reader's commands do otherwise.
NOT_A_READERS = (
    *("MASTERTRADE_", "DATABASE_", "TEST_DATABASE_", "BENCH_", "DJANGO_"),
    *("PYTHON", "PYTEST", "VIRTUAL_ENV", "MAKE", "MFLAGS"),
)


@contextmanager
def fresh_clone() -> Iterator[tuple[Path, dict[str, str]]]:
    """Its directory and a reader's environment; both are gone when the block ends.

    The pages name port 8000. The site takes a free one, by PORT, and curl is sent there
    by its own configuration, so that the commands stay as they are written.
    """
    home = Path(tempfile.mkdtemp(prefix="mastertrade-readme-"))
    home.chmod(0o711)  # the database's account passes through to its data
    clone = home / "mastertrade"
    port = free_port()
    (home / ".curlrc").write_text(f'connect-to = "{LOOPBACK}:8000:{LOOPBACK}:{port}"\n')
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(NOT_A_READERS)},
        "PATH": _path_without(Path(sys.executable).parent),
        "PORT": str(port),
        "CURL_HOME": str(home),
    }
    try:
        _copy_to(clone)
        yield clone, environment
    finally:
        _await_end_of_database(clone, environment)
        shutil.rmtree(home)


def _path_without(directory: Path) -> str:
    places = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(place for place in places if Path(place) != directory)


def _copy_to(clone: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)


def _await_end_of_database(clone: Path, environment: dict[str, str]) -> None:
    """The embedded server ends with its last process; its files are in the clone."""
    end = time.monotonic() + 30
    while (clone / ".venv/bin/gunicorn").exists() and time.monotonic() < end:
        shown = subprocess.run(
            [clone / ".venv/bin/python", "-m", "mastertrade.database"],
            cwd=clone,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        if "not running" in shown.stdout:
            return
        time.sleep(0.2)
