"""A prop firm's rules through the API: each figure worked out by hand.

The trades are of the past, so the days are whole and their order is certain. LONG 1 of
a symbol from 1000 to 1000 + profit makes that profit.
"""

from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from goals.tests.factories import UserFactory
from tests.http import client_of

pytestmark = pytest.mark.django_db


class Account:
    """One portfolio of one trader, seen through the API."""

    def __init__(self, **settings: Any) -> None:
        self.client: APIClient = client_of(UserFactory())
        body = {"name": "firm", "currency": "USD", "opening_balance": "50000"}
        answer = self.client.post("/api/portfolios/", {**body, **settings})
        assert answer.status_code == 201, answer.content
        self.key = answer.json()["portfolio_id"]
        strategy = {"strategy_id": "breakout", "strategy_type": "breakout"}
        assert self.client.post("/api/strategies/", strategy).status_code == 201

    def trade(self, profit: str, entered: str, ended: str, **more: Any) -> Any:
        answer = self.client.post(
            "/api/trades/",
            {
                "portfolio": self.key,
                "strategy_id": "breakout",
                "symbol": "ES",
                "side": "LONG",
                "quantity": "1",
                "entry_price": "10000",
                "exit_price": str(10000 + Decimal(profit)),
                "entry_time": entered,
                "exit_time": ended,
                **more,
            },
        )
        assert answer.status_code in {201, 409}, answer.content
        return answer.json()

    def limits(self, **query: str) -> dict[str, Any]:
        answer = self.client.get(f"/api/portfolios/{self.key}/limits/", query)
        assert answer.status_code == 200, answer.content
        found: dict[str, Any] = answer.json()
        return found

    def floor(self, limit: str = "hard_drawdown", **query: str) -> Decimal:
        floors = {one["limit"]: one for one in self.limits(**query)["floors"]}
        return Decimal(floors[limit]["floor_equity"])

    def state(self) -> str:
        answer = self.client.get(f"/api/portfolios/{self.key}/")
        return str(answer.json()["trading_state"])


def test_a_static_floor_stays_where_it_began():
    account = Account(drawdown_mode="static", hard_drawdown_pct="10")
    account.trade("3000", "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z")
    assert account.floor() == 45000
    account.trade("-2000", "2026-06-02T10:00:00Z", "2026-06-02T11:00:00Z")
    assert account.floor() == 45000
    assert account.state() == "active"
    account.trade("-6000", "2026-06-03T10:00:00Z", "2026-06-03T11:00:00Z")
    assert account.state() == "halted"  # 45,000 is at the floor


def test_a_floor_that_trails_closes_keeps_its_distance_of_the_start():
    account = Account(
        drawdown_mode="trailing_closed",
        drawdown_of="start",
        hard_drawdown_pct="4",
        soft_drawdown_pct="2",
        drawdown_locks_at="1.002",
    )
    assert account.floor() == 48000
    account.trade("1000", "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z")
    account.trade("-500", "2026-06-01T12:00:00Z", "2026-06-01T13:00:00Z")
    assert account.floor() == 49000  # 51,000 - 2,000
    account.trade("2000", "2026-06-02T10:00:00Z", "2026-06-02T11:00:00Z")
    assert account.floor() == 50100  # 52,500 - 2,000 is above the lock
    account.trade("5000", "2026-06-03T10:00:00Z", "2026-06-03T11:00:00Z")
    assert account.floor() == 50100
    # As it was then, whatever came later.
    assert account.floor(as_of="2026-06-01T20:00:00Z") == 49000
    assert account.floor(as_of="2026-05-31T20:00:00Z") == 48000


def test_a_floor_of_the_days_end_is_not_raised_within_the_day():
    account = Account(
        drawdown_mode="end_of_day", hard_drawdown_pct="5", soft_drawdown_pct="5"
    )
    account.trade("4000", "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z")
    account.trade("-2000", "2026-06-01T12:00:00Z", "2026-06-01T13:00:00Z")
    assert account.floor(as_of="2026-06-01T20:00:00Z") == 47500
    assert account.floor(as_of="2026-06-02T00:00:00Z") == 49400  # 95 % of 52,000
    account.trade("1000", "2026-06-02T10:00:00Z", "2026-06-02T11:00:00Z")
    assert account.floor(as_of="2026-06-02T20:00:00Z") == 49400
    assert account.floor() == 50350  # 95 % of 53,000


@pytest.mark.parametrize(
    ("of", "floor"), [("day_start", "48450.00000000"), ("start", "48500.00000000")]
)
def test_a_days_loss_is_measured_from_its_start(of, floor):
    account = Account(daily_loss_limit_pct="5", daily_loss_of=of)
    account.trade("1000", "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z")
    asked = account.limits(as_of="2026-06-02T09:00:00Z")
    floors = {one["limit"]: one for one in asked["floors"]}
    assert floors["daily_loss"]["floor_equity"] == floor


def test_a_day_begins_at_five_in_chicago_across_both_changes_of_clocks():
    account = Account(time_zone="America/Chicago", day_starts_at="17:00")
    began = {
        "2026-03-06T23:30:00Z": "2026-03-06T23:00:00Z",  # winter: UTC-6
        "2026-03-08T22:30:00Z": "2026-03-08T22:00:00Z",  # clocks went forward at 8:00Z
        "2026-03-08T21:59:59Z": "2026-03-07T23:00:00Z",  # a day of 23 hours
        "2026-11-01T22:59:59Z": "2026-10-31T22:00:00Z",  # a day of 25 hours
        "2026-11-01T23:00:00Z": "2026-11-01T23:00:00Z",
    }
    account.trade("10", "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z")
    found = {at: account.limits(as_of=at)["day"]["began_at"] for at in began}
    assert found == began


def test_a_daily_loss_of_the_evening_belongs_to_the_next_trading_day():
    account = Account(
        time_zone="America/Chicago", day_starts_at="17:00", daily_loss_limit_pct="3"
    )
    account.trade("-1000", "2026-06-01T20:00:00Z", "2026-06-01T21:59:00Z")
    account.trade("-1000", "2026-06-01T22:30:00Z", "2026-06-01T22:40:00Z")
    first = account.limits(as_of="2026-06-01T21:59:30Z")["day"]
    second = account.limits(as_of="2026-06-01T23:00:00Z")["day"]
    assert (Decimal(first["profit"]), first["trades"]) == (-1000, 1)
    assert (Decimal(second["profit"]), second["trades"]) == (-1000, 1)


def test_losses_in_a_row_end_at_a_trade_that_broke_even():
    account = Account()
    for hour, profit in enumerate(("-10", "-10", "0", "-10", "-10", "-10")):
        account.trade(
            profit, f"2026-06-01T1{hour}:00:00Z", f"2026-06-01T1{hour}:30:00Z"
        )
    day = account.limits(as_of="2026-06-01T20:00:00Z")["day"]
    assert (day["trades"], day["losses_in_a_row"]) == (6, 3)
    assert account.limits(as_of="2026-06-01T12:40:00Z")["day"]["losses_in_a_row"] == 0


@pytest.mark.slow
def test_trades_that_arrive_out_of_order_give_the_same_floors():
    story = [
        ("1000", "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z"),
        ("-700", "2026-06-01T12:00:00Z", "2026-06-01T13:00:00Z"),
        ("2500", "2026-06-02T10:00:00Z", "2026-06-02T11:00:00Z"),
        ("-900", "2026-06-03T10:00:00Z", "2026-06-03T11:00:00Z"),
    ]
    rules = {"drawdown_of": "start", "hard_drawdown_pct": "6", "drawdown_locks_at": "1"}
    for mode in ("static", "trailing_closed", "trailing", "end_of_day"):
        orders = (story, story[::-1], [story[index] for index in (2, 0, 3, 1)])
        found = []
        for order in orders:
            account = Account(drawdown_mode=mode, soft_drawdown_pct="3", **rules)
            for profit, entered, ended in order:
                account.trade(profit, entered, ended)
            times = [f"2026-06-0{day}T20:00:00Z" for day in range(1, 5)]
            found.append([account.floor(as_of=at) for at in times])
        assert found[0] == found[1] == found[2], mode


def test_a_late_loss_halts_as_if_it_had_come_in_time():
    account = Account(drawdown_mode="static", hard_drawdown_pct="10")
    account.trade("8000", "2026-06-03T10:00:00Z", "2026-06-03T11:00:00Z")
    account.trade("-5000", "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z")
    assert account.state() == "halted"  # it was at 45,000 before it made 8,000


def test_a_goal_fails_by_a_breach_and_stands_again_when_that_is_voided():
    account = Account(drawdown_mode="static", hard_drawdown_pct="10", on_breach="fail")
    goal = account.client.post(
        "/api/goals/",
        {
            "portfolio": account.key,
            "goal_type": "yearly_return",
            "target_value": "10",
            "start_date": "2026-01-01",
        },
    ).json()
    lost = account.trade("-6000", "2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z")
    address = f"/api/goals/{goal['goal_id']}/"
    assert account.client.get(address).json()["status"] == "failed"
    assert account.state() == "halted"
    voided = account.client.post(
        f"/api/trades/{lost['trade_id']}/void/", {"reason": "booked twice"}
    )
    assert voided.status_code == 200, voided.content
    assert account.client.get(address).json()["status"] == "active"
    assert account.state() == "active"


def test_a_limit_of_trades_a_day_stops_the_next_entry():
    account = Account(max_trades_per_day=2)
    body = {
        "portfolio": account.key,
        "strategy_id": "breakout",
        "symbol": "ES",
        "side": "LONG",
        "quantity": "1",
        "entry_price": "100",
    }
    answers = [account.client.post("/api/trades/", body) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert answers[2].json()["code"] == "trading_halted"
    over = account.client.post("/api/trades/", {**body, "override": True})
    assert over.status_code == 201
