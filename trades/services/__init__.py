"""Trades and the decisions before them: the one layer that knows all three apps.

One call, one transaction; locks in one order: portfolio, then trade, then goals.
"""

from trades.services.adding import add_to_trade
from trades.services.closing import ClosedTrade, close_trade
from trades.services.decisions import (
    NextTrade,
    StrategyChoice,
    plan_next_trade,
    select_strategy,
    size_for_goal,
    size_for_portfolio,
)
from trades.services.marking import Mark, Marked, mark_positions
from trades.services.opening import open_trade, record_closed_trade
from trades.services.voiding import void_trade

__all__ = [
    "ClosedTrade",
    "Mark",
    "Marked",
    "NextTrade",
    "StrategyChoice",
    "add_to_trade",
    "close_trade",
    "mark_positions",
    "open_trade",
    "plan_next_trade",
    "record_closed_trade",
    "select_strategy",
    "size_for_goal",
    "size_for_portfolio",
    "void_trade",
]
