"""What a goal would ask for and how probable it is, before it is saved."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import expm1
from typing import Any

from django.db import transaction

from goals.models import FinancialGoal
from goals.projection.forecast import required_growth
from goals.services.goals import create_goal
from mastertrade.db.transactions import atomic
from mastertrade.values.money import HUNDRED, exactly
from trades.sizing_calls.forecasts import project
from trades.sizing_calls.projection import GoalProjection

MONTH = timedelta(days=365.25) / 12
PLACES = 8


@dataclass(frozen=True, slots=True)
class GoalPreview:
    """A goal as it would be, and its projection; growths of a day and of a trade in %.

    `per_trade_risks` is the growth of a trade in what it risks at its stop (R). None
    is not known; `trades` are those to its end that the growth is divided among.
    """

    goal: FinancialGoal
    projection: GoalProjection
    per_day_pct: Decimal | None
    per_day_money: Decimal | None
    per_trade_pct: Decimal | None
    per_trade_risks: Decimal | None
    trades: Decimal | None

    @property
    def needs_trades(self) -> bool:
        """Whether only closed trades are missing to a probability."""
        found = self.projection
        return found.probability is None and found.edge is None and bool(found.path)


def preview_goal(
    *,
    now: datetime,
    risk_pct: Decimal | None = None,
    trades_a_month: int | None = None,
    **asked: Any,
) -> GoalPreview:
    """`asked` as `create_goal`'s; nothing is kept. Raises as it does."""
    goal, found = _try_out(now, asked)
    path, days = found.path, None
    if goal.period_ends_at is not None:
        days = goal.period_ends_at - max(now, goal.period_starts_at)
    trades = found.trades_left
    if trades_a_month is not None and days is not None:
        trades = Decimal(str(round(trades_a_month * (days / MONTH), PLACES)))
    per_trade = None
    if path is not None and trades:
        per_trade = _percent(
            required_growth(float(trades), float(path.goal_return), float(path.equity))
        )
    per_day = _percent(
        None if found.required_per_day is None else float(found.required_per_day)
    )
    return GoalPreview(
        goal=goal,
        projection=found,
        per_day_pct=per_day,
        per_day_money=_share(goal.portfolio.live_equity, per_day),
        per_trade_pct=per_trade,
        per_trade_risks=_in_risks(per_trade, risk_pct),
        trades=trades,
    )


@atomic
def _try_out(
    now: datetime, asked: dict[str, Any]
) -> tuple[FinancialGoal, GoalProjection]:
    """Made and projected as any goal is, and undone."""
    with transaction.atomic():
        goal = create_goal(as_of=now, **asked)
        found = project(goal, now)
        transaction.set_rollback(True)
    return goal, found


def _percent(log_growth: float | None) -> Decimal | None:
    if log_growth is None:
        return None
    return Decimal(str(round(100 * expm1(log_growth), PLACES)))


@exactly
def _share(money: Decimal, pct: Decimal | None) -> Decimal | None:
    return None if pct is None else money * pct / HUNDRED


@exactly
def _in_risks(pct: Decimal | None, risk_pct: Decimal | None) -> Decimal | None:
    return None if pct is None or not risk_pct else pct / risk_pct
