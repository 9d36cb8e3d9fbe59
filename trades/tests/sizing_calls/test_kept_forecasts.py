"""Forecasts that are kept: answered at once with their time, made anew by a job."""

from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from goals.enums import ForecastKind
from goals.models import FinancialGoal, GoalForecast
from goals.services.goals import cancel_goal, update_goal
from goals.services.portfolios import record_cash_flow
from tests.http import count_statements
from trades.booking.mark import Mark, mark_positions
from trades.jobs import JOBS, daily
from trades.services.daily import forget_unasked, project_goals, renew_kept
from trades.sizing_calls import kept_forecasts
from trades.sizing_calls.forecasts import frontier_of, project
from trades.sizing_calls.kept_forecasts import (
    FORECASTS,
    FRONTIER,
    PROJECTION,
    RENEWED_BY,
    Forecast,
    find_forecast,
    find_wanted,
    make_forecast,
    renew_forecasts,
)
from trades.tests.factories import TradeFactory, book_profit
from trades.tests.jobs.test_daily import CHANGES
from trades.tests.sizing_calls.test_trade_forecasts import NOW, funded

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OF_THE_PORTFOLIO = {one: CHANGES[one] for one in CHANGES if one != "another target"}
EACH = pytest.mark.parametrize("of", FORECASTS, ids=lambda of: of.kind)


def ask(goal: FinancialGoal, at: datetime, of: Forecast[Any] = PROJECTION) -> Any:
    mine = FinancialGoal.objects.select_related("portfolio")
    return find_forecast(of, mine.get(pk=goal.pk), at)


def asked_for() -> list[list[int]]:
    """The portfolios of the jobs that wait to make forecasts anew."""
    jobs = ProcrastinateJob.objects.filter(task_name=RENEWED_BY, status="todo")
    return [job.args["portfolio_ids"] for job in jobs.order_by("pk")]


def renew(goal: FinancialGoal, at: datetime) -> int:
    return renew_forecasts(as_of=at, portfolio_id=goal.portfolio_id)


@EACH
def test_what_is_kept_is_the_answer_as_of_its_time(of: Forecast[Any]) -> None:
    _, goal = funded(policy="ladder", min_trading_days=3)
    first = ask(goal, NOW, of)
    assert (first.as_of, first.out_of_date) == (NOW, False)
    assert first.marks
    later = ask(goal, NOW + HOUR, of)
    assert later == first
    assert (later.words, later.words.marks) == (first.words, first.marks)
    assert (
        first
        == {
            ForecastKind.PROJECTION: lambda: project(goal, NOW, now=NOW).answer,
            ForecastKind.FRONTIER: lambda: frontier_of(project(goal, NOW, now=NOW)),
        }[of.kind]()
    )


@pytest.mark.parametrize("change", OF_THE_PORTFOLIO)
def test_a_change_of_the_portfolio_leaves_it_out_of_date_until_a_job_made_it_anew(
    change: str,
) -> None:
    _, goal = funded()
    first = ask(goal, NOW)
    OF_THE_PORTFOLIO[change](goal)
    second = ask(goal, NOW + 2 * HOUR)
    assert (second.as_of, second.out_of_date) == (NOW, True)
    assert asked_for() == [[goal.portfolio_id]]
    assert renew(goal, NOW + 3 * HOUR) == 1
    third = ask(goal, NOW + 4 * HOUR)
    assert (third.as_of, third.out_of_date) == (NOW + 3 * HOUR, False)
    assert third != first
    assert renew(goal, NOW + 4 * HOUR) == 0


def test_a_mark_leaves_it_out_of_date() -> None:
    portfolio, goal = funded()
    TradeFactory(portfolio=portfolio, quantity=Decimal("0.001"), now=NOW)
    first = ask(goal, NOW + HOUR)
    marks = [Mark("BTCUSDT", Decimal(50100), NOW + 2 * HOUR)]
    mark_positions(user=portfolio.user, marks=marks, now=NOW + 2 * HOUR)
    kept = ask(goal, NOW + 2 * HOUR)
    assert (kept.probability, kept.out_of_date) == (first.probability, True)
    renew(goal, NOW + 3 * HOUR)
    renewed = ask(goal, NOW + 3 * HOUR)
    assert (renewed.as_of, renewed.out_of_date) == (NOW + 3 * HOUR, False)


@pytest.mark.parametrize(
    ("of", "changed"),
    [
        (PROJECTION, {"target_value": Decimal(12)}),
        (PROJECTION, {"policy": "pace"}),
        (PROJECTION, {"max_factor": Decimal("1.1")}),
        (PROJECTION, {"min_trading_days": 5}),
        (FRONTIER, {"target_value": Decimal(12)}),
    ],
    ids=lambda one: one.kind if isinstance(one, Forecast) else next(iter(one)),
)
def test_a_changed_goal_is_answered_anew_at_once(
    of: Forecast[Any], changed: dict[str, Any]
) -> None:
    _, goal = funded()
    first = ask(goal, NOW, of)
    update_goal(user=goal.user, goal_id=goal.pk, as_of=NOW + MINUTE, **changed)
    assert not GoalForecast.objects.exists()
    second = ask(goal, NOW + MINUTE, of)
    assert (second.as_of, second.out_of_date) == (NOW + MINUTE, False)
    assert second != first


def test_what_was_made_for_the_goal_of_before_is_not_kept() -> None:
    _, goal = funded()
    before = FinancialGoal.objects.select_related("portfolio").get(pk=goal.pk)
    update_goal(user=goal.user, goal_id=goal.pk, as_of=NOW, target_value=Decimal(12))
    make_forecast(PROJECTION, before, NOW)
    assert not GoalForecast.objects.exists()


def test_an_earlier_one_takes_no_later_ones_place() -> None:
    _, goal = funded()
    ask(goal, NOW + HOUR)
    make_forecast(PROJECTION, goal, NOW)
    assert ask(goal, NOW + HOUR).as_of == NOW + HOUR


@EACH
def test_where_nothing_can_be_projected_nothing_is_kept(of: Forecast[Any]) -> None:
    portfolio, goal = funded()
    ask(goal, NOW, of)
    portfolio.refresh_from_db()
    record_cash_flow(
        user=portfolio.user,
        portfolio=portfolio.pk,
        amount=-portfolio.equity,
        now=NOW + HOUR,
    )
    assert ask(goal, NOW + 2 * HOUR, of).out_of_date
    renew(goal, NOW + 3 * HOUR)
    assert not GoalForecast.objects.exists()
    empty = ask(goal, NOW + 4 * HOUR, of)
    assert (empty.as_of, empty.out_of_date) == (NOW + 4 * HOUR, False)
    assert empty.reason is not None


def test_a_goal_that_has_ended_is_answered_as_it_is_now() -> None:
    _, goal = funded()
    assert ask(goal, NOW).reason is None
    cancel_goal(user=goal.user, goal_id=goal.pk, as_of=NOW + MINUTE)
    assert ask(goal, NOW + MINUTE).reason == "the goal was cancelled"
    assert find_wanted(NOW + 2 * DAY) == []


def test_one_of_another_version_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    _, goal = funded()
    ask(goal, NOW)
    GoalForecast.objects.update(version="0", answer={"of": "another form"})
    assert ask(goal, NOW + HOUR).as_of == NOW + HOUR
    assert GoalForecast.objects.get().version == kept_forecasts.VERSION


def test_each_goal_has_its_own() -> None:
    (_, first), (_, second) = funded(), funded(policy="pace")
    assert ask(first, NOW).policy == "ladder"
    assert ask(second, NOW).policy == "pace"
    assert [ask(one, NOW + HOUR).goal_id for one in (first, second)] == [
        first.pk,
        second.pk,
    ]


# When it is made anew


def test_however_often_one_asks_there_is_a_job_a_minute() -> None:
    portfolio, goal = funded()
    ask(goal, NOW)
    book_profit(portfolio, Decimal(1), at=NOW + MINUTE)
    for second in range(0, 120, 5):
        ask(goal, NOW + MINUTE + timedelta(seconds=second))
    assert asked_for() == [[portfolio.pk]] * 2


def test_the_daily_run_makes_anew_what_was_asked_for_since() -> None:
    portfolio, goal = funded()
    ask(goal, NOW)
    book_profit(portfolio, Decimal(1), at=NOW + HOUR)
    assert find_wanted(NOW + 2 * HOUR) == []
    ask(goal, NOW + 2 * HOUR)
    assert find_wanted(NOW + 2 * HOUR) == [portfolio.pk]
    assert renew_kept(NOW + 3 * HOUR, None).words == "1 forecast made anew"
    assert find_wanted(NOW + 4 * HOUR) == []


def test_it_is_made_anew_each_day_for_a_week_after_it_was_asked_for() -> None:
    _, goal = funded()
    ask(goal, NOW)
    assert find_wanted(NOW + DAY - MINUTE) == []
    for day in range(1, 7):
        assert find_wanted(NOW + day * DAY) == [goal.portfolio_id]
        renew(goal, NOW + day * DAY)
    assert find_wanted(NOW + 7 * DAY) == []
    assert forget_unasked(NOW + 7 * DAY, None).words == "0 forecasts deleted"
    assert forget_unasked(NOW + 7 * DAY + MINUTE, None).words == "1 forecast deleted"


def test_one_that_no_worker_made_anew_is_not_answered_for_ever() -> None:
    _, goal = funded()
    ask(goal, NOW)
    kept = ask(goal, NOW + 2 * DAY - MINUTE)
    assert (kept.as_of, kept.out_of_date) == (NOW, True)
    assert ask(goal, NOW + 2 * DAY).as_of == NOW + 2 * DAY


def test_what_has_waited_longest_is_made_anew_first() -> None:
    goals = [funded()[1] for _ in range(3)]
    for goal, hours in zip(goals, (2, 0, 1), strict=True):
        ask(goal, NOW + hours * HOUR)
    waited = [goals[1], goals[2], goals[0]]
    found = find_wanted(NOW + 2 * DAY)
    assert found == [goal.portfolio_id for goal in waited]
    assert find_wanted(NOW + 2 * DAY, [goals[0].portfolio_id]) == found[2:]


def test_a_job_makes_both_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    portfolio, goal = funded()
    for of in FORECASTS:
        ask(goal, NOW, of)
    book_profit(portfolio, Decimal(1), at=NOW + HOUR)
    project_goals(NOW + HOUR, None)
    for of in FORECASTS:
        assert ask(goal, NOW + 2 * HOUR, of).out_of_date
    clock = SimpleNamespace(now=lambda: NOW + 3 * HOUR)
    monkeypatch.setattr(daily, "timezone", clock)
    context: Any = SimpleNamespace()
    for keys in asked_for():
        JOBS[RENEWED_BY].run(context, portfolio_ids=keys)
    for of in FORECASTS:
        answer = ask(goal, NOW + 4 * HOUR, of)
        assert (answer.as_of, answer.out_of_date) == (NOW + 3 * HOUR, False)


# What it costs


def test_a_goal_whose_two_are_made_anew_is_projected_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, goal = funded()
    for of in FORECASTS:
        ask(goal, NOW, of)
    projected = []

    def count(*asked: Any) -> Any:
        projected.append(asked)
        return project(*asked)

    monkeypatch.setattr(kept_forecasts, "project", count)
    assert renew(goal, NOW + 2 * DAY) == len(FORECASTS) == 2
    assert len(projected) == 1


def test_what_is_kept_is_answered_in_three_statements_whatever_was_traded() -> None:
    counted = []
    for trades in (20, 28):
        _, goal = funded(trades=trades)
        ask(goal, NOW)
        with count_statements() as statements:
            ask(goal, NOW + HOUR)
        counted.append(len(statements))
    assert counted == [3, 3]  # the goal, what is kept, and when it was asked for


def test_what_is_to_be_made_anew_is_found_in_one_statement() -> None:
    counted = []
    for _ in range(2):
        ask(funded()[1], NOW)
        with count_statements() as statements:
            find_wanted(NOW + 2 * DAY)
        counted.append(len(statements))
    assert counted == [1, 1]


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"kind": "horoscope"}, "goal_forecasts_kind"),
        ({"version": ""}, "goal_forecasts_version_set"),
        ({"answer": []}, "goal_forecasts_answer_object"),
        ({"figures_at": NOW + HOUR}, "goal_forecasts_figures_known"),
        ({"goal_id": 0}, "goal_forecasts_goal_fk"),
    ],
)
def test_the_database_refuses_what_cannot_be(wrong: dict[str, Any], name: str) -> None:
    _, goal = funded()
    ask(goal, NOW)
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        GoalForecast.objects.update(**wrong)
    row = GoalForecast.objects.get()
    row.pk = None
    again = pytest.raises(IntegrityError, match="goal_forecasts_kind_unique")
    with again, transaction.atomic():
        row.save(force_insert=True)


def test_it_goes_with_its_goal() -> None:
    _, goal = funded()
    ask(goal, NOW)
    FinancialGoal.objects.filter(pk=goal.pk)._raw_delete("default")
    assert not GoalForecast.objects.exists()
