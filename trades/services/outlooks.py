"""What a portfolio's closed trades say to the goals' policies."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from goals.models import FinancialGoal, Portfolio, User
from goals.records import GrowthRecord
from goals.services.outlooks import Outlook, needs_outlook
from mastertrade.loading import prepared_cursor
from mastertrade.money import exactly
from trades.services.records import load_growths, load_record

FEWEST_DAYS, MOST_DAYS = 7, 90
# The days looked back on (in microseconds) and the trades that ended in them. A trade
# ends with the last close of its parts; while one is open, or closes later, it has not.
RATE = f"""
WITH first AS (
    SELECT min(exit_time) AS at FROM trades
    WHERE portfolio_id = %(portfolio_id)s AND status = 'closed'
      AND exit_time <= %(as_of)s
), span AS (
    SELECT least(greatest(%(as_of)s - at, interval '{FEWEST_DAYS * 24} hours'),
                 interval '{MOST_DAYS * 24} hours') AS back
    FROM first WHERE at IS NOT NULL
)
SELECT extract(epoch FROM back), (
    SELECT count(*) FROM trades t
    WHERE t.portfolio_id = %(portfolio_id)s AND t.status = 'closed'
      AND t.exit_time >= %(as_of)s - back AND t.exit_time <= %(as_of)s
      AND NOT EXISTS (
          SELECT 1 FROM trades p
          WHERE p.parent_trade_id = coalesce(t.parent_trade_id, t.trade_id)
            AND p.status = 'closed'
            AND (p.exit_time, p.ledger_key) > (t.exit_time, t.ledger_key))
      AND NOT EXISTS (
          SELECT 1 FROM trades r
          WHERE r.trade_id = t.parent_trade_id
            AND (r.status = 'open' OR r.status = 'closed'
                 AND (r.exit_time, r.ledger_key) > (t.exit_time, t.ledger_key)))
) FROM span
"""
SECONDS_PER_DAY = 86_400


def load_outlook(
    user: User,
    portfolio: Portfolio,
    goals: Sequence[FinancialGoal],
    as_of: datetime,
    now: datetime,
    *,
    record: GrowthRecord | None = None,
) -> Outlook | None:
    """The outlook of a locked portfolio at `as_of`; None if none of the goals needs it.

    `record` is the portfolio's, if it was read already. One statement, and one more for
    the record; the trades themselves are walked only when a policy asks for them.
    """
    if not any(needs_outlook(goal, as_of) for goal in goals):
        return None
    if record is None:
        record = load_record(user, portfolio, as_of)
    return Outlook(
        portfolio=portfolio,
        record=record,
        trades_per_day=load_trades_per_day(portfolio, as_of),
        read_growths=lambda: load_growths(portfolio, as_of),
        now=now,
    )


@exactly
def load_trades_per_day(portfolio: Portfolio, as_of: datetime) -> Decimal:
    """The portfolio's trades of its last D days by D; parts count once.

    D is the days since its first trade, but from 7 to 90.
    """
    with prepared_cursor() as cursor:
        cursor.execute(RATE, {"portfolio_id": portfolio.portfolio_id, "as_of": as_of})
        row = cursor.fetchone()
    if row is None:
        return Decimal(0)
    seconds, trades = row
    return Decimal(trades) * SECONDS_PER_DAY / Decimal(seconds)
