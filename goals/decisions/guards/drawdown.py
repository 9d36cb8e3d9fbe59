"""Halts, the hard and the soft drawdown, the day's loss. Pure."""

from datetime import datetime
from decimal import Decimal

from goals.decisions.guards.base import GuardAnswer, RiskState, SizingInputs
from goals.decisions.limits import FloorFigures
from mastertrade.values import in_text
from mastertrade.values.exceptions import DomainError
from mastertrade.values.in_text import Text, instant, say, setting, unstopped
from mastertrade.values.money import HUNDRED, ONE, ZERO, exactly

WHAT_STOPS = "entries stop, exits, stops and imports go on"


class DrawdownUnknown(DomainError):
    """The fall below the reference peak could not be read."""

    code = "drawdown_unknown"


class DailyLossUnknown(DomainError):
    """What the portfolio was worth when the day began could not be read."""

    code = "daily_loss_unknown"


@exactly
def guard_drawdown(factor: Decimal, inputs: SizingInputs) -> GuardAnswer:
    """Nothing while trading is halted; no factor above 1 from the soft limit on."""
    risk_state = inputs.risk_state
    halted = find_halt_reason(risk_state)
    if halted is not None:
        return GuardAnswer(ZERO, halted)
    drawdown, soft = risk_state.drawdown_pct or ZERO, risk_state.soft_drawdown_pct
    nearest = min(
        (soft, risk_state.hard_drawdown_pct), key=lambda limit: abs(limit - drawdown)
    )
    fallen = say("drawdown {}", in_text.percent(drawdown, nearest))
    limit = setting("soft_drawdown_pct", soft)
    floors, left, is_soft = risk_state.floors, "", drawdown >= soft
    if floors is not None:
        lowest = floors.lowest
        left = say("; {}", _room_in_words(floors, lowest))
        is_soft = lowest <= floors.soft
    if not is_soft:
        return GuardAnswer(factor, say("{} is below {}{}", fallen, limit, left))
    reason = say("{} reached {}: no factor above 1{}", fallen, limit, left)
    return GuardAnswer(min(factor, ONE), reason)


def _room_in_words(floors: FloorFigures, lowest: Decimal) -> Text:
    """How far the floor is away, in money and in percent of what is there."""
    equity, floor = _in_words(floors, lowest, floors.hard)
    if lowest <= 0:
        return say("{} is above the floor of {}", equity, floor)
    room = in_text.percent((lowest - floors.hard) / lowest * HUNDRED)
    return say("{} may fall {} more, to the floor of {}", equity, room, floor)


def _in_words(
    floors: FloorFigures, value: Decimal, floor: Decimal
) -> tuple[Text, Text]:
    """The equity that is tested, on its side of a floor, and that floor."""
    which = "live equity" if value == floors.live != floors.closed else "equity"
    equity, limit, currency = floors.money(value), floors.money(floor), floors.currency
    shown = in_text.money(equity, currency, limit)
    return say("{} {}", which, shown), in_text.money(limit, currency)


def _at_floor(floors: FloorFigures, value: Decimal, floor: Decimal, which: str) -> Text:
    equity, shown = _in_words(floors, value, floor)
    return say("{} is at or below {} of {}: ", equity, which, shown)


def find_halt_reason(risk_state: RiskState) -> Text | None:
    """Why nothing may be traded; None where the drawdown guard lets trading be."""
    halt = risk_state.halt
    if halt is not None:
        return say(
            "trading is halted since {} until {}: {}; {}",
            instant(halt.since),
            "a person resumes it" if halt.until is None else instant(halt.until),
            unstopped(Text(halt.reason, halt.marks)),
            WHAT_STOPS,
        )
    reached = find_hard_breach(risk_state) or find_daily_breach(risk_state)
    if reached is None or risk_state.suspected_at is None:
        return reached
    waiting = find_waiting_reason(risk_state.suspected_at)
    return say("{}; {}; {}", reached, waiting, WHAT_STOPS)


def find_waiting_reason(suspected_at: datetime) -> Text:
    """What a breach that one mark shows waits for."""
    return say(
        "one mark shows it, since {}: a second one at least 5 seconds later, or 60 "
        "seconds without one that contradicts it, halts trading",
        instant(suspected_at),
    )


def find_hard_breach(risk_state: RiskState) -> Text | None:
    """The hard floor is reached: how far; None where it is not."""
    drawdown, hard = risk_state.drawdown_pct, risk_state.hard_drawdown_pct
    floors = risk_state.floors
    if drawdown is None:
        raise DrawdownUnknown("The drawdown of this portfolio could not be read.")
    limit = say("reached {}", setting("hard_drawdown_pct", hard))
    if floors is None:
        if drawdown < hard:
            return None
        return say("drawdown {} {}", in_text.percent(drawdown, hard), limit)
    if not floors.is_at_hard:
        return None
    # The fall below a peak that a person gave is none of the portfolio's.
    at_floor = _at_floor(floors, floors.lowest, floors.hard, "the floor")
    return say("{}{}", at_floor, limit)


def find_daily_breach(risk_state: RiskState) -> Text | None:
    """The day's floor is reached: how much was lost; None where it is not."""
    limit, loss = risk_state.daily_loss_limit_pct, risk_state.daily_loss_pct
    floors, day = risk_state.floors, risk_state.day
    if limit is None:
        return None
    if floors is not None and day is not None and floors.daily is None:
        return None  # the day began with nothing to lose
    if loss is None:
        raise DailyLossUnknown("The day's loss of this portfolio could not be read.")
    if floors is None or floors.daily is None or day is None:
        if loss < limit:
            return None
        at_floor, since = Text(""), Text("local midnight")
    else:
        if floors.live > floors.daily:
            return None
        at_floor = _at_floor(floors, floors.live, floors.daily, "the day's floor")
        since = instant(day.since)
    reached, lost = setting("daily_loss_limit_pct", limit), in_text.percent(loss, limit)
    return say("{}a loss of {} since {} reached {}", at_floor, lost, since, reached)
