"""Model instances from SQL of our own, without the cost of composing a query.

Django's `raw` looks every column up by its name, anew each time; these are asked for in
the order of the model's fields, so that a row is an instance as it comes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model

Row = TypeVar("Row", bound=Model)


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
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows = cursor.fetchall()
    found = []
    for row in rows:
        instance = model.from_db(connection.alias, names, row[:width])
        for name, value in zip(extra, row[width:], strict=True):
            setattr(instance, name, value)
        found.append(instance)
    return found
