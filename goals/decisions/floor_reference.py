"""What a person says a floor is measured from, in money. Pure."""

from dataclasses import dataclass, replace
from decimal import Decimal

from goals.decisions.limits import (
    FloorReference,
    Limits,
    lock_value,
    measure_floor,
    raise_peak,
)
from goals.enums import DrawdownMode, DrawdownOf
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.in_text import Text, exact_money, say
from mastertrade.values.money import (
    HUNDRED,
    MONEY,
    ONE,
    UNIT_VALUE,
    exactly,
    fits,
    round_to,
)


@dataclass(frozen=True, slots=True)
class GivenReference:
    """What a person says the floor is measured from, in money; None: not given.

    `floor_equity` is where the hard floor is now.
    """

    start_equity: Decimal | None = None
    peak_equity: Decimal | None = None
    floor_equity: Decimal | None = None


@exactly
def reference_in_money(
    limits: Limits, reference: FloorReference, per_value: Decimal
) -> GivenReference:
    """What the floor is measured from and where it is; `per_value` makes money."""
    return GivenReference(
        *(
            round_to(value * per_value, MONEY)
            for value in (
                reference.start,
                reference.peak,
                measure_floor(limits, reference),
            )
        )
    )


@exactly
def adjust_reference(
    limits: Limits, reference: FloorReference, given: GivenReference, per_value: Decimal
) -> FloorReference:
    """The reference with what a person says of it; the rest stays.

    `per_value` makes money of a value. Under `static` start and peak are one. Raises
    `InvalidInput` for `floor_reference` where no floor could be so.
    """
    if per_value <= 0:
        raise _wrong("the portfolio holds no money yet. Make a deposit first.")
    start = _value_of("start_equity", given.start_equity, per_value)
    peak = _value_of("peak_equity", given.peak_equity, per_value)
    floor = _value_of("floor_equity", given.floor_equity, per_value)
    if floor is not None and peak is not None:
        raise _wrong("floor_equity follows from peak_equity: give one of the two.")
    if limits.drawdown_mode is DrawdownMode.STATIC:
        start = peak = _static_start(limits, reference, start, peak, floor)
    start = reference.start if start is None else start
    if peak is None:
        peak = max(reference.peak, start)
        if floor is not None:
            peak = _peak_above(limits, floor, start)
    adjusted = replace(reference, start=start, peak=peak, locked=False)
    _refuse_impossible(limits, adjusted, floor, per_value)
    return raise_peak(limits, adjusted, peak)


def _static_start(
    limits: Limits,
    reference: FloorReference,
    start: Decimal | None,
    peak: Decimal | None,
    floor: Decimal | None,
) -> Decimal:
    given = [one for one in (start, peak, floor) if one is not None]
    if len(given) > 1:
        raise _wrong(
            "with drawdown_mode static start, peak and floor follow from each other: "
            "give one of the three."
        )
    if floor is not None:
        return _peak_above(limits, floor, None)
    return given[0] if given else reference.start


def _refuse_impossible(
    limits: Limits,
    reference: FloorReference,
    floor: Decimal | None,
    per_value: Decimal,
) -> None:
    def money(value: Decimal) -> Text:
        return exact_money(round_to(value * per_value, MONEY))

    if reference.peak < reference.start:
        what, lowest, highest = "peak_equity", reference.start, reference.peak
        if floor is not None:
            what = "floor_equity"
            lowest = measure_floor(limits, replace(reference, peak=reference.start))
            highest = _peak_above(limits, floor, None)
        raise _wrong(
            say(
                "with that {} the peak is {}, below the start's {}. Give a {} of {} or "
                "more, or a start_equity of {} or less with it.",
                what,
                money(reference.peak),
                money(reference.start),
                what,
                money(lowest),
                money(highest),
            )
        )
    lock = lock_value(limits, reference)
    if floor is not None and lock is not None and floor > lock:
        raise _wrong(
            say(
                "floor_equity is above {}, where the floor locks (drawdown_locks_at "
                "times the start). Give the start_equity it belongs to.",
                money(lock),
            )
        )


def _wrong(words: str) -> InvalidInput:
    return InvalidInput("floor_reference", words)


def _value_of(name: str, money: Decimal | None, per_value: Decimal) -> Decimal | None:
    if money is None:
        return None
    if money <= 0:
        raise _wrong(f"{name} must be above 0.")
    value = round_to(money / per_value, UNIT_VALUE)
    if value == 0 or not fits(value, UNIT_VALUE):
        raise _wrong(f"{name} is out of range.")
    return value


def _peak_above(limits: Limits, floor: Decimal, start: Decimal | None) -> Decimal:
    """The peak whose hard floor this is; `start` None: the start is the peak."""
    share = limits.hard_drawdown_pct / HUNDRED
    if limits.drawdown_of is DrawdownOf.START and start is not None:
        return round_to(floor + start * share, UNIT_VALUE)
    if share == 1:
        raise _wrong("floor_equity: with hard_drawdown_pct 100 the floor is 0.")
    return round_to(floor / (ONE - share), UNIT_VALUE)
