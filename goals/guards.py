"""Guards: each can only lower the factor, and says why. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from goals.arbitration import GoalFactor, GoalStanding
from mastertrade.exceptions import DomainError
from mastertrade.money import FACTOR, exactly, format_plain, round_down

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

    Money in the portfolio's currency. `open_notional` is that of the symbol asked
    about; without a symbol, of the symbol that has the most (`symbol_assumed`): not
    knowing must not be cheaper than knowing.
    """

    live_equity: Decimal
    max_position_pct: Decimal | None
    open_notional: Decimal | None
    symbol_assumed: bool = False


@dataclass(frozen=True, slots=True)
class SizeCap:
    """A largest notional size, in the portfolio's currency, and where it comes from."""

    size: Decimal
    reason: str


class ExposureUnknown(DomainError):
    """The open notional could not be read, so no size is safe: fail closed."""

    code = "exposure_unknown"


def guard_bounds(own: GoalFactor, goals: tuple[GoalStanding, ...]) -> GuardResult:
    """Every goal's limits: the tightest `max_factor`, and a stop after success.

    It starts from what the deciding goal's policy gave, lifted to its `min_factor`.
    """
    stopping = [goal.goal_id for goal in goals if goal.stops_trading]
    if stopping:
        reason = (
            f"goal {stopping[0]} is achieved and stops trading until its period ends"
        )
        return GuardResult("bounds", own.lifted_factor, Decimal(0), reason)
    tightest = min(goals, key=lambda goal: (goal.max_factor, goal.goal_id))
    after = min(own.factor, tightest.max_factor)
    reason = "inside the bounds"
    if after < own.lifted_factor:
        reason = f"held at goal {tightest.goal_id}'s max_factor {format_plain(after)}"
    return GuardResult("bounds", own.lifted_factor, after, reason)


def cap_by_max_size(max_size: Decimal | None) -> SizeCap | None:
    """The caller's own limit."""
    if max_size is None:
        return None
    return SizeCap(max_size, f"max_size {format_plain(max_size)}")


@exactly
def cap_by_position(exposure: Exposure) -> SizeCap | None:
    """What `max_position_pct` of live equity leaves beside the open notional."""
    if exposure.max_position_pct is None:
        return None
    if exposure.open_notional is None:
        raise ExposureUnknown("The open notional of this portfolio could not be read.")
    allowed = exposure.live_equity * exposure.max_position_pct / HUNDRED
    room = max(allowed - exposure.open_notional, Decimal(0))
    whose = "of the largest open symbol" if exposure.symbol_assumed else "already open"
    reason = (
        f"max_position_pct {format_plain(exposure.max_position_pct)} % of live equity "
        f"{format_plain(exposure.live_equity)} allows {format_plain(allowed)}, "
        f"{format_plain(exposure.open_notional)} {whose}"
    )
    return SizeCap(room, reason)


@exactly
def guard_exposure(
    factor: Decimal, base_size: Decimal, caps: tuple[SizeCap, ...]
) -> GuardResult:
    """Lower the factor so that `base_size` times it stays within the tightest cap.

    The factor is rounded down to its four places, the size itself is not.
    """
    if not caps:
        return GuardResult("exposure", factor, factor, "no limit of size is set")
    tightest = min(caps, key=lambda cap: cap.size)
    if base_size * factor <= tightest.size:
        reason = f"within {tightest.reason}"
        return GuardResult("exposure", factor, factor, reason)
    after = min(factor, round_down(tightest.size / base_size, FACTOR))
    reason = f"held at {format_plain(tightest.size)}: {tightest.reason}"
    return GuardResult("exposure", factor, after, reason)
