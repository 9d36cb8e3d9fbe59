"""Where a goal stands follows the clock, whether the daily run came by or not."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from django.db.models import F, Q
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from goals.enums import GoalStatus, GoalType, Health
from goals.models import FinancialGoal, Portfolio
from goals.services.goal_state import is_open, with_status
from goals.services.rollover import roll_goals
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from tests.admin_pages import text_of
from tests.http import Trader, client_of, count_statements

STARTS, ENDS = datetime(2012, 3, 1, tzinfo=UTC), datetime(2012, 4, 1, tzinfo=UTC)
CLOCKS = (
    STARTS - timedelta(days=1),
    STARTS,
    ENDS - timedelta(microseconds=1),
    ENDS,
    ENDS + timedelta(days=5000),
)

pytestmark = pytest.mark.django_db


# As they stand in the columns; a goal of 5 % that is there has made 5.
CONDITIONS: tuple[dict[str, Any], ...] = (
    {},
    {"min_trading_days": 4, "trading_days": 3},
    {"min_trading_days": 4, "trading_days": 4, "trading_days_met_at": STARTS},
    {"best_day_max_pct": Decimal(40), "best_day": Decimal(2)},
    {"best_day_max_pct": Decimal(40), "best_day": Decimal("2.00000002")},
)


NEVER_FAILED = (GoalStatus.ACTIVE, GoalStatus.MISSED)


def make_goals(portfolio: Portfolio) -> None:
    """One of every status, progress and way to have ended, in March 2012."""
    made = [
        FinancialGoal(
            user_id=portfolio.user_id,
            portfolio=portfolio,
            goal_type=GoalType.MONTHLY_RETURN,
            target_value=Decimal(5),
            current_value=Decimal(progress) / 20,
            progress_pct=Decimal(progress),
            start_date=date(2012, 3, 1),
            target_date=date(2012, 3, 31),
            period_starts_at=STARTS,
            period_ends_at=ENDS,
            status=status,
            achieved_at=achieved_at,
            failed_at=failed_at,
            ended_at=ended_at,
            probability=chance,
            projected_at=None if chance is None else STARTS,
            unreachable=unreachable,
            start_unit_value=Decimal(1),
            start_unit_run=1,
            start_realized_pnl=Decimal(0),
            **conditions,
        )
        for (
            status,
            progress,
            achieved_at,
            failed_at,
            ended_at,
            (chance, unreachable, conditions),
        ) in product(
            GoalStatus,
            ("-3", "40", "99.999999", "100"),
            (None, STARTS + timedelta(days=2)),
            (None, STARTS + timedelta(days=1), STARTS + timedelta(days=3)),
            (None, ENDS),
            (
                *product((None, Decimal("0.1")), (False, True), CONDITIONS[:1]),
                *product((None,), (False,), CONDITIONS[1:]),
            ),
        )
        if (status is not GoalStatus.ACHIEVED or achieved_at is not None)
        and (status is not GoalStatus.FAILED or failed_at is not None)
        and (status not in NEVER_FAILED or failed_at is None)
    ]
    FinancialGoal.objects.bulk_create(made)


def test_lists_filter_by_the_very_state_they_show() -> None:
    make_goals(PortfolioFactory())
    for now in CLOCKS:
        goals = with_status(FinancialGoal.objects.all(), now)
        assert len(goals) > 100
        for goal in goals:
            assert goal.status_now == goal.status_at(now), (now, goal.__dict__)
            assert goal.open_now is not goal.is_over(now), (now, goal.__dict__)
        is_shown = {goal for goal in goals if not goal.is_over(now)}
        assert set(goals.filter(is_open(now))) == is_shown, now


@pytest.mark.parametrize("now", CLOCKS)
def test_the_roll_over_writes_what_was_shown_before_it(now: datetime) -> None:
    portfolio = PortfolioFactory()
    make_goals(portfolio)
    # No booking and no roll-over leaves a goal so.
    FinancialGoal.objects.filter(
        Q(status=GoalStatus.MISSED, ended_at=None)
        | Q(status=GoalStatus.ACTIVE, achieved_at__isnull=False)
        | Q(status=GoalStatus.FAILED, failed_at__gt=F("achieved_at"))
        | Q(status=GoalStatus.ACHIEVED, failed_at__lt=F("achieved_at"))
    ).delete()
    shown = {goal.pk: goal.status_at(now) for goal in FinancialGoal.objects.all()}

    roll_goals(as_of=now, portfolio_id=portfolio.pk)

    assert dict(FinancialGoal.objects.values_list("pk", "status")) == shown


def overdue(trader: Trader) -> FinancialGoal:
    goal = GoalFactory(
        portfolio=PortfolioFactory(user=trader.user, now=STARTS),
        start_date=date(2012, 3, 1),
        as_of=STARTS,
    )
    assert goal.status == GoalStatus.ACTIVE
    return goal


def test_a_goal_of_2012_is_shown_missed_before_the_daily_run_closes_it() -> None:
    user = UserFactory()
    trader = Trader(user, client_of(user), {})
    goal = overdue(trader)

    with count_statements() as statements:
        (row,) = trader.get("/api/goals/")["results"]
    assert len(statements) <= 3
    assert (row["goal_id"], row["status"]) == (goal.pk, "missed")
    assert (row["band"], row["health"], row["required_per_day"]) == (None, None, None)
    assert trader.get(f"/api/goals/{goal.pk}/")["status"] == "missed"
    assert trader.get("/api/goals/", status="active")["count"] == 0
    assert trader.get("/api/goals/", status="missed")["count"] == 1
    assert trader.get("/api/goals/", band="behind")["count"] == 0
    refused = trader.patch(f"/api/goals/{goal.pk}/", {"priority": 1}, 409)
    assert "is missed and has ended" in refused["detail"]


def test_the_admin_shows_a_goal_of_2012_missed_and_without_a_health(
    operator: Client,
) -> None:
    user = UserFactory()
    goal = overdue(Trader(user, client_of(user), {}))
    goals = reverse("admin:goals_financialgoal_changelist")

    def keys(**asked: str) -> list[int]:
        found = operator.get(goals, asked).context["cl"].result_list
        return [one.pk for one in found]

    assert keys(status="active") == []
    assert keys(status="missed") == [goal.pk]
    page = text_of(operator, "goals_financialgoal_change", goal.pk)
    assert "Status: missed" in page
    assert "Health: -" in page


def test_a_running_goal_keeps_its_status_band_and_health() -> None:
    user, now = UserFactory(), timezone.now()
    trader = Trader(user, client_of(user), {})
    GoalFactory(portfolio=PortfolioFactory(user=user), start_date=now.date(), as_of=now)

    (row,) = trader.get("/api/goals/", status="active", band="behind")["results"]
    assert row["status"] == "active"
    assert row["health"] in set(Health)
