"""A halt that only a mark causes waits for a second mark, or for a minute."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.enums import HaltCause, MarkRole, TradingState, Verdict
from goals.models import LimitMark, Portfolio, TradingHalt
from goals.services.portfolios import update_portfolio
from goals.tests.factories import GoalFactory, PortfolioFactory
from mastertrade.values.exceptions import TradingHalted
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.open import open_trade
from trades.models import Trade
from trades.sizing_calls.decide import size_for_portfolio
from trades.tests.factories import ENTRY, TradeFactory
from trades.tests.races import fresh, run_at_once

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
FIRST = ENTRY + timedelta(hours=1)
BELOW, ABOVE = Decimal(39000), Decimal(45000)  # the floor of 800 is at 40000


@pytest.fixture
def trade() -> Trade:
    """0.02 BTCUSDT for 1000, all that a portfolio with a goal has."""
    return TradeFactory(portfolio=GoalFactory().portfolio, now=ENTRY)


def mark(
    trade: Trade, price: Decimal, now: datetime, at: datetime | None = None
) -> None:
    marks = [Mark(trade.symbol, price, at)]
    mark_positions(user=trade.user, marks=marks, now=now)


def size(trade: Trade, now: datetime, **asked: Any) -> Any:
    asked = {"base_size": Decimal(100), "portfolio": trade.portfolio_id, **asked}
    row, _ = size_for_portfolio(user=trade.user, now=now, **asked)
    return row


def order(trade: Trade, now: datetime, **more: Any) -> Trade:
    opened, _ = open_trade(
        user=trade.user,
        portfolio=trade.portfolio_id,
        now=now,
        strategy_id=trade.strategy_id,
        symbol="ETHUSDT",
        side="LONG",
        quantity=Decimal(1),
        entry_price=Decimal(10),
        **more,
    )
    return opened


def halts() -> list[datetime]:
    return [halt.halted_at for halt in TradingHalt.objects.filter(withdrawn_at=None)]


def stored() -> list[datetime]:
    marks = LimitMark.objects.filter(role=MarkRole.BREACH)
    return list(marks.order_by("at").values_list("at", flat=True))


def test_one_bad_tick_halts_nothing(trade: Trade) -> None:
    mark(trade, BELOW, FIRST)
    assert fresh(trade.portfolio).suspected_at == FIRST
    mark(trade, ABOVE, FIRST + 59 * SECOND)
    portfolio = fresh(trade.portfolio)
    assert (halts(), portfolio.suspected_at) == ([], None)
    assert portfolio.trading_state == TradingState.ACTIVE
    assert size(trade, FIRST + 120 * SECOND).verdict != Verdict.BLOCK
    assert stored() == []


def test_from_the_first_mark_on_nothing_is_sized_or_entered(trade: Trade) -> None:
    mark(trade, BELOW, FIRST)
    row = size(trade, FIRST + SECOND)
    assert row.verdict == Verdict.BLOCK
    for words in ("one mark shows it", "5 seconds", "exits, stops and imports go on"):
        assert words in row.reason
    with pytest.raises(TradingHalted, match="one mark shows it"):
        order(trade, FIRST + SECOND)
    close_trade(
        user=trade.user,
        trade_id=trade.pk,
        exit_price=ABOVE,
        exit_time=FIRST + 2 * SECOND,
        now=FIRST + 2 * SECOND,
    )
    assert (halts(), fresh(trade.portfolio).suspected_at) == ([], None)


@pytest.mark.parametrize(
    ("seconds", "halted"), [(0, []), ("4.9", []), (5, [5]), (59, [59]), (600, [60])]
)
def test_a_second_mark_five_seconds_later_halts(
    trade: Trade, seconds: Any, halted: list[int]
) -> None:
    mark(trade, BELOW, FIRST)
    second = FIRST + timedelta(seconds=float(seconds))
    mark(trade, BELOW, second)
    assert halts() == [FIRST + SECOND * one for one in halted]
    assert stored() == [FIRST, second] if seconds in (5, 59) else [FIRST]
    [(key, open_pnl)] = LimitMark.objects.earliest("at").by_trade.items()
    assert (int(key), Decimal(open_pnl)) == (trade.pk, -220)


@pytest.mark.parametrize("price", [BELOW, ABOVE])
@pytest.mark.parametrize("look", [size, order, mark])
def test_after_a_minute_whoever_looks_first_halts(
    trade: Trade, look: Any, price: Decimal
) -> None:
    """Refused or not, and though the mark that comes then is a better one."""
    mark(trade, BELOW, FIRST)
    now = FIRST + 60 * SECOND
    if look is mark:
        mark(trade, price, now)
    elif look is order:
        with pytest.raises(TradingHalted, match="is halted since"):
            order(trade, now)
    else:
        assert size(trade, now).verdict == Verdict.BLOCK
    assert halts() == [now]
    assert fresh(trade.portfolio).suspected_at is None
    halt = TradingHalt.objects.get()
    assert (halt.cause, halt.halted_until) == (HaltCause.HARD_DRAWDOWN, None)


def test_marks_of_the_past_are_spaced_by_their_own_times(trade: Trade) -> None:
    mark(trade, BELOW, FIRST, at=FIRST - 900 * SECOND)
    assert halts() == []
    mark(trade, BELOW, FIRST, at=FIRST - 896 * SECOND)
    assert halts() == []
    mark(trade, BELOW, FIRST, at=FIRST - 895 * SECOND)
    assert halts() == [FIRST - 895 * SECOND]


def test_a_late_mark_waits_a_minute_from_when_it_came(trade: Trade) -> None:
    mark(trade, BELOW, FIRST, at=FIRST - 900 * SECOND)
    size(trade, FIRST + 59 * SECOND)
    assert halts() == []
    size(trade, FIRST + 60 * SECOND)
    assert halts() == [FIRST - 840 * SECOND]


def test_two_marks_of_one_request_are_one_valuation(trade: Trade) -> None:
    marks = [
        Mark(trade.symbol, BELOW, FIRST - 10 * SECOND),
        Mark(trade.symbol, BELOW, FIRST),
    ]
    mark_positions(user=trade.user, marks=marks, now=FIRST)
    assert (halts(), stored()) == ([], [FIRST])


def test_each_of_several_portfolios_waits_for_itself(trade: Trade) -> None:
    other = PortfolioFactory(user=trade.user, opening_balance=Decimal(100_000))
    TradeFactory(portfolio=other, now=ENTRY)
    mark(trade, BELOW, FIRST)
    mark(trade, BELOW, FIRST + 5 * SECOND)
    assert halts() == [FIRST + 5 * SECOND]
    states = Portfolio.objects.filter(pk__in=[other.pk, trade.portfolio_id])
    assert dict(states.values_list("pk", "trading_state")) == {
        other.pk: "active",
        trade.portfolio_id: "halted",
    }


def test_a_close_needs_no_second(trade: Trade) -> None:
    mark(trade, BELOW, FIRST)
    close_trade(
        user=trade.user,
        trade_id=trade.pk,
        exit_price=BELOW,
        exit_time=FIRST + SECOND,
        now=FIRST + SECOND,
    )
    assert halts() == [FIRST + SECOND]
    assert fresh(trade.portfolio).suspected_at is None


def test_a_daily_loss_by_marks_waits_too(trade: Trade) -> None:
    Portfolio.objects.update(daily_loss_limit_pct=Decimal(5))
    mark(trade, Decimal(47000), FIRST)
    assert halts() == []
    assert size(trade, FIRST).verdict == Verdict.BLOCK
    mark(trade, Decimal(47000), FIRST + 5 * SECOND)
    halt = TradingHalt.objects.get()
    assert (halt.cause, halt.halted_at) == (
        HaltCause.DAILY_LOSS,
        FIRST + 5 * SECOND,
    )
    assert halt.halted_until is not None


def test_a_day_that_ends_before_the_minute_does_is_not_halted(trade: Trade) -> None:
    Portfolio.objects.update(daily_loss_limit_pct=Decimal(5))
    midnight = datetime(2026, 3, 3, tzinfo=FIRST.tzinfo)
    mark(trade, Decimal(47000), midnight - SECOND)
    size(trade, midnight + 60 * SECOND)
    assert (halts(), fresh(trade.portfolio).suspected_at) == ([], None)


def test_a_limit_tightened_to_a_mark_that_has_stood_halts_at_once(trade: Trade) -> None:
    mark(trade, ABOVE, FIRST)  # 10 % below
    now = FIRST + 61 * SECOND
    update_portfolio(
        user=trade.user,
        portfolio_id=trade.portfolio_id,
        now=now,
        hard_drawdown_pct=Decimal(10),
    )
    assert halts() == [now]


def test_an_override_of_a_waiting_mark_is_logged(trade: Trade) -> None:
    mark(trade, BELOW, FIRST)
    opened = order(trade, FIRST + SECOND, override=True)
    halt = TradingHalt.objects.get()
    assert opened.override_halt_id == halt.pk
    assert trade.user.username in halt.withdrawn_reason
    assert "one mark shows it" in halt.reason
    assert fresh(trade.portfolio).trading_state == TradingState.ACTIVE
    mark(trade, BELOW, FIRST + 5 * SECOND)  # and the halt that comes is another
    assert halts() == [FIRST + 5 * SECOND]


def test_a_past_question_needs_no_second(trade: Trade) -> None:
    mark(trade, BELOW, FIRST)
    row = size(trade, FIRST + 2 * SECOND, as_of=FIRST + SECOND)
    assert row.verdict == Verdict.BLOCK
    assert halts() == []


@pytest.mark.django_db(transaction=True)
def test_two_second_marks_at_once_leave_one_halt() -> None:
    trade = TradeFactory(portfolio=GoalFactory().portfolio, now=ENTRY)
    mark(trade, BELOW, FIRST)
    second = FIRST + 5 * SECOND
    run_at_once(*[lambda: mark(trade, BELOW, second) for _ in range(2)])
    assert halts() == [second]
    assert fresh(trade.portfolio).trading_state == TradingState.HALTED
