"""Cursors that prepare their statements."""

from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from mastertrade.db.raw_sql import prepared_cursor


def ask(statement: str) -> Any:
    with prepared_cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def ask_by_django(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def ask_in_a_transaction(statement: str) -> Any:
    with transaction.atomic():
        return ask(statement)


def end_session(pid: int) -> None:
    """As PostgreSQL does when it is stopped or killed."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            assert cursor.fetchone() == (True,)
    finally:
        other.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", [ask, ask_by_django, ask_in_a_transaction])
def test_a_session_that_ended_between_two_requests_fails_none(way: Any) -> None:
    pid = way("SELECT pg_backend_pid()")
    end_session(pid)
    connection.close_if_unusable_or_obsolete()  # as each request begins
    assert way("SELECT pg_backend_pid()") != pid


@pytest.mark.django_db(transaction=True)
def test_a_session_that_ends_within_a_request_fails_it_and_not_the_next() -> None:
    end_session(ask("SELECT pg_backend_pid()"))
    with pytest.raises(OperationalError):
        ask("SELECT 1")
    connection.close_if_unusable_or_obsolete()
    assert ask("SELECT 1") == 1
