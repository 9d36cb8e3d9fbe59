"""What jobs of the queue raised, for people to read."""

import django.db.models.deletion
from django.db import migrations, models

from mastertrade.foreign_keys import foreign_key


class Migration(migrations.Migration):
    dependencies = [
        ("procrastinate", "0041_post_retry_failed_job"),
        ("trades", "0021_limits_of_before"),
    ]

    operations = [
        migrations.CreateModel(
            name="JobError",
            fields=[
                (
                    "job",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="error",
                        serialize=False,
                        to="procrastinate.procrastinatejob",
                    ),
                ),
                ("error", models.TextField()),
                ("failed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "job_errors",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("error", ""), _negated=True),
                        name="job_errors_error_not_empty",
                    )
                ],
            },
        ),
        foreign_key(
            "job_errors",
            "job",
            "job_id",
            "procrastinate_jobs (id)",
            on_delete="CASCADE",
        ),
    ]
