"""What open trades may lose, and the size that leaves enough to the floors."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from goals.decisions.guards.base import Exposure, LongsWithoutStop, OpenRisk
from goals.decisions.limits import Limits
from goals.decisions.size_request import SizeRequest
from goals.models import GoalAdjustmentLog, Portfolio
from goals.services.decision_log import SizingCall, decide_again
from goals.services.figures_at import read_figures
from goals.services.portfolios import update_portfolio
from goals.tests.factories import GoalFactory, PortfolioFactory
from mastertrade.values.jsonable import from_plain
from tests.http import (
    Trader,
    count_statements,
    make_trader,
    open_body,
    unthrottled,  # noqa: F401
)
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.enums import Side
from trades.models import Trade
from trades.sizing_calls.decide import size_for_goal
from trades.sizing_calls.inputs import read_inputs
from trades.tests.factories import ENTRY, TradeFactory, book_profit

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
STOP = {"price": "50000", "stop_price": "49000"}


@pytest.fixture
def portfolio() -> Portfolio:
    """1000 of equity; the open trades are of 0.02 at 50000, each a notional of 1000."""
    return PortfolioFactory(headroom_share_pct=Decimal(50))


def open_risk(portfolio: Portfolio, at: datetime = ENTRY + 4 * HOUR) -> OpenRisk | None:
    portfolio.refresh_from_db()
    call = SizingCall(SizeRequest(Decimal(1000)), at, at, fingerprint="")
    inputs, _ = read_inputs(
        portfolio.user, read_figures(portfolio, at), [], call, strategy_ids=[]
    )
    return inputs.exposure.open_risk


def risk(
    closed: object,
    live: object,
    notional: object = 0,
    factors: object = 0,
    **longs: object,
) -> OpenRisk:
    """`longs`: factors of LONGs without a stop by their base size, as `of_400`."""
    sums = [Decimal(str(one)) for one in (closed, live, notional, factors)]
    by_base_size = [
        LongsWithoutStop(Decimal(name.removeprefix("of_")), Decimal(str(one)))
        for name, one in longs.items()
    ]
    return OpenRisk(*sums, longs_without_stop=tuple(by_base_size))


def mark(portfolio: Portfolio, price: int, at: datetime = ENTRY + HOUR) -> None:
    marks = [Mark(symbol="BTCUSDT", price=Decimal(price), at=at)]
    mark_positions(user=portfolio.user, marks=marks, now=at)


def test_nothing_is_read_where_nothing_is_set(portfolio: Portfolio) -> None:
    assert open_risk(portfolio) == risk(0, 0)
    Portfolio.objects.update(headroom_share_pct=None)
    assert open_risk(portfolio) is None


@pytest.mark.parametrize(
    ("fields", "loss"),
    [
        ({"stop_price": 49000}, 20),
        ({"stop_price": 51000, "side": Side.SHORT}, 20),
        ({"stop_price": 49000, "fees": Decimal(3)}, 23),
        ({"stop_price": 51000}, 0),  # it wins there
        ({"stop_price": 49000, "quote_currency": "EUR", "fx_rate": Decimal("1.1")}, 22),
    ],
    ids=str,
)
def test_an_open_trade_loses_what_its_stop_says(
    portfolio: Portfolio, fields: dict[str, Any], loss: int
) -> None:
    stop_price = Decimal(fields.pop("stop_price"))
    trade = TradeFactory(portfolio=portfolio, **fields)
    Trade.objects.filter(pk=trade.pk).update(stop_price=stop_price)  # it trailed there
    assert open_risk(portfolio) == risk(loss, loss)


def test_the_live_value_loses_from_the_mark_on(portfolio: Portfolio) -> None:
    """A loser with its stop 1000 below the entry, a winner whose stop is above it."""
    TradeFactory(portfolio=portfolio, stop_price=Decimal(49000))
    mark(portfolio, 49500)
    assert open_risk(portfolio) == risk(20, 10)
    mark(portfolio, 48000, ENTRY + 2 * HOUR)  # beyond its stop
    assert open_risk(portfolio) == risk(20, 0)
    winner = TradeFactory(portfolio=portfolio)
    Trade.objects.filter(pk=winner.pk).update(stop_price=Decimal(51000))
    mark(portfolio, 52000, ENTRY + 3 * HOUR)
    assert open_risk(portfolio) == risk(20, 20 + 60)


def test_a_trade_without_a_stop_counts_by_notional_and_factor(
    portfolio: Portfolio,
) -> None:
    TradeFactory(portfolio=portfolio)
    assert open_risk(portfolio) == risk(0, 0, 1000, 1, of_1000=1)
    TradeFactory(portfolio=portfolio, adjustment_id=decide(portfolio).pk)
    # 1000 of a base size of 400.
    once = risk(0, 0, 2000, "3.5", of_400="2.5", of_1000=1)
    assert open_risk(portfolio) == once
    TradeFactory(portfolio=portfolio, side=Side.SHORT)  # may lose more than all of it
    TradeFactory(portfolio=portfolio)
    twice = risk(0, 0, 4000, "5.5", of_400="2.5", of_1000=2)
    assert open_risk(portfolio) == twice


def test_a_long_without_a_stop_may_lose_what_it_has_won_too(
    portfolio: Portfolio,
) -> None:
    TradeFactory(portfolio=portfolio)
    mark(portfolio, 75000)
    assert open_risk(portfolio) == risk(0, 0, 1000, 1, of_1500=1)
    mark(portfolio, 25000, ENTRY + 2 * HOUR)
    assert open_risk(portfolio) == risk(0, 0, 1000, 1, of_1000=1)


def test_a_trade_without_a_stop_has_that_of_its_decision(portfolio: Portfolio) -> None:
    decided = {"price": Decimal(50000), "stop_price": Decimal(49500)}
    row = decide(portfolio, **decided)
    TradeFactory(portfolio=portfolio, adjustment_id=row.pk)
    assert open_risk(portfolio) == risk(10, 10)
    TradeFactory(portfolio=portfolio, adjustment_id=row.pk, stop_price=Decimal(49000))
    assert open_risk(portfolio) == risk(30, 30)
    # A short has no stop below its entry.
    TradeFactory(portfolio=portfolio, adjustment_id=row.pk, side=Side.SHORT)
    assert open_risk(portfolio) == risk(30, 30, 1000, "2.5")


def decide(portfolio: Portfolio, **fields: Any) -> GoalAdjustmentLog:
    Portfolio.objects.update(headroom_share_pct=None)
    goal = GoalFactory(portfolio=portfolio)
    row, _ = size_for_goal(
        user=portfolio.user,
        goal_id=goal.pk,
        now=ENTRY,
        base_size=Decimal(400),
        **fields,
    )
    Portfolio.objects.update(headroom_share_pct=Decimal(50))
    return row


def test_at_a_past_time_counts_what_was_open_then(portfolio: Portfolio) -> None:
    trade = TradeFactory(portfolio=portfolio, stop_price=Decimal(49000))
    mark(portfolio, 49500)
    close_trade(
        user=portfolio.user,
        trade_id=trade.pk,
        exit_price=Decimal(50000),
        exit_time=ENTRY + 2 * HOUR,
        now=ENTRY + 3 * HOUR,
    )
    assert open_risk(portfolio) == risk(0, 0)
    assert open_risk(portfolio, ENTRY + HOUR) == risk(20, 20)  # no mark of later
    assert open_risk(portfolio, ENTRY - HOUR) == risk(0, 0)


def test_at_a_past_time_the_share_of_then_holds(portfolio: Portfolio) -> None:
    changed = ENTRY + 2 * HOUR
    update_portfolio(
        user=portfolio.user,
        portfolio_id=portfolio.pk,
        now=changed,
        headroom_share_pct=Decimal(10),
    )
    goal = GoalFactory(portfolio=portfolio, target_value=Decimal(100))

    def risk_amount(as_of: datetime) -> Decimal | None:
        row, _ = size_for_goal(
            user=portfolio.user,
            goal_id=goal.pk,
            now=changed + HOUR,
            as_of=as_of,
            base_size=Decimal(10_000),
            price=Decimal(50000),
            stop_price=Decimal(49000),
        )
        again = decide_again(row)
        assert again.adjusted_size == row.adjusted_size
        return again.risk_amount

    assert risk_amount(changed - HOUR) == 100  # 50 % of the 200 above the floor
    assert risk_amount(changed) == risk_amount(changed + HOUR) == 20


def test_limits_reach_a_decision_by_one_way_only() -> None:
    in_exposure = {field.name for field in fields(Exposure)}
    assert in_exposure.isdisjoint(field.name for field in fields(Limits))


# Over HTTP, down to the floors.


@pytest.fixture
def trader() -> Trader:
    """1000 of equity, the floor 200 below; the ladder gives 1.3."""
    trader = make_trader()
    trader.patch(f"/api/portfolios/{trader['portfolio_id']}/", {
        "headroom_share_pct": "50"})  # fmt: skip
    return trader


def ask(trader: Trader, status: int = 200, **body: Any) -> Any:
    return trader.post("/api/goals/{goal_id}/sizing/", body, status)


def test_the_size_leaves_what_the_open_trades_and_the_share_say(
    trader: Trader,
) -> None:
    answer = ask(trader, base_size="10000", **STOP)
    assert answer["risk_amount"] == "100.00000000"
    trader.post("/api/trades/", open_body(quantity="0.02", stop_price="47000"), 201)
    answer = ask(trader, base_size="10000", **STOP)
    assert answer["risk_amount"] == "70.00000000"  # 50 % of 200 - 60
    assert answer["adjusted_size"] == "3500.00000000"
    assert "left to the hard drawdown floor after 60 that open" in answer["reason"]
    row = GoalAdjustmentLog.objects.get(pk=answer["adjustment_id"])
    again = decide_again(row)
    assert (again.adjusted_size, again.reason) == (3500, row.reason)
    stored = from_plain(OpenRisk, row.inputs["context"]["open_risk"])
    assert stored == risk(60, 60)


def test_without_a_stop_and_a_record_the_answer_asks_for_the_stop(
    trader: Trader,
) -> None:
    for path in ("/api/goals/{goal_id}/sizing/", "/api/sizing/", "/api/next-trade/"):
        body = {"base_size": "1"}
        if "goal_id" not in path:
            body["portfolio"] = "crypto"
        refused = trader.post(path, body, 409)
        assert refused["code"] == "stop_price_required"
        assert "send price and stop_price" in refused["detail"]


def test_the_worst_recorded_loss_stands_for_a_missing_stop() -> None:
    """Of 20 trades one lost 100 of 1000, the last of them."""
    portfolio = PortfolioFactory()
    goal = GoalFactory(portfolio=portfolio)
    for number in range(20):
        profit = Decimal(-100) if number == 19 else Decimal("0.00001")
        book_profit(portfolio, profit, at=ENTRY + number * HOUR)
    now = ENTRY + 21 * HOUR
    update_portfolio(
        portfolio_id=portfolio.pk,
        user=portfolio.user,
        now=now,
        headroom_share_pct=Decimal(50),
    )
    TradeFactory(
        portfolio=portfolio, quantity=Decimal("0.00000002"), entry_time=now, now=now
    )
    row, _ = size_for_goal(
        user=portfolio.user, goal_id=goal.pk, now=now, base_size=Decimal(1000)
    )
    # The open LONG, of 0.001, takes none of it. 50 of the 100 left to 800; the worst
    # loss is 10 % of 900 at factor 1.
    assert abs(row.adjusted_size - Decimal("555.55")) < Decimal("0.01")
    assert decide_again(row).adjusted_size == row.adjusted_size
    codes = [warning["code"] for warning in row.warnings]
    assert "headroom_by_record" in codes
    stopped, _ = size_for_goal(
        user=portfolio.user,
        goal_id=goal.pk,
        now=now,
        base_size=Decimal(1000),
        price=Decimal(50000),
        stop_price=Decimal(49000),
    )
    codes = [warning["code"] for warning in stopped.warnings]
    assert "headroom_by_record" not in codes


def test_headroom_takes_no_further_statement(trader: Trader) -> None:
    def statements() -> int:
        with count_statements() as said:
            ask(trader, base_size="100", **STOP)
        return len(said)

    portfolio = Portfolio.objects.filter(pk=trader["portfolio_id"])
    portfolio.update(headroom_share_pct=None)
    statements()
    without = statements()
    portfolio.update(headroom_share_pct=Decimal(50))
    for _ in range(3):
        TradeFactory(portfolio=portfolio.get(), now=datetime.now(UTC))
    assert statements() == without
