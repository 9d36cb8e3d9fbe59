"""One index answers the list of trades, its totals, and the count of a day's entries."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trades", "0029_sizes_of_ended_trades")]

    operations = [
        migrations.RemoveIndex("trade", "trades_entered"),
        migrations.AddIndex(
            "trade",
            models.Index(
                fields=["portfolio", "-entry_time", "-trade_id"],
                include=["status", "profit_loss", "parent_trade"],
                name="trades_by_entry",
            ),
        ),
    ]
