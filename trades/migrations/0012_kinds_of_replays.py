"""Replays made so far: their portfolios and strategies are no live evidence.

A replay's portfolios are known from its row. Those of the demo are the ones of the
user `demo` that asked the demo's question about the demo's prices; what else was
replayed is a simulation. Strategies of a replay's names are its own unless one of the
user's live portfolios traded with them or a bot was told to.
"""

from django.db import migrations

OF_REPLAYS = """
UPDATE portfolios p
SET kind = CASE WHEN r.user_id = 'demo'
                 AND r.symbol IN ('AAPL', 'GOOG', 'IBM', 'MSFT')
                 AND r.report #>> '{instruments,0,goal_type}' = 'monthly_return'
                 AND (r.report #>> '{instruments,0,target_value}')::numeric = 3
                 AND r.report #>> '{instruments,0,policy_run,policy}' = 'ladder'
                 AND r.report #>> '{instruments,0,first_at}' LIKE '2008-01-%'
            THEN 'demo' ELSE 'simulation' END
FROM replay_runs r
WHERE p.portfolio_id IN (r.policy_portfolio_id, r.constant_portfolio_id)
"""
STRATEGIES = """
UPDATE strategy_instances s
SET kind = CASE WHEN s.user_id = 'demo' THEN 'demo' ELSE 'simulation' END
WHERE strategy_id IN ('momentum_daily', 'mean_reversion_daily', 'breakout_daily')
  AND strategy_name IN (
      'Momentum, daily', 'Mean reversion, daily', 'Breakout, daily')
  AND EXISTS (SELECT 1 FROM replay_runs r WHERE r.user_id = s.user_id)
  AND NOT EXISTS (
      SELECT 1 FROM trades t JOIN portfolios p USING (portfolio_id)
      WHERE t.user_id = s.user_id AND t.strategy_id = s.strategy_id
        AND p.kind = 'live')
  AND NOT EXISTS (
      SELECT 1 FROM webhook_tokens w JOIN portfolios p USING (portfolio_id)
      WHERE w.user_id = s.user_id AND w.strategy_id = s.strategy_id
        AND p.kind = 'live')
"""
ALL_LIVE = "UPDATE portfolios SET kind = 'live' WHERE kind <> 'live'"
ALL_STRATEGIES_LIVE = "UPDATE strategy_instances SET kind = 'live' WHERE kind <> 'live'"
FROZEN = """
CREATE FUNCTION refuse_another_kind() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the kind of portfolio % is fixed: it stays %',
        OLD.portfolio_id, OLD.kind
        USING ERRCODE = 'check_violation', CONSTRAINT = 'portfolios_kind_fixed';
END $$
"""
TRIGGER = """
CREATE TRIGGER portfolios_kind_fixed AFTER UPDATE OF kind ON portfolios
FOR EACH ROW WHEN (OLD.kind IS DISTINCT FROM NEW.kind)
EXECUTE FUNCTION refuse_another_kind()
"""


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0009_kinds"),
        ("strategies", "0003_kinds"),
        ("trades", "0011_open_trades_at_cash_flows"),
    ]

    operations = [
        migrations.RunSQL(OF_REPLAYS, ALL_LIVE),
        migrations.RunSQL(STRATEGIES, ALL_STRATEGIES_LIVE),
        migrations.RunSQL(FROZEN, "DROP FUNCTION refuse_another_kind"),
        migrations.RunSQL(TRIGGER, "DROP TRIGGER portfolios_kind_fixed ON portfolios"),
    ]
