"""Limits that were reached: what halts entries, since when and until when. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from goals.decisions.accounting import Account
from goals.decisions.guards.base import RiskState
from goals.decisions.guards.day_rules import find_day_rule_breaches
from goals.decisions.guards.drawdown import find_daily_breach, find_hard_breach
from goals.decisions.limits import Limits
from goals.enums import DailyOnBreach, HaltCause, OnBreach

# A halt that a mark causes waits for a second mark that much later by its own time, or
# for so long by the clock without one that contradicts it.
SECOND_MARK_AFTER = timedelta(seconds=5)
CONFIRMED_AFTER = timedelta(seconds=60)
BY_FLOORS = (HaltCause.HARD_DRAWDOWN, HaltCause.DAILY_LOSS)


@dataclass(frozen=True, slots=True)
class Breach:
    """One limit reached at a time, and why in words.

    `until` None: a person resumes trading. `fails`: the goals whose period contains it
    fail. `figures` are those of then by name, where a walk found it (`halt_figures`).
    """

    cause: HaltCause
    at: datetime
    until: datetime | None
    reason: str
    fails: bool = False
    figures: Mapping[str, Decimal | None] = field(default_factory=dict, compare=False)


def halt_figures(
    risk_state: RiskState,
    account: Account,
    live_unit_value: Decimal,
    unrealized_pnl: Decimal,
) -> dict[str, Decimal | None]:
    """What a halt's row says of the portfolio at its breach."""
    return {
        "drawdown_pct": risk_state.drawdown_pct,
        "daily_loss_pct": risk_state.daily_loss_pct,
        "unit_value": account.unit_value,
        "live_unit_value": live_unit_value,
        "equity": account.equity,
        "unrealized_pnl": unrealized_pnl,
    }


def find_breaches(
    limits: Limits, risk_state: RiskState, at: datetime, day_ends_at: datetime
) -> Iterator[Breach]:
    """The limits that these conditions have reached, as breaches of `at`.

    `day_ends_at` is the first instant of the trading day that follows.
    """
    hard = find_hard_breach(risk_state)
    if hard is not None:
        fails = limits.on_breach is OnBreach.FAIL
        yield Breach(HaltCause.HARD_DRAWDOWN, at, None, hard, fails)
    daily = find_daily_breach(risk_state)
    if daily is not None:
        fails = limits.daily_on_breach is DailyOnBreach.FAIL
        until = None if fails else day_ends_at
        yield Breach(HaltCause.DAILY_LOSS, at, until, daily, fails)
    for rule in find_day_rule_breaches(risk_state):
        yield Breach(rule.cause, at, rule.until, rule.reason)


def split_by_marks(
    breaches: Iterable[Breach], risk_state: RiskState
) -> tuple[list[Breach], list[Breach]]:
    """Those that halt at once, and those that rest on marks: they are confirmed."""
    found = list(breaches)
    by_marks = [one for one in found if rests_on_marks(one.cause, risk_state)]
    return [one for one in found if one not in by_marks], by_marks


def confirm_by_second(
    first: Iterable[Breach], second: Iterable[Breach], at: datetime
) -> list[Breach]:
    """What both marks show; `at` is the second one's time."""
    causes = {breach.cause for breach in first}
    return [replace(one, at=at) for one in second if one.cause in causes]


def rests_on_marks(cause: HaltCause, risk_state: RiskState) -> bool:
    """Whether the limit was reached by open positions at their marks, not by closes.

    What is tested by the live value alone may have been held above by an open profit.
    """
    floors = risk_state.floors
    if floors is None or not floors.is_live:
        return False
    holds = floors.live > floors.closed
    match cause:
        case HaltCause.HARD_DRAWDOWN:
            return floors.closed > floors.hard or (floors.by_live and holds)
        case HaltCause.DAILY_LOSS if floors.daily is not None:
            return floors.closed > floors.daily or holds
    return False
