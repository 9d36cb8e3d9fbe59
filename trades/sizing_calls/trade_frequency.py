"""How many trades a portfolio makes a day."""

from datetime import datetime
from decimal import Decimal

from goals.models import Portfolio
from mastertrade.db.raw_sql import prepared_cursor
from mastertrade.values.money import exactly

FEWEST_DAYS, MOST_DAYS = 7, 90
# The days looked back on (in seconds) and the trades that ended in them. A trade ends
# with the last close of its parts; while one is open, or closes later, it has not. So:
# what was closed, less the parts that were not the last, less the trades that a part
# outlived; of these two an index has only parts. Without any trade there is no row.
RATE = f"""
SELECT extract(epoch FROM back) AS seconds, (
    SELECT count(*) FROM trades
    WHERE portfolio_id = %(portfolio_id)s AND status = 'closed'
      AND exit_time >= %(as_of)s - back AND exit_time <= %(as_of)s
) - (
    SELECT count(*) FROM trades t
    WHERE t.portfolio_id = %(portfolio_id)s AND t.status = 'closed'
      AND t.exit_time >= %(as_of)s - back AND t.exit_time <= %(as_of)s
      AND t.parent_trade_id IS NOT NULL
      AND (EXISTS (
          SELECT 1 FROM trades p
          WHERE p.parent_trade_id = t.parent_trade_id AND p.status = 'closed'
            AND (p.exit_time, p.ledger_key) > (t.exit_time, t.ledger_key))
      OR EXISTS (
          SELECT 1 FROM trades r
          WHERE r.trade_id = t.parent_trade_id
            AND (r.status = 'open' OR r.status = 'closed'
                 AND (r.exit_time, r.ledger_key) > (t.exit_time, t.ledger_key))))
) - (
    SELECT count(DISTINCT r.trade_id)
    FROM trades p JOIN trades r ON r.trade_id = p.parent_trade_id
    WHERE p.portfolio_id = %(portfolio_id)s AND p.status = 'closed'
      AND p.exit_time >= %(as_of)s - back AND p.parent_trade_id IS NOT NULL
      AND r.status = 'closed'
      AND r.exit_time >= %(as_of)s - back AND r.exit_time <= %(as_of)s
      AND (p.exit_time, p.ledger_key) > (r.exit_time, r.ledger_key)
) AS trades
FROM (
    SELECT least(greatest(%(as_of)s - at, interval '{FEWEST_DAYS * 24} hours'),
                 interval '{MOST_DAYS * 24} hours') AS back
    FROM (
        SELECT min(exit_time) AS at FROM trades
        WHERE portfolio_id = %(portfolio_id)s AND status = 'closed'
          AND exit_time <= %(as_of)s
    ) first WHERE at IS NOT NULL
) span
"""
SECONDS_PER_DAY = 86_400


def load_trades_per_day(portfolio: Portfolio, as_of: datetime) -> Decimal:
    """The portfolio's trades of its last D days by D; parts count once.

    D is the days since its first trade, but from 7 to 90.
    """
    with prepared_cursor() as cursor:
        cursor.execute(RATE, {"portfolio_id": portfolio.portfolio_id, "as_of": as_of})
        row = cursor.fetchone()
    return Decimal(0) if row is None else per_day(*row)


@exactly
def per_day(seconds: Decimal | None, trades: int | None) -> Decimal:
    """The rate from what `RATE` selects; None, where nothing is, is 0."""
    if seconds is None or trades is None:
        return Decimal(0)
    return Decimal(trades) * SECONDS_PER_DAY / Decimal(seconds)
