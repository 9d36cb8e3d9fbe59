"""The statements of an import: from the staging table into trades, set by set.

Rates, profit and refusals follow `trades.pnl`; tests hold the two together.
"""

CREATE_STAGING = """
DROP TABLE IF EXISTS pg_temp.staged_trades, pg_temp.import_refusals,
    pg_temp.ready_trades;
CREATE TEMPORARY TABLE staged_trades (
    line bigint NOT NULL, settles boolean NOT NULL, external_id text, symbol text,
    side text, quantity numeric, entry_price numeric, entry_time timestamptz,
    exit_price numeric, exit_time timestamptz, profit_loss numeric,
    entry_fees numeric, exit_fees numeric, funding numeric, leverage numeric,
    stop_price numeric, strategy_id text, quote_currency text, fee_currency text,
    fx_rate numeric, fee_fx_rate numeric, exit_fee_fx_rate numeric,
    parent_external_id text, entry_notional numeric, unbooked_profit numeric
) ON COMMIT DROP;
CREATE TEMPORARY TABLE import_refusals (
    line bigint NOT NULL, field text NOT NULL, reason text NOT NULL
) ON COMMIT DROP
"""
COPY_STAGING = (
    "COPY staged_trades (line, settles, {columns}) FROM STDIN (FORMAT text, NULL '')"
)
# A row without an id is known by its content, and by its place among equal ones.
NAME_BY_CONTENT = """
UPDATE staged_trades s SET external_id = 'content:' || n.key || '-' || n.ordinal
FROM (
    SELECT line, key, row_number() OVER (PARTITION BY key ORDER BY line) AS ordinal
    FROM (SELECT line, md5(concat_ws('|', symbol, side, trim_scale(quantity),
                 trim_scale(entry_price), entry_time AT TIME ZONE 'UTC',
                 trim_scale(exit_price), exit_time AT TIME ZONE 'UTC',
                 trim_scale(coalesce(entry_fees, 0)),
                 trim_scale(coalesce(exit_fees, 0)),
                 trim_scale(coalesce(funding, 0)), strategy_id)) AS key
          FROM staged_trades WHERE external_id IS NULL) k
) n WHERE n.line = s.line AND s.external_id IS NULL
"""
# An export names a trade that has no id by its key here: back in the same portfolio,
# with the same figures, it is that trade.
FORGET_OWN = """
DELETE FROM ready_trades r USING trades t
WHERE r.external_id ~ '^mastertrade:[0-9]{1,18}$'
  AND t.trade_id = substr(r.external_id, 13)::bigint
  AND t.portfolio_id = %(portfolio_id)s AND t.external_id IS NULL
  AND (t.symbol, t.side, t.quantity, t.entry_price, t.entry_time)
      = (r.symbol, r.side, r.quantity, r.entry_price, r.entry_time)
  AND (t.exit_price, t.exit_time) IS NOT DISTINCT FROM (r.exit_price, r.exit_time)
"""
# Everything a row's own figures can be refused for: the first thing that is wrong.
READY = """
CREATE TEMPORARY TABLE ready_trades ON COMMIT DROP AS
WITH rated AS (
    SELECT s.*, coalesce(s.strategy_id, %(strategy_id)s) AS strategy,
           coalesce(s.quote_currency, %(currency)s) AS quote,
           coalesce(s.fee_currency, %(currency)s) AS fee,
           coalesce(s.quote_currency, %(currency)s) <> %(currency)s AS foreign_quote,
           coalesce(s.fee_currency, %(currency)s)
               NOT IN (%(currency)s, coalesce(s.quote_currency, %(currency)s)) AS third
    FROM staged_trades s
), priced AS (
    SELECT r.*, CASE WHEN foreign_quote THEN r.fx_rate ELSE 1 END AS quote_rate,
           CASE WHEN third AND (foreign_quote OR r.fee_fx_rate IS NOT NULL)
                    THEN r.fee_fx_rate
                WHEN third THEN r.fx_rate
                WHEN fee = quote AND foreign_quote THEN r.fx_rate
                ELSE 1 END AS fee_rate,
           coalesce(r.entry_notional, r.quantity * r.entry_price) AS cost
    FROM rated r
), measured AS (
    SELECT p.*, CASE WHEN exit_price IS NOT NULL THEN
               (CASE side WHEN 'LONG' THEN 1 ELSE -1 END
                * (exit_price * quantity - cost)
                + coalesce(funding, 0)) * quote_rate
               - coalesce(entry_fees, 0) * fee_rate
               - coalesce(exit_fees, 0) * coalesce(exit_fee_fx_rate, fee_rate)
           END AS exact_profit
    FROM priced p
), rounded AS (
    SELECT m.*, CASE WHEN scale(exact_profit) <= 8 THEN exact_profit
                     ELSE round_money(exact_profit) END AS own_profit
    FROM measured m
)
SELECT *, CASE
    WHEN (exit_price IS NULL) <> (exit_time IS NULL)
        THEN 'exit_time|and exit_price go together.'
    WHEN entry_time > %(now)s THEN 'entry_time|lies in the future.'
    WHEN exit_time > %(now)s THEN 'exit_time|lies in the future.'
    WHEN exit_time < entry_time THEN 'exit_time|lies before entry_time.'
    WHEN exit_price IS NULL AND coalesce(exit_fees, 0) <> 0
        THEN 'exit_fees|go with exit_price.'
    WHEN exit_price IS NULL AND profit_loss IS NOT NULL
        THEN 'profit_loss|goes with exit_price.'
    WHEN exit_price IS NULL AND parent_external_id IS NOT NULL
        THEN 'parent_external_id|is only for closed parts.'
    WHEN parent_external_id = external_id THEN 'parent_external_id|is the row itself.'
    WHEN coalesce(leverage, 1) < 1 THEN 'leverage|must be 1 or more.'
    WHEN strategy IS NULL THEN 'strategy_id|is needed.'
    WHEN quote_rate IS NULL
        THEN 'fx_rate|is needed: units of ' || %(currency)s || ' for one ' || quote
             || '.'
    WHEN fee_rate IS NULL AND foreign_quote THEN
        'fee_fx_rate|is needed: units of ' || %(currency)s || ' for one ' || fee || '.'
    WHEN fee_rate IS NULL
        THEN 'fx_rate|is needed: units of ' || %(currency)s || ' for one ' || fee || '.'
    WHEN fee_fx_rate IS NOT NULL AND NOT third
        THEN 'fee_fx_rate|is only for fees in a third currency.'
    WHEN fx_rate <> 1 AND NOT foreign_quote AND (NOT third OR fee_fx_rate IS NOT NULL)
        THEN 'fx_rate|is not needed: prices are in ' || %(currency)s || '.'
    WHEN cost * quote_rate >= 10000000000000000
        THEN 'quantity|makes a size out of range.'
    WHEN abs(cost - quantity * entry_price) > quantity * 0.000000000001
        THEN 'entry_notional|is not what quantity and entry_price make.'
    WHEN abs(coalesce(unbooked_profit, 0)) > 0.00000001
        THEN 'unbooked_profit|is more than rounding leaves.'
    WHEN abs(exact_profit) >= 10000000000000000
        THEN 'exit_price|makes a profit out of range.'
    WHEN abs(profit_loss - own_profit) > CASE
            WHEN parent_external_id IS NOT NULL OR unbooked_profit IS NOT NULL
            THEN 0.00000001 ELSE 0 END
        THEN 'profit_loss|is told as ' || trim_scale(profit_loss)
             || ', but the figures make ' || trim_scale(own_profit) || '.'
    END AS wrong
FROM rounded
"""
REFUSE_OWN = """
INSERT INTO import_refusals
SELECT line, split_part(wrong, '|', 1), split_part(wrong, '|', 2)
FROM ready_trades WHERE wrong IS NOT NULL
"""
REFUSE_STRATEGIES = """
INSERT INTO import_refusals
SELECT r.line, 'strategy_id', 'You have no strategy ' || r.strategy || '.'
FROM ready_trades r LEFT JOIN strategy_instances s
    ON s.user_id = %(user_id)s AND s.strategy_id = r.strategy
WHERE s.strategy_id IS NULL AND r.wrong IS NULL
"""
TARGET = """
WITH inserted AS (
INSERT INTO trades
    (user_id, portfolio_id, strategy_id, symbol, side, quantity, entry_price,
     exit_price, stop_price, entry_notional, leverage, entry_fees, exit_fees,
     quote_currency, fee_currency, fx_rate, fee_fx_rate, exit_fee_fx_rate, funding,
     profit_loss, unbooked_profit, entry_time, exit_time, status, parent_trade_id,
     external_id, request_fingerprint, source_import_id, created_at, created_by,
     updated_at, updated_by, void_reason)
SELECT %(user_id)s, %(portfolio_id)s, r.strategy, r.symbol, r.side, r.quantity,
       r.entry_price, r.exit_price, r.stop_price, r.entry_notional,
       coalesce(r.leverage, 1), coalesce(r.entry_fees, 0), coalesce(r.exit_fees, 0),
       r.quote, r.fee, r.quote_rate, r.fee_rate, r.exit_fee_fx_rate,
       coalesce(r.funding, 0), coalesce(r.profit_loss, r.own_profit),
       coalesce(r.unbooked_profit, 0), r.entry_time, r.exit_time,
       CASE WHEN r.exit_price IS NULL THEN 'open' ELSE 'closed' END, {parent},
       r.external_id, %(fingerprint)s, %(import_id)s, %(now)s, %(created_by)s, %(now)s,
       %(created_by)s, ''
FROM ready_trades r {join}
WHERE {which}
  AND NOT EXISTS (SELECT 1 FROM import_refusals f WHERE f.line = r.line)
ORDER BY r.exit_time NULLS LAST, r.line
ON CONFLICT (portfolio_id, external_id) WHERE external_id IS NOT NULL DO NOTHING
RETURNING exit_time
)
SELECT count(*), min(exit_time) FROM inserted
"""
INSERT_TRADES = TARGET.format(
    parent="NULL::bigint", join="", which="r.parent_external_id IS NULL"
)
PARENT = (
    "JOIN trades p ON p.portfolio_id = %(portfolio_id)s "
    "AND p.external_id = r.parent_external_id"
)
INSERT_PARTS = TARGET.format(
    parent="p.trade_id", join=PARENT, which="r.parent_external_id IS NOT NULL"
)
REFUSE_ORPHANS = f"""
INSERT INTO import_refusals
SELECT r.line, 'parent_external_id', 'There is no trade ' || r.parent_external_id || '.'
FROM ready_trades r LEFT {PARENT}
WHERE r.parent_external_id IS NOT NULL AND p.trade_id IS NULL AND r.wrong IS NULL
  AND NOT EXISTS (SELECT 1 FROM import_refusals f WHERE f.line = r.line)
"""
# An open trade that the file has seen end, or lessened by its parts since.
SETTLE = """
UPDATE trades t
SET quantity = r.quantity, entry_price = r.entry_price,
    entry_notional = r.entry_notional, entry_fees = coalesce(r.entry_fees, 0),
    exit_price = r.exit_price, exit_time = r.exit_time,
    exit_fees = coalesce(r.exit_fees, 0), exit_fee_fx_rate = r.exit_fee_fx_rate,
    funding = coalesce(r.funding, 0),
    profit_loss = coalesce(r.profit_loss, r.own_profit),
    unbooked_profit = coalesce(r.unbooked_profit, 0),
    status = CASE WHEN r.exit_price IS NULL THEN 'open' ELSE 'closed' END,
    ledger_key = nextval('ledger_keys'), updated_at = %(now)s,
    updated_by = %(created_by)s
FROM ready_trades r
WHERE r.settles AND t.portfolio_id = %(portfolio_id)s AND t.external_id = r.external_id
  AND t.status = 'open' AND t.symbol = r.symbol AND t.side = r.side
  AND t.source_import_id IS DISTINCT FROM %(import_id)s
  AND NOT EXISTS (SELECT 1 FROM import_refusals f WHERE f.line = r.line)
  AND (t.quantity, t.entry_price, t.entry_fees, t.funding, t.exit_price)
      IS DISTINCT FROM (r.quantity, r.entry_price, coalesce(r.entry_fees, 0),
                        coalesce(r.funding, 0), r.exit_price)
RETURNING t.exit_time
"""
# The same id with other figures. What was changed since it was imported (parts were
# closed of it, it was voided) is no conflict as long as it entered like that.
REFUSE_CONFLICTS = """
INSERT INTO import_refusals
SELECT r.line, 'external_id',
       'The trade ' || r.external_id || ' was recorded with other figures.'
FROM ready_trades r JOIN trades t
    ON t.portfolio_id = %(portfolio_id)s AND t.external_id = r.external_id
WHERE r.wrong IS NULL
  AND NOT EXISTS (SELECT 1 FROM import_refusals f WHERE f.line = r.line)
  AND CASE WHEN r.settles THEN
          (t.symbol, t.side, t.entry_time) <> (r.symbol, r.side, r.entry_time)
      ELSE (t.symbol, t.side, t.entry_price, t.entry_time, t.quote_currency,
            t.fee_currency, t.fx_rate, t.fee_fx_rate)
           <> (r.symbol, r.side, r.entry_price, r.entry_time, r.quote, r.fee,
               r.quote_rate, r.fee_rate)
        OR (t.quantity, t.entry_fees) <> (r.quantity, coalesce(r.entry_fees, 0))
           AND NOT EXISTS (SELECT 1 FROM trades p WHERE p.parent_trade_id = t.trade_id)
           AND NOT EXISTS (SELECT 1 FROM trade_fills f WHERE f.trade_id = t.trade_id)
        OR (r.exit_price, r.exit_time) <> (t.exit_price, t.exit_time)
        OR t.exit_price IS NULL AND r.exit_price IS NOT NULL AND t.status <> 'void'
        OR t.exit_price IS NOT NULL AND r.exit_price IS NOT NULL
           AND t.profit_loss <> coalesce(r.profit_loss, r.own_profit)
      END
"""
OPEN_POSITIONS = """
INSERT INTO positions
    (trade_id, user_id, portfolio_id, symbol, side, quantity, entry_price,
     current_price, unrealized_pnl, status, opened_at, updated_at)
SELECT t.trade_id, t.user_id, t.portfolio_id, t.symbol, t.side, t.quantity,
       t.entry_price, t.entry_price, 0, 'open', t.entry_time, %(now)s
FROM ready_trades r JOIN trades t
    ON t.portfolio_id = %(portfolio_id)s AND t.external_id = r.external_id
WHERE r.exit_price IS NULL AND t.status = 'open'
ON CONFLICT (trade_id) DO NOTHING
"""
SETTLE_POSITIONS = """
UPDATE positions o
SET quantity = t.quantity, entry_price = t.entry_price, status = t.status,
    current_price = coalesce(t.exit_price, CASE WHEN o.marked_at IS NULL
                             THEN t.entry_price ELSE o.current_price END),
    unrealized_pnl = CASE WHEN t.status = 'open' AND o.marked_at IS NOT NULL
        THEN round_money(CASE t.side WHEN 'LONG' THEN 1 ELSE -1 END * t.fx_rate
             * (o.current_price * t.quantity
                - coalesce(t.entry_notional, t.quantity * t.entry_price)))
        ELSE 0 END,
    updated_at = %(now)s
FROM ready_trades r JOIN trades t
    ON t.portfolio_id = %(portfolio_id)s AND t.external_id = r.external_id
WHERE r.settles AND o.trade_id = t.trade_id AND o.status = 'open'
"""
UNREALIZED = """
SELECT coalesce(sum(unrealized_pnl), 0) FROM positions
WHERE portfolio_id = %(portfolio_id)s AND status = 'open'
"""
