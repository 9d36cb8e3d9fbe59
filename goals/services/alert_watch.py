"""What only the clock turns into an alert; called by a job, again and again.

Each portfolio is a transaction of its own, under its lock. A second call finds nothing.
"""

from datetime import datetime, timedelta

from django.db.models import CharField, Exists, OuterRef, Value
from django.db.models.functions import Cast, Concat

from goals.decisions.alert_events import halt_cause
from goals.decisions.alerts import find_goal_alerts
from goals.enums import GoalStatus, PortfolioKind
from goals.models import FinancialGoal, GoalAlert, Portfolio, TradingHalt
from goals.models.goals import FinancialGoalQuerySet
from goals.models.halts import TradingHaltQuerySet
from goals.services.alerting import (
    Occasion,
    alert_goals,
    alert_resumed,
    change_of,
    standing,
)
from mastertrade.db.transactions import atomic

# A halt that was over by itself earlier is no news; the job comes by much more often.
OVER_WITHIN = timedelta(days=2)
ROWS = 1_000


def watch_health(now: datetime) -> int:
    """Alert of goals whose health the time has turned; how many portfolios.

    Reads every running goal of a live portfolio; locks only where something turned.
    """
    goals = _running(now).select_related("portfolio").order_by("portfolio_id")
    keys = {
        goal.portfolio_id
        for goal in goals.iterator(chunk_size=ROWS)
        if _has_turned(goal, now)
    }
    for key in sorted(keys):
        _alert_health(key, now)
    return len(keys)


def _running(now: datetime) -> FinancialGoalQuerySet:
    running: FinancialGoalQuerySet = FinancialGoal.objects.filter(
        portfolio__kind=PortfolioKind.LIVE,
        status=GoalStatus.ACTIVE,
        ended_at=None,
        period_starts_at__lte=now,
        period_ends_at__gt=now,
    )
    return running


def _has_turned(goal: FinancialGoal, now: datetime) -> bool:
    (move,) = standing([goal])
    change = change_of(goal, goal.portfolio, move, Occasion(now, now))
    return find_goal_alerts(change)[1] != change.alerted


@atomic
def _alert_health(portfolio_id: int, now: datetime) -> None:
    portfolio = Portfolio.objects.locked().get(pk=portfolio_id)
    goals = _running(now).filter(portfolio=portfolio).locked()
    alert_goals(portfolio, standing(list(goals)), Occasion(now, now))


def watch_halts(now: datetime) -> int:
    """Alert of halts that ended by themselves, where entries go on by now; how many."""
    keys = _over(now).order_by("portfolio_id").values_list("portfolio_id", flat=True)
    return sum(_alert_over(key, now) for key in keys.distinct())


def _over(now: datetime) -> TradingHaltQuerySet:
    """Those that were alerted of while they lasted, and not yet when they were over."""
    cause = Concat(Value(halt_cause("")), Cast("halt_id", CharField()))
    over = Concat(cause, Value(":over"))
    alerts = GoalAlert.objects.filter(portfolio=OuterRef("portfolio"))
    found: TradingHaltQuerySet = TradingHalt.objects.filter(
        halted_until__lte=now,
        halted_until__gt=now - OVER_WITHIN,
        resumed_at=None,
        withdrawn_at=None,
        portfolio__kind=PortfolioKind.LIVE,
    )
    found = found.annotate(named=cause, named_over=over)
    return found.filter(
        Exists(alerts.filter(cause=OuterRef("named"))),
        ~Exists(alerts.filter(cause=OuterRef("named_over"))),
    )


@atomic
def _alert_over(portfolio_id: int, now: datetime) -> int:
    portfolio = Portfolio.objects.locked().get(pk=portfolio_id)
    if portfolio.halts.unresumed(now).exists():
        return 0  # another one stops entries still
    halts = list(_over(now).filter(portfolio=portfolio).order_by("halt_id"))
    alert_resumed(portfolio, halts, now, "over", "its time is up")
    return len(halts)
