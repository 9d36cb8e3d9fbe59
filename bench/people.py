"""Users, portfolios and goals to measure with, made by the real services."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from goals.enums import GoalType
from goals.models import FinancialGoal, Portfolio, User
from goals.services.goals import create_goal
from goals.services.portfolios import create_portfolio
from strategies.services import create_strategy

OPENING_BALANCE = Decimal(100_000)
STRATEGY = "momentum_001"


@dataclass(frozen=True, slots=True)
class Trader:
    """A user with a strategy, a funded portfolio and its goals."""

    user: User
    portfolio: Portfolio
    goals: tuple[FinancialGoal, ...]


def make_trader(name: str, *, since: datetime | None = None) -> Trader:
    """A return goal and an income goal of this year, on a portfolio of 100,000."""
    now = timezone.now()
    user = User.objects.create_user(name)
    create_strategy(user=user, strategy_id=STRATEGY, strategy_type="momentum", now=now)
    portfolio = create_portfolio(
        user=user, name="bench", opening_balance=OPENING_BALANCE, now=now
    )
    first = (since or now).date()
    goals = tuple(
        create_goal(
            user=user,
            portfolio=portfolio.portfolio_id,
            goal_type=goal_type,
            target_value=target,
            start_date=first,
            target_date=now.date() + timedelta(days=100),
            as_of=now,
        )
        for goal_type, target in (
            (GoalType.MONTHLY_RETURN, Decimal(50)),
            (GoalType.MONTHLY_INCOME, Decimal(50_000)),
        )
    )
    return Trader(user, portfolio, goals)
