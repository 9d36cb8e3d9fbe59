"""What a portfolio's days come to: falls below the peak, days, the rate money earned.

Pure. A rate of money is found in floats and given to six places of a percent.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np

from mastertrade.values.money import HUNDRED, ONE, PERCENT, ZERO, exactly, round_to

YEAR = timedelta(days=365)
# What one of money may have become over the whole time, to be found.
LEAST_GROWTH, MOST_GROWTH = 1e-6, 1e6
# Places at which a change of sign is looked for, and halvings of where it is.
PLACES, HALVINGS = 400, 80


@dataclass(frozen=True, slots=True)
class Flow:
    """Money put in (positive) or taken out at a time."""

    at: datetime
    amount: Decimal


@dataclass(frozen=True, slots=True)
class MoneyWeighted:
    """The internal rate of return, in percent: of the whole time, and by year.

    `yearly_pct` is None where the time is shorter than a year: ten good days are no
    year. `reason` says in words why there is no rate, where both are None.
    """

    pct: Decimal | None
    yearly_pct: Decimal | None = None
    reason: str = ""


def money_weighted_return(
    flows: Sequence[Flow], value: Decimal, until: datetime
) -> MoneyWeighted:
    """The one rate at which the flows, each from its time on, grew to `value`.

    Solves Σ amount · g^(share of the whole time that was left) = value for g, what one
    of money became over the whole time, between 10⁻⁶ and 10⁶. There are no more
    solutions than the amounts, the value taken from them at last, change their sign
    (Descartes). The sign of the excess is looked at on a grid, and where those amounts
    change theirs more than once at each of its turning points besides; where it changes
    once it is bisected. NumPy has no solver, and those of `numpy-financial` (equal
    periods) and SciPy answer with one rate of several without saying so. `flows` in
    order of time; `until` is when `value` was counted.
    """
    put_in = [flow for flow in flows if flow.amount]
    if not put_in:
        return MoneyWeighted(None, reason="No money was put in yet.")
    span = until - put_in[0].at
    if span <= timedelta(0):
        return MoneyWeighted(None, reason="No time has passed since the first money.")
    if value == 0 and all(flow.amount > 0 for flow in put_in):
        return MoneyWeighted(-HUNDRED, -HUNDRED if span >= YEAR else None)
    amounts = np.array([float(flow.amount) for flow in put_in] + [-float(value)])
    left = np.array([(until - flow.at) / span for flow in put_in] + [0.0])

    def excess(growth: float) -> float:
        return float(amounts @ np.exp(growth * left))

    def slope(growth: float) -> float:
        return float((amounts * left) @ np.exp(growth * left))

    places = np.linspace(np.log(LEAST_GROWTH), np.log(MOST_GROWTH), PLACES).tolist()
    turned = np.sign(amounts[amounts != 0])
    if np.count_nonzero(turned[:-1] != turned[1:]) > 1:
        places = sorted([*places, *_find_zeros(slope, places)])
    found = _find_zeros(excess, places)
    if len(found) > 1:
        return MoneyWeighted(
            None, reason="More than one rate fits these deposits and withdrawals."
        )
    if not found:
        return MoneyWeighted(
            None, reason="No rate fits these deposits and withdrawals."
        )
    return _rate(found[0], span)


def _find_zeros(
    function: Callable[[float], float], places: Sequence[float]
) -> list[float]:
    """Where it is 0 at a place, or changes its sign between two."""
    signs = [np.sign(function(place)) for place in places]
    found = [place for place, sign in zip(places, signs, strict=True) if sign == 0]
    for (low, below), (high, above) in pairwise(zip(places, signs, strict=True)):
        if below * above < 0:
            found.append(_bisect(function, low, high, below))
    return sorted(found)


def _bisect(
    function: Callable[[float], float], low: float, high: float, below: float
) -> float:
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if np.sign(function(middle)) == below:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _rate(growth: float, span: timedelta) -> MoneyWeighted:
    yearly = growth / (span / YEAR)
    return MoneyWeighted(_percent(growth), _percent(yearly) if span >= YEAR else None)


def _percent(growth: float) -> Decimal:
    return round_to(Decimal(float(np.expm1(growth))) * HUNDRED, PERCENT)


@dataclass(frozen=True, slots=True)
class DayValue:
    """What a unit was worth after a day's last close, and the highest value so far."""

    day: date
    unit_value: Decimal
    peak: Decimal


@exactly
def fall_pct(one: DayValue) -> Decimal:
    """How far below the peak, in percent, positive."""
    if one.peak <= 0:
        return ZERO
    return round_to((ONE - one.unit_value / one.peak) * HUNDRED, PERCENT)


def deepest(days: Iterable[DayValue]) -> DayValue | None:
    """The day that ended furthest below the peak; the first of equal ones."""
    return max(days, key=fall_pct, default=None)


@exactly
def unit_return_pct(unit_value: Decimal) -> Decimal:
    """What a unit made in percent; it was worth 1 at first."""
    return round_to((unit_value - ONE) * HUNDRED, PERCENT)


@dataclass(frozen=True, slots=True)
class DayProfit:
    """What closed trades made on a day, and how many closes that were."""

    day: date
    profit: Decimal
    closes: int


@dataclass(frozen=True, slots=True)
class MonthSum:
    """A month's days: days without a close are neither up nor down."""

    profit: Decimal
    up: int
    down: int
    best: DayProfit | None
    worst: DayProfit | None


@exactly
def sum_month(days: Sequence[DayProfit]) -> MonthSum:
    """`best` only where a day was up, `worst` only where one was down."""
    traded = [one for one in days if one.closes]
    up = [one for one in traded if one.profit > 0]
    down = [one for one in traded if one.profit < 0]
    return MonthSum(
        profit=sum((one.profit for one in days), ZERO),
        up=len(up),
        down=len(down),
        best=max(up, key=lambda one: one.profit, default=None),
        worst=min(down, key=lambda one: one.profit, default=None),
    )


@exactly
def profits_by_day(
    rows: Sequence[tuple[date, Decimal, int]],
) -> list[DayProfit]:
    """From (day, running profit at its end, closes), in order; days may repeat.

    The running profit begins at 0.
    """
    found: dict[date, DayProfit] = {}
    before = [(date.min, ZERO, 0), *rows]
    for (_, was, _), (day, now, closes) in pairwise(before):
        so_far = found.get(day, DayProfit(day, ZERO, 0))
        found[day] = DayProfit(day, so_far.profit + now - was, so_far.closes + closes)
    return list(found.values())
