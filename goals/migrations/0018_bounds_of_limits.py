"""The database holds what the services refuse of the limits and their goals."""

from decimal import Decimal

import django.db.models.lookups
from django.db import migrations, models

# When the reference of a floor in money was set.
PAID_IN = """
UPDATE portfolios p
SET floor_paid_in = p.opening_balance + coalesce((
    SELECT sum(f.amount) FROM cash_flows f
    WHERE f.portfolio_id = p.portfolio_id AND f.voided_at IS NULL
      AND f.flowed_at <= p.floor_set_at
), 0)
WHERE p.floor_in = 'money'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0017_conditions_of_goals"),
    ]

    operations = [
        migrations.AddField(
            model_name="portfolio",
            name="floor_paid_in",
            field=models.DecimalField(
                db_default=Decimal("0"),
                decimal_places=8,
                default=Decimal("0"),
                editable=False,
                max_digits=24,
            ),
        ),
        migrations.RunSQL(PAID_IN, migrations.RunSQL.noop),
        migrations.RemoveConstraint(
            model_name="financialgoal",
            name="financial_goals_min_trading_days_positive",
        ),
        migrations.RemoveConstraint(
            model_name="limitchange",
            name="limit_changes_reference_is_complete",
        ),
        migrations.RemoveConstraint(
            model_name="portfolio",
            name="portfolios_max_trades_positive",
        ),
        migrations.RemoveConstraint(
            model_name="portfolio",
            name="portfolios_pause_after_positive",
        ),
        migrations.RemoveConstraint(
            model_name="portfolio",
            name="portfolios_pause_minutes_positive",
        ),
        migrations.RemoveConstraint(
            model_name="portfolio",
            name="portfolios_floor_values",
        ),
        migrations.AddConstraint(
            model_name="financialgoal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("failed_at__isnull", True),
                    models.Q(("status__in", ("active", "missed")), _negated=True),
                    _connector="OR",
                ),
                name="financial_goals_failed_has_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="financialgoal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("min_trading_days__isnull", True),
                    models.Q(
                        ("min_trading_days__gte", 1), ("min_trading_days__lte", 366)
                    ),
                    _connector="OR",
                ),
                name="financial_goals_min_trading_days_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="limitchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("start_value__isnull", True),
                        ("peak_value__isnull", True),
                        ("unit_run__isnull", True),
                        ("open_pnl__isnull", True),
                        ("cause", "change"),
                    ),
                    models.Q(
                        ("start_value__isnull", False),
                        ("peak_value__isnull", False),
                        ("unit_run__isnull", False),
                        ("start_value__gte", 0),
                        ("peak_value__gte", models.F("start_value")),
                        ("unit_run__gte", 1),
                    ),
                    _connector="OR",
                ),
                name="limit_changes_reference_is_complete",
            ),
        ),
        migrations.AddConstraint(
            model_name="limitchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("settings"),
                            function="jsonb_typeof",
                            output_field=models.TextField(),
                        ),
                        models.Value("object"),
                    )
                ),
                name="limit_changes_settings_are_an_object",
            ),
        ),
        migrations.AddConstraint(
            model_name="limitmark",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("by_trade"),
                            function="jsonb_typeof",
                            output_field=models.TextField(),
                        ),
                        models.Value("object"),
                    )
                ),
                name="limit_marks_by_trade_is_an_object",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("max_trades_per_day__isnull", True),
                    models.Q(
                        ("max_trades_per_day__gte", 1),
                        ("max_trades_per_day__lte", 1000000),
                    ),
                    _connector="OR",
                ),
                name="portfolios_max_trades_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("pause_after_losses__isnull", True),
                    models.Q(
                        ("pause_after_losses__gte", 1),
                        ("pause_after_losses__lte", 1000000),
                    ),
                    _connector="OR",
                ),
                name="portfolios_pause_after_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("pause_minutes__isnull", True),
                        models.Q(
                            ("pause_minutes__gte", 1), ("pause_minutes__lte", 1000000)
                        ),
                        _connector="OR",
                    ),
                    models.Q(
                        ("pause_minutes__isnull", True),
                        ("pause_after_losses__isnull", False),
                        _connector="OR",
                    ),
                ),
                name="portfolios_pause_minutes_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("floor_start_value__gte", 0),
                    ("floor_peak_value__gte", models.F("floor_start_value")),
                ),
                name="portfolios_floor_values",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("pending_high_at__isnull", True),
                        ("pending_high_pnl__isnull", True),
                    ),
                    models.Q(
                        ("pending_high_at__isnull", False),
                        ("pending_high_pnl__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="portfolios_pending_high_is_complete",
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("day_starts_at"),
                            output_field=models.DecimalField(),
                            template="EXTRACT(SECOND FROM %(expressions)s)",
                        ),
                        models.Value(0),
                    )
                ),
                name="portfolios_day_starts_at_a_minute",
            ),
        ),
    ]
