"""Factories of strategies, through the real service."""

from datetime import UTC, datetime
from typing import Any

import factory

from goals.tests.factories import UserFactory
from strategies.models import StrategyInstance
from strategies.services import create_strategy


class StrategyFactory(factory.Factory[StrategyInstance]):
    class Meta:
        model = StrategyInstance

    user = factory.SubFactory(UserFactory)
    strategy_id = factory.Sequence(lambda n: f"momentum_{n:03}")
    strategy_type = "momentum"
    now = datetime(2026, 3, 1, tzinfo=UTC)

    @classmethod
    def _create(
        cls, model_class: type[StrategyInstance], *args: Any, **kwargs: Any
    ) -> StrategyInstance:
        return create_strategy(**kwargs)
