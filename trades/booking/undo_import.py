"""Undoing an import: all its trades void, and its file free to come in again."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from goals.models import Portfolio, User
from goals.services.ledger import GoalMove
from goals.services.portfolios import lock_portfolio
from goals.services.rebuilding import rebuild_ledger
from mastertrade.db.transactions import atomic_for_long
from mastertrade.values.exceptions import ImportNotUndone, NotFound
from mastertrade.values.money import ZERO
from trades.booking.rows import price_profit
from trades.models import Trade, TradeImport
from trades.sizing_calls.records import forget_records

# What the import made of trades that were there before, as the audit trail has it.
TOUCHED = """
touched AS (
    SELECT DISTINCT ON (c.trade_id) c.trade_id, c.change_id, c.before, i.created_at
    FROM trade_imports i
    JOIN ledger_changes c ON c.portfolio_id = i.portfolio_id
        AND c.changed_at = i.created_at
    JOIN trades t ON t.trade_id = c.trade_id
        AND t.source_import_id IS DISTINCT FROM i.import_id
    WHERE i.import_id = %(import_id)s
    ORDER BY c.trade_id, c.change_id
)
"""
# Whether a trade `t` is another than before its changes behind one of them: what was
# undone again is none.
DIFFERS_SINCE = """t.updated_at <> {came_at} AND EXISTS (
    SELECT 1 FROM (
        SELECT DISTINCT ON (e.key) e.key, e.value
        FROM ledger_changes l CROSS JOIN LATERAL jsonb_each(l.before) e
        WHERE l.trade_id = t.trade_id AND l.change_id > {change_id}
          AND l.action <> 'unlinked'
        ORDER BY e.key, l.change_id
    ) was WHERE was.value IS DISTINCT FROM to_jsonb(t) -> was.key
)"""
# What hangs on an import's trades, or what of it hangs on others; the first of each.
DEPENDENTS = f"""
WITH {TOUCHED}
SELECT trade_id, reason FROM (
    SELECT t.trade_id, 'was changed since, or closed' AS reason
    FROM trades t JOIN trade_imports i ON i.import_id = t.source_import_id
    WHERE t.source_import_id = %(import_id)s AND t.status <> 'void'
      AND {DIFFERS_SINCE.format(came_at="i.created_at", change_id="0")}
  UNION ALL
    SELECT t.trade_id, 'was changed by it, and again since'
    FROM touched c JOIN trades t USING (trade_id)
    WHERE {DIFFERS_SINCE.format(came_at="c.created_at", change_id="c.change_id")}
  UNION ALL
    SELECT t.trade_id, 'is a part of trade ' || t.parent_trade_id
           || ', which did not come with it'
    FROM trades t JOIN trades p ON p.trade_id = t.parent_trade_id
    WHERE t.source_import_id = %(import_id)s AND t.status <> 'void'
      AND p.source_import_id IS DISTINCT FROM %(import_id)s
      AND p.trade_id NOT IN (SELECT trade_id FROM touched)
  UNION ALL
    SELECT p.parent_trade_id, 'was closed in part since'
    FROM trades p JOIN trades t ON t.trade_id = p.parent_trade_id
    WHERE t.source_import_id = %(import_id)s AND p.status <> 'void'
      AND p.source_import_id IS DISTINCT FROM %(import_id)s
  UNION ALL
    SELECT k.trade_id, 'has fills that came in since'
    FROM trade_fills k JOIN trades t USING (trade_id)
    WHERE t.source_import_id = %(import_id)s
      AND k.source_import_id IS DISTINCT FROM %(import_id)s
  UNION ALL
    SELECT k.trade_id, 'was there before, and is known by fills of it'
    FROM trade_fills k JOIN trades t USING (trade_id)
    WHERE k.source_import_id = %(import_id)s
      AND t.source_import_id IS DISTINCT FROM %(import_id)s AND t.status <> 'void'
      AND t.trade_id NOT IN (SELECT trade_id FROM touched)
  UNION ALL
    SELECT w.trade_id, 'is followed by a bot'
    FROM webhook_fills w JOIN trades t USING (trade_id)
    WHERE t.source_import_id = %(import_id)s AND t.status <> 'void'
) d ORDER BY trade_id LIMIT 1
"""
# Of its own trades, and of those it touched, what is open and marked made.
OPEN_PNL = f"""
WITH {TOUCHED}
SELECT t.trade_id, open_pnl(t, o.current_price)
FROM trades t JOIN positions o USING (trade_id)
WHERE (t.source_import_id = %(import_id)s
       OR t.trade_id IN (SELECT trade_id FROM touched))
  AND t.status = 'open' AND o.marked_at IS NOT NULL
"""
CLOSE_POSITIONS = """
UPDATE positions o SET status = 'closed', unrealized_pnl = 0, updated_at = %(now)s
FROM trades t
WHERE t.trade_id = o.trade_id AND t.source_import_id = %(import_id)s
  AND t.status = 'open'
"""
# Back to what they were. What a close ended has no mark until the next one: the price
# of its exit stands there.
RESTORED = (
    "quantity", "entry_price", "entry_notional", "entry_fees", "exit_price",
    "exit_time", "exit_fees", "exit_fee_fx_rate", "funding", "profit_loss",
    "unbooked_profit", "fx_rate", "fee_fx_rate", "status", "ledger_key",
)  # fmt: skip
RESTORE = f"""
WITH {TOUCHED}, restored AS (
    UPDATE trades t
    SET {", ".join(f"{name} = was.{name}" for name in RESTORED)},
        updated_at = %(now)s, updated_by = %(user_id)s
    FROM touched c JOIN trades o USING (trade_id)
    CROSS JOIN LATERAL jsonb_populate_record(o, c.before) was
    WHERE t.trade_id = o.trade_id
    RETURNING t.trade_id, t.quantity, t.entry_price, t.side, t.fx_rate,
              t.entry_notional, o.exit_time
), reopened AS (
    UPDATE positions o
    SET status = 'open', quantity = t.quantity, entry_price = t.entry_price,
        marked_at = CASE WHEN o.status = 'open' THEN o.marked_at END,
        current_price = CASE WHEN o.status = 'open' AND o.marked_at IS NOT NULL
            THEN o.current_price ELSE t.entry_price END,
        unrealized_pnl = CASE WHEN o.status = 'open' AND o.marked_at IS NOT NULL
            THEN {price_profit("o.current_price")} ELSE 0 END,
        updated_at = %(now)s
    FROM restored t WHERE o.trade_id = t.trade_id
)
SELECT count(*), min(exit_time) FROM restored
"""
# A void trade has no id of the file any more, and the fills go: what comes in again is
# not known. Which import it came from stays.
VOID = """
UPDATE trades
SET status = 'void', voided_at = %(now)s, void_reason = %(reason)s, external_id = NULL,
    updated_at = %(now)s, updated_by = %(user_id)s
WHERE source_import_id = %(import_id)s AND status <> 'void'
"""
RELEASE = """
UPDATE trades SET external_id = NULL
WHERE source_import_id = %(import_id)s AND external_id IS NOT NULL
"""
FORGET_FILLS = "DELETE FROM trade_fills WHERE source_import_id = %(import_id)s"
# From its first entry on, everything is made again; a cash flow that was valued by one
# of its trades came after that.
FIRST_ENTRY = """
SELECT min(entry_time) FROM trades
WHERE source_import_id = %(import_id)s AND status <> 'void'
"""


@dataclass(frozen=True, slots=True)
class UndoneImport:
    """What undoing an import did: how many trades are void, and open as before again.

    Nothing where it was undone before.
    """

    row: TradeImport
    voided: int = 0
    restored: int = 0
    moves: tuple[GoalMove, ...] = ()


@atomic_for_long
def undo_import(*, user: User, import_id: int, now: datetime) -> UndoneImport:
    """Void all trades of an import, as if the file had never come.

    They stay readable. Open trades of before that it closed, whole or in part, are as
    they were. Its ids are free again, so that the file, or a corrected one, may be
    imported. Raises `ImportNotUndone` where something depends on one of them: a later
    close, a part, a fill or a bot; `NotFound` where the user has no such import. One
    that was undone before stays as it is.
    """
    found = TradeImport.objects.filter(user_id=user.username, pk=import_id).first()
    if found is None:
        raise NotFound(f"You have no import {import_id}.")
    portfolio = lock_portfolio(user=user, portfolio=found.portfolio_id)
    row = TradeImport.objects.select_for_update(no_key=True).get(pk=import_id)
    if row.undone_at is not None:
        return UndoneImport(row)
    list(Trade.objects.filter(source_import=row).locked().values_list("pk"))
    values: dict[str, Any] = {
        "import_id": import_id,
        "now": now,
        "user_id": user.username,
        "reason": f"Import {import_id} of {row.file_name} was undone.",
    }
    with connection.cursor() as cursor:
        _refuse_dependents(cursor, values)
        voided, restored, since = _take_back(cursor, values, portfolio, now)
    row.undone_at = now
    row.save(update_fields=["undone_at"])
    if since is None:
        return UndoneImport(row)
    forget_records(portfolio)
    moves = rebuild_ledger(portfolio, since=since, now=now, reason=values["reason"])
    return UndoneImport(row, voided, restored, tuple(moves))


def _refuse_dependents(cursor: Any, values: dict[str, Any]) -> None:
    cursor.execute(DEPENDENTS, values)
    found = cursor.fetchone()
    if found is not None:
        trade_id, reason = found
        raise ImportNotUndone(
            f"Import {values['import_id']} cannot be undone as a whole: trade "
            f"{trade_id} {reason}. Undo a later import first, or void its trades one "
            "by one."
        )


def _take_back(
    cursor: Any, values: dict[str, Any], portfolio: Portfolio, now: datetime
) -> tuple[int, int, datetime | None]:
    """How many trades are void, how many restored, and since when figures change."""
    cursor.execute(FIRST_ENTRY, values)
    (first_entry,) = cursor.fetchone()
    cursor.execute(OPEN_PNL, values)
    before: dict[int, Decimal] = dict(cursor.fetchall())
    cursor.execute(CLOSE_POSITIONS, values)
    cursor.execute(VOID, values)
    voided = cursor.rowcount
    cursor.execute(RESTORE, values)
    restored, first_exit = cursor.fetchone()
    cursor.execute(RELEASE, values)
    cursor.execute(FORGET_FILLS, values)
    cursor.execute(OPEN_PNL, values)
    after: dict[int, Decimal] = dict(cursor.fetchall())
    changes = {
        trade_id: after.get(trade_id, ZERO) - before.get(trade_id, ZERO)
        for trade_id in before | after
    }
    if changes:
        portfolio.revalue(changes, now)
    times = [at for at in (first_entry, first_exit) if at is not None]
    if restored and not times:
        times = [now]
    return voided, restored, min(times, default=None)
