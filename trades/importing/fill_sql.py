"""The statements of an import of fills: what is new, in which order, at which rates."""

CREATE_STAGING = """
DROP TABLE IF EXISTS pg_temp.staged_fills, pg_temp.named_fills, pg_temp.paired_fills;
CREATE TEMPORARY TABLE staged_fills (
    line bigint NOT NULL, key text NOT NULL, by_content boolean NOT NULL,
    fingerprint text NOT NULL, mirror text NOT NULL, symbol text NOT NULL,
    quote text NOT NULL, is_buy boolean NOT NULL, quantity numeric NOT NULL,
    price numeric NOT NULL, filled_at timestamptz NOT NULL,
    fee_quote numeric NOT NULL, fee_base numeric NOT NULL,
    fee_other numeric NOT NULL, fee_coin text,
    may_short boolean NOT NULL, is_funding boolean NOT NULL, order_id text
) ON COMMIT DROP;
CREATE TEMPORARY TABLE paired_fills (
    position bigint NOT NULL, line bigint NOT NULL, kind text NOT NULL,
    quantity numeric NOT NULL, fees numeric NOT NULL, funding numeric NOT NULL,
    trade text NOT NULL
) ON COMMIT DROP
"""
COPY_STAGING = "COPY staged_fills FROM STDIN"
COPY_PAIRED = "COPY paired_fills FROM STDIN"
# Every fill gets its id, and is compared with those before it. Equal fills without an
# id of the venue are numbered; the same id twice is one fill given twice, unless it is
# the other side of a trade with oneself (`mirror`): then its name says its side too.
NAME = """
CREATE TEMPORARY TABLE named_fills ON COMMIT DROP AS
WITH placed AS (
    SELECT s.*, line * %(direction)s AS place, %(namespace)s::text
           || CASE WHEN %(with_symbol)s THEN symbol || ':' ELSE '' END AS prefix
    FROM staged_fills s
), numbered AS (
    SELECT p.*, row_number() OVER same AS ordinal,
           first_value(fingerprint) OVER same AS first_given
    FROM placed p
    WINDOW same AS (PARTITION BY symbol, by_content, key ORDER BY place)
), called AS (
    SELECT n.*, CASE
        WHEN by_content THEN key || '-' || ordinal
        WHEN coalesce(k.request_fingerprint, first_given) <> mirror THEN key
        ELSE CASE WHEN length(key) > 35 THEN left(md5(key), 35) ELSE key END
             || CASE WHEN is_buy THEN '-buy' ELSE '-sell' END
        END AS own_key
    FROM numbered n
    LEFT JOIN trade_fills k ON NOT n.by_content
        AND k.portfolio_id = %(portfolio_id)s AND k.external_id = n.prefix || n.key
), named AS (
    SELECT c.*, prefix || own_key AS external_id, row_number() OVER same AS given,
           first_value(fingerprint) OVER same AS first_of_name
    FROM called c
    WINDOW same AS (PARTITION BY symbol, own_key ORDER BY place)
), newest AS (
    SELECT s.symbol, l.filled_at AS newest_at
    FROM (SELECT DISTINCT symbol FROM staged_fills) s, LATERAL (
        SELECT filled_at FROM trade_fills k
        WHERE k.portfolio_id = %(portfolio_id)s AND k.symbol = s.symbol
          AND starts_with(k.external_id, %(namespace)s)
        ORDER BY filled_at DESC LIMIT 1
    ) l
)
SELECT n.line, n.place, n.by_content, n.fingerprint, n.symbol, n.quote, n.is_buy,
       n.quantity, n.price, n.filled_at, n.fee_quote, n.fee_base, n.fee_other,
       n.fee_coin, n.may_short, n.is_funding, n.order_id, n.own_key, n.external_id,
       newest_at, NULL::text AS equal_to, CASE
    WHEN k.external_id IS NOT NULL THEN
        CASE WHEN k.request_fingerprint = n.fingerprint THEN 'known' ELSE 'other' END
    WHEN given > 1 THEN
        CASE WHEN first_of_name = n.fingerprint THEN 'known' ELSE 'other' END
    WHEN n.filled_at < newest_at THEN 'late'
    ELSE 'new' END AS status
FROM named n
LEFT JOIN trade_fills k
    ON k.portfolio_id = %(portfolio_id)s AND k.external_id = n.external_id
LEFT JOIN newest l ON l.symbol = n.symbol
"""
COUNT_KNOWN = "SELECT count(*) FROM named_fills WHERE status = 'known'"
REFUSED = """
SELECT line, status, external_id, newest_at, equal_to FROM named_fills
WHERE status IN ('other', 'late', 'equal') ORDER BY line
"""
INDEX_PRICES = "CREATE INDEX ON named_fills (symbol, filled_at, place)"
# The last prices of a market up to a fill: of this file, and of one before.
LAST_PRICES = """
        (SELECT price, filled_at, 3 AS preference FROM named_fills p
         WHERE p.symbol = {symbol} AND NOT p.is_funding
           AND (p.filled_at, p.place) <= (n.filled_at, n.place)
         ORDER BY filled_at DESC, place DESC LIMIT 1)
        UNION ALL
        (SELECT price, filled_at, 2 FROM trade_fills k
         WHERE k.portfolio_id = %(portfolio_id)s AND k.symbol = {symbol}
           AND k.filled_at <= n.filled_at
         ORDER BY filled_at DESC, fill_id DESC LIMIT 1)
"""
ASKS_RATES = """
SELECT EXISTS (SELECT 1 FROM named_fills
               WHERE status = 'new' AND fee_coin <> ALL (%(rated)s::text[]))
"""
# The last price of the fee's coin in the quote.
COIN_IN_QUOTE = "n.fee_coin || %(separator)s::text || n.quote"
RATES = f"""
LEFT JOIN LATERAL (
    SELECT price FROM ({LAST_PRICES.format(symbol=COIN_IN_QUOTE)}) prices
    ORDER BY filled_at DESC, preference DESC LIMIT 1
) rate ON n.fee_coin <> ALL (%(rated)s::text[])
"""
# The price of the quote in the portfolio's currency: the last before the fill, else
# the first after it, within a day of it.
ASKS_FX = """
SELECT EXISTS (SELECT 1 FROM named_fills
               WHERE status = 'new' AND quote <> ALL (%(converted)s::text[]))
"""
QUOTE_IN_CURRENCY = "n.quote || %(separator)s::text || %(currency)s"
FX = f"""
LEFT JOIN LATERAL (
    SELECT price FROM ({LAST_PRICES.format(symbol=QUOTE_IN_CURRENCY)}
        UNION ALL
        (SELECT price, filled_at, 1 FROM named_fills p
         WHERE p.symbol = {QUOTE_IN_CURRENCY} AND NOT p.is_funding
           AND (p.filled_at, p.place) > (n.filled_at, n.place)
         ORDER BY filled_at, place LIMIT 1)
        UNION ALL
        (SELECT price, filled_at, 0 FROM trade_fills k
         WHERE k.portfolio_id = %(portfolio_id)s AND k.symbol = {QUOTE_IN_CURRENCY}
           AND k.filled_at > n.filled_at
         ORDER BY filled_at, fill_id LIMIT 1)
    ) prices
    WHERE filled_at BETWEEN n.filled_at - interval '1 day'
                        AND n.filled_at + interval '1 day'
    ORDER BY filled_at > n.filled_at, abs(extract(epoch FROM filled_at - n.filled_at)),
             preference DESC
    LIMIT 1
) fx ON n.quote <> ALL (%(converted)s::text[])
"""
NEW_FILLS = """
SELECT n.line, n.external_id, n.own_key, n.symbol, n.quote, n.is_buy, n.quantity,
       n.price, n.filled_at, n.fee_quote, n.fee_base, n.fee_other, n.fee_coin,
       n.may_short, n.is_funding, {rate}, {fx}
FROM named_fills n {join}
WHERE n.status = 'new'
ORDER BY n.symbol COLLATE "C", n.quote COLLATE "C", n.filled_at, n.place
"""
# Lots that earlier files left open, in the order in which they were opened. The markets
# come first, apart: else all fills may be walked for each lot.
OPEN_LOTS = """
WITH wanted AS MATERIALIZED (
    SELECT DISTINCT symbol, quote FROM named_fills WHERE status = 'new'
)
SELECT t.symbol, t.quote_currency, t.external_id, t.side, t.quantity, t.entry_price,
       t.entry_notional, t.entry_fees, t.funding, t.entry_time, t.fx_rate, t.leverage,
       t.stop_price, t.strategy_id, t.unbooked_profit
FROM wanted w
JOIN trades t ON t.portfolio_id = %(portfolio_id)s AND t.status = 'open'
    AND t.symbol = w.symbol AND t.quote_currency = w.quote
JOIN trade_fills f
    ON f.portfolio_id = t.portfolio_id AND f.external_id = t.external_id
WHERE starts_with(t.external_id, %(namespace)s)
ORDER BY t.symbol COLLATE "C", t.quote_currency COLLATE "C", f.filled_at, f.fill_id
"""
INSERT_FILLS = """
INSERT INTO trade_fills
    (portfolio_id, trade_id, source_import_id, kind, symbol, quantity, price, fees,
     funding, fee_currency, filled_at, external_id, order_id, request_fingerprint,
     created_at, created_by)
SELECT %(portfolio_id)s, t.trade_id, %(import_id)s, k.kind, n.symbol, k.quantity,
       n.price, k.fees, k.funding, n.quote, n.filled_at, n.external_id, n.order_id,
       n.fingerprint, %(now)s, %(created_by)s
FROM paired_fills k JOIN named_fills n USING (line)
LEFT JOIN trades t ON t.portfolio_id = %(portfolio_id)s AND t.external_id = k.trade
ORDER BY k.position
"""
