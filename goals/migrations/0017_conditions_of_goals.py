"""How the conditions of goals stand: trading days counted, the best day."""

from decimal import Decimal

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0016_lows_of_days"),
    ]

    operations = [
        migrations.AddField(
            model_name="financialgoal",
            name="best_day",
            field=models.DecimalField(
                db_default=Decimal("0"),
                decimal_places=8,
                default=Decimal("0"),
                editable=False,
                max_digits=24,
            ),
        ),
        migrations.AddField(
            model_name="financialgoal",
            name="trading_days",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="financialgoal",
            name="trading_days_met_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="financialgoal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("min_trading_days__isnull", True),
                        ("trading_days", 0),
                        ("trading_days_met_at__isnull", True),
                    ),
                    models.Q(
                        ("min_trading_days__isnull", False),
                        models.Q(
                            models.Q(
                                ("trading_days_met_at__isnull", True),
                                ("trading_days__lt", models.F("min_trading_days")),
                            ),
                            models.Q(
                                ("trading_days_met_at__isnull", False),
                                ("trading_days", models.F("min_trading_days")),
                            ),
                            _connector="OR",
                        ),
                    ),
                    _connector="OR",
                ),
                name="financial_goals_trading_days_counted",
            ),
        ),
        migrations.AddConstraint(
            model_name="financialgoal",
            constraint=models.CheckConstraint(
                condition=models.Q(("best_day__gte", 0)),
                name="financial_goals_best_day_not_negative",
            ),
        ),
    ]
