"""Any story of marks, flows, parts, additions and voids, held against plain fractions.

The oracle knows the rule alone: between two flows a portfolio grows by its live values.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from goals.models import CarriedProfit, CashFlow, LedgerDay, Portfolio
from goals.services.goals import create_goal
from goals.services.portfolios import record_cash_flow
from goals.services.voids import void_cash_flow
from goals.tests.factories import PortfolioFactory
from mastertrade.values.exceptions import DomainError
from tests.examples import examples
from trades.booking.add import add_to_trade
from trades.booking.cash_flows import UnrealizedProfit, record_valued_cash_flow
from trades.booking.close import close_trade
from trades.booking.exits import measure_open_pnl
from trades.booking.mark import Mark, mark_positions
from trades.booking.reconcile import find_drift
from trades.booking.void import void_trade
from trades.models import Position, Trade
from trades.tests.factories import TradeFactory

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
LATE = BEGIN + timedelta(days=300)
NEARLY = Fraction(1, 10**10)
ENTRY = Decimal(1000)

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.sampled_from(["A", "B"]), st.booleans()),
        st.tuples(st.just("mark"), st.sampled_from(["A", "B"]), st.integers(960, 1040)),
        st.tuples(st.just("flow"), st.integers(-60, 200), st.just(0)),
        st.tuples(st.just("part"), st.integers(0, 5), st.integers(960, 1040)),
        st.tuples(st.just("close"), st.integers(0, 5), st.integers(960, 1040)),
        st.tuples(st.just("add"), st.integers(0, 5), st.integers(960, 1040)),
    ),
    min_size=4,
    max_size=18,
)


@dataclass
class Oracle:
    """What the portfolio is worth live, and how it grew between its flows."""

    cash: Fraction
    growth: Fraction = Fraction(1)
    began_with: Fraction = field(init=False)

    def __post_init__(self) -> None:
        self.began_with = self.cash

    def value(self, open_pnl: Decimal) -> Fraction:
        return self.growth * (self.cash + Fraction(open_pnl)) / self.began_with

    def flow(self, amount: Decimal, open_pnl: Decimal) -> None:
        self.growth = self.value(open_pnl)
        self.cash += Fraction(amount)
        self.began_with = self.cash + Fraction(open_pnl)


def open_profits(portfolio: Portfolio) -> dict[int, Decimal]:
    rows = Position.objects.filter(portfolio=portfolio, status="open")
    return {
        row.trade_id: measure_open_pnl(row.trade, row.current_price)
        for row in rows.exclude(marked_at=None).select_related("trade")
    }


def close_to(value: Decimal, fraction: Fraction) -> bool:
    return abs(Fraction(value) - fraction) <= NEARLY * max(1, fraction)


class Story:
    def __init__(self) -> None:
        self.portfolio = PortfolioFactory(
            now=BEGIN,
            opening_balance=Decimal(10000),
            hard_drawdown_pct=Decimal(100),
            soft_drawdown_pct=Decimal(100),
        )
        create_goal(
            user=self.portfolio.user,
            portfolio=self.portfolio.pk,
            goal_type="yearly_return",
            target_value=Decimal(500),
            as_of=BEGIN,
        )
        self.oracle = Oracle(Fraction(10000))
        self.at = BEGIN

    def fresh(self) -> Portfolio:
        return Portfolio.objects.get(pk=self.portfolio.pk)

    def tell(self, what: str, first: Any, second: Any) -> None:
        self.at += timedelta(hours=7)
        getattr(self, what)(first, second)

    def open(self, symbol: str, is_long: bool) -> None:
        TradeFactory(
            portfolio=self.portfolio,
            symbol=symbol,
            side="LONG" if is_long else "SHORT",
            quantity=Decimal(10),
            entry_price=ENTRY,
            fees=Decimal(3),
            entry_time=self.at,
            now=self.at,
        )

    def mark(self, symbol: str, price: int) -> None:
        mark_positions(
            user=self.portfolio.user,
            marks=[Mark(symbol, Decimal(price), self.at)],
            now=self.at,
        )

    def flow(self, percent: int, _: int) -> None:
        before = self.fresh()
        opened = sum(open_profits(self.portfolio).values(), Decimal(0))
        amount = (before.live_equity * percent / 100).quantize(Decimal("0.01"))
        if amount == 0:
            return
        try:
            record_cash_flow(
                user=self.portfolio.user,
                portfolio=self.portfolio.pk,
                amount=amount,
                at=self.at,
                now=self.at,
            )
        except DomainError:
            return
        self.oracle.flow(amount, opened)
        after = self.fresh()
        assert after.unit_value == before.unit_value
        assert after.peak_unit_value == before.peak_unit_value
        assert abs(after.drawdown_pct - before.drawdown_pct) <= Decimal("0.000001")
        assert after.trading_state == before.trading_state

    def _open_trade(self, index: int) -> Trade | None:
        mine = Trade.objects.filter(portfolio=self.portfolio, status="open")
        found = list(mine.order_by("pk"))
        return found[index % len(found)] if found else None

    def part(self, index: int, price: int) -> None:
        trade = self._open_trade(index)
        if trade is not None and trade.quantity > 3:
            self._close(trade, price, Decimal(3))

    def close(self, index: int, price: int) -> None:
        trade = self._open_trade(index)
        if trade is not None:
            self._close(trade, price, None)

    def _close(self, trade: Trade, price: int, quantity: Decimal | None) -> None:
        booked = close_trade(
            user=trade.user,
            trade_id=trade.pk,
            exit_price=Decimal(price),
            exit_time=self.at,
            fees=Decimal(1),
            quantity=quantity,
            now=self.at,
        )
        self.oracle.cash += Fraction(booked.profit_loss)

    def add(self, index: int, price: int) -> None:
        trade = self._open_trade(index)
        if trade is None:
            return
        add_to_trade(
            user=trade.user,
            trade_id=trade.pk,
            quantity=Decimal(5),
            entry_price=Decimal(price),
            fees=Decimal(2),
            at=self.at,
            now=self.at,
        )


@pytest.mark.slow
class AnyStory(TestCase):
    @examples(60)
    @given(steps=STEPS)
    def test_the_return_is_the_product_over_live_values_between_flows(
        self, steps: list[tuple[str, Any, Any]]
    ) -> None:
        story = Story()
        for step in steps:
            story.tell(*step)
            row = story.fresh()
            opened = sum(open_profits(story.portfolio).values(), Decimal(0))
            if story.oracle.cash + Fraction(opened) < 3000:
                return  # near ruin other rules hold
            assert row.unrealized_pnl == opened
            live = (Fraction(row.equity) + Fraction(opened)) / Fraction(row.units)
            assert abs(live - story.oracle.value(opened)) < NEARLY
            carried = sum(
                CarriedProfit.objects.filter(portfolio=row).values_list(
                    "change", flat=True
                ),
                Decimal(0),
            )
            assert row.carried == carried
            assert [str(drift) for drift in find_drift([row.pk])] == []
        while (trade := story._open_trade(0)) is not None:
            story.at += timedelta(hours=1)
            story._close(trade, 1000, None)
        row = story.fresh()
        assert row.carried == 0
        assert close_to(row.unit_value, story.oracle.value(Decimal(0)))


@dataclass(frozen=True)
class Event:
    """At an hour: a flow with the price that is then told, a part, or a close."""

    hour: int
    what: str
    number: int


EVENTS = st.lists(
    st.builds(
        Event,
        hour=st.integers(48, 600),
        what=st.sampled_from(["flow", "flow", "part"]),
        number=st.integers(970, 1060),
    ),
    min_size=2,
    max_size=6,
    unique_by=lambda event: event.hour,
)


@pytest.mark.slow
class AnyOrder(TestCase):
    """One trade of 12 with fees of 12 was enlarged by 3; then things come late."""

    def _begin(self) -> tuple[Portfolio, Trade]:
        portfolio = PortfolioFactory(
            now=BEGIN, opening_balance=Decimal(10000), day_starts_at=time(17)
        )
        trade = TradeFactory(
            portfolio=portfolio,
            quantity=Decimal(12),
            entry_price=ENTRY,
            fees=Decimal(12),
            entry_time=BEGIN + timedelta(hours=1),
            now=BEGIN + timedelta(hours=1),
        )
        add_to_trade(
            user=portfolio.user,
            trade_id=trade.pk,
            quantity=Decimal(3),
            entry_price=ENTRY,
            fees=Decimal(3),
            at=BEGIN + timedelta(hours=2),
            now=BEGIN + timedelta(hours=2),
        )
        return portfolio, trade

    def _book(self, portfolio: Portfolio, trade: Trade, event: Event) -> Any:
        at = BEGIN + timedelta(hours=event.hour)
        if event.what == "part":
            return close_trade(
                user=portfolio.user,
                trade_id=trade.pk,
                exit_price=Decimal(event.number),
                exit_time=at,
                quantity=Decimal(2),
                now=LATE,
            ).booked
        rows = [trade, *trade.parts.filter(status="closed", exit_time__gt=at)]
        trade.refresh_from_db()
        quantity = trade.quantity + sum((row.quantity for row in rows[1:]), Decimal(0))
        profit = (event.number - ENTRY) * quantity
        flow, _ = record_valued_cash_flow(
            user=portfolio.user,
            portfolio=portfolio.pk,
            amount=Decimal((event.number - 1000) * 50 or 500),
            at=at,
            now=LATE,
            unrealized=[UnrealizedProfit(trade.pk, profit)],
        )
        return flow

    def _void(self, portfolio: Portfolio, row: Any) -> None:
        if isinstance(row, CashFlow):
            void_cash_flow(
                user=portfolio.user,
                portfolio_id=portfolio.pk,
                cash_flow_id=row.pk,
                reason="mistaken",
                now=LATE,
            )
        else:
            void_trade(
                user=portfolio.user, trade_id=row.pk, reason="mistaken", now=LATE
            )

    def _figures(self, portfolio: Portfolio) -> list[Any]:
        row = Portfolio.objects.get(pk=portfolio.pk)
        names = ("equity", "units", "unit_value", "peak_unit_value", "carried")
        days = LedgerDay.objects.filter(portfolio=row).order_by("day", "part")
        return [
            *(getattr(row, name) for name in names),
            *days.values_list(
                "day", "part", "equity", "units", "unit_value", "carried"
            ),
        ]

    @examples(40)
    @given(events=EVENTS, data=st.data())
    def test_late_flows_and_parts_end_where_an_orderly_ledger_does(
        self, events: list[Event], data: st.DataObject
    ) -> None:
        portfolio, trade = self._begin()
        rows = {}
        for event in data.draw(st.permutations(events), label="arriving"):
            try:
                rows[event] = self._book(portfolio, trade, event)
            except DomainError:
                return
            assert [str(drift) for drift in find_drift([portfolio.pk])] == []
        void = data.draw(st.sampled_from([None, *events]), label="void")
        if void is not None and void.what == "flow":
            self._void(portfolio, rows[void])
            assert [str(drift) for drift in find_drift([portfolio.pk])] == []
        orderly, other = self._begin()
        for event in sorted(events, key=lambda event: event.hour):
            if event != void or event.what == "part":
                self._book(orderly, other, event)
        assert self._figures(portfolio) == self._figures(orderly)
