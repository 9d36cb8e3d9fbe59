"""When the replay that made a portfolio was ready, so that nothing more is booked."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("goals", "0011_api_tokens")]

    operations = [
        migrations.AddField(
            model_name="portfolio",
            name="finished_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("finished_at__isnull", True),
                    models.Q(("kind", "live"), _negated=True),
                    _connector="OR",
                ),
                name="portfolios_live_never_finished",
            ),
        ),
    ]
