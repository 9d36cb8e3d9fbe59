"""The tables of users, portfolios, goals and their logs."""

from goals.models.alerts import AlertChannel, AlertDelivery, GoalAlert
from goals.models.forecasts import GoalForecast
from goals.models.goals import FinancialGoal
from goals.models.halts import TradingHalt
from goals.models.invitations import Invitation
from goals.models.ledger import (
    CarriedProfit,
    CashFlow,
    LedgerChange,
    LedgerDay,
    LedgerEntry,
    TradeEntry,
)
from goals.models.limits import LimitChange, LimitMark
from goals.models.logs import GoalAdjustmentLog, GoalProgressHistory
from goals.models.policy_tables import PolicyTable
from goals.models.portfolios import Portfolio
from goals.models.sign_ins import ApiToken, KnownAddress, SignInCount
from goals.models.users import User

__all__ = [
    "AlertChannel",
    "AlertDelivery",
    "ApiToken",
    "CarriedProfit",
    "CashFlow",
    "FinancialGoal",
    "GoalAdjustmentLog",
    "GoalAlert",
    "GoalForecast",
    "GoalProgressHistory",
    "Invitation",
    "KnownAddress",
    "LedgerChange",
    "LedgerDay",
    "LedgerEntry",
    "LimitChange",
    "LimitMark",
    "PolicyTable",
    "Portfolio",
    "SignInCount",
    "TradeEntry",
    "TradingHalt",
    "User",
]
