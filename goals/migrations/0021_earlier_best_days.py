"""The best day before the newest trading day, so that a close reads no earlier days."""

from decimal import Decimal

from django.db import migrations, models

# Days' profits as `goals.decisions.conditions` has them; a return's is a percentage of
# the unit value at its start.
MEASURE = """
UPDATE financial_goals g
SET earlier_best_day = least(g.best_day, m.earlier)
FROM (
    SELECT goal_id, greatest(0, round_money(coalesce(max(profit) FILTER (
               WHERE trading_day < newest), 0))) AS earlier
    FROM (
        SELECT goal_id, trading_day,
               max(trading_day) OVER (PARTITION BY goal_id) AS newest,
               CASE WHEN is_return
                   THEN divide_half_even(change, nullif(start_unit_value, 0)) * 100
                   ELSE change END AS profit
        FROM (
            SELECT goal_id, is_return, start_unit_value, trading_day,
                   value - lag(value, 1, start) OVER (
                       PARTITION BY goal_id ORDER BY trading_day) AS change
            FROM (
                SELECT DISTINCT ON (goal_id, trading_day) *
                FROM (
                    SELECT g.goal_id, g.start_unit_value, d.day, d.part, r.is_return,
                           CASE WHEN p.day_starts_at = '00:00' OR d.part = 1
                               THEN d.day ELSE d.day - 1 END AS trading_day,
                           CASE WHEN r.is_return THEN d.unit_value
                               ELSE d.realized_pnl END AS value,
                           CASE WHEN r.is_return THEN g.start_unit_value
                               ELSE g.start_realized_pnl END AS start
                    FROM financial_goals g
                    JOIN portfolios p USING (portfolio_id)
                    CROSS JOIN LATERAL (
                        SELECT g.goal_type LIKE '%\\_return' AS is_return) r
                    JOIN ledger_days d ON d.portfolio_id = g.portfolio_id
                        AND d.day >= g.start_date
                        AND (g.target_date IS NULL OR d.day <= g.target_date)
                        AND (NOT r.is_return OR d.unit_run = g.start_unit_run)
                    WHERE g.best_day_max_pct IS NOT NULL
                ) row
                ORDER BY goal_id, trading_day, day DESC, part DESC
            ) last
        ) change
    ) profit
    GROUP BY goal_id
) m
WHERE g.goal_id = m.goal_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0020_references_by_trade"),
    ]

    operations = [
        migrations.AddField(
            model_name="financialgoal",
            name="earlier_best_day",
            field=models.DecimalField(
                db_default=Decimal("0"),
                decimal_places=8,
                default=Decimal("0"),
                editable=False,
                max_digits=24,
            ),
        ),
        migrations.RunSQL(MEASURE, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="financialgoal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("earlier_best_day__gte", 0),
                    ("earlier_best_day__lte", models.F("best_day")),
                ),
                name="financial_goals_earlier_best_day",
            ),
        ),
    ]
