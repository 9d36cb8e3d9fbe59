"""Factories of users, portfolios and goals, through the real services."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import factory

from goals.enums import GoalType
from goals.models import FinancialGoal, Portfolio, User
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
