"""The statements that bring an import's rows into the ledger, set by set."""

from trades.booking.rows import NEW_POSITION, price_profit

# The columns of a trade that an export names by its key, because it has no other id.
OWN_KEY = """CASE WHEN {id} ~ '^mastertrade:[0-9]{{1,18}}$'
         THEN substr({id}, 13)::bigint END"""
# Whether a row's figures differ from those the trade of the same id has. What
# was changed since (a part was closed of it, it was added to, closed or voided) is no
# conflict, as long as it entered like that.
DIFFERS = """CASE WHEN r.updates_open_trade
    THEN (t.symbol, t.side, t.entry_time) <> (r.symbol, r.side, r.entry_time)
    ELSE (t.symbol, t.side, t.entry_time, t.quote_currency, t.fee_currency, t.fx_rate,
          t.fee_fx_rate, t.leverage)
         <> (r.symbol, r.side, r.entry_time, r.quote, r.fee, r.quote_rate, r.fee_rate,
             coalesce(r.leverage, 1))
      OR (t.quantity, t.entry_price, t.entry_fees)
         <> (r.quantity, r.entry_price, coalesce(r.entry_fees, 0))
         AND NOT EXISTS (SELECT 1 FROM trades p WHERE p.parent_trade_id = t.trade_id)
         AND NOT EXISTS (SELECT 1 FROM trade_fills f
                         WHERE f.trade_id = t.trade_id AND f.order_id IS NULL)
      OR (t.exit_price, t.exit_time) <> (r.exit_price, r.exit_time)
      OR t.exit_price IS NULL AND r.exit_price IS NOT NULL AND t.status <> 'void'
      OR t.profit_loss <> coalesce(r.profit_loss, r.own_profit)
    END"""
NOT_REFUSED = "NOT EXISTS (SELECT 1 FROM import_refusals f WHERE f.line = r.line)"
# Back in the portfolio it came from, a trade without an id is itself.
OWN = f"""JOIN trades t ON t.trade_id = {OWN_KEY.format(id="r.external_id")}
    AND t.portfolio_id = %(portfolio_id)s AND t.external_id IS NULL
    AND (t.symbol, t.side, t.entry_time) = (r.symbol, r.side, r.entry_time)"""
CONFLICTS = f"""
INSERT INTO import_refusals
SELECT r.line, 'external_id',
       'The trade ' || r.external_id || ' was recorded with other figures.'
FROM ready_trades r {{join}}
WHERE {NOT_REFUSED} AND {DIFFERS}
"""
REFUSE_OWN_CONFLICTS = CONFLICTS.format(join=OWN)
DROP_OWN = f"""
DELETE FROM staged_trades WHERE ledger_key IN (
    SELECT r.ledger_key FROM staged_trades r {OWN} WHERE {NOT_REFUSED})
"""
REFUSE_CONFLICTS = CONFLICTS.format(
    join="JOIN trades t ON t.portfolio_id = %(portfolio_id)s "
    "AND t.external_id = r.external_id"
)
# Equal ids are rows of one trade: the first goes in, the others are compared with it.
TARGET = """
WITH inserted AS (
INSERT INTO trades
    (user_id, portfolio_id, strategy_id, symbol, side, quantity, entry_price,
     exit_price, stop_price, entry_notional, leverage, entry_fees, exit_fees,
     quote_currency, fee_currency, fx_rate, fee_fx_rate, exit_fee_fx_rate, funding,
     profit_loss, unbooked_profit, entry_time, exit_time, status, ledger_key,
     parent_trade_id, external_id, request_fingerprint, source_import_id, created_at,
     created_by, updated_at, updated_by, void_reason)
SELECT %(user_id)s, %(portfolio_id)s, r.strategy, r.symbol, r.side, r.quantity,
       r.entry_price, r.exit_price, r.stop_price, r.entry_notional,
       coalesce(r.leverage, 1), coalesce(r.entry_fees, 0), coalesce(r.exit_fees, 0),
       r.quote, r.fee, r.quote_rate, r.fee_rate, r.exit_fee_fx_rate,
       coalesce(r.funding, 0), coalesce(r.profit_loss, r.own_profit),
       coalesce(r.unbooked_profit, 0), r.entry_time, r.exit_time,
       CASE WHEN r.exit_price IS NULL THEN 'open' ELSE 'closed' END, r.ledger_key,
       {parent}, r.external_id, %(fingerprint)s, %(import_id)s, %(now)s,
       %(created_by)s, %(now)s, %(created_by)s, ''
FROM ready_trades r {join}
WHERE {which}
ON CONFLICT (portfolio_id, external_id) WHERE external_id IS NOT NULL DO NOTHING
RETURNING exit_time
)
SELECT count(*), min(exit_time) FROM inserted
"""
# In the file's order, which is that of the table unless it is joined with another.
WHOLE = "r.parent_external_id IS NULL"
IN_ORDER = f"{NOT_REFUSED} ORDER BY r.ledger_key"
INSERT_ALL = TARGET.format(parent="NULL::bigint", join="", which=WHOLE)
INSERT_GOOD = TARGET.format(
    parent="NULL::bigint", join="", which=f"{WHOLE} AND {IN_ORDER}"
)
PARENT = f"""
LEFT JOIN trades p ON p.portfolio_id = %(portfolio_id)s
    AND p.external_id = r.parent_external_id
LEFT JOIN trades o ON o.portfolio_id = %(portfolio_id)s AND o.external_id IS NULL
    AND o.trade_id = {OWN_KEY.format(id="r.parent_external_id")}"""
INSERT_PARTS = TARGET.format(
    parent="coalesce(p.trade_id, o.trade_id)",
    join=PARENT,
    which=f"r.parent_external_id IS NOT NULL AND {IN_ORDER}",
)
REFUSE_ORPHANS = f"""
INSERT INTO import_refusals
SELECT r.line, 'parent_external_id',
       'There is no trade ' || r.parent_external_id || ' that this is a part of.'
FROM ready_trades r {PARENT}
WHERE r.parent_external_id IS NOT NULL AND {NOT_REFUSED}
  AND (r.symbol, r.side) IS DISTINCT FROM
      (coalesce(p.symbol, o.symbol), coalesce(p.side, o.side))
"""
# An open trade that the file has seen end, or lessened by its parts since. A file from
# before what the ledger knows by now brings nothing back: one that lacks a part, or
# shows less without one that is new. (Open is written in other words than those of the
# index of open trades: a planner that knows little of them would walk it for each row.)
UPDATE_OPEN_TRADES = f"""
UPDATE trades t
SET quantity = r.quantity, entry_price = r.entry_price,
    entry_notional = r.entry_notional, entry_fees = coalesce(r.entry_fees, 0),
    exit_price = r.exit_price, exit_time = r.exit_time,
    exit_fees = coalesce(r.exit_fees, 0), exit_fee_fx_rate = r.exit_fee_fx_rate,
    funding = coalesce(r.funding, 0),
    profit_loss = coalesce(r.profit_loss, r.own_profit),
    unbooked_profit = coalesce(r.unbooked_profit, 0),
    -- The profit is measured at the rates the row came with.
    fx_rate = CASE WHEN r.exit_price IS NULL THEN t.fx_rate ELSE r.quote_rate END,
    fee_fx_rate = CASE WHEN r.exit_price IS NULL THEN t.fee_fx_rate
                       ELSE r.fee_rate END,
    status = CASE WHEN r.exit_price IS NULL THEN 'open' ELSE 'closed' END,
    ledger_key = r.ledger_key, updated_at = %(now)s, updated_by = %(created_by)s
FROM ready_trades r
WHERE r.updates_open_trade
  AND t.portfolio_id = %(portfolio_id)s AND t.external_id = r.external_id
  AND t.exit_price IS NULL AND t.voided_at IS NULL  -- open, as a key finds it
  AND t.symbol = r.symbol AND t.side = r.side
  AND t.source_import_id IS DISTINCT FROM %(import_id)s AND {NOT_REFUSED}
  AND (t.quantity, t.entry_price, t.entry_fees, t.funding, t.exit_price)
      IS DISTINCT FROM (r.quantity, r.entry_price, coalesce(r.entry_fees, 0),
                        coalesce(r.funding, 0), r.exit_price)
  AND CASE
      WHEN r.exit_price IS NOT NULL OR r.quantity = t.quantity THEN true
      WHEN r.quantity > t.quantity THEN NOT EXISTS (
          SELECT 1 FROM trades p WHERE p.parent_trade_id = t.trade_id
              AND p.status <> 'void' AND NOT EXISTS (
                  SELECT 1 FROM staged_trades s WHERE s.external_id = p.external_id))
      ELSE EXISTS (SELECT 1 FROM trades p WHERE p.parent_trade_id = t.trade_id
                       AND p.source_import_id = %(import_id)s) END
RETURNING t.exit_time
"""
# The orders that filled a bot's trades: a fill of them from elsewhere is known by them.
INSERT_ORDERS = f"""
INSERT INTO trade_fills
    (portfolio_id, trade_id, source_import_id, kind, symbol, quantity, price, fees,
     funding, fee_currency, filled_at, external_id, order_id, request_fingerprint,
     created_at, created_by)
SELECT t.portfolio_id, t.trade_id, %(import_id)s,
       CASE WHEN o.is_entry THEN 'entry' ELSE 'exit' END, t.symbol, o.quantity,
       o.price, 0, 0, t.fee_currency, o.at, r.external_id || ':order-' || o.key,
       o.order_id, %(fingerprint)s, %(now)s, %(created_by)s
FROM staged_trades r
CROSS JOIN LATERAL jsonb_to_recordset(r.orders) o (
    key bigint, order_id text, is_entry boolean, quantity numeric, price numeric,
    at timestamptz)
JOIN trades t ON t.portfolio_id = %(portfolio_id)s AND t.external_id = r.external_id
WHERE r.orders IS NOT NULL AND {NOT_REFUSED} AND o.quantity > 0 AND o.price > 0
ON CONFLICT (portfolio_id, external_id) WHERE external_id IS NOT NULL DO NOTHING
"""
OPEN_POSITIONS = f"""{NEW_POSITION}FROM trades t
WHERE t.portfolio_id = %(portfolio_id)s AND t.status = 'open'
  AND t.source_import_id = %(import_id)s
ON CONFLICT (trade_id) DO NOTHING
"""
UPDATE_POSITIONS = f"""
UPDATE positions o
SET quantity = t.quantity, entry_price = t.entry_price, status = t.status,
    current_price = coalesce(t.exit_price, CASE WHEN o.marked_at IS NULL
                             THEN t.entry_price ELSE o.current_price END),
    unrealized_pnl = CASE WHEN t.status = 'open' AND o.marked_at IS NOT NULL
        THEN {price_profit("o.current_price")} ELSE 0 END,
    updated_at = %(now)s
FROM ready_trades r JOIN trades t
    ON t.portfolio_id = %(portfolio_id)s AND t.external_id = r.external_id
WHERE r.updates_open_trade AND o.trade_id = t.trade_id
  AND o.status NOT IN ('closed', 'void')
"""
UNREALIZED = """
SELECT coalesce(sum(open_pnl(t, o.current_price)), 0)
FROM positions o JOIN trades t USING (trade_id)
WHERE o.portfolio_id = %(portfolio_id)s AND o.status = 'open'
  AND o.marked_at IS NOT NULL
"""
# The first of the import's entries that a goal's trading days may follow from.
FIRST_ENTRY = """
SELECT CASE WHEN EXISTS (
    SELECT 1 FROM financial_goals
    WHERE portfolio_id = %(portfolio_id)s AND min_trading_days IS NOT NULL
) THEN (
    SELECT min(t.entry_time)
    FROM trades t JOIN financial_goals g USING (portfolio_id)
    WHERE t.source_import_id = %(import_id)s AND t.parent_trade_id IS NULL
      AND g.portfolio_id = %(portfolio_id)s AND g.status <> 'cancelled'
      AND g.min_trading_days IS NOT NULL AND t.entry_time >= g.period_starts_at
      AND (g.period_ends_at IS NULL OR t.entry_time < g.period_ends_at)
      AND (g.trading_days_met_at IS NULL OR t.entry_time <= g.trading_days_met_at)
) END
"""
FIRST_OF_ALL = """
SELECT min(entry_time) FROM trades
WHERE source_import_id = %(import_id)s AND parent_trade_id IS NULL
"""
FIRST_FLOW = """
SELECT min(f.flowed_at) FROM carried_profits c JOIN cash_flows f USING (cash_flow_id)
WHERE c.portfolio_id = %(portfolio_id)s AND f.voided_at IS NULL
"""
