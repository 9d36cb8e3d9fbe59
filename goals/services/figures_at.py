"""A portfolio's figures now and at any past time."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from goals.decisions.accounting import Account, measure_live_unit_value
from goals.decisions.progress import PortfolioFigures
from goals.models import Portfolio
from goals.services.days import account_at, newest_days
from mastertrade.values.money import ZERO


@dataclass(frozen=True)
class FiguresAt:
    """The portfolio's figures at a time; without marks they are the realised ones.

    `kept`: what else was read of that time, by what was asked.
    """

    portfolio: Portfolio
    at: datetime
    account: Account
    unrealized_pnl: Decimal
    is_marked: bool
    kept: dict[Any, Any] = field(default_factory=dict, compare=False)

    @cached_property
    def portfolio_figures(self) -> PortfolioFigures:
        """What goals are measured by at that time."""
        account = self.account
        live_equity = account.equity + self.unrealized_pnl
        return PortfolioFigures(
            account.unit_value, account.realized_pnl, live_equity, account.run
        )

    @cached_property
    def live_unit_value(self) -> Decimal:
        if not self.is_marked:
            return self.account.unit_value
        return measure_live_unit_value(self.account, self.unrealized_pnl)


def read_figures(portfolio: Portfolio, at: datetime) -> FiguresAt:
    """No entry and no mark later than `at` is in them."""
    newest, marked = portfolio.last_entry_at, portfolio.marked_at
    if newest is not None and newest > at:
        days = newest_days(portfolio, at)
        account = account_at(portfolio, at, days)
        return FiguresAt(portfolio, at, account, ZERO, is_marked=False)
    if marked is not None and marked > at:
        return FiguresAt(portfolio, at, portfolio.account, ZERO, is_marked=False)
    unrealized = portfolio.unrealized_pnl
    return FiguresAt(portfolio, at, portfolio.account, unrealized, is_marked=True)
