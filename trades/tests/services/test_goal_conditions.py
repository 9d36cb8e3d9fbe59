"""Conditions of goals: set, measured, shown; what they cost; what stays open."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from goals.models import FinancialGoal, GoalProgressHistory, Portfolio
from goals.services.conditions import count_trading_days
from goals.services.goals import update_goal
from goals.services.portfolios import record_cash_flow
from goals.services.rebuilding import rebuild_ledger
from goals.services.rollover import roll_goals
from goals.tests.factories import GoalFactory, PortfolioFactory
from mastertrade.values.exceptions import GoalNotActive, InvalidInput
from tests.http import Trader, count_statements, make_trader, without_alerts
from trades.booking.close import close_trade
from trades.booking.mark import Mark, mark_positions
from trades.booking.reconcile import find_drift
from trades.booking.void import void_trade
from trades.importing.import_trades import import_trades
from trades.models import Trade
from trades.sizing_calls.decide import size_for_goal
from trades.sizing_calls.forecasts import project
from trades.tests.factories import ENTRY, TradeFactory, book_profit, ensure_strategy

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NOW = ENTRY + 20 * DAY

pytestmark = pytest.mark.django_db


def make_goal(**settings: Any) -> FinancialGoal:
    """30 of money in March on a portfolio of 1000."""
    asked = {"goal_type": "monthly_income", "target_value": Decimal(30), **settings}
    return GoalFactory(**asked)


def fresh(goal: FinancialGoal) -> FinancialGoal:
    return FinancialGoal.objects.select_related("portfolio").get(pk=goal.pk)


def open_at(portfolio: Portfolio, at: datetime, **fields: Any) -> Trade:
    return TradeFactory(portfolio=portfolio, entry_time=at, now=NOW, **fields)


# Set


@pytest.mark.parametrize(
    ("settings", "field", "says"),
    [
        ({"min_trading_days": 0}, "min_trading_days", "from 1 to 366"),
        ({"min_trading_days": 367}, "min_trading_days", "from 1 to 366"),
        ({"min_trading_days": 32}, "min_trading_days", "must not be above 31"),
        ({"best_day_max_pct": Decimal(0)}, "best_day_max_pct", "above 0"),
        ({"best_day_max_pct": Decimal("100.1")}, "best_day_max_pct", "at most 100"),
    ],
)
def test_a_condition_that_cannot_be_is_refused_at_its_field(
    settings: dict[str, Any], field: str, says: str
) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        make_goal(**settings)
    assert refused.value.field == field


def test_the_api_sets_shows_and_refuses_conditions() -> None:
    trader = make_trader()
    body = {"goal_type": "yearly_income", "target_value": "3000", "portfolio": "crypto"}
    asked = {**body, "min_trading_days": 5, "best_day_max_pct": "50"}
    goal = trader.post("/api/goals/", asked, 201)
    assert (goal["min_trading_days"], goal["best_day_max_pct"]) == (5, "50.000000")
    assert goal["target_in_force"] == goal["target_value"] == "3000.00000000"
    names = [condition["name"] for condition in goal["conditions"]]
    assert names == ["min_trading_days", "best_day_max_pct"]
    assert goal["conditions"][0]["met"] is False

    address = f"/api/goals/{goal['goal_id']}/"
    changed = trader.patch(address, {"min_trading_days": None})
    assert [row["name"] for row in changed["conditions"]] == ["best_day_max_pct"]
    refused = trader.patch(address, {"min_trading_days": 400, "priority": 99}, 400)
    assert {"min_trading_days", "priority"} <= set(refused)
    refused = trader.patch(address, {"best_day_max_pct": "101"}, 400)
    assert "best_day_max_pct" in refused
    other = make_trader()
    assert other.client.get(address).status_code == 404


def test_a_close_says_which_condition_of_a_goal_is_open() -> None:
    trader = make_trader()
    body = {"goal_type": "yearly_income", "target_value": "30", "portfolio": "crypto"}
    asked = {**body, "min_trading_days": 2, "best_day_max_pct": "50"}
    goal = trader.post("/api/goals/", asked, 201)
    bought = {
        "portfolio": "crypto",
        "strategy_id": "momentum_001",
        "symbol": "BTCUSDT",
        "side": "LONG",
        "quantity": "1",
        "entry_price": "100",
    }
    trade = trader.post("/api/trades/", bought, 201)
    closed = trader.post(
        f"/api/trades/{trade['trade_id']}/close/", {"exit_price": "140"}
    )
    (moved,) = [row for row in closed["goals"] if row["goal_id"] == goal["goal_id"]]
    assert (moved["status"], moved["band"]) == ("active", "achieved")
    assert moved["target_in_force"] == "80.00000000"
    days, best = moved["conditions"]
    assert (days["required"], days["current"], days["met"]) == (
        "2",
        "1",
        False,
    )
    assert (best["current"], best["met"]) == ("100.000000", False)


# Measured


def test_the_entry_on_the_last_trading_day_achieves_a_goal_at_its_target() -> None:
    goal = make_goal(min_trading_days=2, after_achieved="stop")
    book_profit(goal.portfolio, Decimal(40), at=ENTRY)
    held = fresh(goal)
    assert (held.status, held.trading_days, held.achieved_at) == ("active", 1, None)
    decision, _ = size_for_goal(
        user=goal.user, goal_id=goal.pk, base_size=Decimal(10), now=ENTRY
    )
    says = f"Goal {goal.pk} is at its target ("
    assert decision.reason.startswith(says)
    assert "%), not reached yet: 1 of 2 trading days; the ladder" in decision.reason
    assert "is achieved" not in decision.reason
    assert decision.adjusted_size > 0

    open_at(goal.portfolio, ENTRY + timedelta(hours=3))  # the same day
    assert fresh(goal).status == "active"
    open_at(goal.portfolio, ENTRY + DAY)
    done = fresh(goal)
    assert (done.status, done.achieved_at) == ("achieved", ENTRY + DAY)
    kinds = GoalProgressHistory.objects.filter(goal=goal).order_by("history_id")
    assert [row.kind for row in kinds] == ["start", "trade", "trade"]
    assert list(find_drift([goal.portfolio_id])) == []


def test_another_days_profit_achieves_what_one_day_alone_did_not() -> None:
    goal = make_goal(best_day_max_pct=Decimal(50))
    book_profit(goal.portfolio, Decimal(40), at=ENTRY)
    held = fresh(goal)
    assert (held.status, held.target_in_force) == ("active", 80)
    book_profit(goal.portfolio, Decimal(30), at=ENTRY + DAY)
    assert fresh(goal).status == "active"
    book_profit(goal.portfolio, Decimal(10), at=ENTRY + 2 * DAY)
    assert fresh(goal).achieved_at == ENTRY + 2 * DAY


def test_a_portfolio_value_counts_what_was_gained_above_its_start() -> None:
    goal = make_goal(
        goal_type="portfolio_value",
        target_value=Decimal(1030),
        best_day_max_pct=Decimal(50),
    )
    assert fresh(goal).start_value == 1000
    book_profit(goal.portfolio, Decimal(40), at=ENTRY)
    assert fresh(goal).target_in_force == 1080
    open_at(goal.portfolio, ENTRY + DAY, quantity=Decimal(1))
    mark = Mark("BTCUSDT", Decimal(50_040), ENTRY + DAY)
    mark_positions(user=goal.user, portfolio=goal.portfolio_id, marks=[mark], now=NOW)
    assert fresh(goal).achieved_at == ENTRY + DAY
    assert list(find_drift([goal.portfolio_id])) == []


def test_a_void_entry_takes_the_trading_day_and_the_goal_back() -> None:
    goal = make_goal(min_trading_days=2)
    book_profit(goal.portfolio, Decimal(40), at=ENTRY)
    trade = open_at(goal.portfolio, ENTRY + DAY)
    assert fresh(goal).status == "achieved"
    void_trade(user=goal.user, trade_id=trade.pk, reason="mistaken", now=NOW)
    held = fresh(goal)
    assert (held.status, held.trading_days, held.achieved_at) == ("active", 1, None)


def test_an_import_of_open_trades_completes_the_trading_days() -> None:
    goal = make_goal(min_trading_days=2)
    book_profit(goal.portfolio, Decimal(40), at=ENTRY)
    strategy = ensure_strategy(goal.portfolio).strategy_id
    header = "symbol,side,quantity,entry_price,entry_time,strategy_id,external_id"
    entered = (ENTRY + DAY).isoformat()
    row = f"BTCUSDT,LONG,0.1,50000,{entered},{strategy},a-1"
    report = import_trades(
        user=goal.user,
        portfolio=goal.portfolio_id,
        source=BytesIO(f"{header}\n{row}\n".encode()),
        file_name="open.csv",
        format_name="mastertrade-csv",
        now=NOW,
    )
    assert (report.created, report.refused) == (1, 0)
    assert fresh(goal).achieved_at == ENTRY + DAY


def test_a_goal_made_later_finds_the_days_that_went_by() -> None:
    portfolio = PortfolioFactory()
    book_profit(portfolio, Decimal(40), at=ENTRY)
    open_at(portfolio, ENTRY + 3 * DAY)
    goal = make_goal(
        portfolio=portfolio,
        min_trading_days=2,
        best_day_max_pct=Decimal(100),
        as_of=NOW,
    )
    assert goal.achieved_at == ENTRY + 3 * DAY
    assert list(find_drift([portfolio.pk])) == []


def test_a_condition_taken_away_achieves_the_goal_then_and_not_before() -> None:
    goal = make_goal(min_trading_days=5)
    book_profit(goal.portfolio, Decimal(40), at=ENTRY)
    change = {"user": goal.user, "goal_id": goal.pk, "as_of": ENTRY + 2 * DAY}
    update_goal(min_trading_days=None, **change)
    done = fresh(goal)
    assert (done.status, done.achieved_at) == ("achieved", ENTRY + 2 * DAY)
    with pytest.raises(GoalNotActive, match="conditions can no longer be changed"):
        update_goal(min_trading_days=2, **change)
    assert list(find_drift([goal.portfolio_id])) == []


def test_a_period_that_ends_with_an_open_condition_is_missed_and_followed() -> None:
    goal = make_goal(min_trading_days=3, best_day_max_pct=Decimal(60), recurring=True)
    book_profit(goal.portfolio, Decimal(40), at=ENTRY)
    after = datetime(2026, 4, 1, 1, tzinfo=UTC)
    assert fresh(goal).status_at(after) == "missed"
    roll_goals(as_of=after, portfolio_id=goal.portfolio_id)
    assert fresh(goal).status == "missed"
    following = FinancialGoal.objects.get(previous_goal=goal)
    assert (following.min_trading_days, following.best_day_max_pct) == (3, 60)
    assert (following.trading_days, following.best_day) == (0, 0)


@pytest.mark.parametrize(
    ("starts_at", "hours", "days"),
    [
        # 17:00 in Chicago is 23:00 UTC in winter and 22:00 from 8 March on.
        (time(17), ("2026-03-04T22:59", "2026-03-04T23:00"), 2),
        (time(17), ("2026-03-04T23:00", "2026-03-05T22:59"), 1),
        (time(17), ("2026-03-08T21:59", "2026-03-08T22:00"), 2),
        (time(17), ("2026-03-08T22:00", "2026-03-09T21:59"), 1),
        (time.min, ("2026-03-04T22:59", "2026-03-04T23:00"), 1),
        (time.min, ("2026-03-05T05:59", "2026-03-05T06:00"), 2),
    ],
)
def test_a_trading_day_begins_at_the_portfolios_hour(
    starts_at: time, hours: tuple[str, str], days: int
) -> None:
    portfolio = PortfolioFactory(time_zone="America/Chicago")
    portfolio.day_starts_at = starts_at
    portfolio.save(update_fields=["day_starts_at"])
    goal = make_goal(portfolio=portfolio, min_trading_days=5)
    for hour in hours:
        open_at(portfolio, datetime.fromisoformat(f"{hour}+00:00"))
    assert fresh(goal).trading_days == days


def test_entries_outside_the_period_are_none_of_its_trading_days() -> None:
    goal = make_goal(min_trading_days=5)
    for at in (goal.period_starts_at - timedelta(seconds=1), goal.period_starts_at):
        open_at(goal.portfolio, at)
    assert goal.period_ends_at is not None
    late = goal.period_ends_at + DAY
    TradeFactory(portfolio=goal.portfolio, entry_time=goal.period_ends_at, now=late)
    assert fresh(goal).trading_days == 1
    count_trading_days(goal.portfolio, [goal], late)
    assert (goal.trading_days, goal.trading_days_met_at) == (1, None)


# What it costs


def statements_of(goal: FinancialGoal | None, portfolio: Portfolio, day: int) -> Any:
    """Those of opening a trade and of closing it."""
    at = ENTRY + day * DAY
    ensure_strategy(portfolio)
    with count_statements() as opening:
        trade = open_at(portfolio, at)
    with count_statements() as closing:
        close_trade(
            user=portfolio.user,
            trade_id=trade.pk,
            exit_price=Decimal(50_100),
            exit_time=at,
            now=NOW,
        )
    return len(opening), len(without_alerts(closing))


def test_without_conditions_no_statement_is_more() -> None:
    plain = make_goal(target_value=Decimal(500))
    opened, closed = statements_of(plain, plain.portfolio, 0)
    met = make_goal(target_value=Decimal(500), min_trading_days=1)
    first = statements_of(met, met.portfolio, 0)
    assert first == (opened + 3, closed)  # goals locked, days counted, written
    # Once the trading days are complete nothing is asked any more.
    assert statements_of(met, met.portfolio, 1) == (opened, closed)
    bounded = make_goal(target_value=Decimal(500), best_day_max_pct=Decimal(40))
    assert statements_of(bounded, bounded.portfolio, 0) == (opened, closed)
    # The second close of a day asks what it began with.
    assert statements_of(bounded, bounded.portfolio, 0) == (opened, closed + 1)


def test_one_more_trade_costs_as_much_after_many_and_with_many_goals() -> None:
    portfolio = PortfolioFactory()
    for n in range(3):
        make_goal(
            portfolio=portfolio,
            target_value=Decimal(500 + n),
            min_trading_days=20,
            best_day_max_pct=Decimal(40),
        )
    few = statements_of(None, portfolio, 0)
    for day in range(1, 7):
        statements_of(None, portfolio, day)
    assert statements_of(None, portfolio, 8) == few


def jump(portfolio: Portfolio, days: range) -> None:
    """Days of which every second one passes the target as its own best day.

    What it begins with would allow a smaller profit, so its entries must be read.
    """
    for n in days:
        at = ENTRY + 2 * n * DAY
        for hour, profit in ((0, 1), (1, 99 + n), (24, 1.5 - (100 + n))):
            book_profit(portfolio, Decimal(profit), at=at + hour * HOUR)


def statements_of_a_rebuild(goal: FinancialGoal) -> int:
    with transaction.atomic(), count_statements() as statements:
        portfolio = Portfolio.objects.locked().get(pk=goal.portfolio_id)
        rebuild_ledger(portfolio, since=None, now=NOW, reason="again")
    return len(statements)


def test_a_rebuild_asks_as_much_after_many_days_that_are_their_own_best_day() -> None:
    goal = make_goal(
        goal_type="yearly_income",
        target_value=Decimal(240),
        best_day_max_pct=Decimal(40),
    )
    for hours, profit in ((-24, 76), (0, 75)):
        book_profit(goal.portfolio, Decimal(profit), at=ENTRY + hours * HOUR)
    jump(goal.portfolio, range(1, 3))
    few = statements_of_a_rebuild(goal)
    jump(goal.portfolio, range(3, 7))
    assert statements_of_a_rebuild(goal) == few
    assert fresh(goal).achieved_at is None
    allowed_at = ENTRY + 14 * DAY
    for hours, profit in ((0, 9), (1, 97), (2, 10)):
        book_profit(goal.portfolio, Decimal(profit), at=allowed_at + hours * HOUR)
    # Appended and made again: the same moment, inside a day.
    assert fresh(goal).achieved_at == allowed_at + HOUR
    FinancialGoal.objects.filter(pk=goal.pk).update(status="active", achieved_at=None)
    statements_of_a_rebuild(goal)
    assert fresh(goal).achieved_at == allowed_at + HOUR


def test_a_cash_flow_may_be_a_days_first_entry() -> None:
    goal = make_goal(target_value=Decimal(500), best_day_max_pct=Decimal(40))
    book_profit(goal.portfolio, Decimal(30), at=ENTRY)
    flow = {"amount": Decimal(10), "at": ENTRY + DAY, "now": ENTRY + DAY}
    record_cash_flow(user=goal.user, portfolio=goal.portfolio_id, **flow)
    book_profit(goal.portfolio, Decimal(40), at=ENTRY + DAY + HOUR)
    book_profit(goal.portfolio, Decimal(-20), at=ENTRY + DAY + 2 * HOUR)
    assert fresh(goal).best_day == 30
    assert list(find_drift([goal.portfolio_id])) == []


@pytest.mark.parametrize("kind", ["monthly_return", "monthly_income"])
def test_the_best_day_stays_where_the_units_of_a_return_end(kind: str) -> None:
    goal = make_goal(
        goal_type=kind, target_value=Decimal(500), best_day_max_pct=Decimal(40)
    )
    book_profit(goal.portfolio, Decimal(30), at=ENTRY)
    book_profit(goal.portfolio, Decimal(50), at=ENTRY + DAY)
    book_profit(goal.portfolio, Decimal(-2000), at=ENTRY + DAY + HOUR)
    deposit = {"amount": Decimal(3000), "at": ENTRY + DAY + 2 * HOUR}
    record_cash_flow(
        user=goal.user, portfolio=goal.portfolio_id, now=deposit["at"], **deposit
    )
    book_profit(goal.portfolio, Decimal(90), at=ENTRY + 2 * DAY, override=True)
    assert fresh(goal).best_day == (3 if kind == "monthly_return" else 90)
    assert list(find_drift([goal.portfolio_id])) == []


# Shown


@pytest.mark.slow
def test_a_projection_says_that_conditions_are_not_modelled() -> None:
    goal = make_goal(min_trading_days=5, best_day_max_pct=Decimal(50))
    for hour in range(25):
        book_profit(goal.portfolio, Decimal(1), at=ENTRY + hour * timedelta(hours=1))
    shown = project(fresh(goal), ENTRY + 2 * DAY)
    assert shown.probability
    assert shown.reason is not None
    assert "min_trading_days and best_day_max_pct" in shown.reason
    assert "upper bound" in shown.reason


@pytest.fixture
def failed() -> tuple[Trader, FinancialGoal]:
    trader = make_trader()
    goal = FinancialGoal.objects.get(pk=trader["goal_id"])
    goal.status, goal.failed_at = "failed", timezone.now()
    goal.save(update_fields=["status", "failed_at"])
    return trader, goal


def test_a_failed_goal_is_listed_filtered_and_shown_as_such(
    failed: tuple[Trader, FinancialGoal], operator: Client
) -> None:
    trader, goal = failed
    (row,) = trader.get("/api/goals/", status="failed")["results"]
    assert (row["goal_id"], row["status"]) == (goal.pk, "failed")
    assert row["failed_at"] is not None
    assert trader.get("/api/goals/", status="active")["count"] == 0
    trader.client.force_login(trader.user)
    home = trader.client.get(reverse("site:home"), {"portfolio": goal.portfolio_id})
    assert ">failed<" in home.content.decode().replace("</svg>", ">")
    goals = reverse("admin:goals_financialgoal_changelist")
    found = operator.get(goals, {"status": "failed"})
    assert [one.pk for one in found.context["cl"].result_list] == [goal.pk]
    refused = trader.post("/api/goals/{goal_id}/sizing/", {"base_size": "10"}, 409)
    assert "failed at" in refused["detail"]


def test_pages_say_which_condition_is_open(operator: Client) -> None:
    trader = make_trader()
    FinancialGoal.objects.filter(pk=trader["goal_id"]).update(
        min_trading_days=5,
        trading_days=3,
        best_day_max_pct=Decimal(50),
        progress_pct=Decimal(110),
    )
    trader.client.force_login(trader.user)
    of_portfolio = {"portfolio": trader["portfolio_id"]}
    home = trader.client.get(reverse("site:home"), of_portfolio).content.decode()
    assert "At its target, not reached yet: " in home
    assert "3 of 5 trading days" in home
    page = reverse("admin:goals_financialgoal_change", args=[trader["goal_id"]])
    text = operator.get(page).content.decode()
    assert "3 of 5 trading days" in text
    assert ">active<" in text  # at 110 % of the way


def test_dates_of_a_goal_are_not_days_of_another_time_zone() -> None:
    portfolio = PortfolioFactory(time_zone="Asia/Tokyo")
    goal = make_goal(
        portfolio=portfolio, start_date=date(2026, 3, 3), min_trading_days=2
    )
    open_at(portfolio, datetime(2026, 3, 2, 14, 59, tzinfo=UTC))
    assert fresh(goal).trading_days == 0
    open_at(portfolio, datetime(2026, 3, 2, 15, tzinfo=UTC))
    assert fresh(goal).trading_days == 1
