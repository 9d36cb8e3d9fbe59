"""SQL of our own: prepared once a connection, and nothing of Django's with it."""

import pytest
from django.db import connection

from goals.models import User
from mastertrade.db.raw_sql import prepared_cursor

KEPT = "SELECT statement, generic_plans FROM pg_prepared_statements"


@pytest.mark.django_db
def test_what_is_said_again_is_planned_once() -> None:
    for number in range(8):
        with prepared_cursor() as cursor:
            cursor.execute("SELECT %s::int + 1", [number])
            assert cursor.fetchone() == (number + 1,)
        User.objects.filter(username=f"nobody {number}").exists()
    with connection.cursor() as cursor:
        cursor.execute(KEPT)
        [(statement, generic_plans)] = [
            row for row in cursor.fetchall() if "::int + 1" in row[0]
        ]
        cursor.execute(KEPT)
        assert not [row for row in cursor.fetchall() if "nobody" in row[0]]
    assert statement == "SELECT $1::int + 1"
    assert generic_plans > 0


@pytest.mark.django_db
def test_behind_a_pooler_nothing_is_prepared(settings) -> None:
    """The next transaction may be another connection's."""
    settings.POOLER = True
    connection.ensure_connection()
    before, connection.connection.prepare_threshold = (
        connection.connection.prepare_threshold,
        None,
    )
    try:
        for number in range(8):
            with prepared_cursor() as cursor:
                cursor.execute("SELECT %s::int + 2", [number])
                assert cursor.fetchone() == (number + 2,)
    finally:
        connection.connection.prepare_threshold = before
    with connection.cursor() as cursor:
        cursor.execute(KEPT)
        assert not [row for row in cursor.fetchall() if "::int + 2" in row[0]]
