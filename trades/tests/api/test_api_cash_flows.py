"""Cash flows next to open trades, over HTTP."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.http import Trader, make_busy_trader, make_trader, nothing_changes

pytestmark = pytest.mark.django_db
MARKS = "/api/positions/marks/?portfolio=case"


def ago(days: float) -> str:
    return (timezone.now() - timedelta(days=days)).isoformat()


class Case:
    """A portfolio of 1000 with one open LONG of 1 BTCUSDT from 100000."""

    def __init__(self, trader: Trader) -> None:
        self.trader = trader
        trader.post(
            "/api/strategies/",
            {"strategy_id": "tst", "strategy_type": "momentum"},
            201,
        )
        portfolio = trader.post(
            "/api/portfolios/",
            {"name": "case", "currency": "USDT", "opening_balance": "1000"},
            201,
        )
        self.path = f"/api/portfolios/{portfolio['portfolio_id']}/"
        self.flows = f"{self.path}cash-flows/"
        self.goal = trader.post(
            "/api/goals/",
            {
                "portfolio": "case",
                "goal_type": "yearly_return",
                "target_value": "30",
                "start_date": ago(40)[:10],
                "target_date": ago(-200)[:10],
                "policy": "constant",
            },
            201,
        )
        self.trade = trader.post(
            "/api/trades/",
            {
                "portfolio": "case",
                "strategy_id": "tst",
                "symbol": "BTCUSDT",
                "side": "LONG",
                "quantity": "1",
                "entry_price": "100000",
                "entry_time": ago(9),
            },
            201,
        )

    def mark(self, price: str, days: float) -> None:
        marks = [{"symbol": "BTCUSDT", "price": price, "at": ago(days)}]
        self.trader.post(MARKS, marks, 200)

    def flow(self, status: int = 201, **body: object) -> dict:
        return self.trader.post(self.flows, body, status)

    def close(self, price: str) -> None:
        path = f"/api/trades/{self.trade['trade_id']}/close/"
        self.trader.post(path, {"exit_price": price, "exit_time": ago(1)}, 200)

    @property
    def portfolio(self) -> dict:
        return self.trader.get(self.path)


@pytest.fixture
def case() -> Case:
    return Case(make_trader(username="ada"))


def test_a_withdrawal_next_to_a_winning_trade_leaves_a_return_of_20_percent(case):
    case.mark("100200", 8)
    case.flow(amount="-900", at=ago(7))
    case.close("100200")
    goal = case.trader.get(f"/api/goals/{case.goal['goal_id']}/")
    assert goal["current_value"] == "20.00000000"
    assert case.portfolio["unit_value"] == "1.200000000000000000"


def test_a_deposit_next_to_a_losing_trade_does_not_keep_the_halt_away(case):
    case.mark("99810", 8)
    case.flow(amount="1000", at=ago(7))
    assert case.portfolio["drawdown_pct"] == "19.000000"
    case.mark("99750", 6)
    case.mark("99750", 5)  # confirms it
    portfolio = case.portfolio
    assert (portfolio["drawdown_pct"], portfolio["trading_state"]) == (
        "21.685083",
        "halted",
    )
    sizing = case.trader.post(
        "/api/sizing/", {"portfolio": "case", "base_size": "100"}, 200
    )
    assert sizing["verdict"] == "block"


def test_a_flow_may_bring_what_open_trades_have_made(case):
    given = [{"trade_id": case.trade["trade_id"], "unrealized_pnl": "200"}]
    body = {"amount": "-900", "at": ago(7), "unrealized": given, "external_id": "f"}
    flow = case.flow(**body)
    assert flow["units"] == "-750.000000000000000000"
    assert case.flow(200, **body) == flow
    body["unrealized"] = [{**given[0], "unrealized_pnl": "100"}]
    assert case.flow(409, **body)["code"] == "idempotency_conflict"
    assert case.portfolio["live_equity"] == "300.00000000"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([{"trade_id": 10**9, "unrealized_pnl": "1"}], "has no trade"),
        ([{"trade_id": 0, "unrealized_pnl": "1"}], "Must be from 1 to"),
        ([{"trade_id": "own", "unrealized_pnl": "-100000"}], "cannot have made"),
        (
            [{"trade_id": "own", "unrealized_pnl": "1"}] * 2,
            "names a trade more than once",
        ),
        ([{"trade_id": "own"}], "required"),
        ([{"trade_id": "own", "unrealized_pnl": "1", "x": 1}], "x"),
        ({"trade_id": "own"}, "list"),
    ],
)
def test_what_cannot_be_is_refused_by_the_fields_name(case, given, why):
    for one in given if isinstance(given, list) else [given]:
        if one["trade_id"] == "own":
            one["trade_id"] = case.trade["trade_id"]
    with nothing_changes():
        answer = case.flow(400, amount="5", at=ago(7), unrealized=given)
    assert why in str(answer["unrealized"])


def test_another_users_trade_does_not_exist(case):
    eve = make_busy_trader(username="eve")
    theirs = eve.get("/api/trades/")["results"][0]["trade_id"]
    with nothing_changes():
        answer = case.flow(
            400, amount="5", unrealized=[{"trade_id": theirs, "unrealized_pnl": "1"}]
        )
    assert "has no trade" in str(answer["unrealized"])
