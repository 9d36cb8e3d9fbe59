"""The PostgreSQL of one run: started with fsync on, and gone afterwards."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mastertrade.database import show_url
from mastertrade.postgres import DATABASE, Embedded

URL_VARIABLE = "BENCH_DATABASE_URL"


@contextmanager
def scratch_database() -> Iterator[str]:
    """The URL of the run's own database; it is removed at the end."""
    named = os.environ.get(URL_VARIABLE, "").strip()
    if named:
        yield named
        return
    directory = Path(tempfile.mkdtemp(prefix="mastertrade-bench-"))
    directory.chmod(0o711)  # the server's account passes through to its data
    embedded = Embedded(directory / "postgres")
    try:
        settings = embedded.serve().settings | {"NAME": DATABASE}
        yield show_url(settings, secret=True)
    finally:
        embedded.leave()
        shutil.rmtree(embedded.home)  # may lie outside (see `postgres`)
        shutil.rmtree(directory)
