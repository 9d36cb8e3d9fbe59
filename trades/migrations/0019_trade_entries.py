"""Trades as the limits of a portfolio count them."""

from django.db import migrations, models

TRADE_ENTRIES = """
CREATE VIEW trade_entries AS
SELECT t.trade_id, t.portfolio_id, t.status, t.entry_time AS entered_at,
       t.exit_time AS ended_at,
       (t.profit_loss + coalesce((
           SELECT sum(p.profit_loss) FROM trades p
           WHERE p.parent_trade_id = t.trade_id AND p.status = 'closed'
       ), 0))::numeric(24, 8) AS profit_loss
FROM trades t WHERE t.parent_trade_id IS NULL AND t.status <> 'void'
"""


# What open trades have made at their last marks.
OPEN_PROFITS = """
CREATE VIEW open_profits AS
SELECT o.portfolio_id, o.trade_id, open_pnl(t, o.current_price)::numeric(24, 8) AS open_pnl
FROM positions o JOIN trades t USING (trade_id)
WHERE o.status = 'open' AND o.marked_at IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [
        ("trades", "0018_webhooks_of_tokens"),
        ("goals", "0015_limits_as_floors"),
    ]

    operations = [
        migrations.AddIndex(
            "trade",
            models.Index(
                fields=["portfolio", "-entry_time"],
                condition=models.Q(parent_trade__isnull=True),
                name="trades_entered",
            ),
        ),
        migrations.RunSQL(TRADE_ENTRIES, "DROP VIEW trade_entries"),
        migrations.RunSQL(OPEN_PROFITS, "DROP VIEW open_profits"),
    ]
