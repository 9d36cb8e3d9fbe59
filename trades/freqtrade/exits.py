"""Whether the figures of a bot's exit can all be right. Pure.

freqtrade gives the prices, the quantity and the profit after fees and funding. What
the profit lacks of the movement of the price must be what fees and funding can be.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import MONEY, ZERO, exactly, format_plain, round_to
from trades.decisions.lots import PositionLot
from trades.decisions.pnl import Rates, measure_exact_profit
from trades.enums import Side
from trades.freqtrade.messages import FillMessage

# freqtrade sells what the wallet has, if that is at least 98 % of the trade.
QUANTITY_TOLERANCE = Decimal("0.02")
PRICE_TOLERANCE = Decimal("0.001")
# More than any venue takes of each side's value, and of a position each day.
MOST_FEES, MOST_FUNDING = Decimal("0.02"), Decimal("0.01")
# The profit of one exit and the difference of the sums are reckoned in floats.
FLOAT_RATIO, FLOAT_STEP = Decimal("0.000001"), Decimal("0.000001")
WAY_OUT = "Nothing was booked: import the bot's database, which has the orders."


@exactly
def refuse_contradiction(
    message: FillMessage, part: PositionLot, booked: Decimal | None
) -> None:
    """Raise `InvalidInput` for the first figure that contradicts the others.

    `part` is what the exit closes, `booked` the profit of the exits before it, None
    without any.
    """
    _refuse_times_and_sizes(message, part)
    gross = measure_exact_profit(
        side=message.side,
        lot=replace(part, entry_fees=ZERO, funding=ZERO),
        exit_price=message.price,
        exit_fees=ZERO,
        rates=Rates(),
    )
    turnover = part.exact_cost + part.quantity * message.price
    funded = _most_funding(message, part)
    profits = list(_profits(message, booked))
    for name, profit in profits:
        is_nothing = profit == 0 and round_to(gross, MONEY) != 0
        if is_nothing or abs(gross - profit) > turnover * MOST_FEES + funded:
            raise InvalidInput(
                name,
                f"makes the exit's profit {format_plain(profit)}, but its prices make "
                f"{format_plain(gross)} before fees. {WAY_OUT}",
            )
    # Funding of the whole trade is in the profit of every exit.
    apart = turnover * FLOAT_RATIO + FLOAT_STEP + (funded if booked is not None else 0)
    if len(profits) == 2 and abs(profits[0][1] - profits[1][1]) > apart:
        (sums, by_sums), (alone, by_itself) = profits
        raise InvalidInput(
            sums,
            f"makes the exit's profit {format_plain(by_sums)}, but {alone} says "
            f"{format_plain(by_itself)}. {WAY_OUT}",
        )


def _profits(
    message: FillMessage, booked: Decimal | None
) -> Iterable[tuple[str, Decimal]]:
    """What the message says this exit made, by the field that says so."""
    if message.profit_so_far is not None:
        yield "cumulative_profit", message.profit_so_far - (booked or ZERO)
    if message.profit is not None:
        yield "profit_amount", message.profit


def _refuse_times_and_sizes(message: FillMessage, part: PositionLot) -> None:
    if message.closed_at is not None and message.closed_at < message.opened_at:
        raise InvalidInput("close_date", f"is before open_date. {WAY_OUT}")
    if abs(message.quantity - part.quantity) > part.quantity * QUANTITY_TOLERANCE:
        raise InvalidInput(
            "amount",
            f"is {format_plain(message.quantity)}, but the final exit leaves "
            f"{format_plain(part.quantity)}. {WAY_OUT}",
        )
    opened = message.open_rate
    average = part.exact_cost / part.quantity
    if opened is not None and abs(opened - average) > average * PRICE_TOLERANCE:
        raise InvalidInput(
            "open_rate",
            f"is {format_plain(opened)}, but the trade was entered at "
            f"{format_plain(average)}.",
        )


def _most_funding(message: FillMessage, part: PositionLot) -> Decimal:
    """None on spot; freqtrade writes contracts as BTC/USDT:USDT."""
    if ":" not in message.symbol and message.side is Side.LONG:
        return ZERO
    held = (message.closed_at or message.opened_at) - message.opened_at
    days = held // timedelta(days=1) + 1
    return part.exact_cost * MOST_FUNDING * days
