"""Conditions of goals hold from the same moment on, in whatever order trades come."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from goals.decisions.periods import trading_day
from goals.models import FinancialGoal, Portfolio
from goals.services.goals import create_goal
from goals.services.rollover import roll_goals
from goals.tests.factories import PortfolioFactory
from tests.examples import examples
from trades.booking.close import close_trade
from trades.booking.open import record_closed_trade
from trades.booking.reconcile import find_drift
from trades.booking.void import void_trade
from trades.models import Trade
from trades.tests.factories import TradeFactory, ensure_strategy

BEGIN = datetime(2026, 2, 27, tzinfo=UTC)
END = datetime(2026, 4, 6, tzinfo=UTC)
STEP = timedelta(hours=5)  # so that some trading days have several entries
STEPS = (END - BEGIN) // STEP
OPENED_WITH = 1000
# In percent of what there was when the period began, and in money.
KINDS = (("monthly_return", 3), ("monthly_income", 30))
CONDITIONS: tuple[tuple[int | None, int | None], ...] = (
    (1, None),
    (3, None),
    (None, 40),
    (2, 60),
)
ZONES = (
    ("UTC", time.min),
    ("America/New_York", time.min),
    ("America/Chicago", time(17)),
)


@dataclass(frozen=True)
class Deal:
    """A trade of these times; one without an exit stays open."""

    entered_at: datetime
    ended_at: datetime | None
    profit: int


def deals() -> st.SearchStrategy[list[Deal]]:
    """No two entries or exits at the same moment: there the order of booking counts."""

    def make(steps: list[int], profits: list[int], left_open: list[bool]) -> list[Deal]:
        times = [BEGIN + STEP * step for step in steps]
        made = []
        for n, (profit, is_open) in enumerate(zip(profits, left_open, strict=True)):
            entered_at, ended_at = sorted(times[2 * n : 2 * n + 2])
            made.append(Deal(entered_at, None if is_open else ended_at, profit))
        return made

    def of(count: int) -> st.SearchStrategy[list[Deal]]:
        steps = st.lists(
            st.integers(0, STEPS - 1),
            min_size=2 * count,
            max_size=2 * count,
            unique=True,
        )
        profits = st.lists(
            st.sampled_from([-20, 5, 12, 20, 35]), min_size=count, max_size=count
        )
        left_open = st.lists(
            st.sampled_from([False, False, True]), min_size=count, max_size=count
        )
        return st.builds(make, steps, profits, left_open)

    return st.integers(1, 6).flatmap(of)


def make_portfolio(zone: str, starts_at: time) -> Portfolio:
    portfolio = PortfolioFactory(time_zone=zone, now=BEGIN)
    Portfolio.objects.filter(pk=portfolio.pk).update(day_starts_at=starts_at)
    for (kind, target), (days, share) in product(KINDS, CONDITIONS):
        create_goal(
            user=portfolio.user,
            portfolio=portfolio.pk,
            goal_type=kind,
            target_value=Decimal(target),
            start_date=date(2026, 3, 1),
            min_trading_days=days,
            best_day_max_pct=None if share is None else Decimal(share),
            as_of=BEGIN,
        )
    return portfolio


def enter(portfolio: Portfolio, deal: Deal, *, at_once: bool) -> Trade:
    """Record it: opened and then closed, or whole."""
    price = {"quantity": Decimal(1), "entry_price": Decimal(100_000)}
    exit_price = Decimal(100_000 + deal.profit)
    if deal.ended_at is not None and at_once:
        closed, _ = record_closed_trade(
            user=portfolio.user,
            portfolio=portfolio.pk,
            strategy_id=ensure_strategy(portfolio).strategy_id,
            symbol="BTCUSDT",
            side="LONG",
            entry_time=deal.entered_at,
            exit_time=deal.ended_at,
            exit_price=exit_price,
            now=END,
            **price,
        )
        return closed.trade
    trade = TradeFactory(
        portfolio=portfolio, entry_time=deal.entered_at, now=END, override=True, **price
    )
    if deal.ended_at is not None:
        close_trade(
            user=portfolio.user,
            trade_id=trade.pk,
            exit_price=exit_price,
            exit_time=deal.ended_at,
            now=END,
        )
    return trade


def walk(goal: FinancialGoal, deals: list[Deal]) -> tuple[datetime | None, Decimal]:
    """When the goal is achieved, and its best day, by a plain walk."""
    portfolio = goal.portfolio
    rules = portfolio.time_zone, portfolio.day_starts_at
    moments = sorted(
        [(deal.entered_at, 0) for deal in deals]
        + [(deal.ended_at, deal.profit) for deal in deals if deal.ended_at]
    )
    entries = {deal.entered_at for deal in deals}
    profit, days, profits = 0, set(), dict[date, int]()
    began_with, achieved_at = OPENED_WITH, None
    for at, made in moments:
        if at < goal.period_starts_at:
            began_with += made
        if not goal.period.contains(at):
            continue
        day = trading_day(at, *rules)
        if at in entries:
            days.add(day)
        else:
            profit += made
            profits[day] = profits.get(day, 0) + made
        best = max(0, *profits.values(), 0)
        is_return = goal.goal_type == "monthly_return"
        target = Decimal(3 * began_with) / 100 if is_return else 30
        holds = profit >= target and len(days) >= (goal.min_trading_days or 0)
        if goal.best_day_max_pct is not None:
            holds = holds and best * 100 <= goal.best_day_max_pct * profit
        if holds and achieved_at is None:
            achieved_at = at
    best_day = Decimal(max(0, *profits.values(), 0))
    if goal.goal_type == "monthly_return":
        best_day = round(best_day / began_with * 100, 8)
    return achieved_at, best_day


def assert_as_walked(portfolio: Portfolio, deals: list[Deal]) -> None:
    assert [str(row) for row in find_drift([portfolio.pk])] == []
    for goal in FinancialGoal.objects.filter(portfolio=portfolio):
        achieved_at, best = walk(goal, deals)
        shown = (goal.goal_type, goal.min_trading_days, goal.best_day_max_pct)
        assert goal.achieved_at == achieved_at, shown
        assert (goal.status == "achieved") is (achieved_at is not None), shown
        if goal.best_day_max_pct is not None:
            assert goal.best_day == best, shown


@pytest.mark.slow
class ConditionsInAnyOrder(TestCase):
    @examples(25)
    @given(answer=deals(), zone=st.sampled_from(ZONES), data=st.data())
    def test_goals_are_achieved_as_a_plain_walk_has_it(
        self, answer: list[Deal], zone: tuple[str, time], data: st.DataObject
    ) -> None:
        portfolio = make_portfolio(*zone)
        arriving = data.draw(st.permutations(answer), label="arriving")
        entered: list[Deal] = []
        for deal in arriving:
            trade = enter(portfolio, deal, at_once=data.draw(st.booleans()))
            entered.append(deal)
            assert_as_walked(portfolio, entered)
            if data.draw(st.booleans(), label="void it"):
                void_trade(
                    user=portfolio.user, trade_id=trade.pk, reason="mistaken", now=END
                )
                entered.remove(deal)
                assert_as_walked(portfolio, entered)
        roll_goals(as_of=END)
        assert_as_walked(portfolio, entered)
