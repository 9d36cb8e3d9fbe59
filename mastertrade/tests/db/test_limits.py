"""Time limits of the database: what they end, where they hold, what is answered."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from threading import Barrier, Thread
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from goals.services import ledger
from mastertrade.backend.base import FEW_BUSY
from mastertrade.db import limits
from mastertrade.db.limits import (
    LONG,
    Limits,
    has_timed_out,
    limit_role,
    serve_requests,
)
from mastertrade.db.transactions import atomic, atomic_for_long
from tests.http import (
    PASSWORD,
    make_trader,
    nothing_changes,
    open_body,
    read,
    unthrottled,  # noqa: F401
)

BRIEF = Limits(100, 400, 300, 50)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> Limits:
    monkeypatch.setitem(connection.settings_dict, "LIMITS", BRIEF)
    return BRIEF


def show(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


@contextmanager
def another_connection() -> Iterator[psycopg.Connection[Any]]:
    given = connection.settings_dict
    with psycopg.connect(
        dbname=given["NAME"],
        user=given["USER"],
        password=given["PASSWORD"],
        host=given["HOST"],
        port=given["PORT"],
    ) as other:
        yield other


@contextmanager
def locked(portfolio_id: int) -> Iterator[None]:
    """Somebody else holds the portfolio."""
    with another_connection() as other:
        other.execute(
            "SELECT 1 FROM portfolios WHERE portfolio_id = %s FOR UPDATE",
            [portfolio_id],
        )
        yield


@pytest.mark.django_db(transaction=True)
def test_a_locked_portfolio_is_503_and_the_same_again_succeeds(brief: Limits) -> None:
    trader = make_trader()
    body = open_body(external_id="again-1")
    with locked(trader["portfolio_id"]):
        begin = time.monotonic()
        with nothing_changes():
            answer = trader.client.post("/api/trades/", body)
        assert time.monotonic() - begin < 1.0
        given = read(answer, 503)
        assert given["code"] == "database_busy"
        assert "with the same id" in given["detail"]
        assert answer["Retry-After"] == "1"
        other = trader.post("/api/portfolios/", {"name": "free"}, 201)
    trader.post("/api/trades/", body, 201)
    assert other["name"] == "free"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("endless", ["SELECT pg_sleep(5)", None], ids=["busy", "idle"])
def test_what_takes_too_long_is_503_and_undone(
    endless: str | None, brief: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    trader = make_trader()
    flow = "/api/portfolios/{portfolio_id}/cash-flows/"

    def take_long(*args: Any, **options: Any) -> None:
        if endless is None:
            time.sleep(0.5)
        with connection.cursor() as cursor:
            cursor.execute(endless or "SELECT 1")

    monkeypatch.setattr(ledger, "_measure_goals", take_long)
    with nothing_changes():
        assert trader.post(flow, {"amount": "1"}, 503)["code"] == "database_busy"
    monkeypatch.undo()
    trader.post(flow, {"amount": "1"}, 201)


@pytest.mark.django_db(transaction=True)
def test_limits_come_with_begin_and_end_with_the_transaction(brief: Limits) -> None:
    """So a pooler may give each transaction another session, and nothing is left."""
    before = show("lock_timeout")
    with connection.execute_wrapper(refuse_statements), transaction.atomic():
        pass
    with transaction.atomic():
        assert show("lock_timeout") == "100ms"
        assert show("statement_timeout") == "400ms"
        assert show("idle_in_transaction_session_timeout") == "300ms"
    assert show("lock_timeout") == before != "100ms"
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        raise ZeroDivisionError
    assert show("lock_timeout") == before


def refuse_statements(*args: Any) -> None:
    raise AssertionError("a statement of its own")


@pytest.mark.django_db(transaction=True)
def test_what_is_done_in_a_limited_transaction_is_committed_or_undone() -> None:
    trader = make_trader()

    @transaction.atomic
    def fail() -> None:
        trader.user.set_password("never")
        trader.user.save()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with another_connection() as other:
        (stored,) = other.execute("SELECT count(*) FROM portfolios").fetchone()
        assert stored == 2
    trader.user.refresh_from_db()
    assert trader.user.check_password(PASSWORD)


@pytest.mark.django_db(transaction=True)
def test_the_role_limits_what_is_said_outside_transactions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "TESTING", False)
    monkeypatch.setattr(settings, "WEB_LIMITS", replace(settings.WEB_LIMITS))
    limit_role()
    try:
        with another_connection() as other:
            found = other.execute("SHOW statement_timeout").fetchone()
            assert found == ("15s",)
    finally:
        with connection.cursor() as cursor:
            name = connection.ops.quote_name(connection.settings_dict["NAME"])
            cursor.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {name} RESET ALL")


@pytest.mark.django_db(transaction=True)
def test_an_import_may_take_long_but_waits_for_no_lock(
    brief: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    @atomic_for_long
    def long() -> None:
        seen.append((show("lock_timeout"), show("statement_timeout")))

    long()
    assert seen == [("100ms", "1h")]
    atomic(lambda: seen.append((show("lock_timeout"), show("statement_timeout"))))()
    assert seen[1] == ("100ms", "400ms")
    trader = make_trader()
    with locked(trader["portfolio_id"]):
        form = {"file": BytesIO(b"x"), "format": "binance-csv", "portfolio": "crypto"}
        answer = trader.client.post("/api/trades/import/", form, format="multipart")
        assert read(answer, 503)["code"] == "database_busy"


@pytest.mark.django_db(transaction=True)
def test_a_page_is_503_when_the_database_is_busy(brief: Limits) -> None:
    trader = make_trader()
    browser = Client(raise_request_exception=True)
    browser.force_login(trader.user)
    with another_connection() as other:
        other.execute("LOCK TABLE financial_goals")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 100")
        try:
            answer = browser.get("/")
        finally:
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
    assert answer.status_code == 503
    assert b"Try again" in answer.content


def test_web_requests_have_shorter_limits_than_commands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(connection.settings_dict, "LIMITS", LONG)
    serve_requests()
    given = connection.settings_dict["LIMITS"]
    assert given == settings.WEB_LIMITS
    assert given.lock_timeout > 1_000, "deadlocks are found after 1 s"
    assert given.statement_timeout < 30_000
    assert limits.LONG.statement_timeout > given.statement_timeout


def test_only_a_time_limit_is_one() -> None:
    assert not has_timed_out(ValueError())


@pytest.mark.django_db(transaction=True)
def test_a_lock_is_waited_for_less_where_most_threads_wait(brief: Limits) -> None:
    """One locked portfolio must not take every thread from those who want another."""
    seen: list[str] = []
    inside = Barrier(FEW_BUSY + 1)

    def look() -> None:
        try:
            with transaction.atomic():
                seen.append(show("lock_timeout"))
                inside.wait(timeout=10)
                inside.wait(timeout=10)
        finally:
            connection.close()

    threads = [Thread(target=look) for _ in range(FEW_BUSY)]
    for thread in threads:
        thread.start()
    inside.wait(timeout=10)
    with transaction.atomic():
        seen.append(show("lock_timeout"))
    inside.wait(timeout=10)
    for thread in threads:
        thread.join()
    assert seen == ["100ms"] * FEW_BUSY + ["50ms"]
    with transaction.atomic():
        assert show("lock_timeout") == "100ms"
