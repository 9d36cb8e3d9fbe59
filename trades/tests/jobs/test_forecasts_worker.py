"""Kept forecasts, by the API and the page, made anew by a real worker."""

from datetime import datetime, timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags

from goals.models import GoalForecast, Portfolio
from tests.http import make_trader
from trades.tests.factories import book_profit
from trades.tests.jobs.test_kinds import record
from trades.tests.jobs.worker import work

KINDS = ("projection", "frontier")


def made_at(answer: dict[str, object]) -> datetime:
    return datetime.fromisoformat(str(answer["as_of"]))


@pytest.mark.usefixtures("queue")
def test_what_changed_is_made_anew_by_the_worker_for_api_and_page() -> None:
    trader = make_trader()
    record(trader)
    page = Client()
    page.force_login(trader.user)

    def frontier_page() -> str:
        address = trader.address("/goals/{goal_id}/frontier/")
        return " ".join(unescape(strip_tags(page.get(address).content)).split())

    def ask(kind: str) -> dict[str, object]:
        answer: dict[str, object] = trader.get(f"/api/goals/{{goal_id}}/{kind}/")
        return answer

    first = {kind: ask(kind) for kind in KINDS}
    assert [one["out_of_date"] for one in first.values()] == [False, False]
    assert first["projection"]["probability"]
    verdict = str(first["frontier"]["verdict"]).replace("_", " ")
    assert verdict in frontier_page()
    assert "a worker makes it anew" not in frontier_page()

    portfolio = Portfolio.objects.get(pk=trader["portfolio_id"])
    book_profit(portfolio, Decimal(1), at=timezone.now())
    GoalForecast.objects.update(asked_at=F("asked_at") - timedelta(minutes=2))
    for kind in KINDS:
        assert ask(kind) == {**first[kind], "out_of_date": True}
    assert "a worker makes it anew" in frontier_page()

    work()

    for kind in KINDS:
        again = ask(kind)
        assert again["out_of_date"] is False
        made = [
            datetime.fromisoformat(str(one["as_of"])) for one in (first[kind], again)
        ]
        assert made[0] < made[1]
    assert "a worker makes it anew" not in frontier_page()

    eve = make_trader(username="eve")
    for kind in KINDS:
        path = trader.address(f"/api/goals/{{goal_id}}/{kind}/")
        assert eve.client.get(path).status_code == 404
    assert not GoalForecast.objects.exclude(goal__user=trader.user).exists()


@pytest.mark.usefixtures("queue")
def test_what_was_asked_as_a_job_is_what_is_kept_from_then_on() -> None:
    trader = make_trader()
    record(trader)
    for kind in KINDS:
        path = f"/api/goals/{{goal_id}}/{kind}/"
        job = trader.post(path, {}, 202)
        work()
        result = trader.get(f"/api/jobs/{job['job_id']}/")["result"]
        assert trader.get(path) == result
