"""When the ledger first showed a goal's target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Q

from goals.decisions.accounting import Account, open_account
from goals.decisions.conditions import DayProfits
from goals.decisions.periods import MICROSECOND, DayPart, following_part, local_date
from goals.decisions.progress import GoalProgress, PortfolioFigures
from goals.enums import Measure
from goals.models import FinancialGoal, LedgerDay, Portfolio
from goals.services.conditions import add_entry, best_day_of
from goals.services.days import (
    LowestFigure,
    OnlyRows,
    days_between,
    last_day_before,
    read_ledger_at,
    read_ledger_before,
    roll_ledger,
)
from mastertrade.values.money import HUNDRED, MONEY, exactly, quantum

# A progress is rounded to 6 places of a percent before it is compared; this share of
# the way is certainly below what rounds to 100 %.
ALMOST_THERE = Decimal("0.99999999")
# More than what rounding the figures of a best day can add, in the goal's measure.
ROUNDINGS = 4 * quantum(MONEY)
REACHED = """
SELECT goal_id, max(effective_at) FILTER (WHERE kind = 'change'),
       array_agg(effective_at ORDER BY effective_at) FILTER (WHERE is_mark),
       array_agg(current_value ORDER BY effective_at) FILTER (WHERE is_mark)
FROM goal_progress_history,
     LATERAL (SELECT kind = 'mark' AND progress_pct >= 100 AS is_mark) m
WHERE goal_id = ANY(%(goal_ids)s) AND kind IN ('change', 'mark')
GROUP BY goal_id
"""


@dataclass(frozen=True, slots=True)
class Reached:
    """What, besides the ledger, says when goals of a portfolio were reached.

    `since` is the first instant whose figures may have changed (None: all). By goal:
    when its target or deadline was last changed, before which nothing counts, and the
    marks that showed the target, in order, with the value they showed. `earlier` are
    the days before `since`, where a goal bounds its best day.
    """

    since: datetime | None
    changed_at: Mapping[int, datetime]
    marks: Mapping[int, Sequence[tuple[datetime, Decimal]]]
    earlier: Sequence[LedgerDay] = ()

    def find(
        self, goal: FinancialGoal, portfolio: Portfolio, days: Sequence[LedgerDay]
    ) -> datetime | None:
        """When the goal was first reached; its figures are set by now."""
        known = goal.achieved_at
        if known is not None and self._is_settled(goal, known):
            return known
        own = self.days_of(goal, days)
        after = self._counts_after(goal, portfolio)
        if after is not None and _shows_target(goal, portfolio, own, after):
            return max(after, goal.trading_days_met_at or after)
        begun = has_begun(goal, portfolio)
        is_value = goal.kind.measures is Measure.VALUE  # no other begins at its target
        judged = begun or known is not None or goal.ended_at is not None
        if is_value and after is None and judged:
            portfolio_figures = read_ledger_before(portfolio, goal.period_starts_at)
            if begins_reached(goal, portfolio_figures):
                return goal.period_starts_at
        found = [
            find_first_reach(goal, portfolio, own, after=after),
            self._find_mark(goal, portfolio, own),
        ]
        times = [at for at in found if at is not None]
        newest = portfolio.last_entry_at
        is_reached = begun and goal.is_reached_by(goal.progress)
        if not times and newest is not None and is_reached:
            return max(newest, goal.trading_days_met_at or newest)
        return min(times, default=None)

    def days_of(
        self, goal: FinancialGoal, days: Sequence[LedgerDay]
    ) -> Sequence[LedgerDay]:
        """The days of the goal's period; all of them where it bounds its best day."""
        own = days_between(days, goal.start_date, goal.target_date)
        if goal.best_day_max_pct is None:
            return own
        earlier = days_between(self.earlier, goal.start_date, goal.target_date)
        return [*earlier, *own]

    def _find_mark(
        self, goal: FinancialGoal, portfolio: Portfolio, days: Sequence[LedgerDay]
    ) -> datetime | None:
        """The first mark that showed the target while the conditions held."""
        for at, value in self.marks.get(goal.goal_id, ()):
            marked = replace(goal.progress, current_value=value)
            if _hold_at(goal, portfolio, days, at, marked):
                return at
        return None

    def _is_settled(self, goal: FinancialGoal, known: datetime) -> bool:
        """Nothing that led to it can have changed."""
        since = self.since
        return since is not None and goal.period_starts_at <= since and known < since

    def _counts_after(
        self, goal: FinancialGoal, portfolio: Portfolio
    ) -> datetime | None:
        """A portfolio value made within its first day starts from the value then."""
        changed = self.changed_at.get(goal.goal_id)
        if changed is not None and changed < goal.period_starts_at:
            return None
        is_value = goal.kind.measures is Measure.VALUE and goal.previous_goal_id is None
        today = local_date(goal.created_at, portfolio.time_zone)
        if changed is None and is_value and today == goal.start_date:
            return goal.created_at
        return changed


def load_reached(
    portfolio: Portfolio, goals: Sequence[FinancialGoal], first: DayPart | None
) -> Reached:
    """Read it in one statement for all these goals."""
    with connection.cursor() as cursor:
        cursor.execute(REACHED, {"goal_ids": [goal.goal_id for goal in goals]})
        rows = cursor.fetchall()
    since = None if first is None else portfolio.part_start(first)
    return Reached(
        since=since,
        changed_at={key: changed for key, changed, *_ in rows if changed},
        marks={
            key: list(zip(times, values, strict=True))
            for key, _, times, values in rows
            if times
        },
        earlier=_days_before(portfolio, goals, first),
    )


def _days_before(
    portfolio: Portfolio, goals: Sequence[FinancialGoal], first: DayPart | None
) -> list[LedgerDay]:
    """The days before, of the periods of goals that bound their best day."""
    starts = [goal.start_date for goal in goals if goal.best_day_max_pct is not None]
    if first is None or not starts or first <= DayPart(min(starts), 0):
        return []
    days = LedgerDay.objects.filter(
        Q(day__lt=first.day) | Q(day=first.day, part__lt=first.part),
        portfolio=portfolio,
        day__gte=min(starts),
    )
    return list(days.order_by("day", "part"))


def has_begun(goal: FinancialGoal, portfolio: Portfolio) -> bool:
    """Whether anything is booked in the goal's period, or behind it."""
    newest = portfolio.last_entry_at
    return newest is not None and goal.period_starts_at <= newest


def begins_reached(goal: FinancialGoal, portfolio_figures: PortfolioFigures) -> bool:
    """Whether the figures that its period begins with show the target already.

    Only a portfolio value's can: what a return or an income is measured from is zero.
    """
    if goal.kind.measures is not Measure.VALUE:
        return False
    return goal.measure_by(portfolio_figures).progress_pct >= HUNDRED


def _shows_target(
    goal: FinancialGoal, portfolio: Portfolio, days: Sequence[LedgerDay], at: datetime
) -> bool:
    """Whether the ledger at this time shows the target, and the best day allows it."""
    progress = goal.measure_by(read_ledger_at(portfolio, at))
    if progress.progress_pct < HUNDRED:
        return False
    return _best_day_holds(goal, portfolio, days, at, progress)


def _hold_at(
    goal: FinancialGoal,
    portfolio: Portfolio,
    days: Sequence[LedgerDay],
    at: datetime,
    progress: GoalProgress,
) -> bool:
    """Whether the conditions held at this time, at this progress."""
    met_at = goal.trading_days_met_at
    if goal.min_trading_days is not None and (met_at is None or at < met_at):
        return False
    return _best_day_holds(goal, portfolio, days, at, progress)


def _best_day_holds(
    goal: FinancialGoal,
    portfolio: Portfolio,
    days: Sequence[LedgerDay],
    at: datetime,
    progress: GoalProgress,
) -> bool:
    if goal.best_day_max_pct is None:
        return True
    profits = DayProfits.since(goal.kind.measures, goal.baseline)
    for day in days:
        if day.last_entry_at <= at:
            add_entry(profits, goal, portfolio, day)
            continue
        for entry in _entries_of(portfolio, [day.day_part]):
            if entry.last_entry_at <= at:
                add_entry(profits, goal, portfolio, entry)
        break
    return goal.allows_best_day(best_day_of(goal, profits), progress)


def find_first_reach(
    goal: FinancialGoal,
    portfolio: Portfolio,
    days: Sequence[LedgerDay],
    *,
    after: datetime | None = None,
) -> datetime | None:
    """The first entry that took the goal to its target, among those of `days`.

    `days` are the stored local days of the goal's period, in order. Only a day whose
    highs pass the target is looked at entry by entry. Entries up to `after` do not
    count, nor those before the trading days were complete that the goal requires: when
    they are, it may show its target already. All days are needed where the goal bounds
    its best day.
    """
    met_at = goal.trading_days_met_at
    if goal.min_trading_days is not None:
        if met_at is None:
            return None
        if after is None or after < met_at:
            if _shows_target(goal, portfolio, days, met_at):
                return met_at
            after = met_at - MICROSECOND
    shown = _bound_of(goal)
    profits = DayProfits.since(goal.kind.measures, goal.baseline)
    possible: dict[DayPart, DayProfits] = {}
    for day in days:
        before = replace(profits)
        add_entry(profits, goal, portfolio, day)
        if after is not None and day.last_entry_at <= after:
            continue
        if not shown.is_passed_by(day):
            continue
        if day.entries == 1:
            is_possible = _reaches(goal, day, profits)
        else:
            is_possible = _may_be_allowed(goal, portfolio, day, before, shown)
        if is_possible:
            possible[day.day_part] = before
    # The first of them is the one, but where its entries went past what is asked.
    parts = list(possible)
    for some in (parts[:1], parts[1:]):
        for entry in _entries_of(portfolio, some, shown):
            profits = possible[entry.day_part]
            add_entry(profits, goal, portfolio, entry)
            late_enough = after is None or entry.last_entry_at > after
            if late_enough and _reaches(goal, entry, profits):
                return entry.last_entry_at
    return None


def _reaches(goal: FinancialGoal, entry: LedgerDay, profits: DayProfits) -> bool:
    progress = goal.measure_by(entry.portfolio_figures)
    if progress.progress_pct < HUNDRED:
        return False
    return goal.allows_best_day(best_day_of(goal, profits), progress)


def _entries_of(
    portfolio: Portfolio, parts: Sequence[DayPart], at_least: LowestFigure | None = None
) -> list[LedgerDay]:
    """The entries of these parts of days, which are in order, one row each."""
    if not parts:
        return []
    before = last_day_before(portfolio, parts[0])
    account: Account = (
        before.account if before else open_account(portfolio.opening_balance)
    )
    following = following_part(parts[-1], portfolio.day_starts_at)
    return roll_ledger(
        portfolio,
        account,
        from_at=portfolio.part_start(parts[0]),
        until_at=portfolio.part_start(following),
        each_entry=True,
        only=OnlyRows(parts, at_least),
    )


@exactly
def _bound_of(goal: FinancialGoal) -> LowestFigure:
    """The figure that shows the target, and what it is at least where it does."""
    way = goal.target_value - goal.start_value
    # The value itself is rounded to its column's places before it is compared.
    value = goal.start_value + way * ALMOST_THERE - quantum(MONEY)
    match goal.kind.measures:
        case Measure.RETURN:
            bound = goal.start_unit_value * (1 + value / HUNDRED)
            return LowestFigure("high_unit_value", bound)
        case Measure.INCOME:
            return LowestFigure("high_realized_pnl", goal.start_realized_pnl + value)
        case Measure.VALUE:
            return LowestFigure("high_equity", value)


@exactly
def _may_be_allowed(
    goal: FinancialGoal,
    portfolio: Portfolio,
    day: LedgerDay,
    before: DayProfits,
    shown: LowestFigure,
) -> bool:
    """Whether the best day may allow a figure of the day that shows the target.

    With s the best day's share, a figure f is at least start + earlier best day / s,
    and f - began at most s * (f - start): as s <= 1, the lowest f decides for all.
    """
    if goal.best_day_max_pct is None:
        return True
    measure, start, unit = goal.kind.measures, goal.start_realized_pnl, Decimal(1)
    if measure is Measure.RETURN:
        start, unit = goal.start_unit_value, goal.start_unit_value / HUNDRED
    elif measure is Measure.VALUE:
        start = goal.start_value
    profits = replace(before)
    profits.add(portfolio.trading_day(day.last_entry_at), profits.value)
    rounding, share = unit * ROUNDINGS, goal.best_day_max_pct / HUNDRED
    lowest = max(shown.bound, start + (profits.largest_before - rounding) / share)
    if getattr(day, shown.name) < lowest:
        return False
    if measure is Measure.VALUE:
        return True  # a flow moves the one and not the other
    made = lowest - profits.day_began_at
    return bool(made <= share * (lowest - start) + rounding)
