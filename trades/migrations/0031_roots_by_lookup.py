"""A part's root is looked up, whatever the planner knows.

Where statistics made the parts seem many, all trades of all users were read and hashed
for their roots: two thirds of the time of a walk over 20,000 trades.
"""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("trades.migrations.0029_sizes_of_ended_trades").PORTFOLIO_GROWTHS
JOINED = "LEFT JOIN trades root ON root.trade_id = r.parent_trade_id\n"
LOOKED_UP = """LEFT JOIN LATERAL (
            SELECT * FROM trades t WHERE t.trade_id = r.parent_trade_id OFFSET 0
        ) root ON true
"""
if BEFORE.count(JOINED) != 1:
    raise AssertionError(f"the function of 0029 does not say {JOINED!r} once")


class Migration(migrations.Migration):
    dependencies = [("trades", "0030_trades_by_entry")]

    operations = [migrations.RunSQL(BEFORE.replace(JOINED, LOOKED_UP), BEFORE)]
