"""Rules of the day on a real ledger: what counts for which day, and what stops."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.enums import HaltCause, TradingState, Verdict
from goals.models import Portfolio, TradingHalt
from goals.services.day_trades import DayTrades, read_day_trades
from goals.services.decision_log import decide_again
from goals.tests.factories import GoalFactory, PortfolioFactory
from mastertrade.values.exceptions import TradingHalted
from tests.http import count_statements
from trades.booking.close import close_trade
from trades.booking.open import record_closed_trade
from trades.booking.void import void_trade
from trades.models import Trade
from trades.sizing_calls.decide import size_for_portfolio
from trades.tests.factories import ENTRY, TradeFactory, book_profit
from trades.tests.races import fresh, run_at_once

pytestmark = pytest.mark.django_db
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MIDNIGHT = datetime(2026, 3, 3, tzinfo=ENTRY.tzinfo)


def portfolio_with(**limits: Any) -> Portfolio:
    return GoalFactory(portfolio=PortfolioFactory(**limits)).portfolio


def book(portfolio: Portfolio, profit: int, at: datetime, **more: Any) -> Trade:
    return book_profit(fresh(portfolio), Decimal(profit), at=at, **more)


def size(portfolio: Portfolio, now: datetime, **asked: Any) -> Any:
    row, _ = size_for_portfolio(
        user=portfolio.user,
        portfolio=portfolio.pk,
        now=now,
        base_size=Decimal(100),
        **asked,
    )
    return row


def halts() -> list[tuple[str, datetime, datetime | None]]:
    rows = TradingHalt.objects.filter(withdrawn_at=None).order_by("halt_id")
    return list(rows.values_list("cause", "halted_at", "halted_until"))


def test_the_last_trade_of_the_day_halts_when_it_is_entered() -> None:
    portfolio = portfolio_with(max_trades_per_day=2)
    for minutes in (0, 10):
        TradeFactory(
            portfolio=portfolio, entry_time=ENTRY + minutes * MINUTE, now=ENTRY + HOUR
        )
    assert halts() == [(HaltCause.TRADES_PER_DAY, ENTRY + 10 * MINUTE, MIDNIGHT)]
    with pytest.raises(TradingHalted, match="exits, stops and imports go on"):
        TradeFactory(portfolio=portfolio, entry_time=None, now=ENTRY + HOUR)
    row = size(portfolio, ENTRY + HOUR)
    assert row.verdict == Verdict.BLOCK
    assert "2 trades of the day reached max_trades_per_day 2" in row.reason
    assert decide_again(row).reason == row.reason
    assert size(portfolio, MIDNIGHT).verdict != Verdict.BLOCK
    TradeFactory(portfolio=portfolio, entry_time=None, now=MIDNIGHT)


def test_a_trade_of_an_earlier_day_counts_for_that_day() -> None:
    portfolio = portfolio_with(max_trades_per_day=2)
    now = MIDNIGHT + HOUR
    TradeFactory(portfolio=portfolio, entry_time=ENTRY, now=now)
    TradeFactory(portfolio=portfolio, entry_time=ENTRY, now=now)
    TradeFactory(portfolio=portfolio, entry_time=now, now=now)
    assert fresh(portfolio).trading_state == TradingState.ACTIVE
    past = size(portfolio, now, as_of=ENTRY + HOUR)
    assert past.verdict == Verdict.BLOCK
    assert "2 trades of the day" in past.reason
    assert size(portfolio, now, as_of=ENTRY - HOUR).verdict != Verdict.BLOCK


def test_parts_of_a_trade_count_once_with_what_they_made_together() -> None:
    portfolio = portfolio_with(pause_after_losses=1)
    trade = TradeFactory(portfolio=portfolio, now=ENTRY)
    exits = [(Decimal("0.01"), 49000), (None, 52000)]  # -10 and +20
    for minutes, (quantity, price) in enumerate(exits):
        close_trade(
            user=portfolio.user,
            trade_id=trade.pk,
            exit_price=Decimal(price),
            quantity=quantity,
            exit_time=ENTRY + minutes * MINUTE,
            now=ENTRY + minutes * MINUTE,
        )
    assert halts() == []
    day = read_day_trades(
        portfolio, entered_since=ENTRY, ended_since=ENTRY, at=ENTRY + HOUR
    )
    assert day == DayTrades(1, 0, None)


@pytest.mark.parametrize(
    ("profits", "losses"),
    [
        ([-1, -1], 2),
        ([-1, 1, -1], 1),
        ([-1, 0, -1], 1),  # break-even ends a row
        ([1, -1, -1, -1], 3),
        ([-1, -1, 0], 0),
        ([], 0),
    ],
)
def test_losses_in_a_row_are_counted_from_the_newest(
    profits: list[int], losses: int
) -> None:
    portfolio = portfolio_with()
    for minutes, profit in enumerate(profits):
        book(portfolio, profit, ENTRY + minutes * MINUTE)
    day = read_day_trades(
        portfolio, entered_since=ENTRY, ended_since=ENTRY, at=ENTRY + HOUR
    )
    last = ENTRY + (len(profits) - 1) * MINUTE
    assert day == DayTrades(len(profits), losses, last if losses else None)


def test_the_days_trades_are_one_statement_by_indexes() -> None:
    portfolio = portfolio_with()
    with count_statements() as said:
        read_day_trades(portfolio, entered_since=ENTRY, ended_since=ENTRY, at=MIDNIGHT)
    assert len(said) == 1


def test_a_pause_after_losses_ends_by_itself() -> None:
    portfolio = portfolio_with(pause_after_losses=2, pause_minutes=30)
    book(portfolio, -1, ENTRY)
    book(portfolio, -1, ENTRY + MINUTE)
    until = ENTRY + 31 * MINUTE
    assert halts() == [(HaltCause.LOSSES_IN_A_ROW, ENTRY + MINUTE, until)]
    assert size(portfolio, until - MINUTE).verdict == Verdict.BLOCK
    assert size(portfolio, until).verdict != Verdict.BLOCK
    assert fresh(portfolio).trading_state == TradingState.ACTIVE
    book(portfolio, -1, until)  # the third in a row: another pause
    assert halts()[1:] == [
        (HaltCause.LOSSES_IN_A_ROW, until, until + 30 * MINUTE),
    ]


def test_a_loss_in_a_pause_makes_it_last_longer_and_a_win_leaves_it() -> None:
    portfolio = portfolio_with(pause_after_losses=1, pause_minutes=30)
    for minutes, profit in enumerate((-1, -1, 5)):
        book(portfolio, profit, ENTRY + minutes * MINUTE, override=True)
    until = ENTRY + 31 * MINUTE
    assert halts() == [(HaltCause.LOSSES_IN_A_ROW, ENTRY, until)]
    assert size(portfolio, until - MINUTE).verdict == Verdict.BLOCK


def test_without_minutes_losses_pause_until_the_next_day() -> None:
    portfolio = portfolio_with(pause_after_losses=1)
    book(portfolio, -1, ENTRY)
    assert halts() == [(HaltCause.LOSSES_IN_A_ROW, ENTRY, MIDNIGHT)]


def test_a_days_profit_is_locked_though_it_is_given_back() -> None:
    portfolio = portfolio_with(daily_profit_lock_pct=Decimal(3))
    book(portfolio, 30, ENTRY)
    assert halts() == [(HaltCause.PROFIT_LOCK, ENTRY, MIDNIGHT)]
    book(portfolio, -20, ENTRY + HOUR, override=True)
    row = size(portfolio, ENTRY + 2 * HOUR)
    assert row.verdict == Verdict.BLOCK
    assert "daily_profit_lock_pct 3 %" in row.reason
    assert size(portfolio, MIDNIGHT).verdict != Verdict.BLOCK


def test_the_day_begins_at_its_own_hour() -> None:
    portfolio = portfolio_with(
        max_trades_per_day=1, day_starts_at=time(17), time_zone="America/Chicago"
    )
    at = datetime(2026, 3, 9, 21, 59, tzinfo=ENTRY.tzinfo)  # 16:59 daylight time
    TradeFactory(portfolio=portfolio, entry_time=at, now=at)
    assert halts() == [(HaltCause.TRADES_PER_DAY, at, at + MINUTE)]
    TradeFactory(portfolio=portfolio, entry_time=None, now=at + MINUTE)


def test_what_has_happened_is_booked_and_counts() -> None:
    portfolio = portfolio_with(max_trades_per_day=1)
    trade = TradeFactory(portfolio=portfolio, entry_time=ENTRY, now=ENTRY)
    record_closed_trade(
        user=portfolio.user,
        portfolio=portfolio.pk,
        now=ENTRY + HOUR,
        strategy_id=trade.strategy_id,
        symbol="BTCUSDT",
        side="LONG",
        quantity=Decimal("0.001"),
        entry_price=Decimal(50000),
        exit_price=Decimal(49000),
    )
    day = read_day_trades(
        portfolio, entered_since=ENTRY, ended_since=ENTRY, at=MIDNIGHT
    )
    assert day.entered == 2


@pytest.mark.parametrize("is_open", [True, False])
def test_a_void_of_the_trade_that_filled_the_day_withdraws_its_halt(
    is_open: bool,
) -> None:
    portfolio = portfolio_with(max_trades_per_day=1)
    make = TradeFactory if is_open else book_profit
    more = {"entry_time": ENTRY, "now": ENTRY} if is_open else {"profit": 1}
    trade = make(portfolio=fresh(portfolio), **more)
    void_trade(
        user=portfolio.user, trade_id=trade.pk, now=ENTRY + HOUR, reason="a test"
    )
    assert halts() == []
    assert fresh(portfolio).trading_state == TradingState.ACTIVE
    assert "a test" in TradingHalt.objects.get().withdrawn_reason


@pytest.mark.django_db(transaction=True)
def test_two_last_entries_at_once_leave_one_halt_and_refuse_one() -> None:
    portfolio = portfolio_with(max_trades_per_day=1)
    strategy = TradeFactory(
        portfolio=PortfolioFactory(user=portfolio.user), now=ENTRY
    ).strategy_id

    def enter() -> Trade:
        return TradeFactory(
            portfolio=portfolio, strategy_id=strategy, entry_time=None, now=ENTRY
        )

    results = run_at_once(enter, enter)
    assert sorted(type(one).__name__ for one in results) == ["Trade", "TradingHalted"]
    assert [cause for cause, *_ in halts()] == [HaltCause.TRADES_PER_DAY]
