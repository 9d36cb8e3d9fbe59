"""The foreign keys of the goals' tables, with what a delete does to each."""

from django.db import migrations

from mastertrade.foreign_keys import foreign_key

USERS = "users (username)"
OWNER = ("portfolio_id, user_id", "portfolios (portfolio_id, user_id)")
GOAL = "financial_goals (goal_id)"


class Migration(migrations.Migration):
    dependencies = [("goals", "0001_initial")]

    operations = [
        foreign_key("portfolios", "user", "user_id", USERS),
        foreign_key("financial_goals", "user", "user_id", USERS),
        foreign_key("financial_goals", "portfolio", *OWNER),
        foreign_key(
            "financial_goals",
            "previous_goal",
            "previous_goal_id",
            GOAL,
            on_delete="SET NULL",
        ),
        foreign_key(
            "goal_progress_history", "goal", "goal_id", GOAL, on_delete="CASCADE"
        ),
        foreign_key(
            "goal_adjustment_log", "goal", "goal_id", GOAL, on_delete="CASCADE"
        ),
        foreign_key(
            "ledger_entries",
            "cash_flow",
            "cash_flow_id",
            "cash_flows (cash_flow_id)",
            on_delete="CASCADE",
        ),
    ]
