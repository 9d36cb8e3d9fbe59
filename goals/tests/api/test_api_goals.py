"""/api/goals/ and their logs, as the contract describes them."""

from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from goals.decisions.periods import calendar_end
from goals.decisions.policies import PolicyName
from goals.enums import GoalType
from goals.models import FinancialGoal
from goals.tests.factories import fail
from tests.http import (
    Trader,
    ago,
    made_once,
    make_trader,
    nothing_changes,
    open_body,
    unthrottled,  # noqa: F401
)

PATH = "/api/goals/{goal_id}/"
HISTORY = "/api/goals/{goal_id}/progress/"
DECISIONS = "/api/goals/{goal_id}/adjustments/"


trader_of_module = made_once(make_trader)


@pytest.fixture
def trader(db: None, trader_of_module: Trader) -> Trader:
    return trader_of_module.for_one_test()


def today() -> date:
    return timezone.now().date()


def create(trader: Trader, answered: int = 201, **fields: Any) -> Any:
    body = {
        "goal_type": "monthly_return",
        "target_value": "5",
        "portfolio": "crypto",
        "priority": 4,
        **fields,
    }
    return trader.post("/api/goals/", body, answered)


def make_profit(trader: Trader, profit: str, **fields: Any) -> Any:
    """Book a trade that makes exactly that."""
    exit_price = Decimal(100_000) + Decimal(profit)
    body = open_body(
        quantity="1", entry_price="100000", exit_price=str(exit_price), **fields
    )
    return trader.post("/api/trades/", body, 201)


# Creating.


def test_a_goal_is_answered_with_the_contracts_names(trader: Trader) -> None:
    answer = create(trader)
    for name in ("created_at", "updated_at"):
        assert answer.pop(name).endswith("Z")
    for name in ("expected_progress_pct", "pace_gap_pct", "required_per_day"):
        assert isinstance(Decimal(answer.pop(name)), Decimal)
    assert answer.pop("health") in {"on_pace", "lagging", "at_risk"}
    last = monthrange(today().year, today().month)[1]
    assert answer.pop("goal_id") > trader["goal_id"]
    assert answer == {
        "user_id": trader.user.username,
        "portfolio_id": trader["portfolio_id"],
        "goal_type": "monthly_return",
        "target_value": "5.00000000",
        "start_value": "0.00000000",
        "current_value": "0.00000000",
        "progress_pct": "0.000000",
        "start_date": today().isoformat(),
        "target_date": today().replace(day=last).isoformat(),
        "status": "active",
        "band": "behind",
        "probability": None,
        "probability_low": None,
        "probability_high": None,
        "unreachable": False,
        "projected_at": None,
        "priority": 4,
        "recurring": False,
        "policy": "ladder",
        "min_factor": "0.5000",
        "max_factor": "1.3000",
        "stop_penalty": "1.0000",
        "after_achieved": "protect",
        "min_trading_days": None,
        "best_day_max_pct": None,
        "target_in_force": "5.00000000",
        "conditions": [],
        "achieved_at": None,
        "failed_at": None,
        "ended_at": None,
        "previous_goal_id": None,
        "next_goal_id": None,
        "warnings": [],
    }


def test_a_goal_reads_as_it_was_answered(trader: Trader) -> None:
    created = create(trader)
    assert steady(trader.get(f"/api/goals/{created['goal_id']}/")) == steady(created)


def steady(goal: dict[str, Any]) -> dict[str, Any]:
    """Without what goes with the clock."""
    clock = ("expected_progress_pct", "pace_gap_pct", "required_per_day", "health")
    return {name: value for name, value in goal.items() if name not in clock}


def test_a_portfolio_left_out_is_main(trader: Trader) -> None:
    main = trader.get("/api/portfolios/", name="main")["results"][0]["portfolio_id"]
    body = {"goal_type": "monthly_income", "target_value": "5"}
    for number, reference in enumerate(
        ({}, {"portfolio": None}, {"portfolio": "main"}), 1
    ):
        asked = {**body, **reference, "priority": number}
        created = trader.post("/api/goals/", asked, 201)
        assert created["portfolio_id"] == main


def test_a_portfolio_goes_by_key_or_by_name(trader: Trader) -> None:
    key = trader["portfolio_id"]
    for number, reference in enumerate((key, str(key), "crypto"), 1):
        made = create(trader, portfolio=reference, priority=number)
        assert made["portfolio_id"] == key


@pytest.mark.parametrize(
    ("goal_type", "start_date", "target_date"),
    [
        ("monthly_return", "2199-02-03", "2199-02-28"),
        ("monthly_income", "2196-02-03", "2196-02-29"),
        ("quarterly_return", "2199-02-03", "2199-03-31"),
        ("quarterly_income", "2199-12-31", "2199-12-31"),
        ("yearly_return", "2199-02-03", "2199-12-31"),
        ("yearly_income", "2199-02-03", "2199-12-31"),
    ],
)
def test_a_period_ends_with_its_month_quarter_or_year(
    trader: Trader, goal_type: str, start_date: str, target_date: str
) -> None:
    goal = create(trader, goal_type=goal_type, start_date=start_date)
    assert goal["target_date"] == target_date


def test_a_portfolio_value_goal_starts_from_the_live_equity(trader: Trader) -> None:
    goal = create(trader, goal_type="portfolio_value", target_value="2000")
    assert goal["start_value"] == goal["current_value"] == "1000.00000000"
    assert goal["target_date"] is None
    assert goal["health"] == "on_pace"
    for name in ("expected_progress_pct", "pace_gap_pct", "required_per_day"):
        assert goal[name] is None


def test_a_portfolio_value_goal_may_say_where_it_starts(trader: Trader) -> None:
    goal = create(
        trader, goal_type="portfolio_value", target_value="2000", start_value="0"
    )
    assert (goal["start_value"], goal["progress_pct"]) == ("0.00000000", "50.000000")


def test_a_goal_of_the_past_counts_what_happened_since(trader: Trader) -> None:
    make_profit(trader, "20")
    start = today() - timedelta(days=3)
    goal = create(trader, start_date=start.isoformat(), target_date="2199-12-31")
    assert (goal["current_value"], goal["progress_pct"]) == ("2.00000000", "40.000000")


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("target_value", {"target_value": "0"}),
        ("target_value", {"target_value": "-5"}),
        ("target_value", {"target_value": "99999999999999999"}),
        ("target_value", {"goal_type": "portfolio_value", "target_value": "1000"}),
        ("target_value", {"goal_type": "portfolio_value", "start_value": "5"}),
        ("start_value", {"start_value": "1"}),
        ("start_date", {"start_date": "2300-01-01"}),
        ("target_date", {"target_date": "2020-01-01", "start_date": "2020-01-01"}),
        ("target_date", {"target_date": "2198-01-01", "start_date": "2199-01-01"}),
        ("target_date", {"start_date": "2020-01-01"}),
        ("priority", {"priority": 0}),
        ("priority", {"priority": 11}),
        ("min_factor", {"min_factor": "0.05"}),
        ("min_factor", {"min_factor": "1.4"}),
        ("min_factor", {"min_factor": "0.6", "max_factor": "0.5"}),
        ("max_factor", {"max_factor": "2.0001"}),
        ("max_factor", {"max_factor": "1.00001"}),
        ("recurring", {"goal_type": "portfolio_value", "recurring": True}),
        ("goal_type", {"goal_type": "hourly_return"}),
        ("portfolio", {"portfolio": "nowhere"}),
        ("status", {"status": "paused"}),
        ("goal_id", {"goal_id": 7}),
    ],
    ids=str,
)
def test_a_goal_that_makes_no_sense_is_refused(
    trader: Trader, field: str, fields: dict[str, Any]
) -> None:
    if fields.get("goal_type") == "portfolio_value" and "recurring" in fields:
        fields = {**fields, "target_value": "5000"}
    with nothing_changes():
        assert list(create(trader, 400, **fields)) == [field]


@pytest.mark.parametrize("kind", list(GoalType))
def test_a_goal_of_each_type_lasts_from_today_to_the_end_of_its_period(
    trader: Trader, kind: GoalType
) -> None:
    answer = create(trader, goal_type=kind, target_value="5000")
    assert (answer["goal_type"], answer["status"]) == (kind, "active")
    end = calendar_end(kind, today())
    assert (answer["start_date"], answer["target_date"]) == (
        today().isoformat(),
        end and end.isoformat(),
    )
    listed = trader.get(f"/api/goals/?goal_type={kind}")["results"]
    assert answer["goal_id"] in [goal["goal_id"] for goal in listed]
    assert {goal["goal_type"] for goal in listed} == {kind}


@pytest.mark.parametrize("policy", list(PolicyName))
def test_a_goal_takes_every_policy(trader: Trader, policy: str) -> None:
    assert create(trader, 201, policy=policy)["policy"] == policy
    assert trader.patch(PATH, {"policy": policy})["policy"] == policy


def test_a_return_cannot_be_measured_after_ruin(trader: Trader) -> None:
    make_profit(trader, "-1000")
    with nothing_changes():
        assert create(trader, 409)["code"] == "portfolio_ruined"


# Changing.


def test_status_pauses_and_resumes(trader: Trader) -> None:
    assert trader.patch(PATH, {"status": "paused"})["status"] == "paused"
    assert trader.get(PATH)["status"] == "paused"
    assert trader.patch(PATH, {"status": "active"})["status"] == "active"


def test_pausing_twice_is_pausing_once(trader: Trader) -> None:
    for _ in range(2):
        assert trader.patch(PATH, {"status": "paused"})["status"] == "paused"


@pytest.mark.parametrize("status", ["achieved", "missed", "cancelled"])
def test_a_status_that_has_to_be_earned_is_not_set(trader: Trader, status: str) -> None:
    with nothing_changes():
        assert list(trader.patch(PATH, {"status": status}, 400)) == ["status"]


def test_settings_may_change(trader: Trader) -> None:
    changes = {
        "priority": 1,
        "recurring": True,
        "policy": "constant",
        "min_factor": "0.1000",
        "max_factor": "2.0000",
        "after_achieved": "stop",
    }
    assert trader.patch(PATH, changes).items() >= changes.items()


def test_a_new_target_is_measured_at_once(trader: Trader) -> None:
    make_profit(trader, "20")
    assert trader.patch(PATH, {"target_value": "4"})["progress_pct"] == "50.000000"
    last = trader.get(HISTORY)["results"][-1]
    assert (last["kind"], last["progress_pct"]) == ("change", "50.000000")


def test_a_new_target_is_not_judged_by_what_was_projected_for_the_old(
    trader: Trader,
) -> None:
    FinancialGoal.objects.update(
        probability=Decimal("0.01"), unreachable=True, projected_at=timezone.now()
    )
    assert trader.get(PATH)["health"] == "unreachable"
    assert trader.patch(PATH, {"target_value": "4"})["health"] != "unreachable"
    assert trader.get(PATH)["health"] != "unreachable"
    kept = FinancialGoal.objects.get()
    assert (kept.probability, kept.unreachable) == (None, False)


@pytest.mark.parametrize(
    "change", [{"policy": "constant"}, {"min_factor": "0.9"}, {"max_factor": "1.1"}]
)
def test_another_policy_is_not_judged_by_the_projection_of_the_old(
    trader: Trader, change: dict[str, str]
) -> None:
    FinancialGoal.objects.update(
        probability=Decimal("0.01"), unreachable=True, projected_at=timezone.now()
    )
    assert trader.patch(PATH, {"priority": 2})["health"] == "unreachable"
    assert trader.patch(PATH, change)["health"] != "unreachable"


def test_a_deadline_may_move(trader: Trader) -> None:
    assert (
        trader.patch(PATH, {"target_date": "2199-01-31"})["target_date"] == "2199-01-31"
    )


def test_a_goal_with_a_period_keeps_a_deadline(trader: Trader) -> None:
    with nothing_changes():
        assert list(trader.patch(PATH, {"target_date": None}, 400)) == ["target_date"]


def test_a_goal_without_a_period_may_lose_its_deadline(trader: Trader) -> None:
    goal = create(
        trader,
        goal_type="portfolio_value",
        target_value="2000",
        target_date="2199-01-31",
    )
    answer = trader.patch(f"/api/goals/{goal['goal_id']}/", {"target_date": None})
    assert answer["target_date"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"target_value": "0"},
        {"target_date": "2020-01-01"},
        {"target_date": "2201-01-01"},
        {"priority": None},
        {"min_factor": "1.31"},
        {"goal_type": "monthly_income"},
        {"start_date": "2026-01-01"},
        {"start_value": "1"},
        {"portfolio": "main"},
        {"current_value": "5"},
    ],
    ids=str,
)
def test_a_change_that_makes_no_sense_is_refused(
    trader: Trader, changes: dict[str, Any]
) -> None:
    with nothing_changes():
        assert list(trader.patch(PATH, changes, 400)) == list(changes)


def test_several_changes_are_made_together_or_not_at_all(trader: Trader) -> None:
    with nothing_changes():
        trader.patch(PATH, {"status": "paused", "priority": 1, "min_factor": "9"}, 400)


# Cancelling.


def test_a_cancelled_goal_stays_readable_with_its_rows(trader: Trader) -> None:
    make_profit(trader, "20")
    trader.post("/api/goals/{goal_id}/sizing/", {"base_size": "10"})
    history = trader.get(HISTORY)
    decisions = trader.get(DECISIONS)
    answer = trader.client.delete(trader.address(PATH))
    assert (answer.status_code, answer.content) == (204, b"")
    goal = trader.get(PATH)
    assert (goal["status"], goal["progress_pct"]) == ("cancelled", "40.000000")
    assert goal["ended_at"].endswith("Z")
    assert (trader.get(HISTORY), trader.get(DECISIONS)) == (history, decisions)
    assert trader.get("/api/goals/", status="cancelled")["count"] == 1


def test_cancelling_twice_is_cancelling_once(trader: Trader) -> None:
    trader.client.delete(trader.address(PATH))
    with nothing_changes():
        assert trader.client.delete(trader.address(PATH)).status_code == 204


@pytest.mark.parametrize("changes", [{"status": "active"}, {"priority": 1}])
def test_a_cancelled_goal_is_over(trader: Trader, changes: dict[str, Any]) -> None:
    trader.client.delete(trader.address(PATH))
    with nothing_changes():
        assert trader.patch(PATH, changes, 409)["code"] == "goal_not_active"


def test_a_goal_whose_period_is_over_is_not_cancelled(trader: Trader) -> None:
    end_period(trader)
    with nothing_changes():
        answer = trader.client.delete(trader.address(PATH))
    assert (answer.status_code, answer.json()["code"]) == (409, "goal_not_active")


@pytest.mark.parametrize("status", ["active", "paused"])
def test_a_goal_that_failed_stays_failed(trader: Trader, status: str) -> None:
    """Paused when its limit is breached, it shows so once it is resumed."""
    trader.patch(PATH, {"status": status})
    goal = fail(FinancialGoal.objects.get(pk=trader["goal_id"]), timezone.now())
    assert goal.stands_failed
    with nothing_changes():
        answer = trader.client.delete(trader.address(PATH))
        assert (answer.status_code, answer.json()["code"]) == (409, "goal_not_active")
        assert "It stands until what caused it is voided" in answer.json()["detail"]
        assert "cannot be cancelled" in answer.json()["detail"]
    trader.patch(PATH, {"status": "active"}, 409 if status == "active" else 200)
    assert trader.get("/api/goals/", status="failed")["count"] == 1


def test_a_goal_that_failed_has_no_band(trader: Trader) -> None:
    assert trader.get(PATH)["band"] == "behind"
    assert trader.get("/api/goals/", band="behind")["count"] == 1
    fail(FinancialGoal.objects.get(pk=trader["goal_id"]), timezone.now())
    assert trader.get(PATH)["band"] is None
    assert trader.get("/api/goals/", band="behind")["count"] == 0


def end_period(trader: Trader) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    FinancialGoal.objects.filter(pk=trader["goal_id"]).update(
        period_starts_at=yesterday - timedelta(days=30), period_ends_at=yesterday
    )


# The logs.


def test_the_history_begins_with_the_goal_and_follows_its_trades(
    trader: Trader,
) -> None:
    make_profit(trader, "20", exit_time=ago(seconds=2), entry_time=ago(seconds=9))
    make_profit(trader, "25", exit_time=ago(seconds=1))
    rows = trader.get(HISTORY)["results"]
    assert [(row["kind"], row["progress_pct"]) for row in rows] == [
        ("start", "0.000000"),
        ("trade", "40.000000"),
        ("trade", "90.000000"),
    ]
    assert set(rows[0]) == {
        "goal_id",
        "kind",
        "snapshot_date",
        "effective_at",
        "recorded_at",
        "current_value",
        "target_value",
        "progress_pct",
        "note",
    }
    times = [row["effective_at"] for row in rows]
    assert times == sorted(times)


def test_a_decision_in_the_log_says_what_was_answered(trader: Trader) -> None:
    question = {"base_size": "1000", "symbol": "BTCUSDT", "request_id": "q-1"}
    answered = trader.post("/api/goals/{goal_id}/sizing/", question)
    (row,) = trader.get(DECISIONS)["results"]
    assert row.pop("created_at").endswith("Z")
    assert row.pop("as_of").endswith("Z")
    assert row.pop("warnings") == answered["warnings"]
    assert row == {
        "adjustment_id": answered["adjustment_id"],
        "goal_id": trader["goal_id"],
        "portfolio_id": trader["portfolio_id"],
        "base_size": "1000.00000000",
        "adjusted_size": "1300.00000000",
        "adjustment_factor": "1.3000",
        "verdict": "allow",
        "quantity": None,
        "request": {"base_size": "1000.00000000"},
        "risk_amount": None,
        "risk_pct": None,
        "reason": answered["reason"],
        "band": "behind",
        "progress_pct": "0.000000",
        "portfolio_value": "1000.00000000",
        "policy": "ladder",
        "policy_version": row["policy_version"],
        "policy_factor": "1.3000",
        "guards": answered["guards"],
        "strategy_id": None,
        "symbol": "BTCUSDT",
        "request_id": "q-1",
    }


def test_decisions_are_listed_newest_first(trader: Trader) -> None:
    for size in ("1", "2", "3"):
        trader.post("/api/goals/{goal_id}/sizing/", {"base_size": size})
    sizes = [row["base_size"][0] for row in trader.get(DECISIONS)["results"]]
    assert sizes == ["3", "2", "1"]


def test_an_achieved_goal_says_when(trader: Trader) -> None:
    make_profit(trader, "50", exit_time=ago(seconds=1))
    goal = trader.get(PATH)
    assert (goal["status"], goal["band"]) == ("achieved", "achieved")
    assert goal["achieved_at"] == trader.get(HISTORY)["results"][-1]["effective_at"]
    assert goal["ended_at"] is None


@pytest.mark.parametrize("penalty", ["-0.1", "100.1", "1.00001", "none"])
def test_a_stop_penalty_out_of_bounds_is_refused_by_name(
    trader: Trader, penalty: str
) -> None:
    goal_id = create(trader, stop_penalty="0")["goal_id"]
    changed = trader.patch(f"/api/goals/{goal_id}/", {"stop_penalty": "2.5"})
    assert changed["stop_penalty"] == "2.5000"
    refused = trader.patch(f"/api/goals/{goal_id}/", {"stop_penalty": penalty}, 400)
    assert "stop_penalty" in str(refused)
