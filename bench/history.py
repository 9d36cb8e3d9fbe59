"""Closing a trade after 100,000 trades in the portfolio, against after 100."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from bench.close_trade import Closing
from bench.people import EVEN_TRADES, POSITIONS, Trader, fill, make_trader, vacuum
from bench.rows import Row, Target
from bench.timing import in_turn, show
from goals.models import Portfolio
from trades.booking.reconcile import find_drift

MANY = 100_000
FEW = 100
CLOSES = 120
WARM_UP = 20
COST = Target(1.2, at_least=False)
# The histories that the services would have written.
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
    "portfolios",
    "financial_goals",
    "trades",
    "positions",
    "ledger_days",
    "goal_progress_history",
)


def measure() -> Iterator[Row]:
    many = Closing(_trader_with("many_trades", MANY))
    few = Closing(_trader_with("few_trades", FEW))
    vacuum(*TABLES)
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
    fill(trader, EVEN_TRADES, POSITIONS, HISTORY, trades=trades, until=until)
    _check(trader.portfolio.portfolio_id, trades)
    return trader


def _check(portfolio_id: int, trades: int) -> None:
    """All of them are in the ledger, and every figure says so."""
    portfolio = Portfolio.objects.get(pk=portfolio_id)
    entries = portfolio.ledger_entries
    assert entries.count() == trades
    assert not list(find_drift([portfolio_id]))
