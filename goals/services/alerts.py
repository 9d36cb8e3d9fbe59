"""Alerts as rows: written in the transaction of their cause, read, acknowledged.

Which ones there are is decided by `goals.decisions.alerts` and `alert_events`.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest
from psycopg.types.json import Jsonb

from goals.decisions.alerts import REPEATED, REPEATS_EVERY, Alert, repetition_due
from goals.models import FinancialGoal, GoalAlert, Portfolio, User
from goals.services.figures import arrays_of, table_of
from mastertrade.db.queue import DEFER_EACH, deferring
from mastertrade.db.raw_sql import execute
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import NotFound
from mastertrade.values.in_text import marks_of
from mastertrade.values.jsonable import to_plain

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
# A channel of the user that wants the kind gets each new alert once; a job sends them.
SEND = f"""
sent AS (
    INSERT INTO goal_alert_deliveries (alert_id, channel_id, repeated_on, next_try_at)
    SELECT n.alert_id, c.channel_id, n.repeats_on, %(now)s
    FROM new n JOIN alert_channels c ON c.user_id = n.user_id
    WHERE c.is_active AND (c.kinds IS NULL OR n.kind = ANY(c.kinds))
    ON CONFLICT ON CONSTRAINT goal_alert_deliveries_unique DO NOTHING
    RETURNING channel_id
)
SELECT {DEFER_EACH} FROM (
    SELECT DISTINCT jsonb_build_object('channel_id', channel_id) AS arguments FROM sent
) deferred
HAVING count(*) > 0
"""
# Next to what counts as alerted from now on, of a portfolio and of goals.
WRITE = f"""
WITH way AS (
    UPDATE portfolios SET alerted_soft_at = %(soft)s, alerted_near_at = %(near)s,
                          alerted_day = %(day)s
    WHERE portfolio_id = %(portfolio_id)s
), health AS (
    UPDATE financial_goals g SET alerted_health = m.health
    FROM unnest(%(goal_ids)s::bigint[], %(healths)s::text[]) AS m(goal_id, health)
    WHERE g.goal_id = m.goal_id
), new AS (
    INSERT INTO goal_alerts
        ({", ".join(COLUMNS)}, figures, marks, user_id, created_at)
    SELECT {", ".join(COLUMNS)}, figures, marks, %(user_id)s, %(now)s
    FROM {table_of("a_", {**COLUMNS, "figures": "jsonb", "marks": "jsonb"})}
        AS m({", ".join(COLUMNS)}, figures, marks)
    ON CONFLICT ON CONSTRAINT goal_alerts_once_per_cause DO NOTHING
    RETURNING alert_id, user_id, kind, repeats_on
), {SEND}
"""
# What was acknowledged meanwhile is not repeated.
REPEAT = f"""
WITH new AS (
    UPDATE goal_alerts a SET repeats_on = m.day
    FROM unnest(%(alert_ids)s::bigint[], %(days)s::date[]) AS m(alert_id, day)
    WHERE a.alert_id = m.alert_id AND a.acknowledged_at IS NULL
      AND (a.repeats_on IS NULL OR a.repeats_on < m.day)
    RETURNING a.alert_id, a.user_id, a.kind, a.repeats_on
), {SEND}
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


def write_alerts(
    alerts: Sequence[Alert],
    *,
    user_id: str,
    now: datetime,
    portfolio: Portfolio | None = None,
    goals: Sequence[FinancialGoal] = (),
) -> None:
    """Write a user's alerts, and one delivery to each channel that wants them.

    In the caller's transaction, in one statement, the channels' jobs among it; none
    where nothing is given. A cause that the user was alerted of already adds
    nothing. What locked rows of `portfolio` and `goals` say was alerted is saved too.
    """
    if not alerts and portfolio is None and not goals:
        return
    parameters = {
        **arrays_of("a_", COLUMNS, alerts),
        "a_figures": [Jsonb(dict(alert.figures)) for alert in alerts],
        "a_marks": [Jsonb(_marks_of(alert)) for alert in alerts],
        "goal_ids": [goal.goal_id for goal in goals],
        "healths": [goal.alerted_health for goal in goals],
        "portfolio_id": None if portfolio is None else portfolio.portfolio_id,
        "soft": None if portfolio is None else portfolio.alerted_soft_at,
        "near": None if portfolio is None else portfolio.alerted_near_at,
        "day": None if portfolio is None else portfolio.alerted_day,
        "user_id": user_id,
        "now": now,
    }
    _write(WRITE, parameters)


def _marks_of(alert: Alert) -> Any:
    texts = {"title": alert.title, "text": alert.text}
    return to_plain({name: marks_of(text) for name, text in texts.items()})


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
    execute(statement, {**parameters, **deferring("deliver")})


def count_unread(user: User) -> int:
    """How many alerts the user has not read: one statement, by an index."""
    return GoalAlert.objects.filter(user=user, read_at=None).count()


class AlertState(StrEnum):
    """What the user has done with an alert."""

    UNREAD = "unread"
    READ = "read"  # and not acknowledged
    ACKNOWLEDGED = "acknowledged"

    @classmethod
    def of(cls, alert: GoalAlert) -> "AlertState":
        if alert.acknowledged_at is not None:
            return cls.ACKNOWLEDGED
        return cls.UNREAD if alert.read_at is None else cls.READ


STATES = {
    AlertState.UNREAD: Q(read_at=None),
    AlertState.READ: Q(read_at__isnull=False, acknowledged_at=None),
    AlertState.ACKNOWLEDGED: Q(acknowledged_at__isnull=False),
}


def of_states(
    alerts: QuerySet[GoalAlert], states: Iterable[AlertState]
) -> QuerySet[GoalAlert]:
    """Those in any of these states; none given: all."""
    found = Q()
    for state in states:
        found |= STATES[state]
    return alerts.filter(found)


@atomic
def mark_read(*, user: User, alert_id: int, now: datetime) -> None:
    """Raises `NotFound`; one that was read keeps its time."""
    _mark(user, alert_id, read_at=Coalesce("read_at", _not_before_it(now)))


@atomic
def mark_all_read(*, user: User, up_to: int, now: datetime) -> int:
    """The user's unread ones up to that key; returns how many there were."""
    unread = GoalAlert.objects.filter(user=user, pk__lte=up_to, read_at=None)
    return unread.update(read_at=_not_before_it(now))


@atomic
def acknowledge(*, user: User, alert_id: int, now: datetime) -> None:
    """Read it too, where it was not; a halt's alert repeats no more."""
    _mark(user, alert_id, **_acknowledged(now))


@atomic
def acknowledge_all(*, user: User, up_to: int, now: datetime) -> int:
    """The user's open ones up to that key, as `acknowledge`; returns how many."""
    open_ones = GoalAlert.objects.filter(user=user, pk__lte=up_to, acknowledged_at=None)
    return open_ones.update(**_acknowledged(now))


def _acknowledged(now: datetime) -> dict[str, Any]:
    at = _not_before_it(now)
    read_at = Coalesce("read_at", at)
    acknowledged_at = Coalesce("acknowledged_at", Greatest(at, read_at))
    return {"read_at": read_at, "acknowledged_at": acknowledged_at}


def _not_before_it(now: datetime) -> Greatest:
    """A request that waited has read its clock before the alert was written."""
    return Greatest(Value(now, DateTimeField()), "created_at")


def _mark(user: User, alert_id: int, **times: Any) -> None:
    if not GoalAlert.objects.filter(user=user, pk=alert_id).update(**times):
        raise NotFound(f"You have no alert {alert_id}.")
