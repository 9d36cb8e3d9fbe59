"""Replays made before portfolios had kinds are found and marked."""

import json
from collections.abc import Iterator

import pytest
from django.db import connection

from mastertrade.tests.schema import migrate

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.migrations]

MEANT_FOR_THE_DEMO = {
    "version": 1,
    "instruments": [
        {
            "symbol": "AAPL",
            "first_at": "2008-01-02T23:59:59.999999+00:00",
            "goal_type": "monthly_return",
            "target_value": "3",
            "policy_run": {"policy": "ladder"},
        }
    ],
}
PORTFOLIO = """
INSERT INTO portfolios (user_id, name, currency, time_zone, opening_balance, equity,
    unrealized_pnl, units, unit_value, unit_run, realized_pnl, peak_unit_value,
    drawdown_pct, midnight_unrealized_pnl, trading_state, soft_drawdown_pct,
    hard_drawdown_pct, edge_guard, created_at, updated_at)
VALUES (%s, %s, 'USD', 'UTC', 0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 'active', 10, 20,
    'benefit_of_doubt', now(), now()) RETURNING portfolio_id
"""
RUN = """
INSERT INTO replay_runs (user_id, policy_portfolio_id, constant_portfolio_id, symbol,
    parameters_digest, report, created_at)
VALUES (%s, %s, %s, %s, '', %s, now())
"""
STRATEGY = """
INSERT INTO strategy_instances (user_id, strategy_id, strategy_name, strategy_type,
    risk_profile, parameters, status, created_at, updated_at)
VALUES (%s, %s, %s, 'momentum', 'moderate', '{}', 'active', now(), now())
"""
USER = """
INSERT INTO users (username, password, is_superuser, first_name, last_name, email,
    is_staff, is_active, date_joined)
VALUES (%s, '', false, '', '', '', false, true, now())
"""


@pytest.fixture
def before() -> Iterator[None]:
    """The database as it was before kinds, and as it is again afterwards."""
    migrate(("trades", "0010"), ("strategies", "0002"), ("goals", "0007"))
    yield
    migrate()


def ask(statement: str, *values: object) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def add_run(user: str, symbol: str, name: str, **changes: str) -> None:
    report = json.loads(json.dumps(MEANT_FOR_THE_DEMO))
    report["instruments"][0].update(symbol=symbol, **changes)
    halves = [ask(PORTFOLIO, user, f"{name} {half}")[0][0] for half in (1, 2)]
    ask(RUN, user, *halves, symbol, json.dumps(report))


def test_replays_made_before_are_marked_and_unmarked(before: None) -> None:
    for user in ("demo", "ada", "eve"):
        ask(USER, user)
        ask(PORTFOLIO, user, "main")
        ask(STRATEGY, user, "momentum_daily", "Momentum, daily")
    ask(STRATEGY, "ada", "breakout_daily", "My own")
    add_run("demo", "AAPL", "demo")
    add_run("demo", "AAPL", "other goal", target_value="5")
    add_run("demo", "TSLA", "other prices")
    add_run("ada", "AAPL", "same question")

    migrate()

    kinds = dict(ask("SELECT name, kind FROM portfolios WHERE name <> 'main'"))
    assert kinds == {
        "demo 1": "demo",
        "demo 2": "demo",
        **{
            f"{name} {half}": "simulation"
            for name in ("other goal", "other prices", "same question")
            for half in (1, 2)
        },
    }
    assert set(ask("SELECT kind FROM portfolios WHERE name = 'main'")) == {("live",)}
    assert set(ask("SELECT user_id, strategy_id, kind FROM strategy_instances")) == {
        ("demo", "momentum_daily", "demo"),
        ("ada", "momentum_daily", "simulation"),
        ("ada", "breakout_daily", "live"),
        ("eve", "momentum_daily", "live"),
    }
    finished = ask(
        "SELECT DISTINCT kind <> 'live', finished_at IS NOT NULL FROM portfolios"
    )
    assert sorted(finished) == [(False, False), (True, True)]
    pages = {page for (page,) in ask("SELECT page FROM replay_runs")}
    assert "demo.html" in pages

    migrate(("trades", "0010"))
    assert set(ask("SELECT kind FROM portfolios")) == {("live",)}
    for table in ("replay_runs", "strategy_instances", "portfolios", "users"):
        ask(f"DELETE FROM {table}")
