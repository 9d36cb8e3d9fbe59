"""The end of a period: judge the goal, open the next one of a recurring goal."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from goals.decisions.periods import following_period
from goals.decisions.progress import GoalProgress, status_after, status_at_end
from goals.enums import GoalStatus, PortfolioKind
from goals.models import FinancialGoal, Portfolio
from goals.models.goals import CONDITIONS, SIZED_BY
from goals.services.alerting import Occasion, alert_goals
from goals.services.conditions import CONDITIONS_HOLD
from goals.services.failing import fail_from_start
from goals.services.goals import LATEST_DATE
from goals.services.ledger import GoalMove, judge_beginning
from goals.services.opening import open_period
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import HUNDRED, ZERO

logger = logging.getLogger(__name__)
# Periods that one transaction ends: others wait for its locks. And those that one run
# ends in a portfolio: some three years of a daily goal that was not rolled.
MOST_AT_ONCE = 50
MOST_IN_A_RUN = 1_000
# Of a period that ended earlier nobody is alerted: many may be caught up at once.
OLD_NEWS = timedelta(days=7)

CARRIED = ("user_id", "goal_type", "priority", "recurring", *SIZED_BY, *CONDITIONS)


@dataclass(frozen=True, slots=True)
class Rolled:
    """What a roll-over did: goals it ended, goals it opened, portfolios that failed.

    A failure has its portfolio's key as its note.
    """

    ended: int = 0
    opened: tuple[FinancialGoal, ...] = ()
    failures: tuple[Exception, ...] = ()


def roll_goals(
    *, as_of: datetime, portfolio_id: int | None = None
) -> list[FinancialGoal]:
    """As `roll_portfolios`; returns the goals that were opened.

    After all is done, an `ExceptionGroup` is raised that holds every failure.
    """
    keys = None if portfolio_id is None else [portfolio_id]
    rolled = roll_portfolios(as_of=as_of, keys=keys)
    if rolled.failures:
        raise ExceptionGroup("some portfolios could not be rolled", rolled.failures)
    return list(rolled.opened)


def roll_portfolios(*, as_of: datetime, keys: Sequence[int] | None = None) -> Rolled:
    """End every goal of a live portfolio, or of those named, whose period is over.

    A portfolio value that showed its target before its period is achieved by the time
    that begins.

    A portfolio's lock makes it happen exactly once however many call at the same time.
    Periods that went by unnoticed are caught up one by one, `MOST_AT_ONCE` of them in
    a transaction; what is left after `MOST_IN_A_RUN` is logged, and the next run goes
    on with it. A transaction that fails, for whatever reason, leaves its portfolio as
    it was before it, and stops no other.
    """
    done: list[Rolled] = []
    for key in find_rollable(as_of, keys):
        try:
            done.extend(_catch_up(key, as_of))
        except Exception as failure:
            failure.add_note(f"portfolio {key}")
            done.append(Rolled(failures=(failure,)))
    return Rolled(
        ended=sum(one.ended for one in done),
        opened=tuple(goal for one in done for goal in one.opened),
        failures=tuple(failure for one in done for failure in one.failures),
    )


def find_rollable(as_of: datetime, keys: Sequence[int] | None = None) -> list[int]:
    """The keys of live portfolios, or of those named, that have goals to roll."""
    due = FinancialGoal.objects.filter(_is_over(as_of) | _begins_reached(as_of))
    if keys is None:
        due = due.filter(portfolio__kind=PortfolioKind.LIVE)
    else:
        due = due.filter(portfolio_id__in=keys)
    found = due.order_by("portfolio_id").values_list("portfolio_id", flat=True)
    return list(found.distinct())


def _is_over(as_of: datetime) -> Q:
    return Q(ended_at=None, period_ends_at__lte=as_of)


def _begins_reached(as_of: datetime) -> Q:
    undecided = Q(achieved_at=None, failed_at=None, ended_at=None)
    shows_target = undecided & Q(progress_pct__gte=HUNDRED)
    begun = Q(period_starts_at__lte=as_of) & ~Q(status=GoalStatus.CANCELLED)
    return shows_target & begun & CONDITIONS_HOLD


def _catch_up(portfolio_id: int, as_of: datetime) -> Iterator[Rolled]:
    for _ in range(MOST_IN_A_RUN // MOST_AT_ONCE):
        rolled = _roll_portfolio(portfolio_id, as_of)
        yield rolled
        if rolled.ended < MOST_AT_ONCE:
            return
    logger.warning(
        "Portfolio %s: %s periods were ended, the most of one run. The next run "
        "ends what is left.",
        portfolio_id,
        MOST_IN_A_RUN,
    )


@atomic
def _roll_portfolio(portfolio_id: int, as_of: datetime) -> Rolled:
    portfolio = Portfolio.objects.locked().get(pk=portfolio_id)
    moves: list[GoalMove] = []
    rolled = _roll_goals(portfolio, as_of, moves)
    alert_goals(portfolio, moves, Occasion(as_of, as_of))
    return rolled


def _roll_goals(portfolio: Portfolio, as_of: datetime, moves: list[GoalMove]) -> Rolled:
    """End what is over, `MOST_AT_ONCE` at the most; adds to `moves` what it did."""
    goals = FinancialGoal.objects.locked().filter(portfolio=portfolio)
    ended = 0
    opened: list[FinancialGoal] = []
    for goal in goals.filter(_is_over(as_of) | _begins_reached(as_of)):
        moves += _judge_beginning(goal, as_of)
        if not goal.period.is_over(as_of):
            continue
        link: FinancialGoal | None = goal
        while link is not None and link.period.is_over(as_of):
            if ended == MOST_AT_ONCE:
                return Rolled(ended, tuple(opened))
            if not link.period.is_over(as_of - OLD_NEWS):
                status_before = GoalStatus(link.status)
                moves.append(
                    GoalMove(link, link.progress, link.progress, status_before)
                )
            link = _end(link, portfolio, as_of)
            ended += 1
            if link is not None:
                opened.append(link)
    return Rolled(ended, tuple(opened))


def _judge_beginning(goal: FinancialGoal, as_of: datetime) -> list[GoalMove]:
    """Achieve a goal that has begun with its target in sight; saved here.

    Returns its move, from the beginning on; none where it is not achieved so.
    """
    if goal.status == GoalStatus.CANCELLED or not judge_beginning(goal):
        return []
    status_before, goal.updated_at = GoalStatus(goal.status), as_of
    goal.status, _ = status_after(
        status_before, was_achieved=True, progress_pct=goal.progress_pct
    )
    goal.save(update_fields=["status", "achieved_at", "updated_at"])
    beginning = GoalProgress(goal.start_value, ZERO)
    return [GoalMove(goal, beginning, goal.progress, status_before)]


def _end(
    goal: FinancialGoal, portfolio: Portfolio, as_of: datetime
) -> FinancialGoal | None:
    """Judge the goal; open the next period's, if it recurs."""
    paused = goal.status == GoalStatus.PAUSED
    goal.status = status_at_end(
        GoalStatus(goal.status),
        was_achieved=goal.achieved_at is not None,
        failed=goal.stands_failed,
    )
    goal.ended_at = goal.period_ends_at
    goal.updated_at = as_of
    goal.save(update_fields=["status", "ended_at", "updated_at"])
    if not goal.recurring or goal.target_date is None:
        return None
    start_date, target_date = following_period(
        goal.kind, goal.start_date, goal.target_date, portfolio.time_zone
    )
    if target_date > LATEST_DATE:
        return None
    following = FinancialGoal(
        portfolio=portfolio,
        target_value=goal.target_value,
        start_date=start_date,
        target_date=target_date,
        previous_goal=goal,
        status=GoalStatus.PAUSED if paused else GoalStatus.ACTIVE,
        created_at=as_of,
        updated_at=as_of,
        **{name: getattr(goal, name) for name in CARRIED},
    )
    way = goal.target_value - goal.start_value
    try:
        with transaction.atomic():
            open_period(following, portfolio, as_of, way=way)
            fail_from_start(following, portfolio, as_of)
    except InvalidInput as refused:
        # The chain ends here; the goal that is over is judged all the same.
        logger.warning("Goal %s is followed by none: %s", goal.goal_id, refused)
        return None
    return following
