"""Making a portfolio's figures again from its ledger, from one time on.

For what arrives late, is voided or imported. The ledger is walked by the database in
one pass (`walk_ledger`); what is written is one row a part of a day, each goal's
figures, and one `restated` row of history a goal and local day whose progress changed.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from goals.decisions.accounting import Account, open_account
from goals.decisions.periods import ONE_DAY, DayPart, local_date
from goals.decisions.progress import GoalProgress, PortfolioFigures, status_rebuilt
from goals.enums import GoalStatus, HistoryKind, Measure
from goals.models import (
    CarriedProfit,
    CashFlow,
    FinancialGoal,
    LedgerDay,
    Portfolio,
)
from goals.services.conditions import (
    count_trading_days,
    profits_of_days,
    set_best_day,
)
from goals.services.days import (
    days_between,
    days_since,
    last_day_before,
    roll_ledger,
    save_days,
)
from goals.services.figures import HistoryRow, write_figures
from goals.services.first_touch import Reached, has_begun, load_reached
from goals.services.halts import enforce_limits
from goals.services.ledger import GoalMove, set_baseline
from goals.services.limit_history import read_history
from goals.services.limit_marks import follow_midnight, keep_day_start
from goals.services.limit_rebuilding import follow_ledger_peak, restate_limits
from mastertrade.values.money import PERCENT, round_to

NOTHING_YET = round_to(Decimal(0), PERCENT)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Rows of days in order, behind the figures that came before them."""

    before: Account
    days: Sequence[LedgerDay]

    @property
    def newest(self) -> Account:
        return self.days[-1].account if self.days else self.before

    def account_before(self, part: DayPart) -> Account:
        """The account when this part of a day began."""
        count = bisect_left(self.days, part, key=lambda row: row.day_part)
        return self.days[count - 1].account if count else self.before

    def before_day(self, day: date) -> PortfolioFigures:
        """The figures when this local day began."""
        account = self.account_before(DayPart(day, 0))
        return PortfolioFigures(
            account.unit_value, account.realized_pnl, account.equity, account.run
        )

    def through(self, day: date) -> PortfolioFigures:
        """The figures at the end of this day."""
        if day == date.max:
            return self.before_day(day)
        return self.before_day(day + ONE_DAY)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A portfolio's days as they were and as the ledger has them, and its goals."""

    first: DayPart | None
    old: Ledger
    new: Ledger
    goals: Sequence[FinancialGoal]

    @property
    def is_unchanged(self) -> bool:
        """Whether the days that are kept are what the ledger says."""
        old, new = (
            [
                (row.day_part, row.portfolio_figures, row.high_equity)
                for row in ledger.days
            ]
            for ledger in (self.old, self.new)
        )
        return old == new


def rebuild_ledger(
    portfolio: Portfolio,
    *,
    since: datetime | None,
    now: datetime,
    reason: str,
    strict: bool = True,
    flow: CashFlow | None = None,
) -> list[GoalMove]:
    """Make every figure again that entries at `since` or later have a part in.

    `portfolio` must be locked; the trades and cash flows are written already. `since`
    None begins with the very first entry. Returns what it did to goals that changed;
    `reason` goes to the `restated` rows. `flow` is the cash flow that came, or went; it
    is given the units it bought. Raises `InsufficientEquity` where a withdrawal would
    lie above the equity, and then the caller's transaction must not commit.
    """
    rebuilt = load_rebuilt(portfolio, since, strict=strict)
    save_days(portfolio, list(rebuilt.new.days), rebuilt.first)
    portfolio.apply_figures(rebuilt.new.newest)
    portfolio.last_entry_at = newest_entry_at(portfolio, rebuilt)
    portfolio.updated_at = now
    keep_day_start(portfolio)  # what the caller moved, before it follows the ledger
    follow_midnight(portfolio)
    if flow is not None:
        _take_flow(portfolio, flow, rebuilt)
    keep_day_start(portfolio)  # and what that moved
    history = read_history(portfolio)
    follow_ledger_peak(portfolio, history)
    moves, rows = [], []
    count_trading_days(portfolio, rebuilt.goals, now)
    reached = load_reached(portfolio, rebuilt.goals, rebuilt.first)
    for goal in rebuilt.goals:
        shown_before = _DayByDay(goal, rebuilt.old)
        move = measure_again(goal, portfolio, rebuilt, reached)
        shown_after = _DayByDay(goal, rebuilt.new)
        rows += _restate(
            move, rebuilt, shown_before, shown_after, reason, portfolio.time_zone
        )
        if move.before != move.after or move.status_before != goal.status:
            moves.append(move)
    write_figures(
        [portfolio],
        rebuilt.goals,
        rows,
        now,
        also=CARRY_REBUILT,
        parameters=_carried_columns(portfolio, rebuilt),
    )
    since_at = None if rebuilt.first is None else portfolio.part_start(rebuilt.first)
    turned = restate_limits(
        portfolio,
        history,
        since=since_at,
        now=now,
        reason=reason,
        moves=moves,
        days=rebuilt.new.days,
    )
    known = {move.goal for move in moves}
    moves += [move for move in turned if move.goal not in known]
    enforce_limits(portfolio, now, moves=moves, rebuilt=True)
    return moves


def _take_flow(portfolio: Portfolio, flow: CashFlow, rebuilt: Rebuilt) -> None:
    """Give a flow the units it bought, and the day's opening its part in them."""
    bought, carried = list_carried(rebuilt.new.days)
    flow.units = bought.get(flow.cash_flow_id, flow.units)
    if portfolio.revalued_day is None:
        return
    began = portfolio.first_part(portfolio.revalued_day)
    shares = {
        trade_id: change
        for (flow_id, _, trade_id), change in carried.items()
        if flow_id == flow.cash_flow_id
    }
    is_void = flow.voided_at is not None
    if is_void and portfolio.marked_at is not None:
        stored = CarriedProfit.objects.filter(cash_flow=flow)
        shares = dict(stored.values_list("trade_id", "change"))
    portfolio.keep_midnight(
        rebuilt.old.account_before(began),
        rebuilt.new.account_before(began),
        flow.flowed_at,
        shares,
        is_void=is_void,
    )


def load_rebuilt(
    portfolio: Portfolio, since: datetime | None, *, strict: bool = True
) -> Rebuilt:
    """Walk the ledger from `since` on and lock the goals it has a part in.

    Reads only: the days that are kept, those the ledger says, the goals' figures as
    they are.
    """
    first = None if since is None else portfolio.day_part(since)
    opened = open_account(portfolio.opening_balance)
    last = None if first is None else last_day_before(portfolio, first)
    before = opened if last is None else last.account
    since_part = None if last is None else first
    from_at = None if since_part is None else portfolio.part_start(since_part)
    goals = (
        FinancialGoal.objects.locked()
        .filter(portfolio=portfolio)
        .exclude(status=GoalStatus.CANCELLED)
    )
    if first is not None:
        goals = goals.exclude(target_date__lt=first.day)
    stored = days_since(portfolio, since_part).order_by("day", "part")
    return Rebuilt(
        first=since_part,
        old=Ledger(before, list(stored)),
        new=Ledger(
            before, roll_ledger(portfolio, before, from_at=from_at, strict=strict)
        ),
        goals=list(goals),
    )


def newest_entry_at(portfolio: Portfolio, rebuilt: Rebuilt) -> datetime | None:
    """The time of the newest entry by the ledger; None where there is none."""
    if rebuilt.new.days:
        return rebuilt.new.days[-1].last_entry_at
    if rebuilt.first is None:
        return None
    last = last_day_before(portfolio, rebuilt.first)
    return None if last is None else last.last_entry_at


def measure_again(
    goal: FinancialGoal, portfolio: Portfolio, rebuilt: Rebuilt, reached: Reached
) -> GoalMove:
    """Set the goal's baseline, value and status by the ledger; the caller saves."""
    before, status_before = goal.progress, GoalStatus(goal.status)
    first = rebuilt.first
    if first is None or goal.start_date > first.day:
        _set_baseline_again(goal, rebuilt.new.before_day(goal.start_date))
    is_value = goal.kind.measures is Measure.VALUE
    after = GoalProgress(goal.start_value, NOTHING_YET)
    if has_begun(goal, portfolio) or is_value:
        after = goal.measure_by(_newest_reading(goal, portfolio, rebuilt))
    goal.current_value, goal.progress_pct = after.current_value, after.progress_pct
    if goal.best_day_max_pct is not None:
        own = reached.days_of(goal, rebuilt.new.days)
        set_best_day(goal, profits_of_days(goal, portfolio, own))
    # What a portfolio was worth with open positions is not in the ledger.
    if goal.has_conditions or not (is_value and rebuilt.is_unchanged):
        goal.achieved_at = reached.find(goal, portfolio, rebuilt.new.days)
    goal.status = status_rebuilt(
        status_before,
        achieved=goal.achieved_at is not None,
        ended=goal.ended_at is not None,
        failed=goal.stands_failed,
    )
    return GoalMove(goal, before, after, status_before)


def _newest_reading(
    goal: FinancialGoal, portfolio: Portfolio, rebuilt: Rebuilt
) -> PortfolioFigures:
    """The last figures of the goal's period.

    Those of a period that is over are the ledger's at its end; what open positions
    were worth then, in a portfolio's value, is kept.
    """
    if not _is_past(goal, portfolio, rebuilt):
        return portfolio.portfolio_figures
    last = goal.target_date or date.max
    portfolio_figures = rebuilt.new.through(last)
    if goal.kind.measures is not Measure.VALUE:
        return portfolio_figures
    open_then = goal.current_value - rebuilt.old.through(last).live_equity
    return replace(
        portfolio_figures, live_equity=portfolio_figures.live_equity + open_then
    )


def _set_baseline_again(
    goal: FinancialGoal, portfolio_figures: PortfolioFigures
) -> None:
    """The ledger's figures at the start; a goal made after ruin keeps its new run."""
    unit_value, run = goal.start_unit_value, goal.start_unit_run
    set_baseline(goal, portfolio_figures)
    if run > portfolio_figures.run:
        goal.start_unit_value, goal.start_unit_run = unit_value, run


def _is_past(goal: FinancialGoal, portfolio: Portfolio, rebuilt: Rebuilt) -> bool:
    """Whether its period ended in the books, or the portfolio goes on behind its end.

    What changes the live value there, a mark or an addition, does not change the
    goal's.
    """
    known = (portfolio.last_entry_at, portfolio.marked_at)
    newest = max((at for at in known if at is not None), default=None)
    if goal.ended_at is not None:
        return True
    if newest is not None and goal.period.is_over(newest):
        return True
    return goal.period.is_over(portfolio.updated_at) and rebuilt.is_unchanged


class _DayByDay:
    """A goal's progress at the end of each local day, by one ledger and baseline."""

    def __init__(self, goal: FinancialGoal, ledger: Ledger) -> None:
        days = days_between(ledger.days, goal.start_date, goal.target_date)
        self.at = {day.day: day.last_entry_at for day in days}
        self.shown = {day.day: goal.measure_by(day.portfolio_figures) for day in days}
        self.days = sorted(self.shown)
        self.start = goal.measure_by(ledger.before_day(goal.start_date))

    def through(self, day: date) -> GoalProgress:
        """The progress at the end of this day."""
        count = bisect_left(self.days, date.fromordinal(day.toordinal() + 1))
        return self.shown[self.days[count - 1]] if count else self.start


def _restate(
    move: GoalMove,
    rebuilt: Rebuilt,
    before: _DayByDay,
    after: _DayByDay,
    reason: str,
    time_zone: str,
) -> list[HistoryRow]:
    """One row a local day on which the goal now stands elsewhere than it did."""
    goal, rows = move.goal, []
    for day in sorted(before.at.keys() | after.at.keys()):
        shown = after.through(day)
        if shown != before.through(day):
            at = after.at.get(day) or before.at[day]
            rows.append((at, shown, reason))
    if move.turned is not None:
        at = rows[-1][0] if rows else _last_moment(goal, rebuilt)
        rows[-1:] = [(at, move.after, f"{reason}; {move.turned}")]
    return [
        HistoryRow(
            goal,
            HistoryKind.RESTATED,
            local_date(at, time_zone),
            at,
            shown.current_value,
            shown.progress_pct,
            note,
        )
        for at, shown, note in rows
    ]


def _last_moment(goal: FinancialGoal, rebuilt: Rebuilt) -> datetime:
    if rebuilt.new.days:
        return rebuilt.new.days[-1].last_entry_at
    return goal.achieved_at or goal.period_starts_at


# From one day on what flows bought and what flows and closes did to what trades carry.
# Flows that are void or find nothing open any more change nothing.
CARRY_REBUILT = """, walked AS (
    SELECT * FROM unnest(
        %(flow_ids)s::bigint[], %(closed_ids)s::bigint[], %(trade_ids)s::bigint[],
        %(changes)s::numeric[]) AS m(cash_flow_id, closed_trade_id, trade_id, change)
), bought AS (
    UPDATE cash_flows f SET units = m.units
    FROM unnest(%(bought_by)s::bigint[], %(units_bought)s::numeric[])
        AS m(cash_flow_id, units)
    WHERE f.cash_flow_id = m.cash_flow_id AND f.units <> m.units
), flowed AS (
    UPDATE carried_profits c SET change = coalesce(m.change, 0)
    FROM carried_profits o JOIN cash_flows f USING (cash_flow_id)
    LEFT JOIN walked m USING (cash_flow_id, trade_id)
    WHERE c.carried_profit_id = o.carried_profit_id
      AND o.portfolio_id = %(portfolio_id)s AND f.flowed_at >= %(from_at)s
      AND o.change <> coalesce(m.change, 0)
), gone AS (
    DELETE FROM carried_profits c USING trades t
    WHERE c.portfolio_id = %(portfolio_id)s AND t.trade_id = c.closed_trade_id
      AND t.exit_time >= %(from_at)s AND NOT EXISTS (
          SELECT 1 FROM walked m WHERE m.closed_trade_id = c.closed_trade_id)
), released AS (
    INSERT INTO carried_profits (portfolio_id, trade_id, closed_trade_id, change)
    SELECT %(portfolio_id)s::bigint, trade_id, closed_trade_id, change
    FROM walked WHERE closed_trade_id IS NOT NULL
    ON CONFLICT (closed_trade_id) DO UPDATE SET change = excluded.change
)"""


def _carried_columns(portfolio: Portfolio, rebuilt: Rebuilt) -> dict[str, Any]:
    """What the walk found out about cash flows and what trades carry, as columns."""
    from_at: datetime | str = "-infinity"
    if rebuilt.first is not None:
        from_at = portfolio.part_start(rebuilt.first)
    flows, changes = list_carried(rebuilt.new.days)
    return {
        "portfolio_id": portfolio.portfolio_id,
        "from_at": from_at,
        "bought_by": list(flows),
        "units_bought": list(flows.values()),
        "flow_ids": [flow for flow, _, _ in changes],
        "closed_ids": [closed for _, closed, _ in changes],
        "trade_ids": [trade for _, _, trade in changes],
        "changes": list(changes.values()),
    }


def list_carried(
    days: Sequence[LedgerDay],
) -> tuple[dict[int, Decimal], dict[tuple[int | None, int | None, int], Decimal]]:
    """The units each flow bought, and changes by (flow, closed trade, trade)."""
    bought: dict[int, Decimal] = {}
    changes: dict[tuple[int | None, int | None, int], Decimal] = {}
    for event in (event for day in days for event in day.events):
        if "close" in event:
            key = None, event["close"], event["trade"]
            changes[key] = Decimal(event["change"])
            continue
        bought[event["flow"]] = Decimal(event["units"])
        for trade_id, change in zip(event["trades"], event["changes"], strict=True):
            changes[event["flow"], None, trade_id] = Decimal(change)
    return bought, changes
