"""Alerts as rows: written in the transaction of their cause, read, acknowledged.

Which ones there are is decided by `goals.decisions.alerts` and `alert_events`.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from goals.decisions.alerts import REPEATED, REPEATS_EVERY, Alert, repetition_due
from goals.enums import AlertKind
from goals.models import GoalAlert, User
from mastertrade.db.queue import defer_each
from mastertrade.db.raw_sql import prepared_cursor
from mastertrade.db.transactions import atomic

COLUMNS = {
    "portfolio_id": "bigint",
    "goal_id": "bigint",
    "kind": "text",
    "cause": "text",
    "severity": "text",
    "title": "text",
    "text": "text",
    "occurred_at": "timestamptz",
}
# A channel of the user that wants the kind gets each new alert once.
SEND = """
INSERT INTO goal_alert_deliveries (alert_id, channel_id, repeated_on, next_try_at)
SELECT n.alert_id, c.channel_id, n.repeats_on, %(now)s
FROM new n JOIN alert_channels c ON c.user_id = n.user_id
WHERE c.is_active AND (c.kinds IS NULL OR n.kind = ANY(c.kinds))
ON CONFLICT ON CONSTRAINT goal_alert_deliveries_unique DO NOTHING
RETURNING channel_id
"""
WRITE = f"""
WITH new AS (
    INSERT INTO goal_alerts ({", ".join(COLUMNS)}, figures, user_id, created_at)
    SELECT {", ".join(COLUMNS)}, figures, %(user_id)s, %(now)s
    FROM unnest({", ".join(f"%({name})s::{kind}[]" for name, kind in COLUMNS.items())},
                %(figures)s::jsonb[]) AS m({", ".join(COLUMNS)}, figures)
    ON CONFLICT ON CONSTRAINT goal_alerts_once_per_cause DO NOTHING
    RETURNING alert_id, user_id, kind, repeats_on
) {SEND}
"""
# What was acknowledged meanwhile is not repeated.
REPEAT = f"""
WITH new AS (
    UPDATE goal_alerts a SET repeats_on = m.day
    FROM unnest(%(alert_ids)s::bigint[], %(days)s::date[]) AS m(alert_id, day)
    WHERE a.alert_id = m.alert_id AND a.acknowledged_at IS NULL
      AND (a.repeats_on IS NULL OR a.repeats_on < m.day)
    RETURNING a.alert_id, a.user_id, a.kind, a.repeats_on
) {SEND}
"""
# Halts in force whose alert is a day old or more. A cause names its halt.
UNANSWERED = """
SELECT a.alert_id, a.created_at, a.repeats_on
FROM goal_alerts a JOIN trading_halts h
  ON h.portfolio_id = a.portfolio_id AND a.cause = 'halt:' || h.halt_id
WHERE a.kind = ANY(%(kinds)s) AND a.acknowledged_at IS NULL
  AND a.created_at <= %(before)s
  AND h.resumed_at IS NULL AND h.withdrawn_at IS NULL
  AND (h.halted_until IS NULL OR h.halted_until > %(now)s)
ORDER BY a.alert_id
"""
# Alerts that one call acknowledges, or marks as read.
MOST_AT_ONCE = 1_000


def write_alerts(alerts: Sequence[Alert], *, user_id: str, now: datetime) -> None:
    """Write a user's alerts, and one delivery to each channel that wants them.

    In the caller's transaction: one statement, one more where a channel has to deliver;
    none without alerts. A cause that the user was alerted of already adds nothing.
    """
    if not alerts:
        return
    parameters = {
        **{
            name: [_plain(getattr(alert, name)) for alert in alerts] for name in COLUMNS
        },
        "figures": [Jsonb(dict(alert.figures)) for alert in alerts],
        "user_id": user_id,
        "now": now,
    }
    _write(WRITE, parameters)


@atomic
def alert_operators(alerts: Sequence[Alert], now: datetime) -> None:
    """Write what concerns whoever runs the system: to every active superuser."""
    if not alerts:
        return
    operators = User.objects.filter(is_superuser=True, is_active=True)
    for name in operators.order_by("username").values_list("username", flat=True):
        write_alerts(alerts, user_id=name, now=now)


@atomic
def repeat_halts(now: datetime) -> int:
    """Send alerts of halts in force again that nobody has acknowledged; how many.

    Once in every 24 hours since the alert, however often it is called.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            UNANSWERED,
            {
                "kinds": [str(kind) for kind in REPEATED],
                "before": now - REPEATS_EVERY,
                "now": now,
            },
        )
        rows: list[tuple[int, datetime, date | None]] = cursor.fetchall()
    due = {
        alert_id: day
        for alert_id, created_at, repeats_on in rows
        if (day := repetition_due(created_at, repeats_on, now)) is not None
    }
    if due:
        days = {"alert_ids": list(due), "days": list(due.values()), "now": now}
        _write(REPEAT, days)
    return len(due)


def _write(statement: str, parameters: dict[str, Any]) -> None:
    with prepared_cursor() as cursor:
        cursor.execute(statement, parameters)
        channels = sorted({key for (key,) in cursor.fetchall()})
    defer_each("deliver", [{"channel_id": key} for key in channels])


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, AlertKind) else value


def count_unread(user: User) -> int:
    """How many alerts the user has not read: one statement, by an index."""
    return GoalAlert.objects.filter(user=user, read_at=None).count()
