"""What a portfolio is: live, a simulation or a demo."""

from django.db import migrations, models

KINDS = ["live", "simulation", "demo"]


class Migration(migrations.Migration):
    dependencies = [("goals", "0008_cash_flows_at_live_value")]

    operations = [
        migrations.AddField(
            model_name="portfolio",
            name="kind",
            field=models.CharField(
                choices=[(kind, kind) for kind in KINDS],
                db_default="live",
                default="live",
                editable=False,
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(kind__in=KINDS), name="portfolios_kind"
            ),
        ),
    ]
