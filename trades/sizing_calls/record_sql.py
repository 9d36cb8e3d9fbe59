"""The statements of growth records: read, brought up to date, proved.

How a trade's growth is worked out is the database function `portfolio_growths`; tests
hold it and the plain arithmetic together.
"""

SUMS = (
    "trades",
    "sum_growth",
    "sum_squares",
    "sum_cubes",
    "wins",
    "sum_wins",
    "losses",
    "sum_losses",
    "best_growth",
    "worst_growth",
)
# From the growths of trades; those that do not count are null and add nothing.
SUM_UP = """count(growth) AS trades, coalesce(sum(growth), 0) AS sum_growth,
       coalesce(sum(growth * growth), 0) AS sum_squares,
       coalesce(sum(growth * growth * growth), 0) AS sum_cubes,
       count(*) FILTER (WHERE growth > 0) AS wins,
       coalesce(sum(growth) FILTER (WHERE growth > 0), 0) AS sum_wins,
       count(*) FILTER (WHERE growth < 0) AS losses,
       coalesce(sum(growth) FILTER (WHERE growth < 0), 0) AS sum_losses,
       max(growth) AS best_growth, min(growth) AS worst_growth"""
ADD_UP = """sum(trades) AS trades, sum(sum_growth) AS sum_growth,
       sum(sum_squares) AS sum_squares, sum(sum_cubes) AS sum_cubes,
       sum(wins) AS wins, sum(sum_wins) AS sum_wins,
       sum(losses) AS losses, sum(sum_losses) AS sum_losses,
       max(best_growth) AS best_growth, min(worst_growth) AS worst_growth"""
# What is evidence: the one portfolio asked about, or all live ones of the user. So a
# simulation or a demo says something of itself and of nothing else.
COUNTED = """(
    %(only)s::bigint IS NULL AND p.kind = 'live' OR p.portfolio_id = %(only)s
)"""
# The portfolios asked about, and how far what is stored of each reaches: up to the end
# of the last block that ends at `as_of` or before, as sums that reach beyond are of no
# use there. A strategy's record is that of all portfolios that count, the record of all
# strategies ('') that of the own one.
BASED = f"""
WITH based AS (
    SELECT p.portfolio_id, coalesce(b.block, 0) AS block,
           coalesce(b.trades, 0) AS in_block,
           b.block IS NOT NULL AS is_kept,
           EXISTS (
               SELECT 1 FROM growth_records
               WHERE portfolio_id = p.portfolio_id AND strategy_id = ''
                 AND exit_time > %(as_of)s
           ) AS is_beyond,
           coalesce(b.exit_time, '-infinity') AS exit_time,
           coalesce(b.ledger_key, 0) AS ledger_key,
           coalesce(b.equity, p.opening_balance) AS equity
    FROM portfolios p LEFT JOIN LATERAL (
        SELECT block, trades, exit_time, ledger_key, equity FROM growth_records
        WHERE portfolio_id = p.portfolio_id AND strategy_id = ''
          AND exit_time <= %(as_of)s
        ORDER BY block DESC LIMIT 1
    ) b ON true
    WHERE p.user_id = %(user_id)s
      AND {COUNTED}
), kept AS (
    SELECT r.strategy_id, {", ".join(f"r.{name}" for name in SUMS)}
    FROM based b JOIN growth_records r USING (portfolio_id)
    WHERE b.is_kept AND r.block <= b.block
      AND r.strategy_id = ANY(%(wanted)s::text[])
      AND (r.strategy_id <> '' OR r.portfolio_id = %(own)s)
)
"""


def newest_of(portfolios: str) -> str:
    """The newest closed trade, and the newest cash flow, of each of these rows."""
    return f"""LEFT JOIN LATERAL (
        SELECT exit_time, ledger_key FROM trades
        WHERE portfolio_id = {portfolios}.portfolio_id AND status = 'closed'
          AND exit_time <= %(as_of)s
        ORDER BY exit_time DESC, ledger_key DESC LIMIT 1
    ) t ON true
    LEFT JOIN LATERAL (
        SELECT flowed_at, ledger_key FROM cash_flows
        WHERE portfolio_id = {portfolios}.portfolio_id AND voided_at IS NULL
          AND flowed_at <= %(as_of)s
        ORDER BY flowed_at DESC, ledger_key DESC LIMIT 1
    ) f ON true"""


# What is kept, and where something was booked since that it lacks: by the newest entry
# of each kind, which an index always finds (asked whether there is any at all, the
# planner takes it to be quickly found, and reads everything where there is none).
FOUND = f"""
FROM (
    SELECT count(*) > 0 AS is_behind,
           array_agg(b.portfolio_id) FILTER (WHERE NOT b.is_beyond) AS may_catch_up,
           min(b.portfolio_id) FILTER (WHERE NOT b.is_beyond AND far.behind)
               AS far_behind
    FROM based b
    {newest_of("b")}
    LEFT JOIN LATERAL (
        SELECT true AS behind FROM trades
        WHERE portfolio_id = b.portfolio_id AND status = 'closed'
          AND (exit_time, ledger_key) > (b.exit_time, b.ledger_key)
          AND exit_time <= %(as_of)s
        ORDER BY exit_time, ledger_key OFFSET %(at_once)s LIMIT 1
    ) far ON true
    WHERE (t.exit_time, t.ledger_key) > (b.exit_time, b.ledger_key)
       OR (f.flowed_at, f.ledger_key) > (b.exit_time, b.ledger_key)
) behind
LEFT JOIN (SELECT strategy_id, {ADD_UP} FROM kept GROUP BY strategy_id) sums ON true
"""
READ = f"{BASED} SELECT behind.*, sums.* {FOUND}"
# Others of the user, so that what is kept of them may be brought along too. Who
# holds one is not waited for: that would be a lock out of order.
HOLD = """
SELECT portfolio_id FROM portfolios WHERE portfolio_id = ANY(%s)
FOR NO KEY UPDATE SKIP LOCKED
"""
# The new growths of every portfolio, summed up by block and strategy and as a whole.
ADDED = f"""
grown AS (
    SELECT b.portfolio_id, g.closed_at, g.ledger_key, g.strategy_id, g.growth, g.equity,
           g.is_last, b.block, b.in_block + row_number() OVER (
               PARTITION BY b.portfolio_id ORDER BY g.closed_at, g.ledger_key
           ) AS place
    FROM based b CROSS JOIN LATERAL portfolio_growths(
        b.portfolio_id, b.exit_time, b.ledger_key, %(as_of)s, b.equity) g
), placed AS (
    SELECT *, block + (place - 1) / %(most_in_block)s AS in_block,
           is_last OR place %% %(most_in_block)s = 0 AS is_end
    FROM grown
), added AS (
    SELECT portfolio_id, in_block AS block,
           CASE WHEN grouping(strategy_id) = 1 THEN '' ELSE strategy_id END
               AS strategy_id, {SUM_UP},
           max(closed_at) FILTER (WHERE is_end) AS exit_time,
           max(ledger_key) FILTER (WHERE is_end) AS ledger_key,
           max(equity) FILTER (WHERE is_end) AS equity
    FROM placed
    GROUP BY GROUPING SETS (
        (portfolio_id, in_block), (portfolio_id, in_block, strategy_id))
)"""
COLUMNS = ", ".join(SUMS)
# Only locked portfolios are saved, and not where more is kept already.
CATCH_UP = f"""
{BASED}, {ADDED}, saved AS (
    INSERT INTO growth_records AS r
        (portfolio_id, strategy_id, block, exit_time, ledger_key, equity, {COLUMNS})
    SELECT a.portfolio_id, a.strategy_id, a.block, w.exit_time, w.ledger_key, w.equity,
           {", ".join(f"a.{name}" for name in SUMS)}
    FROM added a JOIN added w
        ON w.portfolio_id = a.portfolio_id AND w.block = a.block AND w.strategy_id = ''
    JOIN based b ON b.portfolio_id = a.portfolio_id AND NOT b.is_beyond
    WHERE a.portfolio_id = ANY(%(held)s::bigint[])
      AND (a.strategy_id = '' OR a.trades > 0)
    ON CONFLICT (portfolio_id, strategy_id, block) DO UPDATE
    SET exit_time = excluded.exit_time, ledger_key = excluded.ledger_key,
        equity = excluded.equity, trades = r.trades + excluded.trades,
        sum_growth = r.sum_growth + excluded.sum_growth,
        sum_squares = r.sum_squares + excluded.sum_squares,
        sum_cubes = r.sum_cubes + excluded.sum_cubes,
        wins = r.wins + excluded.wins, sum_wins = r.sum_wins + excluded.sum_wins,
        losses = r.losses + excluded.losses,
        sum_losses = r.sum_losses + excluded.sum_losses,
        best_growth = greatest(r.best_growth, excluded.best_growth),
        worst_growth = least(r.worst_growth, excluded.worst_growth)
)
SELECT strategy_id, {ADD_UP} FROM (
    SELECT * FROM kept
    UNION ALL
    SELECT strategy_id, {COLUMNS} FROM added
    WHERE strategy_id = ANY(%(wanted)s::text[])
      AND (strategy_id <> '' OR portfolio_id = %(own)s)
) parts GROUP BY strategy_id
"""
FORGET = "DELETE FROM growth_records WHERE portfolio_id = %s"
# The last entries of each portfolio, `most` among all of them, none before `from_at`: a
# walk begins behind the entry before them, with the equity after it and what open
# trades carried then. That is what it was after the last whole day, and what was booked
# since.
WALKED = f"""
LEFT JOIN LATERAL (
    SELECT exit_time AS at, ledger_key AS key FROM trades
    WHERE portfolio_id = p.portfolio_id AND status = 'closed'
      AND exit_time <= %(as_of)s
    ORDER BY exit_time DESC, ledger_key DESC
    OFFSET %(most)s / (SELECT count(*) FROM portfolios p
                       WHERE p.user_id = %(user_id)s AND {COUNTED})
    LIMIT 1
) cut ON true
CROSS JOIN LATERAL (
    SELECT CASE WHEN is_cut THEN cut.at END AS cut_at,
           coalesce(greatest(cut.at, %(from_at)s::timestamptz), '-infinity') AS at,
           CASE WHEN is_cut THEN cut.key ELSE -1 END AS key
    FROM (
        SELECT cut.at >= coalesce(%(from_at)s::timestamptz, '-infinity') AS is_cut
    ) asked
) before
LEFT JOIN LATERAL (
    SELECT last_entry_at, equity + carried AS equity FROM ledger_days
    WHERE portfolio_id = p.portfolio_id AND last_entry_at < before.at
    ORDER BY day DESC, part DESC LIMIT 1
) d ON true
CROSS JOIN LATERAL (
    SELECT coalesce(d.equity, p.opening_balance) + coalesce((
        SELECT sum(profit_loss + coalesce(c.change, 0))
        FROM trades LEFT JOIN carried_profits c ON c.closed_trade_id = trades.trade_id
        WHERE trades.portfolio_id = p.portfolio_id AND status = 'closed'
          AND exit_time > coalesce(d.last_entry_at, '-infinity')
          AND (exit_time, ledger_key) <= (before.at, before.key)
    ), 0) + coalesce((
        SELECT sum(amount + coalesce((SELECT sum(c.change) FROM carried_profits c
                                      WHERE c.cash_flow_id = f.cash_flow_id), 0))
        FROM cash_flows f
        WHERE portfolio_id = p.portfolio_id AND voided_at IS NULL
          AND flowed_at > coalesce(d.last_entry_at, '-infinity')
          AND (flowed_at, ledger_key) <= (before.at, before.key)
    ), 0) AS equity
) begin
CROSS JOIN LATERAL portfolio_growths(
    p.portfolio_id, before.at, before.key, %(as_of)s, begin.equity) g
"""
# With when each trade was opened and ended, in days.
GROWTHS = f"""
SELECT g.growth::float8, extract(epoch FROM t.entry_time)::float8 / 86400 AS opened,
       extract(epoch FROM g.closed_at)::float8 / 86400 AS closed
FROM portfolios p {WALKED}
JOIN trades t ON t.trade_id = g.trade_id
WHERE p.user_id = %(user_id)s AND g.growth IS NOT NULL
  AND {COUNTED}
  AND (%(strategy_id)s::text IS NULL OR g.strategy_id = %(strategy_id)s)
ORDER BY g.closed_at, g.ledger_key
"""
COMPARED = ", ".join(f"('{name}', k.{name}::numeric, t.{name})" for name in SUMS)
# What is stored of a portfolio next to what its ledger makes of each block, from the
# end of the block before it on.
DRIFT = f"""
WITH based AS (
    SELECT b.block, b.exit_time, b.ledger_key, b.equity,
           coalesce(lag(b.exit_time) OVER along, '-infinity') AS after_at,
           coalesce(lag(b.ledger_key) OVER along, 0) AS after_key,
           coalesce(lag(b.equity) OVER along, p.opening_balance) AS start_equity
    FROM growth_records b JOIN portfolios p USING (portfolio_id)
    WHERE p.portfolio_id = %(portfolio_id)s AND b.strategy_id = ''
    WINDOW along AS (ORDER BY b.block)
), grown AS (
    SELECT b.block, g.*
    FROM based b CROSS JOIN LATERAL portfolio_growths(
        %(portfolio_id)s, b.after_at, b.after_key, b.exit_time, b.start_equity) g
    WHERE (g.closed_at, g.ledger_key) <= (b.exit_time, b.ledger_key)
), summed AS (
    SELECT block, '' AS strategy_id, {SUM_UP}
    FROM based LEFT JOIN grown USING (block) GROUP BY block
    UNION ALL
    SELECT block, strategy_id, {SUM_UP} FROM grown
    GROUP BY block, strategy_id HAVING count(growth) > 0
), compared AS (
    SELECT strategy_id, f.*
    FROM (SELECT * FROM growth_records WHERE portfolio_id = %(portfolio_id)s) k
    FULL JOIN summed t USING (block, strategy_id), LATERAL (VALUES
        {COMPARED}
    ) AS f(figure, cached, summed)
    UNION ALL
    SELECT '', 'equity', b.equity, b.start_equity
        + coalesce((SELECT sum(profit_loss) FROM trades
                    WHERE portfolio_id = %(portfolio_id)s AND status = 'closed'
                      AND (exit_time, ledger_key) > (b.after_at, b.after_key)
                      AND (exit_time, ledger_key) <= (b.exit_time, b.ledger_key)), 0)
        + coalesce((SELECT sum(amount) FROM cash_flows
                    WHERE portfolio_id = %(portfolio_id)s AND voided_at IS NULL
                      AND (flowed_at, ledger_key) > (b.after_at, b.after_key)
                      AND (flowed_at, ledger_key) <= (b.exit_time, b.ledger_key)), 0)
        + coalesce((SELECT sum(c.change) FROM carried_profits c
                    LEFT JOIN cash_flows f USING (cash_flow_id)
                    LEFT JOIN trades t ON t.trade_id = c.closed_trade_id,
                    LATERAL (SELECT coalesce(f.flowed_at, t.exit_time) AS at,
                                    coalesce(f.ledger_key, t.ledger_key) AS key) e
                    WHERE c.portfolio_id = %(portfolio_id)s
                      AND (e.at, e.key) > (b.after_at, b.after_key)
                      AND (e.at, e.key) <= (b.exit_time, b.ledger_key)), 0)
    FROM based b
)
SELECT strategy_id, figure, cached, summed FROM compared
WHERE cached IS DISTINCT FROM summed ORDER BY strategy_id, figure
"""
