"""Exact arithmetic: the quanta of the database's numeric columns, and rounding.

Python's default decimal context keeps 28 digits and rounds silently beyond; a
quantity times a price can need 64. Every exact computation therefore runs inside
`exactly`, whose context keeps enough digits for any product of two columns.
"""

from collections.abc import Callable
from decimal import (
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    getcontext,
    localcontext,
)
from functools import cache, wraps
from typing import ParamSpec, TypeVar

ZERO, ONE, HUNDRED = Decimal(0), Decimal(1), Decimal(100)
# (max digits, decimal places) of the numeric columns.
MONEY = (24, 8)
PRICE = (32, 12)
PERCENT = (14, 6)
FACTOR = (8, 4)
UNIT_VALUE = (38, 18)
# The smallest unit value buys the most units: 10**16 / 10**-18.
UNITS = (56, 18)
# What open trades carry, in money.
CARRIED = (38, 18)
# A quantity times a price, and the rest that rounding such a product to money leaves.
COST = (64, 24)
REST = (44, 36)
# A ratio that a decision looks at.
RATIO = (40, 12)
# A sum of growths (ratios), of their squares and of their cubes.
GROWTH = (40, 18)
GROWTH_SQUARE = (64, 36)
GROWTH_CUBE = (88, 54)

EXACT = Context(
    prec=150,
    rounding=ROUND_HALF_EVEN,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def exactly(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Run `function` in a decimal context that never rounds a ledger figure."""

    @wraps(function)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        if getcontext().prec == EXACT.prec:  # within another exact one
            return function(*args, **kwargs)
        with localcontext(EXACT):
            return function(*args, **kwargs)

    return run


@cache
def quantum(column: tuple[int, int]) -> Decimal:
    """The smallest step of a numeric column, e.g. 0.00000001 for money."""
    return Decimal(1).scaleb(-column[1])


@cache
def upper_bound(column: tuple[int, int]) -> Decimal:
    """The largest figure a numeric column holds."""
    digits, places = column
    with localcontext(EXACT):
        return Decimal(10) ** (digits - places) - quantum(column)


def round_to(value: Decimal, column: tuple[int, int]) -> Decimal:
    """Round half to even, as banks do, to the column's places; never to -0."""
    return EXACT.plus(EXACT.quantize(value, quantum(column)))


def round_down(value: Decimal, column: tuple[int, int]) -> Decimal:
    """Round towards zero to the column's places: a size is never rounded up."""
    return value.quantize(quantum(column), ROUND_DOWN, EXACT)


def round_down_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value` (both positive)."""
    steps = EXACT.divide(value, step).to_integral_value(ROUND_FLOOR)
    return EXACT.multiply(steps, step)


def hold_within(value: Decimal, column: tuple[int, int]) -> Decimal:
    """Hold a measured figure at the column's bound instead of overflowing it."""
    bound = upper_bound(column)
    return max(bound.copy_negate(), min(bound, value))


def fits(value: Decimal, column: tuple[int, int]) -> bool:
    """Whether the figure lies inside the column's range."""
    return value.copy_abs() <= upper_bound(column)


def format_plain(value: Decimal) -> str:
    """The shortest plain notation: 1.3000 as 1.3, 1E+3 as 1000."""
    text = f"{value:f}"  # without a precision nothing is rounded
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
