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
# outlived; of these two an index, `trades_parts`, has only parts. `age` are the seconds
# since the first trade. Without any trade there is no row.
RATE = f"""
SELECT extract(epoch FROM back) AS seconds, extract(epoch FROM age) AS age, (
    SELECT count(*) FROM trades
    WHERE portfolio_id = %(portfolio_id)s AND status = 'closed'
      AND exit_time >= %(as_of)s - back AND exit_time <= %(as_of)s
) - (
    SELECT count(*) FROM trades t
    WHERE t.portfolio_id = %(portfolio_id)s AND t.status = 'closed'
      AND t.exit_time >= %(as_of)s - back AND t.exit_time <= %(as_of)s
      AND coalesce(t.parent_trade_id, 0) > 0
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
      AND p.exit_time >= %(as_of)s - back AND coalesce(p.parent_trade_id, 0) > 0
      AND r.status = 'closed'
      AND r.exit_time >= %(as_of)s - back AND r.exit_time <= %(as_of)s
      AND (p.exit_time, p.ledger_key) > (r.exit_time, r.ledger_key)
) AS trades
FROM (
    SELECT least(age, interval '{MOST_DAYS * 24} hours') AS back, age
    FROM (
        SELECT greatest(%(as_of)s - at, interval '{FEWEST_DAYS * 24} hours') AS age
        FROM (
        SELECT min(exit_time) AS at FROM trades
        WHERE portfolio_id = %(portfolio_id)s AND status = 'closed'
          AND exit_time <= %(as_of)s
        ) first WHERE at IS NOT NULL
    ) since
) span
"""
# The trades that the stored record of a portfolio counts.
RECORDED = """
SELECT coalesce(sum(trades), 0) AS trades FROM growth_records
WHERE portfolio_id = %(portfolio_id)s AND strategy_id = '' AND exit_time <= %(as_of)s
"""
SECONDS_PER_DAY = 86_400


def load_trades_per_day(portfolio: Portfolio, as_of: datetime, trades: int) -> Decimal:
    """The trades a day to expect; the parts of a trade count once.

    Half the rate of the last D days and half that since the first trade; D is the days
    since then, but from 7 to 90. `trades` are all since the first one, or of a long
    ledger those that were read; the stored record may know of more.
    """
    asked = {"portfolio_id": portfolio.portfolio_id, "as_of": as_of}
    with prepared_cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({RATE}) rate, ({RECORDED}) recorded", asked)
        row = cursor.fetchone()
    if row is None:
        return Decimal(0)
    seconds, age, lately, recorded = row
    return per_day(seconds, age, lately, max(trades, int(recorded)))


@exactly
def per_day(
    seconds: Decimal | None, age: Decimal | None, lately: int | None, trades: int
) -> Decimal:
    """The rate from what `RATE` selects and all trades since the first one.

    None, where nothing is, is 0.
    """
    if seconds is None or age is None or lately is None:
        return Decimal(0)
    since_first = Decimal(max(trades, lately)) / age
    return (lately / seconds + since_first) / 2 * SECONDS_PER_DAY
