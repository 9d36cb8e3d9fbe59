"""What the conditions of goals are measured by: trading days, and days' profits.

Read only for goals that have the condition. A trading day begins at the portfolio's
`day_starts_at`; what of it lies in the goal's period counts.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import F, Q, Value
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
from mastertrade.values.money import HUNDRED, exactly

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
# Of the trading days of the goal's period before this one: the largest profit, and the
# figure after the last entry.
BEST_DAYS = """
SELECT coalesce(max(d.value - d.before), 0),
       coalesce((array_agg(d.value ORDER BY d.day DESC))[1], g.start)
FROM unnest(%(starts)s::numeric[], %(returns)s::bool[], %(runs)s::int[],
            %(first_days)s::date[], %(last_days)s::date[])
    WITH ORDINALITY AS g(start, is_return, run, first_day, last_day, n)
LEFT JOIN LATERAL (
    SELECT t.day, t.value, lag(t.value, 1, g.start) OVER (ORDER BY t.day) AS before
    FROM (
        SELECT DISTINCT ON (l.trading_day) l.trading_day AS day, l.value
        FROM (
            SELECT day, part,
                   CASE WHEN %(at_midnight)s OR part = 1 THEN day ELSE day - 1 END
                       AS trading_day,
                   CASE WHEN g.is_return THEN unit_value ELSE realized_pnl END AS value
            FROM ledger_days
            WHERE portfolio_id = %(portfolio_id)s
              AND day BETWEEN g.first_day AND g.last_day
              AND (NOT g.is_return OR unit_run = g.run)
        ) l
        WHERE l.trading_day < %(today)s
        ORDER BY l.trading_day, l.day DESC, l.part DESC
    ) t
) d ON true
GROUP BY g.n, g.start ORDER BY g.n
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


@exactly
def measure_best_days(
    portfolio: Portfolio, goals: Iterable[FinancialGoal], at: datetime
) -> None:
    """The best day of goals that bound it, behind an entry at `at`; saves nothing.

    The portfolio has its figures of then, its days in the database not yet. One
    statement for all goals, none where none bounds it.
    """
    asked = [goal for goal in goals if goal.best_day_max_pct is not None]
    if not asked:
        return
    zone, starts_at = portfolio.time_zone, portfolio.day_starts_at
    returns = [goal.kind.measures is Measure.RETURN for goal in asked]
    began = [DayProfits.since(g.kind.measures, g.baseline).value for g in asked]
    parameters: dict[str, Any] = {
        "portfolio_id": portfolio.portfolio_id,
        "starts": began,
        "returns": returns,
        "runs": [goal.start_unit_run for goal in asked],
        "first_days": [goal.start_date for goal in asked],
        "last_days": [goal.target_date or date.max for goal in asked],
        "at_midnight": not any((starts_at.hour, starts_at.minute, starts_at.second)),
        "today": trading_day(at, zone, starts_at),
    }
    with connection.cursor() as cursor:
        cursor.execute(BEST_DAYS, parameters)
        rows = cursor.fetchall()
    for goal, (largest, value) in zip(asked, rows, strict=True):
        days = DayProfits(value=value, day_began_at=value, largest_before=largest)
        _add(days, goal, portfolio, at, portfolio.portfolio_figures)
        goal.best_day = best_day_of(goal, days)


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
    measure = goal.kind.measures
    if measure is Measure.RETURN and figures.run != goal.start_unit_run:
        return  # the units that it measures are gone
    day = trading_day(at, portfolio.time_zone, portfolio.day_starts_at)
    profits.add(day, profit_figure(measure, figures))


def best_day_of(goal: FinancialGoal, profits: DayProfits) -> Decimal:
    """The largest of these profits in the goal's measure."""
    return measure_best_day(goal.kind.measures, goal.baseline, profits.largest)
