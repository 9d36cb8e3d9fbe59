"""What the guards look at: the floors, the day's loss, and halts in force.

Nothing is written here.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from goals.decisions.accounting import Account, measure_live_unit_value
from goals.decisions.guards.base import RiskState
from goals.decisions.limits import (
    FloorReference,
    Limits,
    measure_daily_loss_pct,
    measure_fall_pct,
)
from goals.decisions.progress import PortfolioFigures
from goals.enums import EdgeGuard, TradingState
from goals.models import Portfolio, TradingHalt
from goals.services.days import account_at, newest_days
from goals.services.floors import ReferenceNow, read_floors, read_past_limits
from mastertrade.values.money import ZERO


@dataclass(frozen=True)
class FiguresAt:
    """The portfolio's figures at a time; without marks they are the realised ones."""

    portfolio: Portfolio
    at: datetime
    account: Account
    unrealized_pnl: Decimal
    is_marked: bool

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

    @cached_property
    def past_limits(self) -> tuple[Limits, FloorReference]:
        """The limits in force at a past time, and what they are measured from."""
        return read_past_limits(self)

    @cached_property
    def references(self) -> dict[tuple[datetime, bool], ReferenceNow]:
        """What `reference_now` found, by its arguments."""
        return {}


def read_risk_state(figures: FiguresAt, now: datetime) -> RiskState:
    """The conditions at the time of the figures, without a record.

    Their portfolio must be locked. They need no statement for one that was never
    halted, is above its soft limit and has no daily limit; with a daily limit at most
    one. Later entries and marks are not seen.
    """
    portfolio = figures.portfolio
    is_active = figures.at >= now and portfolio.trading_state == TradingState.ACTIVE
    halt = None
    if portfolio.last_halted_at is not None and not is_active:
        halts = TradingHalt.objects.filter(portfolio=portfolio)
        is_now = figures.at >= now
        in_force = halts.unresumed(now) if is_now else halts.in_force(figures.at)
        halt = in_force.first()
    state = read_floors(figures, now)
    floors, limits, reference = state.floors, state.limits, state.reference
    lowest = floors.lowest
    daily_loss_pct = None
    if floors.daily is not None and state.day is not None:
        daily_loss_pct = measure_daily_loss_pct(
            limits, state.day, reference.start, floors.live
        )
    return RiskState(
        drawdown_pct=measure_fall_pct(limits, reference, lowest),
        soft_drawdown_pct=limits.soft_drawdown_pct,
        hard_drawdown_pct=limits.hard_drawdown_pct,
        record=None,
        edge_guard=EdgeGuard(portfolio.edge_guard),
        halt=None if halt is None else halt.value,
        daily_loss_pct=daily_loss_pct,
        daily_loss_limit_pct=limits.daily_loss_limit_pct,
        floors=floors,
        day=state.day,
        limits=limits if limits.guards_sizes else None,
        suspected_at=portfolio.suspected_at if figures.at >= now else None,
    )


def find_halt(portfolio: Portfolio, at: datetime) -> TradingHalt | None:
    """The longest halt in force then; no statement for one that was never halted."""
    if portfolio.last_halted_at is None:
        return None
    return TradingHalt.objects.in_force(at).filter(portfolio=portfolio).first()


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
