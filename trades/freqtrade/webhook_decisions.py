"""Which sizing decision an entry was made by; a webhook cannot say."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from goals.models import Portfolio
from mastertrade.values.money import exactly
from trades.freqtrade.messages import FillMessage

# A limit order may wait before it is filled.
WINDOW = timedelta(hours=1)
# Exchanges take whole lots only, so a bot buys a little less than it was allowed.
SIZE_TOLERANCE = Decimal("0.02")
NEWEST_DECISION = """
SELECT a.adjustment_id
FROM financial_goals g CROSS JOIN LATERAL (
    SELECT * FROM goal_adjustment_log WHERE goal_id = g.goal_id
    ORDER BY adjustment_id DESC LIMIT 100
) a
WHERE g.portfolio_id = %(portfolio)s AND a.portfolio_id = g.portfolio_id
  AND a.symbol = %(symbol)s AND a.as_of BETWEEN %(since)s AND %(until)s
  AND a.adjusted_size BETWEEN %(least)s AND %(most)s
  AND NOT EXISTS (SELECT 1 FROM trades t WHERE t.adjustment_id = a.adjustment_id)
ORDER BY a.adjustment_id DESC LIMIT 1
"""


@exactly
def find_decision(
    portfolio: Portfolio, message: FillMessage, now: datetime
) -> int | None:
    """The newest decision for this symbol and size that no trade is by yet."""
    size = message.quantity * message.price
    values: dict[str, Any] = {
        "portfolio": portfolio.pk,
        "symbol": message.symbol,
        "since": message.opened_at - WINDOW,
        "until": now,
        "least": size * (1 - SIZE_TOLERANCE),
        "most": size * (1 + SIZE_TOLERANCE),
    }
    with connection.cursor() as cursor:
        cursor.execute(NEWEST_DECISION, values)
        found = cursor.fetchone()
    return None if found is None else int(found[0])
