"""A floor measured next to an open loss: closes raise it less that loss."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from goals.enums import GoalStatus
from goals.models import LimitMark, Portfolio
from goals.services.figures_at import read_figures
from goals.services.floors import read_floors
from goals.services.portfolios import record_cash_flow, update_portfolio
from goals.services.rebuilding import rebuild_ledger
from goals.tests.factories import GoalFactory, PortfolioFactory
from tests.examples import crossed
from tests.http import without_alerts
from trades.booking.close import close_trade
from trades.booking.void import void_trade
from trades.models import Trade
from trades.tests.booking.test_halts_open_trades import (
    DAY,
    MINUTE,
    NOON,
    close,
    drift,
    in_force,
    mark,
    opened,
    resume,
)
from trades.tests.factories import book_profit
from trades.tests.races import fresh

pytestmark = pytest.mark.django_db
FOUR = {"hard_drawdown_pct": Decimal(4), "soft_drawdown_pct": Decimal(4)}
MODES: dict[str, dict[str, Any]] = {
    "trailing_closed": {"drawdown_mode": "trailing_closed"},
    "trailing": {"drawdown_mode": "trailing"},
    "end_of_day": {"drawdown_mode": "end_of_day"},
}


def money(portfolio: Portfolio, value: Decimal) -> Decimal:
    per_value = 1 if portfolio.floor_in == "money" else portfolio.units
    return round(value * per_value, 4)


def peak(portfolio: Portfolio, at: Any = None) -> Decimal:
    """What the floor is measured from, in money; `at` a past time."""
    row = fresh(portfolio)
    if at is None:
        return money(row, row.floor_peak_value)
    state = read_floors(read_figures(row, at), NOON + 9 * DAY)
    return money(row, state.reference.peak)


def resumed(*symbols: str, **limits: Any) -> tuple[Portfolio, list[Trade]]:
    """At a live value of 950: the first of these trades has lost 50 when it resumes."""
    portfolio = PortfolioFactory(now=NOON - DAY, **{**FOUR, **limits})
    trades = [opened(portfolio, symbol) for symbol in symbols]
    mark(trades[0], -50, 1)
    assert in_force(portfolio) == ["hard_drawdown"]
    resume(portfolio, 2)
    assert peak(portfolio) == 950
    return portfolio, trades


def assert_rebuilt_alike(portfolio: Portfolio) -> None:
    before = fresh(portfolio)
    assert drift(portfolio) == []
    with transaction.atomic():
        locked = Portfolio.objects.locked().get(pk=portfolio.pk)
        rebuild_ledger(locked, since=None, now=NOON + 9 * DAY, reason="the same")
    after = fresh(portfolio)
    for name in ("floor_peak_value", "floor_held_pnl"):
        assert getattr(after, name) == getattr(before, name)


@crossed("mode, floor_in, on_breach", MODES, ["units", "money"], ["halt", "fail"])
def test_a_close_after_a_resume_next_to_an_open_loss_halts_nothing(
    mode: str, floor_in: str, on_breach: str
) -> None:
    portfolio, (loses, other, earns) = resumed(
        "A", "B", "C", floor_in=floor_in, on_breach=on_breach, **MODES[mode]
    )
    start = (NOON + DAY).date()
    goal = GoalFactory(portfolio=fresh(portfolio), start_date=start, target_date=None)
    close(other, -1, 3)
    assert (in_force(portfolio), peak(portfolio)) == ([], 950)
    next_day = 24 * 60
    mark(loses, -50, next_day)
    assert (in_force(portfolio), peak(portfolio)) == ([], 950)
    close(earns, 21, next_day + 1)
    close(opened(portfolio, "D"), 0, 2 * next_day)  # a day's end counts from its next
    assert (in_force(portfolio), peak(portfolio)) == ([], 970)
    goal.refresh_from_db()
    assert goal.status == GoalStatus.ACTIVE
    assert_rebuilt_alike(portfolio)
    close(loses, -30, 2 * next_day + 1)
    close(opened(portfolio, "E"), 0, 3 * next_day)
    assert (in_force(portfolio), peak(portfolio)) == ([], 990)
    assert fresh(portfolio).floor_held_pnl is None
    assert_rebuilt_alike(portfolio)


def test_a_change_that_measures_anew_holds_open_losses_too() -> None:
    portfolio = PortfolioFactory(now=NOON - DAY, drawdown_mode="static")
    loses, other = opened(portfolio, "A"), opened(portfolio, "B")
    mark(loses, -50, 1)
    of = {"user": portfolio.user, "portfolio_id": portfolio.pk}
    limits = {"drawdown_mode": "trailing_closed", **FOUR}
    update_portfolio(**of, now=NOON + 2 * MINUTE, **limits)
    close(other, -1, 3)
    assert (in_force(portfolio), peak(portfolio)) == ([], 950)
    assert_rebuilt_alike(portfolio)


def test_open_profits_of_then_count_against_the_losses_while_both_are_open() -> None:
    portfolio = PortfolioFactory(now=NOON - DAY, **FOUR)
    loses, earns, other = (opened(portfolio, symbol) for symbol in "ABC")
    mark(loses, -70, 1)
    mark(earns, 20, 1.5)
    resume(portfolio, 2)
    assert peak(portfolio) == 950
    seen = []
    for minute, (trade, profit) in enumerate([(other, 1), (earns, 20), (loses, -70)]):
        close(trade, profit, 3 + minute)
        seen.append((peak(portfolio), fresh(portfolio).floor_held_pnl))
    assert seen == [(951, -50), (951, -70), (951, None)]
    assert in_force(portfolio) == []
    assert_rebuilt_alike(portfolio)


def _in_part(trade: Trade, later: timedelta) -> int:
    at = NOON + 4 * MINUTE
    part = close_trade(
        user=trade.user,
        trade_id=trade.trade_id,
        exit_price=Decimal(45),
        quantity=Decimal(4),
        exit_time=at,
        external_id="part",
        now=at + later,
    )
    return part.booked.trade_id


def _whole(trade: Trade, later: timedelta) -> int:
    close(trade, -50, 4, later)
    return trade.trade_id


@crossed(
    "mode, closes, floor_in",
    ["trailing_closed", "end_of_day"],
    [_in_part, _whole],
    ["units", "money"],
)
def test_a_close_of_what_is_held_that_is_late_or_void_stands_as_in_time(
    mode: str, closes: Callable[[Trade, timedelta], int], floor_in: str
) -> None:
    seen: dict[str, Any] = {}
    times = [NOON + hours * timedelta(hours=1) for hours in (0.1, 10, 30, 60)]
    for case in ("in time", "late", "void", "never"):
        portfolio, (loses, other) = resumed("A", "B", floor_in=floor_in, **MODES[mode])
        if case in ("in time", "void"):
            key = closes(loses, timedelta(0))
        close(other, 35, 5)
        book_profit(fresh(portfolio), Decimal(3), at=NOON + 26 * 60 * MINUTE)
        if case == "late":
            closes(loses, 3 * DAY)
        elif case == "void":
            now = NOON + 3 * DAY
            void_trade(user=portfolio.user, trade_id=key, reason="wrong", now=now)
        held = fresh(portfolio).floor_held_pnl
        seen[case] = held, [peak(portfolio, at) for at in times]
        assert_rebuilt_alike(portfolio)
    assert seen["in time"] == seen["late"]
    assert seen["never"][0] == -50
    if closes is _in_part:
        assert seen["in time"][0] == -30
        assert seen["void"] == seen["never"]
    else:
        assert seen["in time"][0] is None
        assert seen["in time"][1][-1] == 988


@pytest.mark.parametrize("first", ["A", "B"])
def test_closes_of_one_instant_are_held_in_the_order_they_came(first: str) -> None:
    portfolio, (loses, other) = resumed("A", "B")
    trades = {"A": (loses, -20), "B": (other, -1)}
    for symbol in sorted(trades, reverse=first == "B"):
        close(*trades[symbol], 3)
    assert peak(portfolio) == (980 if first == "A" else 979)
    assert_rebuilt_alike(portfolio)


def test_what_is_held_moves_with_the_units_of_flows() -> None:
    portfolio, (_, other) = resumed("A", "B")
    at = NOON + 3 * MINUTE
    record_cash_flow(
        user=portfolio.user, portfolio=portfolio.pk, amount=Decimal(950), at=at, now=at
    )
    close(other, 0, 4)
    assert fresh(portfolio).floor_peak_value == Decimal("0.95")
    assert in_force(portfolio) == []
    assert_rebuilt_alike(portfolio)


def test_a_close_asks_for_what_is_held_only_while_something_is() -> None:
    def count(trade: Trade, minutes: float) -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            close(trade, 0, minutes)
        return len(without_alerts([one["sql"] for one in asked]))

    portfolio, trades = resumed("A", "B", "C")
    holding = count(trades[1], 3)
    close(trades[0], -50, 4)
    assert holding == count(trades[2], 5) + 1
    marks = LimitMark.objects.filter(portfolio=portfolio, role="reference")
    assert marks.count() == 1
