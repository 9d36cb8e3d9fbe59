"""The trades of a trading day, as its rules count them: read, never written."""

from datetime import datetime
from typing import NamedTuple

from django.db import connection

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
