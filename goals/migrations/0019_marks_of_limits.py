"""Marks that wait for a second one, and those that a close was judged with."""

from django.db import migrations, models

FORGET = "DELETE FROM limit_marks WHERE role IN ('pending', 'close', 'stood')"
ROLES = ["day_start", "pending", "high", "breach", "close", "stood"]


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0018_bounds_of_limits"),
    ]

    operations = [
        migrations.RemoveConstraint("limitmark", "limit_marks_role"),
        migrations.AlterField(
            "limitmark",
            "role",
            models.CharField(
                choices=[
                    ("day_start", "day start"),
                    ("pending", "pending"),
                    ("high", "high"),
                    ("breach", "breach"),
                    ("close", "close"),
                    ("stood", "stood"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            "limitmark",
            models.CheckConstraint(
                condition=models.Q(("role__in", ROLES)), name="limit_marks_role"
            ),
        ),
        migrations.AddConstraint(
            "limitmark",
            models.UniqueConstraint(
                condition=models.Q(("role", "pending")),
                fields=("portfolio",),
                name="limit_marks_one_pending",
            ),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, FORGET),
    ]
