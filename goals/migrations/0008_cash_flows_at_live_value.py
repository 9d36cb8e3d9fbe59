"""Cash flows at the live value: what open trades carry, and the walk that knows it."""

from decimal import Decimal
from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

from mastertrade.foreign_keys import foreign_key

BEFORE = import_module("goals.migrations.0004_walk_ledger")
WALK_BEFORE = BEFORE.WALK_LEDGER.replace("{entries}", BEFORE.ENTRIES)

# As in 0004, with the keys of cash flows.
ENTRIES = """
    (SELECT exit_time AS effective_at, ledger_key AS entry_id, profit_loss AS amount,
            false AS is_flow, NULL::bigint AS cash_flow_id
     FROM trades
     WHERE portfolio_id = $1 AND status = 'closed'
       AND exit_time >= $2 AND exit_time < $3
     ORDER BY exit_time, ledger_key)
    UNION ALL
    (SELECT flowed_at, ledger_key, amount, true, cash_flow_id
     FROM cash_flows
     WHERE portfolio_id = $1 AND voided_at IS NULL
       AND flowed_at >= $2 AND flowed_at < $3
     ORDER BY flowed_at, ledger_key)
"""
# The same where trades carry: `root_id` of the closes of those that ever did.
CARRYING_ENTRIES = """
            (SELECT t.exit_time AS effective_at, t.ledger_key AS entry_id,
                    t.profit_loss AS amount, false AS is_flow,
                    NULL::bigint AS cash_flow_id, t.trade_id, k.trade_id AS root_id,
                    t.quantity
             FROM trades t LEFT JOIN carrying k
                 ON k.trade_id = coalesce(t.parent_trade_id, t.trade_id)
             WHERE t.portfolio_id = $1 AND t.status = 'closed'
               AND t.exit_time >= $2 AND t.exit_time < $3)
            UNION ALL
            (SELECT flowed_at, ledger_key, amount, true, cash_flow_id, NULL, NULL, NULL
             FROM cash_flows
             WHERE portfolio_id = $1 AND voided_at IS NULL
               AND flowed_at >= $2 AND flowed_at < $3)
        """
# What of a trade was open behind a place in the ledger: all that was closed later, less
# what was added later.
OPEN_QUANTITY = """
CREATE FUNCTION open_quantity(of_trade bigint, at timestamptz, key bigint)
RETURNS numeric LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((
        SELECT sum(t.quantity) FROM trades t
        WHERE t.trade_id = of_trade AND t.status IN ('open', 'closed')
          AND (t.status = 'open' OR (t.exit_time, t.ledger_key) > (at, key))
    ), 0) + coalesce((
        SELECT sum(p.quantity) FROM trades p
        WHERE p.parent_trade_id = of_trade AND p.status = 'closed'
          AND (p.exit_time, p.ledger_key) > (at, key)
    ), 0) - coalesce((
        SELECT sum(f.quantity) FROM trade_fills f
        WHERE f.trade_id = of_trade AND f.kind = 'entry' AND f.filled_at > at
    ), 0);
END $$
"""
# The walk of 0004, and `goals.accounting` with what trades carry. A flow is valued at
# the marks that were stored with it, by the quantity that turns out to have been open.
# `events` say what the flows and closes of a row did: units bought, and by how much
# they changed what trades carry; decimals as texts.
WALK_LEDGER = """
CREATE FUNCTION walk_ledger(
    of_portfolio bigint, from_at timestamptz, until_at timestamptz,
    first_day date, midnights timestamptz[], each_entry boolean, strict boolean,
    in_steps boolean,
    start_equity numeric, start_units numeric, start_unit_value numeric,
    start_run integer, start_realized numeric, start_peak numeric,
    start_carried numeric, start_redeemed numeric
) RETURNS TABLE (
    day date, last_entry_at timestamptz, entries bigint, equity numeric, units numeric,
    unit_value numeric, unit_run integer, realized_pnl numeric,
    peak_unit_value numeric, carried numeric, redeemed_value numeric,
    high_equity numeric, high_unit_value numeric, high_realized_pnl numeric,
    events jsonb
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    step record;
    high_value numeric;
    carries boolean := EXISTS (
        SELECT 1 FROM carried_profits c WHERE c.portfolio_id = of_portfolio);
    carrying jsonb := '{}';  -- what each open trade carries, by its key
    marked bigint[] := '{}';
    opens numeric[] := '{}';
    befores numeric[] := '{}';
    afters numeric[];
    amount numeric;
    nav numeric;
    available numeric;
    rest numeric;
    value numeric;
    released numeric;
    open_after numeric;
    units_before numeric;
    is_lost boolean;
    is_paid boolean;
BEGIN
    IF carries THEN
        SELECT coalesce(jsonb_object_agg(s.trade_id, s.carried), '{}') INTO carrying
        FROM (
            SELECT c.trade_id, sum(c.change) AS carried
            FROM carried_profits c
            LEFT JOIN cash_flows f ON f.cash_flow_id = c.cash_flow_id
            LEFT JOIN trades x ON x.trade_id = c.closed_trade_id
            WHERE c.portfolio_id = of_portfolio
              AND coalesce(f.flowed_at, x.exit_time) < from_at
            GROUP BY c.trade_id HAVING sum(c.change) <> 0
        ) s;
    END IF;
    equity := start_equity;
    units := start_units;
    unit_value := start_unit_value;
    unit_run := start_run;
    realized_pnl := start_realized;
    peak_unit_value := start_peak;
    carried := start_carried;
    redeemed_value := start_redeemed;
    FOR step IN EXECUTE CASE WHEN carries THEN $query$
        WITH carrying AS (
            SELECT DISTINCT trade_id FROM carried_profits WHERE portfolio_id = $1
        ), entries AS ({carrying_entries}), running AS (
            SELECT *, $4 + sum(amount) OVER along AS equity_after,
                   $7 OR is_flow OR root_id IS NOT NULL AS breaks
            FROM entries
            WINDOW along AS (
                ORDER BY effective_at, entry_id ROWS UNBOUNDED PRECEDING
            )
        ), stretched AS (
            SELECT *, count(*) FILTER (WHERE breaks) OVER (
                       ORDER BY effective_at, entry_id ROWS UNBOUNDED PRECEDING
                   ) AS stretch,
                   width_bucket(effective_at, (SELECT $5)) AS days_on
            FROM running
        )
        SELECT stretch, days_on, max(effective_at) AS last_at, count(*) AS entries,
               bool_or(breaks) AS breaks, bool_or(is_flow) AS is_flow,
               max(amount) FILTER (WHERE breaks) AS first_amount,
               max(effective_at) FILTER (WHERE breaks) AS first_at,
               max(entry_id) FILTER (WHERE breaks) AS first_key,
               max(cash_flow_id) AS cash_flow_id,
               max(trade_id) FILTER (WHERE breaks) AS trade_id, max(root_id) AS root_id,
               max(quantity) FILTER (WHERE breaks) AS quantity,
               sum(amount) FILTER (WHERE NOT breaks) AS rest,
               max(equity_after) FILTER (WHERE NOT breaks) AS rest_high,
               min(equity_after) FILTER (WHERE NOT breaks) AS lowest
        FROM stretched GROUP BY stretch, days_on ORDER BY stretch, days_on
        $query$ WHEN in_steps THEN $query$
        WITH running AS (
            SELECT effective_at, entry_id, amount, is_flow, cash_flow_id,
                   $4 + sum(amount) OVER along AS equity_after
            FROM ({entries}) entries
            WINDOW along AS (
                ORDER BY effective_at, entry_id ROWS UNBOUNDED PRECEDING
            )
        ), broken AS (
            SELECT effective_at, entry_id, amount, is_flow, cash_flow_id, equity_after,
                   $6 OR is_flow OR equity_after <= 0
                       OR equity_after <= amount AS breaks
            FROM running
        ), stretched AS (
            SELECT effective_at, amount, is_flow, cash_flow_id, equity_after, breaks,
                   count(*) FILTER (WHERE breaks) OVER (
                       ORDER BY effective_at, entry_id ROWS UNBOUNDED PRECEDING
                   ) AS stretch,
                   width_bucket(effective_at, (SELECT $5)) AS days_on
            FROM broken
        )
        SELECT stretch, days_on, max(effective_at) AS last_at, count(*) AS entries,
               bool_or(breaks) AS breaks, bool_or(breaks AND is_flow) AS is_flow,
               max(amount) FILTER (WHERE breaks) AS first_amount,
               NULL::timestamptz AS first_at, NULL::bigint AS first_key,
               max(cash_flow_id) AS cash_flow_id, NULL::bigint AS trade_id,
               NULL::bigint AS root_id, NULL::numeric AS quantity,
               sum(amount) FILTER (WHERE NOT breaks) AS rest,
               max(equity_after) FILTER (WHERE NOT breaks) AS rest_high, 1::numeric AS lowest
        FROM stretched GROUP BY stretch, days_on ORDER BY stretch, days_on
        $query$ ELSE $query$
        WITH running AS (
            SELECT effective_at, amount, is_flow, cash_flow_id,
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
               NULL::timestamptz AS first_at, NULL::bigint AS first_key,
               max(cash_flow_id) AS cash_flow_id, NULL::bigint AS trade_id,
               NULL::bigint AS root_id, NULL::numeric AS quantity,
               sum(amount) FILTER (WHERE NOT is_flow) AS rest,
               max(equity_after) FILTER (WHERE NOT is_flow) AS rest_high,
               min(equity_after) AS lowest
        FROM running GROUP BY 1, 2 ORDER BY 1, 2
        $query$ END
        USING of_portfolio, from_at, until_at, start_equity, midnights, each_entry,
              in_steps
    LOOP
        IF NOT carries AND step.lowest <= 0 THEN
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
            events := '[]';
        END IF;
        last_entry_at := step.last_at;
        entries := entries + step.entries;
        amount := step.first_amount;
        IF step.is_flow THEN
            nav := equity + carried;
            IF carries THEN
                SELECT coalesce(array_agg(m.trade_id ORDER BY m.trade_id), '{}'),
                       coalesce(array_agg(m.open_pnl ORDER BY m.trade_id), '{}'),
                       coalesce(array_agg(m.carried ORDER BY m.trade_id), '{}'),
                       nav + coalesce(sum(m.open_pnl - m.carried), 0)
                INTO marked, opens, befores, nav
                FROM (
                    SELECT c.trade_id, CASE WHEN q.quantity < c.quantity
                               THEN divide_half_even(
                                   c.open_pnl * q.quantity * 0.0000000001, c.quantity
                               ) * 10000000000
                               ELSE c.open_pnl END AS open_pnl,
                           coalesce((carrying ->> c.trade_id::text)::numeric, 0)
                               AS carried
                    FROM carried_profits c CROSS JOIN LATERAL open_quantity(
                        c.trade_id, step.first_at, step.first_key) AS q(quantity)
                    WHERE c.cash_flow_id = step.cash_flow_id AND q.quantity > 0
                ) m;
            END IF;
            available := least(equity, nav);
            rest := nav + amount;
            is_lost := unit_value = 0 OR nav < 0 OR (nav = 0 AND units > 0);
            is_paid := units = 0 OR rest = 0 OR is_lost;
            units_before := units;
            afters := befores;
            IF amount < 0 AND -amount > available THEN
                IF strict THEN
                    RAISE EXCEPTION 'A withdrawal of % at % is above the % of %.',
                        trim_scale(-amount), step.last_at,
                        CASE WHEN equity <= nav THEN 'equity' ELSE 'live equity' END,
                        trim_scale(available)
                        USING ERRCODE = 'MT001';
                END IF;
                unit_value := 0;
                redeemed_value := NULL;
            ELSIF is_lost AND (rest <= 0 OR amount < 0) THEN
                unit_value := 0;
                redeemed_value := NULL;
            ELSE
                IF is_lost THEN
                    units := rest;
                    unit_value := 1;
                    peak_unit_value := 1;
                    unit_run := unit_run + 1;
                    redeemed_value := NULL;
                ELSIF units > 0 AND rest = 0 THEN
                    value := divide_half_even(nav, units);
                    redeemed_value := CASE
                        WHEN (carried <> 0 OR nav <> equity) AND value > 0 THEN value END;
                    units := 0;
                ELSIF units = 0 AND rest <> 0 THEN
                    unit_value := coalesce(redeemed_value, unit_value);
                    redeemed_value := NULL;
                    units := divide_half_even(rest, unit_value);
                    peak_unit_value := greatest(peak_unit_value, unit_value);
                ELSIF units > 0 THEN
                    value := unit_value;
                    IF nav <> equity + carried THEN
                        value := divide_half_even(nav, units);
                    END IF;
                    IF value > 0 THEN
                        units := units + divide_half_even(amount, value);
                    END IF;
                    IF value <= 0 OR units <= 0 THEN
                        RAISE EXCEPTION 'So small a rest of equity has no units at %.',
                            step.last_at USING ERRCODE = 'MT002';
                    END IF;
                END IF;
                IF cardinality(marked) > 0 THEN
                    SELECT array_agg(CASE WHEN is_paid THEN m.open_pnl
                               ELSE divide_half_even(
                                   m.was * nav - amount * (m.open_pnl - m.was), nav)
                               END ORDER BY m.trade_id)
                    INTO afters FROM unnest(marked, opens, befores)
                        AS m(trade_id, open_pnl, was);
                    SELECT carried + sum(m.is_now - m.was),
                           carrying || jsonb_object_agg(m.trade_id, m.is_now)
                    INTO carried, carrying
                    FROM unnest(marked, befores, afters) AS m(trade_id, was, is_now);
                END IF;
            END IF;
            equity := equity + amount;
            events := events || jsonb_build_object(
                'flow', step.cash_flow_id, 'units', (units - units_before)::text,
                'trades', to_jsonb(marked), 'changes', (
                    SELECT coalesce(jsonb_agg((m.is_now - m.was)::text
                                              ORDER BY m.trade_id), '[]')
                    FROM unnest(marked, befores, afters) AS m(trade_id, was, is_now)));
        ELSIF step.breaks THEN
            released := coalesce((carrying ->> step.root_id::text)::numeric, 0);
            IF released <> 0 THEN
                open_after := open_quantity(step.root_id, step.first_at, step.first_key);
                IF open_after > 0 THEN
                    value := released;
                    released := divide_half_even(
                        value * step.quantity, open_after + step.quantity);
                    carrying := carrying
                        || jsonb_build_object(step.root_id, value - released);
                ELSE
                    carrying := carrying - step.root_id::text;
                END IF;
                events := events || jsonb_build_object(
                    'close', step.trade_id, 'trade', step.root_id,
                    'change', (-released)::text);
            END IF;
            equity := equity + amount;
            realized_pnl := realized_pnl + amount;
            carried := carried - released;
            value := equity + carried;
            IF unit_value = 0 THEN
                NULL;
            ELSIF value < 0 OR (value = 0 AND amount < released) THEN
                unit_value := 0;
                redeemed_value := NULL;
            ELSIF units > 0 THEN
                unit_value := divide_half_even(value, units);
            ELSIF value > 0 OR carried = 0 THEN
                unit_value := coalesce(redeemed_value, unit_value);
                redeemed_value := NULL;
                units := divide_half_even(value, unit_value);
            END IF;
            peak_unit_value := greatest(peak_unit_value, unit_value);
        END IF;
        IF step.breaks THEN
            high_equity := greatest(high_equity, equity);
            high_unit_value := greatest(high_unit_value, unit_value);
            high_realized_pnl := greatest(high_realized_pnl, realized_pnl);
        END IF;
        IF step.rest IS NOT NULL THEN
            IF carries AND NOT in_steps
               AND (step.lowest + carried <= 0 OR units = 0 OR unit_value = 0) THEN
                day := NULL;
                RETURN NEXT;
                RETURN;
            END IF;
            high_realized_pnl := greatest(
                high_realized_pnl, realized_pnl + step.rest_high - equity);
            equity := equity + step.rest;
            realized_pnl := realized_pnl + step.rest;
            high_equity := greatest(high_equity, step.rest_high);
            IF unit_value > 0 AND units > 0 THEN
                high_value := divide_half_even(step.rest_high + carried, units);
                unit_value := divide_half_even(equity + carried, units);
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
    dependencies = [
        ("goals", "0007_probability_band"),
        ("trades", "0010_growths_of_parts"),
    ]

    operations = [
        migrations.CreateModel(
            name="CarriedProfit",
            fields=[
                (
                    "carried_profit_id",
                    models.BigAutoField(primary_key=True, serialize=False),
                ),
                ("trade_id", models.BigIntegerField()),
                ("closed_trade_id", models.BigIntegerField(null=True)),
                (
                    "quantity",
                    models.DecimalField(decimal_places=12, max_digits=32, null=True),
                ),
                (
                    "open_pnl",
                    models.DecimalField(decimal_places=8, max_digits=24, null=True),
                ),
                (
                    "change",
                    models.DecimalField(
                        db_default=Decimal("0"),
                        decimal_places=18,
                        default=Decimal("0"),
                        max_digits=38,
                    ),
                ),
            ],
            options={
                "db_table": "carried_profits",
            },
        ),
        migrations.AddField(
            model_name="cashflow",
            name="marks_unknown",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="cashflow",
            name="units",
            field=models.DecimalField(
                db_default=Decimal("0"),
                decimal_places=18,
                default=Decimal("0"),
                editable=False,
                max_digits=56,
            ),
        ),
        migrations.AddField(
            model_name="ledgerday",
            name="carried",
            field=models.DecimalField(
                db_default=Decimal("0"),
                decimal_places=18,
                default=Decimal("0"),
                max_digits=38,
            ),
        ),
        migrations.AddField(
            model_name="ledgerday",
            name="redeemed_value",
            field=models.DecimalField(decimal_places=18, max_digits=38, null=True),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="carried",
            field=models.DecimalField(
                db_default=Decimal("0"),
                decimal_places=18,
                default=Decimal("0"),
                editable=False,
                max_digits=38,
            ),
        ),
        migrations.AddField(
            model_name="portfolio",
            name="redeemed_value",
            field=models.DecimalField(
                decimal_places=18, editable=False, max_digits=38, null=True
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolio",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("redeemed_value__isnull", True),
                    models.Q(("units", 0), ("redeemed_value__gt", 0)),
                    _connector="OR",
                ),
                name="portfolios_redeemed_value",
            ),
        ),
        migrations.AddField(
            model_name="carriedprofit",
            name="cash_flow",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="carried_profits",
                to="goals.cashflow",
            ),
        ),
        migrations.AddField(
            model_name="carriedprofit",
            name="portfolio",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="carried_profits",
                to="goals.portfolio",
            ),
        ),
        migrations.AddIndex(
            model_name="carriedprofit",
            index=models.Index(
                fields=["portfolio"], name="carried_profits_by_portfolio"
            ),
        ),
        migrations.AddIndex(
            model_name="carriedprofit",
            index=models.Index(fields=["trade_id"], name="carried_profits_by_trade"),
        ),
        migrations.AddConstraint(
            model_name="carriedprofit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("cash_flow__isnull", False),
                        ("closed_trade_id__isnull", True),
                        ("quantity__isnull", False),
                        ("quantity__gt", 0),
                        ("open_pnl__isnull", False),
                    ),
                    models.Q(
                        ("cash_flow__isnull", True),
                        ("closed_trade_id__isnull", False),
                        ("quantity__isnull", True),
                        ("open_pnl__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="carried_profits_one_cause",
            ),
        ),
        migrations.AddConstraint(
            model_name="carriedprofit",
            constraint=models.UniqueConstraint(
                fields=("cash_flow", "trade_id"), name="carried_profits_of_flow"
            ),
        ),
        migrations.AddConstraint(
            model_name="carriedprofit",
            constraint=models.UniqueConstraint(
                fields=("closed_trade_id",), name="carried_profits_of_close"
            ),
        ),
        foreign_key(
            "carried_profits",
            "portfolio",
            "portfolio_id",
            "portfolios (portfolio_id)",
            on_delete="CASCADE",
        ),
        foreign_key(
            "carried_profits",
            "cash_flow",
            "cash_flow_id",
            "cash_flows (cash_flow_id)",
            on_delete="CASCADE",
        ),
        migrations.RunSQL(
            OPEN_QUANTITY, "DROP FUNCTION open_quantity(bigint, timestamptz, bigint)"
        ),
        migrations.RunSQL("DROP FUNCTION walk_ledger", WALK_BEFORE),
        migrations.RunSQL(
            WALK_LEDGER.replace("{carrying_entries}", CARRYING_ENTRIES).replace(
                "{entries}", ENTRIES
            ),
            "DROP FUNCTION walk_ledger",
        ),
    ]
