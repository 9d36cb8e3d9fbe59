"""Growths and rates of trades: only what is closed in parts is looked at apart."""

from django.db import migrations, models

# As in 0008, to the figure. There each trade was looked up among the parts, and its
# root was found by reading all trades there are; here the few rows that belong
# together are found first, from the partial index of parts.
PORTFOLIO_GROWTHS = """
CREATE OR REPLACE FUNCTION portfolio_growths(
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
                parent_trade_id, adjustment_id, strategy_id,
                coalesce(entry_notional, quantity * entry_price) * fx_rate AS notional
         FROM trades
         WHERE portfolio_id = $1 AND status = 'closed'
           AND (exit_time, ledger_key) > ($2, $3) AND exit_time <= $4
         ORDER BY exit_time, ledger_key)
        UNION ALL
        (SELECT flowed_at, ledger_key, amount, NULL, NULL, NULL, NULL, NULL
         FROM cash_flows
         WHERE portfolio_id = $1 AND voided_at IS NULL
           AND (flowed_at, ledger_key) > ($2, $3) AND flowed_at <= $4
         ORDER BY flowed_at, ledger_key)
    ), running AS (
        SELECT *, $5 + sum(amount) OVER along AS equity_after,
               lead(key) OVER along IS NULL AS is_last
        FROM entries
        WINDOW along AS (ORDER BY at, key ROWS UNBOUNDED PRECEDING)
    ), roots AS (
        SELECT t.trade_id AS of_id, root.*
        FROM trades t JOIN trades root ON root.trade_id = t.parent_trade_id
        WHERE t.portfolio_id = $1 AND t.status = 'closed'
          AND t.parent_trade_id IS NOT NULL
          AND (t.exit_time, t.ledger_key) > ($2, $3) AND t.exit_time <= $4
    ), parts AS (
        SELECT t.trade_id AS of_id, sum(p.profit_loss) AS profit,
               sum(p.fx_rate * coalesce(p.entry_notional, p.quantity * p.entry_price))
                   AS notional,
               bool_or((p.exit_time, p.ledger_key) > (t.exit_time, t.ledger_key))
                   AS go_on
        FROM trades t
        JOIN trades p ON p.parent_trade_id = coalesce(t.parent_trade_id, t.trade_id)
            AND p.trade_id <> t.trade_id AND p.status = 'closed'
        WHERE t.portfolio_id = $1 AND t.status = 'closed'
          AND (t.exit_time, t.ledger_key) > ($2, $3) AND t.exit_time <= $4
          AND p.parent_trade_id IS NOT NULL
        GROUP BY t.trade_id
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
        LEFT JOIN roots root ON root.of_id = r.trade_id
        LEFT JOIN parts ON parts.of_id = r.trade_id
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


class Migration(migrations.Migration):
    dependencies = [("trades", "0009_override_halt")]

    operations = [
        migrations.RunSQL(PORTFOLIO_GROWTHS, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="trade",
            index=models.Index(
                condition=models.Q(
                    ("parent_trade__isnull", False), ("status", "closed")
                ),
                fields=["portfolio", "exit_time"],
                name="trades_parts",
            ),
        ),
    ]
