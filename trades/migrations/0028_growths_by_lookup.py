"""A trade's root and parts are found by index, whatever the planner knows.

After an import the statistics are those from before it. In a database where no trade
had parts, the growths of 4,000 new trades took minutes: joins of what the statement
itself puts together ran as loops, and an index of all parts was read for each trade.
"""

from importlib import import_module

from django.db import migrations, models
from django.db.models.functions import Coalesce
from django.db.models.lookups import GreaterThan

BEFORE = import_module("trades.migrations.0015_units_at_once")
PORTFOLIO_GROWTHS = """
CREATE OR REPLACE FUNCTION portfolio_growths(
    of_portfolio bigint, after_at timestamptz, after_key bigint, until_at timestamptz,
    start_equity numeric
) RETURNS TABLE (
    closed_at timestamptz, ledger_key bigint, trade_id bigint, strategy_id varchar,
    profit numeric, growth numeric, equity numeric, is_last boolean
) LANGUAGE plpgsql STABLE SET jit = off AS $$
DECLARE
    flow_places numeric[];
    units_behind numeric[];
BEGIN
    SELECT array_agg(f.place ORDER BY f.place),
           array_agg(f.units_after ORDER BY f.place)
    INTO flow_places, units_behind
    FROM (
        SELECT ledger_place(c.flowed_at, c.ledger_key) AS place,
               p.opening_balance + sum(c.units) OVER (
                   ORDER BY c.flowed_at, c.ledger_key ROWS UNBOUNDED PRECEDING
               ) AS units_after
        FROM cash_flows c JOIN portfolios p USING (portfolio_id)
        WHERE c.portfolio_id = of_portfolio AND c.voided_at IS NULL
    ) f;
    SELECT array_prepend(p.opening_balance, units_behind) INTO units_behind
    FROM portfolios p WHERE p.portfolio_id = of_portfolio;
    RETURN QUERY EXECUTE $query$
    WITH entries AS (
        (SELECT exit_time AS at, ledger_key AS key, profit_loss AS amount,
                profit_loss + coalesce((
                    SELECT c.change FROM carried_profits c
                    WHERE c.closed_trade_id = t.trade_id), 0) AS gain,
                trade_id, parent_trade_id, adjustment_id, strategy_id,
                coalesce(entry_notional, quantity * entry_price) * fx_rate AS notional
         FROM trades t
         WHERE portfolio_id = $1 AND status = 'closed'
           AND (exit_time, ledger_key) > ($2, $3) AND exit_time <= $4
         ORDER BY exit_time, ledger_key)
        UNION ALL
        (SELECT flowed_at, ledger_key, amount, amount + coalesce((
                    SELECT sum(c.change) FROM carried_profits c
                    WHERE c.cash_flow_id = f.cash_flow_id), 0),
                NULL, NULL, NULL, NULL, NULL
         FROM cash_flows f
         WHERE portfolio_id = $1 AND voided_at IS NULL
           AND (flowed_at, ledger_key) > ($2, $3) AND flowed_at <= $4
         ORDER BY flowed_at, ledger_key)
    ), running AS (
        SELECT *, $5 + sum(gain) OVER along AS value_after,
               lead(key) OVER along IS NULL AS is_last
        FROM entries
        WINDOW along AS (ORDER BY at, key ROWS UNBOUNDED PRECEDING)
    ), ended AS (
        SELECT r.at, r.key, r.value_after, r.is_last,
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
               r.gain + coalesce(parts.gain, 0)
                   + CASE WHEN root.status = 'closed' THEN
                         (root.profit_loss + coalesce((
                             SELECT c.change FROM carried_profits c
                             WHERE c.closed_trade_id = root.trade_id), 0))
                         * unit_ratio($6, $7, root.exit_time, root.ledger_key,
                                      r.at, r.key)
                     ELSE 0 END AS gain,
               r.notional + coalesce(parts.notional, 0)
                   + CASE WHEN root.status = 'closed' THEN root.fx_rate * coalesce(
                         root.entry_notional, root.quantity * root.entry_price)
                     ELSE 0 END AS notional
        FROM running r
        LEFT JOIN trades root ON root.trade_id = r.parent_trade_id
        LEFT JOIN LATERAL (
            SELECT sum(p.profit_loss) AS profit,
                   sum((p.profit_loss + coalesce((
                           SELECT c.change FROM carried_profits c
                           WHERE c.closed_trade_id = p.trade_id), 0))
                       * unit_ratio($6, $7, p.exit_time, p.ledger_key, r.at, r.key))
                       AS gain,
                   sum(p.fx_rate * coalesce(
                       p.entry_notional, p.quantity * p.entry_price)) AS notional,
                   bool_or((p.exit_time, p.ledger_key) > (r.at, r.key)) AS go_on
            FROM trades p
            WHERE p.parent_trade_id = coalesce(r.parent_trade_id, r.trade_id)
              AND p.trade_id <> r.trade_id AND p.status = 'closed'
        ) parts ON true
    )
    SELECT e.at, e.key, e.trade_id, e.strategy_id, e.profit,
           CASE WHEN e.trade_id IS NOT NULL AND e.value_after > e.gain
                 AND coalesce(d.adjusted_size, 1) > 0
               THEN greatest(-1000000, least(1000000, div(
                   e.gain * coalesce(d.base_size, 1) * 1000000000000000000,
                   (e.value_after - e.gain)
                   * CASE WHEN d.base_size IS NULL THEN 1 ELSE e.notional END
               ) * 0.000000000000000001)) END,
           e.value_after, e.is_last
    FROM ended e
    LEFT JOIN goal_adjustment_log d ON d.adjustment_id = e.adjustment_id
    WHERE e.trade_id IS NOT NULL OR e.is_last
    $query$ USING of_portfolio, after_at, after_key, until_at, start_equity,
                  flow_places, units_behind;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("trades", "0027_trade_notes")]

    operations = [
        migrations.RunSQL(PORTFOLIO_GROWTHS, BEFORE.PORTFOLIO_GROWTHS),
        migrations.RemoveIndex(model_name="trade", name="trades_parts"),
        migrations.AddIndex(
            model_name="trade",
            index=models.Index(
                condition=models.Q(status="closed")
                & models.Q(GreaterThan(Coalesce("parent_trade", 0), 0)),
                fields=["portfolio", "exit_time"],
                name="trades_parts",
            ),
        ),
    ]
