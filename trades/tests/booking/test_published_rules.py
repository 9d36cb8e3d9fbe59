"""Figures of published rule examples, on portfolios as presets make them.

Numbers only, of the pages named at each; where a page leaves a reading open the harder
one is proven, and the test's name or docstring says which.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.enums import DrawdownMode, GoalStatus, HaltCause
from goals.models import FinancialGoal, Portfolio, TradingHalt
from goals.services.challenges import create_challenge
from goals.services.figures_at import read_figures
from goals.services.floors import read_floors
from goals.tests.factories import PortfolioFactory, UserFactory
from trades.booking.mark import Mark, mark_positions
from trades.tests.factories import TradeFactory, book_profit

pytestmark = pytest.mark.django_db
# Winter: 11:00 in Prague, 04:00 in Chicago, all of one trading day of every preset.
MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def challenge(preset: str, **fields: Any) -> Portfolio:
    """Opened the day before the first trade."""
    return create_challenge(
        user=UserFactory(), name="firm", preset=preset, now=MONDAY - DAY, **fields
    )


def of_100k(**limits: Any) -> Portfolio:
    """100,000 USD whose floor lies 3,000 below, as in the rule semantics' examples."""
    settings = {
        "opening_balance": Decimal(100_000),
        "drawdown_of": "start",
        "hard_drawdown_pct": Decimal(3),
        "soft_drawdown_pct": Decimal(3),
        "floor_in": "money",
        "now": MONDAY - DAY,
    }
    return PortfolioFactory(**{**settings, **limits})


def book(portfolio: Portfolio, profit: int, day: int = 0, hour: int = 0) -> None:
    book_profit(
        portfolio, Decimal(profit), at=MONDAY + day * DAY + hour * HOUR, override=True
    )


def float_to(portfolio: Portfolio, *profits: int, day: int = 0, hour: int = 0) -> None:
    """An open position that stands at these profits, each confirmed by a mark."""
    at = MONDAY + day * DAY + hour * HOUR
    trade = TradeFactory(
        portfolio=portfolio,
        symbol="ES",
        quantity=Decimal(100),
        entry_price=Decimal(5000),
        entry_time=at,
        now=at,
    )
    for place, profit in enumerate(profits):
        for second in (0, 10):
            seen = at + timedelta(minutes=1 + place, seconds=second)
            price = Decimal(5000) + Decimal(profit) / 100
            marks = [Mark(trade.symbol, price, seen)]
            mark_positions(user=portfolio.user, marks=marks, now=seen)


def floors(portfolio: Portfolio, day: int) -> tuple[Decimal, Decimal | None]:
    """The hard and the daily floor in money, late on that day."""
    at = MONDAY + day * DAY + 9 * HOUR
    portfolio = Portfolio.objects.get(pk=portfolio.pk)
    found = read_floors(read_figures(portfolio, at), at, with_day=True).floors
    daily = None if found.daily is None else found.money(found.daily)
    return found.money(found.hard), daily


def breaches(portfolio: Portfolio) -> set[str]:
    return set(
        TradingHalt.objects.filter(portfolio=portfolio).values_list("cause", flat=True)
    )


def status(portfolio: Portfolio) -> str:
    return FinancialGoal.objects.get(portfolio=portfolio).status


# FTMO, two steps: academy.ftmo.com, maximum daily loss and maximum loss.


def test_the_day_s_floor_of_200_000_after_a_profit_of_4_000_is_194_000() -> None:
    """5 % of the initial balance below the balance at midnight."""
    account = challenge("ftmo-2-step-100k", opening_balance=Decimal(200_000))
    assert floors(account, 0) == (180_000, 190_000)
    book(account, 4_000)
    assert floors(account, 0) == (180_000, 190_000)
    assert floors(account, 1) == (180_000, 194_000)


@pytest.mark.parametrize(("floating", "fails"), [(-1_999, False), (-2_001, True)])
def test_at_a_balance_of_92_000_a_floating_loss_of_2_001_is_too_much(
    floating: int, fails: bool
) -> None:
    account = challenge("ftmo-2-step-100k")
    book(account, -4_000, day=0)
    book(account, -4_000, day=1)
    float_to(account, floating, day=2)
    assert (HaltCause.HARD_DRAWDOWN in breaches(account)) is fails
    assert status(account) == (GoalStatus.FAILED if fails else GoalStatus.ACTIVE)


def test_reaching_the_limit_itself_is_the_breach() -> None:
    """The page says "below": the harder reading."""
    account = challenge("ftmo-2-step-100k")
    for day in range(2):
        book(account, -4_000, day=day)
    float_to(account, -2_000, day=2)
    assert status(account) == GoalStatus.FAILED


# Topstep: help.topstep.com, what is the maximum loss limit.


def test_the_floor_of_50_000_follows_the_end_of_day_and_locks_at_the_start() -> None:
    account = challenge("topstep-combine-50k")
    assert floors(account, 0)[0] == 48_000
    book(account, 500)
    assert floors(account, 0)[0] == 48_000  # not before the day's end
    assert floors(account, 1)[0] == 48_500
    book(account, -500, day=1)
    assert floors(account, 2)[0] == 48_500
    book(account, 2_500, day=2)
    assert floors(account, 3)[0] == 50_000
    book(account, 400, day=3)
    assert floors(account, 4)[0] == 50_000


# E8 One: help.e8markets.com, drawdown of an E8 One account.


def test_the_floor_of_100_000_rises_with_each_close_and_locks_at_the_start() -> None:
    account = challenge("e8-one-100k")
    assert floors(account, 0)[0] == 94_000
    book(account, 1_000)
    assert floors(account, 0)[0] == 95_000  # at once
    book(account, 6_000, hour=1)
    assert floors(account, 0)[0] == 100_000
    book(account, -2_000, hour=2)
    assert floors(account, 0)[0] == 100_000


# The rule semantics of LuxAlgo/prop-firm-sim, docs/rule-semantics.md.


def test_an_end_of_day_floor_ignores_the_day_s_spike_and_fails_above_the_start() -> (
    None
):
    account = of_100k(drawdown_mode=DrawdownMode.END_OF_DAY)
    float_to(account, 4_000)  # and closes at 99,500
    book(account, -500, hour=1)
    trade = account.trades.get(symbol="ES")
    mark_positions(
        user=account.user,
        marks=[Mark("ES", trade.entry_price, MONDAY + 2 * HOUR)],
        now=MONDAY + 2 * HOUR,
    )
    assert floors(account, 1)[0] == 97_000
    book(account, 5_000, day=1)
    assert floors(account, 2)[0] == 101_500
    assert not breaches(account)
    book(account, -3_500, day=2)  # 101,000
    assert breaches(account) == {HaltCause.HARD_DRAWDOWN}


@pytest.mark.parametrize(
    ("mode", "floor", "fails"), [("trailing", 99_000, True), ("static", 97_000, False)]
)
def test_98_500_after_a_live_peak_of_102_000_fails_only_where_the_peak_trails(
    mode: str, floor: int, fails: bool
) -> None:
    account = of_100k(drawdown_mode=mode)
    float_to(account, 2_000, -1_500)
    assert floors(account, 0)[0] == floor
    assert bool(breaches(account)) is fails


@pytest.mark.parametrize(
    ("lock", "floor", "fails"),
    [(None, 101_000, True), (Decimal(1), 100_000, False)],
)
def test_a_locked_floor_survives_100_100_after_104_000(
    lock: Decimal | None, floor: int, fails: bool
) -> None:
    account = of_100k(drawdown_mode="trailing", drawdown_locks_at=lock)
    float_to(account, 4_000, 100)
    assert floors(account, 0)[0] == floor
    assert bool(breaches(account)) is fails


@pytest.mark.parametrize(
    ("price", "lock", "fails"),
    [(150, "1.001", False), (50, "1.001", True), (50, "1", False)],
)
def test_a_lock_a_little_above_the_start_is_exact(
    price: int, lock: str, fails: bool
) -> None:
    account = of_100k(drawdown_mode="trailing", drawdown_locks_at=Decimal(lock))
    float_to(account, 4_000, price)
    assert bool(breaches(account)) is fails


@pytest.mark.parametrize(
    ("of", "floor", "fails"), [("start", 97_000, True), ("day_start", 96_900, False)]
)
def test_96_950_after_a_day_that_closed_at_102_000(
    of: str, floor: int, fails: bool
) -> None:
    """5 % of the start against 5 % of the day's own beginning."""
    account = of_100k(
        drawdown_mode="static",
        hard_drawdown_pct=Decimal(50),
        soft_drawdown_pct=Decimal(50),
        daily_loss_limit_pct=Decimal(5),
        daily_loss_of=of,
    )
    book(account, 2_000)
    assert floors(account, 1)[1] == floor
    float_to(account, -5_050, day=1)
    assert breaches(account) == ({HaltCause.DAILY_LOSS} if fails else set())


def test_a_day_of_minus_6_000_then_plus_2_000_is_breached_in_between() -> None:
    """Some look at the day's end only: the harder reading is any time."""
    account = of_100k(
        drawdown_mode="static",
        hard_drawdown_pct=Decimal(50),
        soft_drawdown_pct=Decimal(50),
        daily_loss_limit_pct=Decimal(5),
        daily_loss_of="start",
    )
    book(account, -6_000)
    book(account, 2_000, hour=1)
    assert breaches(account) == {HaltCause.DAILY_LOSS}


def test_the_best_day_passes_on_the_third_day_at_exactly_half_of_the_profit() -> None:
    """+3,000, +1,000, +2,000 towards 3,000 with a best day of at most 50 %."""
    account = challenge("topstep-combine-50k")
    for day, profit in enumerate((3_000, 1_000, 2_000)):
        assert status(account) == GoalStatus.ACTIVE
        book(account, profit, day=day)
    goal = FinancialGoal.objects.get(portfolio=account)
    assert goal.status == GoalStatus.ACHIEVED
    assert goal.achieved_at == MONDAY + 2 * DAY
