"""The series of a goal's chart, from the days of the ledger that are kept.

Never from all trades: its cost grows with the days of the period, and of trades and
decisions a bounded number is read, the newest.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from goals.decisions.accounting import measure_live_unit_value
from goals.decisions.limit_walk import DayEnd
from goals.decisions.limits import (
    FloorFigures,
    closed_value,
    measure_floors,
    money_per_value,
    shows_floor,
)
from goals.decisions.progress import PortfolioFigures, measure_value
from goals.enums import FloorIn, Measure
from goals.models import FinancialGoal
from goals.services.floors import reference_at
from goals.services.limit_history import read_history
from goals.services.limit_walks import walk_limits
from mastertrade.values.money import HUNDRED, exactly
from trades.enums import TradeStatus
from trades.models import Trade

# Of trades and decisions the newest so many are drawn.
MOST_MARKS = 240
# Points that a line has at most: two a pixel of a wide chart.
MOST_POINTS = 1_200

Point = tuple[int, float]


@dataclass(frozen=True, slots=True)
class ChartDay:
    """The goal's value at the end of a day, and its floors, in the goal's measure."""

    at: datetime
    value: Decimal
    hard: Decimal | None
    soft: Decimal | None


def read_days(goal: FinancialGoal, now: datetime) -> list[ChartDay]:
    """The days of the goal's period, from its begin to its end or now, oldest first.

    The floor of each day is that of its end, by the limits in force then.
    """
    portfolio, begins_at = goal.portfolio, goal.period_starts_at
    history = read_history(portfolio)
    walk = walk_limits(portfolio, history, since=begins_at)
    until = ends_at(goal, now)
    began, days = walk.trail[:1], walk.trail[1:]
    before = [*began, *(end for end in days if end.at < begins_at)]
    found = [_day(goal, end) for end in days if begins_at <= end.at <= until]
    if until == now and begins_at <= now:
        reference = reference_at(portfolio, now)
        account = portfolio.account
        found.append(_day(goal, DayEnd(now, portfolio.limits, reference, account)))
    first = ChartDay(begins_at, goal.start_value, None, None)
    floors = _day(goal, before[-1]) if before else found[0] if found else first
    return [ChartDay(begins_at, first.value, floors.hard, floors.soft), *found]


def ends_at(goal: FinancialGoal, now: datetime) -> datetime:
    """Up to when there is anything to draw: now, or when the goal ended."""
    return min(now, goal.ended_at or goal.period_ends_at or now)


@exactly
def _day(goal: FinancialGoal, end: DayEnd) -> ChartDay:
    account, kind = end.account, goal.kind.measures
    figures = PortfolioFigures(
        account.unit_value, account.realized_pnl, account.equity, account.run
    )
    value = measure_value(kind, goal.baseline, figures)
    if not shows_floor(end.limits, end.reference, account):
        return ChartDay(end.at, value, None, None)
    closed = closed_value(end.limits.floor_in, account)
    floors = measure_floors(
        end.limits,
        end.reference,
        account,
        closed=closed,
        live=closed,
        daily=None,
        is_live=False,
        currency="",
    )
    hard = _in_measure(goal, end, floors, value, floors.hard)
    soft = _in_measure(goal, end, floors, value, floors.soft)
    return ChartDay(end.at, value, hard, soft)


def _in_measure(
    goal: FinancialGoal,
    end: DayEnd,
    floors: FloorFigures,
    value: Decimal,
    floor: Decimal,
) -> Decimal | None:
    """A floor as a value of the goal: what it would be worth there."""
    room = floors.closed - floor
    if goal.kind.measures is not Measure.RETURN:
        per_value = money_per_value(end.limits.floor_in, end.account)
        return Decimal(value - room * per_value)
    units = end.account.units
    in_units = end.limits.floor_in is FloorIn.UNITS
    start = goal.start_unit_value
    if start <= 0 or (not in_units and units <= 0):
        return None
    fall = room if in_units else room / units
    return Decimal(value - fall / start * HUNDRED)


def thin(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most so many points: of each stretch its lowest and its highest, in order."""
    if len(points) <= most:
        return list(points)
    stretch = -(-len(points) * 2 // most)
    found: list[Point] = []
    for begin in range(0, len(points), stretch):
        part = points[begin : begin + stretch]
        ends = {min(part, key=_value), max(part, key=_value)}
        if begin + stretch >= len(points):
            ends.add(part[-1])
        found += sorted(ends)
    return found


def _value(point: Point) -> float:
    return point[1]


def read_chart(goal: FinancialGoal, now: datetime) -> dict[str, Any]:
    """All that the chart draws but the fan, as plain JSON.

    Times are seconds, values in the goal's measure; `line`, `hard`, `soft` and `pace`
    are lists of [time, value], `marks` of [time, value, made], `factors` of [time,
    what the policy asked for, what guards left].
    """
    days = read_days(goal, now)
    line = [(seconds(day.at), float(day.value)) for day in days]
    until = ends_at(goal, now)
    is_now = until == now and goal.period_starts_at <= now
    target = float(goal.target_value)
    start = float(goal.start_value)
    begins, ends = goal.period_starts_at, goal.period_ends_at
    pace = []
    if ends is not None:
        pace = [(seconds(begins), start), (seconds(ends), target)]
    return {
        "measure": "%" if goal.kind.measures is Measure.RETURN else "money",
        "currency": goal.portfolio.currency,
        "begins": seconds(begins),
        "ends": seconds(ends or until),
        "now": seconds(now) if is_now else None,
        "start": start,
        "target": target,
        "line": thin(line),
        "pace": pace,
        "hard": _floor_line(((day.at, day.hard) for day in days), until),
        "soft": _floor_line(((day.at, day.soft) for day in days), until),
        "live": _live(goal) if is_now else None,
        "marks": read_marks(goal, days, until),
        "factors": read_factors(goal),
    }


def _live(goal: FinancialGoal) -> float | None:
    """With open positions at their marks; None where that is no other value."""
    portfolio = goal.portfolio
    if not portfolio.unrealized_pnl:
        return None
    if goal.kind.measures is Measure.RETURN:
        if goal.start_unit_value <= 0:
            return None
        worth = measure_live_unit_value(portfolio.account, portfolio.unrealized_pnl)
        live = worth / goal.start_unit_value - 1
        return float(live * HUNDRED)
    if goal.kind.measures is Measure.INCOME:
        return float(goal.current_value + portfolio.unrealized_pnl)
    return float(portfolio.live_equity)


def _floor_line(
    floors: Iterable[tuple[datetime, Decimal | None]], until: datetime
) -> list[Point]:
    points = [(seconds(at), float(value)) for at, value in floors if value is not None]
    points = thin(points)
    if points and points[-1][0] < seconds(until):
        points.append((seconds(until), points[-1][1]))
    return points


def read_marks(
    goal: FinancialGoal, days: Sequence[ChartDay], until: datetime
) -> list[tuple[int, float, float]]:
    """The newest closed trades: when, the value of the line then, what they made."""
    closed = Trade.objects.filter(
        portfolio=goal.portfolio,
        status=TradeStatus.CLOSED,
        exit_time__range=(goal.period_starts_at, until),
    ).order_by("-exit_time", "-ledger_key")
    newest = closed.values_list("exit_time", "profit_loss")[:MOST_MARKS]
    marks = []
    for at, made in reversed(newest):
        # A closed trade has both, as the database checks.
        assert at is not None
        assert made is not None
        day = days[bisect_right(days, at, key=attrgetter("at")) - 1]
        marks.append((seconds(at), float(day.value), float(made)))
    return marks


def read_factors(goal: FinancialGoal) -> list[tuple[int, float, float]]:
    """The newest decisions: when, what the policy asked for, what guards left of it."""
    newest = goal.adjustments.order_by("-adjustment_id").values_list(
        "as_of", "policy_factor", "adjustment_factor"
    )[:MOST_MARKS]
    rows = [row for row in newest if row[0] >= goal.period_starts_at]
    return [(seconds(at), float(asked), float(left)) for at, asked, left in rows[::-1]]


def seconds(at: datetime) -> int:
    return int(at.timestamp())
