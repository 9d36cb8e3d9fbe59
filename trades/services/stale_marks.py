"""Alerts of open positions whose marks have gone stale: of trades, so not in goals."""

from datetime import datetime

from django.db import connection

from goals.decisions.alert_events import marks_stale
from goals.decisions.alerts import STALE_AFTER, Alert
from goals.models import GoalAlert
from goals.services.alerts import write_alerts
from mastertrade.db.transactions import atomic

# In portfolios that are marked at all; a position that never was counts from its entry.
STALE = """
SELECT p.user_id, p.portfolio_id, p.name, array_agg(o.symbol ORDER BY o.seen_at),
       min(o.seen_at)
FROM (
    SELECT portfolio_id, symbol, min(coalesce(marked_at, opened_at)) AS seen_at
    FROM positions WHERE status = 'open'
    GROUP BY portfolio_id, symbol
) o JOIN portfolios p USING (portfolio_id)
WHERE o.seen_at < %(before)s AND p.kind = 'live' AND p.marked_at IS NOT NULL
GROUP BY p.user_id, p.portfolio_id, p.name
ORDER BY p.portfolio_id
"""


def watch_marks(now: datetime) -> int:
    """Alert of live portfolios with marks older than 24 hours; how many are new.

    Two statements for all of them; each that is new is a transaction of its own.
    """
    with connection.cursor() as cursor:
        cursor.execute(STALE, {"before": now - STALE_AFTER})
        rows = cursor.fetchall()
    found: list[tuple[str, Alert]] = [
        (
            user_id,
            marks_stale(
                portfolio_id=portfolio_id,
                portfolio=name,
                symbols=symbols,
                oldest=oldest,
                at=now,
            ),
        )
        for user_id, portfolio_id, name, symbols, oldest in rows
    ]
    causes = [alert.cause for _, alert in found]
    known = set(
        GoalAlert.objects.filter(
            user_id__in={user_id for user_id, _ in found}, cause__in=causes
        ).values_list("cause", flat=True)
    )
    new = [(user_id, alert) for user_id, alert in found if alert.cause not in known]
    for user_id, alert in new:
        atomic(write_alerts)([alert], user_id=user_id, now=now)
    return len(new)
