"""Replays made so far are finished: nothing more is booked in their portfolios."""

from django.db import migrations

FINISHED = """
UPDATE portfolios p SET finished_at = r.created_at FROM replay_runs r
WHERE p.portfolio_id IN (r.policy_portfolio_id, r.constant_portfolio_id)
  AND p.kind <> 'live'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0012_finished_portfolios"),
        ("trades", "0015_units_at_once"),
    ]

    operations = [
        migrations.RunSQL(FINISHED, "UPDATE portfolios SET finished_at = NULL"),
    ]
