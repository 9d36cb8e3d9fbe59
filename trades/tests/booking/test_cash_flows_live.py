"""Cash flows next to open trades, booked by the services: nothing but money moves."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from goals.models import CarriedProfit, CashFlow, Portfolio, TradingHalt
from goals.services.goals import create_goal
from goals.services.portfolios import record_cash_flow
from goals.services.voids import void_cash_flow
from goals.tests.factories import PortfolioFactory
from mastertrade.values.exceptions import InsufficientEquity, InvalidInput
from trades.booking.add import add_to_trade
from trades.booking.cash_flows import UnrealizedProfit, record_valued_cash_flow
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.reconcile import find_drift
from trades.booking.void import void_trade
from trades.models import Position, Trade
from trades.tests.factories import TradeFactory

pytestmark = pytest.mark.django_db
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)


def day(number: float) -> datetime:
    return BEGIN + timedelta(days=number)


NOW = day(300)
TEN_SECONDS = 10 / 86_400  # after which a mark confirms another


@pytest.fixture
def portfolio() -> Portfolio:
    made = PortfolioFactory(now=BEGIN)
    create_goal(
        user=made.user,
        portfolio=made.pk,
        goal_type="yearly_return",
        target_value=Decimal(30),
        start_date=date(2026, 1, 1),
        target_date=date(2026, 12, 31),
        as_of=BEGIN,
    )
    return made


def opened(portfolio, quantity=1, at=1, **fields):
    return TradeFactory(
        portfolio=portfolio,
        quantity=Decimal(quantity),
        entry_price=Decimal(100000),
        entry_time=day(at),
        now=day(at),
        **fields,
    )


def marked(portfolio, price, at, symbol="BTCUSDT"):
    marks = [Mark(symbol, Decimal(price), day(at))]
    mark_positions(user=portfolio.user, marks=marks, now=day(at))


def flowed(portfolio, amount, at, now=None):
    flow, _ = record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(amount),
        at=day(at),
        now=day(at) if now is None else now,
    )
    return flow


def valued(portfolio, amount, at, *given):
    flow, _ = record_valued_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=Decimal(amount),
        at=day(at),
        now=NOW,
        unrealized=[UnrealizedProfit(trade.pk, Decimal(pnl)) for trade, pnl in given],
    )
    return flow


def closed(trade, price, at, quantity=None, **fields):
    return close_trade(
        user=trade.user,
        trade_id=trade.trade_id,
        exit_price=Decimal(price),
        exit_time=day(at),
        now=fields.pop("now", day(at)),
        quantity=None if quantity is None else Decimal(quantity),
        **fields,
    )


def fresh(portfolio):
    row = Portfolio.objects.get(pk=portfolio.pk)
    assert [str(drift) for drift in find_drift([portfolio.pk])] == []
    return row


def nearly(value):
    return pytest.approx(Decimal(value), abs=Decimal("1e-12"))


def goal_of(portfolio):
    return portfolio.goals.get().current_value


# The figures of docs/rules.md


def test_a_withdrawal_next_to_a_winning_trade_leaves_a_return_of_20_percent(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100200, 2)
    flowed(portfolio, -900, 3)
    closed(trade, 100200, 5)
    row = fresh(portfolio)
    assert (row.unit_value, row.equity, row.carried) == (nearly("1.2"), 300, 0)
    assert goal_of(portfolio) == 20


def test_a_deposit_next_to_a_losing_trade_does_not_keep_the_halt_away(portfolio):
    opened(portfolio)
    marked(portfolio, 99810, 2)
    flowed(portfolio, 1000, 3)
    assert fresh(portfolio).drawdown_pct == 19
    marked(portfolio, 99750, 4)
    assert fresh(portfolio).drawdown_pct == Decimal("21.685083")
    marked(portfolio, 99750, 4 + TEN_SECONDS)
    assert TradingHalt.objects.get().cause == "hard_drawdown"


def test_a_withdrawal_next_to_a_losing_trade_ends_in_a_fall_of_20_percent(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 99800, 2)
    flowed(portfolio, -700, 3)
    closed(trade, 99800, 4)
    assert fresh(portfolio).drawdown_pct == 20


def test_a_deposit_of_a_cent_makes_no_return_of_what_was_never_made(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100250, 2)
    flowed(portfolio, "0.01", 3)
    closed(trade, 100000, 4)
    assert abs(fresh(portfolio).unit_value - 1) < Decimal("0.00001")


# Nothing moves but money


@pytest.mark.parametrize("amount", [-600, 700, "0.01"])
@pytest.mark.parametrize("price", [99850, 100000, 100400])
def test_a_flow_moves_no_unit_value_goal_drawdown_or_halt(portfolio, amount, price):
    opened(portfolio, fees=Decimal(3))
    marked(portfolio, price, 2)
    before, goal_before = fresh(portfolio), goal_of(portfolio)
    flowed(portfolio, amount, 3)
    after = fresh(portfolio)
    for figure in ("unit_value", "peak_unit_value", "drawdown_pct", "trading_state"):
        assert getattr(after, figure) == getattr(before, figure)
    assert goal_of(portfolio) == goal_before
    assert after.live_equity - before.live_equity == Decimal(amount)


def test_the_daily_loss_is_measured_over_a_flow_of_the_day(portfolio):
    Portfolio.objects.filter(pk=portfolio.pk).update(daily_loss_limit_pct=Decimal(10))
    opened(portfolio)
    marked(portfolio, 99950, 2)
    flowed(portfolio, 4000, 2.5)
    marked(portfolio, 99700, 2.6)  # 0.95 x 4700 / 4950 = 0.902
    assert not TradingHalt.objects.exists()
    marked(portfolio, 99680, 2.7)  # 0.898
    marked(portfolio, 99680, 2.7 + TEN_SECONDS)
    assert TradingHalt.objects.get().cause == "daily_loss"


# What a trade carries


def test_fees_and_funding_recorded_so_far_are_in_what_a_trade_made(portfolio):
    trade = opened(portfolio, fees=Decimal(10))
    marked(portfolio, 100200, 2)
    flowed(portfolio, -900, 3)
    assert fresh(portfolio).live_equity == 290
    closed(trade, 100200, 4)
    assert fresh(portfolio).unit_value == nearly("1.19")


def test_parts_take_their_share_of_what_is_carried(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100200, 2)
    flowed(portfolio, -900, 3)
    carried = CarriedProfit.objects.get().change
    closed(trade, 100200, 4, quantity="0.25")
    released = CarriedProfit.objects.get(cash_flow=None).change
    assert released == -carried / 4
    closed(trade, 100200, 5)
    row = fresh(portfolio)
    assert (row.unit_value, row.carried) == (nearly("1.2"), 0)


def test_several_trades_of_a_symbol_carry_each_its_own(portfolio):
    first = opened(portfolio)
    second = opened(portfolio, side="SHORT")
    third = opened(portfolio, symbol="ETHUSDT")  # without a mark
    marked(portfolio, 100200, 2)
    flowed(portfolio, 500, 3)
    row = fresh(portfolio)
    assert row.unit_value == 1
    for trade in (first, second, third):
        closed(trade, 100200, 4)
    # 1000 at the flow, +200 on 1500 by the trade nobody marked.
    assert fresh(portfolio).unit_value == nearly(Decimal(1700) / 1500)


def test_an_addition_leaves_what_is_carried(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100200, 2)
    flowed(portfolio, -900, 3)
    add_to_trade(
        user=portfolio.user,
        trade_id=trade.pk,
        quantity=Decimal(1),
        entry_price=Decimal(100200),
        at=day(3.5),
        now=day(3.5),
    )
    carried = fresh(portfolio).carried
    assert carried == CarriedProfit.objects.get().change
    closed(trade, 100200, 4, quantity=1)
    closed(trade, 100200, 5)
    assert fresh(portfolio).unit_value == nearly("1.2")


def test_an_addition_that_comes_late_shares_what_is_carried_anew(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100200, 2)
    flowed(portfolio, -900, 3)
    closed(trade, 100200, 4, quantity="0.5")
    add_to_trade(
        user=portfolio.user,
        trade_id=trade.pk,
        quantity=Decimal(1),
        entry_price=Decimal(100200),
        at=day(3.5),
        now=day(6),
    )
    fresh(portfolio)  # no drift


# What comes late


def test_a_trade_of_before_makes_what_is_carried_anew(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100200, 2)
    flowed(portfolio, -900, 3)
    late = opened(portfolio, at=0.5, symbol="ETHUSDT")
    closed(late, 100300, 1, now=NOW)
    closed(trade, 100200, 4)
    # 1.5 at the flow of 1500; 600 stay and nothing more is made.
    assert fresh(portfolio).unit_value == nearly("1.5")


def test_a_close_of_before_drops_what_its_flow_was_valued_by(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100200, 2)
    flowed(portfolio, -900, 3)
    closed(trade, 100300, 2.5, now=NOW)
    row = fresh(portfolio)
    assert (row.unit_value, row.carried, row.equity) == (nearly("1.3"), 0, 400)


def test_a_part_closed_before_leaves_the_rest_of_the_mark(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100200, 2)
    flowed(portfolio, -900, 3)
    closed(trade, 100200, 2.5, quantity="0.5", now=NOW)
    closed(trade, 100200, 4, now=NOW)
    assert fresh(portfolio).unit_value == nearly("1.2")


def test_a_flow_of_before_is_valued_at_the_marks_known_when_it_is_booked(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100200, 2)
    closed(opened(portfolio, at=3, symbol="ETHUSDT"), 100000, 4)
    flowed(portfolio, -900, 3.5, now=NOW)
    closed(trade, 100200, 5)
    assert fresh(portfolio).unit_value == nearly("1.2")


def test_a_void_trade_is_as_if_no_flow_had_known_it(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100200, 2)
    flow = flowed(portfolio, -500, 3)
    void_trade(user=portfolio.user, trade_id=trade.pk, reason="mistaken", now=NOW)
    row = fresh(portfolio)
    assert (row.units, row.unit_value, row.carried) == (500, 1, 0)
    assert CashFlow.objects.get(pk=flow.pk).units == -500


def test_a_void_closed_trade_is_as_if_no_flow_had_known_it(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100200, 2)
    flowed(portfolio, -500, 3)
    closed(trade, 100250, 4)
    void_trade(user=portfolio.user, trade_id=trade.pk, reason="mistaken", now=NOW)
    row = fresh(portfolio)
    assert (row.equity, row.unit_value, row.carried) == (500, 1, 0)


def test_a_void_flow_leaves_nothing_carried(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100200, 2)
    flow = flowed(portfolio, -500, 3)
    closed(trade, 100250, 4, quantity="0.5")
    void_cash_flow(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        cash_flow_id=flow.pk,
        reason="mistaken",
        now=NOW,
    )
    row = fresh(portfolio)
    assert (row.equity, row.unit_value, row.carried) == (1125, Decimal("1.125"), 0)


# Told with the flow


def test_a_flow_is_valued_by_what_is_told_with_it(portfolio):
    trade = opened(portfolio)
    valued(portfolio, -900, 3, (trade, 200))
    position = Position.objects.get()
    assert (position.unrealized_pnl, position.current_price) == (200, 100200)
    assert fresh(portfolio).live_equity == 300
    closed(trade, 100200, 4)
    assert fresh(portfolio).unit_value == nearly("1.2")


def test_what_is_told_of_the_past_leaves_a_later_mark(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100100, 5)
    valued(portfolio, -900, 3, (trade, 200))
    assert Position.objects.get().current_price == 100100
    closed(trade, 100200, 6)
    assert fresh(portfolio).unit_value == nearly("1.2")


def test_a_trade_that_is_closed_by_now_can_be_told_of(portfolio):
    trade = opened(portfolio)
    closed(trade, 100200, 5)
    valued(portfolio, -900, 3, (trade, 200))
    assert fresh(portfolio).unit_value == nearly("1.2")


@pytest.mark.parametrize(
    ("at", "pnl", "why"),
    [
        (0.5, 200, "was not open"),
        (6, 200, "was not open"),
        (3, -100001, "cannot have made"),
    ],
)
def test_what_cannot_be_is_refused(portfolio, at, pnl, why):
    trade = opened(portfolio)
    closed(trade, 100200, 5)
    with pytest.raises(InvalidInput, match=why):
        valued(portfolio, 100, at, (trade, pnl))
    assert not CashFlow.objects.exists()


def test_a_trade_of_another_portfolio_is_none(portfolio):
    other = opened(PortfolioFactory(user=portfolio.user, name="other", now=BEGIN))
    with pytest.raises(InvalidInput, match="has no trade"):
        valued(portfolio, 100, 3, (other, 10))


def test_a_withdrawal_of_open_profit_is_refused(portfolio):
    opened(portfolio)
    marked(portfolio, 100200, 2)
    with pytest.raises(InsufficientEquity, match="above the equity of 1000"):
        flowed(portfolio, "-1000.01", 3)


def test_a_withdrawal_of_what_open_trades_lost_is_refused(portfolio):
    opened(portfolio)
    marked(portfolio, 99800, 2)
    with pytest.raises(InsufficientEquity, match="above the live equity of 800"):
        flowed(portfolio, "-800.01", 3)


def test_rows_deleted_by_hand_take_what_they_carried_along(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100200, 2)
    flowed(portfolio, -500, 3)
    Trade.objects.filter(pk=trade.pk).delete()
    assert not CarriedProfit.objects.exists()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("quantity = 0", "carried_profits_one_cause"),
        ("open_pnl = NULL", "carried_profits_one_cause"),
        ("closed_trade_id = trade_id", "carried_profits_one_cause"),
        ("cash_flow_id = NULL", "carried_profits_one_cause"),
        ("trade_id = 0", "carried_profits_trade_fk"),
        ("portfolio_id = 0", "carried_profits_portfolio_fk"),
        ("cash_flow_id = 0", "carried_profits_cash_flow_fk"),
        (
            "cash_flow_id = NULL, quantity = NULL, open_pnl = NULL, "
            "closed_trade_id = 0",
            "carried_profits_closed_trade_fk",
        ),
        ("trade_id = (SELECT min(trade_id) FROM trades)", "carried_profits_of_flow"),
    ],
)
def test_the_database_refuses_what_carries_for_no_cause(portfolio, change, name):
    for _ in range(2):
        opened(portfolio)
    marked(portfolio, 100200, 2)
    flowed(portfolio, 100, 3)
    statement = (
        f"UPDATE carried_profits SET {change} WHERE carried_profit_id = "
        "(SELECT max(carried_profit_id) FROM carried_profits)"
    )
    with (
        pytest.raises(IntegrityError, match=name),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_a_close_ends_what_is_carried_once(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100200, 2)
    flowed(portfolio, 100, 3)
    closed(trade, 100200, 4)
    ended = CarriedProfit.objects.get(cash_flow=None)
    ended.pk = None
    with (
        pytest.raises(IntegrityError, match="carried_profits_of_close"),
        transaction.atomic(),
    ):
        ended.save(force_insert=True)
