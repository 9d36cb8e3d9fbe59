"""The operator's view of strategies and of the choices among them."""

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from goals.models import User
from goals.tests.factories import UserFactory
from strategies.models import StrategyInstance, StrategySelectionLog
from strategies.tests.factories import StrategyFactory

pytestmark = pytest.mark.django_db

STRATEGIES = reverse("admin:strategies_strategyinstance_changelist")


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator"))
    return client


def strategy_form(**changes: object) -> dict[str, object]:
    return {
        "user": UserFactory(username="alice").username,
        "strategy_id": "turtle",
        "strategy_name": "",
        "strategy_type": "breakout",
        "risk_profile": "moderate",
        "parameters": '{"days": 20}',
        "status": "active",
        **changes,
    }


def count_queries(client: Client) -> int:
    client.get(STRATEGIES)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(STRATEGIES).status_code == 200
    return len(queries)


def test_the_strategy_list_asks_as_many_queries_for_twelve_as_for_two(
    operator: Client,
) -> None:
    StrategyFactory.create_batch(2)
    few = count_queries(operator)
    StrategyFactory.create_batch(10)

    assert count_queries(operator) == few


def test_a_strategy_created_in_the_admin_is_named_by_its_id(operator: Client) -> None:
    operator.post(reverse("admin:strategies_strategyinstance_add"), strategy_form())

    strategy = StrategyInstance.objects.get()
    assert (strategy.user_id, strategy.strategy_name) == ("alice", "turtle")
    assert strategy.parameters == {"days": 20}


def test_a_strategy_id_that_is_taken_shows_at_its_field(operator: Client) -> None:
    StrategyFactory(user=UserFactory(username="bob"), strategy_id="turtle")

    answer = operator.post(
        reverse("admin:strategies_strategyinstance_add"), strategy_form(user="bob")
    )

    assert set(answer.context["adminform"].form.errors) == {"strategy_id"}


def test_a_type_that_is_no_word_is_a_form_error(operator: Client) -> None:
    answer = operator.post(
        reverse("admin:strategies_strategyinstance_add"),
        strategy_form(strategy_type="Not A Word"),
    )

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors


def test_parameters_that_are_no_object_are_a_form_error(operator: Client) -> None:
    answer = operator.post(
        reverse("admin:strategies_strategyinstance_add"), strategy_form(parameters="[]")
    )

    assert set(answer.context["adminform"].form.errors) == {"parameters"}


def test_strategies_are_paused_and_activated(operator: Client) -> None:
    strategy = StrategyFactory()

    for action, status in (("pause", "paused"), ("activate", "active")):
        operator.post(STRATEGIES, {"action": action, "_selected_action": [strategy.pk]})
        strategy.refresh_from_db()
        assert strategy.status == status


def test_the_selection_log_is_only_looked_at(rf, admin_user) -> None:
    request = rf.get("/")
    request.user = admin_user
    page = admin.site._registry[StrategySelectionLog]

    assert page.has_view_permission(request)
    assert not page.has_add_permission(request)
    assert not page.has_change_permission(request)
    assert not page.has_delete_permission(request)
