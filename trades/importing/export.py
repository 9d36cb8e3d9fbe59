"""Exporting trades to our own formats, row by row, in one statement."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TextIO

from django.db import connection, transaction
from django.db.models import QuerySet

from goals.models import Portfolio
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import format_plain
from trades.importing.columns import NAMES
from trades.importing.formats.own import TEXTS, escape_cell
from trades.models import Trade

ROWS_AT_ONCE = 2000
# Rates are given only where they convert something, as the import asks for them. A
# trade without an id of its own gets its key here for one. `unbooked_profit`, even of
# nothing, says that rounding was carried from part to part.
EXPORT = """
SELECT coalesce(t.external_id, 'mastertrade:' || t.trade_id) AS external_id,
       t.symbol, t.side, t.quantity, t.entry_price, t.entry_time, t.exit_price,
       t.exit_time, t.profit_loss, nullif(t.entry_fees, 0) AS entry_fees,
       nullif(t.exit_fees, 0) AS exit_fees, nullif(t.funding, 0) AS funding,
       nullif(t.leverage, 1) AS leverage, t.stop_price, t.strategy_id,
       t.quote_currency, t.fee_currency,
       CASE WHEN t.quote_currency <> p.currency THEN t.fx_rate END AS fx_rate,
       CASE WHEN t.fee_currency NOT IN (p.currency, t.quote_currency)
            THEN t.fee_fx_rate END AS fee_fx_rate,
       t.exit_fee_fx_rate,
       coalesce(o.external_id, 'mastertrade:' || o.trade_id) AS parent_external_id,
       t.entry_notional,
       CASE WHEN t.unbooked_profit <> 0 OR t.parent_trade_id IS NOT NULL
              OR EXISTS (SELECT 1 FROM trades c WHERE c.parent_trade_id = t.trade_id)
            THEN t.unbooked_profit END AS unbooked_profit
FROM trades t JOIN portfolios p USING (portfolio_id)
LEFT JOIN trades o ON o.trade_id = t.parent_trade_id AND o.status <> 'void'
WHERE t.portfolio_id = %(portfolio_id)s AND t.status <> 'void'
ORDER BY t.exit_time NULLS LAST, t.ledger_key
"""


def export_trades(portfolio: Portfolio, target: TextIO, format_name: str) -> int:
    """Write a portfolio's trades, open ones last; returns how many.

    Without void ones. `mastertrade-csv`, or `mastertrade-json`: one object a line.
    """
    write = {"mastertrade-csv": _write_csv, "mastertrade-json": _write_json}.get(
        format_name
    )
    if write is None:
        raise InvalidInput("format", "must be mastertrade-csv or mastertrade-json.")
    return write(target, _rows(portfolio))


def _rows(portfolio: Portfolio) -> Iterator[list[str]]:
    """Streamed by a cursor of the server, so that memory stays flat."""
    with (
        transaction.atomic(),
        connection.connection.cursor(name="export_trades") as cursor,
    ):
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(EXPORT, {"portfolio_id": portfolio.portfolio_id})
        for row in cursor:
            yield [_text(value) for value in row]


# What a page lists of a trade, by the names the API has for it.
LISTED = (
    "trade_id",
    "parent_trade_id",
    "symbol",
    "side",
    "status",
    "quantity",
    "entry_price",
    "entry_time",
    "exit_price",
    "exit_time",
    "stop_price",
    "profit_loss",
    "entry_fees",
    "exit_fees",
    "funding",
    "quote_currency",
    "fee_currency",
    "fx_rate",
    "strategy_id",
    "adjustment_id",
    "override_halt_id",
    "external_id",
    "void_reason",
)
GUARDED = TEXTS | {"void_reason"}


def write_listed(trades: QuerySet[Trade]) -> Iterator[str]:
    """A CSV of these trades, void ones too, line by line; memory stays flat.

    To read, not to import again: `export_trades` writes what an import takes.
    """
    yield _line(LISTED)
    rows = trades.values_list(*LISTED).iterator(chunk_size=ROWS_AT_ONCE)
    for row in rows:
        yield _line(
            escape_cell(_text(value)) if name in GUARDED else _text(value)
            for name, value in zip(LISTED, row, strict=True)
        )


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format_plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def _write_csv(target: TextIO, rows: Iterator[list[str]]) -> int:
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(NAMES)
    count = 0
    is_text = [name in TEXTS for name in NAMES]
    for row in rows:
        writer.writerow(
            escape_cell(cell) if text else cell
            for cell, text in zip(row, is_text, strict=True)
        )
        count += 1
    return count


def _write_json(target: TextIO, rows: Iterator[list[str]]) -> int:
    count = 0
    for row in rows:
        given = {name: text for name, text in zip(NAMES, row, strict=True) if text}
        target.write(json.dumps(given) + "\n")
        count += 1
    if count == 0:
        target.write("[]\n")  # an empty file is not JSON
    return count
