"""The floor's reference follows closes, flows, days and live highs as they come."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from goals.enums import DrawdownMode, FloorIn, MarkRole
from goals.models import LedgerDay, LimitMark, Portfolio
from goals.services import days, limit_walks
from goals.services.figures_at import read_figures
from goals.services.floors import FloorsState, read_floors
from goals.services.portfolios import record_cash_flow
from goals.services.resuming import halt_trading, resume_trading
from goals.tests.factories import GoalFactory, PortfolioFactory
from tests.examples import crossed
from tests.http import count_statements
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.reconcile import find_drift
from trades.tests.factories import TradeFactory, book_profit

pytestmark = pytest.mark.django_db
BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
PRICE = Decimal(50000)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
LOWS = import_module("goals.migrations.0016_lows_of_days")


def opened(**limits: Any) -> Portfolio:
    portfolio = PortfolioFactory(now=BEGIN, **limits)
    TradeFactory(portfolio=portfolio, entry_time=BEGIN, now=BEGIN)  # 0.02 at 50000
    return portfolio


def mark(portfolio: Portfolio, live_profit: int, at: datetime) -> None:
    price = Decimal(50000) + Decimal(live_profit) / Decimal("0.02")
    marks = [Mark("BTCUSDT", price, at)]
    mark_positions(user=portfolio.user, marks=marks, now=at)


def floors_at(
    portfolio: Portfolio, at: datetime, now: datetime | None = None
) -> FloorsState:
    fresh = Portfolio.objects.get(pk=portfolio.pk)
    return read_floors(read_figures(fresh, at), now or at)


def peak(portfolio: Portfolio, at: datetime) -> Decimal:
    return floors_at(portfolio, at).reference.peak


def assert_no_drift(portfolio: Portfolio) -> None:
    assert [str(row) for row in find_drift([portfolio.pk])] == []


def test_a_live_high_counts_once_a_second_mark_confirms_it():
    portfolio = opened(drawdown_mode="trailing")
    mark(portfolio, 200, BEGIN + HOUR)
    assert peak(portfolio, BEGIN + HOUR) == 1
    mark(portfolio, 150, BEGIN + HOUR + 4 * SECOND)
    assert peak(portfolio, BEGIN + HOUR + 4 * SECOND) == 1
    mark(portfolio, 100, BEGIN + HOUR + 5 * SECOND)
    after = BEGIN + HOUR + 6 * SECOND
    assert peak(portfolio, after) == Decimal("1.1")  # the lower of the two
    stored = LimitMark.objects.get(role=MarkRole.HIGH)
    assert (stored.open_pnl, list(stored.by_trade.values())) == (100, ["100.00000000"])
    assert_no_drift(portfolio)
    then = BEGIN + HOUR + 4 * SECOND
    assert floors_at(portfolio, then, after).reference.peak == 1
    assert floors_at(portfolio, after, after + HOUR).reference.peak == Decimal("1.1")


def test_a_high_that_a_second_mark_contradicts_does_not_count():
    portfolio = opened(drawdown_mode="trailing")
    mark(portfolio, 900, BEGIN + HOUR)  # a bad tick
    mark(portfolio, -10, BEGIN + 2 * HOUR)
    mark(portfolio, 20, BEGIN + 3 * HOUR)
    assert peak(portfolio, BEGIN + 3 * HOUR) == 1
    assert not LimitMark.objects.exclude(role=MarkRole.PENDING).exists()


@pytest.mark.parametrize("mode", ["trailing_closed", "static", "end_of_day"])
def test_live_highs_raise_no_other_mode(mode):
    portfolio = opened(drawdown_mode=mode)
    for hours in (1, 2, 3):
        mark(portfolio, 100, BEGIN + hours * HOUR)
    assert peak(portfolio, BEGIN + 4 * HOUR) == 1
    assert not LimitMark.objects.exists()


def test_a_close_that_arrives_late_takes_its_open_profit_out_of_a_high():
    portfolio = opened(drawdown_mode="trailing")
    for number in (0, 6):
        mark(portfolio, 100, BEGIN + 2 * HOUR + number * SECOND)
    assert peak(portfolio, BEGIN + 3 * HOUR) == Decimal("1.1")
    close_trade(
        user=portfolio.user,
        trade_id=portfolio.trades.get().trade_id,
        exit_price=Decimal(51000),
        exit_time=BEGIN + HOUR,  # +20, before the marks were made
        now=BEGIN + 4 * HOUR,
    )
    assert peak(portfolio, BEGIN + 4 * HOUR) == Decimal("1.02")
    assert_no_drift(portfolio)


@pytest.mark.parametrize(("of", "raised"), [("closed", "1"), ("live", "1.08")])
def test_a_days_end_raises_the_peak_by_its_last_mark(of, raised):
    portfolio = opened(drawdown_mode="end_of_day", end_of_day_of=of)
    mark(portfolio, 120, BEGIN + HOUR)
    mark(portfolio, 80, BEGIN + 2 * HOUR)
    next_day = BEGIN + 24 * HOUR
    assert peak(portfolio, BEGIN + 3 * HOUR) == 1
    assert peak(portfolio, next_day) == Decimal(raised)  # no mark of the day yet
    mark(portfolio, 10, next_day)
    mark(portfolio, 30, next_day + 24 * HOUR)
    assert peak(portfolio, next_day + 24 * HOUR) == Decimal(raised)
    starts = LimitMark.objects.filter(role=MarkRole.DAY_START).order_by("at")
    shown = [one.open_pnl for one in starts]
    assert shown == [0, 80, 10]
    assert_no_drift(portfolio)
    past = floors_at(portfolio, next_day + HOUR, next_day + 48 * HOUR)
    assert past.reference.peak == Decimal(raised)


def test_each_portfolio_of_a_batch_follows_its_own_newest_mark():
    """One whose marks are of the evening before has not ended its day."""
    early = opened(drawdown_mode="end_of_day", end_of_day_of="live")
    late = PortfolioFactory(
        user=early.user,
        now=BEGIN,
        drawdown_mode="end_of_day",
        end_of_day_of="live",
    )
    TradeFactory(portfolio=late, symbol="ETHUSDT", entry_time=BEGIN, now=BEGIN)
    goal = GoalFactory(
        portfolio=early,
        goal_type="portfolio_value",
        start_date=BEGIN.date(),
        target_date=None,
        target_value=Decimal(1050),
    )
    midnight = BEGIN.replace(hour=0) + 24 * HOUR
    evening, now = midnight - 10 * SECOND, midnight + SECOND
    marks = [Mark("BTCUSDT", Decimal(55000), evening), Mark("ETHUSDT", PRICE, now)]
    mark_positions(user=early.user, marks=marks, now=now)

    assert peak(early, evening) == 1
    assert peak(early, now) == Decimal("1.1")  # at the day's end, at its last mark
    goal.refresh_from_db()
    assert (goal.current_value, goal.achieved_at) == (1100, evening)
    assert peak(late, now) == 1
    mark(early, 0, now + SECOND)
    assert peak(early, now + SECOND) == Decimal("1.1")
    assert_no_drift(early)
    assert_no_drift(late)


def test_a_flow_leaves_a_floor_in_money_where_it_is():
    portfolio = PortfolioFactory(now=BEGIN, floor_in="money")
    record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(500),
        at=BEGIN + HOUR,
        now=BEGIN + HOUR,
    )
    state = floors_at(portfolio, BEGIN + HOUR)
    assert (state.floors.closed, state.floors.hard) == (1500, 800)
    book_profit(portfolio, Decimal(100), at=BEGIN + 2 * HOUR)
    assert floors_at(portfolio, BEGIN + 2 * HOUR).floors.hard == 880  # of 1100
    assert_no_drift(portfolio)


@crossed("mode, amount", DrawdownMode, [300, -100])
def test_no_flow_is_a_profit_or_a_loss_where_floors_are_in_money(mode, amount):
    """The same closes halt the same, with a flow before them and without one."""
    shown = []
    for flow in (0, amount):
        portfolio = PortfolioFactory(
            now=BEGIN,
            floor_in="money",
            drawdown_mode=mode,
            daily_profit_lock_pct=Decimal(5),
            daily_loss_limit_pct=Decimal(5),
        )
        if flow:
            record_cash_flow(
                user=portfolio.user,
                portfolio=portfolio.pk,
                amount=Decimal(flow),
                now=BEGIN,
            )
        for hours, profit in enumerate([-1, 30, -20], 1):
            book_profit(portfolio, Decimal(profit), at=BEGIN + hours * HOUR)
        assert not portfolio.halts.exists()
        assert_no_drift(portfolio)
        state = floors_at(portfolio, BEGIN + 4 * HOUR)
        found, day = state.floors, state.day
        assert day is not None
        assert found.daily is not None
        shown.append(
            (
                state.reference.peak,
                found.hard,
                found.live - flow,
                found.daily - flow,
                day.high_closed,
                day.flowed - flow,
            )
        )
        book_profit(portfolio, Decimal(45), at=BEGIN + 5 * HOUR)
        assert [halt.cause for halt in portfolio.halts.all()] == ["profit_lock"]
    assert shown[0] == shown[1]


def test_an_empty_portfolio_begins_its_day_with_the_first_deposit():
    portfolio = PortfolioFactory(
        now=BEGIN,
        floor_in="money",
        opening_balance=Decimal(0),
        daily_loss_limit_pct=Decimal(5),
    )
    for hours, amount in enumerate([1000, 500], 1):
        record_cash_flow(
            user=portfolio.user,
            portfolio=portfolio.pk,
            amount=Decimal(amount),
            now=BEGIN + hours * HOUR,
        )
    state = floors_at(portfolio, BEGIN + 3 * HOUR)
    assert (state.floors.daily, state.floors.hard) == (1450, 800)
    assert not portfolio.halts.exists()
    book_profit(portfolio, Decimal(-50), at=BEGIN + 4 * HOUR)
    assert [halt.cause for halt in portfolio.halts.all()] == ["daily_loss"]
    assert_no_drift(portfolio)


@pytest.mark.parametrize("floor_in", FloorIn)
@pytest.mark.parametrize("lock", [None, Decimal(50)])
def test_a_close_after_a_resume_reads_no_entry_of_its_day(floor_in, lock, monkeypatch):
    portfolio = PortfolioFactory(
        now=BEGIN,
        floor_in=floor_in,
        daily_loss_limit_pct=Decimal(10),
        daily_profit_lock_pct=lock,
    )
    for hours, profit in enumerate([40, -30, 5], 1):
        book_profit(portfolio, Decimal(profit), at=BEGIN + hours * HOUR)
    of = {"user": portfolio.user, "portfolio_id": portfolio.pk}
    halt_trading(**of, reason="a pause", now=BEGIN + 4 * HOUR)
    resume_trading(**of, now=BEGIN + 5 * HOUR)

    walked = count_walks_by_entry(monkeypatch)
    for hours, profit in enumerate([10, -5], 6):
        book_profit(portfolio, Decimal(profit), at=BEGIN + hours * HOUR)
    state = floors_at(portfolio, BEGIN + 8 * HOUR)

    assert walked == []
    worth = Decimal(1) if floor_in == "units" else Decimal(1000)
    day = state.day
    assert day is not None
    assert day.anchor_closed == worth * Decimal("1.015")
    assert day.high_closed == worth * Decimal("1.025")


def count_walks_by_entry(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The walks that give a row an entry, from now on."""
    walked: list[Any] = []
    whole_days, entries_of = days.roll_ledger, limit_walks.read_entries

    def roll(*args: Any, **options: Any) -> Any:
        if options.get("each_entry"):
            walked.append(options)
        return whole_days(*args, **options)

    def read(*args: Any) -> Any:
        walked.append(args)
        return entries_of(*args)

    monkeypatch.setattr(days, "roll_ledger", roll)
    monkeypatch.setattr(limit_walks, "roll_ledger", roll)
    monkeypatch.setattr(limit_walks, "read_entries", read)
    return walked


def test_the_first_deposit_is_what_a_floor_in_money_is_measured_from():
    portfolio = PortfolioFactory(
        now=BEGIN, floor_in="money", opening_balance=Decimal(0)
    )
    record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(2000),
        at=BEGIN + HOUR,
        now=BEGIN + HOUR,
    )
    assert floors_at(portfolio, BEGIN + HOUR).floors.hard == 1600
    assert_no_drift(portfolio)


def test_a_new_run_of_units_begins_with_a_reference_of_its_own():
    portfolio = PortfolioFactory(now=BEGIN)
    book_profit(portfolio, Decimal(500), at=BEGIN + HOUR)
    fresh = Portfolio.objects.get(pk=portfolio.pk)
    book_profit(fresh, Decimal(-1500), at=BEGIN + 2 * HOUR)
    record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(300),
        at=BEGIN + 3 * HOUR,
        now=BEGIN + 3 * HOUR,
    )
    reference = floors_at(portfolio, BEGIN + 3 * HOUR).reference
    assert (reference.start, reference.peak, reference.run) == (1, 1, 2)
    assert_no_drift(portfolio)
    past = floors_at(portfolio, BEGIN + HOUR, BEGIN + 4 * HOUR).reference
    assert (past.peak, past.run) == (Decimal("1.5"), 1)


def test_the_floors_of_now_take_no_statement_without_rules_of_the_day():
    portfolio = PortfolioFactory(now=BEGIN)
    book_profit(portfolio, Decimal(-150), at=BEGIN + HOUR)  # below the soft floor
    fresh = Portfolio.objects.get(pk=portfolio.pk)
    with count_statements() as sent:
        state = read_floors(read_figures(fresh, BEGIN + HOUR), BEGIN + HOUR)
    assert (sent, state.floors.hard) == ([], Decimal("0.8"))


def test_what_is_given_by_hand_is_found_by_reconcile():
    portfolio = PortfolioFactory(now=BEGIN)
    book_profit(portfolio, Decimal(100), at=BEGIN + HOUR)
    Portfolio.objects.filter(pk=portfolio.pk).update(floor_peak_value=Decimal(9))
    (row,) = find_drift([portfolio.pk])
    assert row.figure == "floor_peak_value"


def test_the_migration_gives_the_days_there_are_their_lows():
    portfolio = PortfolioFactory(now=BEGIN, time_zone="America/New_York")
    for number, profit in enumerate((50, -120, 30, -10)):
        fresh = Portfolio.objects.get(pk=portfolio.pk)
        book_profit(fresh, Decimal(profit), at=BEGIN + 10 * number * HOUR)
    names = ("day", "low_unit_value", "high_closed", "low_closed")
    rows = LedgerDay.objects.filter(portfolio=portfolio).order_by("day")
    before = list(rows.values_list(*names))
    rows.update(low_unit_value=0, high_closed=None, low_closed=0)
    LOWS.fill_lows(None, SimpleNamespace(connection=connection))
    assert list(rows.values_list(*names)) == before


def test_days_that_breach_are_walked_in_as_many_statements_however_many_they_are():
    def late_close(portfolio: Portfolio, days: int) -> int:
        for day in range(1, days):
            at = BEGIN + day * 24 * HOUR
            for profit in (5, -60, 55):
                fresh = Portfolio.objects.get(pk=portfolio.pk)
                at += HOUR
                book_profit(fresh, Decimal(profit), at=at, override=True)
        late = TradeFactory(
            portfolio=portfolio, entry_time=BEGIN, now=at + HOUR, override=True
        )
        with count_statements() as sent:
            close_trade(
                user=portfolio.user,
                trade_id=late.trade_id,
                exit_price=Decimal(50100),
                exit_time=BEGIN + HOUR,
                now=at + HOUR,
            )
        halts = portfolio.halts.filter(cause="daily_loss", withdrawn_at=None)
        assert halts.count() == days - 1
        assert_no_drift(portfolio)
        return len([one for one in sent if "walk_ledger" in one])

    few, many = (
        late_close(PortfolioFactory(now=BEGIN, daily_loss_limit_pct=Decimal(4)), days)
        for days in (3, 9)
    )
    assert few == many <= 4
