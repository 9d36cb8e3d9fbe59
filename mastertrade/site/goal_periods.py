"""Earlier goals of the same kind as small multiples, on one scale."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.decisions.progress import PortfolioFigures, measure_value
from goals.enums import GoalStatus
from goals.models import FinancialGoal
from goals.services.goals import LATEST_DATE
from mastertrade.site import figures
from mastertrade.site.goal_lines import period_words, short_date

MOST_PERIODS = 8
# Points of each small chart, two at most a step.
MOST_STEPS = 80
WIDTH, HEIGHT, MARGIN = 172, 80, 2
TONES = {True: "up", False: "down"}
# The end of the last of every so many kept days, of all periods at once.
SERIES = """
SELECT DISTINCT ON (p.place, (d.day - p.first_day) / p.step)
       p.place, d.last_entry_at, d.unit_value, d.realized_pnl, d.equity, d.unit_run
FROM unnest(%(places)s::int[], %(firsts)s::date[], %(lasts)s::date[], %(steps)s::int[])
         AS p(place, first_day, last_day, step)
JOIN ledger_days d ON d.portfolio_id = %(portfolio_id)s
     AND d.day BETWEEN p.first_day AND p.last_day
ORDER BY p.place, (d.day - p.first_day) / p.step, d.day DESC, d.part DESC
"""


@dataclass(frozen=True, slots=True)
class EarlierPeriod:
    goal: FinancialGoal
    name: str
    made: SafeString
    result: str
    drawing: SafeString


@dataclass(frozen=True, slots=True)
class Periods:
    """Earlier goals, the newest first, and how many of them were reached."""

    found: tuple[EarlierPeriod, ...]
    reached: int

    @property
    def count(self) -> int:
        return len(self.found)


def read_periods(goal: FinancialGoal) -> Periods:
    """Goals of the portfolio and kind whose period was over when this one began.

    Two statements.
    """
    earlier = FinancialGoal.objects.filter(
        portfolio_id=goal.portfolio_id,
        goal_type=goal.goal_type,
        period_ends_at__lte=goal.period_starts_at,
        ended_at__isnull=False,
    ).exclude(status=GoalStatus.CANCELLED)
    goals = list(earlier.order_by("-period_ends_at", "-goal_id")[:MOST_PERIODS])
    if not goals:
        return Periods((), 0)
    for one in goals:
        one.portfolio = goal.portfolio
    series = _read_series(goals)
    values = [value for points in series for _, value in points]
    values += [one.target_value for one in goals]
    values += [one.start_value for one in goals]
    low, high = min(values), max(values)
    found = tuple(
        _period(one, points, low, high)
        for one, points in zip(goals, series, strict=True)
    )
    reached = sum(one.status == GoalStatus.ACHIEVED for one in goals)
    return Periods(found, reached)


Series = list[tuple[datetime, Decimal]]


def _read_series(goals: list[FinancialGoal]) -> list[Series]:
    lasts = [one.target_date or LATEST_DATE for one in goals]
    lengths = [
        (last - one.start_date).days + 1 for one, last in zip(goals, lasts, strict=True)
    ]
    asked: dict[str, Any] = {
        "portfolio_id": goals[0].portfolio_id,
        "places": list(range(len(goals))),
        "firsts": [one.start_date for one in goals],
        "lasts": lasts,
        "steps": [max(-(-length // MOST_STEPS), 1) for length in lengths],
    }
    found: list[Series] = [[(one.period_starts_at, one.start_value)] for one in goals]
    with connection.cursor() as cursor:
        cursor.execute(SERIES, asked)
        rows = cursor.fetchall()
    for place, at, unit_value, realized_pnl, equity, run in rows:
        goal = goals[place]
        of_day = PortfolioFigures(unit_value, realized_pnl, equity, run)
        value = measure_value(goal.kind.measures, goal.baseline, of_day)
        found[place].append((at, value))
    return found


def _period(
    goal: FinancialGoal, points: Series, low: Decimal, high: Decimal
) -> EarlierPeriod:
    kind, currency = goal.kind.measures, goal.portfolio.currency
    value = goal.current_value
    made = figures.in_measure(value, kind, currency, signed=True)
    tone = TONES[value >= goal.start_value]
    status = GoalStatus(goal.status)
    result: str = status
    if status is GoalStatus.ACHIEVED and goal.achieved_at is not None:
        result = f"reached {figures.day(goal.achieved_at)}"
    name = period_words(goal).removeprefix("in ")
    if name.startswith("by ") and goal.target_date is not None:
        name = f"{short_date(goal.start_date)} to {short_date(goal.target_date)}"
    name = name[:1].upper() + name[1:]
    return EarlierPeriod(
        goal=goal,
        name=name,
        made=format_html('<b class="{}">{}</b>', tone, made),
        result=result,
        drawing=_draw(goal, points, low, high, f"{name}: {result}"),
    )


def _draw(
    goal: FinancialGoal, points: Series, low: Decimal, high: Decimal, label: str
) -> SafeString:
    begins, ends = goal.period_starts_at, goal.period_ends_at
    whole = (ends - begins).total_seconds() if ends else 1.0
    spread = float(high - low) or 1.0

    def x(at: datetime) -> str:
        share = min(max((at - begins).total_seconds() / whole, 0.0), 1.0)
        return f"{MARGIN + share * WIDTH:.1f}"

    def y(value: Decimal) -> str:
        share = float(value - low) / spread
        return f"{HEIGHT - 4 - share * (HEIGHT - 8):.1f}"

    first, *rest = points
    path = f"M{x(first[0])} {y(first[1])}"
    path += "".join(f"H{x(at)}V{y(value)}" for at, value in rest)
    if ends is not None:
        path += f"H{MARGIN + WIDTH}"
    return format_html(
        '<svg class="mini" viewBox="0 0 176 {}" role="img" aria-label="{}">'
        '<path class="k-zero" d="M2 {}H174"/><path class="k-target" d="M2 {}H174"/>'
        '<path class="k-thin" d="{}"/></svg>',
        HEIGHT,
        label,
        y(goal.start_value),
        y(goal.target_value),
        path,
    )
