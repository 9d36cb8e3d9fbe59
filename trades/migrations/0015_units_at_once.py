"""Growths of parts look units up in a list made once, not by summing flows anew."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("trades.migrations.0011_open_trades_at_cash_flows")
DROP_BEFORE = "DROP FUNCTION unit_ratio(bigint, timestamptz, bigint, timestamptz, bigint, boolean)"
# A place in the ledger as one number, so that a list of places is searched by halves.
LEDGER_PLACE = """
CREATE FUNCTION ledger_place(at timestamptz, key bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT extract(epoch FROM at) * 1000000 * 9223372036854775808 + key
$$
"""
# Units at a place in the ledger by those at an earlier place: 1 unless cash flowed.
# `flows` are the places of all flows in order, `units` what there was behind each, with
# the opening balance first.
UNIT_RATIO = """
CREATE FUNCTION unit_ratio(
    flows numeric[], units numeric[], from_at timestamptz, from_key bigint,
    to_at timestamptz, to_key bigint
) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    first integer;
    last integer;
BEGIN
    IF flows IS NULL THEN
        RETURN 1;
    END IF;
    first := 1 + width_bucket(ledger_place(from_at, from_key), flows);
    last := 1 + width_bucket(ledger_place(to_at, to_key), flows);
    IF first = last OR units[first] <= 0 THEN
        RETURN 1;
    END IF;
    RETURN units[last] * 1.000000000000000000000000000000000000 / units[first];
END $$
"""
PORTFOLIO_GROWTHS = (
    BEFORE.PORTFOLIO_GROWTHS.replace(
        "SET jit = off AS $$\nBEGIN\n",
        """SET jit = off AS $$
DECLARE
    flow_places numeric[];
    units_behind numeric[];
BEGIN
    SELECT array_agg(f.place ORDER BY f.place),
           array_agg(f.units_after ORDER BY f.place)
    INTO flow_places, units_behind
    FROM (
        SELECT ledger_place(c.flowed_at, c.ledger_key) AS place,
               p.opening_balance + sum(c.units) OVER (
                   ORDER BY c.flowed_at, c.ledger_key ROWS UNBOUNDED PRECEDING
               ) AS units_after
        FROM cash_flows c JOIN portfolios p USING (portfolio_id)
        WHERE c.portfolio_id = of_portfolio AND c.voided_at IS NULL
    ) f;
    SELECT array_prepend(p.opening_balance, units_behind) INTO units_behind
    FROM portfolios p WHERE p.portfolio_id = of_portfolio;
""",
    )
    .replace(
        """unit_ratio(
                   $1, root.exit_time, root.ledger_key, t.exit_time, t.ledger_key, $6
               )""",
        """unit_ratio(
                   $6, $7, root.exit_time, root.ledger_key, t.exit_time, t.ledger_key
               )""",
    )
    .replace(
        "$1, p.exit_time, p.ledger_key, t.exit_time, t.ledger_key, $6)",
        "$6, $7, p.exit_time, p.ledger_key, t.exit_time, t.ledger_key)",
    )
    .replace(
        """start_equity, EXISTS (
        SELECT 1 FROM cash_flows f
        WHERE f.portfolio_id = of_portfolio AND f.voided_at IS NULL);""",
        "start_equity, flow_places, units_behind;",
    )
)


class Migration(migrations.Migration):
    dependencies = [("trades", "0014_funding_fills")]

    operations = [
        migrations.RunSQL(LEDGER_PLACE, "DROP FUNCTION ledger_place"),
        migrations.RunSQL(DROP_BEFORE, BEFORE.UNIT_RATIO),
        migrations.RunSQL(UNIT_RATIO, "DROP FUNCTION unit_ratio"),
        migrations.RunSQL(PORTFOLIO_GROWTHS, BEFORE.PORTFOLIO_GROWTHS),
    ]
