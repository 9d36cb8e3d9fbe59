"""Halts, the hard and the soft drawdown, the day's loss. Pure."""

from datetime import datetime
from decimal import Decimal

from goals.decisions.guards.base import GuardAnswer, RiskState, SizingInputs
from mastertrade.values import in_text
from mastertrade.values.exceptions import DomainError
from mastertrade.values.money import ONE, ZERO, exactly, format_plain

WHAT_STOPS = "entries stop, exits, stops and imports go on"


class DrawdownUnknown(DomainError):
    """The fall below the reference peak could not be read."""

    code = "drawdown_unknown"


class DailyLossUnknown(DomainError):
    """What the portfolio was worth at local midnight could not be read."""

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
    fallen = f"drawdown {in_text.percent(drawdown, nearest)}"
    if drawdown < soft:
        reason = f"{fallen} is below soft_drawdown_pct {format_plain(soft)} %"
        return GuardAnswer(factor, reason)
    reason = (
        f"{fallen} reached soft_drawdown_pct {format_plain(soft)} %: no factor above 1"
    )
    return GuardAnswer(min(factor, ONE), reason)


def find_halt_reason(risk_state: RiskState) -> str | None:
    """Why nothing may be traded; None where the drawdown guard lets trading be."""
    halt = risk_state.halt
    if halt is not None:
        until = "a person resumes it" if halt.until is None else f"{halt.until:%FT%TZ}"
        return (
            f"trading is halted since {halt.since:%FT%TZ} until {until}: "
            f"{halt.reason.rstrip('.')}; {WHAT_STOPS}"
        )
    reached = find_hard_breach(risk_state) or find_daily_breach(risk_state)
    if reached is None or risk_state.suspected_at is None:
        return reached
    return f"{reached}; {find_waiting_reason(risk_state.suspected_at)}; {WHAT_STOPS}"


def find_waiting_reason(suspected_at: datetime) -> str:
    """What a breach that one mark shows waits for."""
    return (
        f"one mark shows it, since {suspected_at:%FT%TZ}: a second one at least 5 "
        "seconds later, or 60 seconds without one that contradicts it, halts trading"
    )


def find_hard_breach(risk_state: RiskState) -> str | None:
    """The fall has reached the hard limit: how far; None where it has not."""
    drawdown, hard = risk_state.drawdown_pct, risk_state.hard_drawdown_pct
    if drawdown is None:
        raise DrawdownUnknown("The drawdown of this portfolio could not be read.")
    if drawdown < hard:
        return None
    return (
        f"drawdown {in_text.percent(drawdown, hard)} reached hard_drawdown_pct "
        f"{format_plain(hard)} %"
    )


def find_daily_breach(risk_state: RiskState) -> str | None:
    """The day's loss has reached its limit: how much; None where it has not."""
    limit, loss = risk_state.daily_loss_limit_pct, risk_state.daily_loss_pct
    if limit is None:
        return None
    if loss is None:
        raise DailyLossUnknown("The day's loss of this portfolio could not be read.")
    if loss < limit:
        return None
    return (
        f"a loss of {in_text.percent(loss, limit)} since local midnight reached "
        f"daily_loss_limit_pct {format_plain(limit)} %"
    )
