"""The trades of a trading day, as its rules count them: read, never written."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from goals.decisions.limit_events import Traded
from goals.decisions.limits import Limits
from goals.models import Portfolio

# Parts of a trade count once, with the profit of all of them. The index of the ledger
# finds what ended: `status` is its condition.
DAY_TRADES = """
WITH ended AS (
    SELECT trade_id, ended_at, profit_loss FROM trade_entries
    WHERE portfolio_id = %(portfolio_id)s AND status = 'closed'
      AND ended_at >= %(ended_since)s AND ended_at <= %(at)s
), other AS (
    SELECT ended_at, trade_id FROM ended WHERE profit_loss >= 0
    ORDER BY ended_at DESC, trade_id DESC LIMIT 1
)
SELECT (
    SELECT count(*) FROM trade_entries
    WHERE portfolio_id = %(portfolio_id)s
      AND entered_at >= %(entered_since)s AND entered_at <= %(at)s
), count(e.trade_id), max(e.ended_at)
FROM ended e LEFT JOIN other o ON true
WHERE o.trade_id IS NULL OR (e.ended_at, e.trade_id) > (o.ended_at, o.trade_id)
"""


# What happened with trades on days that may reach a rule. Days are by the wall clock,
# and what is near a day's beginning counts for both: clocks change.
TRADED = """
WITH event AS (
    SELECT trade_id, entered_at AS at, NULL::numeric AS made FROM trade_entries
    WHERE portfolio_id = %(portfolio_id)s AND entered_at >= %(since)s
    UNION ALL
    SELECT trade_id, ended_at, profit_loss FROM trade_entries
    WHERE portfolio_id = %(portfolio_id)s AND status = 'closed'
      AND ended_at >= %(since)s
), by_day AS (
    SELECT e.*, d.day FROM event e CROSS JOIN LATERAL (
        SELECT DISTINCT (
            e.at AT TIME ZONE %(time_zone)s - %(day_starts_at)s::interval + near
        )::date AS day
        FROM unnest('{-2h,2h}'::interval[]) AS n(near)
    ) d
), full_day AS (
    SELECT day FROM by_day GROUP BY day
    HAVING count(*) FILTER (WHERE made IS NULL) >= %(trades)s::int
        OR count(*) FILTER (WHERE made < 0) >= %(losses)s::int
)
SELECT DISTINCT at, trade_id, made FROM by_day JOIN full_day USING (day)
ORDER BY at, trade_id, made NULLS FIRST
"""


class DayTrades(NamedTuple):
    """Counts of a day; `last_loss_at` is when the newest of the losses ended."""

    entered: int
    losses: int
    last_loss_at: datetime | None


def read_day_trades(
    portfolio: Portfolio,
    *,
    entered_since: datetime,
    ended_since: datetime,
    at: datetime,
) -> DayTrades:
    """The trades entered, and the losses in a row among those that ended, up to `at`.

    Since the day began, or since its rule was last resumed. A void trade is none; one
    that broke even ends a row of losses. One statement.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            DAY_TRADES,
            {
                "portfolio_id": portfolio.portfolio_id,
                "entered_since": entered_since,
                "ended_since": ended_since,
                "at": at,
            },
        )
        return DayTrades(*cursor.fetchone())


def read_traded(
    portfolio: Portfolio, in_play: Iterable[Limits], since: datetime
) -> list[Traded]:
    """Trades entered and ended since then, of days that may reach a rule of these.

    In order; one statement where a limit counts trades, else none.
    """
    limits = list(in_play)
    most = [one.max_trades_per_day for one in limits]
    losses = [one.pause_after_losses for one in limits]
    fewest = [
        min((count for count in counts if count is not None), default=None)
        for counts in (most, losses)
    ]
    if fewest == [None, None]:
        return []
    parameters: dict[str, Any] = {
        "portfolio_id": portfolio.portfolio_id,
        "since": since,
        "time_zone": portfolio.time_zone,
        "day_starts_at": portfolio.day_starts_at,
        "trades": fewest[0],
        "losses": fewest[1],
    }
    with connection.cursor() as cursor:
        cursor.execute(TRADED, parameters)
        return [Traded(at, made) for at, _, made in cursor.fetchall()]
