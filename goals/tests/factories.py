"""Factories of users, portfolios and goals, through the real services."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import factory

from goals.enums import GoalStatus, GoalType, HaltCause
from goals.models import FinancialGoal, Portfolio, TradingHalt, User
from goals.services.failing import follow_failures
from goals.services.goals import create_goal
from goals.services.portfolios import create_portfolio

START = datetime(2026, 3, 1, tzinfo=UTC)


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"trader_{n}")

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        return model_class.objects.create_user(*args, **kwargs)


class PortfolioFactory(factory.Factory[Portfolio]):
    """A funded portfolio beside the user's `main`."""

    class Meta:
        model = Portfolio

    user = factory.SubFactory(UserFactory)
    name = factory.Sequence(lambda n: f"portfolio {n}")
    currency = "USDT"
    opening_balance = Decimal(1000)
    now = START

    @classmethod
    def _create(
        cls, model_class: type[Portfolio], *args: Any, **kwargs: Any
    ) -> Portfolio:
        return create_portfolio(**kwargs)


class GoalFactory(factory.Factory[FinancialGoal]):
    """5 % in March 2026 on a portfolio of 1000."""

    class Meta:
        model = FinancialGoal

    portfolio = factory.SubFactory(PortfolioFactory)
    goal_type = GoalType.MONTHLY_RETURN
    target_value = Decimal(5)
    start_date = date(2026, 3, 1)
    as_of = START

    @classmethod
    def _create(
        cls, model_class: type[FinancialGoal], *args: Any, **kwargs: Any
    ) -> FinancialGoal:
        portfolio = kwargs.pop("portfolio")
        return create_goal(
            user=portfolio.user, portfolio=portfolio.portfolio_id, **kwargs
        )


def fail(goal: FinancialGoal, at: datetime | None = None) -> FinancialGoal:
    """A goal that a breach of the hard floor failed, by default at its begin."""
    failed_at = at or max(goal.period_starts_at, goal.created_at)
    TradingHalt.objects.create(
        portfolio=goal.portfolio,
        cause=HaltCause.HARD_DRAWDOWN,
        halted_at=failed_at,
        reason="equity 800 USDT is at the floor of 800 USDT (hard_drawdown_pct 20 %)",
        figures={"fails": True},
    )
    follow_failures(goal.portfolio, since=None, now=failed_at)
    goal.refresh_from_db()
    return goal


def achieve(goal: FinancialGoal) -> FinancialGoal:
    """An achieved goal, as a ledger would leave it, without one."""
    FinancialGoal.objects.filter(pk=goal.pk).update(
        status=GoalStatus.ACHIEVED,
        achieved_at=goal.period_starts_at,
        progress_pct=Decimal(100),
    )
    goal.refresh_from_db()
    return goal
