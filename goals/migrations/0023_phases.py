"""The portfolio on which a challenge's next phase begins."""

import django.db.models.deletion
from django.db import migrations, models

from mastertrade.foreign_keys import foreign_key


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0022_stop_penalties"),
    ]

    operations = [
        migrations.AddField(
            model_name="portfolio",
            name="successor",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="predecessors",
                to="goals.portfolio",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.UniqueConstraint(
                fields=("successor", "user"), name="portfolios_one_predecessor"
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("successor__isnull", True),
                    ("successor__gt", models.F("portfolio_id")),
                    _connector="OR",
                ),
                name="portfolios_successor_is_later",
            ),
        ),
        foreign_key(
            "portfolios",
            "successor",
            "successor_id, user_id",
            "portfolios (portfolio_id, user_id)",
            on_delete="SET NULL (successor_id)",
        ),
    ]
