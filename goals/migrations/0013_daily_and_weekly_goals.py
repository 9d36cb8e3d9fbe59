"""Goals by day and by week. Back only where no such goal exists: the CHECK refuses."""

from django.db import migrations, models

GOAL_TYPES = [
    "daily_return",
    "weekly_return",
    "monthly_return",
    "quarterly_return",
    "yearly_return",
    "daily_income",
    "weekly_income",
    "monthly_income",
    "quarterly_income",
    "yearly_income",
    "portfolio_value",
]


class Migration(migrations.Migration):
    dependencies = [("goals", "0012_finished_portfolios")]

    operations = [
        migrations.RemoveConstraint("financialgoal", "financial_goals_goal_type"),
        migrations.AlterField(
            "financialgoal",
            "goal_type",
            models.CharField(
                choices=[(name, name.replace("_", " ")) for name in GOAL_TYPES],
                max_length=20,
            ),
        ),
        migrations.AddConstraint(
            "financialgoal",
            models.CheckConstraint(
                condition=models.Q(goal_type__in=GOAL_TYPES),
                name="financial_goals_goal_type",
            ),
        ),
    ]
