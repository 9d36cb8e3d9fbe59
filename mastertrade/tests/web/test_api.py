"""What every endpoint shares: addresses, errors, throttling, statements."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from rest_framework.throttling import AnonRateThrottle, UserRateThrottle

from goals.models import User
from goals.services import ledger
from goals.tests.factories import UserFactory
from tests.bodies import BODIES
from tests.http import (
    KEYED_BY_ADDRESS,
    Trader,
    ago,
    client_of,
    client_with,
    count_statements,
    made_once,
    make_newcomer,
    make_trader,
    nothing_changes,
    open_body,
    operations,
    send,
    unthrottled,  # noqa: F401
)

trader_of_module = made_once(make_trader)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


@pytest.fixture
def newcomer(db: None) -> Trader:
    return make_newcomer()


# Addresses.


@pytest.mark.parametrize(
    "key", ["0", "-1", str(2**63), "9" * 30, "9" * 5000, "x", "1.5", "%00", "%FF", "²"]
)
def test_a_key_that_names_nothing_is_not_found(newcomer: Trader, key: str) -> None:
    addressed = [one for one in operations().values() if "{" in one.path]
    named = dict.fromkeys(ANYBODY.ids, key)
    for one in addressed:
        address = one.path.format(**named)
        body = BODIES[str(one)](ANYBODY) if str(one) in BODIES else None
        answer = send(newcomer.client, one.method, address, body)
        assert answer.status_code == 404, address


# Addresses of objects that need not exist.
ANYBODY = Trader(
    User(username="anybody"),
    client_with(),
    {
        "portfolio_id": 1,
        "goal_id": 1,
        "strategy_id": "a",
        "trade_id": 1,
        "adjustment_id": 1,
        "cash_flow_id": 1,
        "token_key": "a",
        "webhook_id": 1,
        "import_id": 1,
        "mapping_id": 1,
        "channel_id": 1,
        "job_id": 1,
        "replay_id": 1,
        "alert_id": 1,
        "token": "a",
    },
)


@pytest.mark.parametrize("query", ["", "?page=0&portfolo=a"])
@pytest.mark.parametrize("name", operations())
def test_another_method_is_not_allowed(name: str, query: str, db: None) -> None:
    client = client_of(UserFactory())
    path = operations()[name].path
    known = {one.method for one in operations().values() if one.path == path}
    # An address that is a secret says nothing to those who have not got it.
    refusal = 404 if name in KEYED_BY_ADDRESS else 405
    for method in {"PUT", "PATCH", "DELETE", "POST", "TRACE"} - known:
        answer = client.generic(
            method,
            ANYBODY.address(path) + query,
            "{}",
            content_type="application/json",
        )
        assert answer.status_code == refusal


def test_options_say_nothing_of_another(newcomer: Trader) -> None:
    for one in operations().values():
        answer = newcomer.client.options(ANYBODY.address(one.path))
        assert answer.status_code in {200, 404}, one.path


# Errors.


def test_bad_input_names_the_field(trader: Trader) -> None:
    answer = trader.post(
        "/api/goals/",
        {"goal_type": "monthly_return", "target_value": "5", "priority": 11},
        400,
    )
    assert list(answer) == ["priority"]
    assert isinstance(answer["priority"], list)


def test_a_refusal_has_a_code_and_a_reason(trader: Trader) -> None:
    answer = trader.post("/api/sizing/", {"base_size": "1"}, 409)
    assert set(answer) == {"code", "detail"}
    assert answer["code"] == "no_active_goal"


def test_not_found_says_so_in_json(trader: Trader) -> None:
    assert "detail" in trader.client.get("/api/goals/0/").json()


def break_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(ledger, "_measure_goals", fail)


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_went_away_is_503_and_nothing_is_half_done(
    trader: Trader, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    break_with(monkeypatch, error("server closed the connection; SELECT secret"))
    with nothing_changes():
        answer = trader.post("/api/trades/", open_body(exit_price="51000"), 503)
    assert set(answer) == {"detail", "code"}
    assert "SELECT" not in answer["detail"]


def test_any_other_error_is_500_without_a_word_of_it(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_with(monkeypatch, IntegrityError("violates SELECT secret"))
    with nothing_changes():
        answer = trader.client.post("/api/trades/", open_body(exit_price="51000"))
    assert answer.status_code == 500
    assert b"secret" not in answer.content
    assert b"Traceback" not in answer.content


def test_a_statement_the_database_cancels_is_503(trader: Trader) -> None:
    path = trader.address("/api/goals/{goal_id}/sizing/")
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '1ms'")
            cursor.execute("SET LOCAL lock_timeout = '1ms'")

        def slow(execute: Any, sql: str, *args: Any) -> Any:
            if "goal_adjustment_log" in sql:
                return execute("SELECT pg_sleep(1)", None, *args[1:])
            return execute(sql, *args)

        with connection.execute_wrapper(slow):
            answer = trader.client.post(path, {"base_size": "1"})
        transaction.set_rollback(True)
    assert answer.status_code == 503


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/portfolios/", {"name": "twice"}),
        ("/api/strategies/", {"strategy_id": "twice", "strategy_type": "momentum"}),
    ],
)
def test_of_two_that_make_the_same_at_once_one_is_told(
    trader: Trader, path: str, body: dict[str, str]
) -> None:
    """The second one looks before the first has committed: it finds nothing."""
    trader.post(path, body, 201)

    def look_away(execute: Any, sql: str, *args: Any) -> Any:
        if sql.startswith("SELECT %s AS"):
            return execute("SELECT 1 WHERE false", None, *args[1:])
        return execute(sql, *args)

    with transaction.atomic(), connection.execute_wrapper(look_away):
        answer = trader.post(path, body, 409)
    assert answer["code"] == "already_exists"


# Throttling.


@pytest.fixture
def two_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {"user": "2/min", "anon": "2/min", "sign_in": "2/min"}
    for throttle in (UserRateThrottle, AnonRateThrottle):
        monkeypatch.setattr(throttle, "THROTTLE_RATES", rates)


@pytest.mark.usefixtures("two_a_minute")
class TestThrottling:
    def test_too_many_requests_are_told_when_to_come_back(self, db: None) -> None:
        client = client_of(UserFactory())
        answers = [client.get("/api/goals/") for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]
        assert 0 < int(answers[2]["Retry-After"]) <= 60
        assert set(answers[2].json()) == {"detail", "code"}

    def test_each_user_has_requests_of_their_own(self, db: None) -> None:
        for _ in range(2):
            client = client_of(UserFactory())
            assert [client.get("/api/goals/").status_code for _ in range(2)] == [
                200
            ] * 2

    def test_the_description_is_throttled_for_strangers(self, db: None) -> None:
        answers = [client_with().get("/api/docs/") for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]

    @pytest.mark.parametrize("path", ["/healthz", "/readyz"])
    def test_health_is_never_throttled(self, path: str, db: None) -> None:
        answers = {client_with().get(path).status_code for _ in range(10)}
        assert answers == {200}


READ_RATES = """
from mastertrade.settings_test import REST_FRAMEWORK
print(*REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"].values())
"""


@pytest.mark.parametrize(
    ("variables", "rates"),
    [
        ({}, "1200/min 60/min 60/min 10/min"),
        (
            {
                "MASTERTRADE_USER_RATE": "7/s",
                "MASTERTRADE_ANONYMOUS_RATE": "5/h",
                "MASTERTRADE_FAILED_RATE": "3/s",
                "MASTERTRADE_CHANNEL_TEST_RATE": "2/h",
            },
            "7/s 5/h 3/s 2/h",
        ),
    ],
)
def test_rates_are_read_from_the_environment(
    variables: dict[str, str], rates: str
) -> None:
    database = {"TEST_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    printed = subprocess.run(
        [sys.executable, "-c", READ_RATES],
        env={"PATH": "/usr/bin:/bin"} | database | variables,
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        check=True,
        text=True,
    )
    assert printed.stdout.strip() == rates


# Statements.


def test_statements_of_a_trade_with_every_optional_field(trader: Trader) -> None:
    """Authentication included, transaction control apart."""
    trader.patch("/api/portfolios/{portfolio_id}/", {"max_position_pct": "500"})
    sizing = BODIES["POST /api/sizing/"](trader)
    opening = open_body(
        entry_time=ago(seconds=0),
        fees="1.5",
        stop_price="49000",
        external_id="order-1",
        quote_currency="EUR",
        fee_currency="BNB",
        fx_rate="1.1",
        fee_fx_rate="600",
    )
    with count_statements() as for_goal:
        answer = trader.post(
            "/api/goals/{goal_id}/sizing/",
            BODIES["POST /api/goals/{goal_id}/sizing/"](trader),
        )
    with count_statements() as for_portfolio:
        trader.post("/api/sizing/", sizing)
    with count_statements() as to_open:
        opening["adjustment_id"] = answer["adjustment_id"]
        trade = trader.post("/api/trades/", opening, 201)
    with count_statements() as to_close:
        trader.post(
            f"/api/trades/{trade['trade_id']}/close/",
            {
                "exit_price": "51000",
                "exit_time": ago(seconds=0),
                "fees": "0.5",
                "quantity": "0.02",
            },
        )
    assert len(for_goal) <= 9, for_goal
    assert len(for_portfolio) <= 9, for_portfolio
    assert len(to_open) <= 6, to_open
    assert len(to_close) <= 9, to_close
