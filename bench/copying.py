"""COPY to files and from them, and an import in a process of its own."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction

CHUNK_BYTES = 1 << 18


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def copy_out(path: Path, statement: str, values: dict[str, Any] | None = None) -> None:
    with (
        path.open("wb") as target,
        connection.cursor() as cursor,
        cursor.copy(statement, values) as copy,
    ):
        for chunk in copy:
            target.write(chunk)


def copy_in(path: Path, table: str) -> None:
    r"""What psql's \copy does: the file's bytes, as they are.

    In a transaction: outside one the time limits of web requests hold.
    """
    with (
        path.open("rb") as source,
        transaction.atomic(),
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} FROM STDIN") as copy,
    ):
        while chunk := source.read(CHUNK_BYTES):
            copy.write(chunk)


def import_apart(
    user: str,
    portfolio: int,
    path: Path,
    now: datetime,
    format_name: str = "mastertrade-csv",
    strategy: str = "",
) -> dict[str, Any]:
    """In a process of its own; the seconds it took, and its peak memory in bytes."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bench.import_apart"),
            *(user, str(portfolio), str(path), now.isoformat(), format_name, strategy),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report
