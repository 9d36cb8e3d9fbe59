"""The marks that limits were judged by, stored so that a rebuild judges as then."""

import sys
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Q

from goals.decisions.limits import Made, hold, needs_day_start
from goals.enums import MarkRole
from goals.models import LimitMark, Portfolio, TradeEntry
from mastertrade.db.raw_sql import execute

# Of every open trade at its last mark, less what came since; `trades` makes the view.
MADE = """
SELECT coalesce(sum(open_pnl), 0) AS open_pnl,
       coalesce(jsonb_object_agg(trade_id, open_pnl::text), '{}') AS by_trade
FROM (
    SELECT trade_id, sum(open_pnl)::numeric(24, 8) AS open_pnl FROM (
        SELECT trade_id, open_pnl FROM open_profits
        WHERE portfolio_id = %(portfolio_id)s
        UNION ALL
        SELECT trade_id, -change
        FROM unnest(%(trade_ids)s::bigint[], %(changes)s::numeric[])
            AS c(trade_id, change)
    ) part GROUP BY trade_id
) by_trade
"""
KEEP_MARK = f"""
INSERT INTO limit_marks (portfolio_id, role, at, open_pnl, by_trade)
SELECT %(portfolio_id)s, %(role)s, %(at)s, made.* FROM ({MADE}) made
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
# The mark that waited is the first one of the high.
CONFIRM_PENDING = f"""
UPDATE limit_marks m
SET role = %(role)s, first_at = m.at, first_open_pnl = m.open_pnl,
    first_by_trade = m.by_trade, at = %(at)s, open_pnl = made.open_pnl,
    by_trade = made.by_trade
FROM ({MADE}) made WHERE m.portfolio_id = %(portfolio_id)s AND m.role = 'pending'
"""
KEEP = {
    MarkRole.DAY_START: KEEP_MARK + KEEP_ONE_START,
    MarkRole.PENDING: KEEP_MARK + KEEP_ONE_PENDING,
    MarkRole.HIGH: CONFIRM_PENDING,
}
# What is new of a day's start says nothing of an earlier day's: that one stays as the
# next that is stored has it so far, or without any open profit.
KEEP_BEFORE = """
WITH before AS (
    INSERT INTO limit_marks (portfolio_id, role, at, open_pnl, by_trade)
    SELECT %(portfolio_id)s, 'day_start', %(before)s, coalesce(open_pnl, 0),
           coalesce(by_trade, '{}')
    FROM (SELECT) one LEFT JOIN LATERAL (
        SELECT open_pnl, by_trade FROM limit_marks
        WHERE portfolio_id = %(portfolio_id)s AND role = 'day_start'
          AND at >= %(before)s
        ORDER BY at LIMIT 1
    ) stored ON true
    WHERE %(before)s::timestamptz IS NOT NULL
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
# The newest of an hour's highs is enough where each trade had made as much at both its
# marks as at one of another's: whatever turns out to be void, that other is no higher.
# Nothing else lies between.
THIN_HIGHS = """
DELETE FROM limit_marks h USING (
    SELECT * FROM limit_marks
    WHERE portfolio_id = %(portfolio_id)s AND role = 'high' AND at <= %(until)s
    ORDER BY at DESC, limit_mark_id DESC LIMIT 1
) newest
WHERE h.portfolio_id = %(portfolio_id)s AND h.role = 'high' AND h.at < newest.at
  AND h.first_at > greatest(%(since)s, date_trunc('hour', newest.at), (
      SELECT max(at) FROM limit_marks
      WHERE portfolio_id = %(portfolio_id)s
        AND role IN ('breach', 'close', 'stood', 'reference')))
  AND EXISTS (
      SELECT 1 FROM (VALUES (h.by_trade), (h.first_by_trade)) one(by_trade)
      WHERE one.by_trade IS NOT NULL AND NOT EXISTS (
          SELECT 1 FROM (
              VALUES (newest.by_trade), (newest.first_by_trade)
          ) other(by_trade)
          CROSS JOIN LATERAL jsonb_each_text(one.by_trade || other.by_trade) made
          WHERE coalesce((other.by_trade ->> made.key)::numeric, 0)
                < coalesce((one.by_trade ->> made.key)::numeric, 0)))
"""
# As late as that an entry may come and find every high of then.
HIGHS_STAY = timedelta(minutes=5)
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

# Of each trade that was open at a reference what it had made: at first, and behind each
# close of a part of it, or of the rest, by quantity. What was added since is no part of
# it. A close's place is that among the entries of its instant.
MADE_AT_REFERENCES = """
WITH open_then AS (
    SELECT m.at, t.trade_id, made.value::numeric AS made,
           open_quantity(t.trade_id, m.at, 9223372036854775807) AS quantity
    FROM limit_marks m CROSS JOIN LATERAL jsonb_each_text(m.by_trade) made
    JOIN trades t ON t.trade_id = made.key::bigint AND t.status <> 'void'
    WHERE m.portfolio_id = %(portfolio_id)s AND m.role = 'reference'
      AND m.at = ANY(%(times)s) AND (t.exit_time IS NULL OR t.exit_time > m.at)
)
SELECT at, at AS since, 0 AS place, 0 AS ledger_key, trade_id, made FROM open_then
UNION ALL
SELECT o.at, c.exit_time, (
           SELECT count(*) FROM trades s
           WHERE s.portfolio_id = %(portfolio_id)s AND s.status = 'closed'
             AND s.exit_time = c.exit_time AND s.ledger_key <= c.ledger_key
       ) + (
           SELECT count(*) FROM cash_flows f
           WHERE f.portfolio_id = %(portfolio_id)s AND f.voided_at IS NULL
             AND f.flowed_at = c.exit_time AND f.ledger_key <= c.ledger_key
       ), c.ledger_key, o.trade_id, round_money(o.made * min(least(
           o.quantity, open_quantity(o.trade_id, c.exit_time, c.ledger_key)
       )) OVER (
           PARTITION BY o.at, o.trade_id ORDER BY c.exit_time, c.ledger_key
       ) / o.quantity)
FROM open_then o CROSS JOIN LATERAL (
    SELECT exit_time, ledger_key FROM trades
    WHERE trade_id = o.trade_id AND status = 'closed'
    UNION ALL
    SELECT exit_time, ledger_key FROM trades
    WHERE parent_trade_id = o.trade_id AND status = 'closed'
) c
WHERE c.exit_time > o.at AND o.quantity > 0
ORDER BY 1, 2, 4
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
    sql = KEEP_BEFORE + KEEP.get(role, KEEP_MARK)
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
        execute(KEEP_BEFORE + ADD_TO_START, _parameters(portfolio, at, before))
    portfolio.day_before = None


def _parameters(
    portfolio: Portfolio,
    at: datetime,
    changes: Mapping[int, Decimal] | Mapping[int | None, Decimal] | None,
    role: MarkRole = MarkRole.DAY_START,
) -> dict[str, object]:
    changes, before = changes or {}, portfolio.day_before
    return {
        "before": None if before is None else portfolio.day_start(before),
        "portfolio_id": portfolio.portfolio_id,
        "role": str(role),
        "at": at,
        "trade_ids": list(changes),
        "changes": list(changes.values()),
    }


def thin_highs(portfolio: Portfolio, at: datetime) -> None:
    """Forget highs that a later one makes needless, once they are 5 minutes old."""
    day_began = portfolio.day_start(portfolio.trading_day(at))
    newest = (day_began, portfolio.last_entry_at, portfolio.limits_changed_at)
    parameters = {
        "portfolio_id": portfolio.portfolio_id,
        "until": at - HIGHS_STAY,
        "since": max(one for one in newest if one is not None),
    }
    execute(THIN_HIGHS, parameters)


def is_high(portfolio: Portfolio, at: datetime) -> bool:
    """Whether a mark of this instant confirmed a live high."""
    highs = LimitMark.objects.filter(portfolio=portfolio, role=MarkRole.HIGH, at=at)
    return highs.exists()


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


def read_made(
    portfolio: Portfolio, times: Iterable[datetime]
) -> dict[datetime, list[Made]]:
    """What trades that were open at references of these times had made, by time."""
    made: dict[datetime, list[Made]] = {at: [] for at in times}
    if not made:
        return made
    parameters: dict[str, Any] = {
        "portfolio_id": portfolio.portfolio_id,
        "times": list(made),
    }
    with connection.cursor() as cursor:
        cursor.execute(MADE_AT_REFERENCES, parameters)
        for at, since, place, _, trade_id, profit in cursor.fetchall():
            made[at].append(Made(since, place, trade_id, Decimal(profit)))
    return made


def read_held(portfolio: Portfolio, set_at: datetime, at: datetime) -> Decimal | None:
    """What a reference of the present value holds after the entries up to `at`."""
    made = read_made(portfolio, [set_at])[set_at]
    return hold(portfolio.limits, made, at, sys.maxsize)


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
