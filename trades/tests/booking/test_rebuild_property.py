"""Whatever the order in which the past is learned, the figures are the same."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from goals.models import LedgerDay, Portfolio
from goals.services.goals import create_goal
from goals.services.portfolios import record_cash_flow
from goals.services.rollover import roll_goals
from goals.services.voids import void_cash_flow
from goals.tests.factories import PortfolioFactory
from mastertrade.values.exceptions import InsufficientEquity
from tests.examples import examples
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.reconcile import find_drift, mend_drift
from trades.booking.void import void_trade
from trades.tests.factories import TradeFactory, book_profit

BEGIN = datetime(2026, 2, 27, tzinfo=UTC)
END = datetime(2026, 4, 6, tzinfo=UTC)
ZONES = ("UTC", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe")
# When trading days begin: at midnight, in the evening, where clocks skip or repeat.
STARTS = (time(0), time(17), time(2, 15))
KINDS = (
    "monthly_return",
    "monthly_income",
    "quarterly_return",
    "yearly_income",
    "portfolio_value",
)
FIGURES = (
    "equity",
    "units",
    "unit_value",
    "unit_run",
    "realized_pnl",
    "peak_unit_value",
    "drawdown_pct",
    "last_entry_at",
)
GOAL_FIGURES = (
    "goal_type",
    "start_date",
    "current_value",
    "progress_pct",
    "status",
    "start_unit_value",
    "start_realized_pnl",
)


@dataclass(frozen=True)
class Event:
    at: datetime
    what: str
    amount: Decimal


def times() -> st.SearchStrategy[datetime]:
    """Instants around which days and months turn in some of the zones, and others."""
    near = st.sampled_from(
        [
            datetime(2026, 3, 1, tzinfo=UTC),
            datetime(2026, 3, 1, 5, tzinfo=UTC),  # midnight in New York
            datetime(2026, 2, 28, 15, tzinfo=UTC),  # midnight in Tokyo
            datetime(2026, 3, 8, 7, tzinfo=UTC),  # clocks change in New York
            datetime(2026, 4, 1, 4, tzinfo=UTC),
            datetime(2026, 3, 31, 21, tzinfo=UTC),  # 17:00 in New York
            datetime(2026, 3, 31, 8, tzinfo=UTC),  # 17:00 in Tokyo
            datetime(2026, 4, 4, 15, tzinfo=UTC),  # clocks change on Lord Howe
        ]
    )
    steps = st.sampled_from([-1, 0, 1]).map(lambda n: timedelta(microseconds=n))
    anywhere = st.integers(0, int((END - BEGIN).total_seconds())).map(
        lambda seconds: BEGIN + timedelta(seconds=seconds)
    )
    return st.one_of(st.builds(lambda at, step: at + step, near, steps), anywhere)


def events() -> st.SearchStrategy[list[Event]]:
    amounts = st.decimals(
        min_value=Decimal(-700), max_value=Decimal(500), places=6
    ).filter(bool)
    one = st.builds(
        Event, times(), st.sampled_from(["trade", "trade", "flow"]), amounts
    )
    # Of one instant, the order of booking counts; so instants differ.
    return st.lists(one, min_size=1, max_size=7, unique_by=lambda event: event.at)


def make_portfolio(zone: str, starts_at: time = STARTS[0]) -> Portfolio:
    portfolio = PortfolioFactory(time_zone=zone, day_starts_at=starts_at, now=BEGIN)
    for kind in KINDS:
        create_goal(
            user=portfolio.user,
            portfolio=portfolio.pk,
            goal_type=kind,
            target_value=Decimal(1200 if kind == "portfolio_value" else 3),
            start_value=Decimal(900) if kind == "portfolio_value" else None,
            start_date=date(2026, 3, 1),
            recurring=kind == "monthly_return",
            as_of=BEGIN,
        )
    return portfolio


def book(portfolio: Portfolio, event: Event, now: datetime) -> Any:
    """The trade or the cash flow; None where it is refused."""
    try:
        if event.what == "trade":
            # Where the hard drawdown halts depends on the order of arrival.
            return book_profit(portfolio, event.amount, at=event.at, override=True)
        flow, _ = record_cash_flow(
            user=portfolio.user,
            portfolio=portfolio.pk,
            amount=event.amount,
            at=event.at,
            now=now,
        )
    except InsufficientEquity:
        return None
    return flow


def void(row: Any, now: datetime) -> bool:
    try:
        if hasattr(row, "trade_id"):
            void_trade(user=row.user, trade_id=row.pk, reason="mistaken", now=now)
        else:
            void_cash_flow(
                user=row.portfolio.user,
                portfolio_id=row.portfolio_id,
                cash_flow_id=row.pk,
                reason="mistaken",
                now=now,
            )
    except InsufficientEquity:
        return False
    return True


def goals_of(portfolio: Portfolio) -> Any:
    fresh = Portfolio.objects.get(pk=portfolio.pk)
    return (
        [getattr(fresh, name) for name in FIGURES],
        [
            [getattr(goal, name) for name in GOAL_FIGURES]
            for goal in fresh.goals.order_by("goal_type", "start_date")
        ],
    )


def figures_of(portfolio: Portfolio) -> Any:
    fresh = Portfolio.objects.get(pk=portfolio.pk)
    return (
        goals_of(fresh),
        list(
            LedgerDay.objects.filter(portfolio=fresh)
            .order_by("day", "part")
            .values_list(
                "day", "part", "entries", "equity", "units", "unit_value", "high_equity"
            )
        ),
    )


def assert_no_drift(portfolio: Portfolio) -> None:
    assert [str(row) for row in find_drift([portfolio.pk])] == []


@pytest.mark.slow
class AnyOrder(TestCase):
    @examples(25)
    @given(
        answer=events(),
        zone=st.sampled_from(ZONES),
        starts_at=st.sampled_from(STARTS),
        data=st.data(),
    )
    def test_late_and_voided_entries_end_where_an_orderly_ledger_does(
        self, answer: list[Event], zone: str, starts_at: time, data: st.DataObject
    ) -> None:
        portfolio = make_portfolio(zone, starts_at)
        arriving = data.draw(st.permutations(answer), label="arriving")
        kept: list[Event] = []
        for event in arriving:
            row = book(portfolio, event, END)
            assert_no_drift(portfolio)
            if row is None:
                continue
            kept.append(event)
            if data.draw(st.booleans(), label="void it") and void(row, END):
                kept.remove(event)
                assert_no_drift(portfolio)
        in_order = make_portfolio(zone, starts_at)
        by_midnight = make_portfolio(zone)
        for event in sorted(kept, key=lambda event: event.at):
            assert book(in_order, event, event.at) is not None
            assert book(by_midnight, event, event.at) is not None
        roll_goals(as_of=END)
        assert figures_of(portfolio) == figures_of(in_order)
        # Goals' periods are local dates, whenever trading days begin.
        assert goals_of(portfolio) == goals_of(by_midnight)
        assert_no_drift(portfolio)


@pytest.mark.django_db
def test_parts_marks_and_a_late_close_leave_no_drift():
    portfolio = make_portfolio("UTC")
    first = TradeFactory(
        portfolio=portfolio, entry_time=BEGIN, quantity=Decimal("0.07")
    )
    mark_positions(
        user=portfolio.user, marks=[Mark("BTCUSDT", Decimal(53000), BEGIN)], now=END
    )
    for days, quantity in ((9, "0.03"), (4, "0.01"), (20, None)):
        close_trade(
            user=portfolio.user,
            trade_id=first.pk,
            exit_price=Decimal(51000),
            exit_time=BEGIN + timedelta(days=days),
            quantity=None if quantity is None else Decimal(quantity),
            now=END,
        )
        assert_no_drift(portfolio)


@pytest.mark.django_db
def test_what_was_deleted_by_hand_is_found_and_mended():
    portfolio = make_portfolio("UTC")
    book_profit(portfolio, Decimal(50), at=BEGIN + timedelta(days=5))
    trade = book_profit(portfolio, Decimal(30), at=BEGIN + timedelta(days=6))
    trade.delete()
    assert list(find_drift([portfolio.pk]))
    mend_drift(portfolio.pk, END)
    assert_no_drift(portfolio)
    assert Portfolio.objects.get(pk=portfolio.pk).equity == 1050
