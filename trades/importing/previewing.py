"""What an import did, or would do: counts, and row by row."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trades.importing.rows import NOTHING_GIVEN, GivenCells, Refusal


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file's rows; of its fills, where it is a file of fills.

    `import_id` is None where nothing was written: every row was known, or one was
    refused and with it the file. `refusals` are the first of the `refused`. `warnings`
    say, once for the whole file, what was read differently from how it is written.
    """

    import_id: int | None
    created: int
    known: int
    refused: int
    refusals: tuple[Refusal, ...]
    warnings: tuple[str, ...] = ()


# Of each state so many rows are shown.
MOST_PREVIEWED = 100
# Trades of the import so far, and those that its rows found there: by their ids.
FOUND = """
    staged_trades s LEFT JOIN trades t
        ON t.portfolio_id = %(portfolio_id)s AND t.external_id = s.external_id
"""
IS_NEW = """t.source_import_id = %(import_id)s"""
PREVIEW = f"""
SELECT line, state, why, at, symbol, side, quantity, profit, trade_id, is_late
FROM (
    SELECT r.*, row_number() OVER (PARTITION BY state ORDER BY line) AS place
    FROM (
        SELECT s.line, CASE WHEN f.reason IS NOT NULL THEN 'refused'
                   WHEN {IS_NEW} THEN 'new'
                   WHEN s.updates_open_trade AND t.updated_at = %(now)s THEN 'changed'
                   ELSE 'known' END AS state,
               coalesce(f.reason, '') AS why,
               coalesce(s.exit_time, s.entry_time) AS at, s.symbol, s.side, s.quantity,
               CASE WHEN f.reason IS NULL THEN t.profit_loss END AS profit,
               CASE WHEN {IS_NEW} THEN NULL ELSE t.trade_id END AS trade_id,
               coalesce({IS_NEW} AND s.exit_time < p.last_entry_at, false) AS is_late
        FROM portfolios p, {FOUND}
        LEFT JOIN LATERAL (
            SELECT field || ' ' || reason AS reason FROM import_refusals i
            WHERE i.line = s.line LIMIT 1
        ) f ON true
        WHERE p.portfolio_id = %(portfolio_id)s
    ) r
) ranked WHERE place <= {MOST_PREVIEWED} ORDER BY line
"""
PREVIEW_PROFIT = f"""
SELECT coalesce(sum(t.profit_loss), 0) FROM {FOUND}
WHERE {IS_NEW} OR (s.updates_open_trade AND t.updated_at = %(now)s)
"""


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A row of the file, or a trade that its fills make.

    `state` is new, changed, known or refused, and `why` says why it is refused. `at`
    is its exit, or its entry while it is open; where the row was not read, `given` is
    what stands in the file. `trade_id` is the trade it is known as.
    `is_late`: it is from before the newest entry, so that figures are made again.
    """

    line: int
    state: str
    why: str
    at: datetime | None = None
    symbol: str = ""
    side: str = ""
    quantity: Decimal | None = None
    profit: Decimal | None = None
    trade_id: int | None = None
    is_late: bool = False
    given: GivenCells = NOTHING_GIVEN


@dataclass(frozen=True, slots=True)
class ImportPreview:
    """What a file would do. `profit` is that of its new exits, `equity` that of now.

    Both in `currency`. `rows` are the first of each state. Not `is_complete`: fills
    hang together, and one that is refused stops the others, with `partial` too.
    """

    report: ImportReport
    rows: tuple[PreviewRow, ...]
    profit: Decimal
    equity: Decimal
    currency: str
    is_complete: bool
