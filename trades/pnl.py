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
    third = fee_currency not in {portfolio_currency, quote_currency}
    rates = Rates()
    if foreign_quote:
        rate = _require_rate("fx_rate", fx_rate, portfolio_currency, quote_currency)
        rates = Rates(rate, rate if fee_currency == quote_currency else ONE)
    if third:
        name = "fee_fx_rate" if foreign_quote or fee_fx_rate else "fx_rate"
        given = fee_fx_rate if name == "fee_fx_rate" else fx_rate
        rate = _require_rate(name, given, portfolio_currency, fee_currency)
        rates = Rates(rates.quote, rate)
    # A rate that nothing uses is a mistake in the currencies, not a detail.
    if fee_fx_rate is not None and not third:
        raise InvalidInput("fee_fx_rate", "is only for fees in a third currency.")
    unused = not foreign_quote and (not third or fee_fx_rate is not None)
    if fx_rate not in {None, ONE} and unused:
        raise InvalidInput(
            "fx_rate", f"is not needed: prices are in {portfolio_currency}."
        )
    return rates


def _require_rate(
    name: str, rate: Decimal | None, portfolio_currency: str, other: str
) -> Decimal:
    if rate is None:
        raise InvalidInput(
            name, f"is needed: units of {portfolio_currency} for one {other}."
        )
    return rate


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
