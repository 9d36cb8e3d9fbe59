"""The operator's view of strategies: paused and activated, by the service."""

import pytest
from django.test import Client
from django.urls import reverse

from strategies.tests.factories import StrategyFactory
from tests.admin_pages import act

pytestmark = pytest.mark.django_db

STRATEGIES = reverse("admin:strategies_strategyinstance_changelist")


def test_strategies_are_paused_and_activated(operator: Client) -> None:
    strategy = StrategyFactory()

    for action, status in (("pause", "paused"), ("activate", "active")):
        assert act(operator, STRATEGIES, action, strategy) == [f"Now {status}: 1."]
        strategy.refresh_from_db()
        assert strategy.status == status
