"""Forecasts that are kept: answered at once with their time, made anew by a job.

What nobody asks for is not made: a frontier costs as much as five projections of the
daily run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db.models import F, Min, Q, QuerySet

from goals.enums import ForecastKind
from goals.models import FinancialGoal, GoalForecast
from goals.services.goals import FORECAST_BY
from mastertrade.db.queue import defer
from mastertrade.db.transactions import atomic
from mastertrade.values.jsonable import from_plain, to_plain
from trades.sizing_calls.forecast_answers import (
    VERSION,
    Answer,
    FrontierAnswer,
    ProjectionAnswer,
)
from trades.sizing_calls.forecasts import frontier_of, project
from trades.sizing_calls.projection import GoalProjection
from trades.sizing_calls.stored_chances import (
    PROJECTED_FOR,
    is_out_of_date,
    is_projectable,
)

# The job that makes them anew, by its portfolios.
RENEWED_BY = "projections"
# How long one is made anew for after it was asked for.
WANTED_FOR = timedelta(days=7)
# One that is older was not made anew: no worker runs.
ANSWERED_FOR = timedelta(days=2)
# While they are asked for again and again, at most one job in that time.
RENEWED_AFTER = timedelta(minutes=1)

Given = TypeVar("Given", bound=Answer)


@dataclass(frozen=True, slots=True)
class Forecast(Generic[Given]):
    """What is kept: what it is of a projected goal, and what it is read as."""

    kind: ForecastKind
    answer: type[Given]
    answer_of: Callable[[GoalProjection], Given]

    def of_goal(self, goal: FinancialGoal) -> QuerySet[GoalForecast]:
        return GoalForecast.objects.filter(goal=goal, kind=self.kind)


PROJECTION = Forecast(
    ForecastKind.PROJECTION, ProjectionAnswer, lambda found: found.answer
)
FRONTIER = Forecast(ForecastKind.FRONTIER, FrontierAnswer, frontier_of)
FORECASTS: tuple[Forecast[Any], ...] = (PROJECTION, FRONTIER)


def find_forecast(of: Forecast[Given], goal: FinancialGoal, now: datetime) -> Given:
    """The one that is kept, at once; without one it is made, and kept from now on.

    One that is out of date says so, and a job makes it anew.
    """
    return _find_kept(of, goal, now) or make_forecast(of, goal, now)


def make_forecast(of: Forecast[Given], goal: FinancialGoal, now: datetime) -> Given:
    """A new one in place of what is kept; kept where it took work."""
    return _replace(of, project(goal, now))


def _replace(of: Forecast[Given], found: GoalProjection) -> Given:
    goal, answer = found.goal, of.answer_of(found)
    if answer.took_work:
        _keep(of, goal, answer)
    else:
        of.of_goal(goal).filter(as_of__lte=answer.as_of).delete()
    return answer


@atomic
def _find_kept(of: Forecast[Given], goal: FinancialGoal, now: datetime) -> Given | None:
    mine = of.of_goal(goal).filter(
        is_projectable(now, "goal__"), version=VERSION, as_of__gt=now - ANSWERED_FOR
    )
    kept = mine.annotate(out_of_date=_is_out_of_date(now)).first()
    if kept is None:
        return None
    of_before = GoalForecast.objects.filter(
        pk=kept.pk, asked_at__lte=now - RENEWED_AFTER
    )
    if of_before.update(asked_at=now) and kept.out_of_date:
        defer(RENEWED_BY, portfolio_ids=[goal.portfolio_id])
    return replace(from_plain(of.answer, kept.answer), out_of_date=kept.out_of_date)


@atomic
def _keep(of: Forecast[Any], goal: FinancialGoal, answer: Answer) -> None:
    """Unless the goal became another meanwhile, or one of a later time is kept.

    Nor while another changes the goal: whoever waits for an answer waits for no lock.
    """
    asked = {name: getattr(goal, name) for name in (*FORECAST_BY, "start_value")}
    same = FinancialGoal.objects.filter(is_projectable(answer.as_of), **asked)
    locked = same.select_for_update(no_key=True, skip_locked=True)
    if not locked.filter(pk=goal.pk).values("pk"):
        return
    if of.of_goal(goal).filter(as_of__gt=answer.as_of).exists():
        return
    row = GoalForecast(
        goal=goal,
        kind=of.kind,
        version=VERSION,
        answer=to_plain(answer),
        as_of=answer.as_of,
        # What was booked after `as_of` is not in it.
        figures_at=min(goal.portfolio.updated_at, answer.as_of),
        asked_at=answer.as_of,
    )
    GoalForecast.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["goal", "kind"],
        update_fields=["version", "answer", "as_of", "figures_at"],
    )


def find_wanted(as_of: datetime, keys: Sequence[int] | None = None) -> list[int]:
    """The keys of the portfolios with a forecast to be made anew.

    One that is out of date: each day for a week after it was asked for, and where it
    was asked for since it was made. What has waited longest comes first.
    """
    found = _wanted(as_of).order_by().values("goal__portfolio_id")
    if keys is not None:
        found = found.filter(goal__portfolio_id__in=keys)
    listed = found.annotate(oldest=Min("as_of")).order_by("oldest")
    return [one["goal__portfolio_id"] for one in listed]


def renew_forecasts(*, as_of: datetime, portfolio_id: int) -> int:
    """Make those of a portfolio anew; how many. No lock is held while they are made."""
    wanted = _wanted(as_of).filter(goal__portfolio_id=portfolio_id)
    kinds = set(wanted.values_list("goal_id", "kind"))
    goals = FinancialGoal.objects.select_related("portfolio__user")
    for goal in goals.filter(pk__in={key for key, _ in kinds}).order_by("pk"):
        found = project(goal, as_of)
        for of in FORECASTS:
            if (goal.pk, of.kind) in kinds:
                _replace(of, found)
    return len(kinds)


def forget_forecasts(before: datetime) -> int:
    """Delete those that nobody asked for since then; how many."""
    deleted, _ = GoalForecast.objects.filter(asked_at__lt=before).delete()
    return deleted


def _wanted(as_of: datetime) -> QuerySet[GoalForecast]:
    """Those that are to be made anew."""
    is_old = Q(as_of__lte=as_of - PROJECTED_FOR)
    return GoalForecast.objects.filter(
        is_projectable(as_of, "goal__"),
        _is_out_of_date(as_of),
        is_old | Q(asked_at__gt=F("as_of")),
        asked_at__gt=as_of - WANTED_FOR,
    )


def _is_out_of_date(as_of: datetime) -> Q:
    return is_out_of_date(as_of, "as_of", "figures_at", "goal__")
