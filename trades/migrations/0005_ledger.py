"""The ledger as a view over closed trades and cash flows, and its audit trail.

What the table `ledger_entries` held is carried over: the order of booking as the keys
of trades and cash flows, the running figures as those of each local day.
"""

from django.db import migrations

from mastertrade.foreign_keys import foreign_key

OWNER = ("portfolio_id, user_id", "portfolios (portfolio_id, user_id)")
TRADE = "trades (trade_id)"
IMPORT = "trade_imports (import_id)"

CARRY_OVER = """
UPDATE trades t SET ledger_key = e.entry_id
FROM ledger_entries e WHERE e.trade_id = t.trade_id;
UPDATE cash_flows f SET ledger_key = e.entry_id
FROM ledger_entries e WHERE e.cash_flow_id = f.cash_flow_id;
UPDATE trades SET created_by = user_id, updated_by = user_id;
UPDATE cash_flows f SET created_by = p.user_id
FROM portfolios p WHERE p.portfolio_id = f.portfolio_id;
SELECT setval('ledger_keys', greatest(
    (SELECT max(ledger_key) FROM trades), (SELECT max(ledger_key) FROM cash_flows),
    (SELECT max(entry_id) FROM ledger_entries), 1));

WITH dated AS (
    SELECT e.*, (e.effective_at AT TIME ZONE p.time_zone)::date AS day
    FROM ledger_entries e JOIN portfolios p USING (portfolio_id)
), highs AS (
    SELECT portfolio_id, day, count(*) AS entries, max(equity) AS equity,
           max(unit_value) AS unit_value, max(realized_pnl) AS realized_pnl
    FROM dated GROUP BY portfolio_id, day
), last AS (
    SELECT DISTINCT ON (portfolio_id, day) * FROM dated
    ORDER BY portfolio_id, day, effective_at DESC, entry_id DESC
)
INSERT INTO ledger_days
    (portfolio_id, day, last_entry_at, entries, equity, units, unit_value, unit_run,
     realized_pnl, peak_unit_value, high_equity, high_unit_value, high_realized_pnl)
SELECT l.portfolio_id, l.day, l.effective_at, h.entries, l.equity, l.units,
       l.unit_value, l.unit_run, l.realized_pnl, l.peak_unit_value, h.equity,
       h.unit_value, h.realized_pnl
FROM last l JOIN highs h USING (portfolio_id, day)
ORDER BY l.portfolio_id, l.day;

DROP TABLE ledger_entries;
"""
LEDGER = """
CREATE VIEW ledger_entries AS
SELECT ledger_key AS entry_id, portfolio_id, 'trade'::text AS kind, trade_id,
       NULL::bigint AS cash_flow_id, exit_time AS effective_at, profit_loss AS amount
FROM trades WHERE status = 'closed'
UNION ALL
SELECT ledger_key, portfolio_id, 'cash_flow', NULL, cash_flow_id, flowed_at, amount
FROM cash_flows WHERE voided_at IS NULL
"""
# Who changed it is in the row, as long as the row says so: an edit by hand that leaves
# `updated_at` alone is put down to the database's role, a foreign key's to nobody.
LOG_CHANGE = """
CREATE FUNCTION log_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was jsonb := to_jsonb(OLD) - 'updated_at' - 'updated_by';
    is_now jsonb := to_jsonb(NEW) - 'updated_at' - 'updated_by';
    before jsonb;
    after jsonb;
    action text;
    told boolean := NEW.updated_at IS DISTINCT FROM OLD.updated_at;
BEGIN
    SELECT jsonb_object_agg(key, value) INTO before FROM jsonb_each(was)
    WHERE value IS DISTINCT FROM is_now -> key;
    IF before IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT jsonb_object_agg(key, is_now -> key) INTO after
    FROM jsonb_object_keys(before) AS key;
    action := CASE
        WHEN pg_trigger_depth() > 1 THEN 'unlinked'
        WHEN is_now ->> 'voided_at' IS NOT NULL AND was ->> 'voided_at' IS NULL
            THEN 'voided'
        WHEN was ->> 'status' = 'open' AND is_now ->> 'status' = 'closed'
            THEN 'closed'
        WHEN (is_now ->> 'quantity')::numeric > (was ->> 'quantity')::numeric
            THEN 'enlarged'
        WHEN (is_now ->> 'quantity')::numeric < (was ->> 'quantity')::numeric
            THEN 'part_closed'
        ELSE 'edited' END;
    INSERT INTO ledger_changes
        (trade_id, cash_flow_id, action, changed_at, changed_by, before, after)
    VALUES (
        (is_now ->> 'trade_id')::bigint, (is_now ->> 'cash_flow_id')::bigint, action,
        CASE WHEN told THEN NEW.updated_at ELSE now() END,
        CASE WHEN action = 'unlinked' THEN ''
             WHEN told THEN NEW.updated_by
             ELSE 'database role ' || session_user END,
        before, after);
    RETURN NULL;
END $$
"""
TRIGGER = """
CREATE TRIGGER {table}_log_change AFTER UPDATE ON {table}
FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION log_ledger_change()
"""


class Migration(migrations.Migration):
    dependencies = [
        ("trades", "0004_parts_imports_fills"),
        ("goals", "0004_walk_ledger"),
    ]

    operations = [
        migrations.RunSQL(CARRY_OVER),
        migrations.RunSQL(LEDGER, "DROP VIEW ledger_entries"),
        foreign_key(
            "trades", "parent_trade", "parent_trade_id", TRADE, on_delete="SET NULL"
        ),
        foreign_key(
            "trades", "source_import", "source_import_id", IMPORT, on_delete="SET NULL"
        ),
        foreign_key("trade_imports", "user", "user_id", "users (username)"),
        foreign_key("trade_imports", "portfolio", *OWNER),
        foreign_key("trade_fills", "trade", "trade_id", TRADE, on_delete="CASCADE"),
        foreign_key(
            "trade_fills",
            "source_import",
            "source_import_id",
            IMPORT,
            on_delete="SET NULL",
        ),
        foreign_key("ledger_changes", "trade", "trade_id", TRADE, on_delete="CASCADE"),
        foreign_key(
            "ledger_changes",
            "cash_flow",
            "cash_flow_id",
            "cash_flows (cash_flow_id)",
            on_delete="CASCADE",
        ),
        migrations.RunSQL(LOG_CHANGE, "DROP FUNCTION log_ledger_change"),
        migrations.RunSQL(
            TRIGGER.format(table="trades"), "DROP TRIGGER trades_log_change ON trades"
        ),
        migrations.RunSQL(
            TRIGGER.format(table="cash_flows"),
            "DROP TRIGGER cash_flows_log_change ON cash_flows",
        ),
    ]
