"""The PostgreSQL of one run: started with fsync on, and gone afterwards."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from mastertrade.postgres import embedded

URL_VARIABLE = "BENCH_DATABASE_URL"
LONGEST_STOP = 30.0


@contextmanager
def scratch_database() -> Iterator[str]:
    """The URL of the run's own database; it is removed at the end."""
    named = os.environ.get(URL_VARIABLE, "").strip()
    if named:
        yield named
        return
    directory = Path(tempfile.mkdtemp(prefix="mastertrade-bench-"))
    directory.chmod(0o711)  # the server's account passes through to its data
    # A process of its own holds the server, for it stops with the last that uses it.
    holder = subprocess.Popen(
        [sys.executable, "-m", "bench.scratch", str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert holder.stdout is not None
        url = holder.stdout.readline().strip()
        if not url:
            raise RuntimeError("The PostgreSQL of this run could not be started.")
        yield url
    finally:
        holder.communicate()
        _await_stop(directory)
        home = (directory / "postgres").resolve()
        shutil.rmtree(home, ignore_errors=True)  # may lie outside (see embedded)
        shutil.rmtree(directory, ignore_errors=True)


def _await_stop(directory: Path) -> None:
    end = time.monotonic() + LONGEST_STOP
    while (directory / "postgres" / "data" / "postmaster.pid").exists():
        if time.monotonic() > end:
            raise RuntimeError(f"The PostgreSQL in {directory} does not stop.")
        time.sleep(0.05)


def _url(server: embedded.Server) -> str:
    return (
        f"postgresql://{server.user}:{quote(server.password, safe='')}"
        f"@{quote(server.host, safe='')}:{server.port}/{server.name}"
    )


def main() -> None:
    print(_url(embedded.serve(Path(sys.argv[1]))), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
