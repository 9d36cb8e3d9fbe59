"""Changes of the ledger know their portfolio, so that a list of them reads its own."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

from mastertrade.foreign_keys import foreign_key

FILL = """
UPDATE ledger_changes c SET portfolio_id = t.portfolio_id
FROM trades t WHERE t.trade_id = c.trade_id;
UPDATE ledger_changes c SET portfolio_id = f.portfolio_id
FROM cash_flows f WHERE f.cash_flow_id = c.cash_flow_id
"""
LOG_BEFORE = import_module(
    "trades.migrations.0011_open_trades_at_cash_flows"
).LOG_CHANGE
LOG_CHANGE = LOG_BEFORE.replace(
    "(trade_id, cash", "(portfolio_id, trade_id, cash"
).replace("VALUES (", "VALUES (NEW.portfolio_id,")


def portfolio(**options: bool) -> models.ForeignKey:
    return models.ForeignKey(
        "goals.portfolio",
        db_constraint=False,
        db_index=False,
        on_delete=django.db.models.deletion.CASCADE,
        related_name="ledger_changes",
        **options,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0013_daily_and_weekly_goals"),
        ("trades", "0017_records_in_blocks"),
    ]

    operations = [
        migrations.AddField("ledgerchange", "portfolio", portfolio(null=True)),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField("ledgerchange", "portfolio", portfolio()),
        foreign_key(
            "ledger_changes",
            "portfolio",
            "portfolio_id",
            "portfolios (portfolio_id)",
            on_delete="CASCADE",
        ),
        migrations.AddIndex(
            "ledgerchange",
            models.Index(
                fields=["portfolio", "change_id"], name="ledger_changes_by_portfolio"
            ),
        ),
        migrations.RunSQL(LOG_CHANGE, LOG_BEFORE),
    ]
