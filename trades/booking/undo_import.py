"""Undoing an import: all its trades void, and its file free to come in again."""

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
from trades.models import Trade, TradeImport
from trades.sizing_calls.records import forget_records

# What hangs on an import's trades, or what of it hangs on others; the first of each.
DEPENDENTS = """
SELECT trade_id, reason FROM (
    SELECT t.trade_id, 'was changed since, or closed' AS reason
    FROM trades t JOIN trade_imports i ON i.import_id = t.source_import_id
    WHERE t.source_import_id = %(import_id)s AND t.status <> 'void'
      AND t.updated_at <> i.created_at
  UNION ALL
    SELECT t.trade_id, 'is a part of trade ' || t.parent_trade_id
           || ', which did not come with it'
    FROM trades t JOIN trades p ON p.trade_id = t.parent_trade_id
    WHERE t.source_import_id = %(import_id)s AND t.status <> 'void'
      AND p.source_import_id IS DISTINCT FROM %(import_id)s
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
    SELECT k.trade_id, 'was there before, and fills of this import changed it'
    FROM trade_fills k JOIN trades t USING (trade_id)
    WHERE k.source_import_id = %(import_id)s
      AND t.source_import_id IS DISTINCT FROM %(import_id)s AND t.status <> 'void'
  UNION ALL
    SELECT w.trade_id, 'is followed by a bot'
    FROM webhook_fills w JOIN trades t USING (trade_id)
    WHERE t.source_import_id = %(import_id)s AND t.status <> 'void'
) d ORDER BY trade_id LIMIT 1
"""
OPEN_PNL = """
SELECT t.trade_id, open_pnl(t, o.current_price)
FROM trades t JOIN positions o USING (trade_id)
WHERE t.source_import_id = %(import_id)s AND t.status = 'open'
  AND o.marked_at IS NOT NULL
"""
CLOSE_POSITIONS = """
UPDATE positions o SET status = 'closed', unrealized_pnl = 0, updated_at = %(now)s
FROM trades t
WHERE t.trade_id = o.trade_id AND t.source_import_id = %(import_id)s
  AND t.status = 'open'
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


@atomic_for_long
def undo_import(
    *, user: User, import_id: int, now: datetime
) -> tuple[TradeImport, int, list[GoalMove]]:
    """Void all trades of an import, as if the file had never come; how many they were.

    They stay readable. Their ids are free again, so that the file, or a corrected one,
    may be imported. Raises `ImportNotUndone` where something depends on one of them:
    a later close, a part, a fill or a bot; `NotFound` where the user has no such
    import. One that was undone before stays as it is.
    """
    found = TradeImport.objects.filter(user_id=user.username, pk=import_id).first()
    if found is None:
        raise NotFound(f"You have no import {import_id}.")
    portfolio = lock_portfolio(user=user, portfolio=found.portfolio_id)
    row = TradeImport.objects.select_for_update(no_key=True).get(pk=import_id)
    if row.undone_at is not None:
        return row, 0, []
    list(Trade.objects.filter(source_import=row).locked().values_list("pk"))
    values: dict[str, Any] = {
        "import_id": import_id,
        "now": now,
        "user_id": user.username,
        "reason": f"Import {import_id} of {row.file_name} was undone.",
    }
    with connection.cursor() as cursor:
        _refuse_dependents(cursor, values)
        count, since = _void(cursor, values, portfolio, now)
    row.undone_at = now
    row.save(update_fields=["undone_at"])
    if since is None:
        return row, 0, []
    forget_records(portfolio)
    moves = rebuild_ledger(portfolio, since=since, now=now, reason=values["reason"])
    return row, count, moves


def _refuse_dependents(cursor: Any, values: dict[str, Any]) -> None:
    cursor.execute(DEPENDENTS, values)
    found = cursor.fetchone()
    if found is not None:
        trade_id, reason = found
        raise ImportNotUndone(
            f"Import {values['import_id']} cannot be undone as a whole: trade "
            f"{trade_id} {reason}. Void its trades one by one, or undo the later "
            "import first."
        )


def _void(
    cursor: Any, values: dict[str, Any], portfolio: Portfolio, now: datetime
) -> tuple[int, datetime | None]:
    """How many trades were voided, and since when figures are to be made again."""
    cursor.execute(FIRST_ENTRY, values)
    (since,) = cursor.fetchone()
    cursor.execute(OPEN_PNL, values)
    given: dict[int, Decimal] = {trade_id: -pnl for trade_id, pnl in cursor.fetchall()}
    cursor.execute(CLOSE_POSITIONS, values)
    cursor.execute(VOID, values)
    count = cursor.rowcount
    cursor.execute(RELEASE, values)
    cursor.execute(FORGET_FILLS, values)
    if given:
        portfolio.revalue(given, now)
    return count, since
