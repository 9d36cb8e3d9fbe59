"""What the pages of goals and portfolios, a floor below, show of trades."""

from django.db.models import QuerySet

from goals.admin import FinancialGoalAdmin, PortfolioAdmin, figures
from goals.admin.base import Section
from goals.models import FinancialGoal, Portfolio
from trades.admin.trades import entry_of, exit_of, profit_of, trade_link
from trades.enums import TradeStatus
from trades.models import Trade


def _trades_of_goal(goal: FinancialGoal) -> QuerySet[Trade]:
    """The trades that moved it: those whose exit lies in its period.

    A cancelled goal ended before its period did.
    """
    trades = Trade.objects.filter(
        portfolio_id=goal.portfolio_id, exit_time__gte=goal.period_starts_at
    )
    ends_at = goal.ended_at or goal.period_ends_at
    if ends_at is not None:
        trades = trades.filter(exit_time__lt=ends_at)
    return trades.select_related("portfolio").order_by("-exit_time", "-trade_id")


def _open_trades_of(portfolio: Portfolio) -> QuerySet[Trade]:
    return (
        Trade.objects.filter(portfolio=portfolio, status=TradeStatus.OPEN)
        .select_related("portfolio", "position")
        .order_by("-entry_time", "-trade_id")
    )


FinancialGoalAdmin.sections.append(
    Section(
        key="trades",
        title="Trades that moved it",
        model=Trade,
        rows=_trades_of_goal,
        columns=[
            ("Closed", lambda trade: figures.instant(trade.exit_time)),
            ("Trade", trade_link),
            ("Strategy", lambda trade: trade.strategy_id or figures.NOTHING),
            ("Entry", entry_of),
            ("Exit", exit_of),
            ("P&L after fees", profit_of),
        ],
    )
)
PortfolioAdmin.sections.append(
    Section(
        key="open",
        title="Open trades",
        model=Trade,
        rows=_open_trades_of,
        columns=[
            ("Opened", lambda trade: figures.instant(trade.entry_time)),
            ("Trade", trade_link),
            ("Strategy", lambda trade: trade.strategy_id or figures.NOTHING),
            ("Entry", entry_of),
            (
                "Last mark",
                lambda trade: figures.money(
                    trade.position.current_price, trade.quote_currency
                ),
            ),
            (
                "Unrealised P&L",
                lambda trade: figures.gain(
                    trade.position.unrealized_pnl, trade.portfolio.currency
                ),
            ),
        ],
    )
)
