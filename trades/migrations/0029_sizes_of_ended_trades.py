"""Growths come with what each trade was sized against: nothing is looked up again."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("trades.migrations.0028_growths_by_lookup").PORTFOLIO_GROWTHS
DROP = "DROP FUNCTION portfolio_growths(bigint, timestamptz, bigint, timestamptz, numeric);"
# As in 0028, with what was entered in all and what the decision answered, both NULL
# without one, and whether the trade was opened during a halt.
PORTFOLIO_GROWTHS = BEFORE
for old, new in (
    (
        "equity numeric, is_last boolean\n",
        "equity numeric, is_last boolean,\n"
        "    entered numeric, advised numeric, is_overridden boolean\n",
    ),
    (
        "coalesce(entry_notional, quantity * entry_price) * fx_rate AS notional\n",
        "coalesce(entry_notional, quantity * entry_price) * fx_rate AS notional,\n"
        "                override_halt_id\n",
    ),
    (
        "                NULL, NULL, NULL, NULL, NULL\n         FROM cash_flows",
        "                NULL, NULL, NULL, NULL, NULL, NULL\n         FROM cash_flows",
    ),
    (
        "ELSE root.adjustment_id END AS adjustment_id,\n",
        "ELSE root.adjustment_id END AS adjustment_id,\n"
        "               CASE WHEN root.trade_id IS NULL THEN r.override_halt_id\n"
        "                   ELSE root.override_halt_id END AS override_halt_id,\n",
    ),
    (
        "           e.value_after, e.is_last\n",
        "           e.value_after, e.is_last,\n"
        "           CASE WHEN d.adjustment_id IS NOT NULL THEN e.notional END,\n"
        "           d.adjusted_size, e.override_halt_id IS NOT NULL\n",
    ),
):
    if PORTFOLIO_GROWTHS.count(old) != 1:
        raise AssertionError(f"the function of 0028 does not say {old!r} once")
    PORTFOLIO_GROWTHS = PORTFOLIO_GROWTHS.replace(old, new)


class Migration(migrations.Migration):
    dependencies = [("trades", "0028_growths_by_lookup")]

    operations = [
        migrations.RunSQL(DROP + PORTFOLIO_GROWTHS, DROP + BEFORE),
    ]
