"""Halting: rows, written in the transaction that causes them."""

from datetime import datetime

from goals.decisions.guards.base import RiskState
from goals.decisions.guards.drawdown import (
    find_daily_breach,
    find_halt_reason,
    find_hard_breach,
)
from goals.decisions.periods import ONE_DAY
from goals.enums import HaltCause, TradingState
from goals.models import Portfolio, TradingHalt
from goals.services.risk_state import (
    FiguresAt,
    read_conditions,
    read_figures,
    unresumed_halts,
)
from mastertrade.values.exceptions import TradingHalted
from mastertrade.values.jsonable import to_plain


def enforce_limits(portfolio: Portfolio, now: datetime) -> list[TradingHalt]:
    """Halt trading where the portfolio has fallen to a limit; returns what is in force.

    `portfolio` must be locked and its figures saved. Without a daily limit and above
    the hard one this needs no statement. A halt whose day is over is over. A ruined
    portfolio trades nothing anyway, and the next deposit.
    """
    is_halted = portfolio.trading_state == TradingState.HALTED
    if not is_halted and not _may_breach(portfolio):
        return []
    in_force = list(unresumed_halts(portfolio, now)) if is_halted else []
    if not portfolio.account.is_ruined:
        in_force += _halt_on_breach(portfolio, in_force, now)
    _follow(portfolio, is_halted=bool(in_force), now=now)
    return in_force


def _may_breach(portfolio: Portfolio) -> bool:
    fallen = portfolio.drawdown_pct >= portfolio.hard_drawdown_pct
    return fallen or portfolio.daily_loss_limit_pct is not None


def _halt_on_breach(
    portfolio: Portfolio, in_force: list[TradingHalt], now: datetime
) -> list[TradingHalt]:
    figures = read_figures(portfolio, now)
    risk_state = read_conditions(figures, now)
    found = {
        HaltCause.HARD_DRAWDOWN: find_hard_breach(risk_state),
        HaltCause.DAILY_LOSS: find_daily_breach(risk_state),
    }
    breaches = {cause: why for cause, why in found.items() if why is not None}
    if not breaches:
        return []
    # Whatever the portfolio's copy says: one unresumed halt a cause.
    known = list(unresumed_halts(portfolio, now))
    causes = {halt.cause for halt in known}
    new = [halt for halt in known if halt not in in_force]
    return new + [
        write_halt(figures, cause, reason, risk_state)
        for cause, reason in breaches.items()
        if cause not in causes
    ]


def write_halt(
    figures: FiguresAt,
    cause: HaltCause,
    reason: str,
    risk_state: RiskState,
    *,
    by: str = "",
) -> TradingHalt:
    """Write one halt; the caller lets the portfolio's state follow."""
    portfolio, now = figures.portfolio, figures.at
    until = None
    if cause is HaltCause.DAILY_LOSS:
        until = portfolio.day_start(portfolio.trading_day(now) + ONE_DAY)
    halt = TradingHalt(
        portfolio=portfolio,
        cause=cause,
        halted_at=now,
        halted_until=until,
        halted_by=by,
        reason=reason,
        figures=to_plain(
            {
                "drawdown_pct": risk_state.drawdown_pct,
                "daily_loss_pct": risk_state.daily_loss_pct,
                "unit_value": figures.account.unit_value,
                "live_unit_value": figures.live_unit_value,
                "equity": figures.account.equity,
                "unrealized_pnl": figures.unrealized_pnl,
            }
        ),
    )
    halt.save(force_insert=True)
    portfolio.last_halted_at = now
    return halt


def follow_halts(portfolio: Portfolio, now: datetime) -> None:
    """Set the state of a locked portfolio to what the rows of its halts say."""
    _follow(portfolio, is_halted=unresumed_halts(portfolio, now).exists(), now=now)


def _follow(portfolio: Portfolio, *, is_halted: bool, now: datetime) -> None:
    state = TradingState.HALTED if is_halted else TradingState.ACTIVE
    # Halted already, and halted once more: when that was is kept all the same.
    if portfolio.trading_state == state and portfolio.last_halted_at != now:
        return
    portfolio.trading_state = state
    portfolio.updated_at = now
    portfolio.save(update_fields=["trading_state", "last_halted_at", "updated_at"])


def conditions_for_decision(figures: FiguresAt, now: datetime) -> RiskState:
    """The conditions then; those of now halt where a limit turns out reached.

    The portfolio must be locked. A decision about the past halts nothing.
    """
    portfolio = figures.portfolio
    risk_state = read_conditions(figures, now)
    if figures.at < now:
        return risk_state
    is_halted = portfolio.trading_state == TradingState.HALTED
    stops = find_halt_reason(risk_state) is not None
    if is_halted == (risk_state.halt is not None) == stops:
        return risk_state
    enforce_limits(portfolio, now)
    return read_conditions(figures, now)


def refuse_while_halted(
    portfolio: Portfolio, now: datetime, *, override: bool
) -> TradingHalt | None:
    """Raise `TradingHalted` for a new trade; with `override` return the halt instead.

    None where nothing is halted: then there was nothing to override.
    """
    in_force = enforce_limits(portfolio, now)
    if not in_force:
        return None
    if override:
        return in_force[0]
    raise TradingHalted(
        f"Trading in portfolio {portfolio.name} is halted since "
        f"{in_force[0].halted_at:%FT%TZ}: {in_force[0].reason.rstrip('.')}. Resume it "
        f"with POST /api/portfolios/{portfolio.portfolio_id}/resume/, or send "
        "override: true."
    )
