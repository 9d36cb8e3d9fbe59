"""What portfolios and goals have alerted, so that trembling is one alert."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0026_alerts_and_channels"),
    ]

    operations = [
        migrations.AddField(
            model_name="financialgoal",
            name="alerted_health",
            field=models.CharField(
                blank=True,
                choices=[
                    ("lagging", "lagging"),
                    ("at_risk", "at risk"),
                    ("unreachable", "unreachable"),
                ],
                db_default="",
                default="",
                editable=False,
                max_length=15,
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="alerted_day",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="alerted_near_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="alerted_soft_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="financialgoal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("alerted_health__in", ["", "lagging", "at_risk", "unreachable"])
                ),
                name="financial_goals_alerted_health",
            ),
        ),
    ]
