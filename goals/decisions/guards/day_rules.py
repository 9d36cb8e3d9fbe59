"""A day's profit lock, its number of trades, a pause after losses in a row. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from goals.decisions.guards.base import (
    NO_DAY_RULE,
    GuardAnswer,
    RiskState,
    SizingInputs,
)
from goals.decisions.guards.drawdown import WHAT_STOPS
from goals.decisions.limits import DayFigures, Limits
from goals.enums import HaltCause
from mastertrade.values import in_text
from mastertrade.values.exceptions import DomainError
from mastertrade.values.in_text import Text, instant, say, setting
from mastertrade.values.money import HUNDRED, ZERO, exactly

LOCK = "daily_profit_lock_pct"


class DayUnknown(DomainError):
    """The trading day's figures could not be read."""

    code = "day_unknown"


@dataclass(frozen=True, slots=True)
class DayRuleBreach:
    """A rule of the day that stops entries, until when, and why in words."""

    cause: HaltCause
    until: datetime
    reason: Text


def guard_day_rules(factor: Decimal, inputs: SizingInputs) -> GuardAnswer:
    """Nothing while a rule of the day stops entries."""
    limits = inputs.risk_state.limits
    if limits is None or not limits.has_day_rules:
        return GuardAnswer(factor, NO_DAY_RULE)
    for breach in find_day_rule_breaches(inputs.risk_state):
        until = instant(breach.until)
        reason = say("{}, until {}: {}", breach.reason, until, WHAT_STOPS)
        return GuardAnswer(ZERO, reason)
    return GuardAnswer(factor, Text("inside the rules of the day"))


def find_day_rule_breaches(risk_state: RiskState) -> Iterator[DayRuleBreach]:
    """The rules of the day that stop entries at the time of the figures."""
    limits, day = risk_state.limits, risk_state.day
    if limits is None or not limits.has_day_rules:
        return
    if day is None:
        raise DayUnknown("The trading day of this portfolio could not be read.")
    locked = _find_profit_lock(limits, day)
    if locked is not None:
        yield DayRuleBreach(HaltCause.PROFIT_LOCK, day.ends_at, locked)
    most = limits.max_trades_per_day
    if most is not None and day.trades >= most:
        counted, since = _count(day.trades, "trade"), _since(day, "of the day")
        full = setting("max_trades_per_day", most)
        reason = say("{} {} reached {}", counted, since, full)
        yield DayRuleBreach(HaltCause.TRADES_PER_DAY, day.ends_at, reason)
    yield from _find_pause(limits, day)


@exactly
def locks_profit(limits: Limits, day: DayFigures) -> bool:
    """By closed values: what was locked is not given back to an open loss."""
    pct, anchor = limits.daily_profit_lock_pct, day.profit_anchor
    if pct is None or anchor <= 0:
        return False
    return day.high_closed * HUNDRED >= anchor * (HUNDRED + pct)


@exactly
def _find_profit_lock(limits: Limits, day: DayFigures) -> Text | None:
    pct, anchor = limits.daily_profit_lock_pct, day.profit_anchor
    if pct is None or not locks_profit(limits, day):
        return None
    profit = (day.high_closed / anchor - 1) * HUNDRED
    since, lock = _since(day, "since the day began"), setting(LOCK, pct)
    made = in_text.percent(profit, pct)
    return say("a profit of {} {} reached {}", made, since, lock)


def _find_pause(limits: Limits, day: DayFigures) -> Iterator[DayRuleBreach]:
    most, last = limits.pause_after_losses, day.last_loss_at
    if most is None or last is None or day.losses_in_a_row < most:
        return
    until = day.ends_at
    if limits.pause_minutes is not None:
        until = last + timedelta(minutes=limits.pause_minutes)
    if day.at is not None and until <= day.at:
        return
    losses = _count(day.losses_in_a_row, "loss", "losses")
    reached = "{} in a row, the last at {}, reached {}"
    reason = say(reached, losses, instant(last), setting("pause_after_losses", most))
    yield DayRuleBreach(HaltCause.LOSSES_IN_A_ROW, until, reason)


def _since(day: DayFigures, usual: str) -> str:
    if day.resumed_at is None:
        return usual
    return say("since trading was resumed at {}", instant(day.resumed_at))


def _count(number: int, one: str, more: str = "") -> str:
    return f"{number} {one if number == 1 else more or one + 's'}"
