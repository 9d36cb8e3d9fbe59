"""Halting and resuming by a person."""

from datetime import datetime
from typing import Any

from goals.decisions.breaches import BY_FLOORS, Breach
from goals.decisions.floor_reference import GivenReference
from goals.decisions.periods import MICROSECOND
from goals.enums import DrawdownMode, HaltCause, LimitCause, MarkRole
from goals.models import Portfolio, TradingHalt, User
from goals.services.alerting import alert_halts, alert_resumed
from goals.services.figures_at import read_figures
from goals.services.halts import enforce_limits, follow_halts, write_halt
from goals.services.limit_changes import (
    REFERENCE,
    effective_at,
    given_reference,
    present_reference,
    refuse_at_floor,
    write_change,
)
from goals.services.limit_marks import keep_mark
from goals.services.portfolios import lock_portfolio
from goals.services.risk_state import read_risk_state
from goals.services.voids import LONGEST_REASON, require_reason
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import (
    FloorReferenceRequired,
    InvalidInput,
    NotFound,
    TradingHalted,
    TradingNotHalted,
)
from mastertrade.values.in_text import MINUTE, instant, say

# A floor reference in words: start and peak are the present value.
PRESENT = "present"


@atomic
def halt_trading(
    *,
    user: User,
    portfolio_id: int,
    reason: str,
    now: datetime,
    by: str | None = None,
) -> Portfolio:
    """Halt trading until a person resumes it; a person's halt in force stays as it is.

    `by` is the user's name unless somebody else does it for them.
    """
    reason = require_reason(reason)
    portfolio = _lock(user, portfolio_id)
    in_force = enforce_limits(portfolio, now)
    if all(halt.cause != HaltCause.PERSON for halt in in_force):
        figures = read_figures(portfolio, now)
        risk_state = read_risk_state(figures, now)
        name = by or user.username
        breach = Breach(HaltCause.PERSON, now, None, reason)
        halt = write_halt(figures, breach, risk_state, by=name)
        follow_halts(portfolio, now)
        alert_halts(portfolio, [halt], now)
    return portfolio


def halt_anew(*, reason: str, now: datetime, **call: Any) -> TradingHalt:
    """Halt trading; `TradingHalted` where a person's halt was in force before."""
    portfolio = halt_trading(reason=reason, now=now, **call)
    halts = portfolio.halts.unresumed(now).filter(cause=HaltCause.PERSON)
    halt = halts.latest("halt_id")
    if (halt.halted_at, halt.reason) != (now, reason.strip()):
        raise TradingHalted(
            say(
                "Trading in portfolio {} is halted already since {}: {}. To give "
                "another reason, resume trading first.",
                portfolio.name,
                instant(halt.halted_at, MINUTE),
                halt.why,
            )
        )
    return halt


@atomic
def resume_trading(
    *,
    user: User,
    portfolio_id: int,
    now: datetime,
    reason: str = "",
    by: str | None = None,
    floor_reference: GivenReference | str | None = None,
) -> Portfolio:
    """End every halt in force; `TradingNotHalted` where there is none.

    After a halt at the hard floor this is measured from the present value (`PRESENT`),
    or from the `floor_reference` given: else the next call would halt again. A static
    floor stays where it is unless a person says so: `FloorReferenceRequired` without
    one. The day's loss, profit, trades and losses in a row count from here on too.
    """
    reason = reason.strip()
    if len(reason) > LONGEST_REASON:
        raise InvalidInput("reason", f"is longer than {LONGEST_REASON} characters.")
    portfolio = _lock(user, portfolio_id)
    enforce_limits(portfolio, now)
    halts = list(portfolio.halts.unresumed(now))
    if not halts:
        raise TradingNotHalted(
            f"Trading in portfolio {portfolio.name} is not halted; there is "
            "nothing to resume."
        )
    # A halt written while this call waited for the lock began after its now; one that
    # this call found at a floor comes before it.
    began = [halt.halted_at for halt in halts]
    found = [one.halted_at + MICROSECOND for one in halts if one.cause in BY_FLOORS]
    now = effective_at(portfolio, max(now, *began, *found))
    is_of_present = False
    if any(halt.cause == HaltCause.HARD_DRAWDOWN for halt in halts):
        is_of_present = not isinstance(floor_reference, GivenReference)
        _measure_from_here(portfolio, now, by or user.username, floor_reference)
    elif isinstance(floor_reference, GivenReference):
        raise InvalidInput(
            "floor_reference",
            "is taken where trading is halted at the hard floor. Here it is halted by "
            f"{halts[0].cause}: leave it out, or change it with "
            f"PATCH /api/portfolios/{portfolio.portfolio_id}/.",
        )
    for halt in halts:
        _end(halt, portfolio, now, reason, by or user.username)
    if not is_of_present:  # else it is stored with the reference
        keep_mark(portfolio, MarkRole.REFERENCE, now)
    # The day is measured from here.
    portfolio.last_halted_at = portfolio.limits_changed_at = now
    portfolio.save(update_fields=["limits_changed_at"])
    follow_halts(portfolio, now)
    why = f"{by or user.username} resumed trading{f': {reason}' if reason else ''}"
    alert_resumed(portfolio, halts, now, "resumed", why)
    return portfolio


def _end(
    halt: TradingHalt, portfolio: Portfolio, now: datetime, reason: str, by: str
) -> None:
    figures = read_figures(portfolio, now)
    halt.resumed_at = now
    halt.resumed_by = by
    halt.resume_reason = reason
    halt.resumed_unit_value = figures.live_unit_value
    halt.resumed_unit_run = figures.account.run
    halt.save()


def _measure_from_here(
    portfolio: Portfolio,
    now: datetime,
    by: str,
    given: GivenReference | str | None,
) -> None:
    figures, limits = read_figures(portfolio, now), portfolio.limits
    if given is None and limits.drawdown_mode is DrawdownMode.STATIC:
        raise FloorReferenceRequired(
            f"The floor of portfolio {portfolio.name} is static, so trading would be "
            'halted again at once. Send floor_reference: "present" to measure it from '
            "the present equity, or an object of start_equity, peak_equity or "
            "floor_equity.",
            on_page=f"The floor of portfolio {portfolio.name} is static: resume "
            "trading on the portfolio's page, where you say what it is measured from.",
        )
    reference = present_reference(figures, limits)
    if isinstance(given, GivenReference):
        reference = given_reference(figures, limits, reference, given)
        refuse_at_floor(figures, limits, reference)
    write_change(
        portfolio,
        cause=LimitCause.RESUME,
        before=limits,
        now=now,
        by=by,
        reference=reference,
        of_present=not isinstance(given, GivenReference),
    )
    portfolio.save(update_fields=[*REFERENCE, "updated_at"])


def _lock(user: User, portfolio_id: int) -> Portfolio:
    try:
        return lock_portfolio(user=user, portfolio=portfolio_id)
    except InvalidInput as unknown:
        raise NotFound(unknown.detail) from unknown
