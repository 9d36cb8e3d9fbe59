"""Closing a trade in one statement: what the database alone can do at best.

It locks, computes and writes what the service does, for goals of return and income,
but checks nothing: no ownership error, no range, no late entry, no ruin.
"""

CLOSE_TRADE = """
WITH locked AS (
    SELECT p.* FROM portfolios p JOIN trades t USING (portfolio_id)
    WHERE t.trade_id = %(trade_id)s AND p.user_id = %(user_id)s
    FOR NO KEY UPDATE OF p
), trade AS (
    UPDATE trades t
    SET exit_price = %(exit_price)s, exit_fees = %(fees)s, status = 'closed',
        ledger_key = nextval('ledger_keys'), updated_by = %(user_id)s,
        exit_time = greatest(%(now)s, p.last_entry_at, t.entry_time),
        profit_loss = round(
            CASE t.side WHEN 'LONG' THEN 1 ELSE -1 END * t.quantity
            * (%(exit_price)s - t.entry_price) * t.fx_rate
            - (t.entry_fees + %(fees)s) * t.fee_fx_rate, 8),
        updated_at = %(now)s
    FROM locked p WHERE t.trade_id = %(trade_id)s AND t.status = 'open'
    RETURNING t.trade_id, t.portfolio_id, t.exit_time, t.profit_loss
), position AS (
    UPDATE positions o
    SET status = 'closed', current_price = %(exit_price)s, unrealized_pnl = 0,
        updated_at = %(now)s
    FROM trade WHERE o.trade_id = trade.trade_id
    RETURNING (SELECT b.unrealized_pnl FROM positions b WHERE b.trade_id = o.trade_id)
        AS was_unrealized
), booked AS (
    SELECT p.portfolio_id, p.units, p.unit_run, p.time_zone, t.trade_id, t.exit_time,
           t.profit_loss, p.equity + t.profit_loss AS equity,
           p.realized_pnl + t.profit_loss AS realized_pnl,
           round((p.equity + t.profit_loss) / p.units, 18) AS unit_value
    FROM locked p JOIN trade t USING (portfolio_id)
), portfolio AS (
    UPDATE portfolios p
    SET equity = b.equity, realized_pnl = b.realized_pnl, unit_value = b.unit_value,
        unrealized_pnl = p.unrealized_pnl - (SELECT was_unrealized FROM position),
        peak_unit_value = greatest(p.peak_unit_value, b.unit_value),
        drawdown_pct = round(
            (1 - b.unit_value / greatest(p.peak_unit_value, b.unit_value)) * 100, 6),
        last_entry_at = b.exit_time, updated_at = %(now)s
    FROM booked b WHERE p.portfolio_id = b.portfolio_id
    RETURNING p.portfolio_id, p.peak_unit_value
), day AS (
    INSERT INTO ledger_days AS d
        (portfolio_id, day, last_entry_at, entries, equity, units, unit_value, unit_run,
         realized_pnl, peak_unit_value, high_equity, high_unit_value, high_realized_pnl,
         low_unit_value, high_closed, low_closed)
    SELECT portfolio_id, (exit_time AT TIME ZONE time_zone)::date, exit_time, 1, equity,
           units, unit_value, unit_run, realized_pnl, peak_unit_value, equity,
           unit_value, realized_pnl, unit_value, equity, equity
    FROM booked JOIN portfolio USING (portfolio_id)
    ON CONFLICT (portfolio_id, day, part) DO UPDATE
    SET last_entry_at = excluded.last_entry_at, entries = d.entries + 1,
        equity = excluded.equity, unit_value = excluded.unit_value,
        realized_pnl = excluded.realized_pnl,
        peak_unit_value = excluded.peak_unit_value,
        high_equity = greatest(d.high_equity, excluded.equity),
        high_unit_value = greatest(d.high_unit_value, excluded.unit_value),
        high_realized_pnl = greatest(d.high_realized_pnl, excluded.realized_pnl),
        low_unit_value = least(d.low_unit_value, excluded.unit_value),
        high_closed = greatest(d.high_closed, excluded.high_closed),
        low_closed = least(d.low_closed, excluded.low_closed)
), measured AS (
    SELECT g.goal_id, b.exit_time, b.time_zone,
           round(CASE WHEN g.goal_type LIKE '%%\\_income'
               THEN b.realized_pnl - g.start_realized_pnl
               ELSE (b.unit_value / g.start_unit_value - 1) * 100 END, 8) AS value
    FROM financial_goals g JOIN booked b USING (portfolio_id)
    WHERE g.period_starts_at <= b.exit_time AND g.status <> 'cancelled'
      AND (g.period_ends_at > b.exit_time OR g.period_ends_at IS NULL)
    ORDER BY g.goal_id FOR NO KEY UPDATE OF g
), goal AS (
    UPDATE financial_goals g
    SET current_value = m.value,
        progress_pct = round(
            (m.value - g.start_value) / (g.target_value - g.start_value) * 100, 6),
        status = CASE
            WHEN g.status IN ('active', 'missed') AND m.value >= g.target_value
            THEN 'achieved' ELSE g.status END,
        achieved_at = CASE WHEN m.value >= g.target_value
            THEN coalesce(g.achieved_at, m.exit_time) ELSE g.achieved_at END,
        updated_at = %(now)s
    FROM measured m WHERE g.goal_id = m.goal_id
    RETURNING g.goal_id, g.current_value, g.target_value, g.progress_pct, g.ended_at,
              m.exit_time, m.time_zone
)
INSERT INTO goal_progress_history
    (goal_id, kind, snapshot_date, effective_at, recorded_at, current_value,
     target_value, progress_pct)
SELECT goal_id, CASE WHEN ended_at IS NULL THEN 'trade' ELSE 'restated' END,
       (exit_time AT TIME ZONE time_zone)::date, exit_time, %(now)s, current_value,
       target_value, progress_pct
FROM goal ORDER BY goal_id
"""
