"""Jobs of users: work that is asked for and done by a worker."""

import django.db.models.deletion
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models

from mastertrade.foreign_keys import foreign_key


class Migration(migrations.Migration):
    dependencies = [
        ("trades", "0023_periods_once"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="UserJob",
            fields=[
                ("job_id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=30)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("running", "running"),
                            ("done", "done"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("arguments", models.JSONField()),
                ("directory", models.CharField(blank=True, default="", max_length=32)),
                ("queue_key", models.BigIntegerField(null=True)),
                ("progress", models.SmallIntegerField(default=0)),
                ("step", models.CharField(blank=True, default="", max_length=200)),
                ("cancel_requested", models.BooleanField(default=False)),
                ("result", models.JSONField(blank=True, null=True)),
                ("error", models.TextField(blank=True, default="")),
                ("created_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_column="user_id",
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="jobs",
                        to=settings.AUTH_USER_MODEL,
                        to_field="username",
                    ),
                ),
            ],
            options={
                "verbose_name": "job",
                "db_table": "jobs",
                "indexes": [
                    models.Index(fields=["user", "-job_id"], name="jobs_by_user"),
                    models.Index(fields=["finished_at"], name="jobs_by_end"),
                    models.Index(
                        condition=models.Q(
                            ("state__in", ["done", "failed", "cancelled"]),
                            _negated=True,
                        ),
                        fields=["job_id"],
                        name="jobs_unfinished",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__regex", "^[a-z_]+$")),
                        name="jobs_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                ["waiting", "running", "done", "failed", "cancelled"],
                            )
                        ),
                        name="jobs_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.Exact(
                                models.Func(
                                    models.F("arguments"),
                                    function="jsonb_typeof",
                                    output_field=models.TextField(),
                                ),
                                models.Value("object"),
                            )
                        ),
                        name="jobs_arguments_object",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.LessThanOrEqual(
                                models.Func(
                                    models.F("arguments"),
                                    output_field=models.IntegerField(),
                                    template="octet_length((%(expressions)s)::text)",
                                ),
                                models.Value(65536),
                            )
                        ),
                        name="jobs_arguments_size",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("directory__regex", "^([0-9a-f]{32})?$")),
                        name="jobs_directory",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("progress__gte", 0), ("progress__lte", 100)
                        ),
                        name="jobs_progress_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("result__isnull", True),
                            django.db.models.lookups.LessThanOrEqual(
                                models.Func(
                                    models.F("result"),
                                    output_field=models.IntegerField(),
                                    template="octet_length((%(expressions)s)::text)",
                                ),
                                models.Value(1048576),
                            ),
                            _connector="OR",
                        ),
                        name="jobs_result_size",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("result__isnull", True),
                            ("state__in", ["done", "failed"]),
                            _connector="OR",
                        ),
                        name="jobs_result_at_end",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state", "failed"),
                                models.Q(("error", ""), _negated=True),
                            ),
                            models.Q(
                                models.Q(("state", "failed"), _negated=True),
                                ("error", ""),
                            ),
                            _connector="OR",
                        ),
                        name="jobs_error_of_failed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.LessThanOrEqual(
                                models.Func(
                                    models.F("error"),
                                    output_field=models.IntegerField(),
                                    template="octet_length((%(expressions)s)::text)",
                                ),
                                models.Value(4000),
                            )
                        ),
                        name="jobs_error_size",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["running", "done"]), _negated=True),
                            ("started_at__isnull", False),
                            _connector="OR",
                        ),
                        name="jobs_running_started",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state__in", ["done", "failed", "cancelled"]),
                                ("finished_at__isnull", False),
                            ),
                            models.Q(
                                models.Q(
                                    ("state__in", ["done", "failed", "cancelled"]),
                                    _negated=True,
                                ),
                                ("finished_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="jobs_ended_finished",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("directory", ""), _negated=True),
                        fields=("directory",),
                        name="jobs_directory_unique",
                    ),
                ],
            },
        ),
        foreign_key("jobs", "user", "user_id", "users (username)", on_delete="CASCADE"),
    ]
