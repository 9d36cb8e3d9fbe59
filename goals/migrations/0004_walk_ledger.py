"""The walk along a portfolio's ledger, as a function of the database.

`goals.accounting` books one entry at a time; this is the same arithmetic over many, in
one pass of window functions. Tests hold the two together.
"""

from django.db import migrations

# Exact: PostgreSQL's own division and rounding are neither exact nor half-even.
DIVIDE_HALF_EVEN = """
CREATE FUNCTION divide_half_even(dividend numeric, divisor numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    scaled numeric := dividend * 1000000000000000000;
    quotient numeric := div(scaled, divisor);
    twice_left numeric := 2 * abs(scaled - quotient * divisor);
BEGIN
    IF twice_left > abs(divisor)
       OR (twice_left = abs(divisor) AND mod(quotient, 2) <> 0) THEN
        quotient := quotient + sign(dividend) * sign(divisor);
    END IF;
    RETURN quotient * 0.000000000000000001;
END $$
"""
# To 8 places, as every figure of money is kept.
ROUND_MONEY = """
CREATE FUNCTION round_money(amount numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT divide_half_even(amount, 10000000000) * 10000000000
$$
"""
# What the view `ledger_entries` shows, each kind in the order of its index, so that
# nothing needs to be sorted.
ENTRIES = """
    (SELECT exit_time AS effective_at, ledger_key AS entry_id, profit_loss AS amount,
            false AS is_flow
     FROM trades
     WHERE portfolio_id = $1 AND status = 'closed'
       AND exit_time >= $2 AND exit_time < $3
     ORDER BY exit_time, ledger_key)
    UNION ALL
    (SELECT flowed_at, ledger_key, amount, true
     FROM cash_flows
     WHERE portfolio_id = $1 AND voided_at IS NULL
       AND flowed_at >= $2 AND flowed_at < $3
     ORDER BY flowed_at, ledger_key)
"""
# Between two entries that break it, a stretch of the ledger holds only trades, the
# units stand still and the equity is above zero. There the unit value rises and falls
# with the equity, so the stretch's sum and highest equity say all: only days and
# breaks are walked one by one. `midnights` are the first instants of the local days
# after `first_day`. Not `strict`, a withdrawal above the equity is
# ruin: rows were deleted by hand, and the figures must follow all the same. Where the
# equity reached zero or fell below, entries are to be walked `in_steps`; without that,
# which is three times as quick, a last row without a day says so.
WALK_LEDGER = """
CREATE FUNCTION walk_ledger(
    of_portfolio bigint, from_at timestamptz, until_at timestamptz,
    first_day date, midnights timestamptz[], each_entry boolean, strict boolean,
    in_steps boolean,
    start_equity numeric, start_units numeric, start_unit_value numeric,
    start_run integer, start_realized numeric, start_peak numeric
) RETURNS TABLE (
    day date, last_entry_at timestamptz, entries bigint, equity numeric, units numeric,
    unit_value numeric, unit_run integer, realized_pnl numeric,
    peak_unit_value numeric, high_equity numeric, high_unit_value numeric,
    high_realized_pnl numeric
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    step record;
    high_value numeric;
BEGIN
    equity := start_equity;
    units := start_units;
    unit_value := start_unit_value;
    unit_run := start_run;
    realized_pnl := start_realized;
    peak_unit_value := start_peak;
    FOR step IN EXECUTE CASE WHEN in_steps THEN $query$
        WITH running AS (
            SELECT effective_at, entry_id, amount, is_flow,
                   $4 + sum(amount) OVER along AS equity_after
            FROM ({entries}) entries
            WINDOW along AS (
                ORDER BY effective_at, entry_id ROWS UNBOUNDED PRECEDING
            )
        ), broken AS (
            SELECT effective_at, entry_id, amount, is_flow, equity_after,
                   $6 OR is_flow OR equity_after <= 0
                       OR equity_after <= amount AS breaks
            FROM running
        ), stretched AS (
            SELECT effective_at, amount, is_flow, equity_after, breaks,
                   count(*) FILTER (WHERE breaks) OVER (
                       ORDER BY effective_at, entry_id ROWS UNBOUNDED PRECEDING
                   ) AS stretch,
                   width_bucket(effective_at, (SELECT $5)) AS days_on
            FROM broken
        )
        SELECT stretch, days_on, max(effective_at) AS last_at, count(*) AS entries,
               bool_or(breaks) AS breaks, bool_or(breaks AND is_flow) AS is_flow,
               max(amount) FILTER (WHERE breaks) AS first_amount,
               sum(amount) FILTER (WHERE NOT breaks) AS rest,
               max(equity_after) FILTER (WHERE NOT breaks) AS rest_high, 1::numeric AS lowest
        FROM stretched GROUP BY stretch, days_on ORDER BY stretch, days_on
        $query$ ELSE $query$
        WITH running AS (
            SELECT effective_at, amount, is_flow,
                   $4 + sum(amount) OVER along AS equity_after,
                   count(*) FILTER (WHERE is_flow) OVER along AS stretch
            FROM ({entries}) entries
            WINDOW along AS (
                ORDER BY effective_at, entry_id ROWS UNBOUNDED PRECEDING
            )
        )
        SELECT stretch, width_bucket(effective_at, (SELECT $5)) AS days_on,
               max(effective_at) AS last_at, count(*) AS entries,
               bool_or(is_flow) AS breaks, bool_or(is_flow) AS is_flow,
               max(amount) FILTER (WHERE is_flow) AS first_amount,
               sum(amount) FILTER (WHERE NOT is_flow) AS rest,
               max(equity_after) FILTER (WHERE NOT is_flow) AS rest_high,
               min(equity_after) AS lowest
        FROM running GROUP BY 1, 2 ORDER BY 1, 2
        $query$ END
        USING of_portfolio, from_at, until_at, start_equity, midnights, each_entry
    LOOP
        IF step.lowest <= 0 THEN
            day := NULL;
            RETURN NEXT;
            RETURN;
        END IF;
        IF day IS NOT NULL AND (each_entry OR day <> first_day + step.days_on) THEN
            RETURN NEXT;
        END IF;
        IF each_entry OR day IS NULL OR day <> first_day + step.days_on THEN
            day := first_day + step.days_on;
            entries := 0;
            high_equity := NULL;
            high_unit_value := NULL;
            high_realized_pnl := NULL;
        END IF;
        last_entry_at := step.last_at;
        entries := entries + step.entries;
        IF step.is_flow THEN
            equity := equity + step.first_amount;
            IF strict AND step.first_amount < 0 AND equity < 0 THEN
                RAISE EXCEPTION 'A withdrawal of % at % is above the equity of %.',
                    trim_scale(-step.first_amount), step.last_at,
                    trim_scale(equity - step.first_amount)
                    USING ERRCODE = 'MT001';
            END IF;
            IF unit_value = 0 THEN
                IF step.first_amount > 0 AND equity > 0 THEN
                    units := equity;
                    unit_value := 1;
                    peak_unit_value := 1;
                    unit_run := unit_run + 1;
                END IF;
            ELSIF equity < 0 THEN
                unit_value := 0;
            ELSIF equity = 0 THEN
                units := 0;
            ELSE
                units := units + divide_half_even(step.first_amount, unit_value);
                IF units <= 0 THEN
                    RAISE EXCEPTION 'So small a rest of equity has no units at %.',
                        step.last_at USING ERRCODE = 'MT002';
                END IF;
            END IF;
        ELSIF step.breaks THEN
            equity := equity + step.first_amount;
            realized_pnl := realized_pnl + step.first_amount;
            IF unit_value = 0 THEN
                NULL;
            ELSIF equity < 0 OR (equity = 0 AND step.first_amount < 0) THEN
                unit_value := 0;
            ELSIF units = 0 THEN
                units := divide_half_even(equity, unit_value);
            ELSE
                unit_value := divide_half_even(equity, units);
            END IF;
            peak_unit_value := greatest(peak_unit_value, unit_value);
        END IF;
        IF step.breaks THEN
            high_equity := greatest(high_equity, equity);
            high_unit_value := greatest(high_unit_value, unit_value);
            high_realized_pnl := greatest(high_realized_pnl, realized_pnl);
        END IF;
        IF step.rest IS NOT NULL THEN
            high_realized_pnl := greatest(
                high_realized_pnl, realized_pnl + step.rest_high - equity);
            equity := equity + step.rest;
            realized_pnl := realized_pnl + step.rest;
            high_equity := greatest(high_equity, step.rest_high);
            IF unit_value > 0 AND units > 0 THEN
                high_value := divide_half_even(step.rest_high, units);
                unit_value := divide_half_even(equity, units);
                peak_unit_value := greatest(peak_unit_value, high_value);
            ELSE
                high_value := unit_value;
            END IF;
            high_unit_value := greatest(high_unit_value, high_value);
        END IF;
    END LOOP;
    IF day IS NOT NULL THEN
        RETURN NEXT;
    END IF;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("goals", "0003_ledger_of_trades")]

    operations = [
        migrations.RunSQL(
            DIVIDE_HALF_EVEN, "DROP FUNCTION divide_half_even(numeric, numeric)"
        ),
        migrations.RunSQL(ROUND_MONEY, "DROP FUNCTION round_money(numeric)"),
        migrations.RunSQL(
            WALK_LEDGER.replace("{entries}", ENTRIES), "DROP FUNCTION walk_ledger"
        ),
    ]
