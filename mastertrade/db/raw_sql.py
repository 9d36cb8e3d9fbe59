"""SQL of our own where every call counts: prepared once, read without detours.

Django's `raw` looks every column up by its name, anew each time; here they are asked
for in the order of the model's fields, so that a row is an instance as it comes. And
what is run again and again is planned once: the statements go as prepared ones, except
through a connection pooler (`MASTERTRADE_POOLER`).
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import connection, connections
from django.db.models import Model

Row = TypeVar("Row", bound=Model)


# Django turns prepared statements off (None) for the sake of connection poolers, and
# then psycopg ignores a cursor's wish too. This many repetitions prepare nothing else.
NEVER_BY_ITSELF = 2**31


class PreparedCursor(psycopg.Cursor[Any]):
    """Every statement is prepared on its connection, which keeps the plan.

    Where the connection prepares nothing (its `prepare_threshold` is None) none is.
    """

    def execute(self, *args: Any, **options: Any) -> Any:
        return super().execute(*args, **options, prepare=True)


class _WatchedCursor(PreparedCursor):
    """Writes statements to Django's log; psycopg would not write prepared ones."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        result = super().execute(query, params, **options)
        if self._query is None:
            self._query = self._convert_query(query, params)
        return result


def prepared_cursor() -> Any:
    """A cursor of Django's connection, seen by all that watches its statements."""
    # As Django's own cursor does: one that died since the last request is made anew.
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    raw: psycopg.Connection[Any] = connection.connection
    if raw.prepare_threshold is None and not settings.POOLER:
        raw.prepare_threshold = NEVER_BY_ITSELF
    wrap: Any = connection
    if connection.queries_logged:
        return wrap.make_debug_cursor(_WatchedCursor(raw))
    return wrap.make_cursor(PreparedCursor(raw))


def columns_of(model: type[Model], alias: str) -> str:
    """The model's columns for a SELECT, in the order of its fields."""
    fields = model._meta.concrete_fields
    return ", ".join(f"{alias}.{field.column}" for field in fields)


def load(
    model: type[Row],
    statement: str,
    parameters: Sequence[Any] | Mapping[str, Any],
    extra: Sequence[str] = (),
) -> list[Row]:
    """Instances from a statement that selects `columns_of`, then the `extra` ones."""
    names = [field.attname for field in model._meta.concrete_fields]
    width = len(names)
    with prepared_cursor() as cursor:
        cursor.execute(statement, parameters)
        rows = cursor.fetchall()
    found = []
    for row in rows:
        instance = model.from_db(connection.alias, names, row[:width])
        for name, value in zip(extra, row[width:], strict=True):
            setattr(instance, name, value)
        found.append(instance)
    return found


def load_with(
    model: type[Row], name: str, statement: str, parameters: Sequence[Any]
) -> list[Row]:
    """The same, each with what its foreign key `name` refers to.

    The statement selects `columns_of` the model, then those of the other one.
    """
    other: Any = model._meta.get_field(name).related_model
    names = [field.attname for field in other._meta.concrete_fields]
    found = load(model, statement, parameters, extra=[f"_{one}" for one in names])
    for instance in found:
        values = [instance.__dict__.pop(f"_{one}") for one in names]
        setattr(instance, name, other.from_db(connection.alias, names, values))
    return found


def insert(row: Model) -> None:
    """Insert a new row, all columns but the key, which the database gives it."""
    database = connections[connection.alias]
    values = [
        one.get_db_prep_save(one.pre_save(row, add=True), database)
        for one in row._meta.concrete_fields
        if not one.primary_key
    ]
    with prepared_cursor() as cursor:
        cursor.execute(_insertion_into(type(row)), values)
        (row.pk,) = cursor.fetchone()
    row._state.adding, row._state.db = False, database.alias


@cache
def _insertion_into(model: type[Model]) -> str:
    meta = model._meta
    names = [str(one.column) for one in meta.concrete_fields if not one.primary_key]
    return (
        f"INSERT INTO {meta.db_table} ({', '.join(names)}) "
        f"VALUES ({', '.join(['%s'] * len(names))}) RETURNING {meta.pk.column}"
    )


def execute(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> None:
    """A statement without an answer."""
    with prepared_cursor() as cursor:
        cursor.execute(statement, parameters)
