"""Forecasts of goals that are kept, to be answered at once."""

import django.db.models.deletion
import django.db.models.lookups
from django.db import migrations, models

from mastertrade.foreign_keys import foreign_key


class Migration(migrations.Migration):
    dependencies = [
        ("goals", "0033_projected_figures"),
    ]

    operations = [
        migrations.CreateModel(
            name="GoalForecast",
            fields=[
                ("forecast_id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("projection", "projection"),
                            ("frontier", "frontier"),
                        ],
                        max_length=10,
                    ),
                ),
                ("version", models.CharField(max_length=10)),
                ("answer", models.JSONField()),
                ("as_of", models.DateTimeField()),
                ("figures_at", models.DateTimeField()),
                ("asked_at", models.DateTimeField()),
                (
                    "goal",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="forecasts",
                        to="goals.financialgoal",
                    ),
                ),
            ],
            options={
                "db_table": "goal_forecasts",
                "indexes": [
                    models.Index(fields=["asked_at"], name="goal_forecasts_by_asked")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("goal", "kind"), name="goal_forecasts_kind_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["projection", "frontier"])),
                        name="goal_forecasts_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("version", ""), _negated=True),
                        name="goal_forecasts_version_set",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.Exact(
                                models.Func(
                                    models.F("answer"),
                                    function="jsonb_typeof",
                                    output_field=models.TextField(),
                                ),
                                models.Value("object"),
                            )
                        ),
                        name="goal_forecasts_answer_object",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("figures_at__lte", models.F("as_of"))),
                        name="goal_forecasts_figures_known",
                    ),
                ],
            },
        ),
        foreign_key(
            "goal_forecasts",
            "goal",
            "goal_id",
            "financial_goals (goal_id)",
            on_delete="CASCADE",
        ),
    ]
