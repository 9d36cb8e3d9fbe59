"""What the conditions of goals are measured by: trading days, and days' profits.

Read only for goals that have the condition. A trading day begins at the portfolio's
`day_starts_at`; what of it lies in the goal's period counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet, Value
from django.db.models.lookups import LessThanOrEqual

from goals.decisions.conditions import (
    ROUNDING,
    DayProfits,
    measure_best_day,
    profit_figure,
)
from goals.decisions.periods import ONE_DAY, day_start, trading_day
from goals.decisions.progress import PortfolioFigures
from goals.enums import Measure
from goals.models import FinancialGoal, LedgerDay, Portfolio
from goals.services.days import last_day_before
from mastertrade.values.money import HUNDRED

# As `FinancialGoal.conditions_hold` of a goal that shows its target.
DAYS_MET = Q(min_trading_days=None) | Q(trading_days_met_at__isnull=False)
BEST_DAY_MET = Q(best_day_max_pct=None) | Q(
    LessThanOrEqual(
        (F("best_day") - Value(ROUNDING)) * Value(HUNDRED),
        F("best_day_max_pct") * (F("current_value") - F("start_value")),
    )
)
CONDITIONS_HOLD = DAYS_MET & BEST_DAY_MET

day_start_of = lru_cache(maxsize=4096)(day_start)

# Days are looked at in order, and no more of them than are needed.
COUNT = """
SELECT count(e.first_at)::int,
       CASE WHEN count(e.first_at) = g.needed THEN max(e.first_at) END
FROM unnest(%(needed)s::int[], %(from_at)s::timestamptz[], %(until_at)s::timestamptz[])
    WITH ORDINALITY AS g(needed, from_at, until_at, n)
LEFT JOIN LATERAL (
    SELECT t.first_at
    FROM unnest(%(days)s::timestamptz[], %(next_days)s::timestamptz[])
        AS d(starts_at, ends_at)
    CROSS JOIN LATERAL (
        SELECT min(entered_at) AS first_at FROM trade_entries
        WHERE portfolio_id = %(portfolio_id)s
          AND entered_at >= greatest(d.starts_at, g.from_at)
          AND entered_at < least(d.ends_at, g.until_at)
    ) t
    WHERE d.ends_at > g.from_at AND d.starts_at < g.until_at
      AND t.first_at IS NOT NULL
    ORDER BY d.starts_at LIMIT g.needed
) e ON true
GROUP BY g.n, g.needed ORDER BY g.n
"""


def count_trading_days(
    portfolio: Portfolio, goals: Sequence[FinancialGoal], until: datetime
) -> None:
    """Count the trading days with an entry of goals that require some; saves nothing.

    One statement for all of them, none where none does. No entry is behind `until`.
    """
    asked = [goal for goal in goals if goal.min_trading_days is not None]
    if not asked:
        return
    starts = _day_starts(portfolio, asked, until)
    parameters: dict[str, Any] = {
        "portfolio_id": portfolio.portfolio_id,
        "needed": [goal.min_trading_days for goal in asked],
        "from_at": [goal.period_starts_at for goal in asked],
        "until_at": [goal.period_ends_at or "infinity" for goal in asked],
        "days": starts[:-1],
        "next_days": starts[1:],
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT, parameters)
        rows = cursor.fetchall()
    for goal, (days, met_at) in zip(asked, rows, strict=True):
        goal.trading_days, goal.trading_days_met_at = days, met_at


def _day_starts(
    portfolio: Portfolio, goals: Sequence[FinancialGoal], until: datetime
) -> list[datetime]:
    """When trading days began, from the first of these periods to one behind `until`.

    There is no need to look further than the last period.
    """
    zone, starts_at = portfolio.time_zone, portfolio.day_starts_at
    ends = [goal.period_ends_at for goal in goals]
    known = [end for end in ends if end is not None]
    last = until + timedelta(days=1)
    if len(known) == len(ends):
        last = min(last, max(known))
    day = trading_day(min(g.period_starts_at for g in goals), zone, starts_at)
    starts = [day_start_of(day, zone, starts_at)]
    while starts[-1] < last or len(starts) == 1:
        day += ONE_DAY
        starts.append(day_start_of(day, zone, starts_at))
    return starts


@dataclass(frozen=True, slots=True)
class LastEntry:
    """The portfolio's figures behind an entry, and when that was (None: no entry)."""

    figures: PortfolioFigures
    at: datetime | None

    @classmethod
    def of(cls, portfolio: Portfolio) -> "LastEntry":
        return cls(portfolio.portfolio_figures, portfolio.last_entry_at)


def measure_best_days(
    portfolio: Portfolio,
    goals: Iterable[FinancialGoal],
    at: datetime,
    before: LastEntry,
) -> None:
    """The best day of goals that bound it, behind an entry at `at`; saves nothing.

    The portfolio has its figures of then, its days in the database not yet; `before`
    is the entry before. One statement where that was on the same trading day.
    """
    asked = [goal for goal in goals if goal.best_day_max_pct is not None]
    if not asked:
        return
    today, began = portfolio.trading_day(at), before
    is_first = before.at is None or portfolio.trading_day(before.at) != today
    if not is_first:
        row = last_day_before(portfolio, portfolio.first_part(today))
        began = LastEntry(before.figures, None)
        if row is not None:
            began = LastEntry(row.portfolio_figures, row.last_entry_at)
    for goal in asked:
        if not _counts(goal, portfolio.portfolio_figures):
            if _counts(goal, before.figures):
                _end_best_day(goal, portfolio, at)
            continue
        if is_first:
            goal.earlier_best_day = goal.best_day
        profits = DayProfits.since(goal.kind.measures, goal.baseline)
        if began.at is not None and began.at >= goal.period_starts_at:
            _add(profits, goal, portfolio, began.at, began.figures)
        _add(profits, goal, portfolio, at, portfolio.portfolio_figures)
        today_made = profits.value - profits.day_began_at
        best = measure_best_day(goal.kind.measures, goal.baseline, today_made)
        goal.best_day = max(goal.earlier_best_day, best)


def _end_best_day(goal: FinancialGoal, portfolio: Portfolio, at: datetime) -> None:
    """By the days before: the entry at `at` ended the units that the goal measures."""
    part = portfolio.day_part(at)
    days = [day for day in days_of_goal(goal) if day.day_part < part]
    set_best_day(goal, profits_of_days(goal, portfolio, days))


def days_of_goal(goal: FinancialGoal) -> QuerySet[LedgerDay]:
    """The rows of the local days of the goal's period, in order."""
    days = LedgerDay.objects.filter(
        portfolio_id=goal.portfolio_id, day__gte=goal.start_date
    )
    if goal.target_date is not None:
        days = days.filter(day__lte=goal.target_date)
    return days.order_by("day", "part")


def profits_of_days(
    goal: FinancialGoal, portfolio: Portfolio, days: Iterable[LedgerDay]
) -> DayProfits:
    """The days' profits in the goal's period; `days` are all of its days, in order."""
    profits = DayProfits.since(goal.kind.measures, goal.baseline)
    for day in days:
        add_entry(profits, goal, portfolio, day)
    return profits


def add_entry(
    profits: DayProfits, goal: FinancialGoal, portfolio: Portfolio, entry: LedgerDay
) -> None:
    """One more entry, or a day's last one."""
    _add(profits, goal, portfolio, entry.last_entry_at, entry.portfolio_figures)


def _add(
    profits: DayProfits,
    goal: FinancialGoal,
    portfolio: Portfolio,
    at: datetime,
    figures: PortfolioFigures,
) -> None:
    if _counts(goal, figures):
        day = portfolio.trading_day(at)
        profits.add(day, profit_figure(goal.kind.measures, figures))


def _counts(goal: FinancialGoal, figures: PortfolioFigures) -> bool:
    """Whether the units are still those that a return is measured of."""
    is_return = goal.kind.measures is Measure.RETURN
    return not is_return or figures.run == goal.start_unit_run


def set_best_day(goal: FinancialGoal, profits: DayProfits) -> None:
    """The largest of all days of the period, and that of those before the newest."""
    goal.best_day = best_day_of(goal, profits)
    goal.earlier_best_day = measure_best_day(
        goal.kind.measures, goal.baseline, profits.largest_before
    )


def best_day_of(goal: FinancialGoal, profits: DayProfits) -> Decimal:
    """The largest of these profits in the goal's measure."""
    return measure_best_day(goal.kind.measures, goal.baseline, profits.largest)
