"""Mappings of columns, stored by name for each user."""

import json
from datetime import datetime

from django.db import connection

from goals.models import User
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import InvalidInput, NotFound, TooManyMappings
from mastertrade.values.messages import did_you_mean
from mastertrade.values.validation import HIDDEN_FOUND
from trades.importing.columns import UNSTORABLE
from trades.importing.mapped.mapping import (
    ColumnMapping,
    read_mapping,
    require_complete,
    show_mapping,
)
from trades.importing.mapped.table import fold
from trades.models import ImportMapping
from trades.models.mappings import LARGEST_MAPPING, LONGEST_MAPPING_NAME

MOST_MAPPINGS = 100
TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtextextended('mappings of ' || %s, 0))"


@atomic
def save_mapping(
    *, user: User, name: str, mapping: ColumnMapping, now: datetime
) -> tuple[ImportMapping, bool]:
    """Store a mapping, in place of one of that name; whether it is a new one.

    Raises `InvalidInput` for `mapping` where it lacks something, and for `name`.
    """
    name = _read_name(name)
    require_complete(mapping)
    definition = show_mapping(mapping)
    if len(json.dumps(definition)) > LARGEST_MAPPING // 2:
        raise InvalidInput(
            "mapping", f"is larger than {LARGEST_MAPPING // 2:,} characters."
        )
    with connection.cursor() as cursor:
        cursor.execute(TAKE_TURNS, [user.username])
    mine = ImportMapping.objects.filter(user_id=user.username)
    if not mine.filter(name=name).exists() and mine.count() >= MOST_MAPPINGS:
        raise TooManyMappings(
            f"You have {MOST_MAPPINGS} mappings, and no more are allowed: delete one."
        )
    return ImportMapping.objects.update_or_create(
        user=user,
        name=name,
        defaults={"definition": definition, "updated_at": now},
        create_defaults={
            "definition": definition,
            "created_at": now,
            "updated_at": now,
        },
    )


def find_mapping(user: User, name: str) -> ColumnMapping:
    """One of the user's; raises `InvalidInput` for `mapping` where there is none."""
    mine = ImportMapping.objects.filter(user_id=user.username)
    found = mine.filter(name=name.strip()).first()
    if found is None:
        names = mine.order_by("name").values_list("name", flat=True)
        hint = did_you_mean(name, names[:MOST_MAPPINGS])
        raise InvalidInput("mapping", f"You have no mapping {name}.{hint}")
    return read_mapping(found.definition)


def find_fitting(user: User, columns: set[str]) -> ImportMapping | None:
    """The user's mapping of a file with these columns (as `table.fold` gives them).

    The newest of those that use the most of them.
    """
    fitting = []
    for one in ImportMapping.objects.filter(user_id=user.username):
        needed = {fold(name) for name in read_mapping(one.definition).needed}
        if needed <= columns:
            fitting.append((len(needed), one.updated_at, one))
    return max(fitting, key=lambda rated: rated[:2])[2] if fitting else None


def delete_mapping(*, user: User, mapping_id: int) -> None:
    """Delete one of the user's; what was imported by it stays."""
    mine = ImportMapping.objects.filter(user_id=user.username, pk=mapping_id)
    if not mine.delete()[0]:
        raise NotFound(f"You have no mapping {mapping_id}.")


def _read_name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise InvalidInput("name", "must not be empty.")
    if len(name) > LONGEST_MAPPING_NAME:
        raise InvalidInput("name", f"is longer than {LONGEST_MAPPING_NAME} characters.")
    if UNSTORABLE(name):
        raise InvalidInput("name", HIDDEN_FOUND)
    return name
