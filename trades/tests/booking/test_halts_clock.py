"""Halts and the clock: the trading day, what is over, and two that come at once."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.enums import HaltCause, TradingState, Verdict
from goals.models import Portfolio, TradingHalt
from goals.tests.factories import GoalFactory, PortfolioFactory
from tests.http import client_of, count_statements, nothing_changes
from trades.booking.mark import Mark, mark_positions
from trades.sizing_calls.decide import size_for_portfolio
from trades.tests.factories import TradeFactory, book_profit
from trades.tests.races import closing, fresh, nobody_meets_at, run_at_once, run_in_turn

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
# A trading day's first instant, and the next one's.
DAYS = {
    "a day of 23 hours": (
        ("America/New_York", "00:00"),
        "2026-03-08T05:00Z",
        "2026-03-09T04:00Z",
    ),
    "a day of 25 hours": (
        ("America/New_York", "00:00"),
        "2026-11-01T04:00Z",
        "2026-11-02T05:00Z",
    ),
    "its midnight comes twice": (
        ("America/Havana", "00:00"),
        "2026-11-01T04:00Z",
        "2026-11-02T05:00Z",
    ),
    "another's yesterday": (
        ("Asia/Tokyo", "00:00"),
        "2026-03-10T15:00Z",
        "2026-03-11T15:00Z",
    ),
    "a quarter of an hour off": (
        ("Asia/Kathmandu", "00:00"),
        "2026-03-10T18:15Z",
        "2026-03-11T18:15Z",
    ),
    "midnight in Prague, 23 hours": (
        ("Europe/Prague", "00:00"),
        "2026-03-28T23:00Z",
        "2026-03-29T22:00Z",
    ),
    "from 17:00 in Chicago, 23 hours": (
        ("America/Chicago", "17:00"),
        "2026-03-07T23:00Z",
        "2026-03-08T22:00Z",
    ),
    "from 17:00 in Chicago, 25 hours": (
        ("America/Chicago", "17:00"),
        "2026-10-31T22:00Z",
        "2026-11-01T23:00Z",
    ),
    "from a time that the clocks skip": (
        ("America/New_York", "02:30"),
        "2026-03-08T07:00Z",
        "2026-03-09T06:30Z",
    ),
    "from a time that comes twice": (
        ("America/New_York", "01:30"),
        "2026-11-01T05:30Z",
        "2026-11-02T06:30Z",
    ),
}


@pytest.fixture(params=DAYS.values(), ids=DAYS)
def day(request: Any) -> tuple[Portfolio, datetime, datetime]:
    """A portfolio of 1000 wholly in BTCUSDT, its day's begin and end; limit 3 %."""
    (zone, starts_at), begin, end = request.param
    portfolio = PortfolioFactory(
        time_zone=zone,
        day_starts_at=time.fromisoformat(starts_at),
        daily_loss_limit_pct=Decimal(3),
    )
    TradeFactory(portfolio=portfolio)
    return portfolio, datetime.fromisoformat(begin), datetime.fromisoformat(end)


def mark(portfolio: Portfolio, loss: str, *times: datetime) -> list[TradingHalt]:
    """Mark the position so that this much is lost in all; the halts there are then."""
    price = 50000 - Decimal(loss) / Decimal("0.02")
    for at in times:
        mark_positions(user=portfolio.user, marks=[Mark("BTCUSDT", price)], now=at)
    return list(TradingHalt.objects.order_by("pk"))


# The trading day


def test_marks_before_and_at_a_days_start_are_losses_of_two_days(day: Any) -> None:
    portfolio, begin, _ = day
    assert mark(portfolio, "20", begin - SECOND) == []
    assert mark(portfolio, "40", begin) == []  # 20 of the 980 it began with


def test_both_marks_before_a_days_end_are_one_loss_and_halt_until_then(
    day: Any,
) -> None:
    portfolio, begin, _ = day
    assert mark(portfolio, "20", begin - 9 * SECOND) == []
    [halt] = mark(portfolio, "40", begin - 6 * SECOND, begin - SECOND)
    assert (halt.cause, halt.halted_until) == (HaltCause.DAILY_LOSS, begin)
    # Then it is over, and the same loss is none of the new day's.
    assert mark(portfolio, "40", begin) == [halt]
    assert fresh(portfolio).trading_state == TradingState.ACTIVE


@pytest.mark.parametrize(("loss", "halts"), [("49.39", 0), ("49.4", 1)])
def test_the_limit_is_of_what_the_day_began_with(
    day: Any, loss: str, halts: int
) -> None:
    portfolio, begin, following = day
    mark(portfolio, "20", begin - SECOND)
    mark(portfolio, "30", begin)
    times = following - 6 * SECOND, following - SECOND
    found = mark(portfolio, loss, *times)  # 3 % of 980 are 29.4
    assert [halt.halted_until for halt in found] == [following] * halts


def test_closes_before_and_at_a_days_start_are_losses_of_two_days(day: Any) -> None:
    portfolio, begin, following = day
    book_profit(fresh(portfolio), Decimal(-20), at=begin - SECOND)
    book_profit(fresh(portfolio), Decimal(-20), at=begin)
    assert not TradingHalt.objects.exists()
    book_profit(fresh(portfolio), Decimal(-20), at=following - SECOND)
    assert TradingHalt.objects.get().halted_until == following


# What is over


@pytest.fixture
def portfolio() -> Portfolio:
    return GoalFactory(portfolio=PortfolioFactory()).portfolio


def tell(portfolio: Portfolio) -> str:
    answer = client_of(portfolio.user).get(f"/api/portfolios/{portfolio.pk}/")
    return str(answer.json()["trading_state"])


def listed(portfolio: Portfolio, **asked: str) -> dict[int, str]:
    answer = client_of(portfolio.user).get("/api/portfolios/", asked)
    return {
        one["portfolio_id"]: one["trading_state"] for one in answer.json()["results"]
    }


def test_a_halt_of_a_day_that_is_over_is_told_as_over(portfolio: Portfolio) -> None:
    Portfolio.objects.filter(pk=portfolio.pk).update(daily_loss_limit_pct=Decimal(3))
    book_profit(fresh(portfolio), Decimal(-30))
    assert fresh(portfolio).trading_state == TradingState.HALTED

    client_of(portfolio.user)  # its token is a row of its own
    assert tell(portfolio) == "active"
    assert listed(portfolio)[portfolio.pk] == "active"
    assert portfolio.pk in listed(portfolio, trading_state="active")
    assert listed(portfolio, trading_state="halted") == {}
    # Reading wrote nothing; the next decision does.
    assert fresh(portfolio).trading_state == TradingState.HALTED
    client = client_of(portfolio.user)
    with nothing_changes():
        client.get(f"/api/portfolios/{portfolio.pk}/")


def test_a_halt_that_a_person_must_end_is_told_for_good(portfolio: Portfolio) -> None:
    book_profit(portfolio, Decimal(-200))
    assert tell(portfolio) == "halted"
    assert listed(portfolio, trading_state="halted") == {portfolio.pk: "halted"}
    assert portfolio.pk not in listed(portfolio, trading_state="active")


def test_many_halted_portfolios_are_told_in_as_many_statements_as_one(
    portfolio: Portfolio,
) -> None:
    book_profit(portfolio, Decimal(-200))
    client = client_of(portfolio.user)
    counts = []
    for _ in range(2):
        with count_statements() as said:
            client.get("/api/portfolios/")
        counts.append(len(said))
        for _more in range(3):
            book_profit(PortfolioFactory(user=portfolio.user), Decimal(-200))
    assert counts[0] == counts[1]


# Two at once

TO_THE_LIMIT = 37500  # 0.02 bought at 50000: a loss of 250, each beyond 20 % of 1000


@pytest.mark.django_db(transaction=True)
def test_two_closes_that_both_cross_the_hard_limit_write_one_halt() -> None:
    portfolio = GoalFactory().portfolio
    one, other = TradeFactory(portfolio=portfolio), TradeFactory(portfolio=portfolio)
    results = run_in_turn(
        closing(one, TO_THE_LIMIT),
        closing(other, TO_THE_LIMIT),
        pause_at="goals.services.halts.write_halt",
    )
    assert [closed.profit_loss for closed in results] == [-250, -250]
    halt = TradingHalt.objects.get()
    assert halt.cause == HaltCause.HARD_DRAWDOWN
    assert fresh(portfolio).trading_state == TradingState.HALTED
    assert fresh(portfolio).equity == 500


@pytest.mark.django_db(transaction=True)
def test_no_two_closes_look_at_the_limits_at_once() -> None:
    portfolio = GoalFactory().portfolio
    trades = [TradeFactory(portfolio=portfolio) for _ in range(2)]
    with nobody_meets_at("goals.services.confirming.find_breaches"):
        run_at_once(*[closing(trade, TO_THE_LIMIT) for trade in trades])
    assert TradingHalt.objects.count() == 1
    row, _ = size_for_portfolio(
        user=portfolio.user,
        portfolio=portfolio.pk,
        now=TradingHalt.objects.get().halted_at,
        base_size=Decimal(100),
    )
    assert row.verdict == Verdict.BLOCK
