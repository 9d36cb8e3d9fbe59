"""The same fill from two sources: known by its order, else named as an equal one.

Fills come from files of fills, from a bot's database, from its webhook, from our own
files and through the API. Ids are compared first; where two sources share none, a fill
of the same market, side, quantity and price at about the same time is an equal one. An
order that was filled in several pieces is compared as a whole, too.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from trades.importing.options import EqualFills

# What a venue calls a market is BASE/QUOTE or BASEQUOTE, also with its settlement.
MARKET = "translate(split_part({symbol}, ':', 1), '/-_', '')"
# A file may cut a time to its second; a bot dates a fill when it learns of it.
FILL_WINDOW, TRADE_WINDOW = "1 second", "1 day"
MOST_APART = timedelta(days=1)
BUCKET = "floor(extract(epoch FROM {at}) / 86400)"
IS_FILL_FILE = (
    "({id} LIKE 'ccxt:%%' OR {id} LIKE 'binance:%%' OR {id} LIKE 'mapped:%%')"
)
PIECES = f"""
SELECT {MARKET.format(symbol="symbol")} AS market, is_buy, quantity, price, at,
       name, name AS piece, apart
FROM picked
UNION ALL
SELECT {MARKET.format(symbol="p.symbol")}, is_buy, whole, round(cost / whole, 12),
       began, name, piece, apart
FROM (
    SELECT p.*, sum(quantity) OVER same AS whole, sum(quantity * price) OVER same
           AS cost, count(*) OVER same AS pieces, min(name) OVER same AS piece,
           min(at) OVER same AS began
    FROM picked p
    WINDOW same AS (PARTITION BY symbol, is_buy,
                    coalesce(order_id, date_trunc('second', at)::text))
) p WHERE pieces > 1
"""
STORED_FILLS = f"""
WITH picked AS (
    SELECT k.symbol, k.quantity, k.price, k.filled_at AS at, k.order_id,
           k.external_id AS name, (k.kind = 'entry') = (t.side = 'LONG') AS is_buy,
           CASE WHEN k.external_id LIKE 'freqtrade:%%' THEN interval '{TRADE_WINDOW}'
                ELSE interval '{FILL_WINDOW}' END AS apart
    FROM trade_fills k JOIN trades t ON t.trade_id = k.trade_id
    WHERE k.portfolio_id = %(portfolio_id)s AND k.kind <> 'funding'
      AND t.status <> 'void' AND k.symbol = ANY (%(symbols)s::text[])
      AND k.filled_at BETWEEN %(since)s AND %(until)s AND {{which}}
)
{PIECES}
"""
# Trades that no file of fills made: their entries, whole, and their exits.
STORED_TRADES = f"""
SELECT {MARKET.format(symbol="t.symbol")} AS market, t.side = 'LONG' AS is_buy,
       t.quantity + coalesce((SELECT sum(p.quantity) FROM trades p
           WHERE p.parent_trade_id = t.trade_id AND p.status <> 'void'), 0) AS quantity,
       t.entry_price AS price, t.entry_time AS at,
       coalesce(t.external_id, 'trade ' || t.trade_id) AS name, '' AS piece,
       interval '{TRADE_WINDOW}' AS apart
FROM trades t
WHERE t.portfolio_id = %(portfolio_id)s AND t.status <> 'void'
  AND t.parent_trade_id IS NULL AND t.symbol = ANY (%(symbols)s::text[])
  AND NOT EXISTS (SELECT 1 FROM trade_fills f
                  WHERE f.trade_id = t.trade_id AND f.order_id IS NOT NULL)
  AND t.entry_time BETWEEN %(since)s AND %(until)s
  AND {IS_FILL_FILE.format(id="coalesce(t.external_id, '')")} IS NOT TRUE
UNION ALL
SELECT {MARKET.format(symbol="t.symbol")}, t.side <> 'LONG', t.quantity, t.exit_price,
       t.exit_time, coalesce(t.external_id, 'trade ' || t.trade_id), '',
       interval '{TRADE_WINDOW}'
FROM trades t
WHERE t.portfolio_id = %(portfolio_id)s AND t.status = 'closed'
  AND t.symbol = ANY (%(symbols)s::text[])
  AND NOT EXISTS (
      SELECT 1 FROM trade_fills f
      WHERE f.trade_id = coalesce(t.parent_trade_id, t.trade_id)
        AND f.order_id IS NOT NULL)
  AND t.exit_time BETWEEN %(since)s AND %(until)s
  AND {IS_FILL_FILE.format(id="coalesce(t.external_id, '')")} IS NOT TRUE
"""
# What is `found` equals one of the `others`: the same market, side and quantity, nearly
# the same price. Each of them equals one at most, the nearest in time; of several at
# one instant the second takes the second nearest.
EQUALS = f"""
SELECT piece, name, other FROM (
    SELECT f.piece, f.name, o.name AS other, o.ordinal, dense_rank() OVER (
               PARTITION BY o.name
               ORDER BY abs(extract(epoch FROM o.at - f.at)), f.piece) AS nearness
    FROM found f JOIN (
        SELECT e.*, {BUCKET.format(at="e.at")} + d AS bucket, row_number() OVER (
                   PARTITION BY d, market, is_buy, quantity, price, at ORDER BY name
               ) AS ordinal
        FROM others e, (VALUES (-1), (0), (1)) near (d)
    ) o ON o.market = f.market AND o.is_buy = f.is_buy
       AND round(o.quantity, 8) = round(f.quantity, 8)
       AND o.bucket = {BUCKET.format(at="f.at")}
       AND abs(o.price - f.price) <= f.price * 0.000001
       AND abs(extract(epoch FROM o.at - f.at))
           < extract(epoch FROM greatest(o.apart, f.apart))
) pairs WHERE nearness = ordinal
"""
# Another account is another account, and two venues that ccxt was asked for by name are
# two; all others may hold the same fills (binance and binanceusdm are one venue).
OTHER_SOURCES = """
NOT starts_with(k.external_id, %(namespace)s)
AND CASE WHEN k.external_id LIKE 'binance:%%'
         THEN split_part(k.external_id, ':', 2) = %(account)s
         WHEN k.external_id LIKE 'ccxt:%%'
         THEN split_part(k.external_id, ':', 3) = %(account)s
              AND ('any' IN (split_part(k.external_id, ':', 2), %(venue)s)
                   OR starts_with(lower(split_part(k.external_id, ':', 2)),
                                  lower(%(venue)s))
                   OR starts_with(lower(%(venue)s),
                                  lower(split_part(k.external_id, ':', 2))))
         ELSE true END"""
SPAN = """
SELECT min(filled_at), max(filled_at), array_agg(DISTINCT symbol || ' ' || quote)
FROM named_fills WHERE status = 'new' AND NOT is_funding
"""
KNOW_BY_ORDER = """
UPDATE named_fills n SET status = 'known'
FROM trade_fills k JOIN trades t ON t.trade_id = k.trade_id
WHERE n.status = 'new' AND n.order_id IS NOT NULL AND NOT n.is_funding
  AND k.portfolio_id = %(portfolio_id)s AND k.symbol = n.symbol
  AND k.order_id = n.order_id AND k.external_id LIKE 'freqtrade:%%'
  AND t.status <> 'void'
  AND k.filled_at BETWEEN n.filled_at - interval '1 day'
                      AND n.filled_at + interval '1 day'
"""
CREATE_OTHERS = f"""
CREATE TEMPORARY TABLE others ON COMMIT DROP AS
{STORED_FILLS.format(which=OTHER_SOURCES)}
UNION ALL ({STORED_TRADES})
"""
EQUAL = f"""
WITH picked AS (
    SELECT symbol, quantity, price, filled_at AS at, order_id, line::text AS name,
           is_buy, interval '{FILL_WINDOW}' AS apart
    FROM named_fills WHERE status = 'new' AND NOT is_funding
), found AS ({PIECES}), equals AS ({EQUALS})
UPDATE named_fills n SET status = %(status)s, equal_to = e.other
FROM (SELECT name, min(other) AS other FROM equals GROUP BY name) e
WHERE n.line::text = e.name
"""
# The other way round: trades of a file, where files of fills came in before.
HAS_FILLS = f"""
SELECT EXISTS (SELECT 1 FROM trade_fills k WHERE k.portfolio_id = %(portfolio_id)s
               AND {IS_FILL_FILE.format(id="k.external_id")})
"""
NEW_TRADES = """
CREATE TEMPORARY TABLE new_trades ON COMMIT DROP AS
SELECT s.*, coalesce(parent_external_id, external_id) AS root
FROM staged_trades s
WHERE NOT EXISTS (SELECT 1 FROM trades t WHERE t.portfolio_id = %(portfolio_id)s
                  AND t.external_id = coalesce(s.parent_external_id, s.external_id))
"""
TRADES_SPAN = """
SELECT min(entry_time), max(coalesce(exit_time, entry_time)),
       array_agg(DISTINCT symbol || ' ' || coalesce(quote_currency, %(currency)s))
FROM new_trades
"""
# A bot's trade all of whose orders came in as fills is known; of some, it is refused.
FILLED_ORDERS = f"""
SELECT root, count(*) = count(k.name), min(k.name) FROM (
    SELECT n.root, n.symbol, o.order_id
    FROM new_trades n, jsonb_to_recordset(n.orders) o (order_id text)
) o LEFT JOIN LATERAL (
    SELECT k.external_id AS name
    FROM trade_fills k JOIN trades t ON t.trade_id = k.trade_id
    WHERE k.portfolio_id = %(portfolio_id)s AND k.symbol = o.symbol
      AND k.order_id = o.order_id AND t.status <> 'void'
      AND {IS_FILL_FILE.format(id="k.external_id")} LIMIT 1
) k ON true
GROUP BY root HAVING count(k.name) > 0
"""
EQUAL_TRADES = f"""
WITH others AS ({STORED_FILLS.format(which=IS_FILL_FILE.format(id="k.external_id"))}),
found AS (
    SELECT {MARKET.format(symbol="n.symbol")} AS market, n.side = 'LONG' AS is_buy,
           n.quantity + coalesce((SELECT sum(p.quantity) FROM new_trades p
               WHERE p.parent_external_id = n.external_id), 0) AS quantity,
           entry_price AS price, entry_time AS at, root AS name,
           n.ledger_key || ' entry' AS piece, interval '{TRADE_WINDOW}' AS apart
    FROM new_trades n WHERE parent_external_id IS NULL
    UNION ALL
    SELECT {MARKET.format(symbol="symbol")}, side <> 'LONG', quantity, exit_price,
           exit_time, root, ledger_key || ' exit', interval '{TRADE_WINDOW}'
    FROM new_trades WHERE exit_price IS NOT NULL
)
SELECT name, min(other) FROM ({EQUALS}) e GROUP BY name
"""
DROP_KNOWN = """
DELETE FROM staged_trades WHERE coalesce(parent_external_id, external_id)
    = ANY (%(roots)s::text[])
"""
REFUSE_ROOTS = """
INSERT INTO import_refusals
SELECT s.line, '', r.reason
FROM unnest(%(roots)s::text[], %(reasons)s::text[]) r (root, reason)
JOIN staged_trades s ON coalesce(s.parent_external_id, s.external_id) = r.root
"""
EQUAL_REASON = (
    "equals {other}, which came from another source. Nothing is booked with it "
    "until you choose equal_fills: known (the same one) or new (another one)."
)
SOME_ORDERS = (
    "has orders that came in as fills ({other}) and others that did not: import one "
    "source of this bot's trades, not two."
)


def mark_equal_fills(cursor: Any, values: dict[str, Any], status: str | None) -> None:
    """Of `named_fills` those that another source has: known by order, else `status`.

    `values` hold portfolio_id, namespace, venue and account; without a `status`
    nothing is compared but the orders.
    """
    cursor.execute(KNOW_BY_ORDER, values)
    if status is None:
        return
    cursor.execute(SPAN)
    since, until, markets = cursor.fetchone()
    if markets is None:
        return
    given = {
        **values,
        **_span(since, until),
        "symbols": _all_names(markets),
        "status": status,
    }
    cursor.execute("DROP TABLE IF EXISTS pg_temp.others")
    cursor.execute(CREATE_OTHERS, given)
    if cursor.rowcount:
        cursor.execute("ANALYZE others")
        cursor.execute(EQUAL, given)


def resolve_equal_trades(
    cursor: Any, values: dict[str, Any], equal_fills: EqualFills
) -> None:
    """Of `staged_trades` those that files of fills brought: dropped, or refused.

    `values` hold portfolio_id and currency.
    """
    cursor.execute(HAS_FILLS, values)
    if not cursor.fetchone()[0]:
        return
    cursor.execute("DROP TABLE IF EXISTS pg_temp.new_trades")
    cursor.execute(NEW_TRADES, values)
    cursor.execute("ANALYZE new_trades")
    cursor.execute(FILLED_ORDERS, values)
    orders = cursor.fetchall()
    known = [root for root, is_whole, _ in orders if is_whole]
    refused = {
        root: SOME_ORDERS.format(other=other)
        for root, is_whole, other in orders
        if not is_whole
    }
    for root, other in _equal_trades(cursor, values, equal_fills):
        if root in known or root in refused:
            continue
        if equal_fills is EqualFills.KNOWN:
            known.append(root)
        else:
            refused[root] = EQUAL_REASON.format(other=other)
    cursor.execute(DROP_KNOWN, {"roots": known})
    given = {"roots": list(refused), "reasons": list(refused.values())}
    cursor.execute(REFUSE_ROOTS, given)


def _equal_trades(
    cursor: Any, values: dict[str, Any], equal_fills: EqualFills
) -> list[tuple[str, str]]:
    if equal_fills is EqualFills.NEW:
        return []
    cursor.execute(TRADES_SPAN, values)
    since, until, markets = cursor.fetchone()
    if markets is None:
        return []
    symbols = _all_names(markets)
    given = {**values, **_span(since, until), "symbols": symbols}
    cursor.execute(EQUAL_TRADES, given)
    return list(cursor.fetchall())


def find_equal_fill(
    portfolio_id: int,
    *,
    symbol: str,
    is_buy: bool,
    quantity: Decimal,
    price: Decimal,
    at: datetime,
) -> str | None:
    """The id of a fill in a file of fills that equals a bot's entry; None without."""
    quote = symbol.partition("/")[2].partition(":")[0]
    values: dict[str, Any] = {
        "portfolio_id": portfolio_id,
        "symbols": _names(symbol, quote),
        **_span(at, at),
        "is_buy": is_buy,
        "quantity": quantity,
        "price": price,
    }
    which = IS_FILL_FILE.format(id="k.external_id")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT name FROM ({STORED_FILLS.format(which=which)}) f
            WHERE is_buy = %(is_buy)s AND round(quantity, 8) = round(%(quantity)s, 8)
              AND abs(price - %(price)s) <= price * 0.000001 LIMIT 1""",
            values,
        )
        row = cursor.fetchone()
    return None if row is None else str(row[0])


def _span(since: datetime, until: datetime) -> dict[str, datetime]:
    return {"since": since - MOST_APART, "until": until + MOST_APART}


def _all_names(markets: Iterable[str]) -> list[str]:
    """Of markets as `symbol quote`."""
    return [name for market in markets for name in _names(*market.rsplit(" ", 1))]


def _names(symbol: str, quote: str) -> list[str]:
    """What other sources may call the market."""
    market = symbol.partition(":")[0]
    for mark in "/-_":
        market = market.replace(mark, "")
    base = market.removesuffix(quote)
    joined = [f"{base}{mark}{quote}" for mark in ("", "/", "-", "_")]
    return [symbol, *joined, *(f"{name}:{quote}" for name in joined[:2])]
