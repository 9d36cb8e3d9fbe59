"""Importing files of fills: staged, put in order, paired into trades, and stored.

A fill goes to the database once to be compared with stored ones and sorted, and comes
back through a server-side cursor to be paired, so memory stays flat however long the
file is. What pairing makes of it goes in as rows of trades. Sorting and comparing in
Python would save the way back, 6 % of an import's CPU (0.7 s of Python and 0.5 s of the
server for 100,000 fills, of 18.6 s), and would need a sort on disk, a look-up of every
id, and a second form of the comparison with other sources.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby, islice
from typing import Any, NamedTuple

from django.db import connection

from goals.models import Portfolio
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import MONEY, ONE, ZERO, exactly, fits
from trades.decisions.lots import PositionLot
from trades.enums import FillKind, Side
from trades.importing import fill_sql as sql
from trades.importing.equal_fills import EQUAL_REASON, mark_equal_fills
from trades.importing.fills import (
    Fees,
    Fill,
    FillFile,
    FillFormat,
    check_fill,
    make_keys,
    measure_fees,
    venue_key,
)
from trades.importing.lots import Lot, LotQueue
from trades.importing.options import EqualFills, ImportOptions
from trades.importing.pairing import (
    Execution,
    Market,
    PairedFill,
    Pairing,
    PairingOutcome,
)
from trades.importing.rows import Note, Refusal, TradeRow
from trades.importing.staging import ESCAPED

AT_ONCE = 5000
# One rate for longer than this is worth a warning.
LONGEST_FIXED = timedelta(days=31)
NAMES = re.compile(r"[\w.-]{1,30}")
ANY_VENUE = "any"
REASONS = {
    "other": "The fill {external_id} was imported with other figures.",
    "late": (
        "is before fills of this market that are imported already, the newest of "
        "{newest:%Y-%m-%d %H:%M:%S} UTC: trades were paired without it."
    ),
    "equal": EQUAL_REASON,
}
# What becomes of a fill that equals one from another source.
EQUAL_STATUS = {
    EqualFills.REFUSE: "equal",
    EqualFills.KNOWN: "known",
    EqualFills.NEW: None,
}


class _Row(NamedTuple):
    """A new fill as the staging table gives it back."""

    line: int
    external_id: str
    own_key: str
    symbol: str
    quote: str
    is_buy: bool
    quantity: Decimal
    price: Decimal
    filled_at: datetime
    fee_quote: Decimal
    fee_base: Decimal
    fee_other: Decimal
    fee_coin: str | None
    may_short: bool
    is_funding: bool
    rate: Decimal | None
    fx_price: Decimal | None


class FillImport:
    """One file of fills under way, in its import's transaction, the portfolio locked.

    `created`, `known` and `refused` count fills.
    """

    def __init__(
        self,
        *,
        portfolio: Portfolio,
        fill_format: FillFormat,
        options: ImportOptions,
        cursor: Any,
        now: datetime,
    ) -> None:
        self.created = 0
        self.known = 0
        self.refused = 0
        self._portfolio = portfolio
        self._format = fill_format
        self._options = options
        self._cursor = cursor
        self._now = now
        self._paired: list[tuple[Any, ...]] = []
        self._position = 0
        self._fixed: dict[str, _Span] = {}
        self._fee_rates = {portfolio.currency: Decimal(1), **options.rates}
        self._values: dict[str, Any] = {
            "portfolio_id": portfolio.portfolio_id,
            "namespace": _namespace(fill_format, options),
            "account": options.account,
            "venue": (fill_format.asks_venue and options.venue) or ANY_VENUE,
            "with_symbol": fill_format.asks_venue,
            "separator": fill_format.separator,
            "rated": list(self._fee_rates),
            "currency": portfolio.currency,
            "converted": [portfolio.currency, *options.fx_rates],
            "now": now,
        }
        _check_strategy(options)

    def rows(self, source: io.BufferedReader) -> Iterator[TradeRow | Refusal | Note]:
        """What becomes of the file's new fills: trades, parts of trades, refusals.

        Asks the database in between, so nothing else may be under way on it.
        """
        self._cursor.execute(sql.CREATE_STAGING)
        file = self._format.open(source, self._options)
        for refusal in self._stage(file):
            yield self._refuse(refusal)
        self._cursor.execute("ANALYZE staged_fills")
        self._cursor.execute(sql.NAME, self._values)
        self._cursor.execute("ANALYZE named_fills")
        status = EQUAL_STATUS[self._options.equal_fills]
        mark_equal_fills(self._cursor, self._values, status)
        self._cursor.execute(sql.COUNT_KNOWN)
        self.known = self._cursor.fetchone()[0]
        yield from self._refuse_known(file)
        for outcome in self._pair(file):
            if isinstance(outcome, PairedFill):
                self._add_paired(outcome)
            elif isinstance(outcome, Refusal):
                yield self._refuse(outcome)
            else:
                yield outcome
        self._write_paired()
        yield from map(Note, self._notes(file))

    def _notes(self, file: FillFile) -> Iterator[str]:
        yield from file.notes
        if (rounded := file.roundings.message()) is not None:
            yield rounded
        for currency, span in sorted(self._fixed.items()):
            if span.last - span.first > LONGEST_FIXED:
                yield (
                    f"{currency} is converted at one fixed rate for fills from "
                    f"{span.first:%Y-%m-%d} to {span.last:%Y-%m-%d}; fx_rates_file "
                    "takes a rate for each day."
                )

    def write_fills(self, import_id: int, created_by: str) -> None:
        """Write the new fills; their trades are written."""
        given = {"import_id": import_id, "created_by": created_by}
        self._cursor.execute(sql.INSERT_FILLS, {**self._values, **given})

    def _stage(self, file: FillFile) -> Iterator[Refusal]:
        """Copy all fills; whether the file's times rise or fall gives the order."""
        steps = 0
        before: datetime | None = None
        while chunk := list(islice(file.items, AT_ONCE)):
            fills, refusals = self._check(chunk, file)
            with self._cursor.copy(sql.COPY_STAGING) as copy:
                copy.write("".join(map(_staged, fills)))
            for fill in fills:
                if before is not None:
                    steps += (fill.at > before) - (fill.at < before)
                before = fill.at
            yield from refusals
        is_falling = steps < 0 or (steps == 0 and file.newest_first)
        self._values["direction"] = -1 if is_falling else 1

    def _check(
        self, items: list[Fill | Refusal], file: FillFile
    ) -> tuple[list[Fill], list[Refusal]]:
        fills, refusals = [], []
        for item in items:
            if isinstance(item, Refusal):
                refusals.append(item)
            elif (wrong := check_fill(item, file, self._now)) is not None:
                refusals.append(wrong)
            else:
                fills.append(item)
        return fills, refusals

    def _refuse_known(self, file: FillFile) -> Iterator[Refusal]:
        self._cursor.execute(sql.REFUSED)
        for line, status, external_id, newest, other in self._cursor.fetchall():
            column = file.time_column if status == "late" else ""
            given = REASONS[status].format(
                external_id=external_id, newest=newest, other=other
            )
            yield self._refuse(Refusal(line, column, given))

    def _refuse(self, refusal: Refusal) -> Refusal:
        self.refused += 1
        return refusal

    # Pairing.

    def _pair(self, file: FillFile) -> Iterator[PairingOutcome]:
        new_fills = self._new_fills()  # before a cursor holds the table
        lots = _Lots(self._stream("open_lots", sql.OPEN_LOTS))
        rows = map(_Row._make, self._stream("new_fills", new_fills))
        for (symbol, quote), fills in groupby(
            rows, lambda row: (row.symbol, row.quote)
        ):
            yield from self._pair_market(file, symbol, quote, fills, lots)

    def _pair_market(
        self,
        file: FillFile,
        symbol: str,
        quote: str,
        fills: Iterator[_Row],
        lots: "_Lots",
    ) -> Iterator[PairingOutcome]:
        queue = LotQueue()
        pairing: Pairing | None = None
        for row in fills:
            fx_rate = self._fx_rate(row)
            if fx_rate is None:
                given = self._needs_rate(row)
                yield Refusal(row.line, file.pair_column, given)
                continue
            if pairing is None:
                lots.fill(queue, symbol, quote)
                is_foreign = quote != self._portfolio.currency
                market = Market(
                    symbol, quote, is_foreign, row.may_short, file.quantity_column
                )
                pairing = Pairing(market, queue)
            execution = self._execution(row, fx_rate, file)
            if isinstance(execution, Refusal):
                yield execution
                continue
            yield from pairing.take(execution)
        if pairing is not None:
            yield from pairing.finish()
        queue.close()

    def _fx_rate(self, row: _Row) -> Decimal | None:
        """Of the fill's quote at its time: as given, by day, else as it was traded."""
        if row.quote == self._portfolio.currency:
            return ONE
        fixed = self._options.fx_rates.get(row.quote)
        if fixed is not None:
            span = self._fixed.get(row.quote) or _Span(row.filled_at, row.filled_at)
            self._fixed[row.quote] = span.with_time(row.filled_at)
            return fixed
        by_day = self._options.day_rates.find(row.quote, row.filled_at)
        return row.fx_price if by_day is None else by_day

    def _needs_rate(self, row: _Row) -> str:
        quote, currency = row.quote, self._portfolio.currency
        pair = f"{quote}{self._format.separator}{currency}"
        return (
            f"is paid in {quote}, and its rate in {currency} on "
            f"{row.filled_at:%Y-%m-%d} is not known: give rates by day in "
            f"fx_rates_file, import a fill of {pair} within a day of it, or give one "
            f"fixed rate in fx_rates ({quote}=…)."
        )

    def _fee_rate(self, row: _Row, fx_rate: Decimal) -> Decimal | None:
        """Of one of the fee's coin, in the quote."""
        if row.fee_coin is None:
            return None
        own = self._fee_rates.get(row.fee_coin)
        if own is None:
            own = self._options.day_rates.find(row.fee_coin, row.filled_at)
        return row.rate if own is None else own / fx_rate

    @exactly
    def _execution(
        self, row: _Row, fx_rate: Decimal, file: FillFile
    ) -> Execution | Refusal:
        """The fill with its fees in the quote currency."""
        rate = self._fee_rate(row, fx_rate)
        if row.fee_other and rate is None:
            given = (
                f"is paid in {row.fee_coin}: a rate {row.fee_coin}=… is needed in "
                f"fee_rates, or an earlier fill that trades it for {row.quote}."
            )
            return Refusal(row.line, file.fee_column, given)
        paid = Fees(row.fee_quote, row.fee_base, row.fee_other)
        fees = measure_fees(paid, row.price, rate)
        if not fits(row.quantity * row.price * fx_rate, MONEY):
            return Refusal(row.line, file.quantity_column, "makes a size out of range.")
        if not fits(fees, MONEY):
            return Refusal(row.line, file.fee_column, "is out of range.")
        return Execution(
            line=row.line,
            external_id=row.external_id,
            key=row.own_key,
            is_buy=row.is_buy,
            quantity=row.quantity,
            price=row.price,
            at=row.filled_at,
            fees=fees,
            base_fee=ZERO if row.may_short else row.fee_base,
            fx_rate=fx_rate,
            by_day=row.quote not in self._options.fx_rates,
            is_funding=row.is_funding,
        )

    def _new_fills(self) -> str:
        """The query of the new fills, with prices only where one is asked for."""
        rate, fx, join = "NULL::numeric", "NULL::numeric", ""
        if self._asks(sql.ASKS_RATES):
            rate, join = "rate.price", sql.RATES
        if self._asks(sql.ASKS_FX):
            fx, join = "fx.price", join + sql.FX
        if join:
            self._cursor.execute(sql.INDEX_PRICES)
        return sql.NEW_FILLS.format(rate=rate, fx=fx, join=join)

    def _asks(self, question: str) -> bool:
        self._cursor.execute(question, self._values)
        return bool(self._cursor.fetchone()[0])

    def _stream(self, name: str, query: str) -> Iterator[tuple[Any, ...]]:
        """Rows of a query, by a cursor of the server: never all of them at once."""
        with connection.connection.cursor(name=name) as cursor:
            cursor.itersize = AT_ONCE
            cursor.execute(query, self._values)
            yield from cursor

    def _add_paired(self, paired: PairedFill) -> None:
        self._position += 1
        self.created += not paired.surplus  # the surplus makes it a refused one
        is_fee = paired.fees > 0 and paired.kind is not FillKind.FUNDING
        fees, funding = (paired.fees, ZERO) if is_fee else (ZERO, -paired.fees)
        figures = (paired.kind.value, paired.quantity, fees, funding, paired.trade_id)
        self._paired.append((self._position, paired.execution.line, *figures))
        if len(self._paired) >= AT_ONCE:
            self._write_paired()

    def _write_paired(self) -> None:
        with self._cursor.copy(sql.COPY_PAIRED) as copy:
            for row in self._paired:
                copy.write_row(row)
        self._paired.clear()


@dataclass(frozen=True, slots=True)
class _Span:
    """The first and the last time of what was converted at one rate."""

    first: datetime
    last: datetime

    def with_time(self, at: datetime) -> "_Span":
        return _Span(min(self.first, at), max(self.last, at))


class _Lots:
    """The lots that earlier files left open, market by market."""

    def __init__(self, rows: Iterator[tuple[Any, ...]]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def fill(self, queue: LotQueue, symbol: str, quote: str) -> None:
        """Push those of one market; markets are asked in the order of the rows."""
        while self._next is not None and self._next[:2] <= (symbol, quote):
            if self._next[:2] == (symbol, quote):
                queue.push(_lot(self._next))
            self._next = next(self._rows, None)


def _lot(row: tuple[Any, ...]) -> Lot:
    _, _, external_id, side, quantity, price, cost, fees, funding, at, *others = row
    fx_rate, leverage, stop_price, strategy_id, unbooked = others
    return Lot(
        external_id=external_id,
        line=0,
        side=Side(side),
        position=PositionLot(quantity, price, cost, fees, funding),
        opened_at=at,
        fx_rate=fx_rate,
        leverage=leverage,
        stop_price=stop_price,
        strategy_id=strategy_id,
        unbooked=unbooked,
        is_known=True,
    )


def _staged(fill: Fill) -> str:
    """The fill as a line of COPY."""
    keys, fees = make_keys(fill), fill.fees
    by_content = fill.venue_id is None
    key = keys.content if fill.venue_id is None else venue_key(fill.venue_id)
    coin = "\\N" if fees.coin is None else fees.coin.translate(ESCAPED)
    order = "\\N" if fill.order_id is None else fill.order_id.translate(ESCAPED)
    return (
        f"{fill.line}\t{key.translate(ESCAPED)}\t{by_content}\t{keys.figures}\t"
        f"{keys.mirror}\t{fill.symbol.translate(ESCAPED)}\t{fill.quote}\t"
        f"{fill.is_buy}\t{fill.quantity}\t{fill.price}\t{fill.at.isoformat()}\t"
        f"{fees.quote}\t{fees.base}\t{fees.other}\t{coin}\t{fill.may_short}\t"
        f"{fill.is_funding}\t{order}\n"
    )


def _namespace(fill_format: FillFormat, options: ImportOptions) -> str:
    """What the ids of all fills of this account begin with."""
    given = {"account": options.account}
    if fill_format.asks_venue:
        given = {"venue": options.venue or ANY_VENUE, **given}
    for field, name in given.items():
        if NAMES.fullmatch(name) is None:
            wanted = "must be up to 30 letters, digits, dots and dashes."
            raise InvalidInput(field, wanted)
    return ":".join([fill_format.name, *given.values(), ""])


def _check_strategy(options: ImportOptions) -> None:
    if options.strategy_id is None:
        raise InvalidInput("strategy_id", "is needed: fills name no strategy.")
    if options.strategy_id not in options.known_strategies:
        raise InvalidInput(
            "strategy_id", f"You have no strategy {options.strategy_id}."
        )
