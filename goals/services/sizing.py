"""What a sizing decision looks at on the goals' side."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Q

from goals.decisions.arbitration import GoalState
from goals.decisions.policies import PolicyName
from goals.decisions.progress import PortfolioFigures, can_still_move, measure_progress
from goals.enums import AfterAchieved, GoalStatus
from goals.models import FinancialGoal, GoalAdjustmentLog, Portfolio
from goals.services.risk_state import read_figures
from mastertrade.db.raw_sql import columns_of, load
from mastertrade.values.exceptions import (
    GoalNotActive,
    IdempotencyConflict,
    NoActiveGoal,
    NotFound,
)
from mastertrade.values.money import exactly

MICROSECOND = timedelta(microseconds=1)
TAKES_PART = (GoalStatus.ACTIVE, GoalStatus.ACHIEVED)
# SQL, because every sizing asks it and Django composes a query longer than this runs.
GOAL = f"""
SELECT {columns_of(FinancialGoal, "g")} FROM financial_goals g
WHERE goal_id = %s AND portfolio_id = %s
"""


@dataclass(frozen=True, slots=True)
class SizingCall:
    """One call for a size: its time, the clock, and what the log keeps of it."""

    as_of: datetime
    now: datetime
    fingerprint: str
    request_id: str | None = None
    strategy_id: str | None = None
    symbol: str | None = None


def read_portfolio_at(portfolio: Portfolio, as_of: datetime) -> PortfolioFigures:
    """The figures a decision may look at: none later than `as_of`."""
    return read_figures(portfolio, as_of).portfolio_figures


def load_participants(portfolio: Portfolio, as_of: datetime) -> list[FinancialGoal]:
    """The goals that take part in decisions at `as_of`, by key.

    Active, or achieved with their period still running; `NoActiveGoal` if none does.
    """
    goals = list(
        FinancialGoal.objects.filter(
            Q(period_ends_at__gt=as_of) | Q(period_ends_at=None),
            portfolio=portfolio,
            status__in=TAKES_PART,
            ended_at=None,
            period_starts_at__lte=as_of,
        ).order_by("pk")
    )
    if not goals:
        raise NoActiveGoal(
            f"No goal of portfolio {portfolio.name} is active at {as_of.isoformat()}: "
            "create one with POST /api/goals/, or resume a paused one."
        )
    return goals


def load_sizable_goal(
    portfolio: Portfolio, goal_id: int, as_of: datetime
) -> FinancialGoal:
    """One goal that may decide at `as_of`; `GoalNotActive` says why it may not."""
    found = load(FinancialGoal, GOAL, [goal_id, portfolio.portfolio_id])
    goal = found[0] if found else None
    if goal is None:
        raise NotFound(f"You have no goal {goal_id}.")
    why = None
    if goal.status not in TAKES_PART or goal.ended_at is not None:
        why = f"is {goal.status}" + (" and has ended" if goal.ended_at else "")
    elif as_of < goal.period_starts_at:
        why = f"starts at {goal.period_starts_at.isoformat()}"
    elif goal.period.is_over(as_of):
        why = f"ended with {goal.target_date}"
    if why is not None:
        raise GoalNotActive(f"Goal {goal_id} {why}, so it sizes no trade.")
    return goal


def goal_state_of(
    goal: FinancialGoal,
    portfolio_figures: PortfolioFigures,
    as_of: datetime,
) -> GoalState:
    """How the goal stands at `as_of`, as a value for the pure decision.

    A policy that needs what the portfolio's trades say is the ladder until
    `with_forecast` has added it.
    """
    progress = measure_progress(
        goal.kind.measures, goal.target_value, goal.baseline, portfolio_figures
    )
    return GoalState(
        goal_id=goal.goal_id,
        progress_pct=progress.progress_pct,
        achieved=goal.achieved_at is not None and goal.achieved_at <= as_of,
        priority=goal.priority,
        deadline=goal.period_ends_at,
        policy=PolicyName(goal.policy),
        min_factor=goal.min_factor,
        max_factor=goal.max_factor,
        after_achieved=AfterAchieved(goal.after_achieved),
        time_left_ratio=_time_left_ratio(goal, as_of),
        reachable=can_still_move(goal.kind.measures, goal.baseline, portfolio_figures),
    )


@exactly
def _time_left_ratio(goal: FinancialGoal, as_of: datetime) -> Decimal:
    if goal.period_ends_at is None:
        return Decimal(1)
    whole = goal.period_ends_at - goal.period_starts_at
    left = goal.period_ends_at - as_of
    return Decimal(left // MICROSECOND) / Decimal(whole // MICROSECOND)


def find_known_decision(
    portfolio: Portfolio, request_id: str | None, fingerprint: str
) -> GoalAdjustmentLog | None:
    """The decision this `request_id` got before; a conflict if it asked otherwise."""
    if request_id is None:
        return None
    known = GoalAdjustmentLog.objects.filter(
        portfolio=portfolio, request_id=request_id
    ).first()
    if known is not None and known.request_fingerprint != fingerprint:
        raise IdempotencyConflict(
            f"request_id {request_id} was used before with another body. Send that "
            "body again, or another request_id."
        )
    return known
