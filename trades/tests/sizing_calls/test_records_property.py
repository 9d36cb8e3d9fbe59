"""In whatever order the ledger is learned and asked about, a record is what it says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.db.models import Max, Min, Sum
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from goals.models import Portfolio
from goals.services.portfolios import record_cash_flow
from goals.tests.factories import GoalFactory, PortfolioFactory
from mastertrade.values.exceptions import DomainError
from strategies.tests.factories import StrategyFactory
from tests.examples import examples
from trades.booking.add import add_to_trade
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.open import open_trade
from trades.booking.reconcile import find_drift
from trades.booking.void import void_trade
from trades.models import GrowthRecord, Trade
from trades.sizing_calls import records
from trades.sizing_calls.decide import size_for_portfolio
from trades.sizing_calls.records import (
    forget_records,
    load_growths,
    load_record,
    load_records,
)
from trades.tests.growths import list_growths, plain_record

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
NOW = BEGIN + timedelta(days=20)
NAMES = ("one", "two")


@dataclass(frozen=True)
class Event:
    """Something to do at an hour, to `which` trade, by prices and amounts of `size`."""

    what: str
    hour: int
    which: int
    size: int

    @property
    def at(self) -> datetime:
        return BEGIN + timedelta(hours=self.hour)


WHATS = (
    *("open", "open", "close", "close", "part", "part", "add", "void"),
    *("mark", "flow", "flow", "ask"),
)
EVENTS = st.lists(
    st.builds(
        Event,
        st.sampled_from(WHATS),
        st.integers(0, 60),
        st.integers(0, 5),
        st.integers(-400, 400),
    ),
    min_size=3,
    max_size=16,
)


class World:
    """One user with two portfolios; every event falls on one of them, by its parity."""

    def __init__(self) -> None:
        first = PortfolioFactory(now=BEGIN)
        second = PortfolioFactory(
            user=first.user, now=BEGIN, opening_balance=Decimal(300)
        )
        self.portfolios = [first, second]
        self.user = first.user
        for name in NAMES:
            StrategyFactory(user=self.user, strategy_id=name)
        self.decisions = []
        for portfolio in self.portfolios:
            GoalFactory(portfolio=portfolio)
            self.decisions.append([self._decide(portfolio, size) for size in (0, 1)])

    def _decide(self, portfolio: Portfolio, allowed: int) -> int:
        row, _ = size_for_portfolio(
            user=self.user,
            portfolio=portfolio.pk,
            now=BEGIN,
            base_size=Decimal(70),
            min_size=None if allowed else Decimal(10**6),
        )
        return int(row.pk)

    def do(self, event: Event) -> None:
        side = event.which % 2
        portfolio = self.portfolios[side]
        try:
            getattr(self, event.what)(portfolio, side, event)
        except DomainError:
            return  # refused, and nothing is half done

    def open(self, portfolio: Portfolio, side: int, event: Event) -> None:
        decision = (None, None, *self.decisions[side])[event.size % 4]
        open_trade(
            user=self.user,
            now=NOW,
            portfolio=portfolio.pk,
            strategy_id=NAMES[event.size % 2],
            symbol="BTCUSDT",
            side="LONG",
            quantity=Decimal(4),
            entry_price=Decimal(100),
            quote_currency="EUR" if event.size % 3 == 0 else None,
            fx_rate=Decimal("1.1") if event.size % 3 == 0 else None,
            entry_time=BEGIN,
            adjustment_id=decision,
        )

    def close(self, portfolio: Portfolio, side: int, event: Event) -> None:
        self._close(portfolio, event, None)

    def part(self, portfolio: Portfolio, side: int, event: Event) -> None:
        self._close(portfolio, event, Decimal(1))

    def _close(
        self, portfolio: Portfolio, event: Event, quantity: Decimal | None
    ) -> None:
        trade = self._pick(portfolio, event, status="open")
        if trade is not None:
            close_trade(
                user=self.user,
                trade_id=trade.pk,
                exit_price=Decimal(100) + Decimal(event.size // 5),
                exit_time=event.at,
                quantity=quantity,
                now=NOW,
            )

    def add(self, portfolio: Portfolio, side: int, event: Event) -> None:
        trade = self._pick(portfolio, event, status="open")
        if trade is not None:
            add_to_trade(
                user=self.user,
                trade_id=trade.pk,
                quantity=Decimal(1),
                entry_price=Decimal(90),
                at=BEGIN,
                now=NOW,
            )

    def void(self, portfolio: Portfolio, side: int, event: Event) -> None:
        trade = self._pick(portfolio, event)
        if trade is not None:
            void_trade(user=self.user, trade_id=trade.pk, reason="mistaken", now=NOW)

    def mark(self, portfolio: Portfolio, side: int, event: Event) -> None:
        price = Decimal(100) + Decimal(event.size // 20)
        marks = [Mark("BTCUSDT", price, event.at)]
        mark_positions(user=self.user, marks=marks, portfolio=portfolio.pk, now=NOW)

    def flow(self, portfolio: Portfolio, side: int, event: Event) -> None:
        record_cash_flow(
            user=self.user,
            portfolio=portfolio.pk,
            amount=Decimal(event.size or 1),
            at=event.at,
            now=NOW,
        )

    def ask(self, portfolio: Portfolio, side: int, event: Event) -> None:
        self.check(portfolio, event.at)

    def _pick(self, portfolio: Portfolio, event: Event, **which: str) -> Trade | None:
        trades = list(Trade.objects.filter(portfolio=portfolio, **which).order_by("pk"))
        return trades[event.which % len(trades)] if trades else None

    def check(self, portfolio: Portfolio, as_of: datetime) -> None:
        locked = Portfolio.objects.locked().get(pk=portfolio.pk)
        found = load_record(self.user, locked, as_of)
        assert repr(found) == repr(plain_record([locked], as_of))
        answer = load_records(self.user, NAMES, as_of, locked=locked)
        assert answer == {
            name: plain_record(self.portfolios, as_of, name) for name in NAMES
        }

    def sums(self) -> Any:
        """Of each portfolio and strategy, over all blocks."""
        added = ("trades", "sum_growth", "sum_squares", "sum_cubes", "wins", "losses")
        of = "portfolio_id", "strategy_id"
        by_name = GrowthRecord.objects.order_by(*of).values_list(*of)
        return list(
            by_name.annotate(
                *(Sum(name) for name in added), Max("best_growth"), Min("worst_growth")
            )
        )


@pytest.mark.slow
class RecordsFollowTheLedger(TestCase):
    @examples(60)
    @given(events=EVENTS, in_block=st.sampled_from((1, 2, 3, 10_000)))
    def test_kept_sums_in_any_portions_equal_those_made_from_nothing(
        self, events: list[Event], in_block: int
    ) -> None:
        with patch.object(records, "MOST_IN_BLOCK", in_block):
            self._follow(events)

    def _follow(self, events: list[Event]) -> None:
        world = World()
        for event in events:
            world.do(event)

        for portfolio in world.portfolios:
            for as_of in (NOW, *(event.at for event in events), NOW):
                world.check(portfolio, as_of)
            assert list(find_drift([portfolio.pk])) == []
        kept = world.sums()
        for portfolio in world.portfolios:
            forget_records(portfolio)
            world.check(portfolio, NOW)
            plain = [float(one) for *_, one in list_growths(portfolio, NOW)]
            assert load_growths(portfolio, NOW).tolist() == plain
        assert world.sums() == kept
