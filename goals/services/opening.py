"""The first moments of a goal's period: its baseline, and what happened since.

A goal may begin in the past (a start date given so, or a period that is rolled over
late). Its baseline is then the ledger's as of its start, and the way travelled since
is written down: one `restated` row a local day.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from goals.decisions.periods import local_date, period_of
from goals.decisions.progress import GoalProgress, PortfolioFigures
from goals.enums import GoalType, HistoryKind, Measure
from goals.models import FinancialGoal, GoalProgressHistory, LedgerDay, Portfolio
from goals.services.conditions import (
    count_trading_days,
    days_of_goal,
    profits_of_days,
    set_best_day,
)
from goals.services.days import read_ledger_before
from goals.services.first_touch import begins_reached, find_first_reach
from goals.services.ledger import (
    carry_baseline,
    measure_goal,
    set_baseline,
)
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.in_text import exact_money, say
from mastertrade.values.money import MONEY, ONE, ZERO
from mastertrade.values.validation import refuse, require_decimal


def open_period(
    goal: FinancialGoal,
    portfolio: Portfolio,
    as_of: datetime,
    *,
    start_value: Decimal | None = None,
    begins_today: bool = False,
    way: Decimal | None = None,
) -> None:
    """Set the baseline, save the new goal, write its history up to `as_of`.

    `portfolio` must be locked. A portfolio-value goal that begins today starts from
    the live equity of now, unless a `start_value` is given; one that follows another
    has the same `way` from start to target as that one.
    """
    period = period_of(goal.start_date, goal.target_date, portfolio.time_zone)
    if period.is_over(period.starts_at):
        raise InvalidInput(
            "target_date", f"There is no {goal.target_date} in {portfolio.time_zone}."
        )
    goal.period_starts_at, goal.period_ends_at = period.starts_at, period.ends_at
    at_start = _read_at_start(goal, portfolio)
    set_baseline(goal, at_start)
    goal.start_value = _choose_start_value(
        goal, portfolio.portfolio_figures if begins_today else at_start, start_value
    )
    if way is not None:
        goal.target_value = goal.start_value + way
    validate_target(goal)
    goal.current_value, goal.progress_pct = goal.start_value, Decimal(0)
    rows = [_row(goal, portfolio, HistoryKind.START, period.starts_at, as_of)]
    if period.starts_at <= as_of:
        rows += _travel(goal, portfolio, as_of, at_start, begins_today=begins_today)
    else:
        carry_baseline(goal, portfolio.portfolio_figures)
    goal.save(force_insert=True)
    for row in rows:
        row.goal = goal
    GoalProgressHistory.objects.bulk_create(rows)


def wrong_in_target(
    kind: GoalType, target_value: Decimal | None, start_value: Decimal | None
) -> Iterator[InvalidInput]:
    """What a target and a start value say that cannot be, whatever the ledger says."""
    if kind.measures is Measure.VALUE:
        if target_value is not None and start_value is not None:
            yield from wrong_in_way(target_value, start_value)
        return
    if start_value:
        yield InvalidInput("start_value", "is only for portfolio_value goals.")
    if target_value is not None and target_value <= 0:
        yield InvalidInput("target_value", "must be above 0.")


def validate_target(goal: FinancialGoal) -> None:
    """The target is a figure the table holds, above where the goal starts."""
    require_decimal("target_value", goal.target_value, MONEY)
    refuse(wrong_in_way(goal.target_value, goal.start_value))


def wrong_in_way(target_value: Decimal, start_value: Decimal) -> Iterator[InvalidInput]:
    """A target that is not above where its goal starts."""
    if target_value <= start_value:
        yield InvalidInput(
            "target_value",
            say("must be above the start value {}.", exact_money(start_value)),
        )


def _read_at_start(goal: FinancialGoal, portfolio: Portfolio) -> PortfolioFigures:
    """The ledger's figures when the period began.

    A goal that is made after ruin begins with the new run of units, at 1. One that
    follows another begins where its period does, however late it is rolled over.
    """
    starts_at = goal.period_starts_at
    if portfolio.last_entry_at is None or portfolio.last_entry_at < starts_at:
        return portfolio.portfolio_figures
    at_start = read_ledger_before(portfolio, starts_at)
    if at_start.run == portfolio.unit_run or goal.previous_goal_id is not None:
        return at_start
    return PortfolioFigures(
        unit_value=ONE,
        realized_pnl=at_start.realized_pnl,
        live_equity=at_start.live_equity,
        run=portfolio.unit_run,
    )


def _choose_start_value(
    goal: FinancialGoal, portfolio_figures: PortfolioFigures, given: Decimal | None
) -> Decimal:
    refuse(wrong_in_target(goal.kind, goal.target_value, given))
    if goal.kind.measures is not Measure.VALUE:
        return Decimal(0)
    if given is None:
        return portfolio_figures.live_equity
    return require_decimal("start_value", given, MONEY)


def _travel(
    goal: FinancialGoal,
    portfolio: Portfolio,
    as_of: datetime,
    at_start: PortfolioFigures,
    *,
    begins_today: bool,
) -> list[GoalProgressHistory]:
    """Measure the goal as of `as_of`, or its end; the rows of the days before.

    A portfolio value that begins today starts from the equity of now: what the equity
    was this morning is no part of its way.
    """
    days = days_of_period(goal, portfolio)
    if begins_today and goal.kind.measures is Measure.VALUE:
        days = []
    if goal.period.is_over(as_of) and goal.period_ends_at is not None:
        portfolio_figures = read_ledger_before(portfolio, goal.period_ends_at)
        effective_at = goal.period_ends_at
    else:
        portfolio_figures = portfolio.portfolio_figures
        effective_at = max(as_of, portfolio.last_entry_at or as_of)
    measure_conditions(goal, portfolio, as_of)
    if not begins_today and begins_reached(goal, at_start):
        goal.achieved_at = goal.period_starts_at
    elif days:
        goal.achieved_at = find_first_reach(goal, portfolio, days)
    measure_goal(goal, portfolio_figures, effective_at)
    rows = [
        _row(
            goal,
            portfolio,
            HistoryKind.RESTATED,
            day.last_entry_at,
            as_of,
            goal.measure_by(day.portfolio_figures),
        )
        for day in {day.day: day for day in days}.values()  # of parts, the last
    ]
    last = rows[-1].progress_pct if rows else Decimal(0)
    if last != goal.progress_pct and not goal.period.is_over(as_of):
        kind = HistoryKind.RESTATED
        rows.append(_row(goal, portfolio, kind, effective_at, as_of, goal.progress))
    return rows


def measure_conditions(
    goal: FinancialGoal, portfolio: Portfolio, as_of: datetime
) -> None:
    """How the goal's conditions stand by the ledger and the entries of its period."""
    goal.trading_days, goal.trading_days_met_at = 0, None
    goal.best_day = goal.earlier_best_day = ZERO
    count_trading_days(portfolio, [goal], as_of)
    if goal.best_day_max_pct is not None:
        days = days_of_period(goal, portfolio)
        set_best_day(goal, profits_of_days(goal, portfolio, days))


def days_of_period(goal: FinancialGoal, portfolio: Portfolio) -> list[LedgerDay]:
    """The rows of the local days of the goal's period, in order."""
    newest = portfolio.last_entry_at
    if newest is None or newest < goal.period_starts_at:
        return []  # known without asking the database
    return list(days_of_goal(goal))


def _row(
    goal: FinancialGoal,
    portfolio: Portfolio,
    kind: HistoryKind,
    effective_at: datetime,
    recorded_at: datetime,
    progress: GoalProgress | None = None,
) -> GoalProgressHistory:
    shown = progress or goal.progress
    return GoalProgressHistory(
        kind=kind,
        snapshot_date=local_date(effective_at, portfolio.time_zone),
        effective_at=effective_at,
        recorded_at=recorded_at,
        current_value=shown.current_value,
        target_value=goal.target_value,
        progress_pct=shown.progress_pct,
    )
