"""What a breach of a floor counts against reaching a goal."""

from decimal import Decimal

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0021_earlier_best_days"),
    ]

    operations = [
        migrations.AddField(
            model_name="financialgoal",
            name="stop_penalty",
            field=models.DecimalField(
                db_default=Decimal("1"),
                decimal_places=4,
                default=Decimal("1"),
                max_digits=8,
            ),
        ),
        migrations.AddConstraint(
            model_name="financialgoal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("stop_penalty__gte", 0), ("stop_penalty__lte", 100)
                ),
                name="financial_goals_stop_penalty_range",
            ),
        ),
    ]
