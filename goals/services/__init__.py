"""What changes portfolios, goals and their logs. One call, one transaction.

Locks are taken in one order everywhere: portfolio, then trade, then goals by key.
"""

from goals.services.booking import book_entry
from goals.services.days import read_ledger_at
from goals.services.decision_log import decide_again, log_decision
from goals.services.goals import cancel_goal, create_goal, update_goal
from goals.services.portfolios import (
    create_portfolio,
    lock_portfolio,
    record_cash_flow,
    update_portfolio,
)
from goals.services.rebuilding import rebuild_ledger
from goals.services.resuming import halt_trading, resume_trading
from goals.services.rollover import roll_goals, roll_portfolios
from goals.services.sizing import (
    load_participants,
    load_sizable_goal,
    standing_of,
)
from goals.services.snapshots import snapshot_goals
from goals.services.voids import void_cash_flow

__all__ = [
    "book_entry",
    "cancel_goal",
    "create_goal",
    "create_portfolio",
    "decide_again",
    "halt_trading",
    "load_participants",
    "load_sizable_goal",
    "lock_portfolio",
    "log_decision",
    "read_ledger_at",
    "rebuild_ledger",
    "record_cash_flow",
    "resume_trading",
    "roll_goals",
    "roll_portfolios",
    "snapshot_goals",
    "standing_of",
    "update_goal",
    "update_portfolio",
    "void_cash_flow",
]
