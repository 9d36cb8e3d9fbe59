"""What a whole trade makes, by the function that every close is computed with."""

from decimal import Decimal

from mastertrade.values.money import MONEY, ZERO, exactly, round_to
from trades.decisions.lots import PositionLot
from trades.decisions.pnl import Rates, measure_exact_profit
from trades.enums import Side


@exactly
def measure_profit_loss(
    *,
    side: Side,
    quantity: Decimal,
    entry_price: Decimal,
    exit_price: Decimal,
    fees: Decimal,
    rates: Rates,
    funding: Decimal = ZERO,
) -> Decimal:
    """Realised profit (positive) or loss of a whole trade after fees.

    In the portfolio's currency, rounded half to even to 8 places.
    """
    return round_to(
        measure_exact_profit(
            side=side,
            lot=PositionLot(quantity, entry_price, funding=funding),
            exit_price=exit_price,
            exit_fees=fees,
            rates=rates,
        ),
        MONEY,
    )
