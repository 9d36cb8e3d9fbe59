"""Stored marks of limits: what is void or was closed before counts no more."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from goals.enums import GoalStatus, HaltCause, MarkRole
from goals.models import LimitMark, Portfolio, TradingHalt
from goals.services.figures_at import read_figures
from goals.services.floors import read_floors
from goals.services.portfolios import record_cash_flow, update_portfolio
from goals.services.rebuilding import rebuild_ledger
from goals.services.resuming import halt_trading, resume_trading
from goals.tests.factories import GoalFactory, PortfolioFactory
from tests.examples import crossed
from trades.booking.add import add_to_trade
from trades.booking.close import ClosedTrade, close_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.reconcile import find_drift
from trades.booking.void import void_trade
from trades.models import Trade
from trades.tests.factories import TradeFactory, book_profit
from trades.tests.races import fresh

pytestmark = pytest.mark.django_db
BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 3, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
LATER = MIDNIGHT + 2 * DAY


def opened(portfolio: Portfolio, symbol: str = "BTCUSDT", **more: Any) -> Trade:
    """10 units at 50: each price above or below makes 10."""
    given = {"quantity": Decimal(10), "entry_price": Decimal(50), "now": BEGIN, **more}
    return TradeFactory(portfolio=portfolio, symbol=symbol, override=True, **given)


def mark(
    trade: Trade, profit: int, at: datetime, *, now: datetime | None = None
) -> None:
    price = Decimal(50) + Decimal(profit) / 10
    marks = [Mark(trade.symbol, price, at)]
    mark_positions(user=trade.user, marks=marks, now=now or at)


def close(trade: Trade, profit: int, at: datetime, now: datetime) -> None:
    price = Decimal(50) + Decimal(profit) / 10
    close_trade(
        user=trade.user,
        trade_id=trade.trade_id,
        exit_price=price,
        exit_time=at,
        now=now,
    )


def halts(portfolio: Portfolio) -> list[tuple[str, datetime]]:
    stored = TradingHalt.objects.filter(portfolio=portfolio, withdrawn_at=None)
    return sorted(stored.values_list("cause", "halted_at"))


def standing(portfolio: Portfolio, at: datetime) -> tuple[Any, ...]:
    """Peak, daily floor, what the day began with, and halts."""
    row = fresh(portfolio)
    state = read_floors(read_figures(row, at), at, with_day=True)
    assert state.day is not None
    day = state.day.anchor_live, state.day.anchor_closed
    return (state.reference.peak, state.floors.daily, *day, halts(portfolio))


def assert_rebuilt_alike(portfolio: Portfolio, at: datetime) -> None:
    before = standing(portfolio, at)
    assert [str(row) for row in find_drift([portfolio.pk])] == []
    with transaction.atomic():
        locked = Portfolio.objects.locked().get(pk=portfolio.pk)
        rebuild_ledger(locked, since=None, now=at, reason="nothing changed")
    assert standing(portfolio, at) == before


LIMITS: dict[str, dict[str, Any]] = {
    "end of day": {"drawdown_mode": "end_of_day"},
    "end of day, live": {"drawdown_mode": "end_of_day", "end_of_day_of": "live"},
    "trailing": {"drawdown_mode": "trailing"},
    "trailing by closes": {},
    "static": {"drawdown_mode": "static"},
    "the day's loss": {"daily_loss_limit_pct": Decimal(40)},
    "the day's loss, of closes": {
        "daily_loss_limit_pct": Decimal(40),
        "daily_loss_anchor": "balance",
    },
}


@crossed("limits, profit", LIMITS, [-290, 90])
def test_a_close_of_the_day_before_stands_as_if_it_had_come_in_time(limits, profit):
    seen = []
    for is_late in (False, True):
        portfolio = PortfolioFactory(now=BEGIN, **LIMITS[limits])
        stays, goes = opened(portfolio), opened(portfolio, "ETHUSDT")
        book_profit(portfolio, Decimal(300), at=BEGIN + HOUR)
        mark(goes, 50, BEGIN + 2 * HOUR)
        at = MIDNIGHT - 60 * SECOND
        if not is_late:
            close(goes, profit, at, at)
        mark(stays, -20, MIDNIGHT - 30 * SECOND)
        if is_late:
            mark(goes, 70, MIDNIGHT + SECOND)
        mark(stays, 10, MIDNIGHT + 2 * SECOND)
        if is_late:
            close(goes, profit, at, MIDNIGHT + 5 * SECOND)
        seen.append(standing(portfolio, MIDNIGHT + HOUR))
        assert_rebuilt_alike(portfolio, MIDNIGHT + HOUR)
    assert seen[0] == seen[1]


@crossed(
    "limits, voided_at, profit",
    [
        {"on_breach": "fail"},
        {"daily_loss_limit_pct": Decimal(5), "daily_on_breach": "fail"},
        {"drawdown_mode": "trailing", "on_breach": "fail"},
        {"drawdown_mode": "end_of_day", "end_of_day_of": "live", "on_breach": "fail"},
    ],
    [MIDNIGHT + 2 * HOUR, MIDNIGHT + DAY],
    [-400, 900],
)
def test_a_void_trade_that_was_open_halts_nothing_and_raises_nothing(
    limits, profit, voided_at
):
    goal = GoalFactory(portfolio=PortfolioFactory(now=BEGIN, **limits))
    portfolio = goal.portfolio
    untouched = PortfolioFactory(now=BEGIN, **limits)
    mistaken = opened(portfolio)
    for at in (BEGIN + HOUR, MIDNIGHT + HOUR):
        for seconds in (0, 6):
            mark(mistaken, profit, at + seconds * SECOND)
    if profit < 0:
        assert halts(portfolio)
    void_trade(
        user=portfolio.user,
        trade_id=mistaken.trade_id,
        reason="ten times too large",
        now=voided_at,
    )
    at = voided_at + HOUR
    assert standing(portfolio, at) == standing(untouched, at)
    goal.refresh_from_db()
    assert (goal.status, goal.failed_at) == (GoalStatus.ACTIVE, None)
    assert fresh(portfolio).trading_state == "active"
    assert_rebuilt_alike(portfolio, at)


@pytest.mark.parametrize("is_contradicted", [False, True])
def test_each_floor_waits_for_a_second_mark_of_its_own(is_contradicted):
    portfolio = PortfolioFactory(now=BEGIN, daily_loss_limit_pct=Decimal(5))
    trade = opened(portfolio)
    first = BEGIN + HOUR
    mark(trade, -60, first)  # the day's floor is at 950
    mark(trade, -250, first + 6 * SECOND)  # one tick below the hard one, 800, too
    day = (HaltCause.DAILY_LOSS, first + 6 * SECOND)
    assert halts(portfolio) == [day]
    mark(trade, -60 if is_contradicted else -250, first + 12 * SECOND)
    hard = [] if is_contradicted else [(HaltCause.HARD_DRAWDOWN, first + 12 * SECOND)]
    assert halts(portfolio) == [day, *hard]
    assert fresh(portfolio).suspected_at is None
    assert_rebuilt_alike(portfolio, first + HOUR)


def test_a_floor_that_trails_live_highs_is_tested_by_live_values():
    limits = {"drawdown_mode": "trailing", "hard_drawdown_pct": Decimal(10)}
    limits |= {"soft_drawdown_pct": Decimal(5), "on_breach": "fail"}
    goal = GoalFactory(portfolio=PortfolioFactory(now=BEGIN, **limits))
    portfolio = goal.portfolio
    trade = opened(portfolio)
    for number in range(4):
        mark(trade, 200, BEGIN + HOUR + 6 * number * SECOND)
    book_profit(portfolio, Decimal(-10), at=BEGIN + 2 * HOUR)  # closed 990, live 1190
    assert halts(portfolio) == []
    state = read_floors(read_figures(fresh(portfolio), LATER), LATER)
    assert state.floors.headroom() == 110  # 1190 less 1080
    assert_rebuilt_alike(portfolio, BEGIN + 3 * HOUR)
    for seconds in (0, 6):
        mark(trade, 80, BEGIN + 4 * HOUR + seconds * SECOND)
    assert halts(portfolio) == [
        (HaltCause.HARD_DRAWDOWN, BEGIN + 4 * HOUR + 6 * SECOND)
    ]
    goal.refresh_from_db()
    assert goal.status == GoalStatus.FAILED
    assert_rebuilt_alike(portfolio, BEGIN + 5 * HOUR)


@pytest.mark.parametrize("profit", [200, -10])
def test_a_close_is_judged_again_with_what_was_open_then(profit):
    portfolio = PortfolioFactory(now=BEGIN, daily_loss_limit_pct=Decimal(5))
    trade = opened(portfolio)
    mark(trade, 60, BEGIN + HOUR)
    mark(trade, profit, BEGIN + 2 * HOUR)
    at = BEGIN + 3 * HOUR
    book_profit(portfolio, Decimal(-100), at=at)  # closed 900, the day's floor 950
    assert halts(portfolio) == ([] if profit > 0 else [(HaltCause.DAILY_LOSS, at)])
    assert_rebuilt_alike(portfolio, BEGIN + 4 * HOUR)


def _mark(trade: Trade, at: datetime) -> None:
    mark(trade, -70, at)


def _close(trade: Trade, at: datetime) -> None:
    close(trade, -70, at, at)


def _void(trade: Trade, at: datetime) -> None:
    void_trade(user=trade.user, trade_id=trade.trade_id, reason="mistaken", now=at)


def _add(trade: Trade, at: datetime) -> None:
    add_to_trade(
        user=trade.user,
        trade_id=trade.trade_id,
        quantity=Decimal(5),
        entry_price=Decimal(60),
        now=at,
    )


def _part(trade: Trade, at: datetime) -> None:
    close_trade(
        user=trade.user,
        trade_id=trade.trade_id,
        exit_price=Decimal(43),
        quantity=Decimal(4),
        external_id="part",
        now=at,
    )


@pytest.mark.parametrize("begins", [_mark, _close, _void, _add, _part])
def test_a_day_begins_with_each_trades_profit_of_then(begins):
    portfolio = PortfolioFactory(now=BEGIN, daily_loss_limit_pct=Decimal(15))
    one, other = opened(portfolio), opened(portfolio, "ETHUSDT")
    mark(one, -50, BEGIN + HOUR)
    mark(other, 20, BEGIN + HOUR)
    begins(one, MIDNIGHT + HOUR)
    start = LimitMark.objects.get(role=MarkRole.DAY_START, at=MIDNIGHT)
    made = {int(key): Decimal(value) for key, value in start.by_trade.items()}
    assert made == {one.trade_id: -50, other.trade_id: 20}
    assert start.open_pnl == -30


@pytest.mark.parametrize(("first", "second"), [(100, 200), (200, 100)])
def test_a_high_holds_each_trades_profit_at_both_its_marks(first, second):
    portfolio = PortfolioFactory(now=BEGIN, drawdown_mode="trailing")
    one, other = opened(portfolio), opened(portfolio, "ETHUSDT")
    mark(other, 0, BEGIN + HOUR - 10 * SECOND)
    mark(one, first, BEGIN + HOUR)
    mark(one, second, BEGIN + HOUR + 6 * SECOND)
    high = LimitMark.objects.get(role=MarkRole.HIGH)
    for profit, by_trade in ((first, high.first_by_trade), (second, high.by_trade)):
        made = {int(key): Decimal(value) for key, value in by_trade.items()}
        assert made == {one.trade_id: profit, other.trade_id: 0}
    assert (high.first_open_pnl, high.open_pnl) == (first, second)
    assert (high.first_at, high.at) == (BEGIN + HOUR, BEGIN + HOUR + 6 * SECOND)
    assert fresh(portfolio).floor_peak_value == Decimal("1.1")


TRAILING = {
    "drawdown_mode": "trailing",
    "hard_drawdown_pct": Decimal(5),
    "soft_drawdown_pct": Decimal(5),
    "on_breach": "fail",
}


@pytest.mark.parametrize("gap", [30 * SECOND, 2 * DAY])
def test_a_mark_of_a_trade_that_had_ended_confirms_no_high(gap):
    seen = []
    for is_late in (False, True):
        goal = GoalFactory(portfolio=PortfolioFactory(now=BEGIN, **TRAILING))
        portfolio, first = goal.portfolio, BEGIN + HOUR
        trade = opened(portfolio)
        mark(trade, 40, first)
        if not is_late:
            close(trade, -15, first + gap / 2, first + gap / 2)
        mark(trade, 100, first + gap)
        if is_late:
            assert fresh(portfolio).floor_peak_value == Decimal("1.04")
            close(trade, -15, first + gap / 2, first + gap + SECOND)
        goal.refresh_from_db()
        seen.append((goal.status, standing(portfolio, LATER + DAY)))
        assert_rebuilt_alike(portfolio, LATER + DAY)
    status, (peak, *_, halted) = seen[1]
    assert (status, peak, halted) == (GoalStatus.ACTIVE, 1, [])
    assert seen[0] == seen[1]


@pytest.mark.parametrize("told_after", [2 * HOUR, 4 * HOUR])
@pytest.mark.parametrize("profit", [-55, 10])
def test_an_entry_between_its_two_marks_voids_a_high_whenever_it_comes(
    told_after, profit
):
    portfolio = PortfolioFactory(now=BEGIN, **TRAILING)
    trade = opened(portfolio)
    at = BEGIN + 2 * HOUR
    for after in (HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR):
        if after == told_after:
            given = {"entry_time": at, "now": BEGIN + told_after}
            close(opened(portfolio, "ETHUSDT", **given), profit, at, given["now"])
        if after in (HOUR, 3 * HOUR):
            mark(trade, 40 if after == HOUR else 100, BEGIN + after)
    peak = max(Decimal(1000 + profit), Decimal(1000)) / 1000
    assert standing(portfolio, LATER)[::4] == (peak, [])
    for hours, expected in ((1.5, 1), (2, peak), (3, peak)):
        past = read_figures(fresh(portfolio), BEGIN + hours * HOUR)
        assert read_floors(past, LATER).reference.peak == expected
    assert_rebuilt_alike(portfolio, LATER)


def test_a_high_counts_from_the_mark_that_confirms_it_at_a_past_time_too():
    portfolio = PortfolioFactory(now=BEGIN, floor_in="money", **TRAILING)
    trade, answered = opened(portfolio), {}
    for at, profit in ((BEGIN + HOUR, 40), (MIDNIGHT + 2 * HOUR, 80), (LATER, 60)):
        mark(trade, profit, at)
        for when in (at, at + HOUR):
            state = read_floors(read_figures(fresh(portfolio), when), when)
            answered[when] = state.floors.hard
    assert list(answered.values()) == [950, 950, 988, 988, 1007, 1007]
    for when, hard in answered.items():
        past = read_figures(fresh(portfolio), when)
        assert read_floors(past, LATER + DAY).floors.hard == hard, when
    assert_rebuilt_alike(portfolio, LATER + DAY)


def test_an_entry_of_before_a_waiting_mark_leaves_it_waiting():
    portfolio = PortfolioFactory(now=BEGIN, **TRAILING)
    trade = opened(portfolio)
    mark(trade, 40, BEGIN + 2 * HOUR)
    book_profit(portfolio, Decimal(5), at=BEGIN + HOUR)
    mark(trade, 50, BEGIN + 4 * HOUR)
    assert fresh(portfolio).floor_peak_value == Decimal("1.045")
    assert_rebuilt_alike(portfolio, LATER)


def test_a_part_closed_late_is_in_neither_mark_of_a_high():
    portfolio = PortfolioFactory(now=BEGIN, drawdown_mode="trailing")
    trade = opened(portfolio)
    for hours, profit in ((2, 50), (3, 60)):
        mark(trade, profit, BEGIN + hours * HOUR)
    part(trade, BEGIN + HOUR, BEGIN + 4 * HOUR)
    high = LimitMark.objects.get(portfolio=portfolio, role=MarkRole.HIGH)
    assert (high.first_open_pnl, high.open_pnl) == (30, 36)
    assert fresh(portfolio).floor_peak_value == Decimal("1.05")
    assert_rebuilt_alike(portfolio, LATER)


def test_one_mark_waits_to_be_a_high():
    portfolio = PortfolioFactory(now=BEGIN)
    LimitMark.objects.create(portfolio=portfolio, role=MarkRole.PENDING, at=BEGIN)
    with pytest.raises(IntegrityError, match="limit_marks_one_pending"):
        LimitMark.objects.create(portfolio=portfolio, role=MarkRole.PENDING, at=LATER)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"daily_loss_limit_pct": Decimal(5)}, "a loss of 5.56 % since {at} reached"),
        (
            {"daily_profit_lock_pct": Decimal(5)},
            "a profit of 5.55 % since trading was resumed at {at} reached",
        ),
        (
            {"max_trades_per_day": 1},
            "1 trade since trading was resumed at {at} reached",
        ),
    ],
    ids=["loss", "profit", "trades"],
)
def test_after_a_resume_reasons_name_what_the_day_is_measured_from(limits, said):
    portfolio = PortfolioFactory(now=BEGIN, **limits)
    at = BEGIN + 2 * HOUR
    is_profit = "daily_profit_lock_pct" in limits
    amounts = (100, 61) if is_profit else (-100, -50)
    book_profit(portfolio, Decimal(amounts[0]), at=BEGIN + HOUR)
    resume_trading(user=portfolio.user, portfolio_id=portfolio.pk, now=at)
    book_profit(portfolio, Decimal(amounts[1]), at=BEGIN + 3 * HOUR)
    halt = TradingHalt.objects.filter(portfolio=portfolio).latest("halt_id")
    assert said.format(at=f"{at:%FT%TZ}") in halt.reason


@pytest.mark.parametrize("before", [0, 1])
def test_a_mark_not_later_than_a_change_raises_no_peak_of_it(before):
    portfolio = PortfolioFactory(now=BEGIN)
    trade = opened(portfolio)
    at = BEGIN + HOUR
    update_portfolio(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        now=at,
        drawdown_mode="trailing",
    )
    mark(trade, 200, at - before * SECOND, now=at)
    mark(trade, 200, at + 6 * SECOND)
    assert fresh(portfolio).floor_peak_value == 1
    mark(trade, 200, at + 12 * SECOND)
    assert fresh(portfolio).floor_peak_value == Decimal("1.2")
    high = LimitMark.objects.get(portfolio=portfolio, role=MarkRole.HIGH)
    assert high.at == at + 12 * SECOND
    assert_rebuilt_alike(portfolio, at + HOUR)


@pytest.mark.parametrize("marked_late", [False, True])
def test_a_day_before_a_trade_made_anything_is_judged_without_it(marked_late):
    limits = {"daily_loss_limit_pct": Decimal(8), "daily_loss_anchor": "balance"}
    portfolio = PortfolioFactory(now=BEGIN, **limits)
    book_profit(portfolio, Decimal(-90), at=BEGIN + HOUR)
    trade = opened(portfolio, now=BEGIN + 2 * HOUR)
    book_profit(portfolio, Decimal(1), at=BEGIN + 2 * DAY)  # the day began with nothing
    at = BEGIN + 2 * DAY + HOUR
    if marked_late:
        book_profit(portfolio, Decimal(1), at=BEGIN + 3 * DAY)
        mark(trade, 84, at, now=BEGIN + 3 * DAY)
    else:
        mark(trade, 84, at)
        book_profit(portfolio, Decimal(1), at=BEGIN + 3 * DAY)
    assert halts(portfolio) == [(HaltCause.DAILY_LOSS, BEGIN + HOUR)]
    assert_rebuilt_alike(portfolio, BEGIN + 4 * DAY)


def part(trade: Trade, at: datetime, now: datetime) -> ClosedTrade:
    """4 of 10 are closed with a profit of 20."""
    return close_trade(
        user=trade.user,
        trade_id=trade.trade_id,
        exit_price=Decimal(55),
        quantity=Decimal(4),
        exit_time=at,
        external_id="part",
        now=now,
    )


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
def test_a_part_closed_late_or_voided_stands_as_if_it_had_come_in_time(limits):
    seen = []
    at, now = BEGIN + 2 * HOUR, MIDNIGHT + 2 * HOUR
    for case in ("in time", "late", "void", "never"):
        portfolio = PortfolioFactory(now=BEGIN, **limits)
        trade = opened(portfolio)
        mark(trade, 50, BEGIN + HOUR)
        if case in ("in time", "void"):
            booked = part(trade, at, at).booked
        # What is open is worth the same price, whatever is left of it.
        for profit, marked_at in ((80, MIDNIGHT - HOUR), (70, MIDNIGHT + HOUR)):
            for seconds in (0, 6, 12):
                mark(trade, profit, marked_at + seconds * SECOND)
        if case == "late":
            part(trade, at, now)
        elif case == "void":
            key = booked.trade_id
            void_trade(user=trade.user, trade_id=key, reason="mistaken", now=now)
        seen.append(standing(portfolio, now + HOUR))
        assert_rebuilt_alike(portfolio, now + HOUR)
    assert seen[0] == seen[1]
    assert seen[2] == seen[3]


@pytest.mark.parametrize("is_halted", [False, True])
@pytest.mark.parametrize("comes", ["late", "void", "part"])
def test_a_reference_of_then_counts_no_trade_twice(comes, is_halted):
    seen = []
    for is_late in (False, True):
        portfolio = PortfolioFactory(now=BEGIN, drawdown_of="start")
        goes, stays = opened(portfolio), opened(portfolio, "ETHUSDT")
        at, now = BEGIN + 3 * HOUR, BEGIN + 5 * HOUR
        if not is_late:
            _come(comes, goes, at, at)
        mark(stays, 20, BEGIN + 4 * HOUR)
        if is_late or comes == "part":
            mark(goes, 50, BEGIN + 4 * HOUR)
        of = {"user": portfolio.user, "portfolio_id": portfolio.pk, "now": now}
        if is_halted:
            halt_trading(**of, reason="lunch")
            resume_trading(**of)
        else:
            update_portfolio(**of, drawdown_mode="static")
        if is_late:
            _come(comes, goes, at, now + HOUR)
        state = standing(portfolio, now + 2 * HOUR)
        seen.append([*state[:4], len(state[4])])
        assert_rebuilt_alike(portfolio, now + 2 * HOUR)
    assert seen[0] == seen[1]


def _come(what: str, trade: Trade, at: datetime, now: datetime) -> None:
    match what:
        case "late":
            close(trade, 40, at, now)
        case "void":
            _void(trade, now)
        case "part":
            part(trade, at, now)


def test_highs_that_a_later_one_contains_are_forgotten():
    portfolio = PortfolioFactory(now=BEGIN, drawdown_mode="trailing")
    rises, falls = opened(portfolio), opened(portfolio, "ETHUSDT")
    mark(falls, 30, BEGIN)
    shown = {}
    for minute in range(3, 125, 3):  # from 9:03 to 11:03
        at = BEGIN + minute * 60 * SECOND
        mark(rises, 2 * minute, at)
        if minute == 30:
            book_profit(portfolio, Decimal(1), at=at + SECOND)
        if minute == 90:
            mark(falls, 29, at + SECOND)
        shown[at] = fresh(portfolio).floor_peak_value
    highs = LimitMark.objects.filter(portfolio=portfolio, role=MarkRole.HIGH)
    # The ends of hours, those before the close and before a trade fell, the newest.
    assert 5 <= highs.count() <= 12
    assert fresh(portfolio).floor_peak_value == max(shown.values())
    assert_rebuilt_alike(portfolio, at + HOUR)
    for kept in highs.order_by("-at").values_list("at", flat=True)[:3]:
        peak = read_floors(read_figures(fresh(portfolio), kept), LATER).reference.peak
        assert peak <= shown[kept] + Decimal("0.01")
    _void(falls, LATER)
    assert fresh(portfolio).floor_peak_value == Decimal("1.241")
    assert_rebuilt_alike(portfolio, LATER)


def test_a_late_flow_changes_no_day_before_it_and_forgets_void_trades():
    portfolio = PortfolioFactory(now=BEGIN, daily_loss_limit_pct=Decimal(8))
    trade = opened(portfolio)
    mark(trade, 300, MIDNIGHT + DAY + HOUR)
    record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(80),
        at=MIDNIGHT + HOUR,
        now=LATER,
    )
    assert_rebuilt_alike(portfolio, LATER)
    for _ in range(2):
        for at in (BEGIN, MIDNIGHT, MIDNIGHT + DAY):
            state = read_floors(read_figures(fresh(portfolio), at), LATER)
            assert state.floors.daily is not None
            assert round(state.floors.daily, 9) == Decimal("0.92")
        _void(trade, LATER)
    assert_rebuilt_alike(portfolio, LATER)


def test_a_close_of_the_instant_of_a_halt_was_before_it():
    limits = {"daily_loss_limit_pct": Decimal(3), "daily_loss_anchor": "balance"}
    portfolio = PortfolioFactory(now=BEGIN, **limits)
    trade = opened(portfolio)
    mark(trade, -88, MIDNIGHT - HOUR)
    mark(trade, -88, MIDNIGHT - HOUR + 6 * SECOND)
    at = MIDNIGHT + HOUR
    other = opened(portfolio, "ETHUSDT", now=at)  # looks, and halts by what has stood
    assert len(halts(portfolio)) == 2
    close(other, 88, at, at)
    assert_rebuilt_alike(portfolio, at + HOUR)
    assert len(halts(portfolio)) == 1


@pytest.mark.parametrize(("seconds", "peak"), [(0, "1.09"), (6, "1.08"), (12, "1.07")])
def test_a_close_of_the_instant_of_a_mark_was_before_it(seconds, peak):
    seen = []
    for is_late in (False, True):
        portfolio = PortfolioFactory(now=BEGIN, drawdown_mode="trailing")
        trade, other = opened(portfolio), opened(portfolio, "ETHUSDT")
        for after, profit in ((0, 80), (6, 70), (12, 60)):
            at = BEGIN + HOUR + after * SECOND
            if seconds == after and not is_late:
                close(other, 20, at, at)
            mark(trade, profit, at)
            if seconds == after and is_late:
                close(other, 20, at, at)
        assert_rebuilt_alike(portfolio, BEGIN + 2 * HOUR)
        seen.append(fresh(portfolio).floor_peak_value)
    assert seen == [Decimal(peak)] * 2


def test_a_resume_is_later_than_the_halt_that_it_finds():
    limits = {"daily_loss_limit_pct": Decimal(3), "daily_loss_anchor": "balance"}
    portfolio = PortfolioFactory(now=BEGIN, **limits)
    trade = opened(portfolio)
    for seconds in (0, 6):
        mark(trade, -32, BEGIN + HOUR + seconds * SECOND)
    resume_trading(user=portfolio.user, portfolio_id=portfolio.pk, now=MIDNIGHT)
    resumed = TradingHalt.objects.get(halted_at=MIDNIGHT)
    assert resumed.resumed_at is not None
    assert resumed.resumed_at > MIDNIGHT
    assert_rebuilt_alike(portfolio, MIDNIGHT + HOUR)


def test_a_late_flow_that_no_open_trade_was_valued_in_dilutes_a_later_day():
    portfolio = PortfolioFactory(now=BEGIN, daily_loss_limit_pct=Decimal(5))
    book_profit(portfolio, Decimal(50), at=BEGIN + 2 * HOUR)
    entered = BEGIN + 3 * HOUR
    trade = opened(portfolio, now=entered, entry_time=entered)
    mark(trade, 4, MIDNIGHT + HOUR)
    record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(55),
        at=BEGIN + HOUR,
        now=MIDNIGHT + 2 * HOUR,
    )
    at = MIDNIGHT + 3 * HOUR
    floor = read_floors(read_figures(fresh(portfolio), at), at).floors.daily
    assert floor is not None
    assert round(floor, 12) == round(Decimal(1105) / 1055 * 95 / 100, 12)
    assert_rebuilt_alike(portfolio, at)
