"""The operator's view of users, portfolios, goals and their logs."""

from goals.admin.alerts import GoalAlertAdmin
from goals.admin.channels import AlertChannelAdmin, AlertDeliveryAdmin
from goals.admin.goals import FinancialGoalAdmin
from goals.admin.halts import TradingHaltAdmin
from goals.admin.ledger import (
    CashFlowAdmin,
    LedgerChangeAdmin,
    LedgerDayAdmin,
    LedgerEntryAdmin,
)
from goals.admin.logs import GoalAdjustmentLogAdmin, GoalProgressHistoryAdmin
from goals.admin.portfolios import PortfolioAdmin
from goals.admin.users import TokenAdmin, UserAdmin

__all__ = [
    "AlertChannelAdmin",
    "AlertDeliveryAdmin",
    "CashFlowAdmin",
    "FinancialGoalAdmin",
    "GoalAdjustmentLogAdmin",
    "GoalAlertAdmin",
    "GoalProgressHistoryAdmin",
    "LedgerChangeAdmin",
    "LedgerDayAdmin",
    "LedgerEntryAdmin",
    "PortfolioAdmin",
    "TokenAdmin",
    "TradingHaltAdmin",
    "UserAdmin",
]
