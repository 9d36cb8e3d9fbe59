"""What an execution costs: base size, slipped price and fees. Exact, rounded once."""

from decimal import Decimal

from mastertrade.values.money import MONEY, PRICE, exactly, round_down, round_to
from trades.replay.options import Costs

BASIS_POINTS = Decimal(10_000)
PERCENT = Decimal(100)


@exactly
def base_size_of(equity: Decimal, base_size_pct: Decimal) -> Decimal:
    """The notional to ask about, rounded down to the ledger's places."""
    return round_down(equity * base_size_pct / PERCENT, MONEY)


@exactly
def executed_price(market: Decimal, costs: Costs, *, is_buy: bool) -> Decimal:
    """The market price moved against the trade by the slippage."""
    slippage = costs.slippage_bps / BASIS_POINTS
    return round_to(market * (1 + slippage if is_buy else 1 - slippage), PRICE)


@exactly
def fees_of(quantity: Decimal, price: Decimal, costs: Costs) -> Decimal:
    """The fees of one execution, in money."""
    return round_to(quantity * price * costs.fee_bps / BASIS_POINTS, MONEY)
