"""When the ledger first showed a goal's target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from goals.decisions.accounting import Account, open_account
from goals.decisions.periods import DayPart, following_part, local_date
from goals.decisions.progress import PortfolioFigures
from goals.enums import Measure
from goals.models import FinancialGoal, LedgerDay, Portfolio
from goals.services.days import (
    days_between,
    last_day_before,
    read_ledger_at,
    read_ledger_before,
    roll_ledger,
)
from goals.services.ledger import measure_by
from mastertrade.values.money import HUNDRED, MONEY, exactly, quantum

# A progress is rounded to 6 places of a percent before it is compared; this share of
# the way is certainly below what rounds to 100 %.
ALMOST_THERE = Decimal("0.99999999")
REACHED = """
SELECT goal_id, max(effective_at) FILTER (WHERE kind = 'change'),
       min(effective_at) FILTER (WHERE kind = 'mark' AND progress_pct >= 100)
FROM goal_progress_history
WHERE goal_id = ANY(%(goal_ids)s) AND kind IN ('change', 'mark')
GROUP BY goal_id
"""


@dataclass(frozen=True, slots=True)
class Reached:
    """What, besides the ledger, says when goals of a portfolio were reached.

    `since` is the first instant whose figures may have changed (None: all). By goal:
    when its target or deadline was last changed, before which nothing counts, and the
    first mark that showed the target.
    """

    since: datetime | None
    changed_at: Mapping[int, datetime]
    marked_at: Mapping[int, datetime]

    def find(
        self, goal: FinancialGoal, portfolio: Portfolio, days: Sequence[LedgerDay]
    ) -> datetime | None:
        """When the goal was first reached; its figures are set by now."""
        known = goal.achieved_at
        if known is not None and self._is_settled(goal, known):
            return known
        after = self._counts_after(goal, portfolio)
        if after is not None and _shows_target(goal, portfolio, after):
            return after
        begun = has_begun(goal, portfolio)
        is_value = goal.kind.measures is Measure.VALUE  # no other begins at its target
        judged = begun or known is not None or goal.ended_at is not None
        if is_value and after is None and judged:
            portfolio_figures = read_ledger_before(portfolio, goal.period_starts_at)
            if begins_reached(goal, portfolio_figures):
                return goal.period_starts_at
        own = days_between(days, goal.start_date, goal.target_date)
        found = [
            find_first_reach(goal, portfolio, own, after=after),
            self.marked_at.get(goal.goal_id),
        ]
        times = [at for at in found if at is not None]
        newest = portfolio.last_entry_at
        if not times and newest is not None and begun and goal.progress_pct >= HUNDRED:
            return newest
        return min(times, default=None)

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
        changed_at={key: changed for key, changed, _ in rows if changed},
        marked_at={key: marked for key, _, marked in rows if marked},
    )


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
    return measure_by(goal, portfolio_figures).progress_pct >= HUNDRED


def _shows_target(goal: FinancialGoal, portfolio: Portfolio, at: datetime) -> bool:
    portfolio_figures = read_ledger_at(portfolio, at)
    return measure_by(goal, portfolio_figures).progress_pct >= HUNDRED


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
    count.
    """
    for day in days:
        if not _may_reach(goal, day):
            continue
        for entry in _entries_of(portfolio, day):
            late_enough = after is None or entry.last_entry_at > after
            if late_enough and _reaches(goal, entry):
                return entry.last_entry_at
    return None


def _reaches(goal: FinancialGoal, entry: LedgerDay) -> bool:
    return measure_by(goal, entry.portfolio_figures).progress_pct >= HUNDRED


def _entries_of(portfolio: Portfolio, day: LedgerDay) -> list[LedgerDay]:
    part = day.day_part
    before = last_day_before(portfolio, part)
    account: Account = (
        before.account if before else open_account(portfolio.opening_balance)
    )
    following = following_part(part, portfolio.day_starts_at)
    return roll_ledger(
        portfolio,
        account,
        from_at=portfolio.part_start(part),
        until_at=portfolio.part_start(following),
        each_entry=True,
    )


@exactly
def _may_reach(goal: FinancialGoal, day: LedgerDay) -> bool:
    """Whether the day's highs pass a bound that everything at the target passes."""
    way = goal.target_value - goal.start_value
    # The value itself is rounded to its column's places before it is compared.
    value = goal.start_value + way * ALMOST_THERE - quantum(MONEY)
    match goal.kind.measures:
        case Measure.RETURN:
            bound = goal.start_unit_value * (1 + value / HUNDRED)
            return bool(day.high_unit_value >= bound)
        case Measure.INCOME:
            return bool(day.high_realized_pnl >= goal.start_realized_pnl + value)
        case Measure.VALUE:
            return bool(day.high_equity >= value)
