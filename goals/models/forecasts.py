"""Kept forecasts of goals: a cache. Every row can be deleted and is made again."""

from django.db import models
from django.db.models import Q

from goals.enums import ForecastKind
from goals.models.goals import FinancialGoal
from mastertrade.db import model_fields as columns
from mastertrade.db.model_fields import at_most, check, check_words, is_object


class GoalForecast(models.Model):
    """What was answered about a goal as of `as_of`, of the figures of `figures_at`.

    `answer` is plain JSON, read by its `version`. `asked_at` is when somebody last
    asked, to a minute: what nobody asks for is not made anew.
    """

    forecast_id = models.BigAutoField(primary_key=True)
    goal = models.ForeignKey(
        FinancialGoal,
        models.CASCADE,
        related_name="forecasts",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,
    )
    kind = models.CharField(max_length=10, choices=columns.choices(ForecastKind))
    version = models.CharField(max_length=10)
    answer = models.JSONField()
    as_of = models.DateTimeField()
    figures_at = models.DateTimeField()
    asked_at = models.DateTimeField()

    class Meta:
        db_table = "goal_forecasts"
        constraints = (
            models.UniqueConstraint(
                fields=["goal", "kind"], name="goal_forecasts_kind_unique"
            ),
            check_words("goal_forecasts_kind", "kind", ForecastKind),
            check("goal_forecasts_version_set", ~Q(version="")),
            check("goal_forecasts_answer_object", is_object("answer")),
            check("goal_forecasts_figures_known", at_most("figures_at", "as_of")),
        )
        indexes = (models.Index(fields=["asked_at"], name="goal_forecasts_by_asked"),)

    def __str__(self) -> str:
        return f"{self.kind} of goal {self.goal_id}"
