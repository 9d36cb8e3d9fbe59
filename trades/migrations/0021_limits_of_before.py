"""The limits of before as floors: `trailing_closed` of the peak.

A portfolio's floor is measured from its highest unit value, or since it was resumed
after a hard drawdown: from what a unit was worth then, and after any entry from the
first close since then on. Portfolios that have dated limits, or others than those of
before, are carried over already: after a step back they stay as they are.
"""

from django.db import migrations

CARRY_OVER = """
CREATE TEMPORARY TABLE of_before AS
SELECT * FROM portfolios p
WHERE p.drawdown_mode = 'trailing_closed' AND p.floor_in = 'units'
  AND NOT EXISTS (SELECT 1 FROM limit_changes c WHERE c.portfolio_id = p.portfolio_id);

UPDATE portfolios p SET floor_peak_value = p.peak_unit_value
FROM of_before o WHERE o.portfolio_id = p.portfolio_id;

CREATE TEMPORARY TABLE resumed AS
SELECT h.*, jsonb_build_object(
        'hard_drawdown_pct', p.hard_drawdown_pct::text,
        'soft_drawdown_pct', p.soft_drawdown_pct::text,
        'daily_loss_limit_pct', p.daily_loss_limit_pct::text
    ) AS settings
FROM trading_halts h JOIN of_before p USING (portfolio_id)
WHERE h.cause = 'hard_drawdown' AND h.resumed_at IS NOT NULL;

INSERT INTO limit_changes
    (portfolio_id, cause, changed_at, changed_by, settings, start_value, peak_value,
     unit_run)
SELECT DISTINCT ON (r.portfolio_id) r.portfolio_id, 'opening', p.created_at, p.user_id,
       r.settings, 1, 1, 1
FROM resumed r JOIN portfolios p USING (portfolio_id);

INSERT INTO limit_changes
    (portfolio_id, cause, effective_at, changed_at, changed_by, settings, start_value,
     peak_value, unit_run)
SELECT portfolio_id, 'resume', resumed_at, resumed_at, resumed_by, settings,
       resumed_unit_value, resumed_unit_value, resumed_unit_run
FROM resumed ORDER BY resumed_at, halt_id;

UPDATE portfolios p
SET floor_set_at = r.resumed_at, floor_start_value = r.resumed_unit_value,
    floor_peak_value = greatest(r.resumed_unit_value, (
        SELECT max(w.unit_value)
        FROM (
            SELECT min(effective_at) AS at FROM ledger_entries
            WHERE portfolio_id = r.portfolio_id AND kind = 'trade'
              AND effective_at > r.resumed_at
        ) first
        LEFT JOIN LATERAL (
            SELECT * FROM ledger_days
            WHERE portfolio_id = r.portfolio_id AND last_entry_at < first.at
            ORDER BY day DESC LIMIT 1
        ) d ON true
        CROSS JOIN LATERAL walk_ledger(
            r.portfolio_id,
            coalesce(d.last_entry_at + interval '1 microsecond', '-infinity'),
            'infinity', '2000-01-01', '{}', true, false, true,
            coalesce(d.equity, r.opening_balance), coalesce(d.units, r.opening_balance),
            coalesce(d.unit_value, 1), coalesce(d.unit_run, 1),
            coalesce(d.realized_pnl, 0), coalesce(d.peak_unit_value, 1),
            coalesce(d.carried, 0), d.redeemed_value) w
        WHERE w.last_entry_at >= first.at))
FROM (SELECT DISTINCT ON (h.portfolio_id) h.*, o.opening_balance
      FROM resumed h JOIN portfolios o USING (portfolio_id)
      ORDER BY h.portfolio_id, h.resumed_at DESC, h.halt_id DESC) r
WHERE r.portfolio_id = p.portfolio_id AND r.resumed_unit_run = p.unit_run;

DROP TABLE resumed, of_before
"""


class Migration(migrations.Migration):
    dependencies = [("trades", "0020_cubes_of_growths")]

    operations = [migrations.RunSQL(CARRY_OVER, migrations.RunSQL.noop)]
