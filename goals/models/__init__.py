"""The tables of users, portfolios, goals and their logs."""

from goals.models.goals import FinancialGoal
from goals.models.logs import GoalAdjustmentLog, GoalProgressHistory
from goals.models.portfolios import CashFlow, LedgerEntry, Portfolio
from goals.models.users import User

__all__ = [
    "CashFlow",
    "FinancialGoal",
    "GoalAdjustmentLog",
    "GoalProgressHistory",
    "LedgerEntry",
    "Portfolio",
    "User",
]
