"""What a change of a portfolio and its goals gives to alert; only of live portfolios.

A simulation or a demo alerts nobody: what happens in it happens to no money.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from goals.decisions.alert_events import HaltFacts, halted, overridden, resumed
from goals.decisions.alerts import (
    Alert,
    FloorAlerted,
    FloorWay,
    GoalChange,
    find_floor_alerts,
    find_goal_alerts,
    measure_way_pct,
)
from goals.decisions.guards.base import RiskState
from goals.enums import AfterAchieved, GoalStatus, HaltCause, Health, Measure
from goals.models import FinancialGoal, Portfolio, TradingHalt
from goals.services.alerts import write_alerts
from goals.services.floors import present_floors
from goals.services.ledger import GoalMove
from mastertrade.values.money import EXACT, HUNDRED, PERCENT, round_to

ALERTED = ("alerted_soft_at", "alerted_near_at", "alerted_day")


@dataclass(frozen=True, slots=True)
class Occasion:
    """When a change took effect and was made, and why.

    `rearms` False: it made the past again, and lets nothing alert once more.
    """

    now: datetime
    at: datetime
    reason: str = ""
    rearms: bool = True


def alert_change(
    portfolio: Portfolio,
    occasion: Occasion,
    moves: Iterable[GoalMove] = (),
    risk_state: RiskState | None = None,
) -> None:
    """Alert of what a change of a locked portfolio did to its floors and goals.

    Its figures and the goals are written. No statement where there is nothing to alert
    and nothing alerts again from now on. `risk_state` has the day's loss, where a limit
    looks at it.
    """
    if not portfolio.is_live:
        return
    alerts, is_changed = _floor_alerts(portfolio, occasion, risk_state)
    found, goals = _goal_alerts(portfolio, moves, occasion)
    write_alerts(
        alerts + found,
        user_id=portfolio.user_id,
        now=occasion.now,
        portfolio=portfolio if is_changed else None,
        goals=goals,
    )


def alert_goals(
    portfolio: Portfolio, moves: Iterable[GoalMove], occasion: Occasion
) -> None:
    """The same of goals alone."""
    if not portfolio.is_live:
        return
    alerts, goals = _goal_alerts(portfolio, moves, occasion)
    write_alerts(alerts, user_id=portfolio.user_id, now=occasion.now, goals=goals)


def alert_halts(
    portfolio: Portfolio, halts: Iterable[TradingHalt], now: datetime
) -> None:
    """Alert of new halts that are in force; one that is over already stops nothing."""
    if not portfolio.is_live:
        return
    alerts = [
        halted(facts_of(halt, portfolio))
        for halt in halts
        if halt.stops_at(now) and halt.resumed_at is None and halt.withdrawn_at is None
    ]
    write_alerts(alerts, user_id=portfolio.user_id, now=now)


def alert_resumed(
    portfolio: Portfolio,
    halts: Iterable[TradingHalt],
    now: datetime,
    how: str,
    why: str,
) -> None:
    """Alert of halts that are in force no more; `how` as in `alert_events.resumed`."""
    if not portfolio.is_live:
        return
    alerts = [resumed(facts_of(halt, portfolio), now, how, why) for halt in halts]
    write_alerts(alerts, user_id=portfolio.user_id, now=now)


def facts_of(halt: TradingHalt, portfolio: Portfolio) -> HaltFacts:
    return HaltFacts(
        halt_id=halt.halt_id,
        portfolio_id=portfolio.portfolio_id,
        portfolio=portfolio.name,
        cause=HaltCause(halt.cause),
        who=halt.who,
        at=halt.halted_at,
        until=halt.halted_until,
        reason=halt.why,
        currency=portfolio.currency,
        figures=halt.figures,
    )


def _floor_alerts(
    portfolio: Portfolio, occasion: Occasion, risk_state: RiskState | None
) -> tuple[list[Alert], bool]:
    """The alerts, and whether what counts as alerted is other than before. Unsaved."""
    floors, peak = present_floors(portfolio, occasion.now)
    if not floors.has_floor:
        return [], False
    day_since, day_used = _day_used(risk_state)
    way = FloorWay(
        portfolio_id=portfolio.portfolio_id,
        portfolio=portfolio.name,
        currency=portfolio.currency,
        at=occasion.at,
        to_soft_pct=measure_way_pct(peak, floors.soft, floors.lowest),
        to_hard_pct=measure_way_pct(peak, floors.hard, floors.lowest),
        equity=floors.money(floors.lowest),
        soft_equity=floors.money(floors.soft),
        hard_equity=floors.money(floors.hard),
        day_since=day_since,
        day_used_pct=day_used,
    )
    before = FloorAlerted(*(getattr(portfolio, name) for name in ALERTED))
    alerts, after = find_floor_alerts(way, before, rearms=occasion.rearms)
    for name, value in zip(ALERTED, (after.soft, after.near, after.day), strict=True):
        setattr(portfolio, name, value)
    return alerts, after != before


def _day_used(
    risk_state: RiskState | None,
) -> tuple[datetime | None, Decimal | None]:
    """What the day is measured from, and the share of its limit that is used up."""
    if risk_state is None or risk_state.day is None:
        return None, None
    loss, limit = risk_state.daily_loss_pct, risk_state.daily_loss_limit_pct
    if loss is None or not limit:
        return None, None
    used = round_to(EXACT.divide(loss * HUNDRED, limit), PERCENT)
    return risk_state.day.since, used


def _goal_alerts(
    portfolio: Portfolio, moves: Iterable[GoalMove], occasion: Occasion
) -> tuple[list[Alert], list[FinancialGoal]]:
    """The alerts, and the goals of which another health counts as alerted. Unsaved."""
    alerts: list[Alert] = []
    changed = []
    for move in moves:
        change = change_of(move.goal, portfolio, move, occasion)
        found, alerted = find_goal_alerts(change, rearms=occasion.rearms)
        alerts += found
        if alerted != change.alerted:
            move.goal.alerted_health = "" if alerted is None else str(alerted)
            changed.append(move.goal)
    return alerts, changed


def change_of(
    goal: FinancialGoal, portfolio: Portfolio, move: GoalMove, occasion: Occasion
) -> GoalChange:
    """A goal's move as the pure rules see it, with its health of now."""
    has_health = goal.status == GoalStatus.ACTIVE and goal.period_ends_at is not None
    pace = goal.pace_at(occasion.now) if has_health else None
    is_return = goal.kind.measures is Measure.RETURN
    return GoalChange(
        goal_id=goal.goal_id,
        portfolio_id=portfolio.portfolio_id,
        name=goal.words,
        portfolio=portfolio.name,
        unit="%" if is_return else portfolio.currency,
        target_value=goal.target_value,
        current_value=move.after.current_value,
        before_pct=move.before.progress_pct,
        after_pct=move.after.progress_pct,
        status_before=move.status_before,
        status=GoalStatus(goal.status),
        after_achieved=AfterAchieved(goal.after_achieved),
        at=occasion.at,
        known_at=occasion.now,
        is_over=goal.is_over(occasion.now),
        still_open=tuple(
            condition.words for condition in goal.find_open_at_target(move.after)
        ),
        alerted=Health(goal.alerted_health) if goal.alerted_health else None,
        pace_gap_pct=None if pace is None or pace.health is None else pace.pace_gap_pct,
        probability=goal.probability,
        unreachable=goal.unreachable,
        reason=occasion.reason,
    )


def standing(goals: Sequence[FinancialGoal]) -> list[GoalMove]:
    """Goals as they are, moved by nothing but the clock."""
    return [
        GoalMove(goal, goal.progress, goal.progress, GoalStatus(goal.status))
        for goal in goals
    ]


def alert_overridden(
    portfolio: Portfolio,
    halt: TradingHalt,
    trade_id: int,
    trade: str,
    by: str,
    now: datetime,
) -> None:
    """Alert of a trade that was opened while a halt stopped entries."""
    if not portfolio.is_live:
        return
    alert = overridden(facts_of(halt, portfolio), trade_id, trade, by, now)
    write_alerts([alert], user_id=portfolio.user_id, now=now)
