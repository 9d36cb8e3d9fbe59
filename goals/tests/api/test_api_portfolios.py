"""/api/portfolios/ and their cash flows, as the contract describes them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from goals.models import CashFlow, LedgerEntry, Portfolio
from goals.models.portfolios import LIMIT_KINDS
from tests.http import (
    Trader,
    ago,
    made_once,
    make_newcomer,
    make_trader,
    nothing_changes,
    open_body,
    unthrottled,  # noqa: F401
)

PATH = "/api/portfolios/{portfolio_id}/"
PORTFOLIO = "/api/portfolios/{portfolio_id}/"
FLOWS = "/api/portfolios/{portfolio_id}/cash-flows/"


@pytest.fixture
def newcomer(db: None) -> Trader:
    return make_newcomer()


trader_of_module = made_once(make_trader)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


def open_portfolio(trader: Trader, status: int = 201, **fields: Any) -> Any:
    body = {"name": "stocks", "currency": "EUR", "opening_balance": "1000", **fields}
    return trader.post("/api/portfolios/", body, status)


# Portfolios.


def test_a_portfolio_is_answered_with_the_contracts_names(newcomer: Trader) -> None:
    answer = open_portfolio(newcomer)
    for name in ("created_at", "updated_at"):
        assert answer.pop(name).endswith("Z")
    assert answer.pop("portfolio_id") > 0
    assert set(answer.pop("limits")) >= {*LIMIT_KINDS, "floors", "day"}
    assert answer == {
        "user_id": newcomer.user.username,
        "kind": "live",
        "name": "stocks",
        "currency": "EUR",
        "time_zone": "UTC",
        "opening_balance": "1000.00000000",
        "equity": "1000.00000000",
        "live_equity": "1000.00000000",
        "units": "1000.000000000000000000",
        "unit_value": "1.000000000000000000",
        "peak_unit_value": "1.000000000000000000",
        "realized_pnl": "0.00000000",
        "drawdown_pct": "0.000000",
        "trading_state": "active",
        "waiting": None,
        "drawdown_mode": "trailing_closed",
        "end_of_day_of": "closed",
        "hard_drawdown_pct": "20.000000",
        "soft_drawdown_pct": "10.000000",
        "drawdown_of": "peak",
        "drawdown_locks_at": None,
        "floor_in": "units",
        "floor_reference": {
            "set_at": None,
            "start_equity": "1000.00000000",
            "peak_equity": "1000.00000000",
            "floor_equity": "800.00000000",
        },
        "daily_loss_limit_pct": None,
        "daily_loss_of": "day_start",
        "daily_loss_anchor": "equity",
        "day_starts_at": "00:00",
        "daily_profit_lock_pct": None,
        "max_trades_per_day": None,
        "pause_after_losses": None,
        "pause_minutes": None,
        "headroom_share_pct": None,
        "on_breach": "halt",
        "daily_on_breach": "halt_day",
        "max_position_pct": None,
        "edge_guard": "benefit_of_doubt",
        "successor_id": None,
        "predecessor_id": None,
    }


def test_a_preset_makes_a_portfolio_with_its_limits_and_its_goal(
    newcomer: Trader,
) -> None:
    body = {"name": "firm", "preset": "ftmo-2-step-100k", "phase": 2}
    made = newcomer.post("/api/portfolios/", body, 201)
    assert made["opening_balance"] == "100000.00000000"
    assert made["time_zone"] == "Europe/Prague"
    assert (made["on_breach"], made["daily_on_breach"]) == ("fail", "fail")
    assert (made["drawdown_mode"], made["floor_in"]) == ("static", "money")
    (goal,) = newcomer.get("/api/goals/", portfolio="firm")["results"]
    assert (goal["target_value"], goal["min_trading_days"]) == ("5.00000000", 4)
    assert (goal["min_factor"], goal["max_factor"]) == ("0.2500", "2.0000")
    assert (goal["stop_penalty"], goal["after_achieved"]) == ("0.0000", "stop")


def test_what_is_sent_goes_before_the_preset(newcomer: Trader) -> None:
    made = newcomer.post(
        "/api/portfolios/",
        {
            "name": "firm",
            "preset": "topstep-combine-50k",
            "opening_balance": "150000",
            "hard_drawdown_pct": "3",
            "soft_drawdown_pct": "3",
        },
        201,
    )
    assert made["opening_balance"] == "150000.00000000"
    assert made["floor_reference"]["floor_equity"] == "145500.00000000"
    assert (made["drawdown_mode"], made["day_starts_at"]) == ("end_of_day", "17:00")


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("preset", {"preset": "martingale"}),
        ("phase", {"preset": "ftmo-2-step-100k", "phase": 3}),
        ("phase", {"preset": "ftmo-2-step-100k", "phase": 0}),
        ("phase", {"phase": 1}),
        ("soft_drawdown_pct", {"preset": "e8-one-100k", "hard_drawdown_pct": "4"}),
        ("preset", {"preset": None}),
    ],
)
def test_a_preset_that_cannot_be_opens_nothing(
    newcomer: Trader, field: str, body: dict[str, Any]
) -> None:
    with nothing_changes():
        refused = newcomer.post("/api/portfolios/", {"name": "firm", **body}, 400)
    assert field in str(refused)


def test_a_phase_names_the_portfolio_of_the_next(newcomer: Trader) -> None:
    first = open_portfolio(newcomer, name="one")["portfolio_id"]
    second = open_portfolio(newcomer, name="two")["portfolio_id"]
    path = f"/api/portfolios/{first}/"
    assert newcomer.patch(path, {"successor": "two"})["successor_id"] == second
    assert newcomer.patch(path, {"successor": second})["successor_id"] == second
    assert newcomer.get(f"/api/portfolios/{second}/")["predecessor_id"] == first
    (listed,) = newcomer.get("/api/portfolios/", name="two")["results"]
    assert listed["predecessor_id"] == first
    assert newcomer.patch(path, {"successor": None})["successor_id"] is None
    assert newcomer.get(f"/api/portfolios/{second}/")["predecessor_id"] is None


def test_a_successor_is_a_later_fresh_portfolio_of_one_s_own(newcomer: Trader) -> None:
    """So phases go in no circle, and none begins on a ledger that has begun."""
    keys = {
        name: open_portfolio(newcomer, name=name)["portfolio_id"]
        for name in ("one", "two", "three", "used")
    }
    newcomer.post(f"/api/portfolios/{keys['used']}/cash-flows/", {"amount": "5"}, 201)
    foreign = open_portfolio(make_newcomer(), name="theirs")["portfolio_id"]
    newcomer.patch(f"/api/portfolios/{keys['one']}/", {"successor": "three"})
    for name, successor in (
        ("two", "two"),  # itself
        ("three", "one"),  # a circle
        ("two", "three"),  # has one before it
        ("one", "used"),
        ("one", foreign),
        ("one", "nowhere"),
    ):
        with nothing_changes():
            refused = newcomer.patch(
                f"/api/portfolios/{keys[name]}/", {"successor": successor}, 400
            )
        assert "successor" in str(refused)
    with nothing_changes():
        assert "PATCH" in str(
            open_portfolio(newcomer, 400, name="four", successor="three")
        )


def test_deleting_a_phase_by_hand_leaves_its_neighbour(newcomer: Trader) -> None:
    first = open_portfolio(newcomer, name="one")["portfolio_id"]
    second = open_portfolio(newcomer, name="two")["portfolio_id"]
    newcomer.patch(f"/api/portfolios/{first}/", {"successor": "two"})
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM portfolios WHERE portfolio_id = %s", [second])
    left = Portfolio.objects.get(pk=first)
    assert (left.successor_id, left.user_id) == (None, newcomer.user.username)


def test_a_portfolio_reads_as_it_was_answered(newcomer: Trader) -> None:
    opened = open_portfolio(newcomer)
    path = f"/api/portfolios/{opened['portfolio_id']}/"
    assert newcomer.get(path) == opened
    opened.pop("limits")  # a list does not read the floors of each
    assert newcomer.get("/api/portfolios/", name="stocks")["results"] == [opened]


def test_a_newcomer_has_main_and_reading_makes_nothing(newcomer: Trader) -> None:
    with nothing_changes():
        listed = newcomer.get("/api/portfolios/")["results"]
    assert [one["name"] for one in listed] == ["main"]


@pytest.mark.parametrize("currency", ["USDT", "EUR", "1INCH", "AAAAAAAAAA", "XY"])
def test_a_currency_has_up_to_ten_characters(newcomer: Trader, currency: str) -> None:
    assert open_portfolio(newcomer, currency=currency)["currency"] == currency


@pytest.mark.parametrize(
    "currency", ["A", "AAAAAAAAAAA", "usd", "U D", "€UR", "EUR\n$"]
)
def test_a_currency_is_capital_letters_and_digits(
    newcomer: Trader, currency: str
) -> None:
    assert list(open_portfolio(newcomer, 400, currency=currency)) == ["currency"]


@pytest.mark.parametrize(
    "fields",
    [
        {"opening_balance": "-1"},
        {"opening_balance": "99999999999999999"},
        {"opening_balance": "0.000000001"},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": "utc+1"},
        {"soft_drawdown_pct": "0"},
        {"soft_drawdown_pct": "-5"},
        {"soft_drawdown_pct": "25"},
        {"hard_drawdown_pct": "100.1"},
        {"daily_loss_limit_pct": "0"},
        {"daily_loss_limit_pct": "101"},
        {"max_position_pct": "0"},
        {"max_position_pct": "-1"},
        {"max_position_pct": "100000000"},
        {"edge_guard": "lenient"},
        {"drawdown_mode": "floating"},
        {"end_of_day_of": "open"},
        {"drawdown_of": "equity"},
        {"drawdown_locks_at": "0"},
        {"drawdown_locks_at": "0.0000000000001"},
        {"floor_in": "EUR"},
        {"floor_reference": "500"},
        {"floor_reference": {}},
        {"floor_reference": {"floor_equity": None}},
        {"floor_reference": {"floor_equity": "0"}},
        {"floor_reference": {"floor_equity": "700"}},
        {"floor_reference": {"low": "700"}},
        {"daily_loss_of": "peak"},
        {"daily_loss_anchor": "lower"},
        {"day_starts_at": "24:00"},
        {"day_starts_at": "17:00:30"},
        {"day_starts_at": "17:00+01:00"},
        {"day_starts_at": "noon"},
        {"daily_profit_lock_pct": "0"},
        {"max_trades_per_day": 0},
        {"max_trades_per_day": 1000001},
        {"max_trades_per_day": "2.5"},
        {"pause_after_losses": -1},
        {"pause_minutes": 30},
        {"headroom_share_pct": "100.5"},
        {"on_breach": "warn"},
        {"daily_on_breach": "halt"},
        {"name": "123"},
        {"name": "   "},
        {"name": "x" * 101},
        {"name": "main"},
    ],
    ids=str,
)
def test_a_portfolio_that_makes_no_sense_is_refused(
    newcomer: Trader, fields: dict[str, str]
) -> None:
    with nothing_changes():
        answer = open_portfolio(newcomer, 400, **fields)
    assert list(answer) == list(fields)


def test_a_name_belongs_to_one_portfolio_of_a_user(newcomer: Trader) -> None:
    open_portfolio(newcomer)
    assert list(open_portfolio(newcomer, 400)) == ["name"]
    open_portfolio(make_newcomer())


def test_settings_may_change_whenever(trader: Trader) -> None:
    changes = {
        "name": "coins",
        "soft_drawdown_pct": "5.000000",
        "hard_drawdown_pct": "12.500000",
        "daily_loss_limit_pct": "2.000000",
        "max_position_pct": "30.000000",
        "edge_guard": "strict",
        "drawdown_mode": "end_of_day",
        "end_of_day_of": "live",
        "drawdown_of": "start",
        "drawdown_locks_at": "1.002000000000",
        "floor_in": "money",
        "daily_loss_of": "start",
        "daily_loss_anchor": "higher",
        "daily_profit_lock_pct": "3.000000",
        "max_trades_per_day": 5,
        "pause_after_losses": 3,
        "pause_minutes": 45,
        "headroom_share_pct": "50.000000",
        "on_breach": "fail",
        "daily_on_breach": "fail",
    }
    answer = trader.patch(PATH, changes)
    assert answer.items() >= changes.items()
    assert trader.get(PATH) == answer


def test_a_limit_may_be_turned_off_again(trader: Trader) -> None:
    limits = (
        "daily_loss_limit_pct",
        "max_position_pct",
        "drawdown_locks_at",
        "daily_profit_lock_pct",
        "max_trades_per_day",
        "pause_after_losses",
        "pause_minutes",
        "headroom_share_pct",
    )
    trader.patch(PATH, dict.fromkeys(limits, "5"))
    answer = trader.patch(PATH, dict.fromkeys(limits))
    assert [answer[name] for name in limits] == [None] * len(limits)


@pytest.mark.parametrize(
    "field",
    ["soft_drawdown_pct", "edge_guard", "name", "drawdown_mode", "day_starts_at"],
)
def test_a_setting_that_must_be_is_not_turned_off(trader: Trader, field: str) -> None:
    assert list(trader.patch(PATH, {field: None}, 400)) == [field]


FROZEN = {
    "currency": "EUR",
    "time_zone": "Europe/Vienna",
    "opening_balance": "2000",
    "day_starts_at": "17:00",
}


@pytest.mark.parametrize(("field", "value"), FROZEN.items())
def test_what_figures_rest_on_is_frozen_once_the_portfolio_is_used(
    trader: Trader, field: str, value: str
) -> None:
    with nothing_changes():
        answer = trader.patch(PATH, {field: value}, 409)
    assert answer["code"] == "portfolio_frozen"
    assert field in answer["detail"]


def test_an_unused_portfolio_may_change_all_of_it(newcomer: Trader) -> None:
    opened = open_portfolio(newcomer)
    path = f"/api/portfolios/{opened['portfolio_id']}/"
    answer = newcomer.patch(path, FROZEN)
    assert answer["currency"] == "EUR"
    assert answer["time_zone"] == "Europe/Vienna"
    assert answer["day_starts_at"] == "17:00"
    assert answer["equity"] == answer["units"][:-10] == "2000.00000000"


def test_sending_what_is_frozen_unchanged_changes_nothing(trader: Trader) -> None:
    trader.post(FLOWS, {"amount": "500"}, 201)
    trader.post("/api/trades/", open_body(exit_price="51000"), 201)
    before = trader.get(PATH)
    same = {"currency": "USDT", "time_zone": "UTC", "opening_balance": "1000.0"}
    after = trader.patch(PATH, same)
    assert {**after, "updated_at": None} == {**before, "updated_at": None}
    assert after["equity"] == "1520.00000000"


def test_main_keeps_its_name(newcomer: Trader) -> None:
    main = newcomer.get("/api/portfolios/")["results"][0]
    path = f"/api/portfolios/{main['portfolio_id']}/"
    assert list(newcomer.patch(path, {"name": "chief"}, 400)) == ["name"]
    newcomer.patch(path, {"name": "main"})


def test_an_empty_change_changes_nothing_but_the_time(trader: Trader) -> None:
    before = trader.get(PATH)
    assert {**trader.patch(PATH, {}), "updated_at": 0} == {**before, "updated_at": 0}


@pytest.mark.parametrize(
    "field", ["equity", "portfolio_id", "user_id", "trading_state"]
)
def test_what_follows_from_the_ledger_is_not_set(trader: Trader, field: str) -> None:
    with nothing_changes():
        assert list(trader.patch(PATH, {field: "1"}, 400)) == [field]


def test_the_floor_is_set_where_a_firm_says_it_is(newcomer: Trader) -> None:
    opened = open_portfolio(
        newcomer,
        opening_balance="49600",
        hard_drawdown_pct="4",
        soft_drawdown_pct="2",
        drawdown_of="start",
        drawdown_locks_at="1",
        floor_in="money",
        floor_reference={"start_equity": "50000", "floor_equity": "48500"},
    )
    assert opened["floor_reference"] == {
        "set_at": None,
        "start_equity": "50000.00000000",
        "peak_equity": "50500.00000000",
        "floor_equity": "48500.00000000",
    }
    path = f"/api/portfolios/{opened['portfolio_id']}/"
    answer = newcomer.patch(path, {"floor_reference": {"peak_equity": "51000"}})
    assert answer["floor_reference"]["floor_equity"] == "49000.00000000"
    assert answer["floor_reference"]["set_at"] == answer["updated_at"]
    assert newcomer.get(path) == answer


def test_a_floor_in_units_moves_in_money_with_a_cash_flow(trader: Trader) -> None:
    trader.post(FLOWS, {"amount": "500"}, 201)
    assert trader.get(PATH)["floor_reference"]["floor_equity"] == "1200.00000000"


def test_portfolios_are_filtered_by_their_limits(newcomer: Trader) -> None:
    fields = {
        "drawdown_mode": "static",
        "floor_in": "money",
        "on_breach": "fail",
        "daily_on_breach": "fail",
        "edge_guard": "strict",
    }
    opened = open_portfolio(newcomer, **fields)
    opened.pop("limits")
    for name, value in fields.items():
        found = newcomer.get("/api/portfolios/", **{name: value})["results"]
        assert found == [opened], name


# Cash flows.


@pytest.mark.parametrize("breach", ["on_breach", "daily_on_breach"])
@pytest.mark.parametrize("status", ["active", "paused"])
def test_no_cash_flow_moves_the_value_while_a_goal_may_fail_in_money(
    trader: Trader, breach: str, status: str
) -> None:
    goal = f"/api/goals/{trader['goal_id']}/"
    trader.patch(goal, {"status": status})
    trader.patch(PATH, {"floor_in": "money", breach: "fail"})
    with nothing_changes():
        answer = trader.post(FLOWS, {"amount": "500"}, 409)
    assert answer["code"] == "cash_flow_refused"
    assert f"goal {trader['goal_id']}" in answer["detail"]
    trader.client.delete(goal)
    trader.post(FLOWS, {"amount": "500"}, 201)


@pytest.mark.parametrize(
    "limits",
    [
        {"floor_in": "money"},
        {"floor_in": "units", "on_breach": "fail", "daily_on_breach": "fail"},
    ],
)
def test_a_cash_flow_no_goal_fails_by_is_booked(trader: Trader, limits: Any) -> None:
    trader.patch(PATH, limits)
    trader.post(FLOWS, {"amount": "500"}, 201)


def test_the_first_deposit_is_booked_though_a_goal_runs(newcomer: Trader) -> None:
    limits = {"floor_in": "money", "on_breach": "fail"}
    opened = open_portfolio(newcomer, opening_balance="0", **limits)
    key = opened["portfolio_id"]
    goal = {"goal_type": "monthly_income", "target_value": "5", "portfolio": key}
    newcomer.post("/api/goals/", goal, 201)
    newcomer.post(f"/api/portfolios/{key}/cash-flows/", {"amount": "500"}, 201)


def test_a_deposit_buys_units_and_is_no_profit(trader: Trader) -> None:
    flow = trader.post(FLOWS, {"amount": "500"}, 201)
    portfolio = trader.get(PATH)
    assert flow["amount"] == "500.00000000"
    assert flow["portfolio_id"] == trader["portfolio_id"]
    assert flow["external_id"] is None
    assert portfolio["equity"] == "1500.00000000"
    assert portfolio["unit_value"] == "1.000000000000000000"
    assert portfolio["realized_pnl"] == "0.00000000"


def test_a_negative_amount_withdraws(trader: Trader) -> None:
    trader.post(FLOWS, {"amount": "-400"}, 201)
    assert trader.get(PATH)["equity"] == "600.00000000"


def test_a_cash_flow_has_the_contracts_names(trader: Trader) -> None:
    at = ago(minutes=5)
    flow = trader.post(FLOWS, {"amount": "5", "at": at, "external_id": "b-1"}, 201)
    assert set(flow) == {
        "cash_flow_id",
        "portfolio_id",
        "amount",
        "at",
        "units",
        "marks_unknown",
        "external_id",
        "created_at",
        "created_by",
        "voided_at",
        "void_reason",
    }
    assert parse_datetime(flow["at"]) == datetime.fromisoformat(at)
    assert flow["at"].endswith("Z")
    assert trader.get(FLOWS)["results"] == [flow]


def test_everything_may_be_withdrawn_but_no_more(trader: Trader) -> None:
    with nothing_changes():
        answer = trader.post(FLOWS, {"amount": "-1000.00000001"}, 409)
    assert answer["code"] == "insufficient_equity"
    trader.post(FLOWS, {"amount": "-1000"}, 201)
    assert trader.get(PATH)["equity"] == "0.00000000"


@pytest.mark.parametrize("amount", ["0", "0.000000001", "-0"])
def test_an_amount_moves_something(trader: Trader, amount: str) -> None:
    with nothing_changes():
        assert list(trader.post(FLOWS, {"amount": amount}, 400)) == ["amount"]


def test_an_amount_the_ledger_cannot_hold_is_refused(trader: Trader) -> None:
    largest = "9999999999999999.99999999"
    with nothing_changes():
        answer = trader.post(FLOWS, {"amount": largest}, 409)
    assert answer["code"] == "out_of_range"


def test_a_cash_flow_of_the_future_is_refused(trader: Trader) -> None:
    at = (timezone.now() + timedelta(hours=1)).isoformat()
    assert list(trader.post(FLOWS, {"amount": "5", "at": at}, 400)) == ["at"]


def test_a_late_cash_flow_is_booked_where_it_belongs(trader: Trader) -> None:
    trader.post(FLOWS, {"amount": "5", "at": ago(minutes=1)}, 201)
    trader.post(FLOWS, {"amount": "7", "at": ago(minutes=2)}, 201)
    amounts = [flow["amount"] for flow in trader.get(FLOWS)["results"]]
    assert amounts == ["5.00000000", "7.00000000"]
    assert trader.get(PORTFOLIO)["equity"] == "1012.00000000"


def test_a_late_withdrawal_that_leaves_too_little_for_a_later_one_is_refused(
    trader: Trader,
) -> None:
    trader.post(FLOWS, {"amount": "-600", "at": ago(minutes=1)}, 201)
    with nothing_changes():
        answer = trader.post(FLOWS, {"amount": "-600", "at": ago(minutes=2)}, 409)
    assert answer["code"] == "insufficient_equity"


def void_flow(trader: Trader, flow: Any, answered: int = 200, **body: Any) -> Any:
    path = f"{FLOWS}{flow['cash_flow_id']}/void/"
    return trader.post(path, {"reason": "recorded twice", **body}, answered)


def test_a_void_cash_flow_is_as_if_it_had_never_been(trader: Trader) -> None:
    flow = trader.post(FLOWS, {"amount": "5"}, 201)
    voided = void_flow(trader, flow)
    assert (voided["void_reason"], voided["voided_at"] is None) == (
        "recorded twice",
        False,
    )
    assert trader.get(PORTFOLIO)["equity"] == "1000.00000000"
    (change,) = trader.get("/api/changes/", cash_flow_id=flow["cash_flow_id"])[
        "results"
    ]
    assert (change["action"], change["changed_by"]) == ("voided", trader.user.username)
    with nothing_changes():
        assert void_flow(trader, flow) == voided


def test_a_deposit_that_a_withdrawal_needed_cannot_be_voided(trader: Trader) -> None:
    flow = trader.post(FLOWS, {"amount": "500"}, 201)
    trader.post(FLOWS, {"amount": "-1400"}, 201)
    with nothing_changes():
        assert void_flow(trader, flow, 409)["code"] == "insufficient_equity"


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, None, {}, []])
def test_voiding_needs_a_reason(trader: Trader, reason: Any) -> None:
    flow = trader.post(FLOWS, {"amount": "5"}, 201)
    with nothing_changes():
        assert list(void_flow(trader, flow, 400, reason=reason)) == ["reason"]


# The same call again.


def flow(trader: Trader, status: int, **fields: Any) -> Any:
    return trader.post(
        FLOWS, {"amount": "5", "external_id": "bank-1", **fields}, status
    )


@pytest.mark.parametrize("amount", ["5", "5.0", "5.00000000", "05", "5e0", 5, "+5"])
def test_the_same_cash_flow_again_is_the_first_one(trader: Trader, amount: Any) -> None:
    first = flow(trader, 201)
    with nothing_changes():
        assert flow(trader, 200, amount=amount) == first


def test_the_same_instant_in_another_offset_is_the_same(trader: Trader) -> None:
    at = timezone.now().replace(microsecond=0) - timedelta(minutes=1)
    first = flow(trader, 201, at=at.isoformat())
    utc = at.replace(tzinfo=None)
    for same in (f"{utc}Z".replace(" ", "T"), f"{utc + timedelta(hours=2)}+02:00"):
        with nothing_changes():
            assert flow(trader, 200, at=same) == first


def test_the_same_cash_flow_again_is_the_first_one_however_late(trader: Trader) -> None:
    first = flow(trader, 201, at=ago(minutes=1))
    flow(trader, 201, external_id="bank-2")
    with nothing_changes():
        assert flow(trader, 200, at=first["at"]) == first


@pytest.mark.parametrize(
    "fields", [{"amount": "5.00000001"}, {"amount": "-5"}, {"at": ago(minutes=9)}]
)
def test_the_same_id_with_other_figures_is_a_conflict(
    trader: Trader, fields: dict[str, str]
) -> None:
    flow(trader, 201)
    with nothing_changes():
        assert flow(trader, 409, **fields)["code"] == "idempotency_conflict"


def test_the_same_id_in_another_portfolio_is_free(trader: Trader) -> None:
    flow(trader, 201)
    other = open_portfolio(trader)
    path = f"/api/portfolios/{other['portfolio_id']}/cash-flows/"
    trader.post(path, {"amount": "7", "external_id": "bank-1"}, 201)


def test_without_an_id_every_call_is_a_new_one(trader: Trader) -> None:
    for _ in range(2):
        flow(trader, 201, external_id=None)
    assert CashFlow.objects.count() == LedgerEntry.objects.count() == 2


def test_a_refused_cash_flow_does_not_use_up_its_id(trader: Trader) -> None:
    flow(trader, 409, amount="-5000")
    flow(trader, 201)
