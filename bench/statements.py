"""The statements of a piece of code, stored to be run again without it."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection

from mastertrade.db.raw_sql import PreparedCursor

TRANSACTION_CONTROL = ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with its parameters; was it prepared, and in a transaction?"""

    sql: str
    parameters: Any
    in_transaction: bool
    is_prepared: bool


@contextmanager
def captured() -> Iterator[list[Statement]]:
    """Collect every statement of Django's connection, transaction control apart."""
    statements: list[Statement] = []

    def keep(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(TRANSACTION_CONTROL):
            is_prepared = isinstance(context["cursor"].cursor, PreparedCursor)
            held = connection.in_atomic_block
            statements.append(Statement(sql, params, held, is_prepared))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(keep):
        yield statements


def run_raw(connection: "psycopg.Connection[Any]", statements: list[Statement]) -> None:
    """Say them again in one transaction, and read every answer."""
    with connection.transaction(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.sql.encode(), statement.parameters)
            if cursor.description is not None:
                cursor.fetchall()


def save(path: Path, statements: dict[str, list[Statement]]) -> None:
    path.write_bytes(pickle.dumps(statements))


def load(path: Path) -> dict[str, list[Statement]]:
    """Only what this run saved."""
    statements: dict[str, list[Statement]] = pickle.loads(path.read_bytes())
    return statements
