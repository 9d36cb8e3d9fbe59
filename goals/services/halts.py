"""Halting entries: rows, written in the transaction that causes them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from goals.decisions.breaches import Breach, halt_figures
from goals.decisions.guards.base import RiskState
from goals.decisions.guards.day_rules import find_day_rule_breaches
from goals.decisions.guards.drawdown import find_halt_reason, find_waiting_reason
from goals.enums import (
    HaltCause,
    OnBreach,
    TradingState,
)
from goals.models import Portfolio, TradingHalt
from goals.models.halts import WHAT_STOPS
from goals.services.alerting import Occasion, alert_change, alert_halts
from goals.services.confirming import (
    breaches_of,
    confirm,
    keep_close,
    settle_waiting,
)
from goals.services.failing import follow_failures
from goals.services.figures_at import FiguresAt, read_figures
from goals.services.floors import is_at_floor, looks_at_day
from goals.services.ledger import GoalMove
from goals.services.risk_state import read_risk_state
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import TradingHalted
from mastertrade.values.in_text import instant, join, marks_of, say
from mastertrade.values.jsonable import to_plain

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def enforce_limits(
    portfolio: Portfolio,
    now: datetime,
    *,
    at: datetime | None = None,
    moves: Sequence[GoalMove] = (),
    by_mark: bool = False,
    rebuilt: bool = False,
) -> list[TradingHalt]:
    """Halt entries where a limit is reached; returns the halts in force.

    And alert of what the change gives to alert: here, because every change of figures
    comes by.

    `portfolio` must be locked and its figures saved. `at` is the time of what was
    booked (default: now), by which a breach is dated; `moves` are goals that it moved
    and that may fail; `by_mark`: a mark was just made; `rebuilt`: the ledger was made
    again. Above its floors and without a
    rule of the day this needs no statement. A ruined portfolio trades nothing anyway:
    it is halted only where goals fail.
    """
    occasion = Occasion(now, at or now, rearms=not rebuilt)
    is_halted = portfolio.trading_state == TradingState.HALTED
    if not is_halted and not _may_breach(portfolio, now):
        alert_change(portfolio, occasion, moves)
        return []
    risk_state = None
    is_halted = _halt_by_waiting_mark(portfolio, now, moves) or is_halted
    in_force = list(portfolio.halts.unresumed(now)) if is_halted else []
    if not portfolio.account.is_ruined or portfolio.on_breach == OnBreach.FAIL:
        is_new = at is not None or portfolio.limits_changed_at == now
        is_close = is_new and not by_mark
        at = at or now
        figures = read_figures(portfolio, now)
        risk_state = read_risk_state(figures, now)
        if is_close:
            keep_close(portfolio, risk_state, {one.cause for one in in_force}, at)
        in_force = _halt_on_breach(
            figures, risk_state, in_force, now, at, moves, by_mark
        )
    _follow(portfolio, is_halted=bool(in_force), now=now)
    why = in_force[0].why if in_force else ""
    alert_change(portfolio, replace(occasion, reason=why), moves, risk_state)
    return in_force


def _may_breach(portfolio: Portfolio, now: datetime) -> bool:
    return (
        is_at_floor(portfolio, now)
        or portfolio.suspected_at is not None
        or looks_at_day(portfolio.limits)
    )


def _halt_by_waiting_mark(
    portfolio: Portfolio, now: datetime, moves: Sequence[GoalMove]
) -> bool:
    """Write what a mark that waited for long enough had reached, whatever is now."""
    settled = settle_waiting(portfolio, now)
    if settled is None:
        return False
    figures, risk_state, breaches = settled
    in_force = list(portfolio.halts.unresumed(now))
    new = [one for one in breaches if not _is_known(one, in_force)]
    _write_halts(figures, risk_state, new, now, moves)
    return bool(new)


def _write_halts(
    figures: FiguresAt,
    risk_state: RiskState,
    breaches: Sequence[Breach],
    now: datetime,
    moves: Sequence[GoalMove],
) -> list[TradingHalt]:
    written = [write_halt(figures, breach, risk_state) for breach in breaches]
    if written:
        figures.portfolio.last_halted_at = now  # also of one that is over by now
        alert_halts(figures.portfolio, written, now)
    if any(breach.fails for breach in breaches):
        since = min(breach.at for breach in breaches)
        follow_failures(figures.portfolio, since=since, now=now, moves=moves)
    return written


def _halt_on_breach(
    figures: FiguresAt,
    risk_state: RiskState,
    in_force: list[TradingHalt],
    now: datetime,
    at: datetime,
    moves: Sequence[GoalMove],
    by_mark: bool,
) -> list[TradingHalt]:
    portfolio = figures.portfolio
    breaches = breaches_of(figures, risk_state, at, now)
    if breaches:
        # Whatever the portfolio's copy says: one unresumed halt a cause. What is over
        # by now, and was not at the breach, is one too.
        in_force = list(portfolio.halts.unresumed(min(at, now)))
        breaches = [one for one in breaches if not _is_known(one, in_force)]
    breaches = confirm(figures, risk_state, breaches, now, by_mark=by_mark)
    written = _write_halts(figures, risk_state, breaches, now, moves)
    return [halt for halt in in_force + written if halt.stops_at(now)]


def _is_known(breach: Breach, in_force: list[TradingHalt]) -> bool:
    """Whether a halt of the cause is in force; a pause that lasts longer is saved."""
    for halt in in_force:
        if halt.cause != breach.cause:
            continue
        if not halt.lasts_beyond(breach.until):
            halt.halted_until = breach.until
            halt.save(update_fields=["halted_until"])
        return True
    return False


def write_halt(
    figures: FiguresAt, breach: Breach, risk_state: RiskState, *, by: str = ""
) -> TradingHalt:
    """Write one halt; the caller lets the portfolio's state follow."""
    portfolio = figures.portfolio
    halt = TradingHalt(
        portfolio=portfolio,
        cause=breach.cause,
        halted_at=breach.at,
        halted_until=breach.until,
        halted_by=by,
        reason=breach.reason,
        marks=to_plain(marks_of(breach.reason)),
        figures=to_plain(
            {
                **halt_figures(
                    risk_state,
                    figures.account,
                    figures.live_unit_value,
                    figures.unrealized_pnl,
                ),
                "fails": breach.fails,
            }
        ),
    )
    halt.save(force_insert=True)
    portfolio.last_halted_at = figures.at
    return halt


def follow_halts(portfolio: Portfolio, now: datetime) -> None:
    """Set the state of a locked portfolio to what the rows of its halts say."""
    is_halted = portfolio.halts.unresumed(now).exists()
    _follow(portfolio, is_halted=is_halted, now=now)


def _follow(portfolio: Portfolio, *, is_halted: bool, now: datetime) -> None:
    state = TradingState.HALTED if is_halted else TradingState.ACTIVE
    # Halted already, and halted once more: when that was is kept all the same.
    if portfolio.trading_state == state and portfolio.last_halted_at != now:
        return
    portfolio.trading_state = state
    portfolio.updated_at = now
    portfolio.save(update_fields=["trading_state", "last_halted_at", "updated_at"])


def halt_and_read_risk_state(figures: FiguresAt, now: datetime) -> RiskState:
    """The risk state then; that of now halts where a limit turns out reached.

    The portfolio must be locked. A decision about the past halts nothing.
    """
    portfolio = figures.portfolio
    risk_state = read_risk_state(figures, now)
    if figures.at < now:
        return risk_state
    is_halted = portfolio.trading_state == TradingState.HALTED
    breached = next(find_day_rule_breaches(risk_state), None)
    stops = breached is not None or find_halt_reason(risk_state) is not None
    waits = portfolio.suspected_at is not None
    if is_halted == (risk_state.halt is not None) == stops and not waits:
        return risk_state
    enforce_limits(portfolio, now)
    return read_risk_state(figures, now)


def saving_halts(
    function: Callable[Parameters, Result],
) -> Callable[Parameters, Result]:
    """A service that refuses while halted: a halt it found first stays, refused or not.

    The refusal undoes what the call did, so the limits are looked at once more.
    """

    @wraps(function)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except TradingHalted as refused:
            now = kwargs["now"]
            if refused.unsaved is not None and isinstance(now, datetime):
                _save_halts(refused.unsaved, now)
            raise

    return run


@atomic
def _save_halts(portfolio_id: int, now: datetime) -> None:
    enforce_limits(Portfolio.objects.locked().get(pk=portfolio_id), now)


def refuse_while_halted(
    portfolio: Portfolio, now: datetime, *, override: bool, by: str
) -> TradingHalt | None:
    """Raise `TradingHalted` for a new trade; with `override` return the halt instead.

    None where nothing is halted: then there was nothing to override. Where a mark waits
    to be confirmed, entries stop too; what `by` overrode is then a halt that is
    withdrawn at once: it was never in force.
    """
    was_halted = portfolio.trading_state == TradingState.HALTED
    in_force = enforce_limits(portfolio, now)
    if in_force:
        if override:
            return in_force[0]
        halt = in_force[0]
        why = say(
            "Trading in portfolio {} is halted since {}{}: {}. {}",
            portfolio.name,
            instant(halt.halted_at),
            _until(halt),
            halt.why,
            WHAT_STOPS,
        )
        refusal = TradingHalted(
            f"{why} Resume it with POST "
            f"/api/portfolios/{portfolio.portfolio_id}/resume/, or send override: "
            "true.",
            on_page=say("{} Resume trading, or choose Override.", why),
        )
        if not was_halted:
            refusal.unsaved = portfolio.portfolio_id
        raise refusal
    if portfolio.suspected_at is None:
        return None
    figures = read_figures(portfolio, now)
    risk_state = read_risk_state(figures, now)
    breaches = breaches_of(figures, risk_state, now, now)
    waiting = find_waiting_reason(portfolio.suspected_at)
    reason = join("; ", [*(breach.reason for breach in breaches), waiting])
    if not override:
        words = "Entries in portfolio {} wait: {}. {}"
        why = say(words, portfolio.name, reason, WHAT_STOPS)
        raise TradingHalted(
            f"{why} Mark its positions again with POST /api/positions/marks/, or send "
            "override: true.",
            on_page=say("{} Wait for a newer mark, or choose Override.", why),
        )
    breach = Breach(HaltCause.HARD_DRAWDOWN, now, None, reason)
    if breaches:
        breach = replace(breaches[0], at=now, reason=reason, fails=False)
    halt = write_halt(figures, breach, risk_state)
    whose = by or "a person"
    withdraw(halt, now, f"Never in force: {whose} overrode it while it waited.")
    return halt


def _until(halt: TradingHalt) -> str:
    until = halt.halted_until
    return "" if until is None else say(" until {}", instant(until))


def withdraw(halt: TradingHalt, now: datetime, reason: str) -> None:
    """Let a halt have been in force at no time; the caller lets the state follow."""
    halt.withdrawn_at, halt.withdrawn_reason = now, reason
    halt.save(update_fields=["withdrawn_at", "withdrawn_reason"])
