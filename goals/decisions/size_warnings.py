"""What a sizing answer warns of: it changes no size. Pure."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from goals.decisions.guards.base import Exposure, RiskState
from goals.decisions.trade_record import FEWEST_TRADES
from mastertrade.values.money import exactly, format_plain

HOUR_SECONDS = 3600
# Marks older than this no longer say what the portfolio is worth.
STALE_MARKS_HOURS = 24
# Decimal places of a leverage, at the least.
FEWEST_PLACES = 2
ABOVE_LIVE_EQUITY = "above_live_equity"
NO_RECORD = "no_record"
STALE_MARKS = "stale_marks"
WARNING_CODES = (ABOVE_LIVE_EQUITY, NO_RECORD, STALE_MARKS)


@dataclass(frozen=True, slots=True)
class SizeWarning:
    """`code` is stable and meant for programs, `message` for people."""

    code: str
    message: str


def find_warnings(
    size: Decimal, factor: Decimal, exposure: Exposure, risk_state: RiskState
) -> tuple[SizeWarning, ...]:
    """The warnings about a size (notional, after all guards) and its factor."""
    found = (
        _warn_of_leverage(size, exposure),
        _warn_of_no_record(factor, risk_state),
        _warn_of_old_marks(exposure.oldest_mark_seconds),
    )
    return tuple(warning for warning in found if warning is not None)


@exactly
def _warn_of_leverage(size: Decimal, exposure: Exposure) -> SizeWarning | None:
    live_equity = exposure.live_equity
    if size == 0 or size <= live_equity:
        return None
    multiple = size / live_equity
    # Two digits of what is above 1, rounded up: less would not do.
    places = max(FEWEST_PLACES, 1 - (multiple - 1).adjusted())
    multiple = multiple.quantize(Decimal(1).scaleb(-places), ROUND_CEILING)
    return SizeWarning(
        ABOVE_LIVE_EQUITY,
        f"The size {exposure.in_words(size, live_equity)} is above the live equity "
        f"{exposure.in_words(live_equity, size)}: it needs a leverage of "
        f"{format_plain(multiple)}. Ask about a smaller base_size, send max_size, or "
        "set the portfolio's max_position_pct.",
    )


def _warn_of_no_record(factor: Decimal, risk_state: RiskState) -> SizeWarning | None:
    record = risk_state.record
    if factor <= 1 or record is None or record.judged:
        return None
    whose = "The portfolio"
    if risk_state.record_of is not None:
        whose = f"Strategy {risk_state.record_of}"
    return SizeWarning(
        NO_RECORD,
        f"{whose} has {record.trades} of the {FEWEST_TRADES} closed trades that a "
        f"record needs: the factor {format_plain(factor)} is given on the benefit of "
        "the doubt. Set the portfolio's edge_guard to strict to hold it at 1.",
    )


def _warn_of_old_marks(seconds: int | None) -> SizeWarning | None:
    if seconds is None or seconds <= STALE_MARKS_HOURS * HOUR_SECONDS:
        return None
    hours = (seconds - 1) // HOUR_SECONDS  # they are rounded up
    return SizeWarning(
        STALE_MARKS,
        f"An open position was last marked more than {hours} hours ago: live equity "
        "and the limits are based on that price. Send a newer one with POST "
        "/api/positions/marks/.",
    )
