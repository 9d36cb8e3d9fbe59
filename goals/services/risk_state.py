"""What the guards look at: the floors, the day's loss, and halts in force.

Nothing is written here.
"""

from datetime import datetime

from goals.decisions.guards.base import RiskState
from goals.decisions.limits import measure_daily_loss_pct, measure_fall_pct
from goals.enums import EdgeGuard, TradingState
from goals.models import Portfolio, TradingHalt
from goals.services.figures_at import FiguresAt
from goals.services.floors import read_floors


def read_risk_state(figures: FiguresAt, now: datetime) -> RiskState:
    """The conditions at the time of the figures, without a record.

    Their portfolio must be locked. They need no statement for one that was never
    halted, is above its soft limit and has no daily limit; with a daily limit at most
    one. Later entries and marks are not seen.
    """
    portfolio = figures.portfolio
    is_active = figures.at >= now and portfolio.trading_state == TradingState.ACTIVE
    halt = None
    if portfolio.last_halted_at is not None and not is_active:
        halts = TradingHalt.objects.filter(portfolio=portfolio)
        is_now = figures.at >= now
        in_force = halts.unresumed(now) if is_now else halts.in_force(figures.at)
        halt = in_force.first()
    state = read_floors(figures, now)
    floors, limits, reference = state.floors, state.limits, state.reference
    lowest = floors.lowest
    daily_loss_pct = None
    if floors.daily is not None and state.day is not None:
        daily_loss_pct = measure_daily_loss_pct(
            limits, state.day, reference.start, floors.live
        )
    return RiskState(
        drawdown_pct=measure_fall_pct(limits, reference, lowest),
        soft_drawdown_pct=limits.soft_drawdown_pct,
        hard_drawdown_pct=limits.hard_drawdown_pct,
        record=None,
        edge_guard=EdgeGuard(portfolio.edge_guard),
        halt=None if halt is None else halt.value,
        daily_loss_pct=daily_loss_pct,
        daily_loss_limit_pct=limits.daily_loss_limit_pct,
        floors=floors,
        day=state.day,
        limits=limits if limits.guards_sizes else None,
        suspected_at=portfolio.suspected_at if figures.at >= now else None,
    )


def find_halt(portfolio: Portfolio, at: datetime) -> TradingHalt | None:
    """The longest halt in force then; no statement for one that was never halted."""
    if portfolio.last_halted_at is None:
        return None
    return TradingHalt.objects.in_force(at).filter(portfolio=portfolio).first()
