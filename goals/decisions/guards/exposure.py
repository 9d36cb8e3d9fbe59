"""How much may be open: the portfolio's limit of a position, the caller's. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from goals.decisions.guards.base import (
    NO_SIZE_LIMIT,
    Exposure,
    GuardAnswer,
    SizingInputs,
)
from mastertrade.values import in_text
from mastertrade.values.exceptions import DomainError
from mastertrade.values.in_text import Text, name, say, setting
from mastertrade.values.money import FACTOR, HUNDRED, exactly, round_down


@dataclass(frozen=True, slots=True)
class SizeCap:
    """A largest notional size, in the portfolio's currency, and where it comes from."""

    size: Decimal
    reason: Text


class ExposureUnknown(DomainError):
    """The open notional could not be read, so no size is safe: fail closed."""

    code = "exposure_unknown"


def guard_exposure(factor: Decimal, inputs: SizingInputs) -> GuardAnswer:
    """Hold the size within `max_position_pct` and the caller's `max_size`."""
    currency = inputs.exposure.currency
    found = (
        cap_by_position(inputs.exposure),
        cap_by_max_size(inputs.request.max_size, currency),
    )
    caps = tuple(cap for cap in found if cap is not None)
    return hold_within_caps(factor, inputs.base_size, caps, currency)


def cap_by_max_size(max_size: Decimal | None, currency: str = "") -> SizeCap | None:
    """The caller's own limit."""
    if max_size is None:
        return None
    most = in_text.money(max_size, currency)
    return SizeCap(max_size, say("{} {}", name("max_size"), most))


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
    shown = (exposure.in_words(figure) for figure in figures)
    limit = setting("max_position_pct", exposure.max_position_pct)
    reason = say("{} of live equity {} allows {}, {} {}", limit, *shown, whose)
    return SizeCap(room, reason)


@exactly
def hold_within_caps(
    factor: Decimal, base_size: Decimal, caps: tuple[SizeCap, ...], currency: str = ""
) -> GuardAnswer:
    """Lower the factor so that `base_size` times it stays within the tightest cap.

    The factor is rounded down to its four places, the size itself is not: one that an
    earlier guard holds may be above `base_size` times the factor.
    """
    if not caps:
        return GuardAnswer(factor, NO_SIZE_LIMIT)
    tightest = min(caps, key=lambda cap: cap.size)
    if base_size * factor <= tightest.size:
        reason = say("within {}", tightest.reason)
        return GuardAnswer(factor, reason, tightest.size)
    after = min(factor, round_down(tightest.size / base_size, FACTOR))
    held = in_text.money(tightest.size, currency)
    reason = say("held at {}: {}", held, tightest.reason)
    return GuardAnswer(after, reason, tightest.size)
