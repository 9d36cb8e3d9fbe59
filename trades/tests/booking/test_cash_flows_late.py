"""Cash flows next to open trades: voids, equal times, repeats, and statements."""

from decimal import Decimal

import pytest

from goals.models import CarriedProfit, CashFlow, Portfolio, TradingHalt
from goals.services.figures_at import read_figures
from goals.services.resuming import resume_trading
from goals.services.risk_state import read_risk_state
from goals.services.voids import void_cash_flow
from goals.tests.factories import PortfolioFactory
from mastertrade.values.exceptions import InvalidInput
from tests.http import count_statements, without_alerts
from trades.booking.add import add_to_trade
from trades.booking.cash_flows import UnrealizedProfit, record_valued_cash_flow
from trades.booking.void import void_trade
from trades.models import GrowthRecord, Trade
from trades.sizing_calls.records import load_record
from trades.tests.booking.test_cash_flows_live import (
    BEGIN,
    NOW,
    closed,
    day,
    flowed,
    fresh,
    marked,
    nearly,
    opened,
    valued,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def portfolio():
    return PortfolioFactory(now=BEGIN)


def void_flow(flow: CashFlow) -> None:
    void_cash_flow(
        user=flow.portfolio.user,
        portfolio_id=flow.portfolio_id,
        cash_flow_id=flow.pk,
        reason="mistaken",
        now=NOW,
    )


def void(trade: Trade) -> None:
    void_trade(user=trade.user, trade_id=trade.pk, reason="mistaken", now=NOW)


def add(trade, quantity, at):
    add_to_trade(
        user=trade.user,
        trade_id=trade.pk,
        quantity=Decimal(quantity),
        entry_price=Decimal(100000),
        at=day(at),
        now=NOW,
    )


def test_a_void_flow_of_a_day_that_ended_it_all_leaves_nothing_carried(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100200, 2)
    flow = flowed(portfolio, -500, 3)
    closed(trade, 100250, 3.1)
    void_flow(flow)
    assert fresh(portfolio).unit_value == Decimal("1.25")
    assert not CarriedProfit.objects.exclude(change=0).exists()


@pytest.mark.parametrize("first", ["addition", "part"])
def test_an_addition_and_a_part_of_the_same_time_share_alike(portfolio, first):
    trade = opened(portfolio, quantity=2)
    marked(portfolio, 100100, 2)
    flowed(portfolio, -900, 3)
    if first == "addition":
        add(trade, 2, at=4)
    closed(trade, 100100, 4, quantity=1, now=NOW)
    if first == "part":
        add(trade, 2, at=4)
    # A quarter of what is carried goes with one of four.
    flow, part = CarriedProfit.objects.order_by("pk")
    assert part.change == nearly(-flow.change / 4)
    fresh(portfolio)  # no drift


def test_voiding_a_part_of_before_a_flow_is_as_if_it_had_never_been(portfolio):
    trade = opened(portfolio, quantity=10)
    marked(portfolio, 100020, 2)
    part = closed(trade, 100020, 2.5, quantity=3).booked
    flowed(portfolio, 500, 3)
    void(part)
    row = fresh(portfolio)
    assert row.unrealized_pnl == 200
    assert row.live_equity / row.units == nearly("1.2")


def test_voiding_a_part_that_came_late_leaves_the_flow_as_it_was_booked(portfolio):
    trade = opened(portfolio, quantity=10)
    marked(portfolio, 100020, 2)
    flowed(portfolio, 500, 3)
    before = CarriedProfit.objects.values().get()
    void(closed(trade, 100020, 2.5, quantity=3, now=NOW).booked)
    assert CarriedProfit.objects.values().get() == before
    fresh(portfolio)  # no drift


def test_a_part_is_not_valued_apart_from_its_trade(portfolio):
    trade = opened(portfolio, quantity=10)
    part = closed(trade, 100020, 4, quantity=3).booked
    with pytest.raises(InvalidInput, match=f"a part of trade {trade.pk}"):
        valued(portfolio, 500, 3, (trade, 200), (part, 60))
    assert not CashFlow.objects.exists()


def test_the_same_flow_in_another_notation_or_order_is_the_same(portfolio):
    first, second = opened(portfolio), opened(portfolio)

    def is_new(*given):
        _, new = record_valued_cash_flow(
            user=portfolio.user,
            portfolio=portfolio.pk,
            amount=Decimal(5),
            at=day(3),
            external_id="bank-1",
            now=NOW,
            unrealized=[UnrealizedProfit(t.pk, Decimal(pnl)) for t, pnl in given],
        )
        return new

    assert is_new((first, "20"), (second, "30"))
    assert not is_new((first, "20.00"), (second, "30"))
    assert not is_new((second, "30.0"), (first, "20"))


def test_a_flow_after_a_resume_does_not_halt_again(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 99750, 2)
    resume_trading(user=portfolio.user, portfolio_id=portfolio.pk, now=day(2.5))
    for at, amount in ((2.6, 500), (3, -300), (4, 5000)):
        flowed(portfolio, amount, at)
        assert fresh(portfolio).trading_state == "active"
    closed(trade, 99750, 5)
    assert fresh(portfolio).trading_state == "active"
    assert TradingHalt.objects.count() == 1


def daily_loss(portfolio, at):
    row = Portfolio.objects.get(pk=portfolio.pk)
    return read_risk_state(read_figures(row, day(at)), day(at)).daily_loss_pct


@pytest.mark.parametrize("has_entries", [False, True])
@pytest.mark.parametrize("amount", [-500, 3000])
def test_a_flow_of_yesterday_leaves_the_loss_of_today(portfolio, amount, has_entries):
    Portfolio.objects.filter(pk=portfolio.pk).update(daily_loss_limit_pct=Decimal(15))
    opened(portfolio)
    marked(portfolio, 100000, 2.2)
    if has_entries:
        flowed(portfolio, 1, 2.8)
        flowed(portfolio, -1, 2.9)
    marked(portfolio, 99900, 3.2)
    assert daily_loss(portfolio, 3.3) == 10
    flow = flowed(portfolio, amount, 2.5, now=day(3.4))
    assert daily_loss(portfolio, 3.5) == 10
    assert not TradingHalt.objects.exists()
    void_flow(flow)
    assert daily_loss(portfolio, 3.6) == 10


def test_a_mark_of_yesterday_is_no_loss_of_today(portfolio):
    Portfolio.objects.filter(pk=portfolio.pk).update(daily_loss_limit_pct=Decimal(5))
    trade = opened(portfolio)
    opened(portfolio, symbol="ETHUSDT")
    marked(portfolio, 100000, 3.1, symbol="ETHUSDT")
    valued(portfolio, 100, 2.5, (trade, -100))
    assert daily_loss(portfolio, 3.3) == 0


def test_what_is_carried_is_in_what_a_record_has_counted(portfolio):
    trade = opened(portfolio)
    marked(portfolio, 100200, 2)
    closed(trade, 100200, 2.5, quantity="0.5")
    flowed(portfolio, -500, 3)
    locked = Portfolio.objects.locked().get(pk=portfolio.pk)
    load_record(portfolio.user, locked, NOW)
    row = fresh(portfolio)  # no drift
    assert GrowthRecord.objects.get().equity == row.equity + row.carried != row.equity


def statements_of(what) -> int:
    with count_statements() as said:
        what()
    return len(without_alerts(said))


@pytest.mark.parametrize("is_marked", [False, True])
def test_marks_add_one_statement_a_day_to_bookings(portfolio: Portfolio, is_marked):
    trades = [opened(portfolio, quantity=2) for _ in range(4)]
    if is_marked:
        marked(portfolio, 100010, 2)
    flow = flowed(portfolio, 100, 2.5)
    part, whole, late, _ = trades
    void_part = closed(trades[3], 100010, 2.6, quantity=1).booked
    said = {
        "flow": statements_of(lambda: flowed(portfolio, 100, 3)),
        "part": statements_of(lambda: closed(part, 100010, 4, quantity=1)),
        "close": statements_of(lambda: closed(whole, 100010, 5)),
        "late close": statements_of(lambda: closed(late, 100010, 2.7, now=NOW)),
        "late flow": statements_of(lambda: flowed(portfolio, 9, 2.8, now=NOW)),
        "void flow": statements_of(lambda: void_flow(flow)),
        "void part": statements_of(lambda: void(void_part)),
    }
    # The first booking of a trading day keeps what was open when the day began; a void
    # reads whose part of a flow it was, and gives stored marks a part back.
    of_the_day = int(is_marked)
    assert said == {
        "flow": 4,
        "part": 6 + of_the_day,
        "close": 5 + of_the_day,
        "late close": 13,
        "late flow": 12 + of_the_day,
        "void flow": 14 + 2 * of_the_day,
        "void part": 16 + 3 * of_the_day,
    }
