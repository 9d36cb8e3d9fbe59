"""The operator's view of users, portfolios, goals and their logs."""

from goals.admin import alerts, channels, goals, ledger, portfolios, users

__all__ = ["alerts", "channels", "goals", "ledger", "portfolios", "users"]
