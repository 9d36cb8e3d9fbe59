"""Closes beside everything else that books: whoever comes second waits, both count.

In each pair the first is stopped in the middle of its work, under its locks, until
PostgreSQL says that the second waits for it.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.models import (
    FinancialGoal,
    GoalProgressHistory,
    LedgerEntry,
    Portfolio,
)
from goals.services.goals import update_goal
from goals.services.portfolios import record_cash_flow
from goals.services.rollover import roll_goals
from goals.services.voids import void_cash_flow
from goals.tests.factories import GoalFactory, PortfolioFactory
from mastertrade.values.exceptions import (
    IdempotencyConflict,
    InvalidInput,
    TradeNotOpen,
)
from trades.booking.add import add_to_trade
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.open import open_trade, record_closed_trade
from trades.booking.reconcile import check_portfolio, mend_drift
from trades.booking.void import void_trade
from trades.importing.import_trades import import_trades
from trades.importing.options import ImportOptions
from trades.models import Position, Trade
from trades.sizing_calls.decide import size_for_goal
from trades.tests.factories import TradeFactory, book_profit, ensure_strategy
from trades.tests.races import NOW, closing, fresh, run_at_once, run_in_turn

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("nothing_drifts"),
]
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
LATE = NOW - timedelta(days=5)
EQUITY = 1307  # of a new desk
PROFIT = 20  # of what `closing` closes


@dataclass(frozen=True)
class Desk:
    """A portfolio of 1000 with three goals, an open trade, and something to void."""

    goal: FinancialGoal
    trade: Trade
    other: Trade
    booked: Trade
    flow_id: int

    @property
    def portfolio(self) -> Portfolio:
        return self.goal.portfolio

    @property
    def of_user(self) -> dict[str, Any]:
        return {"user": self.portfolio.user, "now": NOW}

    @property
    def of_portfolio(self) -> dict[str, Any]:
        return {**self.of_user, "portfolio": self.portfolio.pk}


def make_desk() -> Desk:
    goal = GoalFactory(recurring=True)
    portfolio = goal.portfolio
    for goal_type, target in (("monthly_income", 500), ("portfolio_value", 5000)):
        GoalFactory(
            portfolio=portfolio, goal_type=goal_type, target_value=Decimal(target)
        )
    booked = book_profit(portfolio, Decimal(7), LATE - timedelta(days=1))
    flow, _ = record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(300),
        at=LATE - timedelta(hours=1),
        now=NOW,
    )
    trades = [TradeFactory(portfolio=portfolio) for _ in range(2)]
    return Desk(goal, *trades, booked, flow.cash_flow_id)


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def trade_input(desk: Desk) -> dict[str, Any]:
    return {
        **desk.of_portfolio,
        "strategy_id": ensure_strategy(desk.portfolio).strategy_id,
        "symbol": "ETHUSDT",
        "side": "LONG",
        "quantity": Decimal(1),
        "entry_price": Decimal(100),
    }


def close_late(desk: Desk) -> object:
    return record_closed_trade(
        **trade_input(desk), entry_time=LATE, exit_price=Decimal(130), exit_time=LATE
    )


def close_part(desk: Desk) -> object:
    return close_trade(
        **desk.of_user,
        trade_id=desk.other.pk,
        quantity=Decimal("0.01"),
        exit_price=Decimal(51000),
    )


def add(desk: Desk) -> object:
    return add_to_trade(
        **desk.of_user,
        trade_id=desk.other.pk,
        quantity=Decimal(1),
        entry_price=Decimal(50000),
    )


def bring(desk: Desk) -> object:
    lines = (
        "external_id,symbol,side,quantity,entry_price,entry_time,exit_price,exit_time",
        f"a,ETHUSDT,LONG,1,100,{LATE:%Y-%m-%dT%H:%M:%SZ},111,{LATE:%Y-%m-%dT%H:%M:%SZ}",
    )
    return import_trades(
        **desk.of_portfolio,
        source=io.BytesIO("\n".join(lines).encode()),
        file_name="trades.csv",
        format_name="mastertrade-csv",
        options=ImportOptions(strategy_id=ensure_strategy(desk.portfolio).strategy_id),
    )


@dataclass(frozen=True)
class Writer:
    """One of many that lock the portfolio; stops at `pause_at` under its lock."""

    work: Callable[[Desk], object]
    pause_at: str
    changes_equity: int = 0


LATE_BOOKING = "goals.services.ledger.is_late"
WRITERS = {
    "deposit": Writer(
        lambda desk: record_cash_flow(amount=Decimal(500), **desk.of_portfolio),
        LATE_BOOKING,
        500,
    ),
    "late withdrawal": Writer(
        lambda desk: record_cash_flow(
            amount=Decimal(-50), at=LATE, **desk.of_portfolio
        ),
        LATE_BOOKING,
        -50,
    ),
    "late trade": Writer(close_late, LATE_BOOKING, 30),
    "part": Writer(close_part, LATE_BOOKING, 10),
    "addition": Writer(add, "trades.booking.add.join_lots"),
    "open": Writer(
        lambda desk: open_trade(**trade_input(desk)),
        "trades.booking.open.measure_notional",
    ),
    "void of a trade": Writer(
        lambda desk: void_trade(
            **desk.of_user, trade_id=desk.booked.pk, reason="recorded twice"
        ),
        "trades.booking.void.rebuild_ledger",
        -7,
    ),
    "void of a cash flow": Writer(
        lambda desk: void_cash_flow(
            **desk.of_user,
            portfolio_id=desk.portfolio.pk,
            cash_flow_id=desk.flow_id,
            reason="recorded twice",
        ),
        "goals.services.voids.rebuild_ledger",
        -300,
    ),
    "marks": Writer(
        lambda desk: mark_positions(
            **desk.of_user, marks=[Mark("BTCUSDT", Decimal(49000))]
        ),
        "trades.booking.mark.save_live",
    ),
    "import": Writer(bring, "trades.importing.import_trades.Staging", 11),
    "roll-over": Writer(
        lambda desk: roll_goals(as_of=APRIL), "goals.services.rollover.status_at_end"
    ),
    "size": Writer(
        lambda desk: size_for_goal(
            **desk.of_user, goal_id=desk.goal.pk, base_size=Decimal(1)
        ),
        "trades.sizing_calls.decide.decide_size",
    ),
    "change of a goal": Writer(
        lambda desk: update_goal(
            user=desk.portfolio.user,
            goal_id=desk.goal.pk,
            as_of=NOW,
            target_value=Decimal(6),
        ),
        "goals.services.goals._retarget",
    ),
    "reconcile": Writer(
        lambda desk: check_portfolio(desk.portfolio.pk),
        "trades.booking.reconcile.find_portfolio_drift",
    ),
    "reconcile --fix": Writer(
        lambda desk: mend_drift(desk.portfolio.pk, NOW),
        "trades.booking.reconcile.mend_portfolio",
    ),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.slow
def test_a_close_and_another_wait_for_each_other_and_both_count(name: str):
    writer = WRITERS[name]
    desk = make_desk()
    done, closed = run_in_turn(
        lambda: writer.work(desk), closing(desk.trade), pause_at=writer.pause_at
    )
    assert_both_count(writer, desk, closed, done)

    desk = make_desk()
    closed, done = run_in_turn(
        closing(desk.trade), lambda: writer.work(desk), pause_at=LATE_BOOKING
    )
    assert_both_count(writer, desk, closed, done)
    if name == "reconcile":
        assert done == []


def assert_both_count(writer: Writer, desk: Desk, closed: Any, done: object) -> None:
    assert not isinstance(done, Exception)
    assert closed.trade.profit_loss == PROFIT
    changed = PROFIT + writer.changes_equity
    assert fresh(desk.portfolio).equity == EQUITY + changed


# One trade, two that want it


def test_a_trade_that_is_voided_while_it_closes_ends_void(desk: Desk):
    before = fresh(desk.portfolio).equity
    closed, _ = run_in_turn(
        closing(desk.trade), lambda: void(desk, desk.trade), pause_at=LATE_BOOKING
    )
    assert closed.trade.profit_loss == PROFIT
    assert fresh(desk.trade).status == "void"
    assert fresh(desk.portfolio).equity == before


def test_a_trade_that_is_closed_while_it_is_voided_stays_void(desk: Desk):
    before = fresh(desk.portfolio).equity
    _, refused = run_in_turn(
        lambda: void(desk, desk.trade),
        closing(desk.trade),
        pause_at="trades.booking.void.save_live",
    )
    assert isinstance(refused, TradeNotOpen)
    assert fresh(desk.trade).status == "void"
    assert fresh(desk.portfolio).equity == before


def void(desk: Desk, trade: Trade) -> object:
    return void_trade(**desk.of_user, trade_id=trade.pk, reason="recorded twice")


def part_of(desk: Desk, quantity: str, **fields: Any) -> Callable[[], object]:
    return lambda: close_trade(
        **desk.of_user,
        trade_id=desk.trade.pk,
        quantity=Decimal(quantity),
        exit_price=Decimal(51000),
        **fields,
    )


def test_two_parts_at_once_never_close_more_than_there_is(desk: Desk):
    results = run_in_turn(
        part_of(desk, "0.015"), part_of(desk, "0.0149"), pause_at=LATE_BOOKING
    )
    assert isinstance(results[1], InvalidInput)
    assert fresh(desk.trade).quantity == Decimal("0.005")
    assert Position.objects.get(trade=desk.trade).quantity == Decimal("0.005")


def test_a_part_that_comes_while_all_is_closed_is_refused_or_the_rest(desk: Desk):
    before = fresh(desk.portfolio).equity
    run_in_turn(part_of(desk, "0.005"), closing(desk.trade), pause_at=LATE_BOOKING)
    assert fresh(desk.trade).quantity == Decimal("0.015")
    assert fresh(desk.trade).status == "closed"
    assert fresh(desk.portfolio).equity == before + PROFIT


def test_one_part_sent_twice_at_once_is_one_part(desk: Desk):
    send = part_of(desk, "0.005", external_id="a")
    one, other = run_in_turn(send, send, pause_at=LATE_BOOKING)
    assert one.booked.pk == other.booked.pk
    assert (len(one.moves) > 0, other.moves) == (True, ())
    assert fresh(desk.trade).quantity == Decimal("0.015")


def test_two_parts_with_one_id_at_once_are_a_conflict(desk: Desk):
    _, refused = run_in_turn(
        part_of(desk, "0.005", external_id="a"),
        part_of(desk, "0.006", external_id="a"),
        pause_at=LATE_BOOKING,
    )
    assert isinstance(refused, IdempotencyConflict)
    assert fresh(desk.trade).quantity == Decimal("0.015")


def test_one_addition_sent_twice_at_once_is_one(desk: Desk):
    def send() -> object:
        return add_to_trade(
            **desk.of_user,
            trade_id=desk.trade.pk,
            quantity=Decimal("0.01"),
            entry_price=Decimal(50000),
            external_id="a",
        )

    results = run_in_turn(send, send, pause_at="trades.booking.add.join_lots")
    assert [is_new for _, is_new in results] == [True, False]
    assert fresh(desk.trade).quantity == Decimal("0.03")


def test_an_addition_that_comes_while_the_trade_closes_is_refused(desk: Desk):
    _, refused = run_in_turn(
        closing(desk.other), lambda: add(desk), pause_at=LATE_BOOKING
    )
    assert isinstance(refused, TradeNotOpen)
    assert fresh(desk.other).quantity == Decimal("0.02")


def test_a_close_that_comes_while_the_trade_grows_closes_all_of_it(desk: Desk):
    _, closed = run_in_turn(
        lambda: add(desk),
        closing(desk.other),
        pause_at="trades.booking.add.join_lots",
    )
    assert closed.trade.quantity == Decimal("1.02")
    assert closed.trade.profit_loss == 1020


def test_one_file_imported_twice_at_once_is_one_import(desk: Desk):
    results = run_in_turn(
        lambda: bring(desk),
        lambda: bring(desk),
        pause_at="trades.importing.import_trades.Staging",
    )
    assert [(one.created, one.known) for one in results] == [(1, 0), (0, 1)]


def test_marks_of_two_portfolios_wait_in_one_order(desk: Desk):
    """Each locks both portfolios; what differs is the order they are told in."""
    second = PortfolioFactory(user=desk.portfolio.user)
    TradeFactory(portfolio=second, symbol="SOLUSDT", entry_price=Decimal(100))
    marks = [Mark("BTCUSDT", Decimal(49000)), Mark("SOLUSDT", Decimal(101))]
    results = run_in_turn(
        lambda: mark_positions(**desk.of_user, marks=marks),
        lambda: mark_positions(**desk.of_user, marks=marks[::-1]),
        pause_at="trades.booking.mark.save_live",
    )
    assert [one.positions for one in results] == [3, 3]


# Many at once

THREADS = 16
OF_EACH = 3


def test_sixteen_threads_close_every_trade_of_a_portfolio_twice():
    """Each trade is closed by two threads at once: one books it, the other is told."""
    goal = GoalFactory(goal_type="monthly_income", target_value=Decimal(10**6))
    trades = [TradeFactory(portfolio=goal.portfolio) for _ in range(8 * OF_EACH)]

    def close(own: list[Trade]) -> list[int]:
        return [len(closing(trade)().moves) for trade in own]

    shares = [trades[number::8] for number in range(8)] * 2
    moves = run_at_once(*(lambda own=own: close(own) for own in shares))
    assert sum(sum(of_thread) for of_thread in moves) == len(trades)
    portfolio, goal = fresh(goal.portfolio), fresh(goal)
    assert portfolio.realized_pnl == goal.current_value == PROFIT * len(trades)
    assert portfolio.equity == 1000 + PROFIT * len(trades)
    assert LedgerEntry.objects.count() == len(trades)
    answer = GoalProgressHistory.objects.filter(goal=goal, kind="trade")
    values = answer.order_by("effective_at", "history_id").values_list(
        "current_value", flat=True
    )
    assert list(values) == [PROFIT * n for n in range(1, len(trades) + 1)]
