"""Closing a trade after 100,000 trades in the portfolio, against after 100."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from bench.close_trade import Closing
from bench.people import STRATEGY, Trader, make_trader
from bench.rows import Row, Target
from bench.timing import in_turn, show
from goals.models import Portfolio
from trades.booking.reconcile import find_drift, mend_drift

MANY = 100_000
FEW = 100
CLOSES = 120
WARM_UP = 20
COST = Target(1.2, at_least=False)
# Trades of ten gains or losses each, one a second until now, with the histories that
# the services would have written.
TRADES = """
INSERT INTO trades
    (user_id, portfolio_id, strategy_id, symbol, side, quantity, entry_price,
     exit_price, entry_fees, exit_fees, quote_currency, fee_currency, fx_rate,
     fee_fx_rate, profit_loss, entry_time, exit_time, status, request_fingerprint,
     created_at, created_by, updated_at, updated_by, leverage, funding,
     unbooked_profit, void_reason)
SELECT %(user_id)s, %(portfolio_id)s, %(strategy_id)s, 'BTCUSDT', 'LONG', 1, 50000,
       50000 + n %% 21 - 10, 0, 0, 'USD', 'USD', 1, 1, n %% 21 - 10,
       %(until)s - interval '1 second' * (%(trades)s - n + 1),
       %(until)s - interval '1 second' * (%(trades)s - n), 'closed', md5(n::text),
       %(until)s, '', %(until)s, '', 1, 0, 0, ''
FROM generate_series(1, %(trades)s) n
"""
POSITIONS = """
INSERT INTO positions
    (trade_id, user_id, portfolio_id, symbol, side, quantity, entry_price,
     current_price, unrealized_pnl, status, opened_at, updated_at)
SELECT trade_id, user_id, portfolio_id, symbol, side, quantity, entry_price,
       exit_price, 0, 'closed', entry_time, exit_time
FROM trades WHERE portfolio_id = %(portfolio_id)s
"""
HISTORY = """
INSERT INTO goal_progress_history
    (goal_id, kind, snapshot_date, effective_at, recorded_at, current_value,
     target_value, progress_pct)
SELECT m.goal_id, 'trade', m.effective_at::date, m.effective_at, m.effective_at,
       m.value, m.target_value, round(m.value / m.target_value * 100, 6)
FROM (
    SELECT g.goal_id, g.target_value, e.effective_at,
           round(CASE WHEN g.goal_type LIKE '%%\\_income'
               THEN e.realized_pnl - g.start_realized_pnl
               ELSE (e.unit_value / g.start_unit_value - 1) * 100 END, 8) AS value
    FROM (
        SELECT t.portfolio_id, t.exit_time AS effective_at,
               sum(t.profit_loss) OVER along AS realized_pnl,
               (p.opening_balance + sum(t.profit_loss) OVER along) / p.units
                   AS unit_value
        FROM trades t JOIN portfolios p USING (portfolio_id)
        WHERE portfolio_id = %(portfolio_id)s
        WINDOW along AS (ORDER BY t.exit_time, t.ledger_key)
    ) e JOIN financial_goals g USING (portfolio_id)
) m
"""
TABLES = (
    "portfolios, financial_goals, trades, positions, ledger_days, goal_progress_history"
)


def measure() -> Iterator[Row]:
    many = Closing(_trader_with("many_trades", MANY))
    few = Closing(_trader_with("few_trades", FEW))
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {TABLES}")
    pair = in_turn(many.by_service, few.by_service, times=CLOSES, warm_up=WARM_UP)
    yield Row(
        f"close_trade after {MANY:,} trades, against after {FEW}",
        show(pair.ours),
        show(pair.floor),
        pair.cost,
        COST,
    )


def _trader_with(name: str, trades: int) -> Trader:
    until = timezone.now()
    trader = make_trader(name, since=until - timedelta(days=3))
    values: dict[str, Any] = {
        "user_id": trader.user.username,
        "portfolio_id": trader.portfolio.portfolio_id,
        "strategy_id": STRATEGY,
        "trades": trades,
        "until": until,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in (TRADES, POSITIONS, HISTORY):
            cursor.execute(statement, values)
    mend_drift(trader.portfolio.portfolio_id, until)
    _check(trader.portfolio.portfolio_id, trades)
    return trader


def _check(portfolio_id: int, trades: int) -> None:
    """All of them are in the ledger, and every figure says so."""
    portfolio = Portfolio.objects.get(pk=portfolio_id)
    entries = portfolio.ledger_entries
    assert entries.count() == trades
    assert not list(find_drift([portfolio_id]))
