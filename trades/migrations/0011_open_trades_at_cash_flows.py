"""Open trades at cash flows: what they made, and growths that follow the unit value."""

from importlib import import_module

from django.db import migrations, models

from mastertrade.foreign_keys import foreign_key

TRADE = "trades (trade_id)"
LOG_BEFORE = import_module("trades.migrations.0005_ledger").LOG_CHANGE
GROWTHS_BEFORE = import_module("trades.migrations.0010_growths_of_parts")
# Derived from the ledger, so no change of what was recorded.
LOG_CHANGE = LOG_BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
LOG_CHANGE = LOG_CHANGE.replace(
    "- 'updated_at' - 'updated_by'",
    "- 'updated_at' - 'updated_by' - 'units' - 'marks_unknown'",
)
# What closing an open trade at this price would book, before the exit's fees; the same
# as `trades.services.settling.measure_open_pnl`.
OPEN_PNL = """
CREATE FUNCTION open_pnl(t trades, price numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT round_money(
        t.unbooked_profit - t.entry_fees * t.fee_fx_rate + t.fx_rate * (
            t.funding + CASE t.side WHEN 'LONG' THEN 1 ELSE -1 END * (
                price * t.quantity
                - coalesce(t.entry_notional, t.quantity * t.entry_price))))
$$
"""
# The open trades of a portfolio that have a mark, as of a time after their entry: how
# much was open then, and what that had made at the newest mark.
VALUED_TRADES = """
CREATE FUNCTION valued_trades(of_portfolio bigint, at timestamptz, key bigint)
RETURNS TABLE (trade_id bigint, quantity numeric, open_pnl numeric)
LANGUAGE sql STABLE AS $$
    SELECT t.trade_id, q.quantity, CASE WHEN q.quantity = t.quantity THEN n.open_pnl
        ELSE divide_half_even(n.open_pnl * q.quantity * 0.0000000001, t.quantity)
            * 10000000000 END
    FROM positions o JOIN trades t ON t.trade_id = o.trade_id
    CROSS JOIN LATERAL open_pnl(t, o.current_price) AS n(open_pnl)
    CROSS JOIN LATERAL open_quantity(t.trade_id, at, key) AS q(quantity)
    WHERE o.portfolio_id = of_portfolio AND o.status = 'open'
      AND o.marked_at IS NOT NULL AND t.entry_time <= at AND q.quantity > 0
$$
"""
# Units at a place in the ledger by those at an earlier place: 1 unless cash flowed.
UNIT_RATIO = """
CREATE FUNCTION unit_ratio(
    of_portfolio bigint, from_at timestamptz, from_key bigint, to_at timestamptz,
    to_key bigint, has_flows boolean
) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
DECLARE
    between numeric;
    units_then numeric;
BEGIN
    IF NOT has_flows THEN
        RETURN 1;
    END IF;
    SELECT sum(f.units) INTO between FROM cash_flows f
    WHERE f.portfolio_id = of_portfolio AND f.voided_at IS NULL
      AND (f.flowed_at, f.ledger_key) > (from_at, from_key)
      AND (f.flowed_at, f.ledger_key) < (to_at, to_key);
    IF coalesce(between, 0) = 0 THEN
        RETURN 1;
    END IF;
    SELECT p.opening_balance + coalesce(sum(f.units), 0) INTO units_then
    FROM portfolios p LEFT JOIN cash_flows f
        ON f.portfolio_id = p.portfolio_id AND f.voided_at IS NULL
        AND (f.flowed_at, f.ledger_key) < (from_at, from_key)
    WHERE p.portfolio_id = of_portfolio GROUP BY p.opening_balance;
    IF units_then <= 0 THEN
        RETURN 1;
    END IF;
    RETURN (units_then + between) * 1.000000000000000000000000000000000000 / units_then;
END $$
"""
# As in 0010, but that a close gains what it booked less what the trade carried, and
# that a unit has the part of it that the units of then had: growth is that of the unit
# value. `equity` is that with what open trades carry.
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
    WITH released AS (
        SELECT closed_trade_id, change FROM carried_profits
        WHERE portfolio_id = $1 AND closed_trade_id IS NOT NULL
    ), entries AS (
        (SELECT exit_time AS at, ledger_key AS key, profit_loss AS amount,
                profit_loss + coalesce(change, 0) AS gain, trade_id,
                parent_trade_id, adjustment_id, strategy_id,
                coalesce(entry_notional, quantity * entry_price) * fx_rate AS notional
         FROM trades LEFT JOIN released ON closed_trade_id = trade_id
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
    ), roots AS (
        SELECT t.trade_id AS of_id, root.*,
               (root.profit_loss + coalesce(c.change, 0)) * unit_ratio(
                   $1, root.exit_time, root.ledger_key, t.exit_time, t.ledger_key, $6
               ) AS gain
        FROM trades t JOIN trades root ON root.trade_id = t.parent_trade_id
        LEFT JOIN released c ON c.closed_trade_id = root.trade_id
        WHERE t.portfolio_id = $1 AND t.status = 'closed'
          AND t.parent_trade_id IS NOT NULL
          AND (t.exit_time, t.ledger_key) > ($2, $3) AND t.exit_time <= $4
    ), parts AS (
        SELECT t.trade_id AS of_id, sum(p.profit_loss) AS profit,
               sum((p.profit_loss + coalesce(c.change, 0)) * unit_ratio(
                   $1, p.exit_time, p.ledger_key, t.exit_time, t.ledger_key, $6)) AS gain,
               sum(p.fx_rate * coalesce(p.entry_notional, p.quantity * p.entry_price))
                   AS notional,
               bool_or((p.exit_time, p.ledger_key) > (t.exit_time, t.ledger_key))
                   AS go_on
        FROM trades t
        JOIN trades p ON p.parent_trade_id = coalesce(t.parent_trade_id, t.trade_id)
            AND p.trade_id <> t.trade_id AND p.status = 'closed'
        LEFT JOIN released c ON c.closed_trade_id = p.trade_id
        WHERE t.portfolio_id = $1 AND t.status = 'closed'
          AND (t.exit_time, t.ledger_key) > ($2, $3) AND t.exit_time <= $4
          AND p.parent_trade_id IS NOT NULL
        GROUP BY t.trade_id
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
                   + CASE WHEN root.status = 'closed' THEN root.gain ELSE 0 END
                   AS gain,
               r.notional + coalesce(parts.notional, 0)
                   + CASE WHEN root.status = 'closed' THEN root.fx_rate * coalesce(
                         root.entry_notional, root.quantity * root.entry_price)
                     ELSE 0 END AS notional
        FROM running r
        LEFT JOIN roots root ON root.of_id = r.trade_id
        LEFT JOIN parts ON parts.of_id = r.trade_id
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
    $query$ USING of_portfolio, after_at, after_key, until_at, start_equity, EXISTS (
        SELECT 1 FROM cash_flows f
        WHERE f.portfolio_id = of_portfolio AND f.voided_at IS NULL);
END $$
"""
# What open positions made in a portfolio is after fees and funding from now on.
UNREALIZED = """
WITH valued AS (
    SELECT p.portfolio_id, p.unrealized_pnl AS was, sum({figure}) AS unrealized_pnl
    FROM portfolios p JOIN positions o ON o.portfolio_id = p.portfolio_id
    JOIN trades t ON t.trade_id = o.trade_id
    WHERE o.status = 'open' AND o.marked_at IS NOT NULL GROUP BY p.portfolio_id
), live AS (
    SELECT v.*, least(p.unit_value, CASE WHEN p.units > 0 AND p.unit_value > 0
        THEN greatest(0, divide_half_even(p.equity + v.unrealized_pnl, p.units))
        ELSE p.unit_value END) AS lowest
    FROM valued v JOIN portfolios p USING (portfolio_id)
    WHERE v.was <> v.unrealized_pnl
), changed AS (
    UPDATE portfolios p
    SET unrealized_pnl = l.unrealized_pnl,
        midnight_unrealized_pnl = midnight_unrealized_pnl + l.unrealized_pnl - l.was,
        drawdown_pct = CASE WHEN p.peak_unit_value > 0 THEN divide_half_even(
            (p.peak_unit_value - l.lowest) * 0.0000000001, p.peak_unit_value
        ) * 1000000000000 ELSE 0 END
    FROM live l WHERE l.portfolio_id = p.portfolio_id
)
UPDATE financial_goals g
SET current_value = g.current_value + l.unrealized_pnl - l.was,
    progress_pct = greatest(-99999999, least(99999999, divide_half_even(
        (g.current_value + l.unrealized_pnl - l.was - g.start_value) * 0.0000000001,
        g.target_value - g.start_value) * 1000000000000))
FROM live l
WHERE l.portfolio_id = g.portfolio_id AND g.goal_type = 'portfolio_value'
  AND g.ended_at IS NULL AND g.status <> 'cancelled'
"""
# What was booked stays. What a trade that was open had made when cash flowed before
# today is not known any more.
MARKS_UNKNOWN = """
UPDATE cash_flows f SET marks_unknown = true
WHERE EXISTS (
    SELECT 1 FROM trades t
    WHERE t.portfolio_id = f.portfolio_id AND t.status <> 'void'
      AND t.entry_time < f.flowed_at
      AND (t.exit_time IS NULL OR t.exit_time > f.flowed_at));
UPDATE cash_flows f SET units = (e.event ->> 'units')::numeric
FROM portfolios p
CROSS JOIN LATERAL walk_ledger(
    p.portfolio_id, '-infinity', 'infinity', '1970-01-01', '{}', false, false, true,
    p.opening_balance, p.opening_balance, 1, 1, 0, 1, 0, NULL) w
CROSS JOIN LATERAL jsonb_array_elements(w.events) AS e(event)
WHERE f.portfolio_id = p.portfolio_id
  AND (e.event ->> 'flow')::bigint = f.cash_flow_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0008_cash_flows_at_live_value"),
        ("trades", "0010_growths_of_parts"),
    ]

    operations = [
        foreign_key("carried_profits", "trade", "trade_id", TRADE, on_delete="CASCADE"),
        foreign_key(
            "carried_profits",
            "closed_trade",
            "closed_trade_id",
            TRADE,
            on_delete="CASCADE",
        ),
        migrations.RunSQL(
            LOG_CHANGE,
            LOG_BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
        ),
        migrations.RunSQL(OPEN_PNL, "DROP FUNCTION open_pnl"),
        migrations.RunSQL(VALUED_TRADES, "DROP FUNCTION valued_trades"),
        migrations.AlterField(
            model_name="growthrecord",
            name="equity",
            field=models.DecimalField(decimal_places=18, max_digits=38),
        ),
        migrations.RunSQL(UNIT_RATIO, "DROP FUNCTION unit_ratio"),
        migrations.RunSQL(PORTFOLIO_GROWTHS, GROWTHS_BEFORE.PORTFOLIO_GROWTHS),
        migrations.RunSQL(
            UNREALIZED.replace("{figure}", "open_pnl(t, o.current_price)"),
            UNREALIZED.replace("{figure}", "o.unrealized_pnl"),
        ),
        migrations.RunSQL(MARKS_UNKNOWN, migrations.RunSQL.noop),
    ]
