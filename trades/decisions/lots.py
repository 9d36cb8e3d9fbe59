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
    exactly,
    fits,
    round_down,
    round_to,
)

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Stake:
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
def split_stake(stake: Stake, quantity: Decimal) -> tuple[Stake, Stake]:
    """Take `quantity`, less than the stake has; returns the part and the rest.

    Cost, fees and funding are shared out in proportion; what rounding leaves stays
    with the rest.
    """
    share = quantity / stake.quantity
    cost = None if stake.cost is None else round_to(stake.cost * share, COST)
    fees = round_down(stake.entry_fees * share, MONEY)
    funding = round_down(stake.funding * share, MONEY)
    rest = Stake(
        quantity=stake.quantity - quantity,
        entry_price=stake.entry_price,
        cost=None if stake.cost is None or cost is None else stake.cost - cost,
        entry_fees=stake.entry_fees - fees,
        funding=stake.funding - funding,
    )
    return Stake(quantity, stake.entry_price, cost, fees, funding), rest


@exactly
def join_stakes(stake: Stake, other: Stake) -> Stake:
    """Both as one, at the average entry price.

    Raises `InvalidInput` for `quantity` where the sum leaves its columns.
    """
    quantity = stake.quantity + other.quantity
    cost = stake.exact_cost + other.exact_cost
    entry_price = round_to(cost / quantity, PRICE)
    fees = stake.entry_fees + other.entry_fees
    if not (fits(quantity, PRICE) and fits(cost, MONEY) and fits(fees, MONEY)):
        raise InvalidInput("quantity", "makes a position that is out of range.")
    if entry_price <= 0:
        raise InvalidInput("entry_price", "is too small to be averaged.")
    return Stake(
        quantity=quantity,
        entry_price=entry_price,
        cost=None if entry_price * quantity == cost else cost,
        entry_fees=fees,
        funding=stake.funding + other.funding,
    )
