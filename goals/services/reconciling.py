"""Proof that the cached figures are what the ledger says, and mending where not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from goals.enums import TradingState
from goals.models import (
    CarriedProfit,
    CashFlow,
    FinancialGoal,
    Portfolio,
    TradeEntry,
    TradingHalt,
)
from goals.services.conditions import count_trading_days
from goals.services.days import FIGURES
from goals.services.failing import failing_halts, find_failing
from goals.services.figures import GOAL_FIGURES, LEDGER_FIGURES
from goals.services.first_touch import load_reached
from goals.services.floors import apply_reference, reference_at
from goals.services.halts import follow_halts
from goals.services.ledger import GoalMove
from goals.services.limit_history import read_history
from goals.services.limit_rebuilding import FLOOR_COLUMNS, restate_limits
from goals.services.rebuilding import (
    Rebuilt,
    list_carried,
    load_rebuilt,
    measure_again,
    newest_entry_at,
    rebuild_ledger,
)
from mastertrade.values.money import ZERO


@dataclass(frozen=True, slots=True)
class Drift:
    """One cached figure that is not what the ledger says."""

    portfolio_id: int
    of: str
    figure: str
    cached: Any
    ledger: Any

    def __str__(self) -> str:
        return (
            f"portfolio {self.portfolio_id}, {self.of}: {self.figure} is "
            f"{self.cached}, the ledger has {self.ledger}"
        )


def find_portfolio_drift(portfolio: Portfolio) -> list[Drift]:
    """Compare a locked portfolio, its days and its goals with the ledger.

    `unrealized_pnl` is taken as it is. The portfolio is left as if it had been made
    again; nothing is saved.
    """
    rebuilt = load_rebuilt(portfolio, None, strict=False)
    before = {name: getattr(portfolio, name) for name in LEDGER_FIGURES}
    portfolio.apply_figures(rebuilt.new.newest)
    portfolio.last_entry_at = newest_entry_at(portfolio, rebuilt)
    drift = list(_compare(portfolio.portfolio_id, "itself", before, portfolio))
    drift += _carried_drift(portfolio, rebuilt)
    drift += _halt_drift(portfolio)
    drift += _limit_drift(portfolio, rebuilt)
    return [*drift, *_day_drift(portfolio, rebuilt), *_goal_drift(portfolio, rebuilt)]


def mend_portfolio(portfolio: Portfolio, now: datetime) -> list[GoalMove]:
    """Make every figure of a locked portfolio again from its ledger."""
    moves = rebuild_ledger(
        portfolio,
        since=None,
        now=now,
        reason="Figures that had drifted were mended",
        strict=False,
    )
    follow_halts(portfolio, now)
    return moves


def _halt_drift(portfolio: Portfolio) -> Iterator[Drift]:
    """A day's halt that is over may still stand as HALTED; the other way is drift."""
    halts = TradingHalt.objects.filter(portfolio=portfolio, halted_until=None)
    lasting = halts.filter(resumed_at=None, withdrawn_at=None)
    state = portfolio.trading_state
    if state == TradingState.ACTIVE and lasting.exists():
        halted = str(TradingState.HALTED)
        yield Drift(portfolio.portfolio_id, "itself", "trading_state", state, halted)


def _limit_drift(portfolio: Portfolio, rebuilt: Rebuilt) -> Iterator[Drift]:
    """What the floor is measured from, and halts: made again, compared, and undone."""
    times = portfolio.updated_at, portfolio.last_entry_at, portfolio.limits_changed_at
    now = max(at for at in times if at is not None)
    # A day that has ended may have raised the one and not yet the other.
    apply_reference(portfolio, reference_at(portfolio, now))
    before = {name: getattr(portfolio, name) for name in FLOOR_COLUMNS}
    halts = _halts_of(portfolio)
    history = read_history(portfolio)
    point = transaction.savepoint()
    restate_limits(
        portfolio,
        history,
        since=None,
        now=now,
        reason="compared",
        days=rebuilt.new.days,
    )
    found = _halts_of(portfolio)
    transaction.savepoint_rollback(point)
    apply_reference(portfolio, reference_at(portfolio, now))
    yield from _compare(portfolio.portfolio_id, "itself", before, portfolio)
    for halt in sorted(halts ^ found, key=str):
        is_stored = halt in halts
        cause, halted_at, until = halt
        of = f"halt {cause} of {halted_at:%FT%TZ}"
        of += "" if until is None else f" until {until:%FT%TZ}"
        there = ("there", "missing") if is_stored else ("missing", "there")
        yield Drift(portfolio.portfolio_id, of, "row", *there)


def _halts_of(portfolio: Portfolio) -> set[tuple[str, datetime, datetime | None]]:
    stored = TradingHalt.objects.filter(portfolio=portfolio, withdrawn_at=None)
    return set(stored.values_list("cause", "halted_at", "halted_until"))


def _carried_drift(portfolio: Portfolio, rebuilt: Rebuilt) -> Iterator[Drift]:
    """What flows bought, and what flows and closes did to what trades carry."""
    bought, changes = list_carried(rebuilt.new.days)
    flows = CashFlow.objects.filter(portfolio=portfolio, voided_at=None)
    for flow_id, units in flows.values_list("cash_flow_id", "units"):
        if units != bought.get(flow_id, units):
            of = f"cash flow {flow_id}"
            yield Drift(portfolio.portfolio_id, of, "units", units, bought[flow_id])
    rows = CarriedProfit.objects.filter(portfolio=portfolio)
    stored = {
        (row.cash_flow_id, row.closed_trade_id, row.trade_id): row.change
        for row in rows
    }
    for key in sorted(stored.keys() | changes.keys(), key=str):
        cached, computed = stored.get(key, ZERO), changes.get(key, ZERO)
        if cached != computed:
            of = f"trade {key[2]}"
            yield Drift(portfolio.portfolio_id, of, "carried", cached, computed)


def _day_drift(portfolio: Portfolio, rebuilt: Rebuilt) -> Iterator[Drift]:
    kept = {day.day_part: day for day in rebuilt.old.days}
    computed = {day.day_part: day for day in rebuilt.new.days}
    for day in sorted(kept.keys() | computed.keys()):
        of = f"day {day.day}" if day.part == 0 else f"day {day.day} from day_starts_at"
        if day not in kept or day not in computed:
            yield Drift(
                portfolio.portfolio_id, of, "entries", day in kept, day in computed
            )
            continue
        before = {name: getattr(kept[day], name) for name in FIGURES}
        yield from _compare(portfolio.portfolio_id, of, before, computed[day])


def _goal_drift(portfolio: Portfolio, rebuilt: Rebuilt) -> Iterator[Drift]:
    reached = load_reached(portfolio, rebuilt.goals, None)
    halts = failing_halts(portfolio, None) if portfolio.last_halted_at else []
    names = (*GOAL_FIGURES, "failed_at")
    stored = [{name: getattr(goal, name) for name in names} for goal in rebuilt.goals]
    entries = TradeEntry.objects.filter(portfolio=portfolio)
    newest = entries.aggregate(newest=Max("entered_at"))["newest"]
    count_trading_days(portfolio, rebuilt.goals, newest or portfolio.created_at)
    for goal, before in zip(rebuilt.goals, stored, strict=True):
        failing = find_failing(goal, portfolio, halts)
        goal.failed_at = None if failing is None else failing.halted_at
        measure_again(goal, portfolio, rebuilt, reached)
        yield from _compare(
            portfolio.portfolio_id, f"goal {goal.goal_id}", before, goal
        )


def _compare(
    portfolio_id: int, of: str, before: dict[str, Any], after: FinancialGoal | Any
) -> Iterator[Drift]:
    for name, cached in before.items():
        computed = getattr(after, name)
        if cached != computed:
            yield Drift(portfolio_id, of, name, cached, computed)
