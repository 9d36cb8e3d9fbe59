"""Fills of one market become trades, first in, first out. Pure and exact.

A fill opens a lot, a trade of its own; later fills of the other side close lots in the
order in which they were opened. What is taken of a lot in parts adds up to the lot.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from mastertrade.values.money import (
    MONEY,
    ONE,
    ZERO,
    exactly,
    format_plain,
    round_down,
    round_to,
)
from trades.decisions.lots import PositionLot, split_lot
from trades.decisions.pnl import Rates, measure_exact_profit
from trades.enums import FillKind, Side
from trades.importing.lots import Lot, LotQueue
from trades.importing.rows import Refusal, TradeRow


@dataclass(frozen=True, slots=True)
class Market:
    """What the fills of one market share.

    `is_foreign`: the quote is not the portfolio's currency. `may_short`: what is sold
    need not have been bought.
    """

    symbol: str
    quote: str
    is_foreign: bool = False
    may_short: bool = False
    quantity_column: str = ""


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill with its fees in the quote currency; a rebate is a negative fee.

    A spot fee in the base changes what is held: `base_fee` lessens what a purchase
    brings, and adds to what a sale takes. `external_id` is `key` after the names of
    venue, account and market. `fx_rate` in units of the portfolio's currency for one
    of the quote: of that time if `by_day`, else one for the whole file.
    `is_funding`: nothing was traded, `fees` was paid for holding what is open.
    """

    line: int
    external_id: str
    key: str
    is_buy: bool
    quantity: Decimal
    price: Decimal
    at: datetime
    fees: Decimal = ZERO
    base_fee: Decimal = ZERO
    fx_rate: Decimal = ONE
    by_day: bool = False
    is_funding: bool = False


@dataclass(frozen=True, slots=True)
class PairedFill:
    """A fill that found its place; `trade_id` is the external id of its trade.

    `surplus` is what was refused of it, and is not in `quantity`. Funding belongs to
    all trades that were open; `trade_id` is the oldest of them.
    """

    execution: Execution
    kind: FillKind
    quantity: Decimal
    fees: Decimal
    trade_id: str
    surplus: Decimal = ZERO


PairingOutcome = TradeRow | Refusal | PairedFill


@dataclass(slots=True)
class _Left:
    """What of a fill has found no lot yet, and its fees."""

    quantity: Decimal
    fees: Decimal

    def take(self, quantity: Decimal) -> Decimal:
        """The fees of this much, in proportion; the last to take gets the rest."""
        fees = self.fees
        if quantity < self.quantity:
            fees = round_down(fees * quantity / self.quantity, MONEY)
        self.quantity -= quantity
        self.fees -= fees
        return fees


class Pairing:
    """The fills of one market so far. Give them in the order of their times.

    Of fills at one instant nobody knows the order for sure: a sale that finds too
    little waits until all purchases of that instant are in.
    """

    def __init__(self, market: Market, lots: LotQueue | None = None) -> None:
        self._market = market
        self._lots = LotQueue() if lots is None else lots
        self._waiting: list[Execution] = []

    @exactly
    def take(self, execution: Execution) -> list[PairingOutcome]:
        outcomes: list[PairingOutcome] = []
        if self._waiting and self._waiting[0].at < execution.at:
            outcomes += self._place_waiting()
        if self._must_wait(execution):
            self._waiting.append(execution)
            return outcomes
        return outcomes + self._place(execution)

    def finish(self) -> Iterator[PairingOutcome]:
        """Whatever waited, then the lots that stay open."""
        yield from self._place_waiting()
        while (lot := self._lots.first()) is not None:
            if lot.is_touched or not lot.is_known:
                yield self._row(lot, lot.position, line=lot.line)
            self._lots.lessen_first(None)

    def _must_wait(self, execution: Execution) -> bool:
        if self._market.may_short or execution.is_buy or execution.is_funding:
            return False
        return bool(self._waiting) or execution.quantity > self._lots.quantity

    @exactly
    def _place_waiting(self) -> list[PairingOutcome]:
        waiting, self._waiting = self._waiting, []
        return [outcome for one in waiting for outcome in self._place(one)]

    def _place(self, execution: Execution) -> list[PairingOutcome]:
        """Close what is open on the other side, then open what is left."""
        if execution.is_funding:
            return [self._fund(execution)]
        opens = Side.LONG if execution.is_buy else Side.SHORT
        left = _Left(self._moved(execution), execution.fees)
        outcomes: list[PairingOutcome] = []
        booked = execution.external_id
        while left.quantity:
            lot = self._lots.first()
            if lot is None or lot.side is opens:
                break
            row = self._close(lot, execution, left)
            booked = row.external_id
            outcomes.append(row)
        kind = FillKind.EXIT
        if left.quantity and (execution.is_buy or self._market.may_short):
            kind, booked = FillKind.ENTRY, execution.external_id
            self._open(execution, opens, left)
        surplus, unpaid = left.quantity, left.fees
        if surplus:
            outcomes.append(self._refuse(execution, surplus))
        if surplus < execution.quantity:
            quantity = execution.quantity - surplus
            fees = execution.fees - unpaid
            outcomes.append(
                PairedFill(execution, kind, quantity, fees, booked, surplus)
            )
        return outcomes

    def _fund(self, execution: Execution) -> PairingOutcome:
        oldest = self._lots.first()
        if oldest is None:
            return Refusal(
                execution.line,
                "",
                f"is funding of {self._market.symbol}, but nothing of it is open at "
                "that time: import the earlier history first.",
            )
        self._lots.fund(-execution.fees, execution.line)
        paid = (execution.quantity, execution.fees, oldest.external_id)
        return PairedFill(execution, FillKind.FUNDING, *paid)

    def _moved(self, execution: Execution) -> Decimal:
        """What the fill brings or takes, a fee in the base included.

        A sale's fee is taken from the lots as far as they reach: it may have been paid
        with coins that came from elsewhere.
        """
        if execution.is_buy:
            return execution.quantity - execution.base_fee
        spare = max(self._lots.quantity - execution.quantity, ZERO)
        return execution.quantity + min(execution.base_fee, spare)

    def _open(self, execution: Execution, side: Side, left: _Left) -> None:
        self._lots.push(
            Lot(
                external_id=execution.external_id,
                line=execution.line,
                side=side,
                position=PositionLot(
                    quantity=left.quantity,
                    entry_price=execution.price,
                    entry_fees=max(left.fees, ZERO),
                    funding=max(-left.fees, ZERO),
                ),
                opened_at=execution.at,
                fx_rate=execution.fx_rate,
            )
        )
        left.quantity = left.fees = ZERO

    def _close(self, lot: Lot, execution: Execution, left: _Left) -> TradeRow:
        """Close the first lot, or the part of it that the fill reaches."""
        quantity = min(left.quantity, lot.position.quantity)
        fees = left.take(quantity)
        # A profit is made at its exit; a rate for all times stays that of the entry.
        fx_rate = execution.fx_rate if execution.by_day else lot.fx_rate
        rest: PositionLot | None = None
        taken = lot.position
        if quantity < lot.position.quantity:
            taken, rest = split_lot(lot.position, quantity)
        exit_fees, rebate = max(fees, ZERO), max(-fees, ZERO)
        taken = PositionLot(
            quantity=taken.quantity,
            entry_price=taken.entry_price,
            cost=taken.cost,
            entry_fees=taken.entry_fees,
            funding=taken.funding + rebate,
        )
        exact = lot.unbooked + measure_exact_profit(
            side=lot.side,
            lot=taken,
            exit_price=execution.price,
            exit_fees=exit_fees,
            rates=Rates(fx_rate, fx_rate),
        )
        profit = round_to(exact, MONEY)
        lot.unbooked = exact - profit
        row = self._row(
            lot,
            taken,
            line=execution.line,
            part=None if rest is None else execution.key,
            exit_price=execution.price,
            exit_time=execution.at,
            exit_fees=exit_fees,
            profit_loss=profit,
            fx_rate=fx_rate,
        )
        lot.is_touched = True
        lot.line = execution.line
        self._lots.lessen_first(rest)
        return row

    def _row(
        self,
        lot: Lot,
        position: PositionLot,
        *,
        line: int,
        part: str | None = None,
        exit_price: Decimal | None = None,
        exit_time: datetime | None = None,
        exit_fees: Decimal = ZERO,
        profit_loss: Decimal | None = None,
        fx_rate: Decimal | None = None,
    ) -> TradeRow:
        """The lot's own row, or that of a part of it, called by the fill's key."""
        market, is_part = self._market, part is not None
        return TradeRow(
            line=line,
            external_id=f"{lot.external_id}>{part}" if is_part else lot.external_id,
            parent_external_id=lot.external_id if is_part else None,
            updates_open_trade=lot.is_known and not is_part,
            symbol=market.symbol,
            side=lot.side,
            quantity=position.quantity,
            entry_price=position.entry_price,
            entry_notional=position.cost,
            entry_time=lot.opened_at,
            entry_fees=position.entry_fees,
            exit_price=exit_price,
            exit_time=exit_time,
            exit_fees=exit_fees,
            funding=position.funding,
            profit_loss=profit_loss,
            # What rounding left of a part stays with the lot.
            unbooked_profit=None if is_part else lot.unbooked,
            leverage=lot.leverage,
            stop_price=lot.stop_price,
            strategy_id=lot.strategy_id,
            quote_currency=market.quote,
            fee_currency=market.quote,
            fx_rate=(fx_rate or lot.fx_rate) if market.is_foreign else None,
        )

    def _refuse(self, execution: Execution, surplus: Decimal) -> Refusal:
        if surplus == execution.quantity:
            given = "sells what was not bought before it"
        else:
            given = f"sells {format_plain(surplus)} more than was bought before it"
        column = self._market.quantity_column
        return Refusal(
            execution.line, column, f"{given}: import the earlier history first."
        )
