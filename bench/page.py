"""The part of a page that a run writes: the machine and the table."""

import os
import platform
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import django
from django.db import connection

from bench.rows import Row, as_markdown

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
GIBIBYTE_IN_KIBIBYTES = 1024 * 1024


def write(page: Path, rows: Iterable[Row]) -> None:
    """Replace what the last run wrote."""
    replace(page, f"{describe_machine()}\n\n{as_markdown(rows)}")


def replace(page: Path, figures: str) -> None:
    """What stands between the marks of the page."""
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{page} has no place for the figures: {BEGIN} … {END}")
    pattern = f"{re.escape(BEGIN)}.*{re.escape(END)}"
    written = f"{BEGIN}\n{figures}\n{END}"
    replaced = re.sub(pattern, lambda _: written, text, flags=re.DOTALL)
    page.write_text(replaced, encoding="utf-8")


def describe_machine() -> str:
    """What the figures depend on, in one sentence each."""
    today = datetime.now(UTC).date().isoformat()
    return (
        f"Measured on {today}: {os.cpu_count()} cores ({_cpu()}), {_memory()} of "
        f"memory, {platform.system()}; Python {platform.python_version()}, Django "
        f"{django.__version__}; PostgreSQL {_show('server_version')} on the same "
        f"machine, fsync {_show('fsync')}, synchronous_commit "
        f"{_show('synchronous_commit')}, shared_buffers {_show('shared_buffers')}."
    )


def _show(setting: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {setting}")
        value: str = cursor.fetchone()[0]
    return value.partition(" ")[0]


def _cpu() -> str:
    return _field("/proc/cpuinfo", "model name") or platform.machine()


def _memory() -> str:
    size = _field("/proc/meminfo", "MemTotal").partition(" ")[0]
    return f"{int(size) / GIBIBYTE_IN_KIBIBYTES:.0f} GiB" if size else "unknown size"


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return ""
