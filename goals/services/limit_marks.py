"""The marks that limits were judged by, stored so that a rebuild judges as then."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Q

from goals.decisions.limits import needs_day_start
from goals.enums import MarkRole
from goals.models import LimitMark, Portfolio, TradeEntry
from mastertrade.db.raw_sql import execute

# Of every open trade at its last mark, less what came since; `trades` makes the view.
KEEP_MARK = """
INSERT INTO limit_marks (portfolio_id, role, at, open_pnl, by_trade)
SELECT %(portfolio_id)s, %(role)s, %(at)s, coalesce(sum(open_pnl), 0),
       coalesce(jsonb_object_agg(trade_id, open_pnl::text), '{}')
FROM (
    SELECT trade_id, sum(open_pnl)::numeric(24, 8) AS open_pnl FROM (
        SELECT trade_id, open_pnl FROM open_profits
        WHERE portfolio_id = %(portfolio_id)s
        UNION ALL
        SELECT trade_id, -change
        FROM unnest(%(trade_ids)s::bigint[], %(changes)s::numeric[])
            AS c(trade_id, change)
    ) part GROUP BY trade_id
) made
"""
KEEP_ONE_START = """
ON CONFLICT (portfolio_id, at) WHERE role = 'day_start'
DO UPDATE SET open_pnl = excluded.open_pnl, by_trade = excluded.by_trade
"""
KEEP_ONE_PENDING = """
ON CONFLICT (portfolio_id) WHERE role = 'pending'
DO UPDATE SET at = excluded.at, open_pnl = excluded.open_pnl,
              by_trade = excluded.by_trade
"""
ONE_OF = {MarkRole.DAY_START: KEEP_ONE_START, MarkRole.PENDING: KEEP_ONE_PENDING}
# Trades that had made nothing yet when an earlier day began had not when it did.
KEEP_FLAT = """
WITH flat AS (
    INSERT INTO limit_marks (portfolio_id, role, at, open_pnl, by_trade)
    SELECT %(portfolio_id)s, 'day_start', %(flat_at)s, 0, '{}'
    WHERE %(flat_at)s::timestamptz IS NOT NULL
    ON CONFLICT (portfolio_id, at) WHERE role = 'day_start' DO NOTHING
)
"""
# What turns out to have been there when the day began.
ADD_TO_START = """
INSERT INTO limit_marks AS m (portfolio_id, role, at, open_pnl, by_trade)
SELECT %(portfolio_id)s, 'day_start', %(at)s, coalesce(sum(change), 0),
       coalesce(jsonb_object_agg(trade_id, change::text)
                FILTER (WHERE trade_id IS NOT NULL), '{}')
FROM unnest(%(trade_ids)s::bigint[], %(changes)s::numeric[]) AS c(trade_id, change)
ON CONFLICT (portfolio_id, at) WHERE role = 'day_start'
DO UPDATE SET open_pnl = m.open_pnl + excluded.open_pnl,
              by_trade = m.by_trade || (
    SELECT coalesce(jsonb_object_agg(key, (
        value::numeric + coalesce((m.by_trade ->> key)::numeric, 0))::text), '{}')
    FROM jsonb_each_text(excluded.by_trade)
)
"""
# Void trades are not among the entries.
OPEN_PNL = """
SELECT m.open_pnl - coalesce((
    SELECT sum(p.value::numeric) FROM jsonb_each_text(m.by_trade) p
    LEFT JOIN trade_entries e ON e.trade_id = p.key::bigint
    WHERE e.trade_id IS NULL OR e.ended_at < %(at)s
), 0)
FROM limit_marks m
WHERE m.portfolio_id = %(portfolio_id)s AND m.role = 'day_start' AND m.at >= %(at)s
ORDER BY m.at LIMIT 1
"""


def keep_mark(
    portfolio: Portfolio,
    role: MarkRole,
    at: datetime,
    since: Mapping[int, Decimal] | None = None,
) -> None:
    """Store what each open trade of a locked portfolio has made at its mark.

    `since`: what came since `at`, by trade, and does not count.
    """
    sql = KEEP_FLAT + KEEP_MARK + ONE_OF.get(role, "")
    execute(sql, _parameters(portfolio, at, since, role))


def keep_day_start(portfolio: Portfolio) -> None:
    """Store the open profit that the newest trading day began with, where that is new.

    Where no limit looks at it, only if there was any.
    """
    since, before = portfolio.since_midnight, portfolio.before_midnight
    portfolio.since_midnight = portfolio.before_midnight = None
    if portfolio.revalued_day is None:
        return
    at = portfolio.day_start(portfolio.revalued_day)
    if since is not None:
        if needs_day_start(portfolio.limits) or portfolio.midnight_unrealized_pnl != 0:
            keep_mark(portfolio, MarkRole.DAY_START, at, since)
    elif before:
        execute(KEEP_FLAT + ADD_TO_START, _parameters(portfolio, at, before))
    portfolio.flat_day = None


def _parameters(
    portfolio: Portfolio,
    at: datetime,
    changes: Mapping[int, Decimal] | Mapping[int | None, Decimal] | None,
    role: MarkRole = MarkRole.DAY_START,
) -> dict[str, object]:
    changes, flat_day = changes or {}, portfolio.flat_day
    return {
        "flat_at": None if flat_day is None else portfolio.day_start(flat_day),
        "portfolio_id": portfolio.portfolio_id,
        "role": str(role),
        "at": at,
        "trade_ids": list(changes),
        "changes": list(changes.values()),
    }


def confirm_pending(portfolio: Portfolio) -> None:
    """The mark that waited is a high."""
    waiting = LimitMark.objects.filter(portfolio=portfolio, role=MarkRole.PENDING)
    waiting.update(role=MarkRole.HIGH)


def read_start_pnl(portfolio: Portfolio, began_at: datetime) -> Decimal | None:
    """What trades that were open when a trading day began had made; None: unknown.

    Stored where a day's first mark came: until then all stood as before.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            OPEN_PNL, {"portfolio_id": portfolio.portfolio_id, "at": began_at}
        )
        row = cursor.fetchone()
    return None if row is None else Decimal(row[0])


def read_open_pnl(portfolio: Portfolio, mark: LimitMark, at: datetime) -> Decimal:
    """What a stored mark's trades had made, without those that are gone `at`."""
    entries = TradeEntry.objects.filter(portfolio=portfolio, trade_id__in=mark.by_trade)
    still_open = entries.filter(Q(ended_at=None) | Q(ended_at__gt=at))
    keys = set(still_open.values_list("trade_id", flat=True))
    gone = [
        Decimal(made) for key, made in mark.by_trade.items() if int(key) not in keys
    ]
    return Decimal(mark.open_pnl) - sum(gone, Decimal(0))


def follow_midnight(portfolio: Portfolio) -> None:
    """Let what the newest trading day began with follow its stored mark. Unsaved."""
    day = portfolio.revalued_day
    if day is None:
        return
    open_pnl = read_start_pnl(portfolio, portfolio.day_start(day))
    if open_pnl is not None:
        portfolio.midnight_unrealized_pnl = open_pnl


def newest_mark(portfolio: Portfolio, role: MarkRole) -> LimitMark | None:
    """The one that was stored last."""
    stored = LimitMark.objects.filter(portfolio=portfolio, role=role)
    return stored.order_by("-limit_mark_id").first()
