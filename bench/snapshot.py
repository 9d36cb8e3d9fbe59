"""A snapshot of 100,000 goals, against one bare INSERT … SELECT of as many rows."""

from collections.abc import Iterator

from django.db import connection, transaction
from django.utils import timezone

from bench.people import make_trader
from bench.rows import Row, Target
from bench.timing import in_turn, show, timed
from goals.services.snapshots import snapshot_goals

GOALS = 100_000
GOALS_A_PORTFOLIO = 50
PAIRS = 4
REACH = Target(0.8, at_least=True)
MORE_PORTFOLIOS = """
INSERT INTO portfolios
SELECT (jsonb_populate_record(p, jsonb_build_object(
    'portfolio_id', nextval(pg_get_serial_sequence('portfolios', 'portfolio_id')),
    'name', 'bench ' || n))).*
FROM portfolios p, generate_series(1, %(portfolios)s) n WHERE p.portfolio_id = %(like)s
"""
MORE_GOALS = """
INSERT INTO financial_goals
SELECT (jsonb_populate_record(g, jsonb_build_object(
    'goal_id', nextval(pg_get_serial_sequence('financial_goals', 'goal_id')),
    'portfolio_id', p.portfolio_id))).*
FROM portfolios p, generate_series(1, %(goals)s), financial_goals g
WHERE p.user_id = %(user_id)s AND p.name LIKE 'bench %%' AND g.goal_id = %(like)s
"""
BARE = """
INSERT INTO goal_progress_history
    (goal_id, kind, snapshot_date, effective_at, recorded_at,
     current_value, target_value, progress_pct)
SELECT goal_id, 'snapshot', %(now)s::date, %(now)s, %(now)s,
       current_value, target_value, progress_pct
FROM financial_goals WHERE user_id = %(user_id)s
"""


def measure() -> Iterator[Row]:
    trader = make_trader("snapshot")
    user_id = trader.user.username
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            MORE_PORTFOLIOS,
            {
                "portfolios": GOALS // GOALS_A_PORTFOLIO,
                "like": trader.portfolio.portfolio_id,
            },
        )
        cursor.execute(
            MORE_GOALS,
            {
                "goals": GOALS_A_PORTFOLIO,
                "user_id": user_id,
                "like": trader.goals[0].goal_id,
            },
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE portfolios, financial_goals")
    pair = in_turn(
        lambda: timed(_snapshot),
        lambda: timed(lambda: _bare(user_id)),
        times=PAIRS,
        warm_up=1,
    )
    what = f"snapshot of {GOALS:,} goals, against one INSERT … SELECT"
    yield Row(what, show(pair.ours), show(pair.floor), pair.reach, REACH)


def _snapshot() -> None:
    written = snapshot_goals(as_of=timezone.now())
    assert written >= GOALS, written


def _bare(user_id: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(BARE, {"now": timezone.now(), "user_id": user_id})
        assert cursor.rowcount >= GOALS, cursor.rowcount
