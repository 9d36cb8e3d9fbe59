"""Trading is halted where a portfolio falls to a limit, and resumed by a person."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from goals.decisions.guards.drawdown import DailyLossUnknown
from goals.enums import HaltCause, TradingState, Verdict
from goals.models import GoalAdjustmentLog, LedgerDay, Portfolio, TradingHalt
from goals.services.decision_log import decide_again
from goals.services.portfolios import update_portfolio
from goals.services.resuming import halt_trading, resume_trading
from goals.tests.factories import GoalFactory, PortfolioFactory
from mastertrade.values.exceptions import NotFound, TradingHalted, TradingNotHalted
from trades.booking.mark import Mark, mark_positions
from trades.booking.open import open_trade, record_closed_trade
from trades.booking.reconcile import find_drift, mend_drift
from trades.sizing_calls.decide import size_for_portfolio
from trades.tests.factories import ENTRY, TradeFactory, book_profit

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def portfolio():
    return GoalFactory(portfolio=PortfolioFactory()).portfolio


def lose(portfolio, amount, at=ENTRY):
    return book_profit(Portfolio.objects.get(pk=portfolio.pk), Decimal(-amount), at=at)


def size(portfolio, now, **fields):
    row, _ = size_for_portfolio(
        user=portfolio.user,
        portfolio=portfolio.pk,
        now=now,
        base_size=Decimal(100),
        **fields,
    )
    return row


def resume(portfolio, now, **fields):
    return resume_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, now=now, **fields
    )


def order(portfolio, now, **fields):
    return open_trade(
        user=portfolio.user,
        portfolio=portfolio.pk,
        now=now,
        strategy_id=portfolio.trades.first().strategy_id,
        symbol="BTCUSDT",
        side="LONG",
        quantity=Decimal("0.001"),
        entry_price=Decimal(50000),
        **fields,
    )[0]


@pytest.mark.parametrize(
    ("loss", "state"), [("199.99999", "active"), ("200", "halted"), ("300", "halted")]
)
def test_a_close_that_reaches_the_hard_limit_halts(portfolio, loss, state):
    book_profit(portfolio, -Decimal(loss))
    assert Portfolio.objects.get(pk=portfolio.pk).trading_state == state
    assert TradingHalt.objects.count() == (state == "halted")


def test_a_halted_portfolio_sizes_nothing_and_says_why(portfolio):
    lose(portfolio, 200)
    row = size(portfolio, ENTRY + HOUR)
    assert (row.verdict, row.adjusted_size) == (Verdict.BLOCK, 0)
    guard = row.answer["guards"][1]
    assert guard["name"] == "drawdown"
    assert "reached hard_drawdown_pct 20 %" in guard["reason"]
    again = decide_again(GoalAdjustmentLog.objects.get(pk=row.pk))
    assert (again.verdict, again.reason) == (row.verdict, row.reason)


def test_after_a_resume_the_fall_is_measured_from_there(portfolio):
    lose(portfolio, 200)
    resumed = resume(portfolio, ENTRY + HOUR, reason="looked at it")
    assert resumed.trading_state == TradingState.ACTIVE
    assert size(portfolio, ENTRY + HOUR).verdict != Verdict.BLOCK
    lose(portfolio, 150, at=ENTRY + 2 * HOUR)
    assert TradingHalt.objects.count() == 1
    lose(portfolio, 10, at=ENTRY + 3 * HOUR)  # 640 is 20 % below 800
    assert TradingHalt.objects.count() == 2
    first, second = TradingHalt.objects.order_by("pk")
    assert (first.resumed_by, first.resume_reason) == (
        portfolio.user_id,
        "looked at it",
    )
    assert first.resumed_unit_value == Decimal("0.8")
    assert second.resumed_at is None


def test_a_rise_after_the_resume_is_the_new_reference(portfolio):
    lose(portfolio, 200)
    resume(portfolio, ENTRY + HOUR)
    book_profit(
        Portfolio.objects.get(pk=portfolio.pk), Decimal(100), at=ENTRY + 2 * HOUR
    )
    lose(portfolio, 179, at=ENTRY + 3 * HOUR)  # 721 of 900
    assert TradingHalt.objects.count() == 1
    lose(portfolio, 1, at=ENTRY + 4 * HOUR)
    assert TradingHalt.objects.count() == 2


def test_a_mark_halts(portfolio):
    TradeFactory(portfolio=portfolio, quantity=Decimal("0.02"))
    for seconds in (0, 5):
        mark_positions(
            user=portfolio.user,
            marks=[Mark("BTCUSDT", Decimal(40000))],
            now=ENTRY + HOUR + timedelta(seconds=seconds),
        )
    halt = TradingHalt.objects.get()
    assert halt.cause == HaltCause.HARD_DRAWDOWN
    resume(portfolio, ENTRY + 2 * HOUR)
    assert size(portfolio, ENTRY + 2 * HOUR).verdict != Verdict.BLOCK


def test_a_halted_portfolio_opens_nothing_unless_overridden(portfolio):
    lose(portfolio, 200)
    with pytest.raises(TradingHalted):
        order(portfolio, ENTRY + HOUR)
    trade = order(portfolio, ENTRY + HOUR, override=True)
    assert trade.override_halt_id == TradingHalt.objects.get().pk
    assert order(portfolio, ENTRY + HOUR, is_fill=True).override_halt_id is None


def test_an_override_without_a_halt_is_not_kept(portfolio):
    lose(portfolio, 10)
    assert order(portfolio, ENTRY + HOUR, override=True).override_halt_id is None


def test_what_is_over_is_booked_while_halted(portfolio):
    lose(portfolio, 200)
    record_closed_trade(
        user=portfolio.user,
        portfolio=portfolio.pk,
        now=ENTRY + HOUR,
        strategy_id=portfolio.trades.first().strategy_id,
        symbol="BTCUSDT",
        side="LONG",
        quantity=Decimal("0.001"),
        entry_price=Decimal(50000),
        exit_price=Decimal(49000),
    )
    assert portfolio.trades.count() == 2


def test_a_past_decision_sees_what_was_in_force_then(portfolio):
    lose(portfolio, 200)
    resume(portfolio, ENTRY + 2 * HOUR)
    now = ENTRY + 3 * HOUR
    assert size(portfolio, now, as_of=ENTRY - HOUR).verdict != Verdict.BLOCK
    assert size(portfolio, now, as_of=ENTRY + HOUR).verdict == Verdict.BLOCK
    assert size(portfolio, now).verdict != Verdict.BLOCK


def test_a_person_halts_and_resumes(portfolio):
    of = {"user": portfolio.user, "portfolio_id": portfolio.pk}
    for _ in range(2):
        halt_trading(**of, reason="on holiday", now=ENTRY)
    halt = TradingHalt.objects.get()
    assert (halt.cause, halt.halted_by, halt.reason) == (
        HaltCause.PERSON,
        portfolio.user_id,
        "on holiday",
    )
    assert size(portfolio, ENTRY).verdict == Verdict.BLOCK
    resume(portfolio, ENTRY + HOUR)
    with pytest.raises(TradingNotHalted):
        resume(portfolio, ENTRY + HOUR)


def test_anothers_portfolio_is_not_found(portfolio):
    other = PortfolioFactory()
    with pytest.raises(NotFound):
        resume_trading(user=other.user, portfolio_id=portfolio.pk, now=ENTRY)


def daily(portfolio, limit, zone="UTC"):
    Portfolio.objects.filter(pk=portfolio.pk).update(
        daily_loss_limit_pct=Decimal(limit), time_zone=zone
    )
    portfolio.refresh_from_db()


@pytest.mark.parametrize(
    ("zone", "at", "until"),
    [
        ("UTC", "2026-03-10T12:00+00:00", "2026-03-11T00:00+00:00"),
        # The clocks go forward on the 29th in Vienna, on the 8th in New York.
        ("Europe/Vienna", "2026-03-28T23:30+00:00", "2026-03-29T22:00+00:00"),
        ("America/New_York", "2026-03-08T04:59+00:00", "2026-03-08T05:00+00:00"),
        ("America/New_York", "2026-03-08T05:00+00:00", "2026-03-09T04:00+00:00"),
    ],
)
def test_a_days_loss_halts_until_the_next_local_midnight(portfolio, zone, at, until):
    daily(portfolio, 3, zone)
    at, until = datetime.fromisoformat(at), datetime.fromisoformat(until)
    lose(portfolio, 30, at=at)
    halt = TradingHalt.objects.get()
    assert (halt.cause, halt.halted_until) == (HaltCause.DAILY_LOSS, until)
    just_before = until - timedelta(microseconds=1)
    assert size(portfolio, just_before).verdict == Verdict.BLOCK
    assert size(portfolio, until).verdict != Verdict.BLOCK
    portfolio.refresh_from_db()
    assert portfolio.trading_state == TradingState.ACTIVE


def test_a_resumed_day_is_not_halted_again_for_the_same_loss(portfolio):
    daily(portfolio, 3)
    lose(portfolio, 30)
    resume(portfolio, ENTRY + HOUR)
    assert size(portfolio, ENTRY + HOUR).verdict != Verdict.BLOCK
    lose(portfolio, 30, at=ENTRY + 2 * HOUR)
    assert TradingHalt.objects.count() == 2


def test_a_resumed_day_is_measured_from_where_trading_was_resumed(portfolio):
    daily(portfolio, 5)
    trade = TradeFactory(portfolio=portfolio, entry_time=ENTRY, now=ENTRY)

    def mark(price, hours):
        for seconds in (5, 0):
            at = ENTRY + hours * HOUR - timedelta(seconds=seconds)
            mark_positions(
                user=portfolio.user, marks=[Mark("BTCUSDT", Decimal(price), at)], now=at
            )

    assert trade.quantity == Decimal("0.02")
    mark(47500, 1)  # 950, 5 % below midnight
    assert size(portfolio, ENTRY + HOUR).verdict == Verdict.BLOCK
    mark(52500, 2)  # 1050, where a person goes on
    resume(portfolio, ENTRY + 2 * HOUR)
    mark(50500, 3)  # 1010, 3.8 % below that
    assert size(portfolio, ENTRY + 3 * HOUR).verdict != Verdict.BLOCK
    mark(48000, 4)  # 960, 8.6 % below that, 4 % below midnight
    assert size(portfolio, ENTRY + 4 * HOUR).verdict == Verdict.BLOCK
    assert TradingHalt.objects.count() == 2


def test_a_day_that_was_halted_twice_is_resumed_all_the_same(portfolio):
    """By a person the day before, and by the loss of a trade opened all the same."""
    daily(portfolio, 3)
    halt_trading(
        user=portfolio.user, portfolio_id=portfolio.pk, reason="gone", now=ENTRY
    )
    next_day = ENTRY + 24 * HOUR
    book_profit(
        Portfolio.objects.get(pk=portfolio.pk), Decimal(-60), at=next_day, override=True
    )
    causes = set(TradingHalt.objects.values_list("cause", flat=True))
    assert causes == {"person", "daily_loss"}
    resume(portfolio, next_day + HOUR)
    assert size(portfolio, next_day + 2 * HOUR).verdict != Verdict.BLOCK
    assert TradingHalt.objects.count() == 2


def test_a_midnight_that_cannot_be_read_is_an_error(portfolio):
    lose(portfolio, 1)
    daily(portfolio, 3)
    LedgerDay.objects.all().delete()
    with pytest.raises(DailyLossUnknown):
        size(portfolio, ENTRY + HOUR)
    assert not GoalAdjustmentLog.objects.exists()


def test_a_limit_that_is_lowered_below_the_fall_halts_at_once(portfolio):
    lose(portfolio, 150)
    update_portfolio(
        portfolio_id=portfolio.pk,
        user=portfolio.user,
        now=ENTRY + HOUR,
        hard_drawdown_pct=Decimal(15),
    )
    assert TradingHalt.objects.count() == 1


@pytest.mark.parametrize("cause", ["hard_drawdown", "daily_loss"])
def test_the_database_holds_one_halt_in_force(portfolio, cause):
    if cause == "daily_loss":
        daily(portfolio, 3)
    lose(portfolio, 200 if cause == "hard_drawdown" else 30)
    again = TradingHalt.objects.get(cause=cause)
    again.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        again.save(force_insert=True)


@pytest.mark.parametrize("cause", ["person", "hard_drawdown", "daily_loss"])
def test_whoever_waited_for_the_lock_respects_a_halt_that_began_later(portfolio, cause):
    """Its clock was read before: the halt begins a second after its now."""
    before, after = ENTRY + HOUR, ENTRY + HOUR + timedelta(seconds=1)
    of = {"user": portfolio.user, "portfolio_id": portfolio.pk}
    lose(portfolio, 10)
    if cause == "person":
        halt_trading(**of, reason="a look", now=after)
    else:
        limit = {"daily_loss_limit_pct": Decimal(5)} if cause == "daily_loss" else {}
        update_portfolio(**of, now=before, **limit)
        lose(portfolio, 100 if limit else 300, at=after)
    assert size(portfolio, before).verdict == Verdict.BLOCK
    with pytest.raises(TradingHalted):
        order(portfolio, before)
    halt_trading(**of, reason="another", now=before)
    with pytest.raises(TradingHalted):
        order(portfolio, after + HOUR)
    portfolio.refresh_from_db()
    assert portfolio.trading_state == TradingState.HALTED
    assert list(find_drift([portfolio.pk])) == []
    resume(portfolio, before)
    assert not TradingHalt.objects.filter(resumed_at=None).exists()
    assert size(portfolio, after + HOUR).verdict != Verdict.BLOCK


def test_a_halt_that_the_state_lost_is_drift_and_is_mended(portfolio):
    lose(portfolio, 300)
    Portfolio.objects.update(trading_state=TradingState.ACTIVE)
    assert [drift.figure for drift in find_drift([portfolio.pk])] == ["trading_state"]
    mend_drift(portfolio.pk, ENTRY + HOUR)
    assert list(find_drift([portfolio.pk])) == []
    portfolio.refresh_from_db()
    assert portfolio.trading_state == TradingState.HALTED
