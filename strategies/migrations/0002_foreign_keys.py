"""The foreign keys of the strategies' tables, with what a delete does to each."""

from django.db import migrations

from mastertrade.foreign_keys import foreign_key


class Migration(migrations.Migration):
    dependencies = [("strategies", "0001_initial"), ("goals", "0002_foreign_keys")]

    operations = [
        foreign_key("strategy_instances", "user", "user_id", "users (username)"),
        foreign_key(
            "strategy_selection_log",
            "goal",
            "goal_id",
            "financial_goals (goal_id)",
            on_delete="CASCADE",
        ),
    ]
