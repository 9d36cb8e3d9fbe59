"""What a caller says of a trade to record, and whether it is known."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from goals.models import Portfolio
from mastertrade.values.exceptions import IdempotencyConflict, InvalidInput
from mastertrade.values.money import FACTOR, MONEY, ONE, PRICE, ZERO
from mastertrade.values.validation import (
    refuse,
    require_decimal,
    require_not_negative,
    require_positive,
    require_visible,
    require_word,
    wrong_by,
)
from trades.decisions.pnl import Rates, resolve_rates
from trades.enums import Side
from trades.models import Trade

# What stands where a request's fingerprint would, in a trade of a file: there
# the figures themselves are compared.
IMPORTED = "imported"
COMPARED = (
    "strategy_id",
    "symbol",
    "side",
    "quantity",
    "entry_price",
    "quote_currency",
    "fee_currency",
)


@dataclass(frozen=True, slots=True)
class TradeInput:
    """What the caller says of a trade. Prices and funding in `quote_currency`, fees in
    `fee_currency`; both default to the portfolio's. `quantity` in units of the
    symbol, the full one whatever the leverage; `fees` of the entry; `funding` received
    (positive) or paid so far."""

    strategy_id: str
    symbol: str
    side: Side
    quantity: Decimal
    entry_price: Decimal
    entry_time: datetime | None = None
    fees: Decimal = ZERO
    stop_price: Decimal | None = None
    adjustment_id: int | None = None
    external_id: str | None = None
    quote_currency: str | None = None
    fee_currency: str | None = None
    fx_rate: Decimal | None = None
    fee_fx_rate: Decimal | None = None
    leverage: Decimal | None = None
    funding: Decimal | None = None

    def validate(self) -> None:
        """Refuse what no column or rule would take; names every field."""
        refuse(find_wrong_figures(asdict(self)))

    def refuse_winning_stop(self) -> None:
        """Refuse a stop at which a new trade would lose nothing."""
        if self.stop_price is None:
            return
        is_long = self.side == Side.LONG
        loses = self.stop_price < self.entry_price
        if self.stop_price == self.entry_price or loses != is_long:
            raise InvalidInput(
                "stop_price",
                f"must be {'below' if is_long else 'above'} the entry_price of a "
                f"{self.side}: a new trade loses at its stop. Send the one it begins "
                "with, or leave it out.",
            )

    def with_defaults(self, portfolio: Portfolio) -> "TradeInput":
        """The same input with the currencies it leaves out, and no needless words."""
        return replace(
            self,
            leverage=None if self.leverage == 1 else self.leverage,
            funding=self.funding or None,
            quote_currency=self.quote_currency or portfolio.currency,
            fee_currency=self.fee_currency or portfolio.currency,
        )

    def rates_in(self, portfolio: Portfolio) -> Rates:
        """What converts its figures; refuses a currency without its rate."""
        return resolve_rates(
            portfolio_currency=portfolio.currency,
            quote_currency=self.quote_currency or portfolio.currency,
            fee_currency=self.fee_currency or portfolio.currency,
            fx_rate=self.fx_rate,
            fee_fx_rate=self.fee_fx_rate,
        )


def find_wrong_figures(fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
    """What no column or rule would take of these, some of which may be missing."""
    symbol = fields.get("symbol")
    if symbol is not None and not symbol.strip():
        yield InvalidInput("symbol", "must not be empty.")
    for name in ("symbol", "external_id"):
        yield from wrong_by(require_visible, name, fields.get(name))
    checks = (
        ("side", require_word, Side),
        ("quantity", require_positive, PRICE),
        ("entry_price", require_positive, PRICE),
        ("exit_price", require_positive, PRICE),
        ("fees", require_not_negative, MONEY),
        ("stop_price", require_positive, PRICE),
        ("fx_rate", require_positive, PRICE),
        ("fee_fx_rate", require_positive, PRICE),
        ("leverage", _require_leverage, FACTOR),
        ("funding", require_decimal, MONEY),
    )
    for name, check, kind in checks:
        if fields.get(name) is not None:
            yield from wrong_by(check, name, fields[name], kind)


def _require_leverage(field: str, value: object, column: tuple[int, int]) -> None:
    if require_decimal(field, value, column) < 1:
        raise InvalidInput(field, "must be 1 or more.")


@dataclass(frozen=True, slots=True)
class GivenExit:
    """How a trade ended that is recorded whole; None: no time was given."""

    price: Decimal
    at: datetime | None = None


def find_known(
    portfolio: Portfolio,
    trade_input: TradeInput,
    digest: str,
    ended: GivenExit | None = None,
) -> Trade | None:
    """The trade that this call, or a file, recorded before under the same id.

    Raises `IdempotencyConflict` where the id is known with other figures.
    """
    if trade_input.external_id is None:
        return None
    known = Trade.objects.filter(
        portfolio=portfolio, external_id=trade_input.external_id
    ).first()
    if known is None or known.request_fingerprint == digest:
        return known
    if known.request_fingerprint != IMPORTED or not _is_same(known, trade_input, ended):
        raise IdempotencyConflict.of("The trade", trade_input.external_id)
    return known


def _is_same(known: Trade, trade_input: TradeInput, ended: GivenExit | None) -> bool:
    """A time not given equals any; why and how it was decided is not compared."""
    same = all(getattr(known, name) == getattr(trade_input, name) for name in COMPARED)
    if not same or trade_input.entry_time not in {None, known.entry_time}:
        return False
    if known.leverage != (trade_input.leverage or ONE):
        return False
    rates = trade_input.rates_in(known.portfolio)
    if (known.fx_rate, known.fee_fx_rate) != (rates.quote, rates.fee):
        return False
    if ended is None:
        return bool(known.entry_fees == trade_input.fees)
    same_end = known.exit_price == ended.price and ended.at in {None, known.exit_time}
    costs = (known.fees, known.funding) == (
        trade_input.fees,
        trade_input.funding or ZERO,
    )
    return same_end and costs
