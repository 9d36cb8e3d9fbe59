"""Where the page of a replay lies, so that it goes with the replay."""

from django.db import migrations, models

# As the commands named them so far: the demo's one page, a page of each other replay.
NAMED = """
UPDATE replay_runs r
SET page = CASE WHEN p.kind = 'demo' THEN 'demo.html'
           ELSE 'replay-' || r.run_id || '.html' END
FROM portfolios p WHERE p.portfolio_id = r.policy_portfolio_id
"""


class Migration(migrations.Migration):
    dependencies = [("trades", "0012_kinds_of_replays")]

    operations = [
        migrations.AddField(
            model_name="replayrun",
            name="page",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=255
            ),
        ),
        migrations.RunSQL(NAMED, migrations.RunSQL.noop),
    ]
