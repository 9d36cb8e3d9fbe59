"""The foreign keys of the trades' tables, with what a delete does to each."""

from django.db import migrations

from mastertrade.foreign_keys import foreign_key

USERS = "users (username)"
OWNER = ("portfolio_id, user_id", "portfolios (portfolio_id, user_id)")
TRADE = "trades (trade_id)"


class Migration(migrations.Migration):
    dependencies = [
        ("trades", "0001_initial"),
        ("strategies", "0002_foreign_keys"),
        ("goals", "0002_foreign_keys"),
    ]

    operations = [
        foreign_key("trades", "user", "user_id", USERS),
        foreign_key("trades", "portfolio", *OWNER),
        # Only the strategy is forgotten with it, never whose trade it was.
        foreign_key(
            "trades",
            "strategy",
            "user_id, strategy_id",
            "strategy_instances (user_id, strategy_id)",
            on_delete="SET NULL (strategy_id)",
        ),
        foreign_key(
            "trades",
            "adjustment",
            "adjustment_id",
            "goal_adjustment_log (adjustment_id)",
            on_delete="SET NULL",
        ),
        foreign_key("positions", "trade", "trade_id", TRADE, on_delete="CASCADE"),
        foreign_key("positions", "user", "user_id", USERS),
        foreign_key("positions", "portfolio", *OWNER),
        foreign_key("ledger_entries", "trade", "trade_id", TRADE, on_delete="CASCADE"),
    ]
