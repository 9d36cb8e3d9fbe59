"""Users, portfolios and goals to measure with, made by the real services."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from goals.enums import GoalType
from goals.models import FinancialGoal, Portfolio, User
from goals.services.goals import create_goal
from goals.services.portfolios import create_portfolio
from strategies.services import create_strategy
from trades.booking.reconcile import mend_drift

OPENING_BALANCE = Decimal(100_000)
STRATEGY = "momentum_001"
# Trades whose profits and distances in time are expressions of n, from 1 to `trades`.
TRADES = """
INSERT INTO trades
    (user_id, portfolio_id, strategy_id, symbol, side, quantity, entry_price,
     exit_price, entry_fees, exit_fees, quote_currency, fee_currency, fx_rate,
     fee_fx_rate, profit_loss, entry_time, exit_time, status, request_fingerprint,
     created_at, created_by, updated_at, updated_by, leverage, funding,
     unbooked_profit, void_reason)
SELECT %(user_id)s, %(portfolio_id)s, %(strategy_id)s, 'BTCUSDT', 'LONG', 1, 50000,
       50000 + profit, 0, 0, 'USD', 'USD', 1, 1, profit, at - interval '1 second', at,
       'closed', md5(n::text), %(until)s, '', %(until)s, '', 1, 0, 0, ''
FROM (
    SELECT n, {profit} AS profit, %(until)s - (%(trades)s - n) * {apart} AS at
    FROM generate_series(1, %(trades)s) n
) made
"""
# Gains and losses up to ten, one a second until now.
EVEN_TRADES = TRADES.format(profit="n %% 21 - 10", apart="interval '1 second'")
POSITIONS_OF = """
INSERT INTO positions
    (trade_id, user_id, portfolio_id, symbol, side, quantity, entry_price,
     current_price, unrealized_pnl, status, opened_at, updated_at)
SELECT trade_id, user_id, portfolio_id, symbol, side, quantity, entry_price,
       exit_price, 0, 'closed', entry_time, exit_time
FROM trades WHERE {chosen}
"""
POSITIONS = POSITIONS_OF.format(chosen="portfolio_id = %(portfolio_id)s")


@dataclass(frozen=True, slots=True)
class Trader:
    """A user with a strategy, a funded portfolio and its goals."""

    user: User
    portfolio: Portfolio
    goals: tuple[FinancialGoal, ...]


def make_trader(name: str, *, since: datetime | None = None) -> Trader:
    """A return goal and an income goal of this year, on a portfolio of 100,000."""
    now = timezone.now()
    user = User.objects.create_user(name)
    create_strategy(user=user, strategy_id=STRATEGY, strategy_type="momentum", now=now)
    portfolio = create_portfolio(
        user=user, name="bench", opening_balance=OPENING_BALANCE, now=now
    )
    first = (since or now).date()
    goals = tuple(
        create_goal(
            user=user,
            portfolio=portfolio.portfolio_id,
            goal_type=goal_type,
            target_value=target,
            start_date=first,
            target_date=now.date() + timedelta(days=100),
            as_of=now,
        )
        for goal_type, target in (
            (GoalType.MONTHLY_RETURN, Decimal(50)),
            (GoalType.MONTHLY_INCOME, Decimal(50_000)),
        )
    )
    return Trader(user, portfolio, goals)


def fill(trader: Trader, *statements: str, until: datetime, **values: Any) -> None:
    """Write a ledger at once, and make every figure from it."""
    parameters = {
        "user_id": trader.user.username,
        "portfolio_id": trader.portfolio.portfolio_id,
        "strategy_id": STRATEGY,
        "until": until,
        **values,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, parameters)
    mend_drift(trader.portfolio.portfolio_id, until)


def vacuum(*tables: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {', '.join(tables)}")
