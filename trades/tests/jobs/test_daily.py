"""The daily run in blocks: shared, never done twice in effect, behind nobody's work."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from goals.models import (
    FinancialGoal,
    GoalAlert,
    GoalProgressHistory,
    Portfolio,
)
from goals.services import rollover
from goals.services.goals import update_goal
from goals.services.portfolios import record_cash_flow, update_portfolio
from goals.services.resuming import halt_trading
from goals.tests.factories import GoalFactory, PortfolioFactory, UserFactory
from mastertrade.db.queue import defer
from tests.http import count_statements
from trades.booking.mark import Mark, mark_positions
from trades.enums import JobKind
from trades.jobs import JOBS, daily
from trades.jobs.job import LONG, TURN
from trades.services.daily import find_outdated, find_turning
from trades.services.jobs import QUEUED_AS, create_job
from trades.sizing_calls.stored_chances import find_projectable, refresh_projections
from trades.tests.factories import TradeFactory, book_profit
from trades.tests.races import fresh, run_at_once
from trades.tests.sizing_calls.test_trade_forecasts import BEGIN, NOW, funded

HOUR = timedelta(hours=1)
APRIL = datetime.fromisoformat("2026-04-01T00:00:30+00:00")
CONTEXT: Any = SimpleNamespace()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """What the jobs take for the present."""

    def set_to(now: datetime) -> None:
        monkeypatch.setattr(daily, "timezone", SimpleNamespace(now=lambda: now))

    set_to(NOW)
    return set_to


def waiting(name: str) -> list[list[int]]:
    jobs = ProcrastinateJob.objects.filter(task_name=name, status="todo")
    return [job.args["portfolio_ids"] for job in jobs.order_by("pk")]


def do_waiting() -> None:
    """As workers do: blocks first, then what they deferred."""
    for name in (daily.BLOCK, daily.PROJECTIONS):
        for job in ProcrastinateJob.objects.filter(task_name=name, status="todo"):
            JOBS[name].run(CONTEXT, **job.args)
            ProcrastinateJob.objects.filter(pk=job.pk).update(status="succeeded")


def snapshots() -> int:
    return GoalProgressHistory.objects.filter(kind="snapshot").count()


# What is out of date


def whose(goal: FinancialGoal) -> dict[str, Any]:
    return {"user": goal.user, "portfolio_id": goal.portfolio_id}


CHANGES: dict[str, Callable[[FinancialGoal], object]] = {
    "a trade": lambda goal: book_profit(goal.portfolio, Decimal(1), at=NOW + HOUR),
    "a late trade": lambda goal: book_profit(
        goal.portfolio, Decimal(1), at=BEGIN + HOUR
    ),
    "a deposit": lambda goal: record_cash_flow(
        user=goal.user, portfolio=goal.portfolio_id, amount=Decimal(5), now=NOW + HOUR
    ),
    "a halt": lambda goal: halt_trading(
        **whose(goal), reason="a pause", now=NOW + HOUR
    ),
    "a limit": lambda goal: update_portfolio(
        **whose(goal), now=NOW + HOUR, hard_drawdown_pct=Decimal(15)
    ),
    "another target": lambda goal: update_goal(
        user=goal.user,
        goal_id=goal.pk,
        as_of=NOW + HOUR,
        target_value=Decimal(12),
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("change", CHANGES)
def test_a_projection_is_out_of_date_once_something_changed(change: str) -> None:
    _, goal = funded()
    assert refresh_projections(as_of=NOW) == 1
    assert find_projectable(NOW + 2 * HOUR) == []
    CHANGES[change](fresh(goal))
    assert find_projectable(NOW + 2 * HOUR) == [goal.portfolio_id]
    refresh_projections(as_of=NOW + 2 * HOUR)
    assert find_projectable(NOW + 3 * HOUR) == []


@pytest.mark.django_db
def test_a_projection_is_out_of_date_after_a_mark() -> None:
    portfolio, _ = funded()
    TradeFactory(portfolio=portfolio, quantity=Decimal("0.001"), now=NOW)
    refresh_projections(as_of=NOW + HOUR)
    assert find_projectable(NOW + 2 * HOUR) == []
    marks = [Mark("BTCUSDT", Decimal(50100), NOW + 2 * HOUR)]
    mark_positions(user=portfolio.user, marks=marks, now=NOW + 2 * HOUR)
    assert find_projectable(NOW + 2 * HOUR) == [portfolio.pk]


@pytest.mark.django_db
def test_a_projection_is_out_of_date_after_a_day_and_what_waits_longest_is_first() -> (
    None
):
    (first, _), (second, _), (third, new) = funded(), funded(), funded()
    for portfolio, at in ((second, NOW), (first, NOW + HOUR), (third, NOW + HOUR)):
        refresh_projections(as_of=at, portfolio_id=portfolio.pk)
    day = timedelta(days=1)
    assert find_projectable(NOW + day - timedelta(seconds=1)) == []
    assert find_projectable(NOW + day) == [second.pk]
    assert find_projectable(NOW + day + HOUR) == [second.pk, first.pk, third.pk]
    new.forget_projection()
    new.save()
    assert find_projectable(NOW + day + HOUR) == [third.pk, second.pk, first.pk]


@pytest.mark.django_db
def test_what_is_booked_after_the_clock_was_read_leaves_it_out_of_date() -> None:
    portfolio, _ = funded()
    book_profit(portfolio, Decimal(1), at=NOW + HOUR)
    refresh_projections(as_of=NOW)
    assert find_projectable(NOW + 2 * HOUR) == [portfolio.pk]


@pytest.mark.django_db
def test_a_change_that_read_its_clock_before_the_projection_is_not_missed() -> None:
    """Its transaction waited: it is written later, with an earlier time."""
    portfolio, _ = funded()
    refresh_projections(as_of=NOW + HOUR)
    book_profit(portfolio, Decimal(1), at=NOW)
    assert find_projectable(NOW + 2 * HOUR) == [portfolio.pk]


@pytest.mark.django_db
def test_an_earlier_projection_takes_no_later_ones_place() -> None:
    _, goal = funded()
    refresh_projections(as_of=NOW + HOUR)
    assert refresh_projections(as_of=NOW) == 0
    assert fresh(goal).projected_at == NOW + HOUR


# Blocks


@pytest.mark.django_db
def test_what_is_due_is_deferred_in_blocks_and_nothing_else(
    clock: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daily, "IN_BLOCK", 2)
    monkeypatch.setattr(daily, "IN_PROJECTIONS", 1)
    keys = [GoalFactory().portfolio_id for _ in range(5)]
    PortfolioFactory()  # has no goal
    daily.run(CONTEXT, 0)
    assert waiting(daily.BLOCK) == [keys[:2], keys[2:4], keys[4:]]
    assert waiting(daily.PROJECTIONS) == []
    JOBS[daily.BLOCK].run(CONTEXT, portfolio_ids=keys[:2])
    assert snapshots() == 2
    assert waiting(daily.PROJECTIONS) == [[key] for key in keys[:2]]
    do_waiting()
    assert snapshots() == 5
    assert not FinancialGoal.objects.filter(projected_at=None).exists()
    daily.run(CONTEXT, 0)
    assert waiting(daily.BLOCK) == waiting(daily.PROJECTIONS) == []


@pytest.mark.django_db
def test_what_was_only_booked_is_projected_without_a_turn_of_the_day(
    clock: Callable[[datetime], None],
) -> None:
    portfolio, _ = funded()
    daily.run(CONTEXT, 0)
    do_waiting()
    book_profit(portfolio, Decimal(1), at=NOW + HOUR)
    clock(NOW + 2 * HOUR)
    daily.run(CONTEXT, 0)
    assert waiting(daily.BLOCK) == []
    assert waiting(daily.PROJECTIONS) == [[portfolio.pk]]


@pytest.mark.django_db
def test_a_block_that_is_done_twice_has_no_double_effect(
    clock: Callable[[datetime], None],
) -> None:
    _, goal = funded(recurring=True)
    clock(APRIL)
    daily.run(CONTEXT, 0)
    ((keys),) = waiting(daily.BLOCK)
    seen = []
    for _ in range(2):
        JOBS[daily.BLOCK].run(CONTEXT, portfolio_ids=keys)
        JOBS[daily.PROJECTIONS].run(CONTEXT, portfolio_ids=keys)
        seen.append(
            (
                FinancialGoal.objects.order_by("pk").values(),
                GoalProgressHistory.objects.order_by("pk").values(),
                GoalAlert.objects.order_by("pk").values(),
                Portfolio.objects.order_by("pk").values(),
            )
        )
    first, second = ([list(rows) for rows in one] for one in seen)
    assert first == second
    assert FinancialGoal.objects.get(previous_goal=goal).projected_at == APRIL
    assert snapshots() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_the_same_block_by_four_workers_at_once_is_one(
    clock: Callable[[datetime], None],
) -> None:
    goals = [GoalFactory(recurring=True) for _ in range(4)]
    keys = [goal.portfolio_id for goal in goals]
    clock(APRIL)
    run_at_once(*[lambda: JOBS[daily.BLOCK].run(CONTEXT, portfolio_ids=keys)] * 4)
    run_at_once(*[lambda: JOBS[daily.PROJECTIONS].run(CONTEXT, portfolio_ids=keys)] * 4)
    assert FinancialGoal.objects.filter(previous_goal__in=goals).count() == 4
    assert snapshots() == 4
    causes = list(GoalAlert.objects.values_list("user_id", "cause"))
    assert len(causes) == len(set(causes))


@pytest.mark.usefixtures("queue")
def test_two_that_look_for_what_is_due_at_once_leave_one_set_of_blocks() -> None:
    keys = [GoalFactory().portfolio_id for _ in range(3)]
    run_at_once(*[lambda: daily.defer_blocks(NOW)] * 4)
    assert waiting(daily.BLOCK) == [keys]
    daily.defer_blocks(NOW + HOUR)
    assert waiting(daily.BLOCK) == [keys]


@pytest.mark.django_db
def test_a_block_in_which_one_fails_does_the_others_and_projects_them(
    clock: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, other = GoalFactory(recurring=True), GoalFactory(recurring=True)
    open_period = rollover.open_period

    def fail(goal: FinancialGoal, locked: Portfolio, *args: Any, **more: Any) -> object:
        if locked.pk == broken.portfolio_id:
            raise ArithmeticError("odd")
        return open_period(goal, locked, *args, **more)

    monkeypatch.setattr(rollover, "open_period", fail)
    clock(APRIL)
    keys = [broken.portfolio_id, other.portfolio_id]
    with pytest.raises(daily.DailyRunFailed, match="ArithmeticError: odd"):
        JOBS[daily.BLOCK].run(CONTEXT, portfolio_ids=keys)
    assert fresh(other).next_goal is not None
    assert waiting(daily.PROJECTIONS) == [[other.portfolio_id]]


@pytest.mark.django_db
def test_what_is_due_is_found_in_as_many_statements_whatever_there_is() -> None:
    GoalFactory()
    with count_statements() as few:
        found = find_turning(NOW), find_outdated(NOW)
    assert [len(one) for one in found] == [1, 1]
    for _ in range(9):
        GoalFactory()
    with count_statements() as many:
        found = find_turning(NOW), find_outdated(NOW)
    assert [len(one) for one in found] == [10, 10]
    assert len(few) == len(many) == 5


# Behind nobody's work


FETCH = "SELECT task_name FROM procrastinate_fetch_job_v2(ARRAY[%s], NULL)"


def begin_next(queue: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(FETCH, [queue])
        return str(cursor.fetchone()[0])


@pytest.mark.usefixtures("queue")
def test_a_users_job_is_begun_before_the_projections_that_wait() -> None:
    for _ in range(3):
        defer(daily.PROJECTIONS, portfolio_ids=[1])
    user = UserFactory()
    for _ in range(2):
        create_job(user=user, kind=JobKind.DEMO, arguments={}, now=NOW)
    begun = [begin_next(LONG) for _ in range(3)]
    assert begun == [QUEUED_AS, QUEUED_AS, daily.PROJECTIONS]


@pytest.mark.usefixtures("queue")
def test_the_turn_of_the_day_waits_for_no_user_and_no_projection() -> None:
    defer(QUEUED_AS, job_id=1)
    defer(daily.PROJECTIONS, portfolio_ids=[1])
    defer(daily.BLOCK, portfolio_ids=[1])
    defer("daily", timestamp=0)
    assert [begin_next(TURN) for _ in range(2)] == [daily.BLOCK, "daily"]
