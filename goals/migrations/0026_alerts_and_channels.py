"""Alerts, the channels that they go to, and each delivery."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models

from mastertrade.foreign_keys import foreign_key


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0025_live_highs_in_pairs"),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertChannel",
            fields=[
                ("channel_id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("email", "email"),
                            ("webhook", "webhook"),
                            ("telegram", "telegram"),
                            ("apprise", "apprise"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=100
                    ),
                ),
                ("address", models.TextField()),
                ("masked_address", models.CharField(max_length=200)),
                ("secret", models.TextField(blank=True, db_default="", default="")),
                (
                    "kinds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("milestone", "milestone"),
                                ("health_lagging", "health lagging"),
                                ("health_at_risk", "health at risk"),
                                ("health_unreachable", "health unreachable"),
                                ("goal_missed", "goal missed"),
                                ("goal_failed", "goal failed"),
                                ("floor_near", "floor near"),
                                ("daily_limit_near", "daily limit near"),
                                ("drawdown_soft", "drawdown soft"),
                                ("drawdown_hard", "drawdown hard"),
                                ("daily_loss", "daily loss"),
                                ("halted", "halted"),
                                ("resumed", "resumed"),
                                ("decision_overridden", "decision overridden"),
                                ("import_refusals", "import refusals"),
                                ("job_failed", "job failed"),
                                ("daily_run_failed", "daily run failed"),
                                ("marks_stale", "marks stale"),
                                ("drift", "drift"),
                            ],
                            max_length=20,
                        ),
                        blank=True,
                        null=True,
                        size=None,
                    ),
                ),
                ("quiet_from", models.TimeField(blank=True, null=True)),
                ("quiet_until", models.TimeField(blank=True, null=True)),
                (
                    "time_zone",
                    models.CharField(db_default="UTC", default="UTC", max_length=64),
                ),
                (
                    "digest",
                    models.CharField(
                        choices=[
                            ("off", "off"),
                            ("hourly", "hourly"),
                            ("daily", "daily"),
                        ],
                        db_default="off",
                        default="off",
                        max_length=10,
                    ),
                ),
                ("digest_at", models.TimeField(blank=True, null=True)),
                ("per_minute", models.PositiveIntegerField(db_default=60, default=60)),
                ("is_active", models.BooleanField(db_default=True, default=True)),
                (
                    "delivering_until",
                    models.DateTimeField(blank=True, editable=False, null=True),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        db_column="user_id",
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_channels",
                        to=settings.AUTH_USER_MODEL,
                        to_field="username",
                    ),
                ),
            ],
            options={
                "db_table": "alert_channels",
                "verbose_name": "alert channel",
                "verbose_name_plural": "alert channels",
            },
        ),
        migrations.CreateModel(
            name="GoalAlert",
            fields=[
                ("alert_id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("milestone", "milestone"),
                            ("health_lagging", "health lagging"),
                            ("health_at_risk", "health at risk"),
                            ("health_unreachable", "health unreachable"),
                            ("goal_missed", "goal missed"),
                            ("goal_failed", "goal failed"),
                            ("floor_near", "floor near"),
                            ("daily_limit_near", "daily limit near"),
                            ("drawdown_soft", "drawdown soft"),
                            ("drawdown_hard", "drawdown hard"),
                            ("daily_loss", "daily loss"),
                            ("halted", "halted"),
                            ("resumed", "resumed"),
                            ("decision_overridden", "decision overridden"),
                            ("import_refusals", "import refusals"),
                            ("job_failed", "job failed"),
                            ("daily_run_failed", "daily run failed"),
                            ("marks_stale", "marks stale"),
                            ("drift", "drift"),
                        ],
                        max_length=20,
                    ),
                ),
                ("cause", models.CharField(max_length=200)),
                (
                    "severity",
                    models.CharField(
                        choices=[
                            ("info", "info"),
                            ("warning", "warning"),
                            ("critical", "critical"),
                        ],
                        max_length=10,
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("text", models.TextField()),
                ("figures", models.JSONField(default=dict)),
                ("occurred_at", models.DateTimeField()),
                ("created_at", models.DateTimeField()),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                ("acknowledged_at", models.DateTimeField(blank=True, null=True)),
                ("repeats_on", models.DateField(blank=True, null=True)),
                (
                    "goal",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="goals.financialgoal",
                    ),
                ),
                (
                    "portfolio",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="goals.portfolio",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_column="user_id",
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to=settings.AUTH_USER_MODEL,
                        to_field="username",
                    ),
                ),
            ],
            options={
                "db_table": "goal_alerts",
            },
        ),
        migrations.CreateModel(
            name="AlertDelivery",
            fields=[
                ("delivery_id", models.BigAutoField(primary_key=True, serialize=False)),
                ("repeated_on", models.DateField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("sent", "sent"),
                            ("failed", "failed"),
                            ("dead", "dead"),
                            ("skipped", "skipped"),
                        ],
                        db_default="waiting",
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(db_default=0, default=0)),
                ("next_try_at", models.DateTimeField(blank=True, null=True)),
                ("tried_at", models.DateTimeField(blank=True, null=True)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.TextField(blank=True, db_default="", default="")),
                (
                    "tries",
                    models.JSONField(
                        db_default=models.Value([], output_field=models.JSONField()),
                        default=list,
                    ),
                ),
                (
                    "channel",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="goals.alertchannel",
                    ),
                ),
                (
                    "alert",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="goals.goalalert",
                    ),
                ),
            ],
            options={
                "db_table": "goal_alert_deliveries",
                "verbose_name": "alert delivery",
                "verbose_name_plural": "alert deliveries",
            },
        ),
        migrations.AddConstraint(
            model_name="alertchannel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["email", "webhook", "telegram", "apprise"])
                ),
                name="alert_channels_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertchannel",
            constraint=models.CheckConstraint(
                condition=models.Q(("digest__in", ["off", "hourly", "daily"])),
                name="alert_channels_digest",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertchannel",
            constraint=models.CheckConstraint(
                condition=models.Q(("address__regex", "^gAAAAA[A-Za-z0-9_=-]+$")),
                name="alert_channels_address_encrypted",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertchannel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("secret", ""),
                    ("secret__regex", "^gAAAAA[A-Za-z0-9_=-]+$"),
                    _connector="OR",
                ),
                name="alert_channels_secret_encrypted",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertchannel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("kind", "webhook"),
                        models.Q(("secret", ""), _negated=True),
                    ),
                    models.Q(
                        models.Q(("kind", "webhook"), _negated=True),
                        ("secret", ""),
                    ),
                    _connector="OR",
                ),
                name="alert_channels_secret_of_webhooks",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertchannel",
            constraint=models.CheckConstraint(
                condition=models.Q(("masked_address", ""), _negated=True),
                name="alert_channels_masked_not_empty",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertchannel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kinds__isnull", True),
                    (
                        "kinds__contained_by",
                        [
                            "milestone",
                            "health_lagging",
                            "health_at_risk",
                            "health_unreachable",
                            "goal_missed",
                            "goal_failed",
                            "floor_near",
                            "daily_limit_near",
                            "drawdown_soft",
                            "drawdown_hard",
                            "daily_loss",
                            "halted",
                            "resumed",
                            "decision_overridden",
                            "import_refusals",
                            "job_failed",
                            "daily_run_failed",
                            "marks_stale",
                            "drift",
                        ],
                    ),
                    _connector="OR",
                ),
                name="alert_channels_kinds",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertchannel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("quiet_from__isnull", True), ("quiet_until__isnull", True)
                    ),
                    models.Q(
                        ("quiet_from__isnull", False),
                        ("quiet_until__isnull", False),
                        models.Q(
                            ("quiet_from", models.F("quiet_until")), _negated=True
                        ),
                        django.db.models.lookups.Exact(
                            models.Func(
                                models.F("quiet_from"),
                                output_field=models.DecimalField(),
                                template="EXTRACT(SECOND FROM %(expressions)s)",
                            ),
                            models.Value(0),
                        ),
                        django.db.models.lookups.Exact(
                            models.Func(
                                models.F("quiet_until"),
                                output_field=models.DecimalField(),
                                template="EXTRACT(SECOND FROM %(expressions)s)",
                            ),
                            models.Value(0),
                        ),
                    ),
                    _connector="OR",
                ),
                name="alert_channels_quiet_hours_are_complete",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertchannel",
            constraint=models.CheckConstraint(
                condition=models.Q(("time_zone", ""), _negated=True),
                name="alert_channels_time_zone_not_empty",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertchannel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("digest", "daily"),
                        ("digest_at__isnull", False),
                        django.db.models.lookups.Exact(
                            models.Func(
                                models.F("digest_at"),
                                output_field=models.DecimalField(),
                                template="EXTRACT(SECOND FROM %(expressions)s)",
                            ),
                            models.Value(0),
                        ),
                    ),
                    models.Q(
                        models.Q(("digest", "daily"), _negated=True),
                        ("digest_at__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="alert_channels_daily_digest_has_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertchannel",
            constraint=models.CheckConstraint(
                condition=models.Q(("per_minute__gte", 1), ("per_minute__lte", 60000)),
                name="alert_channels_per_minute",
            ),
        ),
        migrations.AddIndex(
            model_name="alertchannel",
            index=models.Index(
                fields=["user", "channel_id"], name="alert_channels_by_user"
            ),
        ),
        migrations.AddIndex(
            model_name="goalalert",
            index=models.Index(
                fields=["user", "-alert_id"], name="goal_alerts_by_user"
            ),
        ),
        migrations.AddIndex(
            model_name="goalalert",
            index=models.Index(
                condition=models.Q(("acknowledged_at__isnull", True)),
                fields=["kind", "alert_id"],
                name="goal_alerts_open_by_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="goalalert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "milestone",
                            "health_lagging",
                            "health_at_risk",
                            "health_unreachable",
                            "goal_missed",
                            "goal_failed",
                            "floor_near",
                            "daily_limit_near",
                            "drawdown_soft",
                            "drawdown_hard",
                            "daily_loss",
                            "halted",
                            "resumed",
                            "decision_overridden",
                            "import_refusals",
                            "job_failed",
                            "daily_run_failed",
                            "marks_stale",
                            "drift",
                        ],
                    )
                ),
                name="goal_alerts_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="goalalert",
            constraint=models.CheckConstraint(
                condition=models.Q(("severity__in", ["info", "warning", "critical"])),
                name="goal_alerts_severity",
            ),
        ),
        migrations.AddConstraint(
            model_name="goalalert",
            constraint=models.CheckConstraint(
                condition=models.Q(("cause", ""), _negated=True),
                name="goal_alerts_cause_not_empty",
            ),
        ),
        migrations.AddConstraint(
            model_name="goalalert",
            constraint=models.CheckConstraint(
                condition=models.Q(("title", ""), _negated=True),
                name="goal_alerts_title_not_empty",
            ),
        ),
        migrations.AddConstraint(
            model_name="goalalert",
            constraint=models.CheckConstraint(
                condition=models.Q(("text", ""), _negated=True),
                name="goal_alerts_text_not_empty",
            ),
        ),
        migrations.AddConstraint(
            model_name="goalalert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("figures"),
                            function="jsonb_typeof",
                            output_field=models.TextField(),
                        ),
                        models.Value("object"),
                    )
                ),
                name="goal_alerts_figures_are_an_object",
            ),
        ),
        migrations.AddConstraint(
            model_name="goalalert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("goal__isnull", True),
                    ("portfolio__isnull", False),
                    _connector="OR",
                ),
                name="goal_alerts_goal_has_a_portfolio",
            ),
        ),
        migrations.AddConstraint(
            model_name="goalalert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("read_at__isnull", True),
                    ("read_at__gte", models.F("created_at")),
                    _connector="OR",
                ),
                name="goal_alerts_read_after_it_was_made",
            ),
        ),
        migrations.AddConstraint(
            model_name="goalalert",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("acknowledged_at__isnull", True),
                    models.Q(
                        ("read_at__isnull", False),
                        ("acknowledged_at__gte", models.F("read_at")),
                    ),
                    _connector="OR",
                ),
                name="goal_alerts_acknowledged_is_read",
            ),
        ),
        migrations.AddConstraint(
            model_name="goalalert",
            constraint=models.UniqueConstraint(
                fields=("user", "cause"), name="goal_alerts_once_per_cause"
            ),
        ),
        migrations.AddIndex(
            model_name="alertdelivery",
            index=models.Index(
                condition=models.Q(("state__in", ["waiting", "failed", "dead"])),
                fields=["channel", "next_try_at"],
                name="goal_alert_deliveries_open",
            ),
        ),
        migrations.AddIndex(
            model_name="alertdelivery",
            index=models.Index(
                fields=["channel", "-tried_at"], name="goal_alert_deliveries_tried"
            ),
        ),
        migrations.AddConstraint(
            model_name="alertdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["waiting", "sent", "failed", "dead", "skipped"])
                ),
                name="goal_alert_deliveries_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("state__in", ["waiting", "failed"]),
                        ("next_try_at__isnull", False),
                    ),
                    models.Q(
                        models.Q(("state__in", ["waiting", "failed"]), _negated=True),
                        ("next_try_at__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="goal_alert_deliveries_next_try",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("last_error", ""),
                        ("state", "sent"),
                        ("sent_at__isnull", False),
                    ),
                    models.Q(
                        models.Q(("state", "sent"), _negated=True),
                        ("sent_at__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="goal_alert_deliveries_sent_has_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("attempts", 0), ("tried_at__isnull", True)),
                    models.Q(("attempts__gte", 1), ("tried_at__isnull", False)),
                    _connector="OR",
                ),
                name="goal_alert_deliveries_tried_has_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "sent"), _negated=True),
                    ("attempts__gte", 1),
                    _connector="OR",
                ),
                name="goal_alert_deliveries_sent_was_tried",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["failed", "dead"]), _negated=True),
                    models.Q(
                        ("attempts__gte", 1),
                        models.Q(("last_error", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="goal_alert_deliveries_failed_says_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("tries"),
                            function="jsonb_typeof",
                            output_field=models.TextField(),
                        ),
                        models.Value("array"),
                    )
                ),
                name="goal_alert_deliveries_tries_are_a_list",
            ),
        ),
        migrations.AddConstraint(
            model_name="alertdelivery",
            constraint=models.UniqueConstraint(
                fields=("alert", "channel", "repeated_on"),
                name="goal_alert_deliveries_unique",
                nulls_distinct=False,
            ),
        ),
        foreign_key(
            "goal_alerts", "user", "user_id", "users (username)", on_delete="CASCADE"
        ),
        foreign_key(
            "goal_alerts",
            "portfolio",
            "portfolio_id, user_id",
            "portfolios (portfolio_id, user_id)",
            on_delete="CASCADE",
        ),
        foreign_key(
            "goal_alerts",
            "goal",
            "goal_id",
            "financial_goals (goal_id)",
            on_delete="CASCADE",
        ),
        foreign_key(
            "alert_channels", "user", "user_id", "users (username)", on_delete="CASCADE"
        ),
        foreign_key(
            "goal_alert_deliveries",
            "alert",
            "alert_id",
            "goal_alerts (alert_id)",
            on_delete="CASCADE",
        ),
        foreign_key(
            "goal_alert_deliveries",
            "channel",
            "channel_id",
            "alert_channels (channel_id)",
            on_delete="CASCADE",
        ),
    ]
