"""Snapshots: one history row a running goal, in one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from mastertrade.db.transactions import atomic

# A goal's figures are kept equal to the ledger's, so a snapshot copies them. It is
# never dated before the newest ledger entry, which the figures already contain.
SNAPSHOT = """
INSERT INTO goal_progress_history
    (goal_id, kind, snapshot_date, effective_at, recorded_at,
     current_value, target_value, progress_pct)
SELECT g.goal_id, 'snapshot',
       (greatest(%(as_of)s, p.last_entry_at) AT TIME ZONE p.time_zone)::date,
       greatest(%(as_of)s, p.last_entry_at), %(as_of)s,
       g.current_value, g.target_value, g.progress_pct
"""
RUNNING = """
FROM financial_goals g JOIN portfolios p USING (portfolio_id)
WHERE g.ended_at IS NULL AND p.finished_at IS NULL
  AND g.period_starts_at <= %(as_of)s
  AND (g.period_ends_at IS NULL OR g.period_ends_at > %(as_of)s)
"""
# One snapshot a goal and local day. Asked goal by goal (OFFSET keeps it so), because a
# day's rows are few in the index and the history may be long. No day has 26 hours.
ONLY_FIRST_OF_DAY = """
  AND NOT EXISTS (
    SELECT FROM goal_progress_history h
    WHERE h.goal_id = g.goal_id AND h.kind = 'snapshot'
      AND h.effective_at > greatest(%(as_of)s, p.last_entry_at) - interval '26 hours'
      AND h.snapshot_date =
          (greatest(%(as_of)s, p.last_entry_at) AT TIME ZONE p.time_zone)::date
    OFFSET 0
  )
"""
# Two daily runs at once take turns; a plain snapshot waits for nobody.
TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtext('daily snapshot of goals'))"
ONLY_THESE = "  AND g.goal_id = ANY(%(goal_ids)s)\n"
ONLY_LIVE = "  AND p.kind = 'live'\n"
ONLY_OF = "  AND g.user_id = %(user_id)s\n"
ONLY_IN = "  AND g.portfolio_id = ANY(%(keys)s)\n"
# The portfolios that have a goal without a snapshot of their local day.
UNWRITTEN = (
    "SELECT DISTINCT g.portfolio_id"
    + RUNNING
    + ONLY_FIRST_OF_DAY
    + ONLY_LIVE
    + "ORDER BY g.portfolio_id"
)


@atomic
def snapshot_goals(
    *,
    as_of: datetime,
    goal_ids: Sequence[int] | None = None,
    user_id: str | None = None,
    keys: Sequence[int] | None = None,
    once_a_day: bool = False,
) -> int:
    """Write down how far every running goal is; returns how many rows.

    Running: not ended, its period containing `as_of`; those of live portfolios (of one
    user, or with these keys, if given), or only those named. `once_a_day` leaves out
    the goals that have a snapshot of the portfolio's local day already, however many
    call at the same time.
    """
    statement = SNAPSHOT + RUNNING
    if once_a_day:
        statement += ONLY_FIRST_OF_DAY
    statement += ONLY_LIVE if goal_ids is None else ONLY_THESE
    if user_id is not None:
        statement += ONLY_OF
    if keys is not None:
        statement += ONLY_IN
    statement += "ORDER BY g.goal_id"
    parameters: dict[str, Any] = {
        "as_of": as_of,
        "goal_ids": list(goal_ids or ()),
        "user_id": user_id,
        "keys": list(keys or ()),
    }
    with connection.cursor() as cursor:
        if once_a_day:
            cursor.execute(TAKE_TURNS)
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def find_unwritten(as_of: datetime) -> list[int]:
    """The keys of live portfolios that lack a snapshot of their local day."""
    with connection.cursor() as cursor:
        cursor.execute(UNWRITTEN, {"as_of": as_of})
        return [key for (key,) in cursor.fetchall()]
