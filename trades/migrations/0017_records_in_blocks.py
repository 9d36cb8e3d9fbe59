"""Growth records of 10,000 trades a row, so that a record of the past is near one.

Longer ones are deleted: they are a cache, made again by whoever asks next.
"""

from django.db import migrations, models

LONG = """
DELETE FROM growth_records r USING growth_records whole
WHERE whole.portfolio_id = r.portfolio_id AND whole.strategy_id = ''
  AND whole.trades > 10000
"""


class Migration(migrations.Migration):
    dependencies = [("trades", "0016_finish_replays")]

    operations = [
        migrations.RunSQL(LONG, migrations.RunSQL.noop),
        migrations.AddField("growthrecord", "block", models.IntegerField(default=0)),
        migrations.RemoveConstraint("growthrecord", "growth_records_unique"),
        migrations.AddConstraint(
            "growthrecord",
            models.UniqueConstraint(
                fields=("portfolio", "strategy_id", "block"),
                name="growth_records_unique",
            ),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, "DELETE FROM growth_records"),
    ]
