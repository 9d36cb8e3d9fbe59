"""What is asked about a size, and the base size that follows from it. Pure.

loss per notional = |price - stop_price| / price + cost_pct / 100
base size = risk / loss per notional, rounded down to money
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.money import HUNDRED, MONEY, ZERO, exactly, round_down

# A request has exactly one of them.
BASES = ("base_size", "base_pct", "risk_amount", "risk_pct")
BY_RISK = ("risk_amount", "risk_pct")
OF_EQUITY = ("base_pct", "risk_pct")
ALLOWED_BASES = f"send exactly one of {', '.join(BASES)}"
# Twice the base size must still fit its column.
LARGEST_BASE_SIZE = Decimal(10) ** 15
LARGEST = {
    "base_size": LARGEST_BASE_SIZE,
    "risk_amount": LARGEST_BASE_SIZE,
    "risk_pct": HUNDRED,
    "cost_pct": HUNDRED,
}


class NoLiveEquity(DomainError):
    """A percentage of the live equity was asked for, and there is none."""

    code = "no_live_equity"


@dataclass(frozen=True, slots=True)
class SizeRequest:
    """What the caller asks about. Sizes are notional, in the portfolio's currency.

    The base size is given by one of `BASES`; `base_pct` and `risk_pct` are percent of
    the live equity, `risk_amount` is what is lost at `stop_price`. `price` and
    `stop_price` per unit of the symbol, `lot_step` in units of it; `side` LONG or
    SHORT, as sent. `cost_pct` of the notional is lost at the stop on top.
    """

    base_size: Decimal | None = None
    price: Decimal | None = None
    max_size: Decimal | None = None
    min_size: Decimal | None = None
    lot_step: Decimal | None = None
    base_pct: Decimal | None = None
    risk_amount: Decimal | None = None
    risk_pct: Decimal | None = None
    stop_price: Decimal | None = None
    side: str | None = None
    cost_pct: Decimal | None = None

    @exactly
    def measure_base_size(self, live_equity: Decimal) -> Decimal:
        """The base size in money, above 0.

        Raises `InvalidInput` where it would be 0 or out of range, `NoLiveEquity` where
        a percentage is asked for and the live equity is 0 or below.
        """
        name = next(one for one in BASES if getattr(self, one) is not None)
        amount: Decimal = getattr(self, name)
        if name in OF_EQUITY:
            if live_equity <= 0:
                raise NoLiveEquity(
                    f"{name} is a percentage of the live equity, which is 0 or below "
                    "at the last marks: send base_size, or correct the marks.",
                    on_page="The live equity is 0 or below at the last marks, so a "
                    "percentage of it is nothing: ask by a size, or correct the marks.",
                )
            amount = live_equity * amount / HUNDRED
        if name in BY_RISK:
            loss, of = self._loss_at_stop()
            amount = amount * of / loss
        base_size = round_down(amount, MONEY)
        if base_size == 0:
            raise InvalidInput(
                name, "makes a base size that rounds down to 0: send more."
            )
        if base_size > LARGEST_BASE_SIZE:
            field = "stop_price" if name in BY_RISK else name
            raise InvalidInput(
                field, f"makes a base size above {LARGEST_BASE_SIZE:f}: out of range."
            )
        return base_size

    @exactly
    def measure_loss(self, notional: Decimal) -> Decimal:
        """What a notional loses at the stop, costs included; there must be a stop."""
        loss, of = self._loss_at_stop()
        return notional * loss / of

    @exactly
    def measure_size(self, loss: Decimal) -> Decimal:
        """The notional that loses so much at the stop; there must be a stop."""
        lost, of = self._loss_at_stop()
        return loss * of / lost

    def _loss_at_stop(self) -> tuple[Decimal, Decimal]:
        """What is lost at the stop, and the notional that loses it.

        Two figures, as one division at the end rounds least.
        """
        price, stop = self.price or ZERO, self.stop_price or ZERO
        loss = abs(price - stop) * HUNDRED + (self.cost_pct or ZERO) * price
        return loss, price * HUNDRED


def find_wrong_request(fields: Mapping[str, Any]) -> Iterator[InvalidInput]:
    """What the fields of a `SizeRequest`, each valid by itself, say together."""
    given = {name: value for name, value in fields.items() if value is not None}
    bases = [name for name in BASES if name in given]
    if not bases:
        yield InvalidInput("base_size", f"is missing: {ALLOWED_BASES}.")
    for name in bases[1:]:
        yield InvalidInput(name, f"cannot be sent with {bases[0]}: {ALLOWED_BASES}.")
    by_risk = next((name for name in bases if name in BY_RISK), None)
    if by_risk is not None and "stop_price" not in given:
        detail = f"is missing: {by_risk} is what is lost at it."
        yield InvalidInput("stop_price", detail)
    if "price" not in given:
        if "lot_step" in given:
            yield InvalidInput("lot_step", "needs a price: it rounds the quantity.")
        if by_risk is not None or "stop_price" in given:
            detail = "is missing: what is lost at stop_price is measured from it."
            yield InvalidInput("price", detail)
    for name in ("side", "cost_pct"):
        if name in given and "stop_price" not in given:
            yield InvalidInput(name, "needs a stop_price: it is only used with one.")
    if {"price", "stop_price"} <= given.keys():
        yield from _find_wrong_stop(given)


def _find_wrong_stop(given: Mapping[str, Any]) -> Iterator[InvalidInput]:
    price, stop_price, side = given["price"], given["stop_price"], given.get("side")
    if price == stop_price:
        yield InvalidInput("stop_price", "must differ from price.")
        return
    place, of = ("above", "SHORT") if stop_price > price else ("below", "LONG")
    if side is not None and side != of:
        yield InvalidInput(
            "side",
            f"is {side}, but a stop_price {place} the price is that of a {of}: send "
            f"{of}, or a stop_price on the other side.",
        )
