"""Profit and loss of a trade, in the portfolio's currency. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from mastertrade.exceptions import InvalidInput
from mastertrade.money import MONEY, exactly, round_to
from trades.enums import Side

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Rates:
    """Units of the portfolio's currency for one of the quote's, one of the fee's."""

    quote: Decimal = ONE
    fee: Decimal = ONE


def resolve_rates(
    *,
    portfolio_currency: str,
    quote_currency: str,
    fee_currency: str,
    fx_rate: Decimal | None,
    fee_fx_rate: Decimal | None = None,
) -> Rates:
    """Which rate converts prices and which converts fees.

    `fx_rate` belongs to the one currency that is not the portfolio's; where quote and
    fee are two different foreign ones, it is the quote's, and `fee_fx_rate` the fee's.
    """
    foreign_quote = quote_currency != portfolio_currency
    foreign_fee = fee_currency != portfolio_currency
    if fx_rate is None and (foreign_quote or (foreign_fee and fee_fx_rate is None)):
        other = quote_currency if foreign_quote else fee_currency
        raise InvalidInput(
            "fx_rate", f"is needed: units of {portfolio_currency} for one {other}."
        )
    quote = (fx_rate or ONE) if foreign_quote else ONE
    if not foreign_fee:
        fee = ONE
    elif foreign_quote and fee_currency == quote_currency:
        fee = quote
    elif foreign_quote:
        if fee_fx_rate is None:
            raise InvalidInput(
                "fee_fx_rate",
                f"is needed: units of {portfolio_currency} for one {fee_currency}.",
            )
        fee = fee_fx_rate
    else:
        fee = fee_fx_rate or fx_rate or ONE
    return Rates(quote, fee)


@exactly
def measure_profit_loss(
    *,
    side: Side,
    quantity: Decimal,
    entry_price: Decimal,
    exit_price: Decimal,
    fees: Decimal,
    rates: Rates,
) -> Decimal:
    """Realised profit (positive) or loss of a whole trade after fees.

    LONG: (exit - entry) x quantity; SHORT: the opposite. `quantity` in units of the
    symbol, prices in the quote currency, `fees` in the fee currency; the result in
    the portfolio's, rounded half to even to 8 places.
    """
    move = (exit_price - entry_price) * side.sign
    return round_to(move * quantity * rates.quote - fees * rates.fee, MONEY)


@exactly
def measure_notional(quantity: Decimal, price: Decimal, rates: Rates) -> Decimal:
    """What a quantity costs, in the portfolio's currency; not rounded."""
    return quantity * price * rates.quote
