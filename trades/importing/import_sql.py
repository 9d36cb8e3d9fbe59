"""The statements that judge an import's rows, in its staging table.

Rates, profit and refusals follow `trades.decisions.pnl`; tests hold the two together.
"""

# A row takes its place in the ledger as it is read: among trades of one instant the
# file's order counts.
CREATE_STAGING = """
DROP VIEW IF EXISTS pg_temp.ready_trades;
DROP TABLE IF EXISTS pg_temp.staged_trades, pg_temp.import_refusals;
CREATE TEMPORARY TABLE staged_trades (
    line bigint NOT NULL, updates_open_trade boolean NOT NULL, external_id text,
    symbol text, side text, quantity numeric, entry_price numeric,
    entry_time timestamptz, exit_price numeric, exit_time timestamptz,
    profit_loss numeric, entry_fees numeric, exit_fees numeric, funding numeric,
    leverage numeric, stop_price numeric, strategy_id text, quote_currency text,
    fee_currency text, fx_rate numeric, fee_fx_rate numeric, exit_fee_fx_rate numeric,
    parent_external_id text, entry_notional numeric, unbooked_profit numeric,
    orders jsonb, ledger_key bigint NOT NULL DEFAULT nextval('ledger_keys')
) ON COMMIT DROP;
CREATE TEMPORARY TABLE import_refusals (
    line bigint NOT NULL, field text NOT NULL, reason text NOT NULL
) ON COMMIT DROP
"""
COPY_STAGING = (
    "COPY staged_trades (line, updates_open_trade, {columns}, orders) FROM STDIN "
    "(FORMAT text, NULL '')"
)
# A row without an id is known by its content, and by its place among equal ones.
NAME_BY_CONTENT = """
UPDATE staged_trades s SET external_id = 'content:' || n.key || '-' || n.ordinal
FROM (
    SELECT ledger_key, key,
           row_number() OVER (PARTITION BY key ORDER BY ledger_key) AS ordinal
    FROM (SELECT ledger_key, md5(ROW(
              symbol, side, trim_scale(quantity), trim_scale(entry_price),
              extract(epoch FROM entry_time), trim_scale(exit_price),
              extract(epoch FROM exit_time), trim_scale(coalesce(entry_fees, 0)),
              trim_scale(coalesce(exit_fees, 0)), trim_scale(coalesce(funding, 0)),
              trim_scale(coalesce(leverage, 1)), strategy_id,
              coalesce(quote_currency, %(currency)s),
              coalesce(fee_currency, %(currency)s), trim_scale(fx_rate),
              trim_scale(fee_fx_rate), trim_scale(exit_fee_fx_rate),
              parent_external_id, trim_scale(entry_notional))::text) AS key
          FROM staged_trades WHERE external_id IS NULL) k
) n WHERE n.ledger_key = s.ledger_key
"""
# What a row's own figures make. Only a tie asks for the exact rounding.
ROUNDED = """CASE WHEN scale(exact_profit) <= 8 THEN exact_profit
                WHEN abs(exact_profit - trunc(exact_profit, 8)) = 0.000000005
                    THEN round_money(exact_profit)
                ELSE round(exact_profit, 8) END"""
# OFFSET 0: a figure that is used several times is computed once.
READY = f"""
CREATE TEMPORARY VIEW ready_trades AS
SELECT m.*, {ROUNDED} AS own_profit
FROM (
    SELECT p.*, CASE WHEN exit_price IS NOT NULL THEN
               (CASE side WHEN 'LONG' THEN 1 ELSE -1 END
                * (exit_price * quantity - cost)
                + coalesce(funding, 0)) * quote_rate
               - coalesce(entry_fees, 0) * fee_rate
               - coalesce(exit_fees, 0) * coalesce(exit_fee_fx_rate, fee_rate)
           END AS exact_profit
    FROM (
        SELECT r.*, CASE WHEN foreign_quote THEN coalesce(r.fx_rate, given_quote)
                    ELSE 1 END AS quote_rate,
               CASE WHEN third AND (foreign_quote OR r.fee_fx_rate IS NOT NULL)
                        THEN coalesce(r.fee_fx_rate, given_fee)
                    WHEN third THEN coalesce(r.fx_rate, given_fee)
                    WHEN fee = quote AND foreign_quote
                        THEN coalesce(r.fx_rate, given_quote)
                    ELSE 1 END AS fee_rate,
               coalesce(r.entry_notional, r.quantity * r.entry_price) AS cost
        FROM (
            SELECT s.*, coalesce(s.strategy_id, %(strategy_id)s) AS strategy,
                   (%(rates)s::jsonb ->> s.quote_currency)::numeric AS given_quote,
                   (%(rates)s::jsonb ->> s.fee_currency)::numeric AS given_fee,
                   coalesce(s.quote_currency, %(currency)s) AS quote,
                   coalesce(s.fee_currency, %(currency)s) AS fee,
                   coalesce(s.quote_currency, %(currency)s) <> %(currency)s
                       AS foreign_quote,
                   coalesce(s.fee_currency, %(currency)s) NOT IN (
                       %(currency)s, coalesce(s.quote_currency, %(currency)s)) AS third
            FROM staged_trades s
        ) r
    ) p OFFSET 0
) m
"""
# The first thing that is wrong with a row by itself.
WRONG = """CASE
    WHEN (exit_price IS NULL) <> (exit_time IS NULL)
        THEN 'exit_time|and exit_price go together.'
    WHEN entry_time > %(now)s THEN 'entry_time|is in the future.'
    WHEN exit_time > %(now)s THEN 'exit_time|is in the future.'
    WHEN exit_time < entry_time THEN 'exit_time|is before entry_time.'
    WHEN exit_price IS NULL AND coalesce(exit_fees, 0) <> 0
        THEN 'exit_fees|go with exit_price.'
    WHEN exit_price IS NULL AND profit_loss IS NOT NULL
        THEN 'profit_loss|goes with exit_price.'
    WHEN exit_price IS NULL AND parent_external_id IS NOT NULL
        THEN 'parent_external_id|is only for closed parts.'
    WHEN parent_external_id = external_id THEN 'parent_external_id|is the row itself.'
    WHEN coalesce(leverage, 1) < 1 THEN 'leverage|must be 1 or more.'
    WHEN strategy IS NULL THEN 'strategy_id|is needed.'
    WHEN strategy NOT IN (SELECT i.strategy_id FROM strategy_instances i
                          WHERE i.user_id = %(user_id)s
                            AND (i.kind = 'live' OR NOT %(is_live)s))
        THEN 'strategy_id|You have no strategy ' || strategy || '.'
    WHEN quote_rate IS NULL
        THEN 'fx_rate|is needed: units of ' || %(currency)s || ' for one ' || quote
             || ' (fx_rates).'
    WHEN fee_rate IS NULL AND foreign_quote THEN
        'fee_fx_rate|is needed: units of ' || %(currency)s || ' for one ' || fee
             || ' (fx_rates).'
    WHEN fee_rate IS NULL
        THEN 'fx_rate|is needed: units of ' || %(currency)s || ' for one ' || fee
             || ' (fx_rates).'
    WHEN fee_fx_rate IS NOT NULL AND NOT third
        THEN 'fee_fx_rate|is only for fees in a third currency.'
    WHEN fx_rate <> 1 AND NOT foreign_quote AND (NOT third OR fee_fx_rate IS NOT NULL)
        THEN 'fx_rate|is not needed: prices are in ' || %(currency)s || '.'
    WHEN cost * quote_rate > 9999999999999999.99999999
        THEN 'quantity|makes a size out of range.'
    WHEN entry_notional IS NOT NULL AND abs(cost - quantity * entry_price)
            > quantity * 0.000000000001 + 0.00000000000000000001
        THEN 'entry_notional|is not what quantity and entry_price make.'
    WHEN abs(unbooked_profit) > 0.0000001
        THEN 'unbooked_profit|is more than rounding leaves.'
    WHEN abs(own_profit) > 9999999999999999.99999999
        THEN 'exit_price|makes a profit out of range.'
    WHEN abs(profit_loss - own_profit) > CASE
            WHEN parent_external_id IS NOT NULL OR unbooked_profit IS NOT NULL
            THEN 0.0000001 ELSE 0 END
        THEN 'profit_loss|is given as ' || trim_scale(profit_loss)
             || ', but the figures give ' || trim_scale(own_profit) || '.'
    END"""
REFUSE_OWN = f"""
INSERT INTO import_refusals
SELECT line, split_part(wrong, '|', 1), substr(wrong, strpos(wrong, '|') + 1)
FROM (SELECT line, {WRONG} AS wrong FROM ready_trades OFFSET 0) judged
WHERE wrong IS NOT NULL
"""
