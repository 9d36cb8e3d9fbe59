"""What was open at a change of limits, or a resume, is a mark: by trade, as others.

Of those of before only the sum is known, and it is of no trade.
"""

from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.models import F, Q

CARRY_OVER = """
INSERT INTO limit_marks (portfolio_id, role, at, open_pnl, by_trade)
SELECT DISTINCT ON (portfolio_id, at) portfolio_id, 'reference', at, open_pnl, '{}'
FROM (
    SELECT portfolio_id, effective_at AS at, open_pnl, 1 AS n FROM limit_changes
    WHERE open_pnl IS NOT NULL AND effective_at IS NOT NULL
    UNION ALL
    SELECT portfolio_id, resumed_at, (figures ->> 'resumed_unrealized_pnl')::numeric, 2
    FROM trading_halts
    WHERE resumed_at IS NOT NULL AND figures ? 'resumed_unrealized_pnl'
) known
ORDER BY portfolio_id, at, n;

UPDATE limit_changes SET of_present = true
WHERE open_pnl IS NOT NULL AND effective_at IS NOT NULL;

UPDATE trading_halts SET figures = figures - 'resumed_unrealized_pnl'
WHERE figures ? 'resumed_unrealized_pnl'
"""
CARRY_BACK = """
UPDATE limit_changes c SET open_pnl = m.open_pnl
FROM limit_marks m
WHERE c.of_present AND m.role = 'reference' AND m.portfolio_id = c.portfolio_id
  AND m.at = c.effective_at;

UPDATE trading_halts h
SET figures = h.figures
    || jsonb_build_object('resumed_unrealized_pnl', m.open_pnl::text)
FROM limit_marks m
WHERE m.role = 'reference' AND m.portfolio_id = h.portfolio_id AND m.at = h.resumed_at;

DELETE FROM limit_marks WHERE role = 'reference'
"""
ROLES = ["day_start", "pending", "high", "breach", "close", "stood"]


NAMES = ("start_value", "peak_value", "unit_run")
COMPLETE = models.CheckConstraint(
    condition=Q(
        *((f"{name}__isnull", True) for name in NAMES),
        ("of_present", False),
        ("cause", "change"),
    )
    | Q(
        *((f"{name}__isnull", False) for name in NAMES),
        ("start_value__gte", 0),
        ("peak_value__gte", F("start_value")),
        ("unit_run__gte", 1),
    ),
    name="limit_changes_reference_is_complete",
)


def replace_check(
    model: str, name: str, check: models.CheckConstraint
) -> list[Operation]:
    """Put another check in the place of one of this name."""
    return [
        migrations.RemoveConstraint(model, name),
        migrations.AddConstraint(model, check),
    ]


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0019_marks_of_limits"),
    ]

    operations = [
        migrations.AddField(
            "limitchange",
            "of_present",
            models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            "limitmark",
            "role",
            models.CharField(
                choices=[
                    (role, role.replace("_", " ")) for role in (*ROLES, "reference")
                ],
                max_length=10,
            ),
        ),
        *replace_check(
            "limitmark",
            "limit_marks_role",
            models.CheckConstraint(
                condition=Q(role__in=[*ROLES, "reference"]), name="limit_marks_role"
            ),
        ),
        migrations.RunSQL(CARRY_OVER, CARRY_BACK),
        *replace_check(
            "limitchange",
            "limit_changes_reference_is_complete",
            COMPLETE,
        ),
        migrations.RemoveField("limitchange", "open_pnl"),
    ]
