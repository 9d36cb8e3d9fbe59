"""What the drawdown guard looks at: the fall, the day's loss, and halts in force.

Nothing is written here. The reference peak follows from the ledger and from the last
resume: nothing of it is kept.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db.models import Max, OuterRef, Subquery

from goals.decisions.accounting import (
    Account,
    measure_drawdown_pct,
    measure_live_unit_value,
    open_account,
)
from goals.decisions.guards.base import RiskState
from goals.decisions.periods import local_day, local_midnight
from goals.decisions.progress import PortfolioFigures
from goals.enums import EdgeGuard, EntryKind, HaltCause, TradingState
from goals.models import LedgerDay, LedgerEntry, Portfolio, TradingHalt
from goals.services.days import (
    account_at,
    account_at_midnight,
    last_day_before,
    newest_days,
    roll_ledger,
)
from mastertrade.values.money import ONE, ZERO

LARGEST_FALL_PCT = Decimal(100)
ONE_DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class FiguresAt:
    """The portfolio's figures at a time; without marks they are the realised ones.

    `days` are the newest of the ledger then, where they had to be read.
    """

    portfolio: Portfolio
    at: datetime
    account: Account
    unrealized_pnl: Decimal
    is_marked: bool
    days: list[LedgerDay] | None = None

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

    @property
    def lowest_unit_value(self) -> Decimal:
        """The worse of the realised and the live unit value."""
        return min(self.account.unit_value, self.live_unit_value)


def read_conditions(figures: FiguresAt, now: datetime) -> RiskState:
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
    return RiskState(
        drawdown_pct=read_drawdown_pct(figures, portfolio.soft_drawdown_pct),
        soft_drawdown_pct=portfolio.soft_drawdown_pct,
        hard_drawdown_pct=portfolio.hard_drawdown_pct,
        record=None,
        edge_guard=EdgeGuard(portfolio.edge_guard),
        halt=None if halt is None else halt.value,
        daily_loss_pct=read_daily_loss_pct(figures),
        daily_loss_limit_pct=portfolio.daily_loss_limit_pct,
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
        days = newest_days(portfolio, local_day(at, portfolio.time_zone))
        account = account_at(portfolio, at, days)
        return FiguresAt(portfolio, at, account, ZERO, is_marked=False, days=days)
    if marked is not None and marked > at:
        return FiguresAt(portfolio, at, portfolio.account, ZERO, is_marked=False)
    unrealized = portfolio.unrealized_pnl
    return FiguresAt(portfolio, at, portfolio.account, unrealized, is_marked=True)


def read_drawdown_pct(figures: FiguresAt, matters_from_pct: Decimal) -> Decimal:
    """The fall below the guard's reference peak, the worse of realised and live.

    The reference never lies above the peak of all times: where the fall below that is
    less than what matters, it is returned as it is, and nothing needs to be read.
    Units that are worth nothing at the marks fell by all, whatever a resume began at.
    """
    lowest = figures.lowest_unit_value
    if lowest == 0 and not figures.account.is_ruined:
        return LARGEST_FALL_PCT
    overall = measure_drawdown_pct(lowest, figures.account.peak_unit_value)
    if overall < matters_from_pct:
        return overall
    return measure_drawdown_pct(lowest, read_reference_peak(figures))


# A cash flow moves no unit value, so it is no new height.
FIRST_CLOSE_SINCE = Subquery(
    LedgerEntry.objects.filter(
        portfolio=OuterRef("portfolio"),
        kind=EntryKind.TRADE,
        effective_at__gt=OuterRef("resumed_at"),
    )
    .order_by("effective_at")
    .values("effective_at")[:1]
)


def read_reference_peak(figures: FiguresAt) -> Decimal:
    """The highest unit value, since the last resume after a hard drawdown if any.

    A resume begins anew at what a unit was worth then. A run of units that began since
    has a peak of its own.
    """
    resumed: Any = (
        TradingHalt.objects.filter(
            portfolio=figures.portfolio,
            cause=HaltCause.HARD_DRAWDOWN,
            resumed_at__lte=figures.at,
            resumed_unit_run=figures.account.run,
        )
        .annotate(closed_at=FIRST_CLOSE_SINCE)
        .order_by("-resumed_at", "-halt_id")
        .first()
    )
    if resumed is None:
        return figures.account.peak_unit_value
    since = ZERO
    if resumed.closed_at is not None and resumed.closed_at <= figures.at:
        since = _highest_from(figures, resumed.closed_at)
    return max(resumed.resumed_unit_value or ZERO, since)


def _highest_from(figures: FiguresAt, since: datetime) -> Decimal:
    """The highest unit value after any entry of `since` or later, up to the figures."""
    portfolio = figures.portfolio
    newest = portfolio.last_entry_at
    first = local_day(since, portfolio.time_zone)
    last = local_day(figures.at, portfolio.time_zone)
    whole = LedgerDay.objects.filter(
        portfolio=portfolio, day__gt=first, day__lte=last, last_entry_at__lte=figures.at
    ).aggregate(highest=Max("high_unit_value"))["highest"]
    parts = {first} if newest is None or newest <= figures.at else {first, last}
    highest = [_highest_of(figures, day, since) for day in parts]
    return max([whole or ZERO, *highest])


def _highest_of(figures: FiguresAt, day: date, since: datetime) -> Decimal:
    """The same of one local day, entry by entry."""
    portfolio = figures.portfolio
    kept = last_day_before(portfolio, day)
    account = open_account(portfolio.opening_balance) if kept is None else kept.account
    until_at = local_midnight(day + ONE_DAY, portfolio.time_zone)
    entries = roll_ledger(
        portfolio,
        account,
        from_at=local_midnight(day, portfolio.time_zone),
        until_at=min(until_at, figures.at + MICROSECOND),
        each_entry=True,
    )
    later = [one.unit_value for one in entries if one.last_entry_at >= since]
    return max(later, default=ZERO)


def read_daily_loss_pct(figures: FiguresAt) -> Decimal | None:
    """The fall of the live unit value since local midnight, in percent.

    Since the last resume after a daily loss, if that was today. None without a limit,
    and where the figures at midnight cannot be read.
    """
    portfolio = figures.portfolio
    limit = portfolio.daily_loss_limit_pct
    if limit is None:
        return None
    day = local_day(figures.at, portfolio.time_zone)
    began = _read_midnight(figures, day)
    if began is None:
        return None
    reference = began.unit_value
    if figures.is_marked:
        unrealized = portfolio.unrealized_at_midnight(day)
        reference = measure_live_unit_value(began, unrealized)
    if began.run != figures.account.run:
        reference = ONE  # what a new run of units begins with
    midnight = local_midnight(day, portfolio.time_zone)
    if portfolio.last_halted_at is not None and portfolio.last_halted_at >= midnight:
        reference = _resumed_today(figures, midnight) or reference
    return measure_drawdown_pct(figures.live_unit_value, reference)


def _read_midnight(figures: FiguresAt, day: date) -> Account | None:
    """The figures when the local day began; None where days that must be are not."""
    portfolio = figures.portfolio
    days = newest_days(portfolio, day) if figures.days is None else figures.days
    last_entry_at = portfolio.last_entry_at
    is_newest = last_entry_at is not None and last_entry_at <= figures.at
    if is_newest and (not days or days[0].last_entry_at != last_entry_at):
        return None
    return account_at_midnight(portfolio, day, days)


def _resumed_today(figures: FiguresAt, midnight: datetime) -> Decimal | None:
    """What a unit was worth when trading was resumed after a loss of this day."""
    return (
        TradingHalt.objects.filter(
            portfolio=figures.portfolio,
            cause=HaltCause.DAILY_LOSS,
            resumed_at__gte=midnight,
            resumed_at__lte=figures.at,
            resumed_unit_run=figures.account.run,
        )
        .order_by("-resumed_at", "-halt_id")
        .values_list("resumed_unit_value", flat=True)
        .first()
    )
