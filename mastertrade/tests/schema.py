"""Asking the database itself: what it refuses, and how it is made."""

from collections.abc import Iterable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor


def migrate(*targets: tuple[str, str | None]) -> None:
    """In one plan to these migrations, by what their names begin with; to all if none.

    With None an app has no tables.
    """
    executor = MigrationExecutor(connection)
    loader = executor.loader
    to = [
        (app, name and loader.get_migration_by_prefix(app, name).name)
        for app, name in targets
    ]
    executor.migrate(to or loader.graph.leaf_nodes())


def fetch(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def execute(statement: str, *parameters: Any) -> int:
    """Run a statement; returns how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.rowcount


def constraint_that_refuses(statement: str, *parameters: Any) -> str:
    """The name of the constraint that a statement breaks (in a transaction)."""
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        execute(statement, *parameters)
    return refused.value.__cause__.diag.constraint_name


def constraints_of(tables: Iterable[str]) -> set[str]:
    """Names of every CHECK, UNIQUE (partial ones too) and FOREIGN KEY of the tables."""
    rows = fetch(
        """
        SELECT conname::text FROM pg_constraint
        WHERE contype IN ('c', 'u', 'f') AND conrelid::regclass::text = ANY(%s)
        UNION
        SELECT indexrelid::regclass::text FROM pg_index
        WHERE indisunique AND NOT indisprimary AND indrelid::regclass::text = ANY(%s)
        """,
        list(tables),
        list(tables),
    )
    return {name for (name,) in rows}
