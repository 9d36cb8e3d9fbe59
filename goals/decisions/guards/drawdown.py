"""Halts, the hard and the soft drawdown, the day's loss. Pure."""

from decimal import Decimal

from goals.decisions.guards.base import GuardAnswer, GuardInputs, TradingConditions
from mastertrade.values.exceptions import DomainError
from mastertrade.values.money import format_plain

ZERO = Decimal(0)
ONE = Decimal(1)


class DrawdownUnknown(DomainError):
    """The fall below the reference peak could not be read."""

    code = "drawdown_unknown"


class DailyLossUnknown(DomainError):
    """What the portfolio was worth at local midnight could not be read."""

    code = "daily_loss_unknown"


def guard_drawdown(factor: Decimal, inputs: GuardInputs) -> GuardAnswer:
    """Nothing while trading is halted; no factor above 1 from the soft limit on."""
    conditions = inputs.conditions
    halted = find_halt_reason(conditions)
    if halted is not None:
        return GuardAnswer(ZERO, halted)
    drawdown, soft = conditions.drawdown_pct or ZERO, conditions.soft_drawdown_pct
    if drawdown < soft:
        reason = (
            f"{format_plain(drawdown)} % is below the limit of {format_plain(soft)} %"
        )
        return GuardAnswer(factor, reason)
    reason = (
        f"drawdown {format_plain(drawdown)} % reached soft_drawdown_pct "
        f"{format_plain(soft)} %: no factor above 1"
    )
    return GuardAnswer(min(factor, ONE), reason)


def find_halt_reason(conditions: TradingConditions) -> str | None:
    """Why nothing may be traded; None where the drawdown guard lets trading be."""
    halt = conditions.halt
    if halt is not None:
        until = "a person resumes it" if halt.until is None else f"{halt.until:%FT%TZ}"
        return f"trading is halted since {halt.since:%FT%TZ} until {until}: " + (
            halt.reason
        )
    return find_hard_breach(conditions) or find_daily_breach(conditions)


def find_hard_breach(conditions: TradingConditions) -> str | None:
    """The fall has reached the hard limit: how far; None where it has not."""
    drawdown, hard = conditions.drawdown_pct, conditions.hard_drawdown_pct
    if drawdown is None:
        raise DrawdownUnknown("The drawdown of this portfolio could not be read.")
    if drawdown < hard:
        return None
    return (
        f"drawdown {format_plain(drawdown)} % reached hard_drawdown_pct "
        f"{format_plain(hard)} %"
    )


def find_daily_breach(conditions: TradingConditions) -> str | None:
    """The day's loss has reached its limit: how much; None where it has not."""
    limit, loss = conditions.daily_loss_limit_pct, conditions.daily_loss_pct
    if limit is None:
        return None
    if loss is None:
        raise DailyLossUnknown("The day's loss of this portfolio could not be read.")
    if loss < limit:
        return None
    return (
        f"a loss of {format_plain(loss)} % since local midnight reached "
        f"daily_loss_limit_pct {format_plain(limit)} %"
    )
