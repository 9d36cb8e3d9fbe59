"""Trades and the decisions before them: the one layer that knows all three apps.

One call, one transaction; locks in one order: portfolio, then trade, then goals.
"""

from trades.services.closing import ClosedTrade, close_trade
from trades.services.decisions import (
    NextTrade,
    StrategyChoice,
    plan_next_trade,
    select_strategy,
    size_for_goal,
    size_for_portfolio,
)
from trades.services.opening import open_trade, record_closed_trade

__all__ = [
    "ClosedTrade",
    "NextTrade",
    "StrategyChoice",
    "close_trade",
    "open_trade",
    "plan_next_trade",
    "record_closed_trade",
    "select_strategy",
    "size_for_goal",
    "size_for_portfolio",
]
