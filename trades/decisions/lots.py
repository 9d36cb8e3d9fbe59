"""What a trade holds open: taking a part of it, adding to it. Pure and exact.

Whatever is taken and whatever stays add up to what was there, to the last digit.
"""

from dataclasses import dataclass
from decimal import Decimal

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import (
    COST,
    MONEY,
    PRICE,
    ZERO,
    exactly,
    fits,
    round_down,
    round_to,
)


@dataclass(frozen=True, slots=True)
class PositionLot:
    """An open quantity and what came with it.

    `quantity` in units of the symbol, `entry_price` and `funding` (received positive)
    in the quote currency, `entry_fees` in the fee currency. `cost` in the quote
    currency where `entry_price` is a rounded average; None where it is exact.
    """

    quantity: Decimal
    entry_price: Decimal
    cost: Decimal | None = None
    entry_fees: Decimal = ZERO
    funding: Decimal = ZERO

    @property
    def exact_cost(self) -> Decimal:
        """What the quantity cost; exact inside `mastertrade.values.money.exactly`."""
        return self.quantity * self.entry_price if self.cost is None else self.cost


@exactly
def split_lot(lot: PositionLot, quantity: Decimal) -> tuple[PositionLot, PositionLot]:
    """Take `quantity`, less than the stake has; returns the part and the rest.

    Cost, fees and funding are shared out in proportion; what rounding leaves stays
    with the rest.
    """
    share = quantity / lot.quantity
    cost = None if lot.cost is None else round_to(lot.cost * share, COST)
    fees = round_down(lot.entry_fees * share, MONEY)
    funding = round_down(lot.funding * share, MONEY)
    rest = PositionLot(
        quantity=lot.quantity - quantity,
        entry_price=lot.entry_price,
        cost=None if lot.cost is None or cost is None else lot.cost - cost,
        entry_fees=lot.entry_fees - fees,
        funding=lot.funding - funding,
    )
    return PositionLot(quantity, lot.entry_price, cost, fees, funding), rest


@exactly
def join_lots(lot: PositionLot, other: PositionLot) -> PositionLot:
    """Both as one, at the average entry price.

    Raises `InvalidInput` for `quantity` where the sum leaves its columns.
    """
    quantity = lot.quantity + other.quantity
    cost = lot.exact_cost + other.exact_cost
    entry_price = round_to(cost / quantity, PRICE)
    fees = lot.entry_fees + other.entry_fees
    if not (fits(quantity, PRICE) and fits(cost, MONEY) and fits(fees, MONEY)):
        raise InvalidInput("quantity", "makes a position that is out of range.")
    if entry_price <= 0:
        raise InvalidInput("entry_price", "is too small to be averaged.")
    return PositionLot(
        quantity=quantity,
        entry_price=entry_price,
        cost=None if entry_price * quantity == cost else cost,
        entry_fees=fees,
        funding=lot.funding + other.funding,
    )
