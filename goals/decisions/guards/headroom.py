"""What a trade may lose, of what is left to the nearest floor. Pure.

left = value - floor - what the open trades lose at their stops
loss of this trade at its stop <= left * headroom_share_pct / 100
"""

from decimal import Decimal

from goals.decisions.guards.base import (
    NO_HEADROOM_SHARE,
    GuardAnswer,
    OpenRisk,
    SizingInputs,
)
from goals.decisions.guards.exposure import SizeCap, hold_within_caps
from goals.decisions.limits import FloorFigures
from mastertrade.values import in_text
from mastertrade.values.exceptions import DomainError
from mastertrade.values.in_text import Text, say, setting
from mastertrade.values.money import HUNDRED, ONE, ZERO, exactly

HARD_FLOOR = "hard drawdown floor"
DAILY_FLOOR = "daily loss floor"
NOTHING_OPEN = OpenRisk(ZERO, ZERO)


class HeadroomUnknown(DomainError):
    """The floors or the open trades' losses could not be read: fail closed."""

    code = "headroom_unknown"


class StopPriceRequired(DomainError):
    """What the trade may lose is unknown: there is no stop, and no record of losses."""

    code = "stop_price_required"


def guard_headroom(factor: Decimal, inputs: SizingInputs) -> GuardAnswer:
    """Hold the size so that its loss takes at most its share of what is left."""
    limits = inputs.risk_state.limits
    share = None if limits is None else limits.headroom_share_pct
    if share is None:
        return GuardAnswer(factor, NO_HEADROOM_SHARE)
    if factor == 0:
        return GuardAnswer(factor, Text("nothing is traded"))
    return _hold_share(factor, inputs, share)


@exactly
def _hold_share(factor: Decimal, inputs: SizingInputs, share: Decimal) -> GuardAnswer:
    exposure, request = inputs.exposure, inputs.request
    floors, open_risk = inputs.risk_state.floors, exposure.open_risk
    if floors is None or open_risk is None:
        raise HeadroomUnknown(
            "What is left to the floors of this portfolio could not be read."
        )
    worst = measure_worst_loss(inputs)
    floor, left, at_risk = measure_left(floors, open_risk, worst)
    allowed = left * share / HUNDRED
    if request.stop_price is not None:
        size = request.measure_size(allowed)
        lost = in_text.ratio(request.measure_loss(ONE))
        loses = say("at its stop the trade loses {} of its size", lost)
    elif worst is None:
        raise StopPriceRequired(
            "headroom_share_pct is set, and neither the trade's stop nor a record with "
            "a loss says what it may lose: send price and stop_price.",
            on_page="Give the trade's stop: no losing trade shows what it may lose.",
        )
    else:
        size = inputs.base_size * allowed / worst
        lost = exposure.in_words(worst)
        loses = say("the worst recorded loss is {} at factor 1", lost)
    limit, room = setting("headroom_share_pct", share), exposure.in_words(left)
    reason = say("{} of the {} left to the {}", limit, room, floor)
    if at_risk > 0:
        risked = exposure.in_words(at_risk)
        reason = say("{} after {} that open trades may lose", reason, risked)
    caps = (SizeCap(size, say("{}; {}", reason, loses)),)
    return hold_within_caps(factor, inputs.base_size, caps, exposure.currency)


@exactly
def measure_worst_loss(inputs: SizingInputs) -> Decimal | None:
    """The worst recorded loss at factor 1, in money; None without a record of losses.

    The record is that which the edge guard judges.
    """
    record = inputs.risk_state.record
    if record is None or not record.judged or record.worst >= 0:
        return None
    loss = -record.worst * inputs.exposure.live_equity
    return loss if loss > 0 else None


@exactly
def measure_left(
    floors: FloorFigures,
    open_risk: OpenRisk = NOTHING_OPEN,
    worst: Decimal | None = None,
) -> tuple[str, Decimal, Decimal]:
    """The nearest floor's name, the money left to it, and what open trades may lose.

    The closed value loses what each trade loses from its entry, as the trades that win
    may be closed last; the live value what each loses from its mark, which alone counts
    where the floor is tested by it. An open trade without a stop may lose `worst` times
    its factor, a LONG its notional at most; all of its notional without a `worst`.
    """
    unstopped = open_risk.notional_without_stop
    if worst is not None:
        spared = (
            max(worst - longs.base_size, ZERO) * longs.factors
            for longs in open_risk.longs_without_stop
        )
        unstopped = worst * open_risk.factors_without_stop - sum(spared, ZERO)
    of_closed, of_live = open_risk.closed + unstopped, open_risk.live + unstopped
    money = floors.money_per_value
    rooms = [((floors.live - floors.hard) * money - of_live, HARD_FLOOR, of_live)]
    if not (floors.by_live and floors.is_live):
        room = (floors.closed - floors.hard) * money - of_closed
        rooms.insert(0, (room, HARD_FLOOR, of_closed))
    if floors.daily is not None:
        rooms.append(
            ((floors.live - floors.daily) * money - of_live, DAILY_FLOOR, of_live)
        )
    room, floor, at_risk = min(rooms, key=lambda one: one[0])
    return floor, max(room, ZERO), at_risk
