"""The logs of a goal: how far it was, and what was decided. Never edited."""

from django.db import models
from django.db.models import Q

from goals.decisions.policies import HIGHEST_FACTOR, PolicyName
from goals.enums import HistoryKind, ProgressBand, Verdict
from goals.models.goals import FinancialGoal
from goals.models.portfolios import Portfolio
from mastertrade.db import model_fields as columns
from mastertrade.db.model_fields import above, at_least, at_most, check, check_words


class GoalProgressHistory(models.Model):
    """How far a goal was, ordered by when it took effect, then by key.

    `recorded_at` is when it was learned, `snapshot_date` the local date of
    `effective_at` in the portfolio's time zone.
    """

    history_id = models.BigAutoField(primary_key=True)
    goal = models.ForeignKey(
        FinancialGoal,
        models.CASCADE,
        related_name="history",
        db_constraint=False,
        db_index=False,
    )
    kind = models.CharField(max_length=10, choices=columns.choices(HistoryKind))
    snapshot_date = models.DateField()
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    current_value = columns.money()
    target_value = columns.money()
    progress_pct = columns.percent()
    # Why the past was restated, in words; empty otherwise.
    note = models.TextField(default="", db_default="", blank=True)

    class Meta:
        db_table = "goal_progress_history"
        verbose_name_plural = "goal progress history"
        constraints = (check_words("goal_progress_history_kind", "kind", HistoryKind),)
        indexes = (
            models.Index(
                fields=["goal", "effective_at", "history_id"],
                name="goal_progress_history_by_time",
            ),
        )

    def __str__(self) -> str:
        return f"{self.progress_pct} % at {self.effective_at:%Y-%m-%d %H:%M}"


class GoalAdjustmentLog(models.Model):
    """One sizing decision, with everything needed to replay it.

    `inputs` holds what the decision looked at, `answer` what the caller was answered.
    `goal` is the one that decided. The strategy is kept by its name: strategies live
    a floor above, and a log outlives what it speaks of.
    """

    adjustment_id = models.BigAutoField(primary_key=True)
    goal = models.ForeignKey(
        FinancialGoal,
        models.CASCADE,
        related_name="adjustments",
        db_constraint=False,
        db_index=False,
    )
    portfolio = models.ForeignKey(
        Portfolio, models.PROTECT, related_name="adjustments", db_index=False
    )
    adjustment_factor = columns.factor()
    base_size = columns.money()
    adjusted_size = columns.money()
    progress_pct = columns.percent()
    portfolio_value = columns.money()
    reason = models.TextField()
    verdict = models.CharField(max_length=10, choices=columns.choices(Verdict))
    band = models.CharField(max_length=15, choices=columns.choices(ProgressBand))
    policy = models.CharField(max_length=20, choices=columns.choices(PolicyName))
    policy_version = models.CharField(max_length=50)
    policy_factor = columns.factor()
    strategy_id = models.CharField(max_length=100, null=True)  # noqa: DJ001
    symbol = models.CharField(max_length=50, null=True)  # noqa: DJ001
    guards = models.JSONField()
    inputs = models.JSONField()
    answer = models.JSONField()
    as_of = models.DateTimeField()
    request_id = models.CharField(max_length=200, null=True)  # noqa: DJ001
    request_fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "goal_adjustment_log"
        verbose_name = "goal adjustment"
        verbose_name_plural = "goal adjustments"
        constraints = (
            check_words("goal_adjustment_log_verdict", "verdict", Verdict),
            check_words("goal_adjustment_log_band", "band", ProgressBand),
            check_words("goal_adjustment_log_policy", "policy", PolicyName),
            check("goal_adjustment_log_base_size_positive", above("base_size", 0)),
            check(
                "goal_adjustment_log_factor_range",
                at_least("adjustment_factor", 0)
                & at_most("adjustment_factor", HIGHEST_FACTOR),
            ),
            check(
                "goal_adjustment_log_size_not_negative", at_least("adjusted_size", 0)
            ),
            check(
                "goal_adjustment_log_block_is_zero",
                Q(verdict=Verdict.BLOCK, adjusted_size=0)
                | (~Q(verdict=Verdict.BLOCK) & above("adjusted_size", 0)),
            ),
            check("goal_adjustment_log_request_id_not_empty", ~Q(request_id="")),
            models.UniqueConstraint(
                fields=["portfolio", "request_id"],
                condition=Q(request_id__isnull=False),
                name="goal_adjustment_log_request_id_unique",
            ),
        )
        indexes = (
            models.Index(
                fields=["goal", "-adjustment_id"], name="goal_adjustment_log_by_goal"
            ),
        )

    def __str__(self) -> str:
        return f"decision {self.pk}: factor {self.adjustment_factor}"

    @property
    def warnings(self) -> list[dict[str, str]]:
        """`code` and `message` of each; none in rows older than warnings are."""
        found: list[dict[str, str]] = self.answer.get("warnings", [])
        return found

    @property
    def asked(self) -> dict[str, str]:
        """What was sent about the size: its base, prices, stop and bounds."""
        request = self.inputs["request"]
        return {name: sent for name, sent in request.items() if sent is not None}
