"""Rules of the day say the same whenever what they look at is booked."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.enums import HaltCause, TradingState, Verdict
from goals.models import Portfolio, TradingHalt
from goals.services.portfolios import record_cash_flow, update_portfolio
from goals.services.resuming import halt_trading, resume_trading
from goals.tests.factories import GoalFactory, PortfolioFactory
from tests.examples import crossed
from tests.http import count_statements
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.open import record_closed_trade
from trades.booking.reconcile import find_drift, mend_drift
from trades.booking.void import void_trade
from trades.models import Trade
from trades.sizing_calls.decide import size_for_portfolio
from trades.sizing_calls.limits import measure_limits
from trades.tests.factories import ENTRY, TradeFactory, ensure_strategy
from trades.tests.importing.test_importing import bring, csv_of
from trades.tests.races import fresh

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
MIDNIGHT = datetime(2026, 3, 3, tzinfo=ENTRY.tzinfo)
RULES: dict[HaltCause, dict[str, Any]] = {
    HaltCause.PROFIT_LOCK: {"daily_profit_lock_pct": Decimal(3)},
    HaltCause.TRADES_PER_DAY: {"max_trades_per_day": 2},
    HaltCause.LOSSES_IN_A_ROW: {"pause_after_losses": 2},
    HaltCause.DAILY_LOSS: {"daily_loss_limit_pct": Decimal(1)},
}


def portfolio_with(**limits: Any) -> Portfolio:
    made = PortfolioFactory(now=ENTRY - DAY, **limits)
    return GoalFactory(portfolio=made).portfolio


def record(
    portfolio: Portfolio, made: int, at: datetime, now: datetime | None = None
) -> Trade:
    """A trade that was entered a second before it ended, booked at `now`."""
    closed, _ = record_closed_trade(
        user=portfolio.user,
        portfolio=portfolio.pk,
        now=now or at,
        strategy_id=ensure_strategy(portfolio).strategy_id,
        symbol="BTCUSDT",
        side="LONG",
        quantity=Decimal(1),
        entry_price=Decimal(100000),
        entry_time=at - SECOND,
        exit_price=Decimal(100000 + made),
        exit_time=at,
    )
    return closed.trade


def size(portfolio: Portfolio, now: datetime) -> Any:
    row, _ = size_for_portfolio(
        user=portfolio.user, portfolio=portfolio.pk, now=now, base_size=Decimal(100)
    )
    return row


def halts() -> list[tuple[str, datetime, datetime | None]]:
    rows = TradingHalt.objects.filter(withdrawn_at=None).order_by("halted_at", "cause")
    return list(rows.values_list("cause", "halted_at", "halted_until"))


def no_drift(portfolio: Portfolio) -> bool:
    drift = [str(row) for row in find_drift([portfolio.pk])]
    assert drift == []
    return True


def profits(cause: HaltCause) -> tuple[int, int]:
    return (20, 15) if cause == HaltCause.PROFIT_LOCK else (-5, -6)


@crossed(
    "later, cause, backwards",
    [timedelta(0), HOUR, DAY, 3 * DAY],
    RULES,
    [False, True],
)
def test_a_halt_has_the_time_of_its_breach_whenever_that_is_learned(
    cause: HaltCause, later: timedelta, backwards: bool
) -> None:
    portfolio = portfolio_with(**RULES[cause])
    booked = list(zip((ENTRY, ENTRY + 10 * MINUTE), profits(cause), strict=True))
    for at, made in reversed(booked) if backwards else booked:
        now = ENTRY + 10 * MINUTE if not later and backwards else at + later
        record(portfolio, made, at, now)
    at = booked[1][0]
    if cause == HaltCause.TRADES_PER_DAY:
        at -= SECOND
    assert halts() == [(cause, at, MIDNIGHT)]
    is_over = later >= DAY
    state = TradingState.ACTIVE if is_over else TradingState.HALTED
    assert fresh(portfolio).trading_state == state
    assert no_drift(portfolio)


@pytest.mark.parametrize("ends", ["2026-03-02T12:30:00Z", "2026-03-04T12:30:00Z", ""])
def test_imported_entries_halt_the_day_that_they_are_of(ends: str) -> None:
    portfolio = portfolio_with(max_trades_per_day=2)
    price = "51000" if ends else ""
    row = f"BTCUSDT,LONG,0.001,50000,2026-03-02T09:{{}}0:00Z,{price},{ends}"
    lines = [f"{number}," + row.format(number) for number in (0, 1)]
    bring(portfolio, csv_of(*lines), now=ENTRY + 5 * DAY)
    at = ENTRY + 10 * MINUTE
    assert halts() == [(HaltCause.TRADES_PER_DAY, at, MIDNIGHT)]
    assert no_drift(portfolio)


@crossed("cause, later", RULES, [timedelta(0), HOUR, DAY])
def test_a_halt_is_withdrawn_once_its_cause_is_void_though_it_is_over(
    cause: HaltCause, later: timedelta
) -> None:
    portfolio = portfolio_with(**RULES[cause])
    at = ENTRY + 10 * MINUTE
    record(portfolio, profits(cause)[0], ENTRY)
    second = record(portfolio, profits(cause)[1], at)
    void_trade(user=portfolio.user, trade_id=second.pk, reason="a test", now=at + later)
    assert halts() == []
    [halt] = TradingHalt.objects.all()
    assert (halt.cause, halt.withdrawn_at) == (cause, at + later)
    assert "a test" in halt.withdrawn_reason
    assert no_drift(portfolio)


@pytest.mark.parametrize("is_late", [False, True])
def test_a_pause_that_is_learned_after_midnight_still_runs(is_late: bool) -> None:
    portfolio = portfolio_with(pause_after_losses=2, pause_minutes=600)
    now = MIDNIGHT + 5 * MINUTE
    for minutes in (25, 15):
        at = now - minutes * MINUTE
        record(portfolio, -5, at, now if is_late else at)
    until = MIDNIGHT + 590 * MINUTE
    paused = (HaltCause.LOSSES_IN_A_ROW, MIDNIGHT - 10 * MINUTE, until)
    assert halts() == [paused]
    assert size(portfolio, now + MINUTE).verdict == Verdict.BLOCK
    assert size(portfolio, until).verdict != Verdict.BLOCK
    assert no_drift(portfolio)


@pytest.mark.parametrize("later", [0, 10, 60])
def test_a_pause_that_was_over_when_it_was_learned_is_written_and_stops_nothing(
    later: int,
) -> None:
    portfolio = portfolio_with(pause_after_losses=2, pause_minutes=30)
    times = [ENTRY, ENTRY + 10 * MINUTE, ENTRY + 20 * MINUTE]
    for at in times:
        record(portfolio, -5, at, max(at, times[2] + later * MINUTE))
    paused = (HaltCause.LOSSES_IN_A_ROW, times[1], ENTRY + 50 * MINUTE)
    assert halts() == [paused]
    asked = size(portfolio, ENTRY + 51 * MINUTE + later * MINUTE)
    assert asked.verdict != Verdict.BLOCK
    assert no_drift(portfolio)


def test_a_loss_after_midnight_makes_a_pause_longer_and_its_void_shorter() -> None:
    portfolio = portfolio_with(pause_after_losses=1, pause_minutes=600)
    first = MIDNIGHT - 10 * MINUTE
    record(portfolio, -5, first)
    second = record(portfolio, -5, MIDNIGHT + HOUR)
    until = first + 600 * MINUTE
    longer = MIDNIGHT + 11 * HOUR
    assert halts() == [(HaltCause.LOSSES_IN_A_ROW, first, longer)]
    assert no_drift(portfolio)
    now = MIDNIGHT + 2 * HOUR
    void_trade(user=portfolio.user, trade_id=second.pk, reason="a test", now=now)
    assert halts() == [(HaltCause.LOSSES_IN_A_ROW, first, until)]
    record(portfolio, -5, MIDNIGHT + HOUR, now)
    assert halts() == [(HaltCause.LOSSES_IN_A_ROW, first, longer)]
    assert no_drift(portfolio)


def test_a_late_loss_that_joins_two_pauses_leaves_one_until_the_end_of_both() -> None:
    portfolio = portfolio_with(pause_after_losses=1, pause_minutes=30)
    until = ENTRY + 70 * MINUTE
    for minutes in (0, 40):
        record(portfolio, -5, ENTRY + minutes * MINUTE)
    record(portfolio, -5, ENTRY + 25 * MINUTE, ENTRY + 2 * HOUR)
    assert halts() == [(HaltCause.LOSSES_IN_A_ROW, ENTRY, until)]
    assert TradingHalt.objects.filter(withdrawn_at__isnull=False).count() == 1
    assert no_drift(portfolio)


def test_an_entry_before_others_dates_the_halt_anew() -> None:
    portfolio = portfolio_with(max_trades_per_day=2)
    now = ENTRY + HOUR
    for minutes in (0, 20, 10):
        at = ENTRY + minutes * MINUTE
        TradeFactory(portfolio=portfolio, entry_time=at, now=now, override=True)
    at = ENTRY + 10 * MINUTE
    assert halts() == [(HaltCause.TRADES_PER_DAY, at, MIDNIGHT)]
    assert no_drift(portfolio)


def test_a_void_entry_of_a_past_day_withdraws_its_halt_alone() -> None:
    portfolio = portfolio_with(max_trades_per_day=1)
    made = [
        TradeFactory(portfolio=portfolio, entry_time=at, now=at)
        for at in (ENTRY, ENTRY + DAY)
    ]
    now = ENTRY + 2 * DAY
    void_trade(user=portfolio.user, trade_id=made[0].pk, reason="a test", now=now)
    assert halts() == [(HaltCause.TRADES_PER_DAY, ENTRY + DAY, MIDNIGHT + DAY)]
    assert no_drift(portfolio)


def test_an_entry_of_before_the_rule_was_changed_is_judged_by_the_one_of_then() -> None:
    portfolio = portfolio_with(max_trades_per_day=1)
    update_portfolio(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        now=ENTRY + HOUR,
        max_trades_per_day=None,
    )
    now = ENTRY + 2 * HOUR
    TradeFactory(portfolio=fresh(portfolio), entry_time=ENTRY, now=now)
    assert halts() == [(HaltCause.TRADES_PER_DAY, ENTRY, MIDNIGHT)]
    TradeFactory(portfolio=fresh(portfolio), entry_time=now, now=now, override=True)
    assert halts() == [(HaltCause.TRADES_PER_DAY, ENTRY, MIDNIGHT)]
    assert no_drift(portfolio)


def test_what_came_before_a_resume_counts_no_more_however_late_it_comes() -> None:
    portfolio = portfolio_with(max_trades_per_day=2, pause_after_losses=2)
    record(portfolio, -1, ENTRY)
    of = {"user": portfolio.user, "portfolio_id": portfolio.pk}
    halt_trading(**of, reason="lunch", now=ENTRY + HOUR)
    resume_trading(**of, now=ENTRY + HOUR)
    record(portfolio, -1, ENTRY + HOUR + MINUTE)
    assert [cause for cause, *_ in halts()] == [HaltCause.PERSON]
    record(portfolio, -1, ENTRY + HOUR, ENTRY + 2 * HOUR)  # of that instant: before it
    late = ENTRY + HOUR
    assert halts() == [
        (HaltCause.TRADES_PER_DAY, late - SECOND, MIDNIGHT),
        (HaltCause.LOSSES_IN_A_ROW, late, MIDNIGHT),
        (HaltCause.PERSON, late, None),
    ]
    assert fresh(portfolio).trading_state == TradingState.ACTIVE
    assert size(portfolio, ENTRY + 2 * HOUR).verdict != Verdict.BLOCK
    assert no_drift(portfolio)


@pytest.mark.parametrize("closes_at", [None, -1])
@pytest.mark.parametrize("floor_in", ["units", "money"])
def test_a_cash_flow_after_a_resume_is_no_profit_of_the_day(
    floor_in: str, closes_at: int | None
) -> None:
    """The closed value is above the live one that the day is measured from."""
    portfolio = portfolio_with(
        floor_in=floor_in,
        drawdown_mode="static",
        hard_drawdown_pct=Decimal(50),
        daily_profit_lock_pct=Decimal(3),
    )
    held = [
        TradeFactory(
            portfolio=portfolio,
            symbol=symbol,
            quantity=Decimal(1),
            entry_price=Decimal(100000),
            entry_time=ENTRY,
            now=ENTRY,
        )
        for symbol in ("HELD", "OTHER")
    ]
    mark_positions(
        user=portfolio.user,
        marks=[Mark("HELD", Decimal(100000 - 50))],
        now=ENTRY + MINUTE,
    )
    of = {"user": portfolio.user, "portfolio_id": portfolio.pk}
    halt_trading(**of, reason="lunch", now=ENTRY + 2 * MINUTE)
    resume_trading(**of, now=ENTRY + 2 * MINUTE)
    if closes_at is not None:
        at = ENTRY + 3 * MINUTE
        record_cash_flow(
            user=portfolio.user,
            portfolio=portfolio.pk,
            amount=Decimal(10),
            at=at,
            now=at,
        )
        price = Decimal(100000 - 60)  # what is left is below what the day began with
        close_trade(
            user=portfolio.user,
            trade_id=held[0].pk,
            exit_price=price,
            exit_time=ENTRY + 4 * MINUTE,
            now=ENTRY + 4 * MINUTE,
        )
    at = ENTRY + 5 * MINUTE
    record_cash_flow(
        user=portfolio.user, portfolio=portfolio.pk, amount=Decimal(10), at=at, now=at
    )
    assert [cause for cause, *_ in halts()] == [HaltCause.PERSON]
    assert size(portfolio, at).verdict != Verdict.BLOCK
    mend_drift(portfolio.pk, at)
    assert [cause for cause, *_ in halts()] == [HaltCause.PERSON]
    assert no_drift(portfolio)


@pytest.mark.parametrize("cause", RULES)
def test_reconcile_finds_and_mends_halts_of_the_day(cause: HaltCause) -> None:
    portfolio = portfolio_with(**RULES[cause])
    for at, made in zip((ENTRY, ENTRY + 10 * MINUTE), profits(cause), strict=True):
        record(portfolio, made, at)
    expected = halts()
    rows = TradingHalt.objects.filter(portfolio=portfolio)
    rows.update(halted_until=MIDNIGHT - HOUR)
    assert f"halt {cause}" in str(list(find_drift([portfolio.pk])))
    mend_drift(portfolio.pk, ENTRY + DAY)
    assert halts() == expected
    rows.delete()
    [drift] = find_drift([portfolio.pk])
    assert (drift.cached, drift.ledger) == ("missing", "there")
    mend_drift(portfolio.pk, ENTRY + DAY)
    assert halts() == expected
    assert no_drift(portfolio)


def test_a_late_close_costs_as_much_however_many_days_were_halted() -> None:
    asked = []
    for days in (2, 8):
        portfolio = portfolio_with(max_trades_per_day=1, pause_after_losses=1)
        for day in range(days):
            record(portfolio, -1, ENTRY + day * DAY)
        now = ENTRY + days * DAY
        with count_statements() as made:
            record(portfolio, -1, ENTRY - MINUTE, now)
        asked.append(len(made))
    # The halts of the day begin with it: each is one statement to save.
    assert asked[0] == asked[1]


def test_the_day_shows_what_counts_in_it() -> None:
    portfolio = portfolio_with(max_trades_per_day=5, pause_after_losses=5)
    for minutes, made in enumerate((1, -1, -1)):
        at = ENTRY + minutes * MINUTE
        record(portfolio, made, at, ENTRY + HOUR)
    day = measure_limits(
        user=portfolio.user, portfolio_id=portfolio.pk, now=ENTRY + HOUR
    ).day
    assert (day.trades, day.losses_in_a_row) == (3, 2)
