"""Both marks of a live high: it counts from the one that confirmed it on.

Of those of before only the lower mark is known: it is taken for both, the first one 5
seconds before. Going back leaves the lower one of each.
"""

from django.db import migrations, models
from django.db.models import F, Func, Q, Value
from django.db.models.lookups import Exact

FIRST = ("first_at", "first_open_pnl", "first_by_trade")
KIND = Func(
    F("first_by_trade"), function="jsonb_typeof", output_field=models.TextField()
)
TAKE_FOR_BOTH = """
UPDATE limit_marks
SET first_at = at - interval '5 seconds', first_open_pnl = open_pnl,
    first_by_trade = by_trade
WHERE role = 'high'
"""
LEAVE_LOWER = """
UPDATE limit_marks
SET at = first_at, open_pnl = first_open_pnl, by_trade = first_by_trade
WHERE first_open_pnl < open_pnl
"""


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0024_held_losses"),
    ]

    operations = [
        migrations.AddField("limitmark", "first_at", models.DateTimeField(null=True)),
        migrations.AddField("limitmark", "first_by_trade", models.JSONField(null=True)),
        migrations.AddField(
            "limitmark",
            "first_open_pnl",
            models.DecimalField(decimal_places=8, max_digits=24, null=True),
        ),
        migrations.RunSQL(TAKE_FOR_BOTH, LEAVE_LOWER),
        migrations.AddConstraint(
            "limitmark",
            models.CheckConstraint(
                condition=Q(
                    ~Q(role="high"), *((f"{name}__isnull", True) for name in FIRST)
                )
                | Q(
                    ("first_at__lt", F("at")),
                    ("role", "high"),
                    *((f"{name}__isnull", False) for name in FIRST),
                    Exact(KIND, Value("object")),
                ),
                name="limit_marks_first_is_complete",
            ),
        ),
    ]
