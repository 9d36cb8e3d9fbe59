"""Guards: each can only lower the factor, and says why. Pure.

What a guard needs and cannot be read is an error, never a guess: fail closed.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from goals.decisions.arbitration import GoalFactor, GoalState
from goals.decisions.trade_record import FEWEST_TRADES, GrowthRecord
from goals.enums import EdgeGuard, HaltCause
from mastertrade.values import in_text
from mastertrade.values.exceptions import DomainError
from mastertrade.values.money import FACTOR, exactly, format_plain, round_down

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class GuardResult:
    """What one guard did to the factor, and why."""

    name: str
    factor_before: Decimal
    factor_after: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Exposure:
    """What the exposure guard needs to know of the portfolio.

    Money in the portfolio's `currency`, which only the reasons need. `open_notional`
    is that of the symbol asked about; without a symbol, of the symbol that has the most
    (`symbol_assumed`): not knowing must not be cheaper than knowing.
    `oldest_mark_seconds`: the age of the oldest last mark of an open position, rounded
    up; None where none is open.
    """

    live_equity: Decimal
    max_position_pct: Decimal | None
    open_notional: Decimal | None
    symbol_assumed: bool = False
    oldest_mark_seconds: int | None = None
    currency: str = ""

    def in_words(self, amount: Decimal, against: Decimal | None = None) -> str:
        return in_text.money(amount, self.currency, against)


@dataclass(frozen=True, slots=True)
class SizeCap:
    """A largest notional size, in the portfolio's currency, and where it comes from."""

    size: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Halt:
    """Trading is halted: since when, until when (None: until a person resumes), why."""

    cause: HaltCause
    since: datetime
    until: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class RiskState:
    """What the drawdown and the edge guard look at. Percentages.

    `drawdown_pct` is the fall below the guard's reference peak, the worse of realised
    and live; `daily_loss_pct` that of the live unit value since local midnight. None
    means that it could not be read. `record` is that of the strategy named by
    `record_of`, or without one the portfolio's; None: it was not read.
    """

    drawdown_pct: Decimal | None
    soft_drawdown_pct: Decimal
    hard_drawdown_pct: Decimal
    record: GrowthRecord | None
    edge_guard: EdgeGuard = EdgeGuard.BENEFIT_OF_DOUBT
    halt: Halt | None = None
    daily_loss_pct: Decimal | None = None
    daily_loss_limit_pct: Decimal | None = None
    record_of: str | None = None


class DrawdownUnknown(DomainError):
    """The fall below the reference peak could not be read."""

    code = "drawdown_unknown"


class DailyLossUnknown(DomainError):
    """What the portfolio was worth at local midnight could not be read."""

    code = "daily_loss_unknown"


class RecordUnknown(DomainError):
    """The record of closed trades could not be read."""

    code = "record_unknown"


class ExposureUnknown(DomainError):
    """The open notional could not be read, so no size is safe: fail closed."""

    code = "exposure_unknown"


def guard_bounds(own: GoalFactor, goals: tuple[GoalState, ...]) -> GuardResult:
    """Every goal's limits: the tightest `max_factor`, and a stop after success.

    It starts from what the deciding goal's policy gave, lifted to its `min_factor`.
    """
    stopping = [goal.goal_id for goal in goals if goal.stops_trading]
    if stopping:
        reason = (
            f"goal {stopping[0]} is achieved and stops trading until its period ends"
        )
        return GuardResult("bounds", own.floored_factor, Decimal(0), reason)
    tightest = min(goals, key=lambda goal: (goal.max_factor, goal.goal_id))
    after = min(own.factor, tightest.max_factor)
    reason = "inside the bounds"
    if after < own.floored_factor:
        reason = f"held at goal {tightest.goal_id}'s max_factor {format_plain(after)}"
    return GuardResult("bounds", own.floored_factor, after, reason)


def find_halt_reason(risk_state: RiskState) -> str | None:
    """Why nothing may be traded; None where the drawdown guard lets trading be."""
    halt = risk_state.halt
    if halt is not None:
        until = "a person resumes it" if halt.until is None else f"{halt.until:%FT%TZ}"
        return f"trading is halted since {halt.since:%FT%TZ} until {until}: " + (
            halt.reason
        )
    return find_hard_breach(risk_state) or find_daily_breach(risk_state)


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


def guard_drawdown(factor: Decimal, risk_state: RiskState) -> GuardResult:
    """Nothing while trading is halted; no factor above 1 from the soft limit on."""
    halted = find_halt_reason(risk_state)
    if halted is not None:
        return GuardResult("drawdown", factor, ZERO, halted)
    drawdown, soft = risk_state.drawdown_pct or ZERO, risk_state.soft_drawdown_pct
    fallen = f"drawdown {in_text.percent(drawdown, soft)}"
    if drawdown < soft:
        reason = f"{fallen} is below soft_drawdown_pct {format_plain(soft)} %"
        return GuardResult("drawdown", factor, factor, reason)
    reason = (
        f"{fallen} reached soft_drawdown_pct {format_plain(soft)} %: no factor above 1"
    )
    return GuardResult("drawdown", factor, min(factor, ONE), reason)


def guard_edge(factor: Decimal, risk_state: RiskState) -> GuardResult:
    """No factor above 1 where the record of closed trades speaks against it."""
    record = risk_state.record
    if record is None:
        raise RecordUnknown("The record of closed trades could not be read.")
    whose = "the portfolio"
    if risk_state.record_of is not None:
        whose = f"strategy {risk_state.record_of}"
    trades = f"{record.trades} closed trade" + ("" if record.trades == 1 else "s")
    if record.judged:
        bound = f"80 % lower bound {in_text.ratio(record.lower)} per trade"
        reason = f"{whose} has {trades}, {bound}"
        held = record.lower <= 0
    else:
        reason = f"{whose} has {trades}, below {FEWEST_TRADES}: {risk_state.edge_guard}"
        held = risk_state.edge_guard is EdgeGuard.STRICT
    if held:
        return GuardResult(
            "edge", factor, min(factor, ONE), f"{reason}: no factor above 1"
        )
    return GuardResult("edge", factor, factor, reason)


def cap_by_max_size(max_size: Decimal | None) -> SizeCap | None:
    """The caller's own limit."""
    if max_size is None:
        return None
    return SizeCap(max_size, f"max_size {format_plain(max_size)}")


@exactly
def cap_by_position(exposure: Exposure) -> SizeCap | None:
    """What `max_position_pct` of live equity leaves next to the open notional."""
    if exposure.max_position_pct is None:
        return None
    if exposure.open_notional is None:
        raise ExposureUnknown("The open notional of this portfolio could not be read.")
    allowed = exposure.live_equity * exposure.max_position_pct / HUNDRED
    room = max(allowed - exposure.open_notional, Decimal(0))
    whose = "of the largest open symbol" if exposure.symbol_assumed else "already open"
    figures = (exposure.live_equity, allowed, exposure.open_notional)
    equity, most, held = (exposure.in_words(figure) for figure in figures)
    reason = (
        f"max_position_pct {format_plain(exposure.max_position_pct)} % of live equity "
        f"{equity} allows {most}, {held} {whose}"
    )
    return SizeCap(room, reason)


@exactly
def guard_exposure(
    factor: Decimal, base_size: Decimal, caps: tuple[SizeCap, ...], currency: str = ""
) -> GuardResult:
    """Lower the factor so that `base_size` times it stays within the tightest cap.

    The factor is rounded down to its four places, the size itself is not.
    """
    if not caps:
        return GuardResult("exposure", factor, factor, "no size limit is set")
    tightest = min(caps, key=lambda cap: cap.size)
    if base_size * factor <= tightest.size:
        reason = f"within {tightest.reason}"
        return GuardResult("exposure", factor, factor, reason)
    after = min(factor, round_down(tightest.size / base_size, FACTOR))
    held = in_text.money(tightest.size, currency)
    reason = f"held at {held}: {tightest.reason}"
    return GuardResult("exposure", factor, after, reason)
