"""What limits are judged by: the days' lows, and a high that waits for a second mark."""

from datetime import timedelta
from importlib import import_module

from django.db import migrations, models

from goals.decisions.periods import local_midnight

LIVE_FLOWS = import_module("goals.migrations.0008_cash_flows_at_live_value")
WALK_BEFORE = LIVE_FLOWS.WALK_LEDGER.replace(
    "{carrying_entries}", LIVE_FLOWS.CARRYING_ENTRIES
).replace("{entries}", LIVE_FLOWS.ENTRIES)


def _walk_with_lows(walk: str) -> str:
    """The walk of 0008, and the day's lows and its closed value in money.

    Each text that changes must be there.
    """
    changes = {
        "high_realized_pnl numeric,\n    events jsonb": (
            "high_realized_pnl numeric,\n    low_unit_value numeric, "
            "high_closed numeric, low_closed numeric, events jsonb"
        ),
        "max(equity_after) FILTER (WHERE NOT breaks) AS rest_high": (
            "max(equity_after) FILTER (WHERE NOT breaks) AS rest_high,\n"
            "               min(equity_after) FILTER (WHERE NOT breaks) AS rest_low"
        ),
        "max(equity_after) FILTER (WHERE NOT is_flow) AS rest_high": (
            "max(equity_after) FILTER (WHERE NOT is_flow) AS rest_high,\n"
            "               min(equity_after) FILTER (WHERE NOT is_flow) AS rest_low"
        ),
        "            high_realized_pnl := NULL;\n": (
            "            high_realized_pnl := NULL;\n"
            "            low_unit_value := NULL;\n"
            "            high_closed := NULL;\n"
            "            low_closed := NULL;\n"
        ),
        "            high_realized_pnl := greatest(high_realized_pnl, realized_pnl);\n": (
            "            high_realized_pnl := greatest(high_realized_pnl, realized_pnl);\n"
            "            low_unit_value := least(low_unit_value, unit_value);\n"
            "            low_closed := least(low_closed, equity + carried);\n"
            "            IF NOT step.is_flow THEN\n"
            "                high_closed := greatest(high_closed, equity + carried);\n"
            "            END IF;\n"
        ),
        "            high_equity := greatest(high_equity, step.rest_high);\n": (
            "            high_equity := greatest(high_equity, step.rest_high);\n"
            "            high_closed := greatest(high_closed, step.rest_high + carried);\n"
            "            low_closed := least(low_closed, step.rest_low + carried);\n"
        ),
        "                peak_unit_value := greatest(peak_unit_value, high_value);\n": (
            "                peak_unit_value := greatest(peak_unit_value, high_value);\n"
            "                low_unit_value := least(low_unit_value,\n"
            "                    divide_half_even(step.rest_low + carried, units));\n"
        ),
        "                high_value := unit_value;\n": (
            "                high_value := unit_value;\n"
            "                low_unit_value := least(low_unit_value, unit_value);\n"
        ),
    }
    for before, after in changes.items():
        if before not in walk:
            raise ValueError(f"the walk has no {before!r}")
        walk = walk.replace(before, after)
    return walk


WALK_LEDGER = _walk_with_lows(WALK_BEFORE)
FILL = """
UPDATE ledger_days d
SET low_unit_value = w.low_unit_value, high_closed = w.high_closed,
    low_closed = w.low_closed
FROM portfolios p, walk_ledger(
    p.portfolio_id, '-infinity', 'infinity', %(first_day)s,
    %(midnights)s::timestamptz[], false, false, true, p.opening_balance,
    p.opening_balance, 1, 1, 0, 1, 0, NULL) w
WHERE p.portfolio_id = %(portfolio_id)s AND d.portfolio_id = p.portfolio_id
  AND d.day = w.day
"""
CHANGED = """
UPDATE portfolios p
SET limits_changed_at = greatest(
    (SELECT max(effective_at) FROM limit_changes c
     WHERE c.portfolio_id = p.portfolio_id),
    (SELECT max(resumed_at) FROM trading_halts h
     WHERE h.portfolio_id = p.portfolio_id))
"""
BOUNDS = """
SELECT p.portfolio_id, p.time_zone, min(d.day), max(d.day)
FROM portfolios p JOIN ledger_days d USING (portfolio_id)
GROUP BY p.portfolio_id
"""


def fill_lows(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(BOUNDS)
        for portfolio_id, time_zone, first, last in cursor.fetchall():
            later = [
                first + timedelta(days=n) for n in range(1, (last - first).days + 1)
            ]
            asked = {
                "portfolio_id": portfolio_id,
                "first_day": first,
                "midnights": [local_midnight(day, time_zone) for day in later],
            }
            cursor.execute(FILL, asked)


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0015_limits_as_floors"),
        ("trades", "0019_trade_entries"),
    ]

    operations = [
        migrations.AddField(
            model_name="portfolio",
            name="limits_changed_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.RunSQL(CHANGED, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="portfolio",
            name="pending_high_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="pending_high_pnl",
            field=models.DecimalField(
                decimal_places=8, editable=False, max_digits=24, null=True
            ),
        ),
        migrations.AddConstraint(
            model_name="limitmark",
            constraint=models.UniqueConstraint(
                condition=models.Q(("role", "day_start")),
                fields=("portfolio", "at"),
                name="limit_marks_one_day_start",
            ),
        ),
        migrations.AddField(
            model_name="ledgerday",
            name="low_unit_value",
            field=models.DecimalField(decimal_places=18, max_digits=38, null=True),
        ),
        migrations.AddField(
            model_name="ledgerday",
            name="high_closed",
            field=models.DecimalField(decimal_places=18, max_digits=38, null=True),
        ),
        migrations.AddField(
            model_name="ledgerday",
            name="low_closed",
            field=models.DecimalField(decimal_places=18, max_digits=38, null=True),
        ),
        migrations.RunSQL("DROP FUNCTION walk_ledger", WALK_BEFORE),
        migrations.RunSQL(WALK_LEDGER, "DROP FUNCTION walk_ledger"),
        migrations.RunPython(fill_lows, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="ledgerday",
            name="low_unit_value",
            field=models.DecimalField(decimal_places=18, max_digits=38),
        ),
        migrations.AlterField(
            model_name="ledgerday",
            name="low_closed",
            field=models.DecimalField(decimal_places=18, max_digits=38),
        ),
        migrations.AddConstraint(
            model_name="ledgerday",
            constraint=models.CheckConstraint(
                condition=models.Q(("low_unit_value__lte", models.F("unit_value"))),
                name="ledger_days_lows",
            ),
        ),
    ]
