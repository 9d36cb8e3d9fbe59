"""Profit and loss of a trade, in the portfolio's currency. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import MONEY, ONE, exactly, round_to
from trades.decisions.lots import PositionLot
from trades.enums import Side


@dataclass(frozen=True, slots=True)
class Rates:
    """Units of the portfolio's currency for one of the quote's, one of the fee's."""

    quote: Decimal = ONE
    fee: Decimal = ONE
    exit_fee: Decimal | None = None  # as the entry's


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
def measure_exact_profit(
    *,
    side: Side,
    lot: PositionLot,
    exit_price: Decimal,
    exit_fees: Decimal,
    rates: Rates,
) -> Decimal:
    """Profit (positive) or loss of all of a stake after fees, not rounded.

    LONG: (exit - entry) x quantity; SHORT: the opposite; whatever the leverage, on the
    full quantity. Prices and funding in the quote currency, fees in the fee currency;
    the result in the portfolio's.
    """
    move = (exit_price * lot.quantity - lot.exact_cost) * side.sign
    fees = lot.entry_fees * rates.fee + exit_fees * (rates.exit_fee or rates.fee)
    return (move + lot.funding) * rates.quote - fees


@exactly
def measure_unrealized(
    *, side: Side, lot: PositionLot, price: Decimal, rates: Rates
) -> Decimal:
    """What a stake would make at this price, before fees and funding; 8 places."""
    move = (price * lot.quantity - lot.exact_cost) * side.sign
    return round_to(move * rates.quote, MONEY)


@exactly
def measure_notional(quantity: Decimal, price: Decimal, rates: Rates) -> Decimal:
    """What a quantity costs, in the portfolio's currency; not rounded."""
    return quantity * price * rates.quote
