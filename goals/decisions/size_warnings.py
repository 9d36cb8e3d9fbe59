"""What a sizing answer warns of: it changes no size. Pure."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from goals.decisions.guards.base import Exposure, RiskState
from goals.decisions.guards.headroom import DAILY_FLOOR, HARD_FLOOR, measure_left
from goals.decisions.limits import FloorFigures
from goals.decisions.trade_record import FEWEST_TRADES
from mastertrade.values import in_text
from mastertrade.values.in_text import Text, call, exact, name, say
from mastertrade.values.money import exactly

HOUR_SECONDS = 3600
MINUTE_SECONDS = 60
# Marks older than this no longer say what the portfolio is worth.
STALE_MARKS_HOURS = 24
# Nor, after these, whether a live value is above a floor at the moment.
CURRENT_MARKS_MINUTES = 15
# A floor nearer than so many average losing trades is warned of.
NEAR_FLOOR_LOSSES = 2
# Decimal places of a leverage, at the least.
FEWEST_PLACES = 2
ABOVE_LIVE_EQUITY = "above_live_equity"
NO_RECORD = "no_record"
NEAR_FLOOR = "near_floor"
STALE_MARKS = "stale_marks"
CHECKED_AT_CLOSES = "checked_at_closes"
HEADROOM_BY_RECORD = "headroom_by_record"
WARNING_CODES = (
    ABOVE_LIVE_EQUITY,
    NO_RECORD,
    NEAR_FLOOR,
    STALE_MARKS,
    CHECKED_AT_CLOSES,
    HEADROOM_BY_RECORD,
)


@dataclass(frozen=True, slots=True)
class SizeWarning:
    """`code` is stable and meant for programs, `message` for people."""

    code: str
    message: Text


@exactly
def find_warnings(
    size: Decimal,
    factor: Decimal,
    exposure: Exposure,
    risk_state: RiskState,
    *,
    has_stop: bool,
) -> tuple[SizeWarning, ...]:
    """The warnings about a size (notional, after all guards) and its factor."""
    found = (
        _warn_of_leverage(size, exposure),
        _warn_of_no_record(factor, risk_state),
        _warn_of_near_floor(factor, exposure, risk_state),
        _warn_of_old_marks(exposure.oldest_mark_seconds, risk_state.floors),
        None if has_stop else _warn_of_recorded_loss(size, risk_state),
    )
    return tuple(warning for warning in found if warning is not None)


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
        say(
            "The size {} is above the live equity {}: it needs a leverage of {}. Ask "
            "about a smaller base size{}, or set the portfolio's {}.",
            exposure.in_words(size, live_equity),
            exposure.in_words(live_equity, size),
            exact(multiple),
            call(", send max_size"),
            name("max_position_pct"),
        ),
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
        say(
            "{} has {} of the {} closed trades that a record needs: the factor {} is "
            "given on the benefit of the doubt. Set the portfolio's {} to strict to "
            "hold it at 1.",
            whose,
            record.trades,
            FEWEST_TRADES,
            exact(factor),
            name("edge_guard"),
        ),
    )


def _warn_of_near_floor(
    factor: Decimal, exposure: Exposure, risk_state: RiskState
) -> SizeWarning | None:
    floors, record = risk_state.floors, risk_state.record
    if floors is None or record is None or record.losses == 0:
        return None
    loss = exposure.live_equity * factor * record.mean_loss
    floor, left, _ = measure_left(floors)
    if loss <= 0 or left >= loss * NEAR_FLOOR_LOSSES:
        return None
    return SizeWarning(
        NEAR_FLOOR,
        say(
            "The {} is {} away: {} average losing trades of {} at the factor {}. "
            "Trading stops there. Trade smaller, or set the portfolio's {}.",
            floor,
            exposure.in_words(left),
            in_text.decimals(left / loss, Decimal(NEAR_FLOOR_LOSSES)),
            exposure.in_words(loss),
            exact(factor),
            name("headroom_share_pct"),
        ),
    )


def _warn_of_old_marks(
    seconds: int | None, floors: FloorFigures | None
) -> SizeWarning | None:
    if seconds is None:
        return None
    newer = call(" Send a newer one with POST /api/positions/marks/.")
    hours, minutes = (
        (seconds - 1) // unit  # they are rounded up
        for unit in (HOUR_SECONDS, MINUTE_SECONDS)
    )
    if hours >= STALE_MARKS_HOURS:
        return SizeWarning(
            STALE_MARKS,
            say(
                "An open position was last marked more than {} hours ago: live equity "
                "and the limits are based on that price, and floors are checked at "
                "closes only.{}",
                hours,
                newer,
            ),
        )
    if minutes < CURRENT_MARKS_MINUTES or floors is None:
        return None
    tested = HARD_FLOOR if floors.daily is None else f"{HARD_FLOOR} and {DAILY_FLOOR}"
    verb = "is" if floors.daily is None else "are"
    return SizeWarning(
        CHECKED_AT_CLOSES,
        say(
            "An open position was last marked more than {} minutes ago: until a newer "
            "mark the {} {} checked at closes only.{}",
            minutes,
            tested,
            verb,
            newer,
        ),
    )


def _warn_of_recorded_loss(size: Decimal, risk_state: RiskState) -> SizeWarning | None:
    limits = risk_state.limits
    if size == 0 or limits is None or limits.headroom_share_pct is None:
        return None
    return SizeWarning(
        HEADROOM_BY_RECORD,
        say(
            "The {} is measured by the worst loss in the record at factor 1, whatever "
            "the base size is: a larger base size is not held. Give the price and the "
            "{}, and it is measured by what this trade loses.",
            name("headroom_share_pct"),
            name("stop_price"),
        ),
    )
