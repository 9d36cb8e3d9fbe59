"""Growth records: what trades add up to, how it is worked out, and when it is forgotten."""

import django.db.models.deletion
from django.db import migrations, models

from mastertrade.foreign_keys import foreign_key

PORTFOLIO = ("portfolio_id", "portfolios (portfolio_id)")
# The trades of a portfolio that were closed behind one place in its ledger, up to and
# including `until_at`: of each the growth at factor 1, the profit of all its parts
# together, and the place and equity it left. `start_equity` is the equity at that place.
# The last entry is told in any case, so that the caller knows how far it came
# (`is_last`); its `trade_id` is null where it ends no trade. A trade ends with the last
# of its rows, void ones aside; while one is open, or closes later, it has not ended.
# `growth` is null of a trade that does not count: sized 0, or without equity before it.
# Exact, cut off after 18 places, and held within +-1000000. Only the first statement
# knows how many rows there will be, so it is planned anew each time.
PORTFOLIO_GROWTHS = """
CREATE FUNCTION portfolio_growths(
    of_portfolio bigint, after_at timestamptz, after_key bigint, until_at timestamptz,
    start_equity numeric
) RETURNS TABLE (
    closed_at timestamptz, ledger_key bigint, trade_id bigint, strategy_id varchar,
    profit numeric, growth numeric, equity numeric, is_last boolean
) LANGUAGE plpgsql STABLE SET jit = off AS $$
BEGIN
    RETURN QUERY EXECUTE $query$
    WITH entries AS (
        (SELECT exit_time AS at, ledger_key AS key, profit_loss AS amount, trade_id,
                parent_trade_id, coalesce(parent_trade_id, trade_id) AS root_id,
                adjustment_id, strategy_id,
                coalesce(entry_notional, quantity * entry_price) * fx_rate AS notional
         FROM trades
         WHERE portfolio_id = $1 AND status = 'closed'
           AND (exit_time, ledger_key) > ($2, $3) AND exit_time <= $4
         ORDER BY exit_time, ledger_key)
        UNION ALL
        (SELECT flowed_at, ledger_key, amount, NULL, NULL, NULL, NULL, NULL, NULL
         FROM cash_flows
         WHERE portfolio_id = $1 AND voided_at IS NULL
           AND (flowed_at, ledger_key) > ($2, $3) AND flowed_at <= $4
         ORDER BY flowed_at, ledger_key)
    ), running AS (
        SELECT *, $5 + sum(amount) OVER along AS equity_after,
               lead(key) OVER along IS NULL AS is_last
        FROM entries
        WINDOW along AS (ORDER BY at, key ROWS UNBOUNDED PRECEDING)
    ), ended AS (
        SELECT r.at, r.key, r.equity_after, r.is_last,
               CASE WHEN NOT coalesce(parts.go_on, false)
                     AND (root.trade_id IS NULL OR root.status = 'void'
                          OR root.status = 'closed'
                             AND (root.exit_time, root.ledger_key) < (r.at, r.key))
                   THEN r.trade_id END AS trade_id,
               CASE WHEN root.trade_id IS NULL THEN r.strategy_id
                   ELSE root.strategy_id END AS strategy_id,
               CASE WHEN root.trade_id IS NULL THEN r.adjustment_id
                   ELSE root.adjustment_id END AS adjustment_id,
               r.amount + coalesce(parts.profit, 0)
                   + CASE WHEN root.status = 'closed' THEN root.profit_loss ELSE 0 END
                   AS profit,
               r.notional + coalesce(parts.notional, 0)
                   + CASE WHEN root.status = 'closed' THEN root.fx_rate * coalesce(
                         root.entry_notional, root.quantity * root.entry_price)
                     ELSE 0 END AS notional
        FROM running r
        LEFT JOIN trades root ON root.trade_id = r.parent_trade_id
        LEFT JOIN LATERAL (
            SELECT sum(p.profit_loss) AS profit,
                   sum(p.fx_rate * coalesce(p.entry_notional,
                                            p.quantity * p.entry_price)) AS notional,
                   bool_or((p.exit_time, p.ledger_key) > (r.at, r.key)) AS go_on
            FROM trades p
            WHERE p.parent_trade_id = r.root_id AND p.trade_id <> r.trade_id
              AND p.status = 'closed'
        ) parts ON true
    )
    SELECT e.at, e.key, e.trade_id, e.strategy_id, e.profit,
           CASE WHEN e.trade_id IS NOT NULL AND e.equity_after > e.profit
                 AND coalesce(d.adjusted_size, 1) > 0
               THEN greatest(-1000000, least(1000000, div(
                   e.profit * coalesce(d.base_size, 1) * 1000000000000000000,
                   (e.equity_after - e.profit)
                   * CASE WHEN d.base_size IS NULL THEN 1 ELSE e.notional END
               ) * 0.000000000000000001)) END,
           e.equity_after, e.is_last
    FROM ended e
    LEFT JOIN goal_adjustment_log d ON d.adjustment_id = e.adjustment_id
    WHERE e.trade_id IS NOT NULL OR e.is_last
    $query$ USING of_portfolio, after_at, after_key, until_at, start_equity;
END $$
"""
# Whatever makes the past again takes its days away first: a late entry, a void, an
# import, a mended portfolio. (A day is the portfolio's own, so its first instant is not known here.)
FORGET = """
CREATE FUNCTION forget_growth_records() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM growth_records r
    USING (
        SELECT portfolio_id, min(last_entry_at) - interval '2 days' AS since
        FROM gone GROUP BY portfolio_id
    ) g
    WHERE r.portfolio_id = g.portfolio_id AND EXISTS (
        SELECT 1 FROM growth_records whole
        WHERE whole.portfolio_id = g.portfolio_id AND whole.strategy_id = ''
          AND whole.exit_time >= g.since);
    RETURN NULL;
END $$
"""
TRIGGER = """
CREATE TRIGGER ledger_days_forget_growth AFTER DELETE ON ledger_days
REFERENCING OLD TABLE AS gone FOR EACH STATEMENT
EXECUTE FUNCTION forget_growth_records()
"""


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0004_walk_ledger"),
        ("trades", "0007_fills_by_symbol"),
    ]

    operations = [
        migrations.CreateModel(
            name="GrowthRecord",
            fields=[
                (
                    "growth_record_id",
                    models.BigAutoField(primary_key=True, serialize=False),
                ),
                (
                    "strategy_id",
                    models.CharField(blank=True, default="", max_length=100),
                ),
                ("exit_time", models.DateTimeField()),
                ("ledger_key", models.BigIntegerField()),
                ("equity", models.DecimalField(decimal_places=8, max_digits=24)),
                ("trades", models.BigIntegerField()),
                ("sum_growth", models.DecimalField(decimal_places=18, max_digits=40)),
                ("sum_squares", models.DecimalField(decimal_places=36, max_digits=64)),
                ("wins", models.BigIntegerField()),
                ("sum_wins", models.DecimalField(decimal_places=18, max_digits=40)),
                ("losses", models.BigIntegerField()),
                ("sum_losses", models.DecimalField(decimal_places=18, max_digits=40)),
                (
                    "best_growth",
                    models.DecimalField(decimal_places=18, max_digits=40, null=True),
                ),
                (
                    "worst_growth",
                    models.DecimalField(decimal_places=18, max_digits=40, null=True),
                ),
                (
                    "portfolio",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="growth_records",
                        to="goals.portfolio",
                    ),
                ),
            ],
            options={
                "db_table": "growth_records",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("portfolio", "strategy_id"),
                        name="growth_records_unique",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("wins__gte", 0),
                            ("losses__gte", 0),
                            (
                                "trades__gte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("wins"), "+", models.F("losses")
                                ),
                            ),
                        ),
                        name="growth_records_counts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("sum_wins__gte", 0),
                            ("sum_losses__lte", 0),
                            ("sum_squares__gte", 0),
                            (
                                "sum_growth",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("sum_wins"), "+", models.F("sum_losses")
                                ),
                            ),
                        ),
                        name="growth_records_sums",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("trades", 0),
                                ("best_growth__isnull", True),
                                ("worst_growth__isnull", True),
                            ),
                            models.Q(
                                models.Q(("trades", 0), _negated=True),
                                ("best_growth__isnull", False),
                                ("worst_growth__isnull", False),
                                ("best_growth__gte", models.F("worst_growth")),
                            ),
                            _connector="OR",
                        ),
                        name="growth_records_extremes",
                    ),
                ],
            },
        ),
        foreign_key("growth_records", "portfolio", *PORTFOLIO, on_delete="CASCADE"),
        migrations.RunSQL(PORTFOLIO_GROWTHS, "DROP FUNCTION portfolio_growths"),
        migrations.RunSQL(FORGET, "DROP FUNCTION forget_growth_records"),
        migrations.RunSQL(
            TRIGGER, "DROP TRIGGER ledger_days_forget_growth ON ledger_days"
        ),
    ]
