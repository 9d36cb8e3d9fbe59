"""A webhook that was issued with an API token ends with it.

Of those that are there nobody knows; they stay.
"""

from django.db import migrations, models

from mastertrade.foreign_keys import foreign_key


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0014_portfolios_of_changes"),
        ("trades", "0017_records_in_blocks"),
    ]

    operations = [
        migrations.AddField(
            model_name="webhooktoken",
            name="api_token",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=models.DO_NOTHING,
                related_name="webhook_tokens",
                to="goals.apitoken",
            ),
        ),
        foreign_key(
            "webhook_tokens",
            "api_token",
            "api_token_id",
            "api_tokens (digest)",
            on_delete="CASCADE",
        ),
    ]
