"""GET /api/goals/{goal_id}/frontier/."""

from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from goals.tests.factories import UserFactory
from trades.models import Trade
from trades.tests.api.test_api_projection import AS_OF
from trades.tests.api.test_api_projection import ask as project
from trades.tests.sizing_calls.test_trade_forecasts import funded

pytestmark = pytest.mark.django_db
POINT = {
    "probability",
    "fall_10_probability",
    "breach_probability",
    "median_days",
}


def ask(goal, status=200, user=None, **query):
    client = APIClient()
    client.force_authenticate(user or goal.user)
    answer = client.get(f"/api/goals/{goal.pk}/frontier/", query)
    assert answer.status_code == status, answer.content
    return answer.json()


def test_a_frontier_has_constant_sizes_and_every_policy():
    _, goal = funded(policy="ladder")
    given = ask(goal, **AS_OF)
    assert set(given) == {
        "goal_id",
        "as_of",
        "out_of_date",
        "reason",
        "policy",
        "constants",
        "policies",
        "verdict",
    }
    factors = [Decimal(point["factor"]) for point in given["constants"]]
    assert (factors[0], factors[-1]) == (goal.min_factor, goal.max_factor)
    assert all(set(point) == {"factor", *POINT} for point in given["constants"])
    assert [point["policy"] for point in given["policies"]] == [
        "ladder",
        "constant",
        "pace",
        "deadline_optimal",
    ]
    for point in [*given["constants"], *given["policies"]]:
        assert 0 <= Decimal(point["breach_probability"]) <= 1
        assert 0 <= Decimal(point["median_days"]) <= 40
    assert "constant size" in given["verdict"]
    assert ask(goal, **AS_OF) == given


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["ladder", "deadline_optimal"])
def test_a_policy_reaches_the_goal_as_its_projection_says(policy):
    _, goal = funded(policy=policy)
    (own,) = [one for one in ask(goal, **AS_OF)["policies"] if one["policy"] == policy]
    projected = project(goal, **AS_OF)["probability"]
    assert float(own["probability"]) == pytest.approx(float(projected), abs=0.005)


def test_where_nothing_is_projected_the_reason_is_given_and_no_verdict():
    _, goal = funded(trades=19)
    given = ask(goal, **AS_OF)
    assert (given["constants"], given["policies"], given["verdict"]) == ([], [], None)
    assert "fewer than 20" in given["reason"]


@pytest.mark.slow
def test_a_frontier_takes_a_constant_number_of_statements(
    django_assert_max_num_queries,
):
    _, goal = funded(policy="deadline_optimal")
    ask(goal, **AS_OF)
    before = Trade.objects.count()
    with django_assert_max_num_queries(20):
        ask(goal, **AS_OF)
    assert Trade.objects.count() == before


def test_another_users_frontier_does_not_exist_and_a_bad_time_is_named():
    _, goal = funded()
    ask(goal, 404, user=UserFactory())
    assert "as_of" in str(ask(goal, 400, as_of="soon"))
    assert "as_of" in str(ask(goal, 400, as_of="2999-01-01T00:00:00Z"))
